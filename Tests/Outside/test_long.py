"""Faults of all kinds at random moments, for long: nothing is lost, and nothing grows (F25)."""

import contextlib
import os
import pathlib
import random
import signal
import socket
import threading
import time

import pytest

from harness import every, routes_to
from ledger import Ledger, Recorder, collect, judge, load
from test_faults import Clock, failing, open_files
from test_zoo import resident

TIMEOUT = 5
# One request in twenty is answered in one of these ways.
MISTREATED = 0.05


def hung():
    time.sleep(TIMEOUT + 0.5)
    return 200


def reset():
    raise ConnectionResetError


ANSWERS = [lambda: 500, lambda: 503, lambda: (429, {"Retry-After": "1"}, b""), hung, reset]


class Trouble:
    """A relay among clients, destinations, a disk, a clock and an administrator, all of whom fail now and then."""

    names = ("crm", "chat", "sheet")

    def __init__(self, make_relay, make_sink, directory, seed):
        self.chance, self.directory = random.Random(seed), directory
        self.ledger, self.recorder = Ledger(directory / "ledger"), Recorder(directory / "recorded")
        self.is_over = threading.Event()
        self.may_mistreat = True
        self.clock = Clock(directory)
        sinks = {name: make_sink(self.recorder.answering(name, self.answer)) for name in self.names}
        patient = {"timeout": f"{TIMEOUT}s", **every(1, 90)}
        self.relay = make_relay(
            routes_to(sinks, **dict.fromkeys(self.names, patient)),
            environment=self.clock.environment, arguments=["--log-level", "error"])
        self.good = self.relay.routes_path.read_text()
        self.samples = []

    def answer(self, request):
        # Some are refused always: a letter that is written just before a kill is not delivered after it.
        if request["headers"]["webhook-id"].endswith("00"):
            return 422
        is_mistreated = self.may_mistreat and self.chance.random() < MISTREATED
        return self.chance.choice(ANSWERS)() if is_mistreated else 200

    # What happens

    def reloads(self):
        path = self.relay.routes_path
        for text in (self.good.replace('"url"', '"ulr"'), self.good[:100], self.good):
            path.write_text(text)
            self.relay.process.send_signal(signal.SIGHUP)
            time.sleep(0.05)

    def is_frozen(self):
        self.relay.process.send_signal(signal.SIGSTOP)
        time.sleep(0.5)
        self.relay.process.send_signal(signal.SIGCONT)

    def clock_is_set(self):
        self.clock.set(self.chance.choice([-3600, 0, 3600]))

    def disk_fails(self):
        calls, error = self.chance.choice([("pwrite64", "ENOSPC"), ("pwrite64", "EIO"), ("fdatasync", "EIO")])
        when = self.chance.choice(["1+", "2", "5+"])
        with failing(self.relay, self.directory / "strace", calls, error, when):
            time.sleep(0.3)

    def clients_go_away(self):
        with contextlib.ExitStack() as crowd:
            for _ in range(30):
                client = crowd.enter_context(contextlib.closing(socket.socket()))
                client.connect(("127.0.0.1", self.relay.port))
                client.sendall(b"POST /webhooks/gruveo HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n"[
                    :self.chance.randrange(70)] + self.chance.randbytes(self.chance.randrange(9)))

    def is_administered(self):
        state = ["--state", str(self.relay.state)]
        name = self.chance.choice(self.names)
        copy = self.directory / "copy"
        self.relay.command("destination", "pause", name, *state, check=0)
        self.relay.command("queue", "list", *state, check=0)
        self.relay.command("dead", "list", *state, check=0)
        self.relay.command("backup", str(copy), *state, check=0)
        self.relay.command("destination", "resume", name, *state, check=0)
        copy.unlink()

    def ends(self, way):
        begun = time.time()
        self.relay.process.send_signal(way)
        self.relay.process.wait(40)
        self.ledger.ended(begun, is_crash=way == signal.SIGKILL)
        assert self.relay.process.returncode == (-signal.SIGKILL if way == signal.SIGKILL else 0)
        self.relay.start()

    def is_killed(self):
        self.ends(signal.SIGKILL)

    def is_stopped(self):
        self.ends(signal.SIGTERM)

    # The trial

    def trial(self, seconds, happenings):
        """So many seconds of load, in which one thing after another happens; the counts of what did."""
        happened = dict.fromkeys((happening.__name__ for happening in happenings), 0)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            happening = self.chance.choice(happenings)
            happening()
            happened[happening.__name__] += 1
            self.sample()
            time.sleep(self.chance.random() * 0.5)
        return happened

    def client(self):
        while not self.is_over.is_set():
            load(self.relay, self.ledger, self.is_over, pause=0.02)
            # The relay is on its way down or up.
            time.sleep(0.05)

    def sample(self):
        process = pathlib.Path(f"/proc/{self.relay.pid()}")
        wal = self.relay.state / "queue.sqlite-wal"
        with contextlib.suppress(OSError):
            self.samples.append({
                "kilobytes": resident(self.relay), "descriptors": open_files(self.relay),
                "threads": len(os.listdir(process / "task")), "bytes of the WAL": wal.stat().st_size})


def most(samples):
    return {name: max(sample[name] for sample in samples) for name in samples[0]}


@pytest.mark.soak
@pytest.mark.parametrize("seconds", [600])
def test_faults_of_all_kinds_lose_nothing_and_nothing_grows(make_relay, make_sink, tmp_path, seconds):
    seed = int(os.environ.get("LONG_SEED", random.randrange(1 << 32)))
    print(f"\nLONG_SEED={seed}")
    trouble = Trouble(make_relay, make_sink, tmp_path, seed)
    relay, ledger = trouble.relay, trouble.ledger
    within_a_life = [trouble.reloads, trouble.is_frozen, trouble.clock_is_set, trouble.disk_fails,
                     trouble.clients_go_away, trouble.is_administered]
    relay.start()
    clients = [threading.Thread(target=trouble.client) for _ in range(4)]
    for client in clients:
        client.start()
    try:
        first = trouble.trial(seconds / 4, within_a_life + [trouble.is_killed, trouble.is_stopped])
        trouble.is_killed()
        # What grows at first in each life: windows, pools, the allocator's arenas.
        trouble.trial(seconds / 8, within_a_life)
        trouble.samples.clear()
        second = trouble.trial(seconds * 5 / 8, within_a_life)
    finally:
        trouble.is_over.set()
        for client in clients:
            client.join(60)
    early = most(trouble.samples[:len(trouble.samples) // 4])
    late = most(trouble.samples[-len(trouble.samples) // 4:])
    trouble.may_mistreat = False
    trouble.clock.set(0)
    relay.settled(180)
    judge(collect(relay, ledger, trouble.recorder, [(name,) for name in trouble.names],
                  timeouts=dict.fromkeys(trouble.names, TIMEOUT)))
    print(f"{len(ledger.acknowledged)} events, {ledger.statuses}; {len(relay.dead_letters())} dead letters\n"
          f"first {first}\nthen {second}\n{early} in the first quarter\n{late} in the last")
    assert min(first.values()) > 0 and ledger.statuses[503] > 0, "all of it happened"
    assert late["kilobytes"] < early["kilobytes"] * 1.1 + 4096
    assert late["descriptors"] <= early["descriptors"] + 16
    assert late["threads"] <= early["threads"] + 2
    # At 64 MiB the store begins it anew (`Keeper.restartFrames`).
    assert late["bytes of the WAL"] < 80 << 20
    assert relay.stop() == 0
