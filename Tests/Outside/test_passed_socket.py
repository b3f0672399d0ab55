"""The listening socket that a service manager passes: what is taken, what is refused, and a restart that nobody notices."""

import os
import pathlib
import signal
import socket
import struct

import pytest

from harness import Callers, eventually, free_port, routes_to, sample, signature

RESTARTS = 5
# The fields of tcp_info (linux/tcp.h): for a listening socket `unacked` waits now, and `sacked` may wait.
MAY_WAIT_AT = 8 + 4 * 5


@pytest.fixture
def listening():
    """Makes sockets that listen, as a socket unit's; closed after the test."""
    made = []

    def make(host="127.0.0.1"):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        made.append(socket.create_server((host, 0), family=family, backlog=16, dualstack_ipv6=host == "::"))
        return made[-1]

    yield make
    for one in made:
        one.close()


def may_wait(listener):
    information = listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
    return struct.unpack_from("I", information, MAY_WAIT_AT)[0]


def restart_under_load(relay):
    """What the callers came to while the relay was stopped and started some times."""
    relay.start()
    with Callers(relay) as callers:
        for _ in range(RESTARTS):
            begun = len(callers.answers)
            eventually(lambda: len(callers.answers) > begun + 20, 60, "calls between two restarts")
            assert relay.stop() == 0
            relay.start()
    return callers


@pytest.mark.release
def test_no_call_is_refused_or_cut_off_while_the_relay_is_restarted_on_a_passed_socket(
        make_relay, make_sink, listening):
    relay = make_relay(routes_to({"crm": make_sink()}), passed=listening())
    callers = restart_under_load(relay)
    assert callers.failures == [] and set(callers.answers) == {200}
    relay.settled(60, delivered=len(callers.answers))


def test_without_a_passed_socket_calls_are_refused_during_a_restart(make_relay, make_sink):
    callers = restart_under_load(make_relay(routes_to({"crm": make_sink()})))
    assert any("ConnectionRefused" in failure for failure in callers.failures)


def test_who_was_let_in_before_a_stop_still_gets_an_answer(make_relay, make_sink):
    """Who has a connection cannot come to the next process any more."""
    relay = make_relay(routes_to({"crm": make_sink()})).start()
    body = sample("late")
    with socket.create_connection(("127.0.0.1", relay.port), timeout=10) as early:
        assert relay.request("GET", "/healthz")[0] == 200, "the connection before this one is accepted as well"
        os.kill(relay.pid(), signal.SIGTERM)

        def is_closed():
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", relay.port)) != 0

        eventually(is_closed, what="the stop")
        head = f"POST /webhooks/gruveo HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
        early.sendall(f"{head}X-Gruveo-SHA256-HMAC: {signature(body)}\r\n\r\n".encode() + body)
        assert early.recv(1000).startswith(b"HTTP/1.1 200 OK\r\n")
    assert relay.process.wait(20) == 0
    relay.start()
    relay.settled(delivered=1)


def test_a_post_through_the_passed_socket_is_taken_and_delivered(make_relay, make_sink, listening):
    sink, listener = make_sink(), listening()
    relay = make_relay(routes_to({"crm": sink}), passed=listener).start()
    assert relay.post(sample("one"))[0] == 200
    relay.settled(delivered=1)
    assert "systemd passes" not in relay.log()
    longest = int(pathlib.Path("/proc/sys/net/core/somaxconn").read_text())
    assert may_wait(listener) == min(512, longest), "as many as at a socket of the relay's own"
    flags = pathlib.Path(f"/proc/{relay.process.pid}/fdinfo/3").read_text().split("flags:")[1].split()[0]
    assert int(flags, 8) & os.O_CLOEXEC


def test_the_passed_socket_goes_before_another_address_and_says_so(make_relay, make_sink, listening):
    other = f"127.0.0.1:{free_port()}"
    relay = make_relay(routes_to({"crm": make_sink()}), passed=listening(), arguments=["--listen", other]).start()
    assert relay.post(sample("one"))[0] == 200
    assert f"not on {other}: change ListenStream= instead" in relay.log()


def test_what_is_meant_for_another_process_is_left_alone(make_relay, make_sink):
    meant = {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "2", "LISTEN_FDNAMES": "a:b"}
    relay = make_relay(routes_to({"crm": make_sink()}), environment=meant).start()
    assert relay.post(sample("one"))[0] == 200


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_the_watchdog_finds_the_passed_socket(make_relay, make_sink, listening, tmp_path, host):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notified:
        notified.bind(str(tmp_path / "notify"))
        notified.settimeout(20)
        watched = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "1000000"}
        make_relay(routes_to({"crm": make_sink()}), passed=listening(host), environment=watched).start()
        assert [notified.recv(100), notified.recv(100)] == [b"READY=1", b"WATCHDOG=1"]


class Pipe:
    """A descriptor that is no socket, as a FIFO unit passes it."""

    def __init__(self):
        self.ends = os.pipe()

    def fileno(self):
        return self.ends[0]

    def getsockname(self):
        return "none", 0

    def close(self):
        for end in self.ends:
            os.close(end)


def bound(family, kind, address):
    made = socket.socket(family, kind)
    made.bind(address)
    return made


def unix(directory):
    made = bound(socket.AF_UNIX, socket.SOCK_STREAM, str(directory / "s"))
    made.listen()
    return made


LOOPBACK = ("127.0.0.1", 0)
WRONG = {
    "datagrams": (lambda _: bound(socket.AF_INET, socket.SOCK_DGRAM, LOOPBACK), {}, "must say ListenStream="),
    "not listening": (lambda _: bound(socket.AF_INET, socket.SOCK_STREAM, LOOPBACK), {}, "must say Accept=no"),
    "unix": (unix, {}, "must say ListenStream=ADDRESS:PORT"),
    "a pipe": (lambda _: Pipe(), {}, "must say ListenStream="),
    "two": (lambda _: socket.create_server(LOOPBACK), {"LISTEN_FDS": "2"}, "leave one ListenStream="),
    "another name": (lambda _: socket.create_server(LOOPBACK), {"LISTEN_FDNAMES": "admin"}, "FileDescriptorName=public"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_be_taken_ends_the_start_and_says_what_to_change(make_relay, make_sink, tmp_path, case):
    make, environment, fix = WRONG[case]
    wrong = make(tmp_path)
    try:
        relay = make_relay(routes_to({"crm": make_sink()}), passed=wrong, environment=environment)
        relay.port = free_port()
        relay.start(wait=False)
        assert relay.process.wait(30) == 78, "a configuration error, which systemd does not try again"
        assert fix in relay.log() and len(relay.log().splitlines()) == 1
        assert not relay.state.exists()
    finally:
        wrong.close()
