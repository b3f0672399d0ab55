"""Control groups of version 1 or 2, made by hand. They need root."""

import contextlib
import pathlib
import uuid

ROOT = pathlib.Path("/sys/fs/cgroup")


class NoControlGroup(Exception):
    """Why this machine has none."""


class ControlGroup:
    """What is started with its `prefix`, which replaces itself by the program, is held to the bounds."""

    def __init__(self, controller, first, second):
        """`first` and `second` are the settings for version 1 and for version 2, by their file names."""
        self.is_first = (ROOT / controller / "cgroup.procs").exists()
        self.path = (ROOT / controller if self.is_first else ROOT) / f"relay-test-{uuid.uuid4().hex[:8]}"
        try:
            if not self.is_first:
                (ROOT / "cgroup.subtree_control").write_text(f"+{controller}")
            self.path.mkdir()
            for name, value in (first if self.is_first else second).items():
                (self.path / name).write_text(str(value))
        except OSError as error:
            self.remove()
            raise NoControlGroup(f"no control group for {controller} can be made here: {error}") from None
        self.prefix = ["sh", "-c", f'echo $$ > {self.path}/cgroup.procs && exec "$@"', "sh"]

    @classmethod
    def memory(cls, megabytes):
        """The page cache counts too."""
        return cls("memory", {"memory.limit_in_bytes": megabytes << 20}, {"memory.max": megabytes << 20})

    @classmethod
    def processor(cls, part):
        """A part of one processor, dealt out each 10 ms."""
        period = 10_000
        quota = int(part * period)
        return cls("cpu", {"cpu.cfs_period_us": period, "cpu.cfs_quota_us": quota}, {"cpu.max": f"{quota} {period}"})

    def kills(self):
        """How often the kernel has ended a process for its memory."""
        control = self.path / ("memory.oom_control" if self.is_first else "memory.events")
        return next(int(line.split()[1]) for line in control.read_text().splitlines() if line.startswith("oom_kill "))

    def remove(self):
        """Whether it is gone; what was killed may be in it for a moment."""
        with contextlib.suppress(OSError):
            self.path.rmdir()
        return not self.path.exists()
