"""The load: ready-made signed requests, each with a body of its own, which wrk posts by way of load.lua."""

import dataclasses
import hashlib
import hmac
import json
import os
import pathlib
import resource
import subprocess

KEY = b"a key that only the benchmark knows"
BODY_BYTES = 600
# Of a Slack message about such an event: names and numbers in it have different lengths.
SLACK_LENGTHS = range(350, 450)
PATH = "/webhooks/gruveo"
LUA = pathlib.Path(__file__).with_name("load.lua")
# wrk takes whole seconds; what it has sent by the deadline must be answered within these.
GRACE_SECONDS = 2


@dataclasses.dataclass
class Requests:
    """A file of `count` requests, `record` bytes each, and the id that each event gets, 16 bytes in hex."""

    path: pathlib.Path
    count: int
    record: int
    ids: list[str]

    def sent(self, counts):
        """The ids of what each thread sent: it begins at its own part and goes on in order."""
        part = self.count // len(counts)
        starts = range(0, part * len(counts), part)
        return {event for start, count in zip(starts, counts) for event in self.ids[start : start + count]}


def body(number):
    """One event as Gruveo would post it, padded to 600 bytes; the number makes it unlike all others."""
    event = {
        "timestamp": 1_598_615_831_871 + number, "maxParticipants": 2, "duration": number % 3600,
        "link": "@acme.sales", "location": "Greece", "resolution": ("answered", "missed", "declined")[number % 3],
        "user": {"name": "John Smith", "email": "john@acme.com"}, "tracking": {"customer_id": str(number)},
        "waitingTime": number % 60,
        "account": {"id": "9cf7336a-e40e-4628-bdac-4370298ccf14", "organization": "Acme Corp."},
        "assignedUsers": [
            {"name": "John Smith", "email": "john@acme.com"}, {"name": "Patty Jones", "email": "patty.jones@acme.com"},
        ],
        "comment": "",
    }  # fmt: skip
    text = json.dumps(event)
    return f"{text[:-2]}{'x' * (BODY_BYTES - len(text))}\"}}".encode()


def write_requests(path, count):
    """Writes the file: every request has the same length, so that the load finds them by number alone."""
    ids = []
    with open(path, "wb") as file:
        for number in range(count):
            event = body(number)
            signature = hmac.digest(KEY, event, "sha256").hex()
            head = (
                f"POST {PATH} HTTP/1.1\r\nHost: relay.example.com\r\nContent-Type: application/json\r\n"
                f"X-Gruveo-SHA256-HMAC: {signature}\r\nContent-Length: {len(event)}\r\n\r\n"
            )
            file.write(head.encode() + event)
            ids.append(hashlib.sha256(b"gruveo\0" + event).hexdigest()[:32])
    return Requests(path, count, len(head) + BODY_BYTES, ids)


def run(port, requests, *, seconds, connections, threads, wraps=False):
    """Runs wrk once. Returns load.lua's result, with wrk's own CPU time in microseconds as `cpu`."""
    environment = os.environ | {
        "LOAD_FILE": str(requests.path), "LOAD_RECORD": str(requests.record), "LOAD_COUNT": str(requests.count),
        "LOAD_THREADS": str(threads), "LOAD_SECONDS": str(seconds), "LOAD_WRAP": "1" if wraps else "0",
    }  # fmt: skip
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        ["wrk", f"-t{threads}", f"-c{connections}", f"-d{seconds + GRACE_SECONDS}", "--timeout", "60", "-s", LUA,
         f"http://127.0.0.1:{port}{PATH}"],
        env=environment, capture_output=True, text=True)  # fmt: skip
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    if done.returncode or not lines:
        raise RuntimeError(f"wrk failed: {done.stdout}{done.stderr}")
    result = json.loads(lines[0].removeprefix("RESULT "))
    result["cpu"] = (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1e6
    return result
