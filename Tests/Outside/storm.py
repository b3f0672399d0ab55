"""A storm of reloads in a process of its own, so that the load beside it does not slow it down.

    storm.py SECONDS                    sends itself a hundred signals a second, which it ignores: what the machine can do
    storm.py SECONDS PID DIRECTORY      sends them to a relay, and meanwhile changes DIRECTORY/routes.json all the time

Prints as JSON how many signals it sent, and when it put which file there. What is put there lies in DIRECTORY/kinds.
"""

import json
import os
import pathlib
import signal
import sys
import time

PER_SECOND = 100
# Each file is there for so many signals.
SIGNALS_EACH = 4
# What stands in the relay's log when it refuses one of these.
REFUSED = {
    "bad": 'unknown key "ulr"', "half": "the text ends too early", "absent": "No such file or directory", "empty": "the file is empty",
    "huge": "too large", "sparse": "too large", "directory": "Is a directory", "fifo": "not a regular file",
    "loop": "Too many levels of symbolic links", "locked": "Permission denied", "secretless": "A_KEY_THAT_IS_NOT_SET",
}
ROUND = [
    "good", "bad", "moved", "half", "rest", "absent", "secret-2", "huge", "renamed", "empty", "removed", "directory",
    "good", "fifo", "moved", "loop", "secret-1", "sparse", "renamed", "locked", "removed", "secretless"]


def point(path, target):
    """Makes the path a link to the target, at once."""
    other = path.with_name(f"{path.name}.next")
    other.symlink_to(target)
    os.replace(other, path)


def put(directory, name):
    """Puts this in the place of the routes file."""
    path, kinds = directory / "routes.json", directory / "kinds"
    if name == "absent":
        path.unlink(missing_ok=True)
    elif name == "half":
        # In place, as a slow editor writes; "rest" is what it writes next.
        good = (kinds / "good").read_bytes()
        path.unlink(missing_ok=True)
        path.write_bytes(good[:len(good) // 2])
    elif name == "rest":
        good = (kinds / "good").read_bytes()
        with open(path, "ab") as file:
            file.write(good[len(good) // 2:])
    elif name.startswith("secret-"):
        point(directory / "secret", kinds / name)
        point(path, kinds / "good")
    else:
        point(path, kinds / name)


def storm(seconds, pid, directory=None):
    begun, sent, changes = time.monotonic(), 0, []
    while time.monotonic() < begun + seconds:
        if directory and sent % SIGNALS_EACH == 0:
            name = ROUND[sent // SIGNALS_EACH % len(ROUND)]
            put(directory, name)
            changes.append((time.time(), name))
        os.kill(pid, signal.SIGHUP)
        sent += 1
        time.sleep(max(0, begun + sent / PER_SECOND - time.monotonic()))
    return {"signals": sent, "changes": changes}


if __name__ == "__main__":
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    relay = (int(sys.argv[2]), pathlib.Path(sys.argv[3])) if sys.argv[2:] else (os.getpid(),)
    print(json.dumps(storm(float(sys.argv[1]), *relay)))
