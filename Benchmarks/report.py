"""What the benchmark prints: a line a run, then medians, ratios and bars."""

import os
import pathlib
import platform
import statistics
import subprocess

MEGABYTE = 1_000_000
OUTBOX_TIMES, CPU_MOST, CPU_GOAL, MEMORY_MOST, P99_MOST = 3.5, 140, 97, 80 * MEGABYTE, 15
DELIVERIES, TEMPLATE_MOST = 3, 15


def header(options, system, sync_milliseconds):
    version = subprocess.run([options.binary, "--version"], capture_output=True, text=True).stdout.strip()
    print(f"relay {version} from {options.binary}, {'debug build' if '/debug/' in options.binary else 'as built'}")
    print(f"{processor()}, {os.cpu_count()} cores, Linux {platform.release()}, Python {platform.python_version()}")
    print(f"state on {system}, fdatasync after 4 KiB {sync_milliseconds:.2f} ms (median)")
    what = f"signed events of 600 bytes on {options.connections} connections, durable before 200, three deliveries each"
    print(f"{options.rounds} rounds of {options.seconds} s: {what}; load and sinks on the same machine")
    print("relay with --log-level warning: no line for each event; the outboxes log, parse and match nothing")
    print("others: share of the machine that other processes took; above a few % compare ratios only")
    print(flush=True)


def processor():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def line(number, name, run):
    print(
        f"round {number}  {name:7}{run.rate:9,.0f} events/s  p50 {run.p50:6.2f}  p99 {run.p99:7.2f}"
        f"  max {run.slowest:7.2f} ms  CPU {run.cpu:6.1f} µs (load {run.load_cpu:.0f}, sinks {run.nginx_cpu:.0f})"
        f"  {run.events:,} events  others {run.others:.0%}{'  DOES NOT COUNT' if run.faults else ''}",
        flush=True)
    for fault in run.faults:
        print(f"         {fault}", flush=True)


def table(runs):
    """Prints the summary; true where a bar is missed or a run does not count."""
    valid = {name: [run for run in all if not run.faults] for name, all in runs.items()}
    print()
    if not all(valid[name] for name in ("relay", "slack", "outbox")):
        print("no run counts: nothing to compare")
        return True
    rows = [
        ("events/s, first post to last delivery", lambda run: run.rate, "{:,.0f}"),
        ("200s/s while the load lasts", lambda run: run.accepted_rate, "{:,.0f}"),
        ("p50 of the 200, ms", lambda run: run.p50, "{:.2f}"),
        ("p99 of the 200, ms", lambda run: run.p99, "{:.2f}"),
        ("CPU µs an event", lambda run: run.cpu, "{:.1f}"),
        ("RSS at the end, MB", lambda run: run.resident / MEGABYTE, "{:.1f}"),
        ("RSS at most, MB", lambda run: run.peak / MEGABYTE, "{:.1f}"),
    ]
    titles = ("relay", "relay, Slack messages", "outbox", "lean outbox", "tuned outbox", "nginx alone")
    head = "".join(f"{title:>28}" for title in titles)
    print(f"{'median (least – most)':40}{head}{'relay/outbox':>13}{'/lean':>8}{'/tuned':>8}")
    for label, value, form in rows:
        cells = "".join(f"{spread(valid[name], value, form):>28}" for name in valid)
        ratios = (ratio(valid["relay"], valid[name], value) for name in ("outbox", "lean", "tuned"))
        print("{:40}{}{:>13}{:>8}{:>8}".format(label, cells, *ratios))
    split(valid["relay"])
    return bars(runs, valid)


def spread(runs, value, form):
    if not runs:
        return "-"
    values = [value(run) for run in runs]
    low, middle, high = (form.format(part) for part in (min(values), statistics.median(values), max(values)))
    return f"{middle} ({low} – {high})"


def ratio(runs, others, value):
    return f"{median(runs, value) / median(others, value):.2f}" if others else "-"


def median(runs, value):
    return statistics.median(value(run) for run in runs)


def split(runs):
    """The relay's CPU by thread, as the threads are called."""
    names = {name for run in runs for name in run.threads}
    shares = {name: statistics.median(run.threads.get(name, 0.0) for run in runs) for name in names}
    print("\nrelay, CPU µs an event by thread (NIO: receive, verify, route; curl: send, decide; qos: store):")
    for name, share in sorted(shares.items(), key=lambda entry: -entry[1]):
        print(f"  {share:7.1f}  {name}")


def bars(runs, valid):
    times = median(valid["relay"], lambda run: run.rate) / median(valid["outbox"], lambda run: run.rate)
    cpu = median(valid["relay"], lambda run: run.cpu)
    loss = (median(valid["slack"], lambda run: run.cpu) - cpu) / DELIVERIES
    peak = max(run.peak for run in valid["relay"])
    p99 = median(valid["relay"], lambda run: run.p99)
    uncounted = sum(1 for all in runs.values() for run in all if run.faults)
    outcomes = [
        (times >= OUTBOX_TIMES, f"at least {OUTBOX_TIMES} times the outbox: {times:.2f}"),
        (cpu <= CPU_MOST, f"at most {CPU_MOST} µs CPU an event (goal {CPU_GOAL}): {cpu:.1f}"),
        (loss <= TEMPLATE_MOST, f"at most {TEMPLATE_MOST} µs CPU more for a Slack message by a template: {loss:.1f}"),
        (peak < MEMORY_MOST, f"RSS under {MEMORY_MOST // MEGABYTE} MB, in every run: {peak / MEGABYTE:.1f}"),
        (p99 < P99_MOST, f"p99 of the 200 under {P99_MOST} ms: {p99:.2f}"),
        (uncounted == 0, f"every destination got every acknowledged event once: {uncounted} runs do not count"),
    ]
    print("\nbars:")
    for is_met, text in outcomes:
        print(f"  {'met   ' if is_met else 'MISSED'}  {text}")
    return not all(is_met for is_met, _ in outcomes)
