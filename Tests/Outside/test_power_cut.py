"""A simulated power cut: a file system that forgets what was not synced. Needs root and loop devices.

The same run without fsync, and one that does not sync directories, must lose something: these are the proof that
the first one could fail.
"""

import contextlib
import os
import random
import sqlite3
import time

import pytest

from harness import event_id, eventually, preloading
from ledger import loaded
from power import cut_power
from test_durability import EATMYDATA

pytestmark = [
    pytest.mark.soak,
    pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root"),
]
ROUNDS = 50
IGNORES_DIRECTORIES = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sys/stat.h>

static int is_directory(int fd) {
    struct stat status;
    return fstat(fd, &status) == 0 && S_ISDIR(status.st_mode);
}

int fsync(int fd) {
    return is_directory(fd) ? 0 : ((int (*)(int))dlsym(RTLD_NEXT, "fsync"))(fd);
}

int fdatasync(int fd) {
    return is_directory(fd) ? 0 : ((int (*)(int))dlsym(RTLD_NEXT, "fdatasync"))(fd);
}
"""


def power_cut(relay, world, ledger, disk, seconds):
    """One round: start, load, cut, kill, mount again."""
    world.close()
    relay.start()
    disk.sync()
    loaded(relay, ledger, seconds, then=lambda: cut_power(relay, disk))
    disk.remount()


def test_a_power_cut_loses_nothing_acknowledged(relay_on, disk):
    relay, world, ledger = relay_on()
    for _ in range(ROUNDS):
        power_cut(relay, world, ledger, disk, random.uniform(0.1, 1.5))
        world.open()
        relay.start()
        world.check(relay, ledger)
        relay.kill()
    print(f"\n{ROUNDS} cuts, {len(ledger.acknowledged)} acknowledged events, none lost")
    assert len(ledger.acknowledged) > 20 * ROUNDS, "there was a load"


def test_without_fsync_a_power_cut_loses_some(relay_on, disk):
    relay, world, ledger = relay_on(LD_PRELOAD=EATMYDATA)
    for _ in range(ROUNDS):
        power_cut(relay, world, ledger, disk, 1)
        world.open()
        try:
            relay.start()
            world.check(relay, ledger)
        except AssertionError as lost:
            assert "acknowledged events are lost" in str(lost) or "serve ended with 65" in str(lost), lost
            return
        relay.kill()
    pytest.fail(f"nothing of {len(ledger.acknowledged)} events was lost: the power cut has no teeth")


def dead_letter_survives(relay, world, ledger, disk):
    """One dead letter, and the power is cut as soon as the store calls it dead; says whether it is still known.

    Before it the WAL is checkpointed whole, as after long work, and so is written over from its start: its sync then
    no longer commits ext4's journal, and with it every name, by chance.
    """
    world.open()
    world.answers["refusing"] = lambda: 200
    relay.start()
    loaded(relay, ledger, 1, then=lambda: None)
    relay.settled(60)
    time.sleep(1.5)
    with contextlib.closing(sqlite3.connect(relay.state / "queue.sqlite")) as database:
        busy, frames, moved = database.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        assert busy == 0 and 0 < frames == moved
    world.answers["refusing"] = lambda: 422
    body = ledger.next()
    assert relay.post(body)[0] == 200
    eventually(lambda: relay.counts()["dead"] == 1, what="the death")
    cut_power(relay, disk)
    disk.remount()
    relay.start()
    counts = relay.settled(30)
    found = [path for path in relay.dead_letters() if path.stem.endswith(event_id(body))]
    assert counts["dead"] == 1
    if found:
        assert relay.command("dead", "discard", "--state", str(relay.state), event_id(body)).returncode == 0
    relay.kill()
    return bool(found)


def test_a_power_cut_after_its_death_leaves_the_dead_letter(relay_on, disk):
    relay, world, ledger = relay_on()
    for _ in range(3):
        assert dead_letter_survives(relay, world, ledger, disk)


def test_without_syncing_directories_a_power_cut_loses_the_dead_letter(relay_on, disk, tmp_path):
    relay, world, ledger = relay_on(**preloading(tmp_path, IGNORES_DIRECTORIES))
    assert not all(dead_letter_survives(relay, world, ledger, disk) for _ in range(ROUNDS))
