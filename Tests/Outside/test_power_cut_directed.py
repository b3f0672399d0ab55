"""A power cut that is known to fall into the writing of a dead letter, or into a checkpoint. Needs root, loop devices.

The whole relay is stopped at one system call of our choice (calls.c); the power is cut while it stands there.
"""

import base64
import json
import os

import pytest

from harness import SignalAtCall, event_id, eventually
from ledger import loaded, read_store
from power import all_stopped, cut_power

pytestmark = [
    pytest.mark.soak,
    pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root"),
]
ROUNDS = 50


def stopped_at(relay, signals, point, number):
    """Stops the relay at the Nth of these calls from now on."""
    signals.order(f"STOP {number} {point}")
    eventually(lambda: not signals.is_ordered(), 60, f"the stop {point}")
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


def letter_cut(relay, world, ledger, disk, signals, point, number):
    """One cut in the writing of a letter; says which events had a letter, but a row that still waits."""
    before, held = set(), set()

    def hold():
        stopped_at(relay, signals, LETTERS[point], number)
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
    signals = SignalAtCall(tmp_path)
    relay, world, ledger = relay_on(**signals.environment)
    for number in (1, 2, 3, 10, 30):
        held = letter_cut(relay, world, ledger, disk, signals, point, number)
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
    signals = SignalAtCall(tmp_path, SYNC_IGNORED=ignored)
    relay, world, ledger = relay_on(**signals.environment)
    for number in range(3, 3 + ROUNDS):
        try:
            letter_cut(relay, world, ledger, disk, signals, "after_the_directory_is_synced", number)
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
    signals = SignalAtCall(tmp_path)
    relay, world, ledger = relay_on(**signals.environment)
    least = RESTART_FRAMES if "held" in point else PASSIVE_FRAMES

    def hold():
        begun = generation(relay)
        stopped_at(relay, signals, f"{point} /queue.sqlite", number)
        # The writer begins the WAL anew by itself where all of it is in the database; nobody has to hold it for that.
        assert frames(relay) >= least and ("held" in point or generation(relay) == begun)
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
    relay, world, ledger = relay_on(**SignalAtCall(tmp_path, SYNC_IGNORED="/queue.sqlite").environment)
    for _ in range(ROUNDS):
        cut_while(relay, world, ledger, disk, pause=0.1, hold=lambda: after_a_checkpoint(relay, ledger))
        try:
            goes_on(relay, world, ledger, 30)
        except AssertionError as seen:
            assert any(loss in f"{seen} {relay.log()}" for loss in LOSSES), seen
            return
    pytest.fail("nothing was lost: these cuts have no teeth")
