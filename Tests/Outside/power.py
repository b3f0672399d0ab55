"""A file system that forgets what was not synced, and a relay whose state is on it. Needs root and loop devices."""

import os
import pathlib
import signal
import subprocess

from harness import eventually, every
from ledger import World


def run(*command):
    subprocess.run(command, check=True, capture_output=True, timeout=60)


class Disk:
    """A file system in a sparse file, mounted on loop, whose power can be cut. The relay wants 256 MiB free."""

    def __init__(self, directory, kind):
        self.image, self.mount_point = directory / "disk.img", directory / "mount"
        self.mount_point.mkdir()
        with open(self.image, "wb") as image:
            image.truncate(1024 * 1024 * 1024)
        run(f"mkfs.{kind}", "-q", "-F" if kind == "ext4" else "-f", str(self.image))
        self.mount()

    def mount(self):
        run("mount", "-o", "loop", str(self.image), str(self.mount_point))

    def sync(self):
        """All that is written by now survives: the file system's own start is not what is tried."""
        run("sync", "-f", str(self.mount_point))

    def cut(self):
        run("xfs_io", "-x", "-c", "shutdown", str(self.mount_point))

    def unmount(self):
        run("umount", str(self.mount_point))

    def remount(self):
        self.unmount()
        self.mount()


class Survivors(World):
    """Nothing is taken before the cut, so that what the disk forgot is lost for good."""

    def __init__(self, make_sink, directory):
        super().__init__(make_sink, directory)
        self.ordinary = dict(self.answers)

    def routes(self):
        patience = every(1, 100)
        return super().routes(good=patience, moody=patience)

    def close(self):
        self.answers.update(good=lambda: 503, moody=lambda: 503)

    def open(self):
        self.answers.update({**self.ordinary, "moody": lambda: 200})


def all_stopped(relay):
    """Waits until no thread of the relay can do anything more; a system call that is under way ends first."""
    threads = pathlib.Path(f"/proc/{relay.pid()}/task")
    eventually(lambda: all(path.read_text().rsplit(")", 1)[1].split()[0] == "T" for path in threads.glob("*/stat")),
               what="the stop of all threads")


def cut_power(relay, disk):
    """Stops the relay between two system calls, cuts, and kills it.

    It must not see the cut: ext4's shutdown (Linux 6.18) lets a few fdatasync calls that it interrupts return 0
    although their data is gone. A program of one thread that only appends and syncs lost its last record in 5 of 50
    such cuts, and in none of 30 when it was stopped first.
    """
    os.kill(relay.pid(), signal.SIGSTOP)
    all_stopped(relay)
    disk.cut()
    relay.kill()
