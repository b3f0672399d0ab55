"""200 means durable: the order of syscalls, and kill -9 at random moments, each with a counter-test."""

import concurrent.futures
import glob
import http.client
import random
import re
import shutil
import sqlite3
import threading
import time

import pytest

from harness import KEY, event_id, every, routes_to, sample, signature

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


# kill -9 (F2)

class Ledger:
    """What was sent and what was acknowledged, kept by the driver."""

    def __init__(self):
        self.sent, self.acknowledged, self.refused = set(), set(), set()
        self.surprises = []
        self.lock = threading.Lock()
        self.number = 0

    def next(self):
        with self.lock:
            self.number += 1
            return self.number


def load(relay, ledger, stop, pause=0.0):
    """Posts unique events until told to stop or the relay is gone; each seventh is signed with a wrong key."""
    connection = http.client.HTTPConnection("127.0.0.1", relay.port, timeout=10)
    while not stop.is_set():
        number = ledger.next()
        body = sample(f"mark-{number:06}")
        is_wrong = number % 7 == 0
        key = "a-wrong-key-0123456789" if is_wrong else KEY
        with ledger.lock:
            (ledger.refused if is_wrong else ledger.sent).add(event_id(body))
        try:
            connection.request("POST", "/webhooks/gruveo", body, {"X-Gruveo-SHA256-HMAC": signature(body, key)})
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            connection.close()
            return
        if answer.status not in ((401,) if is_wrong else (200, 503)):
            ledger.surprises.append((answer.status, is_wrong))
        if answer.status == 200:
            with ledger.lock:
                ledger.acknowledged.add(event_id(body))
        time.sleep(pause)


def loaded(relay, ledger, seconds, threads=4, pause=0.0, then=None):
    """Puts the relay under load for so long, then does `then` (by default: kills it) while the load goes on."""
    stop = threading.Event()
    workers = [threading.Thread(target=load, args=(relay, ledger, stop, pause)) for _ in range(threads)]
    for worker in workers:
        worker.start()
    time.sleep(seconds)
    (then or relay.kill)()
    stop.set()
    for worker in workers:
        worker.join(30)
        assert not worker.is_alive()


class World:
    """Three destinations that outlive the relay: one takes all, one fails at first, one refuses all."""

    def __init__(self, make_sink):
        chance = random.Random(1)
        self.taken = {"good": set(), "moody": set(), "refusing": set()}
        self.sinks = {
            "good": make_sink(lambda request: self.take("good", request, 200)),
            "moody": make_sink(lambda request: self.take("moody", request, chance.choice([200, 200, 503]))),
            "refusing": make_sink(lambda request: 422),
        }

    def take(self, name, request, status):
        if status == 200:
            self.taken[name].add(request["headers"]["webhook-id"])
        return status

    def routes(self):
        return routes_to(self.sinks, moody=every(1, 60))

    def check(self, relay, ledger):
        """The invariant, after a restart and when nothing is pending any more."""
        assert ledger.surprises == []
        relay.settled(120)
        dead = {}
        for path in relay.dead_letters():
            dead.setdefault(path.parent.name, set()).add(path.stem.split("-", 1)[1])
        for name in self.sinks:
            lost = ledger.acknowledged - self.taken[name] - dead.get(name, set())
            assert not lost, f"{len(lost)} of {len(ledger.acknowledged)} acknowledged events are lost for {name}"
        for name, sink in self.sinks.items():
            invented = set(sink.ids()) - ledger.sent
            assert not invented, f"{name} got {len(invented)} events that nobody sent, as {sorted(invented)[:3]}"
        assert dead.keys() <= {"refusing"}


def kill_rounds(relay, world, ledger, rounds, chance):
    for _ in range(rounds):
        relay.start()
        loaded(relay, ledger, chance.uniform(0.05, 2 if rounds > 5 else 1))


@pytest.mark.release
@pytest.mark.parametrize("rounds", [5, pytest.param(50, marks=pytest.mark.soak)])
def test_nothing_acknowledged_is_lost_when_the_relay_is_killed_at_random_moments(make_relay, make_sink, rounds):
    world, ledger = World(make_sink), Ledger()
    relay = make_relay(world.routes(), arguments=["--log-level", "error"])
    kill_rounds(relay, world, ledger, rounds, random.Random())
    relay.start()
    world.check(relay, ledger)
    assert len(ledger.acknowledged) > 20 * rounds, "there was a load"
    assert relay.stop() == 0
    with sqlite3.connect(relay.state / "queue.sqlite") as database:
        assert database.execute("PRAGMA quick_check").fetchall() == [("ok",)]


def test_the_same_check_fails_where_the_store_is_set_back(make_relay, make_sink, tmp_path):
    world, ledger = World(make_sink), Ledger()
    relay = make_relay(world.routes(), arguments=["--log-level", "error"]).start()
    loaded(relay, ledger, 0.3)
    shutil.copytree(relay.state, tmp_path / "earlier", ignore=shutil.ignore_patterns("*.sock"))
    for sink in world.sinks.values():
        sink.answer = lambda request: 503
    relay.start()
    loaded(relay, ledger, 0.3)
    shutil.rmtree(relay.state)
    shutil.copytree(tmp_path / "earlier", relay.state)
    for name, sink in world.sinks.items():
        sink.answer = lambda request, name=name: world.take(name, request, 200)
    relay.start()
    with pytest.raises(AssertionError, match="acknowledged events are lost"):
        world.check(relay, ledger)
