#!/usr/bin/env python3
"""The whole way, measured: signed 600-byte events in, durable before 200, three deliveries each to a local nginx.

In turn, for some rounds: the relay; the relay again, which makes a Slack message of each event for each destination by
the preset's template; a Python outbox as one writes it by hand with aiohttp, the yardstick of the bars;
the same outbox with HTTP spoken by hand, and tuned as far as one Python process goes; and nginx alone, which reads the
body and answers 200. A run counts only if each destination got every acknowledged event, and no other, once. Needs wrk,
nginx and Python's aiohttp; RELAY_BINARY says which relay.
"""

import argparse
import contextlib
import dataclasses
import os
import pathlib
import shutil
import sys
import tempfile
import time

import load
import measure
import report
import targets
from deliveries import DeliveryLogs

ROOT = pathlib.Path(__file__).resolve().parent.parent
MEASURED = ("relay", "slack", "outbox", "lean", "tuned", "nginx")
# Events prepared for each second of load: more than one has taken yet. Who runs out of them is measured all the same.
PREPARED_A_SECOND = 30_000
DRAIN_SECONDS = 180


@dataclasses.dataclass
class Run:
    """One measured run. Rates are events a second, CPU is microseconds an event, memory is bytes."""

    events: int
    rate: float
    accepted_rate: float
    p50: float
    p99: float
    slowest: float
    cpu: float
    load_cpu: float
    others: float
    nginx_cpu: float = 0.0
    resident: int = 0
    peak: int = 0
    threads: dict[str, float] = dataclasses.field(default_factory=dict)
    faults: list[str] = dataclasses.field(default_factory=list)


def main():
    options = parse_options()
    with workplace(options) as directory:
        system = measure.file_system(directory)
        report.header(options, system, measure.sync_milliseconds(directory))
        if system in ("tmpfs", "ramfs", "overlay"):
            print(f"warning: {directory} is on {system}, where a sync may cost nothing; use --directory", flush=True)
        requests = load.write_requests(directory / "requests", options.seconds * PREPARED_A_SECOND)
        runs = {name: [] for name in MEASURED}
        for number in range(options.rounds):
            # Each begins a round in its turn, so that none is always the first after a pause.
            turn = number % len(MEASURED)
            for name in MEASURED[turn:] + MEASURED[:turn]:
                run = measured(name, options, directory / f"{name}-{number}", requests)
                runs[name].append(run)
                report.line(number + 1, name, run)
    failed = report.table(runs)
    sys.exit(1 if failed and options.check else 0)


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=8, help="load of each run (default 8)")
    parser.add_argument("--connections", type=int, default=64, help="kept open by the load (default 64)")
    parser.add_argument("--threads", type=int, default=1, help="of wrk (default 1)")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is measured (default 3)")
    parser.add_argument("--outbox-connections", type=int, default=8, help="of an outbox to a destination (8)")
    parser.add_argument("--directory", help="where to work: must be a disk whose syncs count (default .build)")
    parser.add_argument("--keep", action="store_true", help="leave the working directory")
    parser.add_argument("--check", action="store_true", help="exit 1 where a bar is missed")
    options = parser.parse_args()
    options.binary = os.environ.get("RELAY_BINARY", str(ROOT / ".build/release/gruveo-relay"))
    missing = [name for name in ("wrk", "nginx", options.binary) if not shutil.which(name)]
    if missing:
        parser.error(f"not found: {', '.join(missing)} (Debian: apt install wrk nginx; the relay: make release)")
    return options


@contextlib.contextmanager
def workplace(options):
    parent = pathlib.Path(options.directory or ROOT / ".build")
    parent.mkdir(parents=True, exist_ok=True)
    path = pathlib.Path(tempfile.mkdtemp(prefix="bench-", dir=parent))
    try:
        yield path
    finally:
        if options.keep:
            print(f"left: {path}")
        else:
            shutil.rmtree(path, ignore_errors=True)


def measured(name, options, directory, requests):
    """One run of one of them, with an nginx and a state of its own."""
    directory.mkdir()
    nginx = targets.start_nginx(directory)
    try:
        if name == "nginx":
            return run_alone(nginx, options, requests)
        if name in ("relay", "slack"):
            body = targets.slack_body() if name == "slack" else None
            process = targets.start_relay(options.binary, directory, nginx.port, body)
        else:
            process = targets.start_outbox(name, directory, nginx.port, options.outbox_connections)
        run = None
        try:
            lengths = load.SLACK_LENGTHS if name == "slack" else [load.BODY_BYTES]
            run = run_through(process, nginx, options, directory, requests, lengths)
        finally:
            status = process.stop()
            if run and status != 0:
                run.faults.append(f"exit status {status}: {process.said()[-300:]}")
        return run
    finally:
        nginx.stop()
        if not options.keep:
            shutil.rmtree(directory, ignore_errors=True)


def run_through(process, nginx, options, directory, requests, lengths):
    """The load on the relay or the outbox, until each destination has everything, in bodies of these lengths."""
    logs = DeliveryLogs(directory)
    window = Window(process.pid, nginx.pid)
    result = post(process.port, options, requests)
    logs.wait(sum(result["sent"]), DRAIN_SECONDS)
    # The last outcomes are noted a moment after the deliveries: they belong to the price.
    time.sleep(0.5)
    window.close(result["cpu"])
    expected = {f"evt_{id}" for id in requests.sent(result["sent"])}
    verdict = logs.judge(expected, lengths)
    run = window.run(result, verdict.last - result["first"])
    run.faults += verdict.faults
    return run


def run_alone(nginx, options, requests):
    """The same load on nginx, which reads and answers: what load and machine can do at most."""
    window = Window(nginx.pid, None)
    result = post(nginx.port, options, requests, wraps=True)
    window.close(result["cpu"])
    return window.run(result, result["last"] - result["first"])


def post(port, options, requests, wraps=False):
    return load.run(
        port, requests, seconds=options.seconds, connections=options.connections, threads=options.threads, wraps=wraps)


class Window:
    """What was used between its opening and `close`."""

    def __init__(self, pid, sinks):
        self.pid, self.sinks = pid, sinks
        self.sinks_before = measure.cpu(sinks) if sinks else 0
        self.before = measure.usage(pid)
        self.machine_before, self.opened = measure.machine(), time.monotonic()

    def close(self, load_cpu):
        self.after = measure.usage(self.pid)
        self.sinks_spent = measure.cpu(self.sinks) - self.sinks_before if self.sinks else 0
        self.load_cpu = load_cpu
        busy, stolen = (after - before for after, before in zip(measure.machine(), self.machine_before))
        ours = self.after.total - self.before.total + self.sinks_spent + load_cpu
        whole = (time.monotonic() - self.opened) * 1e6 * os.cpu_count()
        self.others = max(0.0, busy - ours + stolen) / whole

    def run(self, result, seconds):
        events = result["answers"]
        each = max(events, 1)
        return Run(
            events=events, rate=events / max(seconds, 1e-9),
            accepted_rate=events / max(result["last"] - result["first"], 1e-9),
            p50=result["p50"], p99=result["p99"], slowest=result["max"],
            cpu=(self.after.total - self.before.total) / each, load_cpu=self.load_cpu / each,
            nginx_cpu=self.sinks_spent / each, others=self.others,
            resident=self.after.resident, peak=self.after.peak,
            threads={name: spent / each for name, spent in measure.by_thread(self.before, self.after).items()},
            faults=faults(result))  # fmt: skip


def faults(result):
    """Why the load itself does not count: an answer that is not 200 leaves open what had to be delivered."""
    found = {name: result[name] for name in ("refused", "socketErrors", "timeouts") if result[name]}
    unanswered = sum(result["sent"]) - result["answers"]
    if unanswered:
        found["unanswered"] = unanswered
    return [f"load: {count} {name}" for name, count in found.items()]


if __name__ == "__main__":
    main()
