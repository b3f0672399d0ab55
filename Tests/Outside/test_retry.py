"""A destination in trouble: it loses nothing, delays no other, and what it refuses can be sent again."""

import base64
import json
import os
import shutil
import socket
import time

import pytest

from harness import SAMPLE, Sink, event_id, eventually, every, free_port, routes_to, sample


def refuse_once_fixed(make_relay, make_sink, **more):
    """A relay with one dead letter at a destination that has been mended since."""
    sink = make_sink(lambda request: (422, {}, b"no such customer"))
    relay = make_relay(routes_to({"crm": sink}, **more)).start()
    assert relay.post(SAMPLE)[0] == 200
    relay.settled(dead=1)
    sink.answer = lambda request: 200
    return relay, sink


def only_letter(relay):
    [path] = relay.dead_letters()
    return path, json.loads(path.read_text())


@pytest.mark.release
@pytest.mark.alone
def test_a_destination_that_is_down_for_ten_seconds_loses_nothing_and_delays_no_other(make_relay, make_sink):
    port, healthy = free_port(), make_sink()
    routes = routes_to({"healthy": healthy})
    routes["destinations"]["down"] = {
        "url": f"http://127.0.0.1:{port}/", "allowPrivate": ["127.0.0.0/8"], **every(1, 60)}
    routes["routes"][0]["to"].append("down")
    relay = make_relay(routes).start()
    end = time.monotonic() + 10
    posted = {}
    while time.monotonic() < end:
        body = sample(len(posted))
        posted[event_id(body)] = time.time()
        assert relay.post(body)[0] == 200
        time.sleep(0.25)
    eventually(lambda: len(healthy.requests) == len(posted), 5, "the healthy destination has all")
    waits = [request["at"] - posted[request["headers"]["webhook-id"]] for request in healthy.requests]
    assert max(waits) < 1, f"a delivery to the healthy destination took {max(waits):.2f} s"
    assert relay.counts()["pending"] == len(posted)
    mended = make_sink(port=port)
    relay.settled(30, delivered=2 * len(posted), dead=0)
    assert sorted(mended.ids()) == sorted(posted)


@pytest.mark.alone
def test_a_destination_that_hangs_delays_no_other(make_relay, make_sink):
    slow, fast = make_sink(lambda request: time.sleep(4) or 200), make_sink()
    relay = make_relay(routes_to({"slow": slow, "fast": fast}, slow={"timeout": "1s", **every(1, 1)})).start()
    posted = {}
    for mark in range(40):
        body = sample(mark)
        posted[event_id(body)] = time.time()
        assert relay.post(body)[0] == 200
    eventually(lambda: len(fast.requests) == 40, 5, "the fast destination has all")
    assert max(request["at"] - posted[request["headers"]["webhook-id"]] for request in fast.requests) < 1
    eventually(lambda: relay.counts()["delivered"] == 40, 5, "the books")


@pytest.mark.release
def test_a_422_leaves_a_dead_letter_which_redrive_delivers_after_the_fix(make_relay, make_sink):
    relay, sink = refuse_once_fixed(make_relay, make_sink)
    path, letter = only_letter(relay)
    assert list(letter) == ["format", "id", "source", "destination", "routes", "receivedAt", "diedAt", "reason",
                            "attempts", "request", "event", "bytes"]
    assert (letter["format"], letter["id"], letter["source"], letter["destination"], letter["routes"]) == (
        1, event_id(SAMPLE), "gruveo", "crm", ["all"])
    assert base64.b64decode(letter["bytes"]) == SAMPLE
    assert letter["event"] == json.loads(SAMPLE)
    assert letter["reason"]["code"] == "status_422"
    [attempt] = letter["attempts"]
    assert (attempt["number"], attempt["outcome"], attempt["status"]) == (1, "dead", 422)
    assert attempt["response"] == "no such customer"
    assert path.parent == relay.state / "dead-letters" / "crm"
    assert path.name.endswith(f"Z-{event_id(SAMPLE)}.json") and path.stat().st_mode & 0o777 == 0o600
    relay.command("dead", "redrive", "--state", str(relay.state), event_id(SAMPLE), check=0)
    counts = relay.settled(delivered=1)
    assert (counts["dead"], counts["routed"] + counts["replayed"]) == (0, 1)
    eventually(lambda: not list((relay.state / "redrive").glob("*.json")), what="the file's end")
    assert sink.bodies() == [SAMPLE, SAMPLE] and sink.ids() == [event_id(SAMPLE)] * 2
    assert [request["headers"].get("Relay-Replay") for request in sink.requests] == [None, "1"]
    assert relay.dead_letters() == []


def test_a_dead_letter_that_is_moved_to_redrive_is_sent_again_and_twice_is_harmless(make_relay, make_sink):
    relay, sink = refuse_once_fixed(make_relay, make_sink)
    path, _ = only_letter(relay)
    copy = relay.directory / "copy.json"
    shutil.copy(path, copy)
    os.rename(path, relay.state / "redrive" / path.name)
    relay.settled(delivered=1)
    shutil.copy(copy, relay.state / "redrive" / "again.json")
    eventually(lambda: not list((relay.state / "redrive").glob("*.json")), what="the file's end")
    counts = relay.settled(delivered=1)
    assert counts["routed"] + counts["replayed"] == 1
    assert len(sink.requests) == 2


def test_an_edited_dead_letter_is_sent_in_its_new_form_under_a_new_id(make_relay, make_sink):
    relay, sink = refuse_once_fixed(make_relay, make_sink)
    path, letter = only_letter(relay)
    letter["event"]["tracking"]["customer_id"] = "14811"
    edited = json.dumps(letter["event"], separators=(",", ":")).encode()
    path.write_text(json.dumps(letter, indent=2))
    relay.command("dead", "redrive", "--state", str(relay.state), event_id(SAMPLE), check=0)
    relay.settled(delivered=1)
    assert sink.bodies() == [SAMPLE, edited]
    assert sink.ids() == [event_id(SAMPLE), event_id(edited)]
    assert sink.requests[1]["headers"]["Relay-Original-Id"] == event_id(SAMPLE)


def test_a_dead_letter_of_a_large_body_is_listed_and_sent_again(make_relay, make_sink):
    sink = make_sink(lambda request: 422)
    routes = routes_to({"crm": sink})
    routes["sources"]["gruveo"]["maxBody"] = 16_777_216
    relay = make_relay(routes).start()
    # The largest take a debug build more than a minute.
    body = sample(0, text="x" * 1_500_000, note="said \"yes\" \n" * 10_000)
    assert relay.post(body)[0] == 200
    relay.settled(dead=1, seconds=60)
    assert relay.dead_letters()[0].stat().st_size > 4_500_000
    listed = relay.command("dead", "list", "--json", "--state", str(relay.state), check=0).stdout
    assert json.loads(listed)["id"] == event_id(body)
    sink.answer = lambda request: 200
    relay.command("dead", "redrive", "--state", str(relay.state), event_id(body), check=0)
    relay.settled(delivered=1, dead=0, seconds=60)
    assert sink.bodies() == [body, body]


def test_what_redrive_cannot_use_is_put_aside_with_the_reason(make_relay, make_sink):
    relay = make_relay(routes_to({"crm": make_sink()})).start()
    redrive = relay.state / "redrive"
    (redrive / "broken.json").write_text('{"format": 1')
    (redrive / "notes.txt").write_text("hello")
    (redrive / "link.json").symlink_to("/etc/hostname")
    (redrive / "later.json").write_text('{"format": 2}')
    refused = redrive / "refused"
    for name in ["broken.json", "notes.txt", "link.json", "later.json"]:
        eventually(lambda: (refused / f"{name}.txt").exists() and not os.path.lexists(redrive / name), what=name)
        assert os.path.lexists(refused / name)
        assert (refused / f"{name}.txt").read_text().startswith("The relay did not send this: ")
    assert relay.counts()["pending"] == 0


@pytest.mark.parametrize("running", [True, False], ids=["running", "stopped"])
def test_dead_letters_can_be_listed_shown_and_discarded(make_relay, make_sink, running):
    sinks = {"crm": make_sink(lambda request: 422), "erp": make_sink(lambda request: 400)}
    relay = make_relay(routes_to(sinks)).start()
    relay.post(SAMPLE)
    relay.settled(dead=2)
    if not running:
        assert relay.stop() == 0

    def dead(*arguments, check=0):
        return relay.command("dead", *arguments, "--state", str(relay.state), check=check)

    identifier = event_id(SAMPLE)
    listed = [json.loads(line) for line in dead("list", "--json").stdout.splitlines()]
    assert sorted((letter["id"], letter["destination"]) for letter in listed) == [
        (identifier, "crm"), (identifier, "erp")]
    assert all(letter["edited"] is False and letter["attempts"] == 1 for letter in listed)
    text = dead("list").stdout.decode()
    assert text.count(identifier) == 2 and "the destination answered 422" in text
    assert dead("list", "--destination", "crm").stdout.count(b"\n") == 1
    shown = json.loads(dead("show", identifier, "--destination", "erp").stdout)
    assert (shown["destination"], shown["reason"]["code"]) == ("erp", "status_400")
    assert json.loads(dead("show", identifier[:14], "--destination", "erp").stdout) == shown
    dead("show", identifier, check=64)
    dead("show", "evt_00000000", check=66)
    dead("show", "'; drop table events; --", check=64)
    dead("discard", identifier, "--destination", "crm")
    assert [path.parent.name for path in relay.dead_letters()] == ["erp"]
    dead("discard", identifier, "--destination", "crm", check=66)
    dead("redrive", identifier)
    assert relay.dead_letters() == []
    sinks["erp"].answer = lambda request: 200
    if not running:
        relay.start()
    relay.settled(dead=0, discarded=1, delivered=1)
    assert [len(sink.requests) for sink in sinks.values()] == [1, 2]


def test_attempts_that_are_used_up_end_in_a_dead_letter_with_all_of_them(make_relay, make_sink):
    sink = make_sink(lambda request: 503)
    relay = make_relay(routes_to({"one": sink}, one=every(1, 2))).start()
    relay.post(SAMPLE)
    relay.settled(dead=1)
    _, letter = only_letter(relay)
    assert letter["reason"]["code"] == "attempts_exhausted"
    assert [(attempt["number"], attempt["status"]) for attempt in letter["attempts"]] == [(1, 503), (2, 503), (3, 503)]
    times = [request["at"] for request in sink.requests]
    gaps = [later - earlier for earlier, later in zip(times, times[1:])]
    assert all(0.75 < gap < 1.8 for gap in gaps), f"1 s with 20 % jitter: {gaps}"


def test_the_retries_of_a_burst_are_spread_by_jitter(make_relay, make_sink):
    """No retry comes before its due time, so that without jitter none would come earlier than after 2 s."""
    sink = make_sink(lambda request: 408 if request["headers"]["Relay-Attempt"] == "1" else 200)
    relay = make_relay(routes_to({"one": sink}, one=every(2, 3))).start()
    for mark in range(30):
        relay.post(sample(mark))
    relay.settled(delivered=30)
    first, second = ({request["headers"]["webhook-id"]: request["at"] for request in sink.requests
                      if request["headers"]["Relay-Attempt"] == number} for number in ("1", "2"))
    gaps = sorted(second[event] - first[event] for event in first)
    assert 1.59 < gaps[0] < 1.95 and gaps[-1] > 2.05, f"2 s with 20 % jitter: {gaps}"


@pytest.mark.alone
def test_retry_after_is_honoured_for_the_whole_lane(make_relay, make_sink):
    sink = make_sink(lambda request: (503, {"Retry-After": "4"}, b"") if len(sink.requests) == 1 else 200)
    other = make_sink()
    relay = make_relay(routes_to({"one": sink, "other": other}, one=every(1, 20))).start()
    relay.post(sample("first"))
    eventually(lambda: sink.requests, what="the first attempt")
    for mark in range(5):
        relay.post(sample(mark))
    relay.settled(delivered=12)
    first, *later = [request["at"] for request in sink.requests]
    assert len(later) == 6 and min(later) - first >= 4
    assert max(request["at"] for request in other.requests) - first < 2


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_a_destination_that_is_revoked_is_held_and_all_stays_queued(make_relay, make_sink, status):
    revoked, healthy = make_sink(lambda request: status), make_sink()
    relay = make_relay(routes_to({"revoked": revoked, "healthy": healthy}, revoked={"concurrency": 1})).start()
    for mark in range(10):
        relay.post(sample(mark))
    eventually(lambda: relay.counts()["delivered"] == 10, what="the healthy destination")
    eventually(lambda: "destination held" in relay.log(), what="the line in the log")
    time.sleep(1)
    counts = relay.counts()
    assert (counts["pending"], counts["dead"]) == (10, 0)
    assert len(revoked.requests) == 2, "two in a row, then nothing but a slow probe"
    assert relay.dead_letters() == []
    relay.kill()
    relay.start()
    assert relay.counts()["pending"] == 10


def test_a_redirect_is_not_followed(make_relay, make_sink):
    canary = make_sink()
    sink = make_sink(lambda request: (302, {"Location": f"{canary.url}/elsewhere"}, b""))
    relay = make_relay(routes_to({"one": sink})).start()
    relay.post(SAMPLE)
    eventually(lambda: "answered 302" in relay.log(), what="the attempt")
    time.sleep(0.5)
    assert canary.requests == [] and len(sink.requests) == 1
    assert relay.counts()["pending"] == 1


def test_a_proxy_of_the_environment_is_not_used(make_relay, make_sink):
    proxy, sink = make_sink(), make_sink()
    names = ["http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"]
    relay = make_relay(routes_to({"one": sink}), environment=dict.fromkeys(names, proxy.url)).start()
    relay.post(SAMPLE)
    relay.settled(delivered=1)
    assert (len(proxy.requests), len(sink.requests)) == (0, 1)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "a.localhost", "2130706433", "0x7f.1", "0177.0.0.1",
                                  "127.1", "0", "[::1]", "[::ffff:127.0.0.1]", "%6c%6f%63alhost", "169.254.169.254"])
def test_a_private_address_in_a_url_is_refused_at_start(make_relay, make_sink, host):
    canary = make_sink()
    routes = routes_to({})
    routes["destinations"]["one"] = {"url": f"http://{host}:{canary.port}/"}
    assert make_relay(routes).check().returncode == 78
    routes["destinations"]["one"] = {"url": {"env": "URL"}}
    relay = make_relay(routes, environment={"URL": f"http://{host}:{canary.port}/"}).start(wait=False)
    assert relay.process.wait(20) == 78, "also where it is a secret"
    assert canary.requests == []


def test_a_name_that_leads_to_a_private_address_is_refused_when_it_is_connected(make_relay, make_sink):
    name = socket.gethostname()
    try:
        addresses = {entry[4][0] for entry in socket.getaddrinfo(name, 80)}
    except OSError:
        addresses = set()
    if not any(address.startswith("127.") for address in addresses):
        pytest.skip(f"{name} does not lead to loopback here")
    canary = make_sink()
    routes = routes_to({})
    routes["destinations"]["one"] = {"url": f"http://{name}:{canary.port}/"}
    routes["routes"] = [{"name": "all", "match": {}, "to": ["one"]}]
    relay = make_relay(routes).start()
    relay.post(SAMPLE)
    eventually(lambda: "outcome=held" in relay.log(), what="the refusal")
    assert canary.requests == [] and relay.counts()["pending"] == 1
    routes["destinations"]["one"]["allowPrivate"] = ["127.0.0.0/8"]
    assert relay.reload(routes).returncode == 0
    other = sample("after the reload")
    relay.post(other)
    eventually(lambda: other in canary.bodies(), what="the allowed delivery")


def test_an_overridden_outcome_is_asked_first(make_relay, make_sink):
    sinks = {"gone": make_sink(lambda request: 404), "busy": make_sink(
        lambda request: 400 if len(sinks["busy"].requests) < 2 else 200)}
    relay = make_relay(routes_to(
        sinks, gone={"outcomes": {"404": "dead", "4xx": "retry"}}, busy={"outcomes": {"4xx": "retry"}, **every(1, 5)}))
    relay.start().post(SAMPLE)
    relay.settled(dead=1, delivered=1)


def test_deliveries_of_a_destination_that_vanished_go_on_when_its_name_returns(make_relay, make_sink):
    down = Sink(lambda request: 503)
    healthy = make_sink()
    both = routes_to({"one": down, "healthy": healthy}, one=every(1, 60))
    relay = make_relay(both).start()
    relay.post(SAMPLE)
    eventually(lambda: down.requests, what="the first attempt")
    down.close()
    assert relay.reload(routes_to({"healthy": healthy})).returncode == 0
    time.sleep(2.5)
    assert relay.counts()["pending"] == 1
    mended = make_sink()
    assert relay.reload(routes_to({"one": mended, "healthy": healthy}, one=every(1, 60))).returncode == 0
    relay.settled(delivered=2)
    assert mended.bodies() == [SAMPLE]
