"""Makes a state directory with many waiting events, by the schema of the program itself.

    big_state.py DIR COUNT      makes DIR/state, whose relay was killed, with COUNT events for each of three destinations
"""

import hashlib
import json
import pathlib
import sqlite3
import sys
import time

from harness import Relay, eventually, sample

BODY_BYTES = 600
DESTINATIONS = ("a", "b", "c")


def routes(port=9):
    """Three destinations that take no connection: all stays queued."""
    return {
        "sources": {"gruveo": {"path": "/webhooks/gruveo", "keys": [{"env": "GRUVEO_KEY"}]}},
        "destinations": {name: {"url": f"http://127.0.0.1:{port}/{name}", "allowPrivate": ["127.0.0.0/8"]}
                         for name in DESTINATIONS},
        "routes": [{"name": "all", "match": {}, "to": list(DESTINATIONS)}],
    }


def body(number, now):
    event = json.dumps({"timestamp": now, "link": "@acme.sales", "resolution": "missed", "number": number})
    return (event[:-1] + ', "filler": "').encode().ljust(BODY_BYTES - 2, b"x") + b'"}'


def rows(first, last, now):
    """Rows of events and of deliveries, as the store writes them."""
    events, deliveries = [], []
    for number in range(first, last):
        data = body(number, now)
        digest = hashlib.sha256(b"gruveo\0" + data).digest()
        high, low = (int.from_bytes(digest[at:at + 8], "big", signed=True) for at in (0, 8))
        events.append((number, high, low, now, data))
        deliveries += [(number << 16 | destination,) for destination in range(1, len(DESTINATIONS) + 1)]
    return events, deliveries


def fill(state, count):
    """Adds events to a store that a relay has closed in order and that has one event already."""
    now = int(time.time() * 1000)
    database = sqlite3.connect(state / "queue.sqlite", isolation_level=None)
    database.execute("PRAGMA synchronous = OFF")
    for first in range(2, count + 1, 64):
        events, deliveries = rows(first, min(first + 64, count + 1), now)
        if first % 6400 == 2:
            database.execute("BEGIN")
        database.executemany(
            "INSERT INTO events (id, high, low, source, received, kind, routes, body) VALUES (?, ?, ?, 1, ?, 0, 1, ?)",
            events)
        database.executemany("INSERT INTO deliveries (id, state) VALUES (?, 0)", deliveries)
        if (first + 64) % 6400 == 2 or first + 64 > count:
            database.execute("COMMIT")
    total = count * len(DESTINATIONS)
    database.execute("UPDATE totals SET matched = ?, routed = ?, pending = ?, last_event = ?",
                     (count, total, total, count))
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()


def make(relay, count):
    """Fills the relay's state; it is stopped and its mark says that it was killed."""
    relay.start()
    assert relay.post(sample("first"))[0] == 200
    assert relay.stop() == 0
    fill(relay.state, count)
    relay.start()
    eventually(lambda: f"highest {count:020}" in (relay.state / "queue.mark").read_text(), what="the mark")
    relay.kill()


if __name__ == "__main__":
    pathlib.Path(sys.argv[1]).mkdir(exist_ok=True)
    made = Relay(routes(), directory=sys.argv[1], arguments=["--log-level", "warning"])
    make(made, int(sys.argv[2]))
    print(made.state)
