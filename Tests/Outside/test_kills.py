"""Killed at the Nth system call: of a first start and its work, of the start after a kill, of a migration (F1, F23).

The binary is the one that is shipped, with calls.c before its libc.
"""

import collections
import concurrent.futures
import contextlib
import http.client
import itertools
import re
import sqlite3
import time

import pytest

from harness import ROOT, Relay, SignalAtCall, eventually, every, routes_to
from ledger import Ledger, World
from test_faults import post

STEPS = re.findall(r'"""\n(.*?)\n *"""', (ROOT / "Sources/SQLiteStore/Schema.swift").read_text(), re.S)


def came_up(relay):
    """Whether the relay takes events; False where it has ended before."""
    def look():
        if relay.process.poll() is not None:
            return "ended"
        try:
            is_healthy = relay.request("GET", "/healthz")[0] == 200
            return "up" if is_healthy and (relay.state / "admin.sock").exists() else None
        except (OSError, http.client.HTTPException):
            return None
    return eventually(look, 60, "a start or an end") == "up"


def is_settled(relay):
    try:
        return relay.counts()["pending"] == 0
    except (OSError, ValueError, IndexError):
        return False


def numbers(is_long):
    """Each number, or about each third power of two."""
    number = 1
    while number < 1_000:
        yield number
        number += 1 if is_long else max(1, number // 2)


class Lives:
    """A relay of three lives: one that `begin` makes and kills, where it is given; one that ends at the Nth call, in
    which so many events are posted; and one that has to be whole."""

    def __init__(self, make_sink, directory, begin=None, posts=4):
        directory.mkdir()
        self.directory, self.begin, self.posts = directory, begin, posts
        self.world, self.ledger = World(make_sink, names=("good", "refusing")), Ledger()
        self.relay = Relay(self.world.routes(good=every(1, 60)), directory=directory, arguments=["--log-level", "error"])

    def killed_at(self, calls, number, in_work=False):
        """How far it came in its second life, None where the call never came; and the format that the database then
        had, where it was not the first start."""
        try:
            if self.begin:
                self.begin(self)
            known = len(self.ledger.acknowledged)
            was_up, was_killed = self.middle(f"KILL {number} before {calls} *", in_work)
            acknowledged = len(self.ledger.acknowledged) - known
            found = version(self.relay.state) if self.begin else None
            self.relay.environment.pop("LD_PRELOAD")
            self.relay.start()
            self.world.check(self.relay, self.ledger)
            assert was_killed or acknowledged == self.posts
            assert self.relay.stop() == 0
            return (("start", acknowledged)[was_up] if was_killed else None), found
        except AssertionError as error:
            raise AssertionError(f"killed at {calls} number {number}: {error}") from None
        finally:
            self.relay.close()

    def middle(self, order, in_work):
        """The life that is killed: whether it was up, and whether the call came at all."""
        relay, ledger = self.relay, self.ledger
        signals = SignalAtCall(self.directory)
        relay.environment.update(signals.environment)
        if not in_work:
            signals.order(order)
        relay.start(wait=False)
        if is_up := came_up(relay):
            if in_work:
                signals.order(order)
            for _ in range(self.posts):
                if post(relay, ledger) is None:
                    break
            eventually(lambda: relay.process.poll() is not None or is_settled(relay), 30, "an end")
        if relay.process.poll() is None:
            relay.stop()
        ledger.ended(time.time(), is_crash=True)
        return is_up, not signals.is_ordered()


def until_nobody_is_killed(make_sink, directory, every_call, is_long, is_work_counted=True, **given):
    """By calls: how far those came that were killed, and the versions of the database after the kills.

    The calls are counted from the start on. Where not all numbers are tried, also from when the relay is up.
    """
    def lives(calls, in_work):
        stages, versions = [], set()
        for number in numbers(is_long):
            place = directory / f"{calls}{number}{'w' if in_work else ''}"
            stage, found = Lives(make_sink, place, **given).killed_at(calls, number, in_work)
            if stage is None:
                return stages, versions
            stages.append(stage)
            versions.add(found)
        raise AssertionError(f"{calls}: killed at every number up to {number}")

    ways = list(itertools.product(every_call, [False, True] if is_work_counted and not is_long else [False]))
    stages, versions = collections.defaultdict(collections.Counter), set()
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        for (calls, _), (killed, found) in zip(ways, pool.map(lives, *zip(*ways))):
            stages[calls].update(killed)
            versions |= found
    print(f"\nkilled in the start, or when so many had been acknowledged: {dict(stages)}")
    assert stages.keys() == set(every_call)
    return stages, versions


long_and_short = pytest.mark.parametrize("is_long", [False, pytest.param(True, marks=pytest.mark.soak)],
                                         ids=["some", "all"])


@long_and_short
def test_a_kill_at_the_nth_system_call_loses_nothing(make_sink, tmp_path, is_long):
    stages, _ = until_nobody_is_killed(
        make_sink, tmp_path, ["sync", "pwrite", "rename", "send", "connect", "accept"], is_long)
    for calls in ("sync", "pwrite", "send"):
        assert {"start", 4} < stages[calls].keys(), f"{calls}: also between the first answer and the last"
    assert 4 in stages["rename"] + stages["connect"]


# The start after a kill

def leave_a_queue(lives):
    """Four events that one destination has not taken and the other has refused; killed with all of it in the WAL."""
    relay, world, ledger = lives.relay, lives.world, lives.ledger
    world.answers["good"] = lambda: 503
    relay.start()
    assert [post(relay, ledger) for _ in range(4)] == [200] * 4
    eventually(lambda: (counts := relay.counts())["dead"] == 4 and counts["pending"] == 4, 20, "four dead letters")
    begun = time.time()
    relay.kill()
    ledger.ended(begun, is_crash=True)
    world.answers["good"] = lambda: 200


@long_and_short
def test_a_second_kill_at_the_nth_system_call_of_the_recovery_loses_nothing(make_sink, tmp_path, is_long):
    stages, _ = until_nobody_is_killed(
        make_sink, tmp_path, ["sync", "pwrite", "truncate", "send"], is_long, begin=leave_a_queue, posts=0)
    assert all({"start", 0} == stages[calls].keys() for calls in ("sync", "pwrite", "send"))


def test_a_recovery_that_forgets_the_wal_would_be_noticed(make_sink, tmp_path):
    """The proof that what the first kill leaves behind is in the WAL alone, and that the check above misses it."""
    lives = Lives(make_sink, tmp_path / "relay")
    with contextlib.closing(lives.relay) as relay:
        leave_a_queue(lives)
        (relay.state / "queue.sqlite-wal").unlink()
        with pytest.raises(AssertionError, match="acknowledged events are lost|serve ended with 65"):
            relay.start()
            lives.world.check(relay, lives.ledger, 10)


# The database of an earlier version (F23)

def version(state):
    """The format of the database, 0 where there is none yet. It is opened as the relay opens it first: to read."""
    if not (state / "queue.sqlite").exists():
        return 0
    with contextlib.closing(sqlite3.connect(f"file:{state}/queue.sqlite?mode=ro", uri=True)) as database:
        return database.execute("PRAGMA user_version").fetchone()[0]


def set_back(state, step=1):
    """Makes of the database what an earlier version would have left: its tables with the same rows."""
    new, path = state / "earlier", state / "queue.sqlite"
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with contextlib.closing(sqlite3.connect(new, isolation_level=None)) as database:
        database.execute("PRAGMA auto_vacuum = INCREMENTAL")
        database.execute("PRAGMA journal_mode = WAL")
        database.executescript("".join(STEPS[:step]))
        database.execute("DELETE FROM totals")
        database.execute("ATTACH ? AS later", (str(path),))
        tables = [name for name, in database.execute("SELECT name FROM main.sqlite_schema WHERE type = 'table'")]
        for table in tables:
            database.execute(f"INSERT INTO main.{table} SELECT * FROM later.{table}")
        database.execute(f"PRAGMA user_version = {step}")
    for suffix in ("", "-wal", "-shm"):
        (state / f"queue.sqlite{suffix}").unlink(missing_ok=True)
    new.rename(path)


def leave_an_earlier_queue(lives):
    leave_a_queue(lives)
    set_back(lives.relay.state)


def test_the_queue_of_the_first_version_is_brought_forward_and_delivered(make_sink, tmp_path):
    assert len(STEPS) > 1
    lives = Lives(make_sink, tmp_path / "relay", begin=leave_an_earlier_queue, posts=4)
    with contextlib.closing(lives.relay) as relay:
        leave_an_earlier_queue(lives)
        assert version(relay.state) == 1
        relay.start()
        assert [post(relay, lives.ledger) for _ in range(4)] == [200] * 4
        evidence = lives.world.check(relay, lives.ledger)
        assert evidence.counts["delivered"] == 8 and evidence.counts["dead"] == 8
        assert relay.stop() == 0
        assert version(relay.state) == len(STEPS)


@long_and_short
def test_a_kill_at_the_nth_system_call_of_a_migration_loses_nothing(make_sink, tmp_path, is_long):
    _, versions = until_nobody_is_killed(make_sink, tmp_path, ["sync", "pwrite", "truncate"], is_long,
                                         is_work_counted=False, begin=leave_an_earlier_queue, posts=0)
    assert versions == {1, len(STEPS)}, "some were killed before the migration was there, some after it"


def test_half_a_migration_would_be_noticed(make_sink, tmp_path):
    """The proof that the tests above would fail if the steps were not one transaction."""
    lives = Lives(make_sink, tmp_path / "relay")
    with contextlib.closing(lives.relay) as relay:
        leave_an_earlier_queue(lives)
        with contextlib.closing(sqlite3.connect(relay.state / "queue.sqlite")) as database:
            database.execute("CREATE TABLE lanes (destination INTEGER PRIMARY KEY)")
        with pytest.raises(AssertionError, match="serve ended with"):
            relay.start()


def test_a_newer_database_is_refused_by_name_and_left_as_it_was(make_relay, make_sink):
    relay = make_relay(World(make_sink, names=("good",)).routes()).start()
    assert relay.stop() == 0
    path, newer = relay.state / "queue.sqlite", len(STEPS) + 1
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute(f"PRAGMA user_version = {newer}")
    before = path.read_bytes()
    relay.start(wait=False)
    assert relay.process.wait(20) == 65
    assert f"the database has format {newer}, this program knows only {len(STEPS)}: install a newer one" in relay.log()
    assert path.read_bytes() == before


def test_a_letter_that_a_kill_left_unfinished_is_gone_after_the_next_start(make_relay, make_sink, tmp_path):
    """The destination takes the event then, so that no second letter takes the place of the first."""
    answer, signals = [422], SignalAtCall(tmp_path)
    relay = make_relay(routes_to({"crm": make_sink(lambda request: answer[0])}), environment=signals.environment)

    def unfinished():
        return list(relay.state.glob("dead-letters/*/.*.tmp"))

    relay.start()
    signals.order("KILL 1 before rename .json")
    with contextlib.suppress(OSError, http.client.HTTPException):
        relay.post()
    relay.process.wait(20)
    assert len(unfinished()) == 1 and relay.dead_letters() == []
    answer[0] = 200
    relay.start()
    relay.settled(dead=0, delivered=1)
    assert unfinished() == []
    assert relay.command("dead", "list", "--state", str(relay.state), check=0).stderr == b"no dead letters\n"
