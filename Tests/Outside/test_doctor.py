"""`doctor`: what is looked at, what it says, and that it changes and sends nothing."""

import json
import os
import socket
import sqlite3
import ssl
import subprocess
import threading

import pytest

from harness import BINARY, KEY, certificate, event_id, eventually, free_port, routes_to, sample
from zoo import Zoo, demanding


def doctor(relay, *arguments, check=None):
    """The findings as objects, by subject; several of one subject are a list."""
    done = relay.command("doctor", "--config", str(relay.routes_path), "--state", str(relay.state), "--json",
                         *arguments, check=check)
    found = {}
    for line in done.stdout.splitlines():
        finding = json.loads(line)
        found.setdefault(finding["subject"], []).append((finding["level"], finding["text"]))
    return found


def made_state(make_relay, routes):
    """A relay that has run once and is stopped."""
    relay = make_relay(routes)
    relay.start()
    assert relay.stop() == 0
    return relay


@pytest.mark.release
def test_nothing_is_wrong_with_a_running_relay_and_nothing_is_sent(make_relay, make_sink):
    sink = make_sink()
    relay = make_relay(routes_to({"crm": sink})).start()
    relay.post()
    relay.settled(delivered=1)
    found = doctor(relay, check=0)
    levels = {subject: [level for level, _ in findings] for subject, findings in found.items()}
    assert levels["state"] == levels["store"] == levels["relay"] == levels["clock"] == levels["routes"] == ["ok"]
    assert levels["destination crm"] == ["ok"]
    assert len(sink.requests) == 1, "only the event"
    plain = relay.command("doctor", "--config", str(relay.routes_path), "--state", str(relay.state), check=0)
    assert b"ok      store: sound" in plain.stdout and plain.stderr == b""
    relay.stop()
    assert doctor(relay, "--offline", check=0)["relay"] == [("note", "no relay runs on this directory")]


def test_what_is_wrong_is_said_with_what_to_do(make_relay, make_sink):
    relay = make_relay(routes_to({"crm": make_sink()}))
    assert doctor(relay, check=66)["state"][0][0] == "error"
    routes = routes_to({"crm": make_sink()})
    routes["destinations"]["closed"] = {"url": f"http://127.0.0.1:{free_port()}/secret-path", "allowPrivate": ["127.0.0.0/8"]}
    routes["sources"]["gruveo"]["keys"] = [{"file": "key"}]
    relay.write_routes(routes)
    key = relay.directory / "key"
    key.write_text(KEY)
    key.chmod(0o644)
    relay.start()
    relay.stop()
    relay.state.chmod(0o755)
    found = doctor(relay, check=0)
    assert "chmod 700" in found["state"][0][1] and found["state"][0][0] == "warning"
    assert any("chmod 600" in text for _, text in found["routes"])
    assert found["destination closed"][0][0] == "warning"
    assert "secret-path" not in json.dumps(found)
    assert not {name for name in doctor(relay, "--offline", check=0) if name.startswith("destination")}
    relay.write_routes("{")
    assert doctor(relay, check=78)["routes"][0][0] == "error"


def test_a_certificate_that_nobody_vouches_for_is_an_error(make_relay, make_sink, tmp_path):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate(tmp_path))
    listener = socket.create_server(("127.0.0.1", 0))
    received = []

    def answer():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            try:
                with context.wrap_socket(connection, server_side=True) as secure:
                    received.append(secure.recv(100))
            except OSError:
                received.append(None)

    threading.Thread(target=answer, daemon=True).start()
    url = f"https://localhost:{listener.getsockname()[1]}/x"
    routes = routes_to({"crm": make_sink()})
    routes["destinations"]["secure"] = {"url": url, "allowPrivate": ["127.0.0.0/8", "::1/128"]}
    relay = make_relay(routes)
    relay.start()
    assert doctor(relay, check=69)["destination secure"][0][0] == "error"
    routes["destinations"]["secure"]["tls"] = {"ca": str(tmp_path / "localhost.pem")}
    relay.write_routes(routes)
    assert doctor(relay, check=0)["destination secure"] == [
        ("ok", f"https://localhost:{listener.getsockname()[1]}/… takes connections over TLS")]
    eventually(lambda: received[-1] == b"", what="the handshake, and no byte of a request")
    listener.close()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_server_that_wants_a_certificate_of_ours_is_an_error_without_it(make_relay, make_sink, tmp_path, version):
    server, client, other = (certificate(tmp_path, name) for name in ("localhost", "client", "other"))
    for pair in (client, other):
        pair[1].chmod(0o600)
    zoo = Zoo()
    try:
        url = zoo.open(demanding(server, client, version))
        relay = made_state(make_relay, routes_to({"crm": make_sink()}))
        for pair, (level, words) in {None: ("error", "TLS alert"), other: ("error", "TLS alert 48, unknown CA"),
                                     client: ("ok", "takes connections over TLS")}.items():
            ours = {"certificate": str(pair[0]), "key": str(pair[1])} if pair else {}
            routes = routes_to({"crm": make_sink()})
            routes["destinations"]["secure"] = {"url": url, "allowPrivate": ["127.0.0.0/8", "::1/128"],
                                                "tls": {"ca": str(server[0]), **ours}}
            relay.write_routes(routes)
            [found] = doctor(relay, check=69 if level == "error" else 0)["destination secure"]
            assert found[0] == level and words in found[1], found
        assert not zoo.seen, "nothing was sent"
    finally:
        zoo.close()


def test_an_event_whose_bytes_have_changed_is_shown_kept_and_not_sent(make_relay, make_sink):
    sink = make_sink(lambda request: 503)
    relay = make_relay(routes_to({"crm": sink}, crm={"retry": {"schedule": ["1s"] * 50, "for": "1h"}})).start()
    for name in ("good", "bad"):
        assert relay.post(sample(name))[0] == 200
    relay.kill()
    with sqlite3.connect(relay.state / "queue.sqlite") as database:
        database.execute("UPDATE events SET body = replace(body, 'bad', 'worse') WHERE id = 2")
    sink.requests.clear()
    sink.answer = lambda request: 200
    relay.start()
    eventually(lambda: "stored bytes have changed" in relay.log(), what="the report")
    eventually(lambda: relay.counts()["delivered"] == 1, what="the good one")
    assert relay.counts()["pending"] == 1 and len(sink.requests) == 1
    store = doctor(relay, "--offline", check=65)["store"]
    assert any("1 deliveries wait whose event's bytes have changed" in text for _, text in store)
    assert relay.command("doctor", "--repair", "--state", str(relay.state), check=75)
    relay.stop()
    done = relay.command("doctor", "--repair", "--state", str(relay.state), check=0)
    assert b"lost: 1 deliveries that waited" in done.stderr and b"left out: 1 events" in done.stderr
    assert doctor(relay, "--offline", check=0)["store"][0][0] == "ok"
    again = relay.command("doctor", "--repair", "--state", str(relay.state), check=0)
    assert again.stderr == b"nothing to repair\n"


def test_a_changed_event_of_which_nothing_waits_is_named_and_no_error(make_relay, make_sink):
    relay = make_relay(routes_to({"crm": make_sink()})).start()
    bodies = [sample(name) for name in ("good", "bad")]
    for body in bodies:
        assert relay.post(body)[0] == 200
    relay.settled(delivered=2)
    relay.stop()
    with sqlite3.connect(relay.state / "queue.sqlite") as database:
        database.execute("UPDATE events SET body = replace(body, 'bad', 'worse') WHERE id = 2")
    store = doctor(relay, "--offline", check=0)["store"]
    assert [level for level, _ in store] == ["warning", "note"], store
    assert "1 stored events have changed" in store[0][1] and event_id(bodies[1]) in store[1][1], store
    again = relay.command("doctor", "--repair", "--state", str(relay.state), check=0)
    assert again.stderr == b"nothing to repair\n", "it is left alone"
    relay.start()
    assert relay.post(sample("next"))[0] == 200
    relay.settled(delivered=3)


def test_damage_found_after_the_start_refuses_events_and_says_so(make_relay, make_sink):
    relay = make_relay(routes_to({"crm": make_sink(lambda request: 503)})).start()
    assert relay.post(sample("one"))[0] == 200
    relay.kill()
    with sqlite3.connect(relay.state / "queue.sqlite") as database:
        database.execute("UPDATE totals SET pending = 5")
    relay.start()
    eventually(lambda: relay.post(sample("two"))[0] == 503, what="the refusal")
    assert "doctor --repair" in relay.log()
    found = doctor(relay, "--offline", check=65)
    assert found["relay"][0][0] == "error" and "doctor --repair" in found["relay"][0][1]
    assert relay.stop() == 0
    relay.command("doctor", "--repair", "--state", str(relay.state), check=0)
    relay.start()
    assert relay.post(sample("three"))[0] == 200
    assert subprocess.run([BINARY, "doctor", "--help"], capture_output=True).returncode == 0


# A /run as under systemd, seen by this command only, and a systemctl that prints what the test wrote.
UNDER_SYSTEMD = 'mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/system && exec "$@"'
USABLE = {"LoadState": "loaded", "ActiveState": "active", "UnitFileState": "enabled", "Accept": "no",
          "Listen": "127.0.0.1:8080 (Stream)", "FileDescriptorName": "public"}
SOCKET_UNITS = {
    "usable": ({}, [("ok", "active at 127.0.0.1:8080")]),
    "none": ({"LoadState": "not-found", "ActiveState": "inactive"}, []),
    "not in use": ({"ActiveState": "inactive", "UnitFileState": "disabled"}, [("note", "a restart of the relay refuses")]),
    "not started": ({"ActiveState": "inactive"}, [("warning", "start gruveo-relay.socket")]),
    "failed": ({"ActiveState": "failed", "UnitFileState": "disabled"}, [("warning", "reset-failed")]),
    "broken": ({"LoadState": "bad-setting"}, [("warning", "cannot be loaded")]),
    "open": ({"Listen": "[::]:80 (Stream)"}, [("ok", "active at [::]:80"), ("note", "[::]:80 is open to all")]),
    "open, IPv4": ({"Listen": "0.0.0.0:80 (Stream)"}, [("ok", ""), ("note", "0.0.0.0:80 is open to all")]),
    "datagrams": ({"Listen": "127.0.0.1:8080 (Datagram)"}, [("error", "leave one ListenStream=")]),
    "FIFO": ({"Listen": "/run/x (FIFO)"}, [("error", "leave one ListenStream=")]),
    "two": ({"Listen": "127.0.0.1:1 (Stream)\nListen=127.0.0.1:2 (Stream)"}, [("error", "leave one ListenStream=")]),
    "unix": ({"Listen": "/run/x (Stream)"}, [("error", "ListenStream=ADDRESS:PORT")]),
    "accepting": ({"Accept": "yes"}, [("error", "Accept=no")]),
    "another name": ({"FileDescriptorName": "gruveo-relay.socket"}, [("error", "FileDescriptorName=public")]),
}


def doctor_under_systemd(relay, request, shown):
    """The exit code and the findings where `systemctl` prints this for these arguments, and fails for others."""
    systemctl = relay.directory / "systemctl"
    systemctl.write_text(f"#!/bin/sh\ntest \"$1 $2\" = '{request}' && cat <<'END'\n{shown}\nEND\n")
    systemctl.chmod(0o755)
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", UNDER_SYSTEMD, "sh", BINARY, "doctor", "--offline", "--json", "--config",
         relay.routes_path, "--state", relay.state], capture_output=True, timeout=60,
        env={**relay.environment, "PATH": f"{relay.directory}:{relay.environment['PATH']}"})
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.skipif(os.geteuid() != 0, reason="a /run of its own needs root")
def test_the_socket_unit_is_looked_at(make_relay, make_sink):
    relay = make_relay(routes_to({"crm": make_sink()})).start()
    for case, (changes, expected) in SOCKET_UNITS.items():
        shown = "\n".join(f"{name}={value}" for name, value in {**USABLE, **changes}.items())
        code, findings = doctor_under_systemd(relay, "show gruveo-relay.socket", shown)
        found = [(one["level"], one["text"]) for one in findings
                 if one["subject"] == "systemd" and "gruveo-relay.service" not in one["text"]]
        assert [level for level, _ in found] == [level for level, _ in expected], (case, found)
        assert all(part in text for (_, text), (_, part) in zip(found, expected)), (case, found)
        assert code == (78 if "error" in dict(expected) else 0), case


# Secrets and the files of `tls`

def with_token(sink, secret):
    return routes_to({"crm": sink}, crm={"auth": {"bearer": secret}})


def test_a_secret_that_is_missing_is_an_error_and_one_that_nobody_can_look_at_is_said(make_relay, make_sink):
    sink = make_sink()
    relay = made_state(make_relay, routes_to({"crm": sink}))
    for missing, path in (({"credential": "token"}, "credentials/token"), ({"file": "a-token"}, "a-token")):
        relay.write_routes(with_token(sink, missing))
        [(level, text)] = doctor(relay, "--offline", check=78)["routes"]
        assert level == "error" and "error: destinations.crm.auth.bearer: " in text, text
        assert f"cannot be read: {relay.directory}/{path}: No such file or directory" in text, text
        file = relay.directory / path
        file.parent.mkdir(exist_ok=True)
        file.write_text("a-token-of-the-tests")
        file.chmod(0o600)
        assert [level for level, _ in doctor(relay, "--offline", check=0)["routes"]] == ["ok"]
    # The relay's environment is not this command's.
    relay.write_routes(with_token(sink, {"env": "A_TOKEN"}))
    found = doctor(relay, "--offline", check=0)["routes"]
    assert [level for level, _ in found] == ["note", "note"] and "1 of its secrets" in found[1][1], found
    # All else is looked at nevertheless.
    relay.write_routes(with_token(sink, {"credential": "another"}))
    assert doctor(relay, check=78)["destination crm"][0][0] == "ok"


UNIT = """# /lib/systemd/system/gruveo-relay.service
[Service]
ExecStart=/usr/bin/gruveo-relay serve --config {config} --state /var/lib/gruveo-relay
LoadCredential=relay:{loaded}
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="a /run of its own needs root")
def test_credentials_are_looked_for_where_the_unit_loads_them_from(make_relay, make_sink, tmp_path):
    relay = made_state(make_relay, routes_to({"crm": (sink := make_sink())}))
    relay.write_routes(with_token(sink, {"credential": "token"}))
    beside = relay.directory / "credentials"
    units, another = tmp_path / "of the unit", tmp_path / "another"
    for directory in (beside, units):
        directory.mkdir()
    another.write_text("a-token-of-the-tests")
    another.chmod(0o600)

    def routes(more="", config=relay.routes_path):
        shown = UNIT.format(config=config, loaded=units) + more
        code, findings = doctor_under_systemd(relay, "cat gruveo-relay.service", shown)
        return code, [(one["level"], one["text"]) for one in findings if one["subject"] == "routes"]

    def put(directory):
        (directory / "token").write_text("a-token-of-the-tests")
        (directory / "token").chmod(0o600)

    put(beside)
    code, [(level, text)] = routes()
    assert (code, level) == (78, "error") and f"{units}/token: No such file" in text, text
    assert routes(config="/etc/another.json")[0] == 0, "the unit serves another file"
    assert routes(f"LoadCredential=token:{another}\n") == (0, [("ok", f"{relay.routes_path} can be served")])
    code, [(level, text)] = routes("LoadCredential=\n")
    assert (code, level) == (78, "error") and "gruveo-relay.service loads none of this name" in text, text
    code, found = routes("SetCredentialEncrypted=token: k6iUCUh0RJCQyvL8k8q1UyAAAAABAAAADAAAABAAAAC1l\n")
    assert (code, [level for level, _ in found]) == (0, ["note", "note"]), found
    put(units)
    assert routes() == (0, [("ok", f"{relay.routes_path} can be served")])


def test_the_files_of_tls_are_looked_at(make_relay, make_sink):
    sink, other = make_sink(), make_sink()
    relay = make_relay(routes_to({"crm": sink, "log": other}))
    made, key = certificate(relay.directory, "relay")
    key.chmod(0o600)
    together = relay.directory / "both.pem"
    together.write_bytes(made.read_bytes() + key.read_bytes())
    together.chmod(0o600)

    def said(tls):
        """What `check` says in warnings, and the levels of `doctor` with its exit code."""
        routes = routes_to({"crm": sink, "log": other}, crm={"tls": tls})
        relay.write_routes(routes)
        checked = relay.check()
        assert checked.returncode == 0, checked.stderr
        lines = [line for line in checked.stderr.decode().splitlines() if ": warning: " in line]
        done = relay.command("doctor", "--config", relay.routes_path, "--state", relay.state, "--offline", "--json")
        found = [json.loads(line) for line in done.stdout.splitlines()]
        return lines, [one["level"] for one in found if one["subject"] == "routes"], done.returncode

    relay.start()
    assert relay.stop() == 0
    right = {"ca": "relay.pem", "certificate": "relay.pem", "key": str(key)}
    assert said(right) == ([], ["ok"], 0)
    assert said({"certificate": "both.pem"}) == ([], ["ok"], 0)
    for name in ("ca", "certificate", "key"):
        [line], levels, code = said({**right, name: "nothere.pem"})
        place, _, text = line.partition(": warning: ")
        number, column = map(int, place.removeprefix(f"{relay.routes_path}:").split(":"))
        assert relay.routes_path.read_text().splitlines()[number - 1][column - 1:].startswith('"nothere.pem"'), line
        assert text.startswith(f"destinations.crm.tls.{name}: cannot be read: {relay.directory}/nothere.pem: No such")
        assert (levels, code) == (["error"], 78)
    # The others go on without it.
    relay.start()
    relay.post()
    eventually(lambda: other.requests and sink.requests, what="both deliveries, of which none needs TLS")
    assert f"destinations.crm.tls.key: cannot be read: {relay.directory}/nothere.pem" in relay.log()
    for file, tls in ((key, right), (together, {"certificate": "both.pem"})):
        file.chmod(0o644)
        [line], levels, code = said(tls)
        assert line.endswith(f"{file} can be read by other users: chmod 600 it"), line
        assert (levels, code) == (["warning", "ok"], 0)


def test_what_the_states_owner_cannot_write_is_an_error(make_relay, make_sink):
    relay = made_state(make_relay, routes_to({"crm": make_sink()}))
    if os.geteuid() == 0:
        # Modes do not bind root: the relay's user is another one.
        for path in (relay.state, *relay.state.rglob("*")):
            os.chown(path, 12345, 12345)
    assert [level for level, _ in doctor(relay, "--offline", check=0)["state"]] == ["ok"]
    for name, mode, needed in (("dead-letters", 0o500, 700), ("queue.mark", 0o400, 600)):
        path = relay.state / name
        usual = path.stat().st_mode & 0o777
        path.chmod(mode)
        [_, (level, text)] = doctor(relay, "--offline", check=77)["state"]
        assert level == "error" and f"/{name} cannot be written by its owner" in text and f"chmod {needed}" in text
        path.chmod(usual)
    assert [level for level, _ in doctor(relay, "--offline", check=0)["state"]] == ["ok"]
