"""P23: an event's whole life can be read, while the relay runs and when it does not."""

import json
import re

import pytest

from harness import SAMPLE, Sink, event_id, eventually, Relay, routes_to, sample


@pytest.fixture
def sinks():
    state = {"crm": [503, 429, 200], "refusing": 404, "gone": 422}

    def crm(request):
        status = state["crm"].pop(0) if len(state["crm"]) > 1 else state["crm"][0]
        return (status, {}, b"busy") if status != 200 else 200

    made = {"crm": Sink(crm), "refusing": Sink(lambda request: state["refusing"]),
            "gone": Sink(lambda request: state["gone"])}
    made["crm"].state = state
    yield made
    for sink in made.values():
        sink.close()


@pytest.fixture
def relay(sinks):
    quick = {"retry": {"schedule": ["1s", "1s", "1h"]}}
    relay = Relay(routes_to(sinks, crm=quick, refusing=quick, gone={"outcomes": {"422": "dead"}})).start()
    yield relay
    relay.close()


def show(relay, identifier, *arguments, check=0):
    return relay.command("queue", "show", identifier, "--state", str(relay.state), *arguments, check=check)


def life(relay, identifier):
    return json.loads(show(relay, identifier, "--json").stdout)


@pytest.mark.release
def test_an_events_life_shows_receipt_matches_and_every_attempt(relay, sinks):
    assert relay.post()[0] == 200
    identifier = event_id(SAMPLE)
    eventually(lambda: len(sinks["crm"].requests) == 3 and relay.counts()["delivered"] == 1)
    for running in (True, False):
        told = life(relay, identifier)
        assert (told["id"], told["source"], told["kind"], told["routes"], told["bytes"], told["intact"]) == (
            identifier, "gruveo", "matched", ["all"], len(SAMPLE), True)
        ways = {way["destination"]: way for way in told["deliveries"]}
        assert {name: way["state"] for name, way in ways.items()} == {
            "crm": "delivered", "refusing": "deferred", "gone": "dead"}
        tries = ways["crm"]["attempts"]
        assert [(a["number"], a["status"], a["outcome"], a["response"]) for a in tries] == [
            (1, 503, "retry", "busy"), (2, 429, "retry", "busy"), (3, 200, "delivered", "")]
        # Each is timed as the destination saw it.
        for attempt, request in zip(tries, sinks["crm"].requests):
            assert attempt["at"].endswith("Z") and attempt["durationMilliseconds"] >= 0
            assert request["headers"]["Relay-Attempt"] == str(attempt["number"])
        assert ways["refusing"]["dueAt"] and "held since" in ways["refusing"]["obstacle"]
        assert "404" in ways["refusing"]["obstacle"]
        assert [a["status"] for a in ways["gone"]["attempts"]] == [422]
        words = show(relay, identifier[:12]).stdout.decode()
        assert re.search(r"^evt_[0-9a-f]{32}  from gruveo, received 20\S+Z, \d+ bytes\nroutes: all\n", words)
        assert re.search(r"crm: delivered\n  1  \S+Z  \d+ ms  retry  the destination answered 503: busy\n", words)
        if running:
            relay.stop()


def test_what_waits_is_listed_in_order_of_arrival(relay, sinks):
    sinks["crm"].state["crm"] = [500]
    bodies = [sample(f"call {number}") for number in range(5)]
    for body in bodies:
        assert relay.post(body)[0] == 200
    # Dead ones do not wait.
    eventually(lambda: relay.counts()["dead"] == 5 and relay.counts()["pending"] == 10)

    def listed(*arguments):
        done = relay.command("queue", "list", "--state", str(relay.state), "--json", *arguments, check=0)
        return [json.loads(line) for line in done.stdout.splitlines()]

    crm = listed("--destination", "crm")
    assert [one["id"] for one in crm] == [event_id(body) for body in bodies]
    assert {one["destination"] for one in listed()} == {"crm", "refusing"} and len(listed()) == 10
    assert len(listed("--limit", "3")) == 3 and listed("--destination", "nobody") == []
    words = relay.command("queue", "list", "--state", str(relay.state), "--limit", "3", check=0)
    assert len(words.stdout.splitlines()) == 3 and b"--limit" in words.stderr


def test_an_unwanted_and_a_quarantined_event_say_why_nothing_was_sent(relay):
    routes = json.loads(relay.routes_path.read_text())
    routes["routes"][0]["match"] = {"link": ["@nobody"]}
    assert relay.reload(routes).returncode == 0
    relay.post()
    relay.post(b'{"a": 1, "a": 2}')
    assert life(relay, event_id(SAMPLE))["kind"] == "unmatched"
    assert "no route wanted it" in show(relay, event_id(SAMPLE)).stdout.decode()
    told = life(relay, event_id(b'{"a": 1, "a": 2}'))
    assert told["kind"] == "quarantined" and told["reason"]
    assert "in quarantine: " in show(relay, told["id"]).stdout.decode()


def test_what_cannot_be_shown_says_so(relay, tmp_path):
    done = show(relay, "evt_" + "0" * 32, check=66)
    assert b"no event evt_000" in done.stderr and done.stdout == b""
    assert relay.command("queue", "list", "--state", str(tmp_path / "none")).returncode == 66
    assert relay.command("queue", "list", "--state", str(relay.state), check=0).stderr == b"nothing waits\n"
    # Nothing is changed by a look, and nothing is made.
    assert not (tmp_path / "none").exists()


def test_digits_that_fit_several_events_name_them(relay):
    """Two bodies whose ids begin alike are looked for: eight digits take about 80,000 of them."""
    seen, number = {}, 0
    while True:
        body = sample(f"twin {number}")
        start = event_id(body)[4:12]
        if start in seen:
            break
        seen[start], number = body, number + 1
    for one in (seen[start], body):
        assert relay.post(one)[0] == 200
    done = show(relay, start, check=64)
    assert all(event_id(one).encode() in done.stderr for one in (seen[start], body))
    assert life(relay, event_id(body))["id"] == event_id(body)
