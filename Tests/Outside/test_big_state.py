"""A long queue: the relay is there at once after a crash, and its memory does not grow with what waits (P15)."""

import concurrent.futures
import contextlib
import dataclasses
import http.client
import os
import pathlib
import shutil
import signal
import sqlite3
import statistics
import time

import pytest

import big_state
import targets
from deliveries import DeliveryLogs
from harness import event_id, eventually, sample, signature
from test_zoo import percentile, resident

READY_SECONDS, MEGABYTES = 5, 120


def forget(path):
    """Takes a file out of the page cache: the next reads come from the disk."""
    with open(path, "rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def start_of(relay):
    """Starts it and returns after how many seconds it has taken an event."""
    # Of a start before this one the log may say that its check has ended.
    relay.log_path.write_bytes(b"")
    begun = time.monotonic()
    relay.start(wait=False)
    eventually(lambda: relay_is_up(relay), 60, "start")
    assert relay.post(sample("after"))[0] == 200
    return time.monotonic() - begun


def relay_is_up(relay):
    try:
        return relay.is_up()
    except OSError:
        return False


def await_check(relay):
    eventually(lambda: "the database was checked: it is sound" in relay.log(), 120, "the check")


@pytest.mark.parametrize("count", [20_000, pytest.param(1_000_000, marks=pytest.mark.soak)])
@pytest.mark.parametrize("is_cold", [False, True])
@pytest.mark.alone
def test_ready_at_once_after_a_crash_with_a_long_queue(make_relay, count, is_cold):
    relay = make_relay(big_state.routes())
    big_state.make(relay, count)
    if is_cold:
        forget(relay.state / "queue.sqlite")
    took, used = start_of(relay), resident(relay) / 1000
    print(f"{count} events, {'cold' if is_cold else 'warm'}: ready after {took:.2f} s, {used:.0f} MB")
    assert took < READY_SECONDS and used < MEGABYTES
    await_check(relay)
    assert resident(relay) / 1000 < MEGABYTES
    assert relay.stop() == 0
    begin = time.monotonic()
    relay.start()
    print(f"after a clean stop: ready after {time.monotonic() - begin:.2f} s")
    assert relay.counts()["matched"] == count + 1


# In a quarter of a gigabyte, with all destinations down and then up (F10)

@dataclasses.dataclass
class Figures:
    """What was measured, also of a relay with few events that was loaded at the same time, and drained in turn."""
    ready: float
    megabytes: float
    p99: float
    few_p99: float
    rates: list
    few_rates: list
    kills: int = 0

    def pace(self):
        """How fast many are drained, by how fast few are; the middle one of all turns."""
        return statistics.median(many / few for many, few in zip(self.rates, self.few_rates))

    def longest_p99(self, bars):
        """The bar; or where the other relay misses it too, since the machine stalls, twice what that one took."""
        return bars.p99 if self.few_p99 < bars.p99 else 2 * self.few_p99

    def missed(self, bars):
        """One line for each bar that is missed."""
        if self.ready >= READY_SECONDS:
            yield f"ready only after {self.ready:.2f} s"
        if self.megabytes >= MEGABYTES:
            yield f"{self.megabytes:.0f} MB of memory"
        if self.p99 >= self.longest_p99(bars):
            yield f"p99 {self.p99 * 1000:.0f} ms, {self.few_p99 * 1000:.0f} ms with few events"
        if self.pace() < bars.pace:
            yield f"drained at {self.pace():.2f} of the pace of few"
        if self.kills:
            yield "the kernel ended it for its memory"


@dataclasses.dataclass
class Bars:
    """In a few turns of a few seconds a busy machine decides: the short form only sees what is far off."""
    p99: float = 0.05
    pace: float = 0.8


SOUND = Figures(ready=4, megabytes=100, p99=0.04, few_p99=0.01, rates=[9, 1, 9], few_rates=[10, 10, 10])


@pytest.mark.parametrize("change", [
    {"ready": 5}, {"megabytes": 120}, {"p99": 0.05}, {"p99": 0.079, "few_p99": 0.04}, {"p99": 0.05, "few_p99": 0.0499},
    {"p99": 0.12, "few_p99": 0.06}, {"rates": [7, 7, 12]}, {"kills": 1}], ids=str)
def test_each_bar_can_be_missed(change):
    assert list(SOUND.missed(Bars())) == []
    assert len(list(dataclasses.replace(SOUND, **change).missed(Bars()))) == 1


@pytest.mark.parametrize("change", [
    {"p99": 0.0499}, {"p99": 0.0499, "few_p99": 0.0499}, {"p99": 0.119, "few_p99": 0.06}, {"rates": [8, 1, 9]}], ids=str)
def test_a_bar_that_is_just_kept_is_not_missed(change):
    assert list(dataclasses.replace(SOUND, **change).missed(Bars())) == []


class Backlog:
    """A relay with so many queued events that was killed, and its three destinations, which are down."""

    def __init__(self, make_relay, directory, count, limit):
        directory.mkdir()
        self.directory, self.limit = directory, limit
        self.relay = make_relay(big_state.routes(), directory=directory, arguments=["--log-level", "notice"])
        big_state.make(self.relay, count)
        self.expected = {*stored(self.relay.state), event_id(sample("after"))}
        forget(self.relay.state / "queue.sqlite")
        self.relay.prefix = limit.prefix
        # The prefix replaces itself by the relay.
        self.relay.pid = lambda: self.relay.process.pid
        self.sinks = targets.start_nginx(directory)
        self.logs = DeliveryLogs(directory)

    def waits(self, seconds, per_second=100, clients=4):
        """Posts at this pace; returns how long each 200 took. A stall is felt by each of the clients once."""
        begun = time.monotonic()

        def post(client):
            connection, found = http.client.HTTPConnection("127.0.0.1", self.relay.port, timeout=10), []
            for number in range(client, seconds * per_second, clients):
                body = sample(f"steady-{number}")
                time.sleep(max(0, begun + number / per_second - time.monotonic()))
                asked = time.monotonic()
                connection.request("POST", "/webhooks/gruveo", body, {"X-Gruveo-SHA256-HMAC": signature(body)})
                answer = connection.getresponse()
                answer.read()
                found.append(time.monotonic() - asked)
                assert answer.status == 200
                self.expected.add(event_id(body))
            connection.close()
            return found

        with concurrent.futures.ThreadPoolExecutor(clients) as pool:
            return [wait for found in pool.map(post, range(clients)) for wait in found]

    def point_to(self, port):
        assert self.relay.reload(big_state.routes(port)).returncode == 0

    def drain_rate(self, events):
        """Events a second over the first so many while the destinations are up, by their own clock."""
        logs, wanted = DeliveryLogs(self.directory), events * len(big_state.DESTINATIONS)
        goal = self.relay.counts()["delivered"] + wanted
        self.point_to(self.sinks.port)
        eventually(lambda: self.relay.counts()["delivered"] >= goal, 120, "deliveries")
        self.point_to(9)
        time.sleep(1.5)
        lines = sorted(float(line.split(" ")[0]) for name in big_state.DESTINATIONS for line in logs.read(name))
        first = wanted // 10
        return (wanted - first) / (lines[wanted - 1] - lines[first]) / len(big_state.DESTINATIONS)

    def drain(self, seconds):
        """All that is left; returns what the destinations object to, and the events a second."""
        begun, left = time.monotonic(), self.relay.counts()["pending"] / len(big_state.DESTINATIONS)
        self.point_to(self.sinks.port)
        self.relay.settled(seconds, matched=len(self.expected))
        rate = left / (time.monotonic() - begun)
        self.logs.wait(len(self.expected), 20)
        return self.logs.judge(self.expected, range(1, 1000)).faults, rate

    def close(self):
        self.relay.close()
        self.sinks.stop()


def stored(state):
    """The ids of all events of a database."""
    with contextlib.closing(sqlite3.connect(state / "queue.sqlite")) as database:
        for high, low in database.execute("SELECT high, low FROM events"):
            yield f"evt_{high & (1 << 64) - 1:016x}{low & (1 << 64) - 1:016x}"


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="a memory limit needs root")
needs_nginx = pytest.mark.skipif(not shutil.which("nginx"), reason="the destinations are an nginx, which make soak installs")


@needs_root
@needs_nginx
@pytest.mark.parametrize("counts, turns, seconds, bars", [
    ((10_000, 2_000), 2, 3, Bars(p99=0.5, pace=0.3)),
    pytest.param((1_000_000, 10_000), 7, 30, Bars(), marks=pytest.mark.soak)], ids=["10000", "1000000"])
@pytest.mark.alone
def test_a_long_queue_in_a_quarter_of_a_gigabyte(limited, make_relay, tmp_path, counts, turns, seconds, bars):
    count, few_count = counts
    portion = few_count * 9 // 10
    with contextlib.ExitStack() as stack:
        def make(name, events):
            made = Backlog(make_relay, tmp_path / name, events, limited(256))
            stack.callback(made.close)
            return made

        many, few = make("many", count), make("few-0", few_count)
        ready = start_of(many.relay)
        start_of(few.relay)
        # While all of the database is checked.
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            p99, few_p99 = (percentile(waits, 99) for waits in pool.map(lambda one: one.waits(seconds), (many, few)))
        await_check(many.relay)
        rates, few_rates = [], []
        for turn in range(1, turns + 1):
            few_rates.append(few.drain_rate(portion))
            rates.append(many.drain_rate(portion))
            assert few.drain(60)[0] == []
            few.close()
            few = make(f"few-{turn}", few_count)
            start_of(few.relay)
            await_check(few.relay)
        faults, rate = many.drain(900)
        figures = Figures(ready, resident(many.relay, "VmHWM") / 1000, p99, few_p99, rates, few_rates, many.limit.kills())
        print(f"\n{count} events, and {few_count}: ready after {ready:.2f} s, {figures.megabytes:.0f} MB at most; "
              f"p99 {p99 * 1000:.1f} ms, {few_p99 * 1000:.1f} ms; {figures.pace():.2f} of the pace: events a second "
              f"{[round(each) for each in rates]}, {[round(each) for each in few_rates]}; all: {rate:.0f}")
        assert faults == []
        assert list(figures.missed(bars)) == []


@needs_root
@pytest.mark.alone
def test_in_too_little_memory_the_kernel_ends_it(limited, make_relay):
    """The proof that the limit above is one."""
    limit = limited(4)
    relay = make_relay(big_state.routes(), prefix=limit.prefix)
    relay.pid = lambda: relay.process.pid
    relay.start(wait=False)
    assert relay.process.wait(60) == -signal.SIGKILL
    assert limit.kills() > 0
