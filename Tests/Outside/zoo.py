"""Destinations that misbehave: a raw-socket server on loopback, where the path says how."""

import collections
import contextlib
import gzip
import socket
import ssl
import struct
import threading
import time

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
BLOCK = b"x" * 65536
GIGABYTE = 1 << 30
BOMB = gzip.compress(bytes(64 << 20))


def answer(status, headers=(), body=b""):
    lines = [f"HTTP/1.1 {status} Word", *headers, f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


class Peer:
    """One connection to the zoo."""

    def __init__(self, server, connection):
        self.server, self.connection, self.pending = server, connection, b""

    def request(self):
        """The next request's path and headers, its body read too; None at the end."""
        while b"\r\n\r\n" not in self.pending:
            if not (chunk := self.connection.recv(65536)):
                return None
            self.pending += chunk
        head, _, rest = self.pending.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        length = int(headers.get("content-length", 0))
        while len(rest) < length:
            if not (chunk := self.connection.recv(65536)):
                return None
            rest += chunk
        self.pending = rest[length:]
        return lines[0].split()[1], headers

    def send(self, data):
        self.connection.sendall(data)

    def drip(self, data, seconds=1.0):
        """One byte at a time."""
        for byte in data:
            self.send(bytes([byte]))
            if self.server.stopped.wait(seconds):
                return

    def endless(self, piece, most=GIGABYTE):
        sent = 0
        while sent < most and not self.server.stopped.is_set():
            self.send(piece)
            sent += len(piece)

    def hang(self):
        """Until the client gives up."""
        while not self.server.stopped.is_set() and self.connection.recv(65536):
            pass

    def reset(self):
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def close(self):
        self.connection.close()


def in_two(peer, first, second, pause):
    peer.send(first)
    time.sleep(pause)
    peer.send(second)


# What each path does with a request. Those that do not end the connection are asked again on it.
BEHAVIOURS = {
    "ok": lambda peer: peer.send(OK),
    "never-answer": Peer.hang,
    "slow-headers": lambda peer: peer.drip(OK),
    "slow-body": lambda peer: peer.drip(b"x" * 100, 1) if peer.send(
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n") is None else None,
    "slow-body-of-503": lambda peer: peer.drip(b"x" * 100, 1) if peer.send(
        b"HTTP/1.1 503 No\r\nContent-Length: 100\r\n\r\n") is None else None,
    "gigabyte-chunked": lambda peer: peer.endless(b"10000\r\n" + BLOCK + b"\r\n") if peer.send(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n") is None else None,
    "gigabyte": lambda peer: peer.endless(BLOCK) if peer.send(
        f"HTTP/1.1 200 OK\r\nContent-Length: {GIGABYTE}\r\n\r\n".encode()) is None else None,
    "gigabyte-of-500": lambda peer: peer.endless(BLOCK) if peer.send(
        f"HTTP/1.1 500 No\r\nContent-Length: {GIGABYTE}\r\n\r\n".encode()) is None else None,
    "endless-headers": lambda peer: peer.endless(b"X-More: " + b"y" * 1000 + b"\r\n") if peer.send(
        b"HTTP/1.1 200 OK\r\n") is None else None,
    "endless-header": lambda peer: peer.endless(BLOCK) if peer.send(b"HTTP/1.1 200 OK\r\nX-Long: ") is None else None,
    "endless-1xx": lambda peer: peer.endless(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"),
    "slow-1xx": lambda peer: [peer.send(b"HTTP/1.1 102 Processing\r\n\r\n") or time.sleep(0.2) for _ in range(100)],
    "garbage": lambda peer: (peer.send(bytes(range(256)) * 40), peer.close()),
    "http-0.9": lambda peer: (peer.send(b"<html>ok</html>"), peer.close()),
    "hang-up": Peer.close,
    "reset": Peer.reset,
    "close-in-body": lambda peer: (peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"), peer.close()),
    "close-in-body-of-503": lambda peer: (
        peer.send(b"HTTP/1.1 503 No\r\nContent-Length: 100\r\n\r\nhalf"), peer.close()),
    "close-in-headers": lambda peer: (peer.send(b"HTTP/1.1 200 OK\r\nContent-"), peer.close()),
    "close-in-chunk": lambda peer: (
        peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nhalf"), peer.close()),
    "no-chunk": lambda peer: peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
    "closes-without-saying": lambda peer: (peer.send(OK), peer.close()),
    "204-with-body": lambda peer: peer.send(b"HTTP/1.1 204 None\r\nContent-Length: 2\r\n\r\nok"),
    "length-too-short": lambda peer: peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nok, and more"),
    "length-negative": lambda peer: peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nok"),
    "length-no-number": lambda peer: peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: two\r\n\r\nok"),
    "two-lengths": lambda peer: peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok"),
    "two-answers": lambda peer: peer.send(OK + answer(422)),
    "two-answers-late": lambda peer: in_two(peer, OK, answer(422), 0.05),
    "gzip-bomb": lambda peer: peer.send(answer(200, ["Content-Encoding: gzip"], BOMB)),
    "redirect-loop": lambda peer: peer.send(answer(302, ["Location: /redirect-loop"])),
    "redirect-file": lambda peer: peer.send(answer(301, ["Location: file:///etc/hostname"])),
    "redirect-metadata": lambda peer: peer.send(answer(307, ["Location: http://169.254.169.254/latest/meta-data"])),
    "redirect-canary": lambda peer: peer.send(answer(308, ["Location: /canary"])),
    "canary": lambda peer: peer.send(OK),
    "limited": lambda peer: peer.send(answer(429, ["Retry-After: 60"])),
}


def demanding(server, client, version, *protocols):
    """A server's side of TLS in this version only, which wants a certificate of the client that this one vouches for."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*server)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(client[0])
    context.minimum_version = context.maximum_version = version
    if protocols:
        context.set_alpn_protocols(protocols)
    return context


class Zoo:
    """The server; `seen` counts requests by path."""

    def __init__(self):
        self.stopped = threading.Event()
        self.seen = collections.Counter()
        self.times = collections.defaultdict(list)
        self.behaviours = dict(BEHAVIOURS)
        self.others = []
        self.url = self.open()

    def open(self, context=None):
        """A port of its own, for what spoils the connections of others: libcurl keeps one pool for each origin.

        With an `ssl.SSLContext` it speaks TLS, for the host localhost.
        """
        listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.others.append(listener)
        threading.Thread(target=self.accept, args=(listener, context), daemon=True).start()
        return f"{'https://localhost' if context else 'http://127.0.0.1'}:{listener.getsockname()[1]}"

    def accept(self, listener, context):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection, context), daemon=True).start()

    def serve(self, connection, context):
        try:
            if context:
                connection = context.wrap_socket(connection, server_side=True)
            peer = Peer(self, connection)
            while request := peer.request():
                path, _ = request
                name = path.strip("/")
                self.seen[name] += 1
                self.times[name].append(time.monotonic())
                if name.startswith("status-"):
                    peer.send(answer(int(name[-3:])))
                else:
                    self.behaviours[name](peer)
        except (OSError, ValueError):
            pass
        finally:
            connection.close()

    def blackhole(self):
        """The URL of a listener whose queue is full: a further SYN is lost."""
        listener = socket.create_server(("127.0.0.1", 0), backlog=0)
        port = listener.getsockname()[1]
        self.others.append(listener)
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
            self.others.append(filler)
        return f"http://127.0.0.1:{port}/"

    def deaf(self):
        """The URL of a listener that accepts and never reads."""
        listener = socket.create_server(("127.0.0.1", 0))
        listener.settimeout(60)
        self.others.append(listener)

        def accept():
            try:
                while True:
                    self.others.append(listener.accept()[0])
            except OSError:
                pass

        threading.Thread(target=accept, daemon=True).start()
        return f"http://127.0.0.1:{listener.getsockname()[1]}/"

    def close(self):
        self.stopped.set()
        for other in self.others:
            with contextlib.suppress(OSError):
                other.shutdown(socket.SHUT_RDWR)
            other.close()
