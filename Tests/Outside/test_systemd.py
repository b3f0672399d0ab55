"""The service under a real systemd, as docs/service.md says: a Debian in a container, booted. Needs root.

The container is a small Debian made once (`.build/container`), under a layer that each run throws away. Commands run in
it by entering its namespaces. It has no network but its own loopback.
"""

import contextlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

from harness import KEY, eventually

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEBIAN = ROOT / ".build/container"
PACKAGES = "systemd,systemd-sysv,dbus,curl,ca-certificates,libcurl4,libssl3,libsqlite3-0"
CONFIGURATION = "etc/gruveo-relay"
CALLERS = """
import functools, harness, json, sys, types
relay = types.SimpleNamespace(port=8080)
relay.request = functools.partial(harness.Relay.request, relay)
with harness.Callers(relay) as callers:
    print("calling", flush=True)
    sys.stdin.read()
print(json.dumps([callers.answers, callers.failures]))
"""
SINK = "import harness, sys, time; sink = harness.Sink(port=9000); print('up', flush=True); time.sleep(600)"

pytestmark = [
    pytest.mark.soak,
    pytest.mark.skipif(os.geteuid() != 0, reason="a container needs root"),
]


def run(*command, **options):
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=600, **options).stdout


def make_debian():
    """Whatever mirror this machine installs Debian from is the one that is asked."""
    if (DEBIAN / "usr/bin/curl").exists():
        return
    listed = run("apt-get", "indextargets", "--format", "$(REPO_URI)", "Codename: bookworm", "Origin: Debian")
    run("debootstrap", "--variant=minbase", f"--include={PACKAGES}", "bookworm", str(DEBIAN), listed.split()[0])


class Machine:
    """A booted container with the relay installed in it, as `make install` does."""

    def __init__(self, directory):
        self.directory, self.root = directory, directory / "root"
        for name in ("root", "upper", "work"):
            (directory / name).mkdir()
        layers = f"lowerdir={DEBIAN},upperdir={directory}/upper,workdir={directory}/work"
        run("mount", "-t", "overlay", "overlay", "-o", layers, str(self.root))
        run("make", "install", f"RELEASE={os.environ['RELAY_BINARY']}", f"DESTDIR={self.root}", cwd=ROOT)
        self.output = open(directory / "boot.log", "wb")
        self.nspawn = subprocess.Popen(
            ["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--private-network", "--boot", "-D", self.root],
            stdin=subprocess.DEVNULL, stdout=self.output, stderr=self.output)  # fmt: skip
        eventually(self.is_up, 60, "the container to boot")

    def is_up(self):
        with contextlib.suppress(FileNotFoundError, ValueError, IndexError):
            path = f"/proc/{self.nspawn.pid}/task/{self.nspawn.pid}/children"
            self.leader = pathlib.Path(path).read_text().split()[0]
            return self("systemctl", "is-system-running", check=False).stdout.strip() == "running"
        return False

    def enter(self, *namespaces):
        return ["nsenter", *namespaces, "-t", self.leader]

    def __call__(self, *command, check=True):
        entered = self.enter("-a") + list(command)
        result = subprocess.run(entered, capture_output=True, text=True, timeout=90)
        assert not check or result.returncode == 0, f"{command}: {result.returncode} {result.stdout} {result.stderr}"
        return result

    def write(self, path, text, mode):
        """Writes as a person in the container would: through its own file system."""
        script = f"umask 077; cat > /{path} && chmod {mode:o} /{path}"
        subprocess.run(self.enter("-a") + ["sh", "-c", script], input=text, text=True, check=True, timeout=30)

    def write_routes(self, **changes):
        routes = {
            "sources": {"gruveo": {"path": "/webhooks/gruveo", "keys": [{"credential": "gruveo-key"}]}},
            "destinations": {"log": {"url": "http://127.0.0.1:9000/log", "allowPrivate": ["127.0.0.1/32"]}},
            "routes": [{"name": "everything", "match": {}, "to": ["log"]}],
        } | changes
        self.write(f"{CONFIGURATION}/routes.json", json.dumps(routes, indent=2), 0o644)

    def property(self, name):
        return self("systemctl", "show", "-P", name, "gruveo-relay").stdout.strip()

    def counts(self):
        answer = self("curl", "-s", "--unix-socket", "/run/gruveo-relay/admin.sock", "http://localhost/counts")
        return json.loads(answer.stdout)

    def send(self, sample):
        """By URL and key, since the routes file may be a wrong one."""
        to = ("--to", "http://127.0.0.1:8080/webhooks/gruveo", "--key-env", "KEY")
        self("env", f"KEY={KEY}", "gruveo-relay", "send", "--sample", sample, *to)

    def journal(self):
        return self("journalctl", "-u", "gruveo-relay", "--no-pager", "-o", "cat").stdout

    def doctor(self):
        return self("gruveo-relay", "doctor", "--offline", check=False).stdout

    def wait_for_restart(self, pid, seconds=30):
        def is_back():
            return self.property("ActiveState") == "active" and self.property("MainPID") not in ("0", pid)

        eventually(is_back, seconds, "systemd to start the relay again")

    def close(self):
        # The init of a container halts on SIGRTMIN+4; after that nspawn ends by itself.
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(self.leader), signal.SIGRTMIN + 4)
        try:
            self.nspawn.wait(30)
        except subprocess.TimeoutExpired:
            self.nspawn.kill()
            self.nspawn.wait()
        self.output.close()
        run("umount", str(self.root))


@pytest.fixture
def machine(tmp_path):
    make_debian()
    made = Machine(tmp_path)
    try:
        made.write(f"{CONFIGURATION}/credentials/gruveo-key", KEY + "\n", 0o600)
        made.write_routes()
        yield made
    finally:
        made.close()


@pytest.fixture
def sink(machine):
    """A destination in the container's network, with this machine's Python."""
    command = [*machine.enter("-n"), sys.executable, "-c", SINK]
    process = subprocess.Popen(command, cwd=pathlib.Path(__file__).parent, stdout=subprocess.PIPE)
    try:
        assert process.stdout.readline() == b"up\n"
        yield process
    finally:
        process.kill()
        process.wait()


def test_an_administrator_starts_changes_and_stops_the_service(machine, sink):
    machine("gruveo-relay", "check")
    machine("systemctl", "daemon-reload")
    machine("systemctl", "enable", "--now", "gruveo-relay")
    machine("curl", "-sf", "http://127.0.0.1:8080/healthz")
    machine.send("missed")
    eventually(lambda: machine.counts()["delivered"] == 1)
    status = machine("cat", f"/proc/{machine.property('MainPID')}/status").stdout
    assert "CapEff:\t0000000000000000" in status and "NoNewPrivs:\t1" in status and "\nUid:\t0\t" not in status
    # A wrong file: the reload fails, says why, and the old rules stay.
    machine.write_routes(routes=[{"name": "typo", "match": {}, "to": ["lgo"]}])
    assert machine("systemctl", "reload", "gruveo-relay", check=False).returncode != 0
    assert 'unknown destination "lgo", did you mean "log"?' in machine.journal()
    machine.send("answered")
    eventually(lambda: machine.counts()["delivered"] == 2)
    # It starts with it too, by the last good one.
    machine("systemctl", "restart", "gruveo-relay")
    machine.send("declined")
    eventually(lambda: machine.counts()["delivered"] == 3)
    # A right one, with a second key: credentials are read at the start.
    machine.write(f"{CONFIGURATION}/credentials/gruveo-key-2", "another key of sixteen bytes\n", 0o600)
    keys = [{"credential": "gruveo-key-2", "label": "new"}, {"credential": "gruveo-key", "label": "old"}]
    machine.write_routes(sources={"gruveo": {"path": "/webhooks/gruveo", "keys": keys}})
    machine("systemctl", "restart", "gruveo-relay")
    machine("gruveo-relay", "send", "--sample", "missed")
    assert machine.counts()["keys"]["gruveo/new"] == 1
    machine("systemctl", "stop", "gruveo-relay")
    assert machine.property("ExecMainStatus") == "0" and machine.property("Result") == "success"


def restart_under_load(machine):
    """What two callers came to that posted without a pause while the relay was restarted three times."""
    command = [*machine.enter("-n"), sys.executable, "-c", CALLERS]
    callers = subprocess.Popen(
        command, cwd=pathlib.Path(__file__).parent, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert callers.stdout.readline() == b"calling\n"
        for _ in range(3):
            before = machine.property("MainPID")
            machine("systemctl", "restart", "gruveo-relay")
            assert machine.property("MainPID") not in ("0", before)
        output, _ = callers.communicate(timeout=60)
        return json.loads(output)
    finally:
        callers.kill()
        callers.wait()


def test_with_its_socket_unit_a_restart_refuses_no_call(machine, sink):
    """As docs/service.md says."""
    machine("systemctl", "daemon-reload")
    machine("systemctl", "start", "gruveo-relay")
    _, failures = restart_under_load(machine)
    assert any("ConnectionRefused" in failure for failure in failures), "without the socket unit some are"
    assert "note    systemd: gruveo-relay.socket is inactive" in machine.doctor()
    machine("systemctl", "stop", "gruveo-relay")
    machine("systemctl", "enable", "--now", "gruveo-relay.socket")
    machine("systemctl", "reset-failed", "gruveo-relay")
    machine("systemctl", "start", "gruveo-relay")
    answers, failures = restart_under_load(machine)
    assert failures == [] and set(answers) == {200} and len(answers) > 10
    eventually(lambda: machine.counts()["pending"] == 0)
    assert "ok      systemd: gruveo-relay.socket is active at 127.0.0.1:8080" in machine.doctor()
    # While the socket is there, a call starts a relay that was stopped.
    machine("systemctl", "stop", "gruveo-relay")
    machine.send("missed")
    assert machine.property("ActiveState") == "active"


def test_the_socket_units_address_is_changed_by_a_drop_in(machine):
    machine("mkdir", "-p", "/etc/systemd/system/gruveo-relay.socket.d")
    machine.write("etc/systemd/system/gruveo-relay.socket.d/override.conf",
                  "[Socket]\nListenStream=\nListenStream=8090\n", 0o644)
    machine("systemctl", "daemon-reload")
    machine("systemctl", "stop", "gruveo-relay")
    machine("systemctl", "restart", "gruveo-relay.socket")
    machine("systemctl", "start", "gruveo-relay")
    machine("curl", "-sf", "http://127.0.0.1:8090/healthz")
    assert "note    systemd: [::]:8090 is open to all" in machine.doctor()
    machine("systemctl", "stop", "gruveo-relay.socket", "gruveo-relay")
    machine.write("etc/systemd/system/gruveo-relay.socket.d/override.conf",
                  "[Socket]\nListenStream=8090\nAccept=no\n", 0o644)
    machine("systemctl", "daemon-reload")
    assert "leave one ListenStream=" in machine.doctor(), "the empty line takes the old one away"


def test_a_relay_that_cannot_start_stops_its_socket_until_that_is_mended(machine):
    machine.write_routes(sources={"gruveo": {"path": "/webhooks/gruveo", "keys": [{"credential": "missing"}]}})
    machine("systemctl", "daemon-reload")
    machine("systemctl", "enable", "--now", "gruveo-relay.socket")
    machine("curl", "-s", "-m", "30", "http://127.0.0.1:8080/healthz", check=False)

    def has_failed():
        return machine("systemctl", "is-failed", "gruveo-relay.socket", check=False).stdout.strip() == "failed"

    eventually(has_failed, 30, "the end of the attempts")
    assert "warning systemd: gruveo-relay.socket is failed" in machine.doctor()
    machine.write_routes()
    machine("systemctl", "reset-failed", "gruveo-relay.socket", "gruveo-relay")
    machine("systemctl", "start", "gruveo-relay.socket")
    machine("systemctl", "start", "gruveo-relay")
    machine("curl", "-sf", "http://127.0.0.1:8080/healthz")


def test_systemd_starts_it_again_after_a_crash_and_a_hang(machine, sink):
    machine("mkdir", "-p", "/etc/systemd/system/gruveo-relay.service.d")
    machine.write("etc/systemd/system/gruveo-relay.service.d/quick.conf", "[Service]\nWatchdogSec=3\n", 0o644)
    machine("systemctl", "daemon-reload")
    machine("systemctl", "start", "gruveo-relay")
    for mark, signal_name in enumerate(("KILL", "STOP"), start=1):
        pid = machine.property("MainPID")
        machine("systemctl", "kill", "-s", signal_name, "gruveo-relay")
        machine.wait_for_restart(pid)
        machine.send("missed" if mark == 1 else "answered")
        eventually(lambda: machine.counts()["delivered"] == mark)
    assert machine.property("NRestarts") == "2"
    assert "Watchdog timeout" in machine.journal()


def test_a_start_that_cannot_succeed_is_not_tried_again(machine):
    machine.write_routes(sources={"gruveo": {"path": "/webhooks/gruveo", "keys": [{"credential": "missing"}]}})
    machine("systemctl", "daemon-reload")
    assert machine("systemctl", "start", "gruveo-relay", check=False).returncode != 0
    time.sleep(2)
    assert machine.property("ExecMainStatus") == "78" and machine.property("NRestarts") == "0"
    assert 'the credential "missing" cannot be read' in machine.journal()
    assert "cannot be read: /etc/gruveo-relay/credentials/missing: No such file" in machine.doctor()
