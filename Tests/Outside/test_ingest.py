"""What comes in: signatures, bytes, duplicates, limits, and what the HTTP surface answers."""

import concurrent.futures
import json
import subprocess

import pytest

from harness import KEY, SAMPLE, event_id, eventually, routes_to, sample, signature

PATH = "/webhooks/gruveo"
NOTHING = {"matched": 0, "unmatched": 0, "quarantined": 0, "duplicates": 0, "routed": 0, "pending": 0}


@pytest.fixture
def three(make_relay, make_sink):
    """A relay with three destinations that take everything."""
    sinks = {name: make_sink() for name in ("one", "two", "three")}
    return make_relay(routes_to(sinks)).start(), sinks


def curl(relay, body, *arguments, path=PATH, sign=True, tmp):
    """Posts with the real curl; returns status, body and its words."""
    file = tmp / "body"
    file.write_bytes(body)
    signed = ["-H", f"X-Gruveo-SHA256-HMAC: {signature(body)}"] if sign else []
    done = subprocess.run(
        ["curl", "--noproxy", "*", "-sS", "-v", "--max-time", "10", "-w", "%{stderr}size_upload=%{size_upload}\n",
         "-H", "Content-Type: application/json", *signed, *arguments, "--data-binary", f"@{file}",
         f"http://127.0.0.1:{relay.port}{path}"], capture_output=True, timeout=30)
    words = done.stderr.decode(errors="replace")
    statuses = [line.split()[2] for line in words.splitlines() if line.startswith("< HTTP/1.1 ")]
    return int(statuses[-1]), done.stdout, words


@pytest.mark.release
@pytest.mark.parametrize("form", ["hex", "HEX", "base64", "base64url"])
def test_a_signed_event_is_answered_with_its_id_and_delivered_once_to_each(three, form):
    relay, sinks = three
    status, answer, headers = relay.post(SAMPLE, form=form)
    assert (status, json.loads(answer)) == (200, {"id": event_id(SAMPLE)})
    assert "server" not in {name.lower() for name in headers}
    assert relay.settled(delivered=3)["routed"] == 3
    for name, sink in sinks.items():
        assert sink.bodies() == [SAMPLE], name
        assert sink.ids() == [event_id(SAMPLE)]
        assert sink.requests[0]["headers"]["Relay-Attempt"] == "1"
        assert sink.requests[0]["headers"]["Relay-Destination"] == name


@pytest.mark.release
@pytest.mark.parametrize("form", ["hex", "base64"])
def test_curl_posts_the_sample_event(three, tmp_path, form):
    relay, sinks = three
    status, answer, _ = curl(
        relay, SAMPLE, "-H", f"X-Gruveo-SHA256-HMAC: {signature(SAMPLE, form=form)}", sign=False, tmp=tmp_path)
    assert (status, json.loads(answer)) == (200, {"id": event_id(SAMPLE)})
    relay.settled(delivered=3)
    assert [sink.bodies() for sink in sinks.values()] == [[SAMPLE]] * 3


ODD = {
    "spacing": b'\n\t {  "link"\t:\r\n"@acme.sales" ,"duration":   7}  \r\n\r\n',
    "key order": b'{"z":1,"a":2,"m":{"y":1,"b":2},"link":"@x"}',
    "30-digit numbers": b'{"n":123456789012345678901234567890,"f":1.000000000000000000000000000001,'
                        b'"e":1E+400,"z":-0.0}',
    "unicode escapes": b'{"a":"\\u00e9\\u00E9\\/\\ud83d\\ude00\\u0000",'
                       b'"b":"\xc3\xa9 e\xcc\x81 \xf0\x9f\x98\x80","\\u0061b":1}',
    "empty object": b"{}",
}


@pytest.mark.release
@pytest.mark.parametrize("body", ODD.values(), ids=ODD.keys())
def test_the_body_arrives_byte_for_byte(three, body):
    relay, sinks = three
    status, answer, _ = relay.post(body)
    assert (status, json.loads(answer)["id"]) == (200, event_id(body))
    relay.settled(delivered=3, matched=1)
    assert [sink.bodies() for sink in sinks.values()] == [[body]] * 3


QUARANTINED = {
    "duplicate key": b'{"link":"@a","link":"@b"}',
    "duplicate key by escape": b'{"link":"@a","l\\u0069nk":"@b"}',
    "not an object": b'["@acme.sales"]',
    "empty": b"",
    "no JSON": b"call=ended&link=%40acme",
    "bad UTF-8": b'{"link":"\xff\xfe"}',
    "lone surrogate": b'{"link":"\\ud800"}',
    "trailing comma": b'{"link":"@a",}',
    "byte order mark": b'\xef\xbb\xbf{"link":"@a"}',
    "depth 65": b'{"a":' + b"[" * 64 + b"]" * 64 + b"}",
}


@pytest.mark.release
def test_what_the_parser_refuses_is_kept_in_quarantine_and_answered_200(three):
    relay, sinks = three
    for name, body in QUARANTINED.items():
        status, answer, _ = relay.post(body)
        assert (status, json.loads(answer)) == (200, {"id": event_id(body)}), name
    counts = relay.settled(quarantined=len(QUARANTINED), matched=0, routed=0)
    assert counts["unmatched"] == 0
    assert not any(sink.requests for sink in sinks.values())


def bad_signatures():
    right = signature(SAMPLE)
    base64 = signature(SAMPLE, form="base64")
    return {
        "missing": [],
        "empty": [""],
        "whitespace": [" \t "],
        "wrong": ["0" * 64],
        "of another body": [signature(SAMPLE + b" ")],
        "by another key": [signature(SAMPLE, key="another-key-0123456789")],
        "doubled": [right, right],
        "doubled, one wrong": [right, "0" * 64],
        "joined": [f"{right}, {right}"],
        "63 digits": [right[:-1]],
        "65 digits": [right + "0"],
        "128 digits": [right + right],
        "with a space inside": [right[:32] + " " + right[32:]],
        "with a prefix": ["sha256=" + right],
        "with a letter g": ["g" + right[1:]],
        "base64 too short": [base64[:-5]],
        "base64 too long": [base64[:-1] + "AAAA="],
        "base64 padded twice": [base64 + "="],
        "base64 with a space": [base64[:20] + " " + base64[20:]],
        "8 KiB": ["0" * 8192],
        "not ASCII": ["\u00e9" * 64],
    }


@pytest.mark.release
def test_a_bad_signature_is_401_without_a_body_and_nothing_is_stored(three):
    relay, sinks = three
    for name, values in bad_signatures().items():
        lines = "".join(f"X-Gruveo-SHA256-HMAC: {value}\r\n" for value in values)
        head = (f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{lines}"
                f"Content-Length: {len(SAMPLE)}\r\nConnection: close\r\n\r\n")
        answer = relay.raw(head.encode("latin-1") + SAMPLE)
        fields, _, body = answer.partition(b"\r\n\r\n")
        assert fields.startswith(b"HTTP/1.1 401 "), (name, answer)
        assert body == b"", name
        assert b"content-length: 0" in fields.lower(), name
    counts = relay.counts()
    assert NOTHING.items() <= counts.items(), counts
    assert not any(sink.requests for sink in sinks.values())
    assert relay.post(SAMPLE)[0] == 200, "the right one still passes"
    relay.settled(matched=1, delivered=3)


def test_a_401_leaves_one_log_line_a_second_and_no_signature_in_it(three):
    relay, _ = three
    wrong = signature(SAMPLE, key="another-key-0123456789")
    for _ in range(50):
        assert relay.post(SAMPLE, key="another-key-0123456789")[0] == 401
    lines = [line for line in relay.log().splitlines() if "signature refused" in line]
    assert 1 <= len(lines) <= 10
    assert wrong not in relay.log()


@pytest.mark.release
def test_the_same_event_twice_is_answered_twice_and_delivered_once(three):
    relay, sinks = three
    answers = [relay.post(SAMPLE)[:2] for _ in range(2)]
    assert answers == [(200, json.dumps({"id": event_id(SAMPLE)}, separators=(",", ":")).encode())] * 2
    counts = relay.settled(delivered=3)
    assert (counts["matched"], counts["duplicates"], counts["routed"]) == (1, 1, 3)
    other = SAMPLE.replace(b"183", b"184")
    relay.post(other)
    relay.settled(delivered=6)
    assert [sink.bodies() for sink in sinks.values()] == [[SAMPLE, other]] * 3


def test_a_hundred_at_once_and_one_after_a_kill_are_one_delivery(three):
    relay, sinks = three
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: relay.post(SAMPLE)[:2], range(100)))
    assert set(answers) == {(200, b'{"id":"' + event_id(SAMPLE).encode() + b'"}')}
    relay.settled(delivered=3, duplicates=99, matched=1)
    relay.kill()
    relay.start()
    assert relay.post(SAMPLE)[0] == 200
    relay.settled(delivered=3, duplicates=100, matched=1)
    assert [len(sink.requests) for sink in sinks.values()] == [1, 1, 1]


def test_without_dedupe_each_repeat_is_an_event_of_its_own(make_relay, make_sink):
    sink = make_sink()
    routes = routes_to({"one": sink})
    routes["sources"]["gruveo"]["dedupe"] = False
    relay = make_relay(routes).start()
    ids = {json.loads(relay.post(SAMPLE)[1])["id"] for _ in range(3)}
    relay.settled(delivered=3, duplicates=0)
    assert len(ids) == 3
    assert set(sink.ids()) == ids


def padded(size):
    return SAMPLE + b" " * (size - len(SAMPLE))


@pytest.mark.release
def test_256_kib_pass_and_more_is_413(three, tmp_path):
    relay, sinks = three
    assert relay.post(padded(256 * 1024))[0] == 200
    large = padded(257 * 1024)
    status, answer, _ = curl(relay, large, tmp=tmp_path)
    assert (status, answer) == (413, b"")
    status, _, words = curl(relay, large, "-H", "Transfer-Encoding: chunked", tmp=tmp_path)
    assert status == 413, words
    head = f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {256 * 1024 + 1}\r\n\r\n"
    assert relay.raw(head.encode()).startswith(b"HTTP/1.1 413 "), "at once, from Content-Length"
    counts = relay.settled(delivered=3, matched=1)
    assert counts["quarantined"] == 0
    assert {len(sink.requests[0]["body"]) for sink in sinks.values()} == {256 * 1024}


def test_expect_100_continue_is_answered_100_or_413(three, tmp_path):
    relay, _ = three
    status, answer, words = curl(relay, padded(200 * 1024), "-H", "Expect: 100-continue", tmp=tmp_path)
    assert status == 200, words
    assert "< HTTP/1.1 100 Continue" in words
    status, answer, words = curl(relay, padded(257 * 1024), "-H", "Expect: 100-continue", tmp=tmp_path)
    assert (status, answer) == (413, b"")
    assert "100 Continue" not in words
    assert "size_upload=0\n" in words, "curl kept its body"
    relay.settled(delivered=3)


def test_a_chunked_body_is_an_event_too(three):
    relay, sinks = three
    pieces = (SAMPLE[start:start + 100] for start in range(0, len(SAMPLE), 100))
    status, answer, _ = relay.request("POST", PATH, pieces, {"X-Gruveo-SHA256-HMAC": signature(SAMPLE)})
    assert (status, json.loads(answer)["id"]) == (200, event_id(SAMPLE))
    relay.settled(delivered=3)
    assert [sink.bodies() for sink in sinks.values()] == [[SAMPLE]] * 3


@pytest.mark.release
def test_all_else_is_404_or_405_and_health_is_200(three):
    relay, _ = three
    signed = {"X-Gruveo-SHA256-HMAC": signature(SAMPLE)}
    assert relay.request("GET", "/healthz")[0] == 200
    for path in ["/", "/webhooks", PATH + "/", "/WEBHOOKS/gruveo", "//webhooks/gruveo", "/counts", "/reload",
                 "/<script>alert(1)</script>", "/" + "a" * 2000]:
        status, answer, headers = relay.request("POST", path, SAMPLE, signed)
        assert (status, answer) == (404, b""), path
        assert not any("script" in value for value in headers.values())
    for method in ["GET", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"]:
        status, answer, headers = relay.request(method, PATH)
        assert (status, answer) == (405, b""), method
        assert {name.lower(): value for name, value in headers.items()}["allow"] == "POST"
    assert relay.request("POST", "/healthz", b"")[0] == 405
    assert relay.raw(b"GARBAGE\r\n\r\n", timeout=3).startswith(b"HTTP/1.1 400 ")
    assert NOTHING.items() <= relay.counts().items()


@pytest.mark.release
def test_an_event_that_no_route_wants_is_counted_as_unmatched(make_relay, make_sink):
    sink, rest = make_sink(), make_sink()
    routes = routes_to({"one": sink, "rest": rest})
    routes["routes"] = [{"name": "missed", "match": {"resolution": ["missed"]}, "to": ["one"]}]
    relay = make_relay(routes).start()
    for mark, resolution in enumerate(["answered", "missed", "declined"]):
        assert relay.post(sample(mark, resolution=resolution))[0] == 200
    counts = relay.settled(matched=1, unmatched=2, delivered=1)
    assert counts["quarantined"] == 0
    assert sink.bodies() == [sample(1, resolution="missed")]
    routes["routes"].append({"name": "others", "match": "otherwise", "to": ["rest"]})
    assert relay.reload(routes).returncode == 0
    relay.post(sample(3, resolution="declined"))
    relay.post(sample(4, resolution="missed"))
    relay.settled(matched=3, unmatched=2, delivered=3)
    assert rest.bodies() == [sample(3, resolution="declined")]


def test_an_event_goes_once_to_each_destination_that_a_matching_route_names(make_relay, make_sink):
    sinks = {name: make_sink() for name in ("a", "b", "c")}
    routes = routes_to(sinks)
    routes["routes"] = [
        {"name": "first", "match": {"link": ["@acme.sales"]}, "to": ["a", "b"]},
        {"name": "second", "match": {"duration": [{"numeric": [">", 100]}]}, "to": ["b"]},
        {"name": "third", "match": {"link": ["@other"]}, "to": ["c"]},
    ]
    relay = make_relay(routes).start()
    relay.post(SAMPLE)
    relay.settled(matched=1, routed=2, delivered=2)
    assert [len(sink.requests) for sink in sinks.values()] == [1, 1, 0]


def test_an_old_event_is_quarantined_where_the_source_has_a_maximum_age(make_relay, make_sink):
    sink = make_sink()
    routes = routes_to({"one": sink})
    routes["sources"]["gruveo"]["maxAge"] = "1h"
    relay = make_relay(routes).start()
    assert relay.post(SAMPLE)[0] == 200
    relay.settled(quarantined=1, matched=0)
    assert sink.requests == []


def test_two_posts_on_one_connection_are_answered_in_order(three):
    relay, _ = three
    posts = b""
    for mark in range(3):
        body = sample(mark)
        last = "Connection: close\r\n" if mark == 2 else ""
        posts += (f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\nX-Gruveo-SHA256-HMAC: {signature(body)}\r\n{last}"
                  f"Content-Length: {len(body)}\r\n\r\n").encode() + body
    answer = relay.raw(posts)
    positions = [answer.find(event_id(sample(mark)).encode()) for mark in range(3)]
    assert answer.count(b"HTTP/1.1 200 OK") == 3
    assert -1 not in positions and positions == sorted(positions)


def test_the_key_that_matched_is_named_in_the_log(make_relay, make_sink):
    routes = routes_to({"one": make_sink()})
    routes["sources"]["gruveo"]["keys"] = [{"env": "GRUVEO_KEY", "label": "new"}, {"env": "OLD_KEY", "label": "old"}]
    relay = make_relay(routes, environment={"OLD_KEY": "the-old-key-0123456789"}).start()
    assert relay.post(sample(1), key=KEY)[0] == 200
    assert relay.post(sample(2), key="the-old-key-0123456789")[0] == 200
    assert relay.post(sample(3), key="the-older-key-0123456789")[0] == 401

    def accepted_lines():
        lines = [line for line in relay.log().splitlines() if " accepted " in line]
        return lines if len(lines) == 2 else None

    accepted = eventually(accepted_lines)
    assert "key=new" in accepted[0] and "key=old" in accepted[1]
    relay.settled(delivered=2)
