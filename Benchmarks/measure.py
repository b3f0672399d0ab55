"""What the kernel knows of a process: CPU in all and by thread, memory; and how busy the machine was with others."""

import dataclasses
import os
import pathlib
import re
import statistics
import time

TICK_MICROSECONDS = 1_000_000 / os.sysconf("SC_CLK_TCK")


@dataclasses.dataclass
class Usage:
    """CPU in microseconds, memory in bytes."""

    total: float
    threads: dict[int, tuple[str, float]]
    resident: int
    peak: int


def usage(pid):
    """The process now. The total is that of /proc/PID/stat, user and system, and holds threads that have ended."""
    process = pathlib.Path(f"/proc/{pid}")
    status = (process / "status").read_text()
    memory = {name: int(size) * 1024 for name, size in re.findall(r"^(VmHWM|VmRSS):\s+(\d+) kB", status, re.M)}
    threads = {}
    for task in (process / "task").iterdir():
        try:
            nanoseconds = int((task / "schedstat").read_text().split()[0])
            threads[int(task.name)] = ((task / "comm").read_text().strip(), nanoseconds / 1000)
        except FileNotFoundError:
            continue
    return Usage(cpu(pid), threads, memory["VmRSS"], memory["VmHWM"])


def cpu(pid):
    """User and system time of all its threads, in microseconds."""
    # The name in parentheses may hold anything, so the fields are counted from behind it.
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * TICK_MICROSECONDS


def by_thread(before, after):
    """CPU microseconds between two usages by thread name; threads of the same name are one."""
    names = {}
    for number, (name, spent) in after.threads.items():
        names[name] = names.get(name, 0.0) + spent - before.threads.get(number, (name, 0.0))[1]
    ended = (after.total - before.total) - sum(names.values())
    # Below two ticks a thread the difference is only the coarse clock of the total.
    if ended > 2 * TICK_MICROSECONDS * len(after.threads):
        names["(ended)"] = ended
    return names


def machine():
    """Microseconds since the start that all processors were busy, and that they were stolen by the host."""
    fields = [int(field) for field in pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
    user, nice, system, _, _, interrupt, soft, stolen = fields[:8]
    return (user + nice + system + interrupt + soft) * TICK_MICROSECONDS, stolen * TICK_MICROSECONDS


def file_system(directory):
    """The type of the file system that a directory is on, as the mount table has it."""
    device = os.stat(directory).st_dev
    for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines():
        fields = line.split()
        if fields[2] == f"{os.major(device)}:{os.minor(device)}":
            return fields[fields.index("-") + 1]
    return "unknown"


def sync_milliseconds(directory, count=200):
    """The median time of one fdatasync after an append of 4 KiB."""
    path = os.path.join(directory, "sync")
    times = []
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
    try:
        for _ in range(count):
            os.write(descriptor, bytes(4096))
            start = time.perf_counter()
            os.fdatasync(descriptor)
            times.append((time.perf_counter() - start) * 1000)
    finally:
        os.close(descriptor)
        os.unlink(path)
    return statistics.median(times)
