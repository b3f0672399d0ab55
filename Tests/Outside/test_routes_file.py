"""The routes file: all faults at once, nothing started or changed by a bad one, and what explain says of a good one."""

import json
import signal

import pytest

from harness import ROOT, SAMPLE, event_id, eventually, routes_to, sample

FAULTY = """\
{
  "sources": {
    "gruveo": { "path": "/webhooks/gruveo", "keys": [ { "env": "GRUVEO_KEY" }, "a-plain-key-0123456789" ] }
  },
  "destinations": {
    "crm": {
      "url": "http://127.0.0.1:9/crm",
      "allowPrivate": [ "127.0.0.0/8" ],
      "timeuot": "15s",
      "retry": { "schedule": [ "5s", "10x" ] }
    },
    "log": { "url": "http://10.0.0.5/gruveo" }
  },
  "routes": [
    { "name": "all", "match": { "resolution": [ "missed" ] }, "to": [ "crm", "lgo" ] }
  ]
}
"""
FAULTS = [
    '{file}:3:80: error: sources.gruveo.keys[1]: a secret may not be written here: refer to it by '
    '{{"credential": "NAME"}}, {{"env": "NAME"}} or {{"file": "PATH"}}',
    '{file}:9:7: error: destinations.crm: unknown key "timeuot", did you mean "timeout"?',
    '{file}:10:38: error: destinations.crm.retry.schedule[1]: "10x" has an unknown unit: write a whole number and '
    's, m, h or d, such as "15s"',
    '{file}:12:21: error: destinations.log.url: the address 10.0.0.5 is private; to allow it add '
    '"allowPrivate": ["10.0.0.5/32"] to the destination',
    '{file}:15:78: error: routes[0].to[1]: unknown destination "lgo", did you mean "log"?',
]


def faults(path):
    return [line.format(file=path) for line in FAULTS]


@pytest.mark.release
def test_check_reports_five_mistakes_at_once_with_their_positions(make_relay):
    relay = make_relay(FAULTY)
    done = relay.check()
    assert (done.returncode, done.stdout) == (78, b"")
    assert done.stderr.decode().splitlines() == [
        *faults(relay.routes_path), f"{relay.routes_path}: 5 errors, 0 warnings"]
    done = relay.check("--json")
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert (done.returncode, done.stderr) == (78, b"")
    assert ["{file}:{line}:{column}: {severity}: {path}: {message}".format(**one) for one in found] == faults(
        relay.routes_path)


@pytest.mark.release
def test_serve_refuses_the_file_and_makes_nothing(make_relay):
    relay = make_relay(FAULTY).start(wait=False)
    assert relay.process.wait(20) == 78
    assert relay.log().splitlines() == faults(relay.routes_path)
    assert not relay.state.exists()


def refused_reload(relay, how):
    if how == "SIGHUP":
        relay.process.send_signal(signal.SIGHUP)
        eventually(lambda: "reload refused" in relay.log(), what="the refusal in the log")
    else:
        done = relay.command("reload", "--state", str(relay.state))
        assert (done.returncode, done.stdout) == (78, b"")
        assert done.stderr.decode().splitlines() == [
            *faults(relay.routes_path), "not reloaded: the old rules stay in force"]


@pytest.mark.release
@pytest.mark.parametrize("how", ["SIGHUP", "reload"])
def test_a_reload_with_it_keeps_the_old_rules_and_a_good_one_takes_effect(make_relay, make_sink, how):
    old, new = make_sink(), make_sink()
    relay = make_relay(routes_to({"old": old})).start()
    relay.write_routes(FAULTY)
    refused_reload(relay, how)
    for line in faults(relay.routes_path):
        assert line in relay.log(), "the log tells too"
    assert relay.post(sample(1))[0] == 200
    relay.settled(delivered=1)
    relay.write_routes(routes_to({"new": new}))
    if how == "SIGHUP":
        relay.process.send_signal(signal.SIGHUP)
        eventually(lambda: " reloaded" in relay.log(), what="the reload in the log")
    else:
        relay.command("reload", "--state", str(relay.state), check=0)
    assert relay.post(sample(2))[0] == 200
    relay.settled(delivered=2)
    assert (old.bodies(), new.bodies()) == ([sample(1)], [sample(2)])


def test_a_relay_that_is_ready_can_be_asked_to_reload(make_relay, make_sink):
    relay = make_relay(routes_to({"one": make_sink()}))
    for _ in range(5):
        relay.start(wait=False)
        eventually(lambda: relay.is_up(), 20, "GET /healthz")
        relay.command("reload", "--state", str(relay.state), check=0)
        relay.kill()


@pytest.mark.parametrize("damage", ["absent", "empty", "half", "directory", "binary", "no key"])
def test_no_bad_file_takes_down_a_running_relay(make_relay, make_sink, damage):
    sink = make_sink()
    routes = routes_to({"one": sink})
    relay = make_relay(routes).start()
    text = json.dumps(routes)
    relay.routes_path.unlink()
    if damage == "directory":
        relay.routes_path.mkdir()
    elif damage == "no key":
        routes["sources"]["gruveo"]["keys"].append({"env": "A_KEY_THAT_IS_NOT_SET"})
        relay.write_routes(routes)
    elif damage != "absent":
        relay.routes_path.write_bytes(
            {"empty": b"", "half": text[:len(text) // 2].encode(), "binary": bytes(range(256))}[damage])
    assert relay.command("reload", "--state", str(relay.state)).returncode == 78
    assert relay.post(SAMPLE)[0] == 200
    relay.settled(delivered=1)


def test_a_start_with_a_bad_file_goes_on_by_the_last_good_one_where_that_is_asked_for(make_relay, make_sink):
    sink = make_sink()
    relay = make_relay(routes_to({"one": sink}), arguments=["--fallback", "last-good"]).start()
    relay.write_routes(FAULTY)
    relay.command("reload", "--state", str(relay.state), check=78)
    relay.kill()
    relay.start()
    for line in faults(relay.routes_path):
        assert line in relay.log(), "what is wrong with the file is said all the same"
    assert f"serving by {relay.state}/routes.last-good.json" in relay.log()
    assert relay.post(SAMPLE)[0] == 200
    relay.settled(delivered=1)
    relay.kill()
    relay.arguments = []
    assert relay.start(wait=False).process.wait(20) == 78


def test_a_syntax_error_is_reported_alone_with_its_place(make_relay):
    for text, place in [('{"a": 1,}', ":1:8: "), ('{\n  // why\n}', ":2:3: "), ("", ":1:1: "),
                        ('{"sources": {}\n "routes": []}', ":2:2: ")]:
        done = make_relay(text).check()
        lines = done.stderr.decode().splitlines()
        assert (done.returncode, len(lines)) == (78, 2), lines
        assert place + "error: " in lines[0]


@pytest.mark.release
def test_a_file_that_is_missing_is_66_and_a_second_instance_75(make_relay, make_sink):
    relay = make_relay(routes_to({"one": make_sink()})).start()
    for command in (["check", "/nowhere/routes.json"], ["serve", "--config", "/nowhere/routes.json"],
                    ["explain", "--config", "/nowhere/routes.json", "-"],
                    ["explain", "--config", str(relay.routes_path), "/nowhere/event.json"]):
        done = relay.command(*command, input=b"{}")
        assert (done.returncode, done.stdout) == (66, b""), command
        assert b"/nowhere/" in done.stderr and done.stderr.count(b"\n") == 1
    second = make_relay(routes_to({"one": make_sink()}), state=relay.state).start(wait=False)
    assert second.process.wait(20) == 75
    assert f"process {relay.process.pid} holds {relay.state}" in second.log()
    assert relay.post(SAMPLE)[0] == 200, "the first goes on"
    relay.settled(delivered=1)
    relay.command("reload", "--state", str(relay.state), check=0)


def test_a_taken_port_ends_serve_with_a_line_and_leaves_the_other_alone(make_relay, make_sink):
    relay = make_relay(routes_to({"one": make_sink()})).start()
    second = make_relay(routes_to({"one": make_sink()}))
    second.port = relay.port
    second.start(wait=False)
    assert second.process.wait(20) not in (0, 64, 65, 75, 78)
    assert relay.post(SAMPLE)[0] == 200
    assert str(relay.port) in second.log()
    assert second.log().startswith("gruveo-relay: ") and second.log().count("\n") == 1


TWO_ROUTES = [
    {"name": "missed", "match": {"resolution": ["missed"]}, "to": ["crm"]},
    {"name": "all", "match": {}, "to": ["log"]},
]


def explained(make_relay, make_sink, *arguments, input):
    routes = routes_to({"crm": make_sink(), "log": make_sink()}, log={
        "headers": {"Authorization": {"env": "TOKEN", "prefix": "Bearer "}},
        "sign": {"scheme": "gruveo", "keys": [{"env": "GRUVEO_KEY"}]}})
    routes["routes"] = TWO_ROUTES
    relay = make_relay(routes, environment={"TOKEN": "a-token-0123456789"})
    done = relay.command("explain", "--config", str(relay.routes_path), *arguments, "-", input=input)
    return done, routes


@pytest.mark.release
def test_explain_tells_a_person_which_routes_match_and_what_would_be_sent(make_relay, make_sink):
    done, routes = explained(make_relay, make_sink, input=SAMPLE)
    lines = done.stdout.decode().splitlines()
    assert done.returncode == 0
    assert lines[:4] == [f"event {event_id(SAMPLE)} from gruveo", '  route "missed": does not match',
                         '    resolution is "answered", but the rule wants "missed"', '  route "all": matches']
    host = routes["destinations"]["log"]["url"].removesuffix("log")
    assert f"  to log: POST {host}\u2026" in lines
    assert "    Authorization: <redacted>" in lines and "    X-Gruveo-SHA256-HMAC: <signature>" in lines
    assert "    " + SAMPLE.decode() in lines


def test_explain_prints_an_object_for_each_event_or_line(make_relay, make_sink):
    missed, doubled = sample(1, resolution="missed"), b'{"a":1,"a":2}'
    done, routes = explained(make_relay, make_sink, "--json", input=missed + b"\n" + SAMPLE + b"\r\n" + doubled)
    first, second, third = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 65, "one would be quarantined"
    assert [one["id"] for one in (first, second, third)] == [event_id(missed), event_id(SAMPLE), event_id(doubled)]
    assert [route["matches"] for route in first["routes"]] == [True, True]
    assert [request["destination"] for request in first["requests"]] == ["crm", "log"]
    assert [route["matches"] for route in second["routes"]] == [False, True]
    [request] = second["requests"]
    assert (request["method"], request["body"]) == ("POST", SAMPLE.decode())
    assert request["headers"]["X-Gruveo-SHA256-HMAC"] == "<signature>"
    assert request["headers"]["Authorization"] == "<redacted>"
    assert "quarantined" not in second and "duplicate key" in third["quarantined"] and third["requests"] == []


def test_the_example_of_the_repository_has_no_fault(make_relay):
    done = make_relay("{}").command("check", "--strict", str(ROOT / "routes.example.json"))
    assert done.returncode == 0, done.stderr.decode()
