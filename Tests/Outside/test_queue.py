"""P23: an event's whole life can be read, while the relay runs and when it does not."""

import json
import os
import re
import subprocess
import threading
import time

import pytest

import big_state
from harness import BINARY, SAMPLE, Relay, SignalAtCall, Sink, event_id, eventually, routes_to, sample


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


# Given up by an operator (P8)

def drop(relay, *arguments, check=0):
    done = relay.command("queue", "drop", "--state", str(relay.state), *arguments, check=check)
    return done.stdout.decode(), done.stderr.decode()


@pytest.mark.release
@pytest.mark.parametrize("is_running", [True, False], ids=["running", "stopped"])
def test_one_event_is_dropped_and_replayed_after_all(relay, sinks, is_running):
    sinks["crm"].state["crm"] = [500]
    bodies = [sample(f"call {number}") for number in range(3)]
    for body in bodies:
        assert relay.post(body)[0] == 200
    eventually(lambda: relay.counts()["dead"] == 3 and relay.counts()["pending"] == 6)
    first, second = event_id(bodies[0]), event_id(bodies[1])
    if not is_running:
        assert relay.stop() == 0
    # It may be on its way just then.
    eventually(lambda: drop(relay, first[:14], "--destination", "crm", check=None)[0]
               == f"dropped {first} for crm\n", what="the drop")
    assert "does not wait for crm" in drop(relay, first, "--destination", "crm", check=66)[1]

    def ways():
        return {way["destination"]: way["state"] for way in life(relay, first)["deliveries"]}
    assert ways() == {"crm": "discarded", "refusing": "deferred", "gone": "dead"}
    told = [json.loads(line) for line in eventually(
        lambda: drop(relay, second, "--json", check=None)[0], what="all of an event").splitlines()]
    assert {one["destination"] for one in told} <= {"crm", "refusing"} and len(told) in (1, 2)
    if not is_running:
        relay.start()
        assert relay.counts()["discarded"] == 3
    assert "deliveries=1 destination=crm event=" + first in relay.log() or not is_running
    sinks["crm"].state["crm"] = [200]
    relay.command("replay", first, "--to", "crm", "--state", str(relay.state), check=0)
    # By now it may count as down.
    relay.command("destination", "probe", "crm", "--state", str(relay.state), check=0)
    eventually(lambda: ways()["crm"] == "delivered", what="the replay")
    # No letter is written for what is dropped.
    assert len(relay.dead_letters()) == 3


@pytest.mark.release
def test_what_waits_for_a_name_that_is_gone_can_be_dropped_and_the_relay_takes_events_again(make_relay):
    routes = {**big_state.routes(), "limits": {"backlog": 30_000}}
    relay = make_relay(routes)
    big_state.make(relay, 10_000)
    del routes["destinations"]["b"]
    routes["routes"][0]["to"] = ["a", "c"]
    relay.write_routes(routes)
    relay.start()
    assert relay.post(sample("too much"))[0] == 503
    output, words = drop(relay, "--destination", "b", check=64)
    assert output == "" and words == "gruveo-relay: 10000 deliveries wait for b: give --yes to drop all\n"
    assert relay.counts()["pending"] == 30_000
    assert drop(relay, "--destination", "b", "--yes") == ("dropped 10000 deliveries for b\n", "")
    counts = relay.counts()
    assert (counts["pending"], counts["discarded"]) == (20_000, 10_000)
    assert "nothing waits for b" in drop(relay, "--destination", "b", "--yes", check=66)[1]
    listed = relay.command("destination", "list", "--state", str(relay.state), check=0).stdout.decode()
    assert {line.split()[0] for line in listed.splitlines()} == {"a", "c"}
    assert relay.post(sample("now"))[0] == 200
    # After a restart the books are the same.
    assert relay.stop() == 0
    relay.start()
    assert relay.counts()["pending"] == 20_002 and relay.counts()["discarded"] == 10_000


def test_a_drop_leaves_alone_what_is_on_its_way(make_relay, make_sink):
    release = threading.Event()
    relay = make_relay(routes_to({"crm": make_sink(lambda request: release.wait(20) and 200)}, crm={"concurrency": 2}))
    relay.start()
    for number in range(20):
        assert relay.post(sample(number))[0] == 200
    eventually(lambda: "inFlight\":2" in relay.command(
        "destination", "list", "--json", "--state", str(relay.state), check=0).stdout.decode().replace(" ", ""))
    output, words = drop(relay, "--destination", "crm", "--yes", check=75)
    assert output == "dropped 18 deliveries for crm\n"
    assert words == "gruveo-relay: 2 more are on the way to crm just now and left alone\n"
    release.set()
    relay.settled(delivered=2, discarded=18)


def test_a_drop_says_what_it_cannot_do(relay, tmp_path):
    assert "nothing waits for nobody" in drop(relay, "--destination", "nobody", "--yes", check=66)[1]
    assert "no event evt_000" in drop(relay, "evt_" + "0" * 32, check=66)[1]
    done = relay.command("queue", "drop", "--destination", "crm", "--yes", "--state", str(tmp_path / "none"))
    assert done.returncode == 66 and not (tmp_path / "none").exists()


@pytest.mark.release
def test_a_drop_of_many_pages_takes_all_that_a_lane_has_in_memory(make_relay, make_sink):
    """The lane is open and goes on leasing between the pages; its rate lets two requests out."""
    relay = make_relay(big_state.routes())
    big_state.make(relay, 20_000)
    routes = big_state.routes()
    routes["destinations"]["a"] = {**routes_to({"a": make_sink()})["destinations"]["a"], "rate": "2/h"}
    relay.write_routes(routes)
    relay.start()
    eventually(lambda: relay.counts()["delivered"] == 2, what="what the rate allows")
    assert drop(relay, "--destination", "a", "--yes") == ("dropped 19998 deliveries for a\n", "")
    assert relay.counts()["discarded"] == 19_998


def test_a_drop_whose_relay_dies_goes_on_by_itself_or_says_what_it_has_dropped(make_relay, tmp_path):
    signals = SignalAtCall(tmp_path)
    relay = make_relay(big_state.routes(), environment=signals.environment)
    big_state.make(relay, 40_000)
    relay.start()
    for name in big_state.DESTINATIONS:
        relay.command("destination", "pause", name, "--state", str(relay.state), check=0)
    time.sleep(1)
    # One for each page; once in a while there is one for something else.
    signals.order("KILL 3 before sync /queue.sqlite-wal")
    done, words = drop(relay, "--destination", "a", "--yes", check=None)
    assert relay.process.wait(20) == -9
    if not done:
        assert re.search("^gruveo-relay: (8192|16384) for a were dropped before that$", words, re.M), words
        done = drop(relay, "--destination", "a", "--yes")[0]
    assert re.fullmatch(r"dropped \d+ deliveries for a\n", done)
    relay.start()
    assert relay.counts()["discarded"] == 40_000


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_whoever_may_not_read_the_queue_is_told_so(relay):
    for command in (["queue", "list"], ["queue", "show", "evt_12345678"], ["queue", "drop", "evt_12345678"],
                    ["backup", "none"]):
        done = subprocess.run([BINARY, *command, "--state", str(relay.state)], capture_output=True, timeout=20,
                              user=65534, group=65534, extra_groups=[])
        assert done.returncode == 77 and b"queue.sqlite: Permission denied" in done.stderr, done
