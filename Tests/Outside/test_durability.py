"""200 means durable: the order of syscalls, and kill -9 at random moments, each with a counter-test."""

import concurrent.futures
import glob
import http.client
import random
import re
import shutil

import pytest

from harness import event_id, routes_to, sample, signature
from ledger import Ledger, World, loaded

EATMYDATA = next(glob.iglob("/usr/lib/*/libeatmydata.so"), "libeatmydata.so")


# The order of syscalls (F4)

class Trace:
    """Reads a strace log and checks, event by event, that its WAL frame was synced before its 200 was written."""

    call = re.compile(r"^(\d+) +(?:<\.\.\. )?(\w+)(\(| resumed>)(.*)$")
    mark = re.compile(r"mark-(\d{6})")
    answer = re.compile(r'HTTP/1\.1 200 OK.*?(evt_[0-9a-f]{32})')

    def __init__(self, path):
        self.stored = {}
        self.answered = {}
        self.syncs = []
        begun = {}
        with open(path, errors="replace") as lines:
            for number, line in enumerate(lines):
                if not (found := self.call.match(line)):
                    continue
                thread, name, opening, rest = found.groups()
                start, text = (number, "") if opening == "(" else begun.pop((thread, name), (number, ""))
                text += rest
                if "<unfinished ...>" in rest:
                    begun[thread, name] = (number, text)
                    self._began(name, text, number)
                    continue
                if opening == "(":
                    self._began(name, text, number)
                self._ended(name, text, start, number)

    def _began(self, name, text, number):
        """An answer counts from where its write begins."""
        if name in ("write", "writev", "sendto", "sendmsg"):
            for identifier in self.answer.findall(text):
                self.answered.setdefault(identifier, number)

    def _ended(self, name, text, start, number):
        """A frame counts from where its write has ended, a sync from its begin to its end."""
        if "queue.sqlite-wal>" not in text:
            return
        if name in ("pwrite64", "write", "pwritev"):
            for mark in self.mark.findall(text):
                self.stored.setdefault(mark, number)
        elif name == "fdatasync" and text.rstrip().endswith("= 0"):
            self.syncs.append((start, number))

    def faults(self, events):
        """One line for each event whose order is not proved; `events` is {mark: id}."""
        for mark, identifier in events.items():
            stored, answered = self.stored.get(mark), self.answered.get(identifier)
            if stored is None or answered is None:
                yield f"{mark}: frame at {stored}, answer at {answered}"
            elif not any(stored < begin and end < answered for begin, end in self.syncs):
                yield f"{mark}: no fdatasync of the WAL between line {stored} and the 200 at line {answered}"


def traced_run(make_relay, make_sink, tmp_path, count, preload=()):
    """Posts on eight connections to a relay under strace; returns the trace and what was acknowledged."""
    log = tmp_path / "strace"
    relay = make_relay(
        routes_to({"one": make_sink()}),
        prefix=["strace", "-f", "-y", "-s", "8192", "-o", str(log), "-e", "signal=none",
                "-e", "trace=fdatasync,fsync,write,writev,pwrite64,pwritev,sendto,sendmsg", *preload]).start()

    def post(share):
        connection = http.client.HTTPConnection("127.0.0.1", relay.port, timeout=30)
        for number in share:
            body = sample(f"mark-{number:06}")
            connection.request("POST", "/webhooks/gruveo", body, {"X-Gruveo-SHA256-HMAC": signature(body)})
            answer = connection.getresponse()
            assert (answer.status, event_id(body).encode() in answer.read()) == (200, True)
        connection.close()

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(post, [range(first, count, 8) for first in range(8)]))
    relay.settled(60, matched=count, delivered=count)
    assert relay.stop(30) == 0
    return Trace(log), {f"{number:06}": event_id(sample(f"mark-{number:06}")) for number in range(count)}


def test_the_wal_is_synced_before_each_of_a_thousand_answers(make_relay, make_sink, tmp_path):
    trace, events = traced_run(make_relay, make_sink, tmp_path, 1000)
    faults = list(trace.faults(events))
    assert faults == [], f"{len(faults)} of {len(events)}: {faults[:5]}"
    assert len(trace.syncs) >= 1000 / 64, "syncs are shared, but not by all"


def test_without_fsync_the_same_check_fails_for_every_answer(make_relay, make_sink, tmp_path):
    trace, events = traced_run(make_relay, make_sink, tmp_path, 80, ["-E", f"LD_PRELOAD={EATMYDATA}"])
    assert len(trace.stored) == len(trace.answered) == 80, "the trace itself was read"
    assert len(list(trace.faults(events))) == 80


def test_a_dead_letter_is_on_disk_with_its_name_before_its_row_dies(make_relay, make_sink, tmp_path):
    log = tmp_path / "strace"
    relay = make_relay(
        routes_to({"one": make_sink(lambda request: 422)}),
        prefix=["strace", "-f", "-y", "-o", str(log), "-e", "signal=none", "-e", "trace=fsync,fdatasync,renameat"])
    assert relay.start().post(sample(1))[0] == 200
    relay.settled(60, dead=1)
    assert relay.stop(30) == 0
    # One event: these calls follow one another, each begun when the last has ended.
    steps = {"letter": r"fsync\(\d+<.*/dead-letters/one/\..*\.tmp>", "name": r"renameat\(.*/dead-letters/one>",
             "directory": r"fsync\(\d+<.*/dead-letters/one>", "row": r"fdatasync\(\d+<.*/queue\.sqlite-wal>"}
    seen = [step for line in log.read_text().splitlines() for step, call in steps.items() if re.search(call, line)]
    assert seen.count("name") == 1, seen
    at = seen.index("name")
    assert seen[at - 1:at + 3] == ["letter", "name", "directory", "row"], seen


# kill -9 (F2)

def kill_rounds(relay, world, ledger, rounds, chance):
    for _ in range(rounds):
        relay.start()
        loaded(relay, ledger, chance.uniform(0.05, 2 if rounds > 5 else 1))


@pytest.mark.release
@pytest.mark.parametrize("rounds", [5, pytest.param(50, marks=pytest.mark.soak)])
def test_nothing_acknowledged_is_lost_when_the_relay_is_killed_at_random_moments(
        make_relay, make_sink, tmp_path, rounds):
    world, ledger = World(make_sink, tmp_path), Ledger(tmp_path / "ledger")
    relay = make_relay(world.routes(), arguments=["--log-level", "error"])
    kill_rounds(relay, world, ledger, rounds, random.Random())
    relay.start()
    world.check(relay, ledger)
    print(f"\n{rounds} kills, {len(ledger.acknowledged)} acknowledged events, none lost")
    assert len(ledger.acknowledged) > 20 * rounds, "there was a load"
    assert relay.stop() == 0


def test_the_same_check_fails_where_the_store_is_set_back(make_relay, make_sink, tmp_path):
    world, ledger = World(make_sink), Ledger()
    relay = make_relay(world.routes(), arguments=["--log-level", "error"]).start()
    loaded(relay, ledger, 0.3)
    shutil.copytree(relay.state, tmp_path / "earlier", ignore=shutil.ignore_patterns("*.sock"))
    before = dict(world.answers)
    world.answers = dict.fromkeys(world.answers, lambda: 503)
    relay.start()
    loaded(relay, ledger, 0.3)
    shutil.rmtree(relay.state)
    shutil.copytree(tmp_path / "earlier", relay.state)
    world.answers = before
    relay.start()
    with pytest.raises(AssertionError, match="acknowledged events are lost"):
        world.check(relay, ledger)
