"""`backup`: a consistent copy of a queue at work (F28)."""

import json
import os
import shutil
import sqlite3
import stat
import subprocess

import pytest

from harness import eventually, routes_to, sample
from ledger import Ledger, under_load


def copied(relay, file, *arguments, check=0):
    return relay.command("backup", str(file), "--state", str(relay.state), *arguments, check=check)


@pytest.mark.release
def test_a_copy_made_under_load_restores_all_that_was_acknowledged_before(make_relay, make_sink, tmp_path):
    sink = make_sink(lambda request: 503)
    relay = make_relay(routes_to({"crm": sink}), arguments=["--log-level", "error"]).start()
    ledger = Ledger()
    with under_load(relay, ledger):
        eventually(lambda: len(ledger.acknowledged) >= 300, what="some events")
        before = set(ledger.acknowledged)
        copied(relay, tmp_path / "copy.sqlite")
    assert len(ledger.acknowledged) > len(before), "the load went on"
    relay.stop()

    sink.answer = lambda request: 200
    sink.requests.clear()
    restored = make_relay(routes_to({"crm": sink}))
    restored.state.mkdir(mode=0o700)
    shutil.copy(tmp_path / "copy.sqlite", restored.state / "queue.sqlite")
    restored.start()
    restored.settled(60)
    assert before <= set(sink.ids()) <= ledger.sent


def test_the_copy_is_one_file_for_its_owner_and_replaces_nothing_unasked(make_relay, make_sink, tmp_path):
    relay = make_relay(routes_to({"crm": make_sink()})).start()
    assert relay.post(sample("one"))[0] == 200
    relay.stop()
    file = tmp_path / "copy.sqlite"
    assert b"1 events matched" in copied(relay, file).stderr
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.glob("copy*")] == ["copy.sqlite"]
    assert sqlite3.connect(file).execute("SELECT count(*) FROM events").fetchone() == (1,)
    assert b"--force" in copied(relay, file, check=73).stderr
    report = json.loads(copied(relay, file, "--force", "--json").stdout)
    assert report["matched"] == 1 and report["bytes"] == file.stat().st_size
    assert b"the queue itself" in copied(relay, relay.state / "queue.sqlite", "--force", check=73).stderr
    os.mkfifo(tmp_path / "pipe")
    for other in (relay.state / "lock", relay.state / "queue.mark", relay.routes_path, tmp_path / "pipe"):
        before = other.stat().st_ino
        assert f"{other} is no backup".encode() in copied(relay, other, "--force", check=73).stderr
        assert other.stat().st_ino == before
    # The state that was copied is as it was.
    relay.start()
    assert relay.post(sample("one"))[0] == 200 and relay.counts()["duplicates"] == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
def test_a_full_disk_is_named_and_leaves_all_as_it_was(make_relay, make_sink, tmp_path):
    relay = make_relay(routes_to({"crm": make_sink()})).start()
    for number in range(8):
        assert relay.post(sample(number, text="x" * 200_000))[0] == 200
    relay.stop()
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)], check=True)
    try:
        file = disk / "copy.sqlite"
        words = f"gruveo-relay: {file} is not written: its disk is full; "
        assert copied(relay, file, check=74).stderr.decode() == f"{words}the queue is as before\n"
        file.write_bytes(b"SQLite format 3\0, an older copy")
        said = copied(relay, file, "--force", check=74).stderr.decode()
        assert said == f"{words}the queue and the old {file} are as before\n"
        assert [(path.name, path.read_bytes()) for path in disk.iterdir()] == [("copy.sqlite", b"SQLite format 3\0, an older copy")]
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)
    assert copied(relay, tmp_path / "copy.sqlite").returncode == 0


def test_what_is_not_there_or_damaged_is_not_copied(make_relay, make_sink, tmp_path):
    relay = make_relay(routes_to({"crm": make_sink()}))
    copied(relay, tmp_path / "copy.sqlite", check=66)
    relay.start()
    assert relay.post(sample("one"))[0] == 200
    relay.stop()
    with open(relay.state / "queue.sqlite", "r+b") as database:
        database.seek(4096)
        database.write(os.urandom(8192))
    copied(relay, tmp_path / "copy.sqlite", check=65)
    assert not (tmp_path / "copy.sqlite").exists()
