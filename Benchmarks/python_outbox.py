"""The yardstick: an outbox as one writes it by hand in an afternoon, with the library that one takes for it, aiohttp.

It verifies the signature, stores the event and its three deliveries in SQLite (WAL, synchronous=FULL) before it answers
200, and sends each over kept connections until it is answered 2xx. Its database is the lean outbox's: a thread which
commits all that waits at once. It leaves out what costs the relay time: it parses no event, matches no rules, and has no
retry schedule, no dead letters and no log.
"""

import asyncio
import hashlib
import hmac
import os
import signal

import aiohttp
from aiohttp import web

from python_outbox_lean import DESTINATIONS, RETRY_SECONDS, Store, parse_options


class Outbox:
    def __init__(self, options, session):
        self.options, self.session = options, session
        self.key = os.environb[b"BENCH_GRUVEO_KEY"]
        self.sink_key = os.environb[b"BENCH_CALL_LOG_KEY"]
        self.lanes = [asyncio.Queue() for _ in DESTINATIONS]
        self.store = Store(options.database, asyncio.get_running_loop(), self.queue)

    def queue(self, deliveries):
        for key, id, body in deliveries:
            self.lanes[key % 4].put_nowait((key, id, body))

    async def receive(self, request):
        body = await request.read()
        wanted = hmac.new(self.key, body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(wanted, request.headers.get("X-Gruveo-SHA256-HMAC", "")):
            return web.Response(status=401)
        id = hashlib.sha256(b"gruveo\0" + body).digest()[:16]
        await self.store.accept(id, body)
        return web.json_response({"id": f"evt_{id.hex()}"})

    async def deliver(self, lane, name):
        """One worker: one delivery after the other."""
        while True:
            key, id, body = delivery = await self.lanes[lane].get()
            try:
                async with self.session.post(self.url(name), data=body, headers=self.headers(name, id, body)) as answer:
                    await answer.read()
                    if answer.ok:
                        self.store.delivered(key)
                        continue
            except aiohttp.ClientError:
                pass
            asyncio.get_running_loop().call_later(RETRY_SECONDS, self.lanes[lane].put_nowait, delivery)

    def url(self, name):
        return f"http://127.0.0.1:{self.options.sinks}/{name}"

    def headers(self, name, id, body):
        headers = {
            "Content-Type": "application/json", "webhook-id": f"evt_{id.hex()}", "Relay-Attempt": "1",
            "Relay-Destination": name,
        }  # fmt: skip
        if name == "c":
            headers["X-Gruveo-SHA256-HMAC"] = hmac.new(self.sink_key, body, hashlib.sha256).hexdigest()
        return headers


async def main():
    options = parse_options(__doc__)
    connector = aiohttp.TCPConnector(limit=options.connections * len(DESTINATIONS))
    async with aiohttp.ClientSession(connector=connector) as session:
        outbox = Outbox(options, session)
        outbox.store.start()
        workers = [
            asyncio.create_task(outbox.deliver(lane, name))
            for lane, name in enumerate(DESTINATIONS) for _ in range(options.connections)]  # fmt: skip
        application = web.Application()
        application.router.add_post(options.path, outbox.receive)
        application.router.add_get("/healthz", lambda _: asyncio.sleep(0, web.Response()))
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", options.listen, backlog=1024).start()
        stopped = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
        await stopped.wait()
        await runner.cleanup()
        for worker in workers:
            worker.cancel()
        outbox.store.inbox.put(None)
        await asyncio.to_thread(outbox.store.join)


asyncio.run(main())
