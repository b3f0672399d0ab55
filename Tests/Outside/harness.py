"""Drives the built binary as its users do: a relay process, recording destinations, signed posts."""

import base64
import hashlib
import hmac
import http.client
import http.server
import itertools
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BINARY = str(ROOT / os.environ.get("RELAY_BINARY", ".build/debug/gruveo-relay"))
KEY = "a-key-of-the-tests-0123456789"
SAMPLE = (
    b'{ "timestamp": 1598615831871, "maxParticipants": 2, "duration": 183, "link": "@acme.sales", '
    b'"location": "Greece", "resolution": "answered", "user": { "name": "John Smith", "email": "john@acme.com" }, '
    b'"tracking": { "customer_id": "14810" }, "waitingTime": 5, '
    b'"account": { "id": "9cf7336a-e40e-4628-bdac-4370298ccf14", "organization": "Acme Corp." }, '
    b'"assignedUsers": [ { "name": "John Smith", "email": "john@acme.com" }, '
    b'{ "name": "Patty Jones", "email": "patty.jones@acme.com" } ] }')


def eventually(condition, seconds=15, what="the condition"):
    """Waits until the condition holds and returns its value; bounded."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"{what} did not come true within {seconds} s")


def preloading(directory, source):
    """An environment in which a program's calls of the C library come to these functions in C first."""
    library = directory / "preloaded.so"
    command = ["gcc", "-shared", "-fPIC", "-O1", "-x", "c", "-", "-o", str(library), "-ldl"]
    subprocess.run(command, input=source.encode(), check=True)
    return {"LD_PRELOAD": str(library)}


class SignalAtCall:
    """Sends a relay that is started with this environment a signal at one of its calls: see calls.c."""

    def __init__(self, directory, **environment):
        self.file = directory / "order"
        library = preloading(directory, pathlib.Path(__file__).with_name("calls.c").read_text())
        self.environment = {**library, "CALL_ORDER": str(self.file), **environment}

    def order(self, order):
        """Counts from now on, as in `KILL 3 before pwrite /queue.sqlite`."""
        self.file.write_text(order)

    def is_ordered(self):
        """Whether the signal is still to be sent."""
        return self.file.exists()


def injecting(log, calls, what):
    """What a program is started behind for strace to do this to its system calls."""
    return ["strace", "-f", "-o", str(log), "-e", "signal=none", "-e", f"trace={calls}", "-e", f"inject={calls}:{what}"]


# Below the ports that the kernel gives to outgoing connections: one of these could otherwise take a port between the
# look and the use. Each worker of pytest-xdist (gw0, gw1 …) has ports of its own.
PORTS = range(20_000, 32_000)[int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:])::8]
next_port = itertools.count(random.randrange(len(PORTS)))


def free_port():
    """A port of loopback that nobody listens on, and that this process has not given out before."""
    for _ in PORTS:
        port = PORTS[next(next_port) % len(PORTS)]
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise AssertionError("no port is free")


def signature(body, key=KEY, form="hex"):
    digest = hmac.new(key.encode(), body, hashlib.sha256).digest()
    return {
        "hex": digest.hex(), "HEX": digest.hex().upper(),
        "base64": base64.b64encode(digest).decode(),
        "base64url": base64.urlsafe_b64encode(digest).decode().rstrip("="),
    }[form]


def event_id(body, source="gruveo"):
    return "evt_" + hashlib.sha256(source.encode() + b"\0" + body).hexdigest()[:32]


def sample(mark, **changes):
    """The sample event made unique by a customer_id; `changes` replaces top-level fields."""
    event = json.loads(SAMPLE)
    event["tracking"] = {"customer_id": str(mark)}
    event.update(changes)
    return json.dumps(event).encode()


def certificate(directory, name="localhost"):
    """A certificate that vouches for itself, and its key: two files that are made in this directory."""
    made, key = directory / f"{name}.pem", directory / f"{name}.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", made, "-days", "2",
                    "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}"], check=True, capture_output=True)
    return made, key


def every(seconds, times):
    """The keys of a destination that is tried again soon and often."""
    return {"retry": {"schedule": [f"{seconds}s"] * times, "for": "1h"}}


def child_of(pid):
    """The one process that another started (strace and its tracee)."""
    children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(children[0])


class Sink:
    """A destination on loopback that records each request and answers as `answer(request)` says."""

    def __init__(self, answer=lambda request: 200, port=0):
        sink = self
        self.requests = []
        self.answer = answer
        self.connections = set()

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self):
                super().setup()
                sink.connections.add(self.connection)

            def finish(self):
                sink.connections.discard(self.connection)
                try:
                    super().finish()
                except OSError:
                    pass

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                request = {"method": self.command, "path": self.path, "headers": dict(self.headers.items()),
                           "names": [name.lower() for name in self.headers.keys()], "body": body, "at": time.time()}
                sink.requests.append(request)
                given = sink.answer(request)
                status, headers, text = given if isinstance(given, tuple) else (given, {}, b"")
                self.send_response_only(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            # GET too: that is what a redirect that is followed turns a POST into.
            do_GET = do_PUT = do_PATCH = do_POST

            def log_message(self, *arguments):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 256

            def handle_error(self, *arguments):
                """A relay that is killed in the middle of a request is what these tests do."""

        self.server = Server(("127.0.0.1", port), Handler)
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def ids(self):
        return [request["headers"]["webhook-id"] for request in self.requests]

    def bodies(self):
        return [request["body"] for request in self.requests]

    def close(self):
        """Also ends the connections that are kept alive, as a process that stops does."""
        self.server.shutdown()
        self.server.server_close()
        for connection in list(self.connections):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


# Passes a descriptor as a service manager does: as number 3, and meant for the process that the program becomes.
HAND_OVER = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ.setdefault("LISTEN_FDS", "1")
os.environ["LISTEN_PID"] = str(os.getpid())
os.execv(sys.argv[2], sys.argv[2:])
"""


class Relay:
    """One `gruveo-relay serve` in a directory of its own; `passed` is a listening socket that it is started with."""

    def __init__(self, routes, directory=None, environment=None, arguments=(), prefix=(), state=None, passed=None):
        self.directory = pathlib.Path(directory or tempfile.mkdtemp(prefix="relay-test-"))
        self.owns_directory = directory is None
        self.state = pathlib.Path(state or self.directory / "state")
        self.routes_path = self.directory / "routes.json"
        self.log_path = self.directory / "log"
        self.environment = {**os.environ, "GRUVEO_KEY": KEY, **(environment or {})}
        self.arguments, self.prefix = list(arguments), list(prefix)
        self.passed = passed
        self.port = passed.getsockname()[1] if passed else free_port()
        self.process = None
        self.write_routes(routes)

    def write_routes(self, routes):
        self.routes_path.write_text(routes if isinstance(routes, str) else json.dumps(routes, indent=2))

    def start(self, wait=True):
        log = open(self.log_path, "ab")
        passed = [self.passed.fileno()] if self.passed else []
        launcher = [sys.executable, "-Ic", HAND_OVER, *map(str, passed)] if passed else []
        self.process = subprocess.Popen(
            [*self.prefix, *launcher, BINARY, "serve", "--config", str(self.routes_path), "--state", str(self.state),
             "--listen", f"127.0.0.1:{self.port}", *self.arguments],
            env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=passed)
        log.close()
        if wait:
            eventually(self.is_up, 30, f"start: {self.log_path.read_text()[-2000:]}")
            eventually(self.is_asked, 15, "the admin socket")
        return self

    def is_asked(self):
        """Whether somebody listens at the admin socket: a process that was killed leaves its own behind."""
        try:
            with socket.socket(socket.AF_UNIX) as admin:
                admin.connect(str(self.state / "admin.sock"))
                return True
        except OSError:
            return False

    def is_up(self):
        if self.process.poll() is not None:
            raise AssertionError(f"serve ended with {self.process.returncode}: {self.log()}")
        try:
            return self.request("GET", "/healthz")[0] == 200
        except OSError:
            return False

    def request(self, method, path, body=None, headers=None, timeout=10):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request(method, path, body=body, headers=headers or {})
            response = connection.getresponse()
            return response.status, response.read(), dict(response.getheaders())
        finally:
            connection.close()

    def raw(self, data, timeout=10):
        """Sends these bytes on a connection of their own and returns all that comes until it ends or is silent."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=timeout) as connection:
            connection.sendall(data)
            answer = b""
            try:
                while chunk := connection.recv(65536):
                    answer += chunk
            except (TimeoutError, ConnectionResetError):
                pass
            return answer

    def post(self, body=SAMPLE, key=KEY, form="hex", headers=None, path="/webhooks/gruveo"):
        given = {"Content-Type": "application/json", "X-Gruveo-SHA256-HMAC": signature(body, key, form)}
        return self.request("POST", path, body, {**given, **(headers or {})})

    def command(self, *arguments, input=None, check=None):
        done = subprocess.run([BINARY, *arguments], env=self.environment, input=input, capture_output=True, timeout=60)
        if check is not None:
            assert done.returncode == check, (done.returncode, done.stdout, done.stderr)
        return done

    def check(self, *arguments):
        return self.command("check", str(self.routes_path), *arguments)

    def counts(self):
        """The relay's own books, through its admin socket."""
        with socket.socket(socket.AF_UNIX) as admin:
            admin.settimeout(10)
            admin.connect(str(self.state / "admin.sock"))
            admin.sendall(b"GET /counts HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            answer = b""
            while chunk := admin.recv(65536):
                answer += chunk
        return json.loads(answer.split(b"\r\n\r\n", 1)[1])

    def settled(self, seconds=20, **expected):
        """Waits until nothing is pending and these counts stand; returns them."""
        def look():
            counts = self.counts()
            return counts if counts["pending"] == 0 and expected.items() <= counts.items() else None
        try:
            counts = eventually(look, seconds, f"{expected} and nothing pending")
        except AssertionError as error:
            raise AssertionError(f"{error}: {self.counts()}\n{self.log()[-2000:]}") from None
        created, ended = ("routed", "replayed"), ("delivered", "dead", "discarded")
        assert sum(counts[name] for name in created) == sum(counts[name] for name in ended), counts
        return counts

    def reload(self, routes):
        self.write_routes(routes)
        return self.command("reload", "--state", str(self.state))

    def dead_letters(self):
        return sorted(self.state.glob("dead-letters/*/*.json"))

    def log(self):
        return self.log_path.read_text(errors="replace")

    def pid(self):
        """The relay's own process, also where another command (strace) runs it."""
        return child_of(self.process.pid) if self.prefix else self.process.pid

    def kill(self):
        os.kill(self.pid(), signal.SIGKILL)
        self.process.wait()

    def stop(self, seconds=20):
        """SIGTERM, and the exit code."""
        if self.process and self.process.poll() is None:
            os.kill(self.pid(), signal.SIGTERM)
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise
        return self.process.returncode if self.process else None

    def close(self):
        if self.process and self.process.poll() is None:
            try:
                self.kill()
            except (OSError, IndexError):
                self.process.kill()
                self.process.wait()
        if self.owns_directory:
            shutil.rmtree(self.directory, ignore_errors=True)


class Callers:
    """Two clients that post one event after the other without a pause, each on a connection of its own."""

    def __init__(self, relay):
        self.relay, self.answers, self.failures = relay, [], []
        self.over = threading.Event()
        self.threads = [threading.Thread(target=self.call, args=(name,)) for name in "ab"]

    def call(self, name):
        for number in itertools.count():
            if self.over.is_set():
                return
            body = sample(f"{name}{number}")
            try:
                given = {"X-Gruveo-SHA256-HMAC": signature(body)}
                self.answers.append(self.relay.request("POST", "/webhooks/gruveo", body, given, timeout=60)[0])
            except (OSError, http.client.HTTPException) as failure:
                self.failures.append(repr(failure))

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for thread in self.threads:
            thread.join()


def routes_to(sinks, **more):
    """A routes file that sends every event to each of these sinks; `more` adds to a destination by name."""
    return {
        "sources": {"gruveo": {"path": "/webhooks/gruveo", "keys": [{"env": "GRUVEO_KEY"}]}},
        "destinations": {
            name: {"url": f"{sink.url}/{name}", "allowPrivate": ["127.0.0.0/8"], **more.get(name, {})}
            for name, sink in sinks.items()},
        "routes": [{"name": "all", "match": {}, "to": list(sinks)}],
    }
