"""Damaged files of the queue (F12): nothing is lost without a word, and repair brings back what can be read."""

import contextlib
import json
import os
import random
import re
import shutil
import sqlite3
import subprocess
import time

import pytest

from harness import (BINARY, Relay, SignalAtCall, Sink, event_id, eventually, every, injecting, routes_to,
                     sample)

FILES = ("queue.sqlite", "queue.sqlite-wal", "queue.sqlite-shm", "queue.mark")
# What tells a person that something is wrong: at the start, by the check after it, or at the reading of an event.
WORDS = re.compile(r"the database is damaged|stored bytes have changed|mark was missing|store could not read")


@pytest.fixture(scope="module")
def crashed(tmp_path_factory):
    """A state directory as a killed relay leaves it, part of it in the WAL, and the ids that it had acknowledged."""
    yield from filled(tmp_path_factory.mktemp("crashed"), (60, Relay.stop), (40, Relay.kill))


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """The same after a stop in order: all is in the database itself."""
    yield from filled(tmp_path_factory.mktemp("stopped"), (100, Relay.stop))


def filled(directory, *lives):
    """So many events that wait, a relay after the other, each with its end."""
    sink = Sink(lambda request: 503)
    relay = Relay(routes_to({"crm": sink}, crm=every(1, 100)), directory=directory)
    ids = set()
    for round_, (count, end) in enumerate(lives):
        relay.start()
        for number in range(count):
            body = sample(f"{round_}-{number}", filler="x" * (6000 if number % 20 == 0 else 300))
            assert relay.post(body)[0] == 200
            ids.add(event_id(body))
        eventually(lambda: f"highest {len(ids):020}" in (relay.state / "queue.mark").read_text(), what="the mark")
        end(relay)
    sink.close()
    yield relay.state, ids
    relay.close()


def damage(path, how, offset):
    data = bytearray(path.read_bytes())
    at = int(offset * len(data)) if data else 0
    if how == "delete":
        path.unlink()
    elif how == "truncate":
        path.write_bytes(data[:at])
    elif how == "zero":
        path.write_bytes(data[:at] + bytes(min(4096, len(data) - at)) + data[at + 4096:])
    else:
        data[at] ^= 1 << random.Random(offset).randrange(8)
        path.write_bytes(data)


def case(relay, sink, state, ids, harm):
    """Serves a damaged copy, repairs it, serves it again; gives how many events are lost for good."""
    shutil.rmtree(relay.state, ignore_errors=True)
    shutil.copytree(state, relay.state, ignore=shutil.ignore_patterns("*.sock"))
    relay.log_path.write_text("")
    harm(relay.state)
    code = serve(relay, ids, sink)
    told = code == 65 or WORDS.search(relay.log())
    missing = ids - set(sink.ids())
    assert code in (0, 65), f"exit code {code}: {relay.log()[-800:]}"
    assert not missing or told, f"{len(missing)} events are lost, and nothing was said: {relay.log()[-800:]}"

    done = subprocess.run([BINARY, "doctor", "--repair", "--json", "--state", relay.state], capture_output=True)
    assert done.returncode == 0, (done.returncode, done.stderr)
    report = json.loads(done.stdout)
    relay.log_path.write_text("")
    assert serve(relay, ids, sink) == 0, f"after the repair: {relay.log()[-800:]}"
    missing = ids - set(sink.ids())
    if report["repaired"]:
        # Nothing has been deleted after its time here, so that what was accepted and not saved is lost.
        lost = report["acceptedAtLeast"] - report["events"] if report["lostEvents"] is None else report["lostEvents"]
        known = lost + report["lostDeliveries"] + report["undirectedEvents"]
        assert len(missing) <= known, f"{len(missing)} missing, {known} reported"
        assert list(relay.state.glob("damaged-*/*")), "the old files are kept"
    return len(missing)


def serve(relay, ids, sink):
    """Runs until all is delivered, or what is wrong was said and nothing more comes; gives the exit code."""
    relay.start(wait=False)
    end, last, quiet, is_up = time.monotonic() + 15, -1, time.monotonic(), False
    while relay.process.poll() is None and time.monotonic() < end:
        # Until it listens it may take its time, and does not end in order yet.
        is_up = is_up or listens(relay)
        if last != len(sink.requests) or not is_up:
            last, quiet = len(sink.requests), time.monotonic()
        is_checked = "it is sound" in relay.log() or "is damaged" in relay.log() or "clean" in relay.log()
        is_done = ids <= set(sink.ids()) and is_checked
        if is_done or time.monotonic() - quiet > 1.5:
            break
        time.sleep(0.02)
    return relay.stop()


def listens(relay):
    try:
        return relay.request("GET", "/healthz")[0] == 200
    except OSError:
        return False


def cases(count, seed=12):
    chance = random.Random(seed)
    fixed = [(file, "delete", 0) for file in FILES] + [(file, "truncate", 0) for file in FILES]
    hows = ("flip", "flip", "truncate", "zero")
    return fixed + [(chance.choice(FILES[:2] if number % 4 else FILES), hows[number % 4], chance.random())
                    for number in range(count)]


@pytest.mark.parametrize("count", [8, pytest.param(200, marks=pytest.mark.soak)])
def test_damage_is_never_silent_and_can_be_repaired(make_relay, make_sink, crashed, count):
    state, ids = crashed
    sink = make_sink()
    relay = make_relay(routes_to({"crm": sink}))
    faults, lost = [], 0
    for file, how, offset in cases(count):
        sink.requests.clear()
        try:
            lost += case(relay, sink, state, ids, lambda state: damage(state / file, how, offset))
        except AssertionError as fault:
            faults.append(f"{how} {file} at {offset:.4f}: {fault}")
    print(f"{len(cases(count))} cases, {lost} events could not be saved")
    assert faults == [], f"{len(faults)} of {len(cases(count))}:\n" + "\n".join(faults[:10])


# What is left of the database. All of it but a few pages is whole.
REMAINS = {
    "a page is cut off": lambda data: data[:-4096],
    "half a page is cut off": lambda data: data[:-2048],
    "a tenth is cut off, within a page": lambda data: data[:len(data) // 10 * 9 // 4096 * 4096 + 1000],
    "the first page is zeros": lambda data: bytes(4096) + data[4096:],
    "the first page is random": lambda data: random.Random(12).randbytes(4096) + data[4096:],
    "its header is random": lambda data: random.Random(12).randbytes(100) + data[100:],
    "its schema is zeros": lambda data: data[:512] + bytes(4096 - 512) + data[4096:],
    "the schema has lost its first tables": lambda data: data[:3584] + bytes(512) + data[4096:],
    "the first page is zeros, the last one cut off": lambda data: bytes(4096) + data[4096:-4096],
}


@pytest.mark.parametrize("what", REMAINS)
def test_a_short_file_or_a_broken_first_page_costs_little(make_relay, make_sink, stopped, what):
    state, ids = stopped
    sink = make_sink()
    relay = make_relay(routes_to({"crm": sink}))

    def harm(directory):
        path = directory / "queue.sqlite"
        path.write_bytes(REMAINS[what](path.read_bytes()))

    lost = case(relay, sink, state, ids, harm)
    print(f"{what}: {lost} of {len(ids)} events could not be saved")
    assert lost <= len(ids) // 4


GONE = {"deleted": lambda path: path.unlink(), "empty": lambda path: path.write_bytes(b""),
        "one byte": lambda path: path.write_bytes(b"S"), "two bytes": lambda path: path.write_bytes(b"SQ"),
        "short of its first page": lambda path: os.truncate(path, 3000)}


@pytest.mark.parametrize("what", GONE)
def test_a_database_that_is_gone_costs_nothing_where_its_wal_has_it_all(make_relay, make_sink, tmp_path, what):
    """As in the first life of a relay: until the first checkpoint the WAL holds every page. No command that reads the
    queue takes it away."""
    for state, ids in filled(tmp_path, (40, Relay.kill)):
        sink = make_sink()
        relay = make_relay(routes_to({"crm": sink}))
        shutil.copytree(state, relay.state, ignore=shutil.ignore_patterns("*.sock"))
        GONE[what](relay.state / "queue.sqlite")
        for command in (["queue", "list"], ["backup", str(tmp_path / "backup")], ["doctor"]):
            relay.command(*command, "--state", str(relay.state))
        assert (relay.state / "queue.sqlite-wal").read_bytes() == (state / "queue.sqlite-wal").read_bytes()
        assert case(relay, sink, state, ids, lambda directory: GONE[what](directory / "queue.sqlite")) == 0


def test_a_database_that_cannot_be_looked_at_is_not_taken_for_missing(make_relay, make_sink, tmp_path):
    relay = make_relay(routes_to({"crm": make_sink()})).start()
    assert relay.stop() == 0
    path = str(relay.state / "queue.sqlite")
    relay.prefix = [*injecting(tmp_path / "strace", "newfstatat", "error=EIO:when=1"), "-P", path]
    relay.start(wait=False)
    assert relay.process.wait(20) == 74
    assert f"cannot look at {path}: Input/output error" in relay.log()


def repaired(state):
    done = subprocess.run([BINARY, "doctor", "--repair", "--json", "--state", state], capture_output=True)
    assert done.returncode == 0, (done.stdout, done.stderr)
    return json.loads(done.stdout)


def test_a_repair_that_is_killed_at_any_rename_is_ended_by_the_next(make_relay, make_sink, crashed, tmp_path):
    """One stored event has changed, and part of the queue is in the WAL: the others are all delivered."""
    state, ids = crashed
    signals = SignalAtCall(tmp_path)
    for number in range(1, 10):
        relay, sink = make_relay({}), make_sink()
        relay.write_routes(routes_to({"crm": sink}))
        shutil.copytree(state, relay.state, ignore=shutil.ignore_patterns("*.sock"))
        queue = relay.state / "queue.sqlite"
        queue.write_bytes(queue.read_bytes().replace(b'"waitingTime"', b'"weitingTime"', 1))
        signals.order(f"KILL {number} before rename *")
        subprocess.run([BINARY, "doctor", "--repair", "--state", relay.state], capture_output=True,
                       env={**os.environ, **signals.environment})
        if signals.is_ordered():
            assert number > 4
            return
        serve(relay, ids, sink)
        report = repaired(relay.state)
        assert not report["repaired"] or report["events"] == len(ids) - 1, (number, report)
        serve(relay, ids, sink)
        assert len(ids - set(sink.ids())) == 1, f"killed before rename {number}"


def test_what_a_repair_has_left_before_it_moved_anything_is_of_no_later_use(make_relay, make_sink, crashed, tmp_path):
    """The queue was put right by hand meanwhile, and goes on."""
    state, ids = crashed
    relay, sink = make_relay({}), make_sink()
    relay.write_routes(routes_to({"crm": sink}))
    shutil.copytree(state, relay.state, ignore=shutil.ignore_patterns("*.sock"))
    (relay.state / "repair.sqlite").write_bytes(b"of long ago")
    relay.start()
    assert not (relay.state / "repair.sqlite").exists()
    relay.settled(delivered=len(ids))


# Where the format is named in the header (sqlite.org/fileformat2.html): a sign, none, an earlier one.
FORMATS = {"negative": b"\x80\0\0\2", "none": b"\0\0\0\0", "earlier": b"\0\0\0\1"}


@pytest.mark.parametrize("what", [*FORMATS, "a table is gone"])
def test_a_format_that_is_not_that_of_the_tables_is_damage_and_can_be_repaired(make_relay, make_sink, stopped, what):
    state, ids = stopped
    relay, sink = make_relay({}), make_sink()
    relay.write_routes(routes_to({"crm": sink}))
    shutil.copytree(state, relay.state, ignore=shutil.ignore_patterns("*.sock"))
    queue = relay.state / "queue.sqlite"
    if what in FORMATS:
        data = queue.read_bytes()
        queue.write_bytes(data[:60] + FORMATS[what] + data[64:])
    else:
        with contextlib.closing(sqlite3.connect(queue)) as database:
            database.execute("DROP TABLE attempts")
    relay.start(wait=False)
    assert relay.process.wait(20) == 65 and "its tables are not those of format" in relay.log()
    assert b"its tables are not those of format" in relay.command("doctor", "--state", str(relay.state)).stdout
    assert relay.command("backup", str(relay.directory / "backup"), "--state", str(relay.state)).returncode == 65
    assert repaired(relay.state)["events"] == len(ids)
    relay.start()
    relay.settled(delivered=len(ids))
