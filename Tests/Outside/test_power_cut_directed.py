"""A power cut that is known to fall into the writing of a dead letter, or into a checkpoint. Needs root, loop devices.

A library before libc stops the whole relay at one system call of our choice; the power is cut while it stands there.
"""

import base64
import json
import os

import pytest

from harness import event_id, eventually, preloading
from ledger import loaded, read_store
from power import all_stopped, cut_power

pytestmark = [
    pytest.mark.soak,
    pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root"),
]
ROUNDS = 50

# The file that STOP_ORDER names says where: `3 before pwrite /queue.sqlite`. It is gone once the process stands there.
# A call of a thread that has locked the store's writers out, as a checkpoint does that lets the WAL begin anew, is
# `held-pwrite` or `held-sync`. Syncs of what ends with SYNC_IGNORED are left out.
STOPS = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NEXT(call) ((__typeof__(&call))dlsym(RTLD_NEXT, #call))

static int ends_with(const char *path, const char *end) {
    size_t length = strlen(path), wanted = strlen(end);
    return length >= wanted && strcmp(path + length - wanted, end) == 0;
}

static const char *path_of(int fd, char path[4096]) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, 4095);
    path[length < 0 ? 0 : length] = 0;
    return path;
}

static void look(const char *when, const char *call, const char *path) {
    static atomic_int seen;
    int number, error = errno;
    char ordered_when[16], ordered_call[16], end[64];
    FILE *order = fopen(getenv("STOP_ORDER"), "r");
    if (order) {
        int fields = fscanf(order, "%d %15s %15s %63s", &number, ordered_when, ordered_call, end);
        fclose(order);
        if (fields == 4 && !strcmp(when, ordered_when) && !strcmp(call, ordered_call) && ends_with(path, end)
            && atomic_fetch_add(&seen, 1) + 1 == number && unlink(getenv("STOP_ORDER")) == 0)
            raise(SIGSTOP);
    }
    errno = error;
}

#define WATCHED(name, path, do_it) \
    const char *call = name, *watched = path; \
    look("before", call, watched); \
    __typeof__(do_it) result = do_it; \
    look("after", call, watched); \
    return result;

static _Thread_local int is_holding;

/* The byte that a writer locks: sqlite.org/walformat.html#locks */
int fcntl64(int fd, int command, ...) {
    va_list more;
    va_start(more, command);
    struct flock *lock = va_arg(more, void *);
    va_end(more);
    int result = NEXT(fcntl64)(fd, command, lock);
    if (command == F_SETLK && result == 0 && lock->l_start <= 120 && 120 < lock->l_start + lock->l_len)
        is_holding = lock->l_type == F_WRLCK;
    return result;
}

static int is_ignored(const char *path) {
    const char *ignored = getenv("SYNC_IGNORED");
    return ignored && ends_with(path, ignored);
}

int fsync(int fd) {
    char path[4096];
    WATCHED(is_holding ? "held-sync" : "sync", path_of(fd, path), (is_ignored(path) ? 0 : NEXT(fsync)(fd)))
}

int fdatasync(int fd) {
    char path[4096];
    WATCHED(is_holding ? "held-sync" : "sync", path_of(fd, path), (is_ignored(path) ? 0 : NEXT(fdatasync)(fd)))
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t offset) {
    char path[4096];
    WATCHED(is_holding ? "held-pwrite" : "pwrite", path_of(fd, path), NEXT(pwrite64)(fd, bytes, count, offset))
}

int renameat(int from, const char *name, int to, const char *new_name) {
    WATCHED("rename", new_name, NEXT(renameat)(from, name, to, new_name))
}
"""


class Stops:
    """Stops a relay at the Nth of some calls from now on."""

    def __init__(self, directory, **environment):
        self.order = directory / "order"
        self.environment = {**preloading(directory, STOPS), "STOP_ORDER": str(self.order), **environment}

    def at(self, relay, point, number):
        self.order.write_text(f"{number} {point}")
        eventually(lambda: not self.order.exists(), 60, f"the stop {point}")
        all_stopped(relay)


def cut_while(relay, world, ledger, disk, hold, pause=0.01):
    """One round up to the cut, which falls where `hold` has stopped the relay; the disk is mounted again."""
    world.close()
    relay.start()
    disk.sync()
    loaded(relay, ledger, 0.3, pause=pause, then=lambda: (hold(), cut_power(relay, disk)))
    disk.remount()


def goes_on(relay, world, ledger, seconds=120):
    """The next life needs no help, has all that was acknowledged, and ends in order."""
    world.open()
    relay.start()
    evidence = world.check(relay, ledger, seconds)
    assert relay.stop() == 0
    assert [line for line in relay.log().splitlines() if " dead letter written " not in line] == []
    return evidence


# Dead letters

LETTERS = {
    "before_the_file_is_synced": "before sync .json.tmp",
    "before_the_rename": "before rename .json",
    "after_the_rename": "after rename .json",
    "after_the_directory_is_synced": "after sync /dead-letters/refusing",
}


def letters(relay):
    """Of each event with a letter: whether that is whole."""
    def is_whole(path, event):
        try:
            letter = json.loads(path.read_bytes())
            return event == letter["id"] == event_id(base64.b64decode(letter["bytes"]))
        except (ValueError, KeyError):
            return False
    return {(event := path.stem.split("-", 1)[1]): is_whole(path, event) for path in relay.dead_letters()}


def unfinished(relay):
    return {path.name.split("-", 1)[1].removesuffix(".json.tmp") for path in relay.state.glob("dead-letters/*/.*.tmp")}


def in_a_letter(relay, point):
    """What the disk says while the relay stands at this point: the letters' events, and those of which one is being
    written and whose row is not settled."""
    present, begun, waiting = set(letters(relay)), unfinished(relay), read_store(relay.state)[0]["refusing"]
    if point in ("before_the_file_is_synced", "before_the_rename"):
        assert len(begun) == 1 and begun <= waiting and not begun & present, (begun, waiting, present)
        return present, begun
    assert not begun and present & waiting, (begun, present, waiting)
    return present, present & waiting


def letter_cut(relay, world, ledger, disk, stops, point, number):
    """One cut in the writing of a letter; says which events had a letter, but a row that still waits."""
    before, held = set(), set()

    def hold():
        stops.at(relay, LETTERS[point], number)
        present, waiting = in_a_letter(relay, point)
        before.update(present)
        held.update(waiting)

    cut_while(relay, world, ledger, disk, hold)
    after = letters(relay)
    assert all(after.values()), f"{list(after.values()).count(False)} letters are half there"
    missing = before - after.keys()
    assert len(missing) <= (point == "after_the_rename"), f"{len(missing)} letters are lost"
    return held


@pytest.mark.parametrize("point", LETTERS)
def test_a_power_cut_within_a_dead_letter_leaves_none_or_a_whole_one(relay_on, disk, tmp_path, point):
    stops = Stops(tmp_path)
    relay, world, ledger = relay_on(**stops.environment)
    for number in (1, 2, 3, 10, 30):
        held = letter_cut(relay, world, ledger, disk, stops, point, number)
        evidence = goes_on(relay, world, ledger)
        assert held and held <= evidence.dead["refusing"] == letters(relay).keys()
        listed = relay.command("dead", "list", "--json", "--state", str(relay.state), check=0)
        assert listed.stderr == b"" and listed.stdout.count(b"\n") == len(letters(relay))
        assert all(letters(relay).values()) and not unfinished(relay)
    print(f"\n5 cuts {point}, {len(ledger.acknowledged)} acknowledged events, none lost")


@pytest.mark.parametrize("ignored, fault", [(".json.tmp", "half there"), ("/dead-letters/refusing", "lost")])
def test_without_these_syncs_a_cut_within_a_dead_letter_is_seen(relay_on, disk, tmp_path, ignored, fault):
    """The same cut where the file's or the directory's sync is left out. A name may be on the disk by chance, with a
    commit of ext4's journal for the WAL, so that one cut may not be enough."""
    stops = Stops(tmp_path, SYNC_IGNORED=ignored)
    relay, world, ledger = relay_on(**stops.environment)
    for number in range(3, 3 + ROUNDS):
        try:
            letter_cut(relay, world, ledger, disk, stops, "after_the_directory_is_synced", number)
        except AssertionError as seen:
            assert f"letters are {fault}" in str(seen), seen
            return
        goes_on(relay, world, ledger)
    pytest.fail("every letter was there and whole: these cuts have no teeth")


# Checkpoints

PASSIVE_FRAMES, RESTART_FRAMES = 1_000, 16_000  # Sources/SQLiteStore/Keeper.swift


def frames(relay):
    """How many frames the WAL ever had (sqlite.org/fileformat2.html#walformat: pages of 4 KiB with a head each)."""
    return ((relay.state / "queue.sqlite-wal").stat().st_size - 32) // (24 + 4096)


def generation(relay):
    """The number that grows each time the WAL is begun anew (the same page: the checkpoint sequence number)."""
    with open(relay.state / "queue.sqlite-wal", "rb") as wal:
        return int.from_bytes(wal.read(16)[12:])


def after_a_checkpoint(relay, ledger):
    """Waits until the WAL is begun anew, which is when all of it is in the database, and written to."""
    begun = generation(relay)
    eventually(lambda: generation(relay) > begun, 60, "a new WAL")
    known = len(ledger.acknowledged)
    eventually(lambda: len(ledger.acknowledged) > known + 4, what="more events")


def write_back(path):
    """What was written so far is on the disk, as the kernel may choose at any time."""
    file = os.open(path, os.O_RDWR)
    os.fsync(file)
    os.close(file)


BESIDE_THE_WRITER = [
    *(("before pwrite", number, False) for number in (1, 2, 5, 10, 20, 40)),
    *(("before pwrite", number, True) for number in (2, 5, 10, 20, 40)),
    ("before sync", 1, False), ("before sync", 1, True), ("after sync", 1, False)]
WITH_THE_WRITER_HELD = [
    ("before held-pwrite", 1, False), ("before held-pwrite", 2, True), ("before held-sync", 1, True),
    ("after held-sync", 1, False)]


@pytest.mark.parametrize("point, number, is_partial", BESIDE_THE_WRITER + WITH_THE_WRITER_HELD)
def test_a_power_cut_within_a_checkpoint_loses_nothing(relay_on, disk, tmp_path, point, number, is_partial):
    """Also where what was written so far is on the disk before its sync (`is_partial`): half a checkpoint."""
    stops = Stops(tmp_path)
    relay, world, ledger = relay_on(**stops.environment)
    least = RESTART_FRAMES if "held" in point else PASSIVE_FRAMES

    def hold():
        begun = generation(relay)
        stops.at(relay, f"{point} /queue.sqlite", number)
        assert frames(relay) >= least and generation(relay) == begun
        if is_partial:
            write_back(relay.state / "queue.sqlite")

    cut_while(relay, world, ledger, disk, hold, pause=0 if "held" in point else 0.01)
    goes_on(relay, world, ledger)
    print(f"\na cut {point} {number}, {len(ledger.acknowledged)} acknowledged events, none lost")


def test_a_power_cut_after_a_checkpoint_loses_nothing(relay_on, disk, tmp_path):
    relay, world, ledger = relay_on()
    for _ in range(3):
        cut_while(relay, world, ledger, disk, pause=0.1, hold=lambda: after_a_checkpoint(relay, ledger))
        goes_on(relay, world, ledger)


LOSSES = "acknowledged events are lost", "serve ended with 65", "the database is damaged"


def test_without_a_sync_of_the_database_a_cut_after_a_checkpoint_loses_some(relay_on, disk, tmp_path):
    """The first frames of the new WAL lie over the old ones, and what these held is in the database alone, whose
    pages never were on the disk. As long as the WAL is not begun anew nothing is lost: it still has all of it."""
    relay, world, ledger = relay_on(**Stops(tmp_path, SYNC_IGNORED="/queue.sqlite").environment)
    for _ in range(ROUNDS):
        cut_while(relay, world, ledger, disk, pause=0.1, hold=lambda: after_a_checkpoint(relay, ledger))
        try:
            goes_on(relay, world, ledger, 30)
        except AssertionError as seen:
            assert any(loss in f"{seen} {relay.log()}" for loss in LOSSES), seen
            return
    pytest.fail("nothing was lost: these cuts have no teeth")
