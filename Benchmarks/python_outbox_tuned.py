"""A second yardstick: the same outbox, made as fast as the standard library allows without several processes.

Protocols instead of streams, no thread: all requests that are ready in one turn of the loop share a commit, made on the
loop itself. It leaves out what costs the relay time: it parses no event, matches no rules, and has no deadlines, no
retry schedule, no dead letters and no log.
"""

import argparse
import asyncio
import collections
import gc
import hashlib
import hmac
import os
import signal
import sqlite3
import time

DESTINATIONS = (b"a", b"b", b"c")
RETRY_SECONDS = 5
SCHEMA = """
CREATE TABLE IF NOT EXISTS events (number INTEGER PRIMARY KEY, id BLOB, received INTEGER, body BLOB);
CREATE TABLE IF NOT EXISTS deliveries (key INTEGER PRIMARY KEY, delivered INTEGER);
"""
ACCEPTED = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 45\r\n\r\n{"id":"evt_%b"}'
HEALTHY = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
REFUSED = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n"
NOT_FOUND = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"


class Outbox:
    """The database, the events waiting for its next commit, and the queues of the destinations."""

    def __init__(self, options, loop):
        self.loop = loop
        self.key = os.environb[b"BENCH_GRUVEO_KEY"]
        self.sink_key = os.environb[b"BENCH_CALL_LOG_KEY"]
        self.request_line = b"POST %b HTTP/1.1" % options.path.encode()
        self.database = sqlite3.connect(options.database, isolation_level=None)
        self.database.execute("PRAGMA journal_mode=WAL")
        self.database.execute("PRAGMA synchronous=FULL")
        self.database.executescript(SCHEMA)
        self.last = self.database.execute("SELECT coalesce(max(number), 0) FROM events").fetchone()[0]
        self.known = {id for (id,) in self.database.execute("SELECT id FROM events")}
        self.accepted, self.ended = [], []
        self.is_scheduled = False
        self.lanes = [Lane(self, number, name, options) for number, name in enumerate(DESTINATIONS)]
        self.recover()

    def recover(self):
        """Queues what was not delivered when the process last ended."""
        rows = self.database.execute(
            "SELECT key, id, body FROM deliveries JOIN events ON number = key >> 2 WHERE delivered IS NULL")
        for key, id, body in rows:
            self.lanes[key & 3].queue.append((key, id.hex().encode(), body))

    def accept(self, body, connection):
        id = hashlib.sha256(b"gruveo\0" + body).digest()[:16]
        self.accepted.append((id, body, connection))
        self.schedule()

    def settle(self, key):
        self.ended.append(key)
        # A settle alone waits a little for company: nobody waits for it.
        if not self.is_scheduled and len(self.ended) == 1:
            self.loop.call_later(0.005, self.schedule)

    def schedule(self):
        if not self.is_scheduled:
            self.is_scheduled = True
            # Behind all that is ready in this turn of the loop: they share the commit.
            self.loop.call_soon(self.commit)

    def commit(self):
        self.is_scheduled = False
        accepted, self.accepted = self.accepted, []
        ended, self.ended = self.ended, []
        if not accepted and not ended:
            return
        now = time.time_ns() // 1_000_000
        events, fresh = [], []
        for id, body, _ in accepted:
            if id not in self.known:
                self.known.add(id)
                self.last += 1
                events.append((self.last, id, now, body))
                fresh.append((self.last, id.hex().encode(), body))
        run = self.database
        run.execute("BEGIN IMMEDIATE")
        run.executemany("INSERT INTO events VALUES (?, ?, ?, ?)", events)
        run.executemany(
            "INSERT INTO deliveries (key) VALUES (?)",
            [(number << 2 | lane,) for number, _, _ in fresh for lane in range(len(DESTINATIONS))])
        run.executemany("UPDATE deliveries SET delivered = ? WHERE key = ?", [(now, key) for key in ended])
        run.execute("COMMIT")
        for id, _, connection in accepted:
            connection.write(ACCEPTED % id.hex().encode())
        for number, id, body in fresh:
            for lane in self.lanes:
                lane.queue.append((number << 2 | lane.number, id, body))
        for lane in self.lanes:
            lane.pump()


class Receiver(asyncio.Protocol):
    """One client's connection: requests with a Content-Length, one after the other."""

    def __init__(self, outbox):
        self.outbox = outbox
        self.buffer = b""

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.buffer = self.buffer + data if self.buffer else data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            first, *lines = self.buffer[:end].split(b"\r\n")
            fields = {}
            for line in lines:
                name, _, value = line.partition(b":")
                fields[name.lower()] = value.strip()
            size = end + 4 + int(fields.get(b"content-length", 0))
            if len(self.buffer) < size:
                return
            body, self.buffer = self.buffer[end + 4 : size], self.buffer[size:]
            self.handle(first, fields, body)

    def handle(self, first, fields, body):
        if first != self.outbox.request_line:
            return self.transport.write(HEALTHY if first == b"GET /healthz HTTP/1.1" else NOT_FOUND)
        wanted = hmac.digest(self.outbox.key, body, "sha256").hex().encode()
        if not hmac.compare_digest(wanted, fields.get(b"x-gruveo-sha256-hmac", b"")):
            return self.transport.write(REFUSED)
        self.outbox.accept(body, self.transport)


class Lane:
    """A destination: its queue and its kept connections, each with one request at a time."""

    def __init__(self, outbox, number, name, options):
        self.outbox, self.number, self.port = outbox, number, options.sinks
        self.limit = options.connections
        self.head = (
            b"POST /%b HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUser-Agent: outbox\r\nContent-Type: application/json\r\n"
            b"Relay-Destination: %b\r\nRelay-Attempt: 1\r\n" % (name, options.sinks, name))
        self.signs = name == b"c"
        self.queue = collections.deque()
        self.idle, self.open = [], 0

    def pump(self):
        while self.queue and self.idle:
            self.idle.pop().send(self.queue.popleft())
        while self.open < min(self.limit, len(self.queue)):
            self.open += 1
            self.outbox.loop.create_task(self.connect())

    async def connect(self):
        try:
            await self.outbox.loop.create_connection(lambda: Sender(self), "127.0.0.1", self.port)
        except OSError:
            self.outbox.loop.call_later(RETRY_SECONDS, self.closed)

    def closed(self):
        self.open -= 1
        self.pump()

    def request(self, id, body):
        signature = b""
        if self.signs:
            digest = hmac.digest(self.outbox.sink_key, body, "sha256")
            signature = b"X-Gruveo-SHA256-HMAC: %b\r\n" % digest.hex().encode()
        return b"%bwebhook-id: evt_%b\r\n%bContent-Length: %d\r\n\r\n%b" % (self.head, id, signature, len(body), body)

    def ended(self, delivery, is_delivered):
        if is_delivered:
            self.outbox.settle(delivery[0])
        else:
            self.outbox.loop.call_later(RETRY_SECONDS, self.queue.append, delivery)


class Sender(asyncio.Protocol):
    """One kept connection to a destination."""

    def __init__(self, lane):
        self.lane = lane
        self.delivery = None
        self.buffer = b""

    def connection_made(self, transport):
        self.transport = transport
        self.next()

    def connection_lost(self, _):
        if self.delivery:
            self.lane.ended(self.delivery, False)
        if self in self.lane.idle:
            self.lane.idle.remove(self)
        self.lane.closed()

    def send(self, delivery):
        self.delivery = delivery
        self.transport.write(self.lane.request(delivery[1], delivery[2]))

    def data_received(self, data):
        self.buffer += data
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self.buffer[:end].lower()
        _, _, rest = head.partition(b"\r\ncontent-length:")
        if len(self.buffer) < end + 4 + int(rest.partition(b"\r\n")[0] or 0):
            return
        self.buffer = b""
        delivery, self.delivery = self.delivery, None
        self.lane.ended(delivery, head[9:10] == b"2")
        self.next()

    def next(self):
        if self.lane.queue:
            self.send(self.lane.queue.popleft())
        else:
            self.lane.idle.append(self)


async def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--listen", type=int, required=True)
    parser.add_argument("--sinks", type=int, required=True)
    parser.add_argument("--path", required=True)
    parser.add_argument("--database", required=True)
    parser.add_argument("--connections", type=int, default=8, help="to each destination")
    options = parser.parse_args()
    loop = asyncio.get_running_loop()
    outbox = Outbox(options, loop)
    server = await loop.create_server(lambda: Receiver(outbox), "127.0.0.1", options.listen, backlog=1024)
    # Nothing here makes cycles, and what is alive is only looked at again and again.
    gc.freeze()
    stopped = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stopped.set)
    await stopped.wait()
    server.close()
    outbox.commit()
    outbox.database.close()


asyncio.run(main())
