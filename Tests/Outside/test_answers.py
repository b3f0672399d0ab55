"""What an answer means: services that say in the body what they think, and bodies that nobody wants to read."""

import json
import re

import pytest

from harness import SAMPLE, eventually, every, routes_to, sample

TOKEN = "canary-token-of-the-tests"


def answers(*given):
    """Answers with each of these once, and with the last one from then on."""
    left = list(given)
    return lambda request: left.pop(0) if len(left) > 1 else left[0]


def as_json(status, value):
    return status, {"Content-Type": "application/json"}, json.dumps(value).encode()


def letter(relay):
    [path] = relay.dead_letters()
    return json.loads(path.read_text())


def test_a_200_that_is_not_ok_is_tried_again_and_then_delivered(make_relay, make_sink):
    """Slack and its likes: the status says nothing."""
    sink = make_sink(answers((200, {}, b"invalid_payload"), (200, {}, b"ok")))
    relay = make_relay(routes_to({"chat": sink}, chat={"success": "body == 'ok'", **every(1, 5)})).start()
    relay.post(SAMPLE)
    relay.settled(delivered=1, dead=0)
    first, second = sink.requests
    assert first["body"] == second["body"] == SAMPLE and second["headers"]["Relay-Attempt"] == "2"
    assert 0.7 < second["at"] - first["at"] < 3
    assert r'reason="the destination answered 200, but \"success\" is false for its answer: invalid_payload"' in relay.log()


def test_what_never_succeeds_ends_in_a_letter_that_shows_the_answer(make_relay, make_sink):
    sink = make_sink(lambda request: (200, {}, b"invalid_payload"))
    relay = make_relay(routes_to({"chat": sink}, chat={"success": "body == 'ok'", **every(1, 1)})).start()
    relay.post(SAMPLE)
    relay.settled(dead=1)
    found = letter(relay)
    assert found["reason"]["code"] == "attempts_exhausted"
    assert found["reason"]["text"].endswith('"success" is false for its answer: invalid_payload')
    assert [(a["status"], a["outcome"], a["response"]) for a in found["attempts"]] == [
        (200, "retry", "invalid_payload")] * 2


def test_success_is_not_asked_where_it_is_not_set(make_relay, make_sink):
    sink = make_sink(lambda request: (200, {}, b"invalid_payload"))
    relay = make_relay(routes_to({"chat": sink})).start()
    relay.post(SAMPLE)
    relay.settled(delivered=1)
    assert len(sink.requests) == 1


def test_a_400_with_a_full_queue_is_tried_again_and_another_400_is_dead(make_relay, make_sink):
    cases = {"outcomes": {"400": [{"when": "body == 'Queue is full'", "outcome": "retry"}]}, **every(1, 5)}
    make = make_sink(answers((400, {}, b"Queue is full"), (200, {}, b"Accepted"), (400, {}, b"Invalid")))
    relay = make_relay(routes_to({"make": make}, make=cases)).start()
    relay.post(sample(1))
    relay.settled(delivered=1, dead=0)
    assert len(make.requests) == 2
    relay.post(sample(2))
    relay.settled(delivered=1, dead=1)
    assert len(make.requests) == 3 and letter(relay)["reason"]["code"] == "status_400"


@pytest.mark.parametrize("key, body, seconds", [
    ("json.retry_after", {"message": "You are being rate limited.", "retry_after": 2.3, "global": False}, 3),
    ("json.parameters.retry_after", {"ok": False, "error_code": 429, "parameters": {"retry_after": 3}}, 3),
], ids=["discord", "telegram"])
def test_a_wait_in_the_body_pauses_the_whole_lane_for_so_long(make_relay, make_sink, key, body, seconds):
    sink, other = make_sink(answers(as_json(429, body), as_json(200, {"ok": True}))), make_sink()
    mine = {"retryAfter": key, "success": "json.ok", **every(1, 20)}
    relay = make_relay(routes_to({"chat": sink, "other": other}, chat=mine)).start()
    relay.post(sample("first"))
    eventually(lambda: sink.requests, what="the first attempt")
    for mark in range(3):
        relay.post(sample(mark))
    relay.settled(delivered=8)
    first, *later = [request["at"] for request in sink.requests]
    assert len(later) == 4
    # Not the 5 s of a 429 that does not say how long.
    assert seconds <= min(later) - first < seconds + 1.5
    assert max(request["at"] for request in other.requests) - first < 2


def test_a_429_that_says_nothing_pauses_the_lane_as_ever(make_relay, make_sink):
    sink = make_sink(answers((429, {"Retry-After": "2"}, b"<html>"), 204))
    relay = make_relay(routes_to({"chat": sink}, chat={"retryAfter": "json.retry_after", **every(1, 20)})).start()
    relay.post(SAMPLE)
    relay.settled(delivered=1)
    first, second = [request["at"] for request in sink.requests]
    assert 2 <= second - first < 4.5
    assert "condition failed" not in relay.log(), "an answer without a wait is no fault"


def test_headers_are_seen_in_lower_case(make_relay, make_sink):
    sink = make_sink(answers((200, {"X-Result": "No"}, b""), (200, {"x-ReSULT": "Yes"}, b"")))
    relay = make_relay(routes_to({"one": sink}, one={"success": "headers['x-result'] == 'Yes'", **every(1, 5)}))
    relay.start().post(SAMPLE)
    relay.settled(delivered=1)
    assert len(sink.requests) == 2


def test_a_condition_that_fails_counts_as_false_and_a_line_names_it(make_relay, make_sink):
    sink = make_sink(answers(as_json(200, {"status": "?"}), as_json(200, {"ok": True})))
    outcomes = {"2xx": [{"when": "json.error.code == 5", "outcome": "dead"}]}
    relay = make_relay(routes_to({"one": sink}, one={"success": "json.ok", "outcomes": outcomes, **every(1, 5)}))
    relay.start().post(SAMPLE)
    relay.settled(delivered=1, dead=0)
    assert len(sink.requests) == 2
    log = relay.log()
    assert "a condition failed on an answer and counts as false" in log
    assert 'condition=destinations.one.outcomes.2xx[0].when' in log
    assert r'error="object has no property \"error\""' in log
    assert r'\"success\" fails on its answer: object has no property \"ok\"' in log


HOSTILE = {
    "64 KiB of lists": b"[" * 65536, "64 KiB of objects": b'{"a":' * 13107, "a million lists": b"[" * 2 ** 20,
    "flat lists": b"[" + b"[]," * 21000 + b"[]]", "many keys": json.dumps({f"k{n}": n for n in range(5000)}).encode(),
    "invalid UTF-8": b"\xff\xfe\xc3ok", "half a surrogate": b'{"ok": "\\ud800"}', "NULs": b"\0" * 5000,
    "NUL in JSON": b'{"ok": "\\u0000", "a": "\0"}', "a key twice": b'{"ok": false, "ok": false}',
    "a huge number": b'{"ok": 0e999999999, "retry_after": ' + b"9" * 5000 + b"}",
    "escapes": b'"' + b"\\u202e\\u0007" * 5000 + b'"', "the secret": TOKEN.encode(),
}


@pytest.mark.parametrize("kind", list(HOSTILE))
@pytest.mark.parametrize("status", [200, 400, 429])
def test_a_hostile_body_is_judged_and_harms_nothing(make_relay, make_sink, kind, status):
    sink, healthy = make_sink(answers((status, {"Retry-After": "1"}, HOSTILE[kind]), (200, {}, b'{"ok": true}'))), \
        make_sink()
    mine = {
        "headers": {"X-Key": {"env": "TOKEN"}}, "success": "json.ok || body.ok", "retryAfter": "json.retry_after / 1000",
        # The last one calls the body, so that the error repeats it.
        "outcomes": {"4xx": [{"when": "body == json || body()", "outcome": "dead"}, {"when": "true", "outcome": "retry"}]},
        **every(1, 0), "retry": {"schedule": ["1s"] * 5, "for": "1h"}}
    relay = make_relay(routes_to({"one": sink, "healthy": healthy}, one=mine), environment={"TOKEN": TOKEN}).start()
    relay.post(SAMPLE)
    if kind == "a huge number" and status != 200:
        # The wish is cut to a day, and the event waits for it.
        eventually(lambda: "outcome=retry" in relay.log(), what="the attempt")
    else:
        relay.settled(delivered=2)
        assert len(sink.requests) == 2
    eventually(lambda: len(healthy.requests) == 1, what="the other destination")
    assert sink.requests[0]["headers"]["X-Key"] == TOKEN
    log = relay.log()
    assert TOKEN not in log and "\u202e" not in log and "\x07" not in log
    assert "a condition failed" in log and len(log) < 20_000


def test_an_answer_that_repeats_our_secret_shows_it_nowhere(make_relay, make_sink):
    sink = make_sink(lambda request: (200, {}, f"no: {request['headers']['X-Key']}".encode()))
    mine = {"headers": {"X-Key": {"env": "TOKEN"}}, "success": "body()", **every(1, 1)}
    relay = make_relay(routes_to({"one": sink}, one=mine), environment={"TOKEN": TOKEN}).start()
    relay.post(SAMPLE)
    relay.settled(dead=1)
    found = letter(relay)
    assert "no: <redacted> is not callable" in found["reason"]["text"]
    assert found["attempts"][0]["response"] == "no: <redacted>"
    assert TOKEN not in json.dumps(found) and TOKEN not in relay.log()


def test_an_answer_that_breaks_off_is_judged_by_what_came(make_relay, make_sink):
    """Its status line and headers are complete: without `success` that would be enough."""
    def cut(request):
        return (200, {"X-Cut": "1"}, b"o") if len(sink.requests) == 1 else (200, {}, b"ok")
    sink = make_sink(cut)
    handler = sink.server.RequestHandlerClass
    plain = handler.send_header

    def send_header(self, name, value):
        if name == "Content-Length" and value == "1":
            value, self.close_connection = "2", True
        plain(self, name, value)
    handler.send_header = send_header
    relay = make_relay(routes_to({"one": sink}, one={"success": "body == 'ok'", **every(1, 5)})).start()
    relay.post(SAMPLE)
    relay.settled(delivered=1)
    assert len(sink.requests) == 2
    assert "of which only a part came" in relay.log()


def test_check_names_the_place_of_a_fault_and_doubts_what_cannot_be_meant(make_relay, make_sink):
    sink = make_sink()
    relay = make_relay(routes_to({"one": sink}, one={
        "success": "body = 'ok'", "retryAfter": "headers['retry-after']",
        "outcomes": {"400": [{"when": "body.full", "outcome": "retry"}]}}))
    done = relay.check("--json")
    assert done.returncode == 78
    found = {one["path"].removeprefix("destinations.one."): one for one in map(json.loads, done.stdout.splitlines())}
    lines = relay.routes_path.read_text().splitlines()
    fault = found["success"]
    assert (fault["severity"], '(at character 6, "= \'ok\'": write == to compare)' in fault["message"]) == ("error", True)
    assert lines[fault["line"] - 1][fault["column"] - 1:].startswith('"body = \'ok\'"')
    assert found["retryAfter"]["severity"] == found["outcomes.400[0].when"]["severity"] == "warning"
    assert "gives a text for an answer 429" in found["retryAfter"]["message"]
    assert "fails for every answer" in found["outcomes.400[0].when"]["message"]
    relay.write_routes(re.sub(r"body = 'ok'", "body == 'ok'", relay.routes_path.read_text()))
    assert relay.check().returncode == 0 and relay.check("--strict").returncode == 78


def test_a_reload_with_another_condition_takes_back_a_hold(make_relay, make_sink):
    sink = make_sink(lambda request: (404, {}, b"not registered"))
    relay = make_relay(routes_to({"n8n": sink}, n8n={**every(1, 3), "concurrency": 1})).start()
    relay.post(SAMPLE)
    relay.post(sample(2))
    eventually(lambda: "destination held" in relay.log(), what="the hold")
    mended = routes_to({"n8n": sink}, n8n={
        **every(1, 3), "concurrency": 1, "outcomes": {"404": [{"when": "'registered' in body", "outcome": "delivered"}]}})
    assert relay.reload(mended).returncode == 0
    relay.settled(delivered=2)
