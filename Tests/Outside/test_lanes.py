"""A destination's trouble: held, down, paused and orphaned destinations of the built binary, and what survives a restart."""

import json
import time

import pytest

from harness import event_id, eventually, every, free_port, routes_to, sample


def destinations(relay):
    """What `destination list --json` shows, by name."""
    done = relay.command("destination", "list", "--json", "--state", str(relay.state), check=0)
    return {shown["destination"]: shown for shown in map(json.loads, done.stdout.splitlines())}


def order(relay, word, name, check=0):
    return relay.command("destination", word, name, "--state", str(relay.state), check=check)


def post(relay, count, start=0):
    for number in range(start, start + count):
        assert relay.post(sample(number))[0] == 200


def customers(sink):
    """The customer ids of what was answered 200, in order."""
    return [int(json.loads(request["body"])["tracking"]["customer_id"]) for request in sink.requests
            if sink.answer(request) == 200]


@pytest.mark.release
def test_a_revoked_hook_stays_held_over_a_restart_until_its_address_changes(make_relay, make_sink):
    """Not one dead letter, and all of it in order of arrival once the hook is a new one."""
    gone, new = make_sink(lambda request: (404, {}, b"no_service\n")), make_sink()
    ordered = {"ordered": True, **every(1, 3)}
    relay = make_relay(routes_to({"chat": gone}, chat=ordered)).start()
    post(relay, 10)
    shown = eventually(lambda: (found := destinations(relay)["chat"])["state"] == "held" and found, what="the hold")
    assert (shown["code"], shown["reason"]) == ("status_404", "the destination answered 404: no_service"), shown
    assert shown["since"] and shown["probeAt"] and "URL" in shown["advice"]
    tried = len(gone.requests)
    assert relay.stop() == 0
    relay.start()
    post(relay, 10, start=10)
    time.sleep(1)
    again = destinations(relay)["chat"]
    assert {**again, "inFlight": 0} == {**shown, "inFlight": 0}, "the same hold, of the same time"
    assert len(gone.requests) == tried, "a restart does not hammer it"
    assert relay.stop() == 0
    relay.write_routes(routes_to({"chat": new}, chat=ordered))
    relay.start()
    relay.settled(delivered=20, dead=0)
    assert customers(new) == list(range(20))
    assert destinations(relay)["chat"]["state"] == "open"


@pytest.mark.release
@pytest.mark.parametrize("options", [{}, {"ordered": True}], ids=["unordered", "ordered"])
def test_what_waits_for_a_destination_that_was_down_follows_at_once(make_relay, make_sink, options):
    """Their own schedule would let them wait for an hour after the first failure."""
    port = free_port()
    routes = routes_to({"crm": make_sink()}, crm={"retry": {"schedule": ["1s", "1s", "1s", "1s", "1h"], "for": "2h"}, **options})
    routes["destinations"]["crm"]["url"] = f"http://127.0.0.1:{port}/crm"
    relay = make_relay(routes).start()
    post(relay, 5)
    shown = eventually(lambda: (found := destinations(relay)["crm"])["state"] == "down" and found, 30, "down")
    assert shown["code"] == "connect" and shown["probeAt"]
    assert "destination down" in relay.log()
    post(relay, 5, start=5)
    eventually(lambda: relay.counts()["pending"] == 10, what="all wait")
    sink = make_sink(port=port)
    order(relay, "probe", "crm")
    relay.settled(seconds=10, delivered=10, dead=0)
    if options:
        assert customers(sink) == list(range(10))
    assert "destination open again" in relay.log()


@pytest.mark.release
@pytest.mark.parametrize("is_killed", [False, True], ids=["", "killed"])
def test_a_new_event_does_not_wait_behind_what_a_stop_has_left(make_relay, make_sink, is_killed):
    """Four hundred that were never tried: to send them all takes 8 s."""
    sink = make_sink(lambda request: time.sleep(0.02) or 200)
    relay = make_relay(routes_to({"crm": sink}, crm={"concurrency": 1})).start()
    order(relay, "pause", "crm")
    post(relay, 400)
    if is_killed:
        relay.kill()
        relay.start()
    order(relay, "resume", "crm")
    eventually(lambda: len(sink.requests) >= 5, what="the old ones come")
    ids = [event_id(sample(number)) for number in range(410)]
    for number in range(400, 410):
        before = len(sink.requests)
        post(relay, 1, start=number)
        eventually(lambda: ids[number] in sink.ids(), what="the new one")
        assert sink.ids().index(ids[number]) - before < 8, "it has its turn among the old ones"
    assert len(sink.requests) < 200, "the old ones are not all sent yet"
    relay.settled(30, delivered=410)
    assert sorted(sink.ids()) == sorted(ids)
    assert [name for name in sink.ids() if name in ids[:400]] == ids[:400], "the old ones keep their order"


def test_a_destination_that_is_down_is_tried_without_being_asked(make_relay, make_sink):
    port = free_port()
    routes = routes_to({"crm": make_sink()}, crm={"retry": {"schedule": ["1s"] * 4 + ["1h"], "for": "2h"}})
    routes["destinations"]["crm"]["url"] = f"http://127.0.0.1:{port}/crm"
    relay = make_relay(routes).start()
    post(relay, 1)
    eventually(lambda: destinations(relay)["crm"]["state"] == "down", 30, "down")
    make_sink(port=port)
    relay.settled(seconds=30, delivered=1)


@pytest.mark.release
def test_a_paused_destination_gets_nothing_until_it_is_resumed_and_stays_paused_over_a_kill(make_relay, make_sink):
    sink, other = make_sink(), make_sink()
    relay = make_relay(routes_to({"crm": sink, "log": other})).start()
    said = order(relay, "pause", "crm")
    assert said.stdout.startswith(b"crm  paused since 20"), said.stdout
    post(relay, 3)
    eventually(lambda: len(set(other.ids())) == 3, what="the other one goes on")
    relay.kill()
    relay.start()
    post(relay, 3, start=3)
    # What was answered a moment before the kill may come twice.
    eventually(lambda: len(set(other.ids())) == 6, what="the other one goes on")
    assert not sink.requests
    assert destinations(relay)["crm"]["state"] == "paused"
    eventually(lambda: relay.counts()["pending"] == 3 + 3, what="all for the paused one wait")
    order(relay, "probe", "crm")
    assert not sink.requests, "a pause wins"
    order(relay, "resume", "crm")
    relay.settled(delivered=12)


def test_what_waits_for_a_name_that_vanished_is_shown_as_orphaned_and_follows_when_it_returns(make_relay, make_sink):
    crm, log = make_sink(lambda request: 503), make_sink()
    both = routes_to({"crm": crm, "log": log}, crm=every(2, 9))
    relay = make_relay(both).start()
    post(relay, 3)
    eventually(lambda: crm.requests, what="a try")
    assert relay.reload(routes_to({"log": log})).returncode == 0
    shown = destinations(relay)
    assert shown["crm"]["state"] == "orphaned" and shown["crm"]["since"], shown
    order(relay, "pause", "crm", check=66)
    relay.kill()
    relay.start()
    assert destinations(relay)["crm"] == shown["crm"]
    assert relay.counts()["pending"] == 3
    crm.answer = lambda request: 200
    assert relay.reload(both).returncode == 0
    relay.settled(delivered=6, dead=0)
    assert destinations(relay)["crm"]["state"] == "open"


def test_a_name_that_vanished_is_shown_only_while_something_is_kept_for_it(make_relay, make_sink):
    done, refused, waits, log = make_sink(), make_sink(lambda request: 422), make_sink(lambda request: 503), make_sink()
    sinks = {"done": done, "refused": refused, "waits": waits, "log": log}
    relay = make_relay(routes_to(sinks, waits=every(100, 9))).start()
    post(relay, 1)
    settled = {"delivered": 2, "dead": 1}
    eventually(lambda: settled.items() <= relay.counts().items(), what="all but one settled")

    def shown():
        return {name: report["state"] for name, report in destinations(relay).items()}
    assert shown() == dict.fromkeys(sinks, "open")
    assert relay.reload(routes_to({"log": log})).returncode == 0
    assert shown() == {"refused": "orphaned", "waits": "orphaned", "log": "open"}
    relay.command("dead", "discard", event_id(sample(0)), "--state", str(relay.state), check=0)
    assert shown() == {"waits": "orphaned", "log": "open"}
    assert relay.stop() == 0
    relay.start()
    assert shown() == {"waits": "orphaned", "log": "open"}


def test_retry_after_survives_a_restart(make_relay, make_sink):
    sink = make_sink(lambda request: (429, {"Retry-After": "3600"}, b""))
    relay = make_relay(routes_to({"chat": sink})).start()
    post(relay, 1)
    until = eventually(lambda: destinations(relay)["chat"]["restsUntil"], what="the rest")
    relay.kill()
    relay.start()
    post(relay, 1, start=1)
    time.sleep(1)
    assert len(sink.requests) == 1
    assert destinations(relay)["chat"]["restsUntil"] == until
    sink.answer = lambda request: 200
    order(relay, "resume", "chat")
    relay.settled(delivered=2)


def test_a_rest_that_is_over_is_no_obstacle(make_relay, make_sink):
    answers = iter([(503, {"Retry-After": "10"}, b"")])
    sink = make_sink(lambda request: next(answers, 503))
    relay = make_relay(routes_to({"chat": sink}, chat={"retry": {"schedule": ["11s", "1h"], "for": "10h"}})).start()
    post(relay, 1)
    command = ["queue", "list", "--json", "--state", str(relay.state)]

    def obstacle():
        return json.loads(relay.command(*command, check=0).stdout)["obstacle"]
    assert "wanted nothing until" in eventually(obstacle, what="the rest")
    eventually(lambda: len(sink.requests) == 2, 30, "the second attempt")
    assert obstacle() is None


def test_orders_for_nobody_are_refused_in_one_line(make_relay, make_sink):
    relay = make_relay(routes_to({"crm": make_sink()})).start()
    for name in ("nobody", "../reload", "UPPER", ""):
        said = order(relay, "pause", name, check=66)
        assert said.stderr.count(b"\n") == 1 and b"destination list" in said.stderr, said.stderr
    assert relay.stop() == 0
    said = order(relay, "pause", "crm", check=69)
    assert b"no relay answers" in said.stderr
