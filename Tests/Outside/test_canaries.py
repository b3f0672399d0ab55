"""No connection to an address outside the policy, whatever leads there: in a network of its own, with canaries.

The test runs itself again in a network and mount namespace, where the forbidden addresses exist and listen. It needs
root. Two addresses that are allowed show that the canaries would have sung.
"""

import json
import os
import pathlib
import shutil
import socket
import socketserver
import struct
import subprocess
import sys
import threading
import time

import pytest

from harness import Relay, eventually, routes_to, sample

ADDRESS_KEPT_SECONDS = 60  # libcurl's default of CURLOPT_DNS_CACHE_TIMEOUT
FORBIDDEN = ("169.254.169.254", "10.0.0.5", "fd00::5", "127.0.0.1", "::1")
# A public address as any other; here it is on the loopback interface of the namespace.
PUBLIC = "93.184.216.34"
HOSTS = ["internal", "meta", "six", "loop", "mixed", "rebind", "moved"]
SPELLINGS = [
    *(f"http://{host}/hook" for host in (
        "169.254.169.254", "10.0.0.5", "[fd00::5]", "127.0.0.1", "2130706433", "0x7f.1", "0177.0.0.1", "127.1", "0",
        "0xa9fea9fe", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::ffff:169.254.169.254]", "[::]", "[::1]", "localhost",
        "%6c%6f%63%61%6c%68%6f%73%74", "[64:ff9b::7f00:1]", "[64:ff9b::a9fe:a9fe]", "[2002:7f00:1::]")),
    *(f"http://{name}.example/hook" for name in HOSTS),
]
NAMES = {
    "internal.example": ["10.0.0.5"], "meta.example": "meta2.example", "meta2.example": ["169.254.169.254"],
    "six.example": ["fd00::5"], "loop.example": ["127.0.0.1"], "mixed.example": ["127.0.0.1", "10.0.0.5"],
    "moved.example": [PUBLIC], "rebind.example": [PUBLIC],
}


pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="makes a network namespace: needs root")


def seen_in_a_namespace(*opened, lives="two"):
    done = subprocess.run(
        ["unshare", "--net", "--mount", "--propagation", "private", sys.executable, __file__, lives, *opened],
        capture_output=True, timeout=170, cwd=pathlib.Path(__file__).parent)
    assert done.returncode == 0, done.stderr.decode()[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("lives", ["two", pytest.param("one", marks=pytest.mark.soak)])
def test_no_spelling_name_redirect_or_proxy_leads_to_a_forbidden_address(lives):
    """A name leads elsewhere in the relay's second life, or a minute later in the same."""
    seen = seen_in_a_namespace(lives=lives)
    assert seen["canaries"] == dict.fromkeys(FORBIDDEN, 0), seen
    assert seen["tried"] == HOSTS, "check refuses each address that is written, and cannot know where names lead"
    assert seen["public"] >= 3 and seen["allowed"] == 2, f"the ways that are allowed are open: {seen}"
    assert seen["rebound"], "the second answer was asked for, and refused"


def test_the_canaries_sing_where_the_policy_is_opened_but_for_link_local_addresses():
    seen = seen_in_a_namespace("10.0.0.0/8", "127.0.0.0/8", "fc00::/7")["canaries"]
    assert all(seen[address] > 0 for address in ("10.0.0.5", "127.0.0.1", "fd00::5")), seen
    assert seen["169.254.169.254"] == 0, seen


class Canary:
    """Counts connections to one address."""

    def __init__(self, address, port=80, answer=b""):
        self.count = 0
        self.answer = answer
        self.listener = socket.create_server(
            (address, port), family=socket.AF_INET6 if ":" in address else socket.AF_INET, backlog=64)
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            connection, _ = self.listener.accept()
            self.count += 1
            connection.settimeout(2)
            try:
                connection.recv(65536)
                connection.sendall(self.answer)
            except OSError:
                pass
            connection.close()


class Names(socketserver.BaseRequestHandler):
    """A name server of a few lines: A, AAAA and CNAME out of a table."""

    def handle(self):
        query, channel = self.request
        labels, place = [], 12
        while query[place]:
            labels.append(query[place + 1:place + 1 + query[place]].decode())
            place += query[place] + 1
        kind = struct.unpack("!H", query[place + 1:place + 3])[0]
        question, name, records = query[12:place + 5], ".".join(labels).lower(), b""
        count, target = 0, NAMES.get(name)
        if isinstance(target, str):
            encoded = b"".join(bytes([len(part)]) + part.encode() for part in target.split(".")) + b"\0"
            records += b"\xc0\x0c" + struct.pack("!HHIH", 5, 1, 0, len(encoded)) + encoded
            owner, count, target = encoded, 1, NAMES[target]
        else:
            owner = b"\xc0\x0c"
        for address in target or []:
            family, wanted = (socket.AF_INET6, 28) if ":" in address else (socket.AF_INET, 1)
            if wanted == kind:
                packed = socket.inet_pton(family, address)
                records += owner + struct.pack("!HHIH", kind, 1, 0, len(packed)) + packed
                count += 1
        flags = 0x8180 if target else 0x8183
        head = query[:2] + struct.pack("!HHHHH", flags, 1, count, 0, 0)
        channel.sendto(head + question + records, self.client_address)


def in_the_namespace():
    """What the second process does; prints what was seen."""
    ip = shutil.which("ip") or "/usr/sbin/ip"
    subprocess.run([ip, "link", "set", "lo", "up"], check=True)
    for address in (*FORBIDDEN[:2], PUBLIC):
        subprocess.run([ip, "address", "add", f"{address}/32", "dev", "lo"], check=True)
    subprocess.run([ip, "address", "add", "fd00::5/128", "dev", "lo", "nodad"], check=True)
    canaries = {address: Canary(address) for address in FORBIDDEN}
    moved = b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    public = Canary(PUBLIC, answer=moved)
    allowed = Canary("10.0.0.5", 8080, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    server = socketserver.ThreadingUDPServer(("127.0.0.1", 53), Names)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    configured = pathlib.Path("/tmp") / f"resolv-{os.getpid()}"
    configured.write_text("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
    subprocess.run(["mount", "--bind", str(configured), "/etc/resolv.conf"], check=True)
    try:
        tried, is_rebound = drive()
    finally:
        subprocess.run(["umount", "/etc/resolv.conf"], check=False)
        configured.unlink()
    print(json.dumps({
        "canaries": {address: canary.count for address, canary in canaries.items()}, "public": public.count,
        "allowed": allowed.count, "tried": tried, "rebound": is_rebound}))


def drive():
    """Sends events to all that `check` does not refuse, before and after a name leads elsewhere."""
    proxies = dict.fromkeys(["http_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"], "http://169.254.169.254:80")
    routes = routes_to({})
    lives, *networks = sys.argv[1:]
    opened = {"allowPrivate": networks} if networks else {}
    relay = Relay(routes, environment=proxies)
    try:
        for url in SPELLINGS:
            one = {**routes, "destinations": {"d": {"url": url}}, "routes": [{"name": "d", "match": {}, "to": ["d"]}]}
            relay.write_routes(one)
            if relay.check().returncode == 0:
                name = url.split("/")[2].removesuffix(".example").strip("[]%").replace(":", "-")
                routes["destinations"][name] = {"url": url, **opened}
        tried = list(routes["destinations"])
        routes["destinations"]["allowed"] = {"url": "http://10.0.0.5:8080/", "allowPrivate": ["10.0.0.0/8"]}
        routes["routes"][0]["to"] = list(routes["destinations"])
        relay.write_routes(routes)
        for round in range(2):
            if round == 0 or lives == "two":
                relay.start()
            said = len(relay.log())
            for name in routes["destinations"]:
                relay.command("destination", "resume", name, "--state", str(relay.state), check=0)
            assert relay.post(sample(round))[0] == 200
            eventually(lambda: all_tried(routes, relay.log()[said:]), 40, "a try of each")
            eventually(lambda: relay.counts()["delivered"] > round, what="what is allowed")
            NAMES["rebind.example"] = ["10.0.0.5"]
            if lives == "two" or round == 1:
                assert relay.stop() == 0
            else:
                time.sleep(ADDRESS_KEPT_SECONDS + 1)
        is_rebound = any(" destination=rebind " in line and "10.0.0.5 is private" in line
                         for line in relay.log()[said:].splitlines())
        return tried, is_rebound
    finally:
        relay.close()


def all_tried(routes, log):
    return all(f"destination={name} " in log for name in routes["destinations"] if name != "allowed")


if __name__ == "__main__":
    in_the_namespace()
