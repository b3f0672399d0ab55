"""The proof of a run: which destination got which event, by the logs of nginx."""

import dataclasses
import time

import targets

# Without a new delivery for so long a run is given up: nothing that is in order waits that long.
STALL_SECONDS = 15


@dataclasses.dataclass
class Verdict:
    """`faults` is empty where every destination got every event once; `last` is when the last one got through."""

    faults: list[str]
    last: float


class DeliveryLogs:
    """The logs of one nginx from now on: each line is a time, a body length and a webhook-id."""

    def __init__(self, directory):
        self.files = {name: directory / f"{name}.log" for name in targets.DESTINATIONS}
        self.starts = {name: self.size(name) for name in targets.DESTINATIONS}

    def size(self, name):
        return self.files[name].stat().st_size if self.files[name].exists() else 0

    def read(self, name):
        with open(self.files[name], "rb") as file:
            file.seek(self.starts[name])
            return file.read().decode("ascii", "replace").splitlines()

    def wait(self, count, limit_seconds):
        """Until each has `count` lines, or nothing more comes, or time is up."""
        deadline = time.monotonic() + limit_seconds
        sizes, moved = None, time.monotonic()
        while time.monotonic() < min(deadline, moved + STALL_SECONDS):
            now = [self.size(name) for name in targets.DESTINATIONS]
            if now != sizes:
                sizes, moved = now, time.monotonic()
                if self.is_enough(count):
                    return
            time.sleep(0.1)

    def is_enough(self, count):
        for name in targets.DESTINATIONS:
            with open(self.files[name], "rb") as file:
                file.seek(self.starts[name])
                if sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b"")) < count:
                    return False
        return True

    def judge(self, expected, lengths):
        """Compares what came with the events that were acknowledged, `evt_` and 32 hex digits each."""
        faults, last = [], 0.0
        lengths = {str(length) for length in lengths}
        for name in targets.DESTINATIONS:
            lines = [line.split(" ") for line in self.read(name)]
            got = [line[2] for line in lines if len(line) == 3]
            once = set(got)
            missing, strange = len(expected - once), len(once - expected)
            doubled = len(got) - len(once)
            short = sum(1 for line in lines if len(line) != 3 or line[1] not in lengths)
            counts = {"missing": missing, "unknown": strange, "twice": doubled, "of another length": short}
            faults += [f"destination {name}: {count} {what}" for what, count in counts.items() if count]
            last = max([last, *(float(line[0]) for line in lines[-1:] if len(line) == 3)])
        return Verdict(faults, last)
