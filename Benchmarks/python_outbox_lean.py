"""A lean outbox: the yardstick's way with HTTP spoken by hand, in Python's standard library alone.

It verifies the signature, stores the event and its three deliveries in SQLite (WAL, synchronous=FULL) before it answers
200, and sends each over kept connections until it is answered 2xx. One process: asyncio's streams for the network, a
thread for the database which commits all that waits at once, `--connections` workers for each destination. It leaves
out what costs the relay time: it parses no event, matches no rules, and has no deadlines, no retry schedule, no dead
letters and no log.
"""

import argparse
import asyncio
import hashlib
import hmac
import os
import queue
import signal
import sqlite3
import threading
import time

DESTINATIONS = ("a", "b", "c")
RETRY_SECONDS = 5
SCHEMA = """
CREATE TABLE IF NOT EXISTS events (number INTEGER PRIMARY KEY, id BLOB, received INTEGER, body BLOB);
CREATE TABLE IF NOT EXISTS deliveries (key INTEGER PRIMARY KEY, delivered INTEGER);
"""


class Store(threading.Thread):
    """The database and its thread. Whatever waits when a commit begins is part of it."""

    def __init__(self, path, loop, on_fresh):
        super().__init__(name="store", daemon=True)
        self.path, self.loop, self.on_fresh = path, loop, on_fresh
        self.inbox = queue.SimpleQueue()

    def accept(self, id, body):
        """A future that is done when the event is durable."""
        done = self.loop.create_future()
        self.inbox.put((id, body, done))
        return done

    def delivered(self, key):
        self.inbox.put(key)

    def run(self):
        self.database = sqlite3.connect(self.path, isolation_level=None)
        self.database.execute("PRAGMA journal_mode=WAL")
        self.database.execute("PRAGMA synchronous=FULL")
        self.database.executescript(SCHEMA)
        self.last = self.database.execute("SELECT coalesce(max(number), 0) FROM events").fetchone()[0]
        self.known = {id for (id,) in self.database.execute("SELECT id FROM events")}
        waiting = self.database.execute(
            "SELECT key, id, body FROM deliveries JOIN events ON number = key / 4 WHERE delivered IS NULL").fetchall()
        self.loop.call_soon_threadsafe(self.on_fresh, waiting)
        while True:
            batch = [self.inbox.get()]
            while len(batch) < 512 and not self.inbox.empty():
                batch.append(self.inbox.get())
            if None in batch:
                return self.database.close()
            self.commit([entry for entry in batch if isinstance(entry, tuple)],
                        [entry for entry in batch if isinstance(entry, int)])

    def commit(self, accepted, delivered):
        now = time.time_ns() // 1_000_000
        events, deliveries = [], []
        for id, body, _ in accepted:
            if id not in self.known:
                self.known.add(id)
                self.last += 1
                events.append((self.last, id, now, body))
                deliveries += [(self.last * 4 + lane, id, body) for lane in range(len(DESTINATIONS))]
        run = self.database
        run.execute("BEGIN IMMEDIATE")
        run.executemany("INSERT INTO events VALUES (?, ?, ?, ?)", events)
        run.executemany("INSERT INTO deliveries (key) VALUES (?)", [(key,) for key, _, _ in deliveries])
        run.executemany("UPDATE deliveries SET delivered = ? WHERE key = ?", [(now, key) for key in delivered])
        run.execute("COMMIT")
        if accepted:
            self.loop.call_soon_threadsafe(self.tell, [done for _, _, done in accepted], deliveries)

    def tell(self, accepted, deliveries):
        for done in accepted:
            if not done.done():
                done.set_result(None)
        self.on_fresh(deliveries)


class Outbox:
    def __init__(self, options):
        self.options = options
        self.key = os.environb[b"BENCH_GRUVEO_KEY"]
        self.sink_key = os.environb[b"BENCH_CALL_LOG_KEY"]
        self.lanes = [asyncio.Queue() for _ in DESTINATIONS]
        self.store = Store(options.database, asyncio.get_running_loop(), self.queue)

    def queue(self, deliveries):
        for key, id, body in deliveries:
            self.lanes[key % 4].put_nowait((key, id, body))

    async def receive(self, reader, writer):
        """One client's connection."""
        try:
            while True:
                first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                fields = {}
                for line in filter(None, lines):
                    name, _, value = line.partition(":")
                    fields[name.lower()] = value.strip()
                body = await reader.readexactly(int(fields.get("content-length", 0)))
                status, answer = await self.handle(first, fields, body)
                head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(answer)}\r\n\r\n"
                writer.write((head + answer).encode())
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def handle(self, first, fields, body):
        if first == "GET /healthz HTTP/1.1":
            return "200 OK", ""
        if first != f"POST {self.options.path} HTTP/1.1":
            return "404 Not Found", ""
        wanted = hmac.new(self.key, body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(wanted, fields.get("x-gruveo-sha256-hmac", "")):
            return "401 Unauthorized", ""
        id = hashlib.sha256(b"gruveo\0" + body).digest()[:16]
        await self.store.accept(id, body)
        return "200 OK", f'{{"id":"evt_{id.hex()}"}}'

    async def deliver(self, lane, name):
        """One worker with a kept connection: one delivery after the other."""
        writer = None
        while True:
            key, id, body = delivery = await self.lanes[lane].get()
            try:
                if writer is None:
                    reader, writer = await asyncio.open_connection("127.0.0.1", self.options.sinks)
                writer.write(self.request(name, id, body))
                await writer.drain()
                if await self.is_taken(reader):
                    self.store.delivered(key)
                    continue
            except (OSError, asyncio.IncompleteReadError):
                if writer:
                    writer.close()
                writer = None
            asyncio.get_running_loop().call_later(RETRY_SECONDS, self.lanes[lane].put_nowait, delivery)

    def request(self, name, id, body):
        head = (
            f"POST /{name} HTTP/1.1\r\nHost: 127.0.0.1:{self.options.sinks}\r\nUser-Agent: outbox\r\n"
            f"Content-Type: application/json\r\nwebhook-id: evt_{id.hex()}\r\nRelay-Attempt: 1\r\n"
            f"Relay-Destination: {name}\r\nContent-Length: {len(body)}\r\n")
        if name == "c":
            head += f"X-Gruveo-SHA256-HMAC: {hmac.new(self.sink_key, body, hashlib.sha256).hexdigest()}\r\n"
        return head.encode() + b"\r\n" + body

    async def is_taken(self, reader):
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        _, found, rest = head.partition(b"content-length:")
        if found:
            await reader.readexactly(int(rest.partition(b"\r\n")[0]))
        return head[9:10] == b"2"


def parse_options(description):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--listen", type=int, required=True)
    parser.add_argument("--sinks", type=int, required=True)
    parser.add_argument("--path", required=True)
    parser.add_argument("--database", required=True)
    parser.add_argument("--connections", type=int, default=8, help="to each destination")
    return parser.parse_args()


async def main():
    options = parse_options(__doc__)
    outbox = Outbox(options)
    outbox.store.start()
    workers = [
        asyncio.create_task(outbox.deliver(lane, name))
        for lane, name in enumerate(DESTINATIONS) for _ in range(options.connections)]  # fmt: skip
    server = await asyncio.start_server(outbox.receive, "127.0.0.1", options.listen, backlog=1024)
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    await stopped.wait()
    server.close()
    for worker in workers:
        worker.cancel()
    outbox.store.inbox.put(None)
    await asyncio.to_thread(outbox.store.join)


if __name__ == "__main__":
    asyncio.run(main())
