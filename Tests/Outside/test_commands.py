"""The command line as a person and a script use it: help, exit codes, demo, stopping, and the systemd unit."""

import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import tempfile
import threading
import time

import pytest

from harness import BINARY, KEY, ROOT, SAMPLE, event_id, eventually, free_port, routes_to, sample, signature

COMMANDS = [[], ["serve"], ["check"], ["explain"], ["send"], ["demo"], ["sign"], ["verify"], ["keygen"],
            ["reload"], ["replay"], ["add"], ["dead"], ["dead", "list"], ["dead", "show"], ["dead", "redrive"],
            ["dead", "discard"], ["queue"], ["queue", "list"], ["queue", "show"], ["queue", "drop"]]


def run(*arguments, input=None, timeout=30, **environment):
    return subprocess.run([BINARY, *arguments], input=input, capture_output=True, timeout=timeout,
                          env={**os.environ, "GRUVEO_KEY": KEY, **environment})


@pytest.mark.release
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: " ".join(command) or "gruveo-relay")
def test_each_command_explains_itself(command):
    for flag in ("--help", "-h"):
        done = run(*command, flag)
        assert (done.returncode, done.stderr) == (0, b"")
        text = done.stdout.decode()
        assert text.startswith("OVERVIEW: ") and f"USAGE: {' '.join(['gruveo-relay', *command])}" in text


def test_the_first_help_names_every_command():
    text = run("--help").stdout.decode()
    assert {line.split()[0] for line in text.split("SUBCOMMANDS:")[1].splitlines() if re.match(r"  \w", line)} >= {
        command[0] for command in COMMANDS if command}
    assert re.fullmatch(r"\d+\.\d+\.\d+\n", run("--version").stdout.decode())


@pytest.mark.release
@pytest.mark.parametrize("arguments", [
    ["--bogus"], ["chekc"], ["serve", "--bogus"], ["check", "a", "b"], ["explain"], ["send"], ["sign"], ["verify"],
    ["send", "--sample", "lost"], ["send", "--sample", "missed", "e.json"], ["send", "--sample", "missed", "--to", "x"],
    ["serve", "--listen", "nowhere"], ["serve", "--listen", "127.0.0.1:65536"], ["serve", "--log-level", "loud"],
    ["send", "--link", "@a", "e.json"], ["send", "--sample", "missed", "--tracking", "a"],
    ["send", "--sample", "missed", "--tracking", "a=1", "--tracking", "a=2"], ["add"], ["add", "slack"],
    ["dead", "show"], ["dead", "discard", "not-an-id"], ["queue", "show"], ["queue", "show", "evt_1234567"],
    ["queue", "show", "1234567g"], ["queue", "drop"], ["queue", "drop", "--yes"], ["queue", "drop", "evt_1"], ["queue", "list", "--limit", "0"], ["reload", "now"], ["demo", "--listen", "x"],
], ids=" ".join)
def test_a_wrong_command_line_is_64_with_words_on_standard_error(arguments, tmp_path):
    done = run(*arguments, RELAY_STATE=str(tmp_path), RELAY_CONFIG=str(tmp_path / "routes.json"))
    assert (done.returncode, done.stdout) == (64, b""), done
    assert done.stderr


@pytest.mark.release
def test_nobody_there_is_69(tmp_path):
    url = f"http://127.0.0.1:{free_port()}/"
    for arguments in (["reload", "--state", str(tmp_path)],
                      ["send", "--sample", "missed", "--to", url, "--key-env", "GRUVEO_KEY"]):
        done = run(*arguments)
        assert (done.returncode, done.stdout) == (69, b""), done
        assert done.stderr.startswith(b"gruveo-relay: ") and done.stderr.count(b"\n") == 1


def test_a_damaged_store_is_65_and_stays_as_it_was(make_relay, make_sink):
    relay = make_relay(routes_to({"one": make_sink()})).start()
    for mark in range(20):
        relay.post(sample(mark))
    relay.settled(delivered=20)
    assert relay.stop() == 0
    path = relay.state / "queue.sqlite"
    path.write_bytes(bytes(path.stat().st_size))
    damaged = path.read_bytes()
    relay.start(wait=False)
    assert relay.process.wait(20) == 65
    assert path.read_bytes() == damaged
    assert relay.log().splitlines()[-1].startswith("gruveo-relay: ")


def test_a_lost_store_is_65_and_no_empty_one_takes_its_place(make_relay, make_sink):
    relay = make_relay(routes_to({"one": make_sink()})).start()
    relay.post(SAMPLE)
    relay.settled(delivered=1)
    assert relay.stop() == 0
    for name in ("queue.sqlite", "queue.sqlite-wal", "queue.sqlite-shm"):
        (relay.state / name).unlink(missing_ok=True)
    relay.start(wait=False)
    assert relay.process.wait(20) == 65
    assert not (relay.state / "queue.sqlite").exists()


def test_a_state_directory_that_cannot_be_is_73_or_77(make_relay, make_sink, tmp_path):
    (tmp_path / "file").write_text("")
    for state in (tmp_path / "file", tmp_path / "file" / "below", "/proc/state"):
        relay = make_relay(routes_to({"one": make_sink()}), state=state).start(wait=False)
        assert relay.process.wait(20) in (73, 77), relay.log()
        assert relay.log().startswith("gruveo-relay: ") and relay.log().count("\n") == 1


@pytest.mark.release
def test_what_sign_prints_verify_takes():
    printed = run("sign", "--key-env", "GRUVEO_KEY", "-", input=SAMPLE)
    assert (printed.returncode, printed.stdout.decode(), printed.stderr) == (0, signature(SAMPLE) + "\n", b"")
    for form in ("hex", "HEX", "base64", "base64url"):
        done = run("verify", "--key-env", "GRUVEO_KEY", "--signature", signature(SAMPLE, form=form), input=SAMPLE)
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"right\n")
    right = ["verify", "--key-env", "GRUVEO_KEY", "--signature", signature(SAMPLE)]
    assert run(*right, input=SAMPLE + b" ").returncode == 65
    assert run(*right, input=SAMPLE, GRUVEO_KEY="another-key-0123456789").returncode == 65
    assert run("verify", "--key-env", "GRUVEO_KEY", "--signature", "no", input=SAMPLE).returncode == 65
    assert run("sign", "--key-env", "NOT_SET", input=SAMPLE).returncode == 66
    assert run("sign", "--key-env", "GRUVEO_KEY", "/nowhere/event.json").returncode == 66


@pytest.mark.release
@pytest.mark.parametrize("resolution", ["missed", "answered", "declined"])
def test_send_posts_a_sample_event_to_the_relay(make_relay, make_sink, resolution):
    sink = make_sink()
    relay = make_relay(routes_to({"one": sink})).start()
    done = relay.command("send", "--sample", resolution, "--config", str(relay.routes_path), "--listen",
                         f"127.0.0.1:{relay.port}", check=0)
    relay.settled(delivered=1, matched=1)
    event = json.loads(sink.bodies()[0])
    assert (event["resolution"], event.keys() - {"user"}) == (resolution, json.loads(SAMPLE).keys() - {"user"})
    assert json.loads(done.stdout) == {"id": sink.ids()[0]}


def test_a_sample_event_takes_a_link_and_tracking_parameters(make_relay, make_sink):
    sink = make_sink()
    routes = routes_to({"one": sink})
    routes["routes"][0]["match"] = {"link": ["@acme.help"], "tracking": {"a b": ["c=\"d\"\\é"]}}
    relay = make_relay(routes).start()
    relay.command("send", "--sample", "answered", "--link", "@acme.help", "--tracking", 'a b=c="d"\\é', "--tracking",
                  "empty=", "--config", str(relay.routes_path), "--listen", f"127.0.0.1:{relay.port}", check=0)
    relay.settled(delivered=1, matched=1)
    event = json.loads(sink.bodies()[0])
    assert (event["link"], event["tracking"]) == ("@acme.help", {"a b": 'c="d"\\é', "empty": ""})


def test_send_posts_a_file_to_any_url_and_tells_other_answers_apart(make_relay, make_sink, tmp_path):
    relay = make_relay(routes_to({"one": make_sink()})).start()
    (tmp_path / "event.json").write_bytes(SAMPLE)
    url = f"http://127.0.0.1:{relay.port}/webhooks/gruveo"
    done = relay.command("send", str(tmp_path / "event.json"), "--to", url, "--key-env", "GRUVEO_KEY", check=0)
    assert json.loads(done.stdout) == {"id": event_id(SAMPLE)}
    relay.environment["WRONG"] = "another-key-0123456789"
    done = relay.command("send", str(tmp_path / "event.json"), "--to", url, "--key-env", "WRONG", check=65)
    assert b"answered 401" in done.stderr and b"/webhooks/gruveo" not in done.stderr
    relay.command("send", "--to", url, "--key-env", "NOT_SET", "-", input=SAMPLE, check=66)


# demo

@pytest.fixture
def short_path():
    """A directory whose name leaves room for a unix socket's, which pytest's own does not always."""
    with tempfile.TemporaryDirectory() as path:
        yield pathlib.Path(path)


def started_demo(directory):
    process = subprocess.Popen(
        [BINARY, "demo"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1,
        env={**os.environ, "TMPDIR": str(directory)})
    lines = []

    def read():
        for line in process.stdout:
            lines.append(line.rstrip("\n"))

    threading.Thread(target=read, daemon=True).start()
    return process, lines


@pytest.mark.release
@pytest.mark.parametrize("way", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_demo_shows_three_events_and_ends_without_a_trace(short_path, way):
    process, lines = started_demo(short_path)
    try:
        eventually(lambda: any("gruveo-relay check" in line for line in lines), 45, "the demo's last line")
        text = "\n".join(lines)
        for call in ("missed", "answered", "declined"):
            assert re.search(rf"^{call} call: answered 200, evt_[0-9a-f]{{32}}$", text, re.M), text
        assert text.count('  matches "everything"') == 3
        assert text.count('  matches "missed or declined sales calls"') == 2
        [original, standard, refusing] = re.findall(
            r"^(\S+) got (\d) requests?(.*); the first:\n((?:    .*\n)+)", text, re.M)
        assert (original[1], standard[1], refusing[1]) == ("3", "3", "2")
        body = original[3].splitlines()[-1].strip().encode()
        key = "demo-key-of-the-call-log"
        assert f"X-Gruveo-SHA256-HMAC: {signature(body, key)}" in original[3], "the original bytes"
        for header in ("webhook-id: evt_", "webhook-timestamp: ", "webhook-signature: v1,"):
            assert header in standard[3]
        assert "422" in refusing[2]
        assert re.search(r"^dead letters, 2, in ", text, re.M) and "Ctrl-C" in text
        [directory] = short_path.iterdir()
        assert directory.stat().st_mode & 0o777 == 0o700
        letters = list(directory.glob("state/dead-letters/*/*.json"))
        assert len(letters) == 2 and all(letter.name in text for letter in letters)
        for line in lines:
            if line.startswith("  gruveo-relay dead list") or line.startswith("  gruveo-relay send"):
                done = run(*line.split()[1:])
                assert done.returncode == 0, (line, done.stderr)
        process.send_signal(way)
        assert process.wait(15) == 0
        assert process.stderr.read() == ""
        assert list(short_path.iterdir()) == []
    finally:
        process.kill()
        process.wait()


def test_demo_listens_on_loopback_only(short_path):
    process, lines = started_demo(short_path)
    try:
        eventually(lambda: any("gruveo-relay check" in line for line in lines), 45, "the demo's last line")
        own = {os.readlink(link)[8:-1] for link in pathlib.Path(f"/proc/{process.pid}/fd").iterdir()
               if os.path.islink(link) and os.readlink(link).startswith("socket:")}
        listening = []
        for table, loopback in (("tcp", "0100007F"), ("tcp6", "0" * 24 + "01000000")):
            for line in pathlib.Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == "0A" and fields[9] in own:
                    listening.append(fields[1].split(":")[0] == loopback)
        assert len(listening) == 2 and all(listening)
    finally:
        process.kill()
        process.wait()


def test_demo_says_that_the_temporary_directory_is_too_long(tmp_path):
    directory = tmp_path / ("long" * 25)
    directory.mkdir()
    done = subprocess.run([BINARY, "demo"], capture_output=True, text=True, timeout=30,
                          env={**os.environ, "TMPDIR": str(directory)})
    assert (done.returncode, done.stdout) == (73, "")
    assert done.stderr == ("gruveo-relay: TMPDIR is too long: a unix socket in it has a path of at most 107 bytes; "
                           "set a shorter one\n")
    assert list(directory.iterdir()) == []


# Pipes

def test_a_reader_that_goes_away_ends_a_command_quietly(make_relay, make_sink):
    relay = make_relay(routes_to({"one": make_sink()}))
    events = b"\n".join(sample(mark) for mark in range(2000))
    (relay.directory / "events").write_bytes(events)
    done = subprocess.run(
        ["bash", "-c", '"$0" explain --json --config "$1" "$2" | head -n 1; echo "${PIPESTATUS[0]}"', BINARY,
         str(relay.routes_path), str(relay.directory / "events")],
        capture_output=True, timeout=60, env=relay.environment)
    first, code = done.stdout.decode().splitlines()
    assert json.loads(first)["id"] == event_id(sample(0))
    assert (code, done.stderr) == ("0", b"")


def test_a_full_disk_is_no_success(make_relay, make_sink):
    relay = make_relay(routes_to({"one": make_sink()}))
    with open("/dev/full", "wb") as full:
        done = subprocess.run([BINARY, "explain", "--config", str(relay.routes_path), "-"], input=SAMPLE, stdout=full,
                              stderr=subprocess.PIPE, timeout=30, env=relay.environment)
    assert done.returncode == 74


def test_terminal_escapes_of_a_payload_are_not_printed(make_relay, make_sink):
    sink = make_sink(lambda request: (422, {}, b"\x1b[31mno\x07"))
    relay = make_relay(routes_to({"one": sink})).start()
    body = b'{"link":"\\u001b[2J","a":"\xc2\x9b31m"}'
    relay.post(body)
    relay.settled(dead=1)
    for command in (["explain", "--config", str(relay.routes_path), "-"],
                    ["dead", "show", "--state", str(relay.state), event_id(body)],
                    ["dead", "list", "--state", str(relay.state)]):
        printed = relay.command(*command, input=body, check=0).stdout
        assert printed and not any(escape in printed for escape in (b"\x1b", b"\xc2\x9b", b"\x07")), command
    assert "\x1b" not in relay.log()


# Stopping

@pytest.mark.release
@pytest.mark.alone
def test_sigterm_lets_what_is_in_flight_finish_and_then_ends(make_relay, make_sink):
    sink = make_sink(lambda request: time.sleep(2) or 200)
    relay = make_relay(routes_to({"slow": sink})).start()
    relay.post(SAMPLE)
    eventually(lambda: sink.requests, what="the request")
    begin = time.monotonic()
    assert relay.stop() == 0
    assert 1 < time.monotonic() - begin < 8
    sink.answer = lambda request: 200
    relay.start()
    relay.settled(delivered=1)
    time.sleep(0.5)
    assert len(sink.requests) == 1, "its answer was noted before the end"


@pytest.mark.release
@pytest.mark.alone
def test_sigterm_gives_up_what_takes_longer_than_the_drain_and_sends_it_again(make_relay, make_sink):
    sink = make_sink(lambda request: time.sleep(8) or 200)
    routes = routes_to({"slow": sink})
    routes["limits"] = {"drain": "1s"}
    relay = make_relay(routes).start()
    relay.post(SAMPLE)
    eventually(lambda: sink.requests, what="the request")
    begin = time.monotonic()
    assert relay.stop() == 0
    assert time.monotonic() - begin < 5
    sink.answer = lambda request: 200
    relay.start()
    relay.settled(delivered=1)
    assert sink.ids() == [event_id(SAMPLE)] * 2


def test_sigterm_waits_for_a_dead_letter_that_is_being_written(make_relay, make_sink):
    """Its destination has refused the event for good, and must not get it again after the next start."""
    sink = make_sink(lambda request: 422)
    slow = ["strace", "-f", "-o", "/dev/null", "-e", "signal=none", "-e", "trace=renameat,renameat2,rename",
            "-e", "inject=renameat,renameat2,rename:delay_enter=2000000"]
    relay = make_relay(routes_to({"refusing": sink}), prefix=slow).start()
    relay.post(SAMPLE)
    eventually(lambda: sink.requests, what="the request")
    assert relay.stop() == 0
    relay.prefix = []
    relay.start()
    assert relay.settled(dead=1)["delivered"] == 0 and len(relay.dead_letters()) == 1
    assert len(sink.requests) == 1


def test_readiness_and_reload_are_told_to_systemd(make_relay, make_sink, tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notified:
        notified.bind(str(tmp_path / "notify"))
        notified.settimeout(20)
        relay = make_relay(routes_to({"one": make_sink()}), environment={"NOTIFY_SOCKET": str(tmp_path / "notify")})
        relay.start()
        assert notified.recv(100) == b"READY=1"
        relay.reload(routes_to({"one": make_sink()}))
        assert [notified.recv(100)[:11], notified.recv(100)] == [b"RELOADING=1", b"READY=1"]
        assert relay.stop() == 0


def test_everything_in_the_state_directory_is_private(make_relay, make_sink):
    relay = make_relay(routes_to({"one": make_sink(lambda request: 422)})).start()
    relay.post(SAMPLE)
    relay.settled(dead=1)
    open_ones = [path for path in [relay.state, *relay.state.rglob("*")] if path.stat().st_mode & 0o077]
    assert open_ones == []


CONNECT = """
import socket, sys
socket.socket(socket.AF_UNIX).connect(sys.argv[1])
"""


def knocks_as_nobody(path):
    """What another user comes to who connects to a socket: its name where it is let in, else the error's."""
    done = subprocess.run(
        ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "/usr/bin/python3", "-Ic", CONNECT, str(path)],
        cwd="/", capture_output=True, text=True, timeout=60)
    return "let in" if done.returncode == 0 else done.stderr.strip().split("\n")[-1].split(":")[0]


@pytest.mark.skipif(os.geteuid() != 0, reason="becoming another user needs root")
def test_another_user_is_refused_at_the_admin_socket_also_where_its_directory_is_open(make_relay, make_sink, short_path):
    runtime = short_path / "run"
    runtime.mkdir()
    for directory in (short_path, runtime):
        directory.chmod(0o755)
    relay = make_relay(routes_to({"one": make_sink()}), environment={"RUNTIME_DIRECTORY": str(runtime)}).start()
    admin = runtime / "admin.sock"
    assert relay.counts()["pending"] == 0, "its owner is let in"
    assert admin.stat().st_mode & 0o077 == 0
    assert knocks_as_nobody(admin) == "PermissionError"
    admin.chmod(0o666)
    assert knocks_as_nobody(admin) == "let in", "nothing but the socket's own mode kept it out"


# The unit

def test_the_unit_passes_systemd_analyze(tmp_path):
    unit = tmp_path / "gruveo-relay.service"
    text = (ROOT / "systemd" / "gruveo-relay.service").read_text()
    unit.write_text(text.replace("/usr/bin/gruveo-relay", BINARY))
    verified = subprocess.run(["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, timeout=60)
    assert (verified.returncode, verified.stdout + verified.stderr) == (0, b"")
    score = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=12", "--no-pager", str(unit)],
        capture_output=True, timeout=60)
    assert score.returncode == 0, score.stdout.decode()[-600:]
    weaker = [line for line in unit.read_text().splitlines()
              if not line.startswith(("ProtectSystem", "CapabilityBoundingSet", "SystemCallFilter", "PrivateUsers"))]
    unit.write_text("\n".join([*weaker, "[Service]", "ProtectSytem=strict", ""]))
    assert subprocess.run(["systemd-analyze", "security", "--offline=true", "--threshold=12", "--no-pager", str(unit)],
                          capture_output=True, timeout=60).returncode != 0, "the limit can be missed"
    assert b"ProtectSytem" in subprocess.run(["systemd-analyze", "verify", "--man=no", str(unit)],
                                             capture_output=True, timeout=60).stderr


def test_the_socket_unit_passes_systemd_analyze(tmp_path):
    for name in ("gruveo-relay.service", "gruveo-relay.socket"):
        text = (ROOT / "systemd" / name).read_text()
        (tmp_path / name).write_text(text.replace("/usr/bin/gruveo-relay", BINARY))
    socket_unit = tmp_path / "gruveo-relay.socket"

    def verified():
        done = subprocess.run(["systemd-analyze", "verify", "--man=no", str(socket_unit)], capture_output=True, timeout=60)
        return done.returncode, done.stdout + done.stderr

    assert verified() == (0, b"")
    socket_unit.write_text(socket_unit.read_text().replace("ListenStream=", "ListenSteam="))
    assert b"ListenSteam" in verified()[1]


def test_a_log_reader_that_stands_still_stops_nothing(make_relay, make_sink):
    sink = make_sink()
    relay = make_relay(routes_to({"one": sink}))
    reading, writing = os.pipe()
    try:
        relay.process = subprocess.Popen(
            [BINARY, "serve", "--config", str(relay.routes_path), "--state", str(relay.state),
             "--listen", f"127.0.0.1:{relay.port}"],
            env=relay.environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=writing)
        eventually(relay.is_up, 30)
        # A pipe holds 64 KiB, which is some hundred lines.
        for mark in range(800):
            assert relay.post(sample(mark))[0] == 200
        eventually(lambda: len(sink.requests) == 800, 30)
        assert relay.stop() == 0
    finally:
        os.close(writing)
        os.close(reading)
