"""auth.oauth2: the built relay against a token endpoint and an API on loopback."""

import base64
import itertools
import json
import socket
import threading
import time
import urllib.parse

import pytest

from harness import SAMPLE, eventually, every, free_port, routes_to, sample

SECRETS = {"CLIENT_SECRET": "canary+client/secret=1", "REFRESH": "canary refresh&token%2", "CLIENT": "canary-client-3"}
TOKEN = "canary-access-token"
INVALID_GRANT = {"error": "invalid_grant", "error_description": "expired access/refresh token"}


def answer(status, given, headers=None):
    return status, {"Content-Type": "application/json", **(headers or {})}, json.dumps(given).encode()


class Service:
    """A token endpoint that gives out numbered tokens, and an API that takes those that are good."""

    def __init__(self, make_sink, **given):
        self.numbers = itertools.count(1)
        self.given = given
        self.good = set()
        # What the endpoint answers instead of a token, and how long it takes.
        self.trouble, self.delay = None, 0
        self.tokens, self.api = make_sink(self.token), make_sink(self.call)

    def token(self, request):
        time.sleep(self.delay)
        if self.trouble:
            return self.trouble
        token = f"{TOKEN}-{next(self.numbers)}"
        self.good = {token}
        return answer(200, {"access_token": token, "token_type": "Bearer", **self.given})

    def call(self, request):
        scheme, _, token = request["headers"].get("Authorization", " ").partition(" ")
        return 200 if token in self.good else answer(401, [{"errorCode": "INVALID_SESSION_ID", "message": token}])

    def forms(self):
        return [dict(urllib.parse.parse_qsl(request["body"].decode(), strict_parsing=True))
                for request in self.tokens.requests]

    def routes(self, others=None, oauth2=None, **more):
        given = {"grant": "client_credentials", "tokenUrl": f"{self.tokens.url}/oauth2/token",
                 "clientId": "relay", "clientSecret": {"env": "CLIENT_SECRET"}, **(oauth2 or {})}
        return routes_to({"crm": self.api, **(others or {})},
                         crm={"auth": {"oauth2": given}, **every(1, 20), **more})


REFRESH = {"grant": "refresh_token", "refreshToken": {"env": "REFRESH"}, "clientAuth": "body",
           "clientId": {"env": "CLIENT"}}


@pytest.fixture
def service(make_sink):
    return lambda **given: Service(make_sink, **given)


@pytest.fixture
def started(make_relay):
    def start(routes, **named):
        return make_relay(routes, environment=SECRETS, **named).start()
    return start


def post(relay, *marks):
    for mark in marks:
        assert relay.post(sample(mark))[0] == 200


def shown(api):
    return [request["headers"]["Authorization"] for request in api.requests]


def test_a_token_is_fetched_with_the_first_delivery_and_used_again(service, started):
    crm = service(expires_in=3600)
    relay = started(crm.routes(oauth2={"scope": "api calls"}))
    assert crm.tokens.requests == [], "nothing is fetched before it is needed"
    for mark in range(5):
        post(relay, mark)
        relay.settled(delivered=mark + 1)
    assert shown(crm.api) == [f"Bearer {TOKEN}-1"] * 5
    [request] = crm.tokens.requests
    assert (request["method"], request["path"]) == ("POST", "/oauth2/token")
    assert request["headers"]["Content-Type"] == "application/x-www-form-urlencoded"
    assert crm.forms() == [{"grant_type": "client_credentials", "scope": "api calls"}]
    # RFC 6749 section 2.3.1: both are encoded as in a form first.
    user = urllib.parse.quote_plus("relay") + ":" + urllib.parse.quote_plus(SECRETS["CLIENT_SECRET"])
    assert request["headers"]["Authorization"] == "Basic " + base64.b64encode(user.encode()).decode()
    assert "webhook-id" not in request["names"] and "relay-destination" not in request["names"]


def test_a_refresh_token_with_the_client_in_the_body_and_zohos_scheme(service, started):
    zoho = service(expires_in=3600)
    relay = started(zoho.routes(oauth2={**REFRESH, "scheme": "Zoho-oauthtoken"}))
    post(relay, 1)
    relay.settled(delivered=1)
    assert zoho.forms() == [{"grant_type": "refresh_token", "refresh_token": SECRETS["REFRESH"],
                             "client_id": SECRETS["CLIENT"], "client_secret": SECRETS["CLIENT_SECRET"]}]
    assert "authorization" not in zoho.tokens.requests[0]["names"]
    assert shown(zoho.api) == [f"Zoho-oauthtoken {TOKEN}-1"]


def test_it_is_fetched_anew_a_little_before_it_expires(service, started):
    crm = service(expires_in=10)
    relay = started(crm.routes())
    post(relay, 1)
    relay.settled(delivered=1)
    fetched = crm.tokens.requests[0]["at"]
    # Of ten seconds the last is the margin.
    time.sleep(8.5)
    for mark in itertools.count(2):
        post(relay, mark)
        relay.settled(delivered=mark)
        if len(crm.tokens.requests) > 1 or time.time() > fetched + 12:
            break
    assert 8.9 <= crm.tokens.requests[1]["at"] - fetched < 10
    assert set(shown(crm.api)) == {f"Bearer {TOKEN}-1", f"Bearer {TOKEN}-2"}
    assert "token refused" not in relay.log(), "none was shown after its end"


def test_a_refused_token_is_replaced_once_and_the_attempt_is_not_charged(service, started):
    crm = service()
    relay = started(crm.routes(retry={"schedule": [], "for": "1h"}))
    post(relay, 1)
    relay.settled(delivered=1)
    crm.good = set()
    post(relay, 2)
    relay.settled(delivered=2)
    assert shown(crm.api) == [f"Bearer {TOKEN}-{number}" for number in (1, 1, 2)]
    assert {request["headers"]["Relay-Attempt"] for request in crm.api.requests} == {"1"}
    assert crm.api.ids()[1] == crm.api.ids()[2]
    assert relay.dead_letters() == [] and relay.log().count("access token refused") == 1


def test_a_second_refusal_with_a_fresh_token_holds_the_destination(service, started):
    crm = service()
    crm.api.answer = lambda request: 401
    relay = started(crm.routes())
    post(relay, 1, 2)
    eventually(lambda: "destination held" in relay.log(), 20, "the hold")
    calls, fetched = len(crm.api.requests), len(crm.tokens.requests)
    assert fetched <= 4 and calls <= 8
    post(relay, 3)
    time.sleep(2)
    assert (len(crm.api.requests), len(crm.tokens.requests)) == (calls, fetched), "a held destination is left alone"
    assert relay.counts()["pending"] == 3 and "the destination answered 401" in relay.log()


def test_fifty_deliveries_at_once_fetch_one_token(service, started):
    crm = service(expires_in=3600)
    crm.delay = 1
    relay = started(crm.routes(concurrency=50))
    threads = [threading.Thread(target=post, args=(relay, mark)) for mark in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert crm.api.requests == [], "they wait for the token"
    relay.settled(delivered=50)
    assert len(crm.tokens.requests) == 1
    # All of them in flight when the token is revoked: one new token again, and each is sent once more at most.
    crm.good, crm.delay = set(), 0.3
    threads = [threading.Thread(target=post, args=(relay, mark)) for mark in range(50, 100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    relay.settled(delivered=100)
    assert len(crm.tokens.requests) == 2
    assert all(crm.api.ids().count(one) <= 2 for one in crm.api.ids())


def test_a_dead_refresh_token_holds_until_a_reload_brings_another(service, started):
    crm = service()
    crm.trouble = answer(400, INVALID_GRANT)
    routes = crm.routes(oauth2={**REFRESH, "refreshToken": {"file": "refresh-token"}})
    relay = started(crm.routes(oauth2=REFRESH))
    (relay.directory / "refresh-token").write_text("canary-stale-token")
    assert relay.reload(routes).returncode == 0
    post(relay, *range(5))
    eventually(lambda: "destination held" in relay.log(), 20, "the hold")
    assert 'reason="the token endpoint answered invalid_grant: expired access/refresh token"' in relay.log()
    assert 'advice="Put a new refresh token in place, then reload."' in relay.log()
    time.sleep(1.5)
    asked = len(crm.tokens.requests)
    assert asked <= 3 and crm.api.requests == []
    # The same file again changes nothing.
    crm.trouble = None
    assert relay.reload(routes).returncode == 0
    time.sleep(1.5)
    assert len(crm.tokens.requests) == asked and relay.counts()["pending"] == 5
    (relay.directory / "refresh-token").write_text("canary-good-token\n")
    assert relay.reload(routes).returncode == 0
    relay.settled(delivered=5)
    assert crm.forms()[-1]["refresh_token"] == "canary-good-token" and len(crm.tokens.requests) == asked + 1
    assert "canary" not in relay.log() and relay.dead_letters() == []


@pytest.mark.parametrize("trouble, text", [
    (answer(401, {"error": "invalid_client"}), "the token endpoint answered invalid_client"),
    (answer(200, {"error": "invalid_code"}), "the token endpoint answered invalid_code"),
    ((200, {}, b"<html>"), "the token endpoint's answer is not a JSON object"),
    ((200, {}, b'{"access_token": "' + b"a" * 70_000 + b'"}'), "the token endpoint's answer is not a JSON object"),
    (answer(200, {"token": "a"}), "the token endpoint's answer has no access_token"),
    (answer(200, {"access_token": "a\r\nX-Injected: 1"}), "access_token cannot be sent in a header"),
    ((302, {"Location": "/elsewhere"}, b""), "the token endpoint answered 302"),
    ((404, {}, b""), "the token endpoint answered 404"),
])
def test_an_answer_without_a_token_holds_the_destination(service, started, trouble, text):
    crm = service()
    crm.trouble = trouble
    relay = started(crm.routes())
    post(relay, 1, 2)
    eventually(lambda: "destination held" in relay.log(), 20, "the hold")
    assert text in relay.log()
    assert crm.api.requests == [] and relay.counts()["pending"] == 2
    assert {request["path"] for request in crm.tokens.requests} == {"/oauth2/token"}


@pytest.mark.parametrize("trouble", [(503, {}, b""), answer(400, {"error": "temporarily_unavailable"}), (429, {
    "Retry-After": "1"}, b"slow down")])
def test_passing_trouble_of_the_token_endpoint_is_tried_again_by_the_schedule(service, started, trouble):
    crm = service()
    crm.trouble = trouble
    relay = started(crm.routes(retry={"schedule": ["1s", "1s"], "for": "1h"}))
    post(relay, 1)
    eventually(lambda: "outcome=retry" in relay.log(), what="the first answer instead of a token")
    crm.trouble = None
    relay.settled(delivered=1, seconds=30)
    assert "destination held" not in relay.log()
    assert [request["headers"]["Relay-Attempt"] for request in crm.api.requests] == ["2"]
    assert crm.tokens.requests[1]["at"] - crm.tokens.requests[0]["at"] >= 0.8


def test_a_token_endpoint_that_is_away_makes_dead_letters_when_the_schedule_ends(service, started):
    crm = service()
    routes = crm.routes(retry={"schedule": [], "for": "1h"})
    routes["destinations"]["crm"]["auth"]["oauth2"]["tokenUrl"] = f"http://127.0.0.1:{free_port()}/token"
    relay = started(routes)
    post(relay, 1)
    relay.settled(dead=1)
    [letter] = relay.dead_letters()
    letter = json.loads(letter.read_text())
    assert letter["reason"]["code"] == "attempts_exhausted"
    assert "no answer from the token endpoint" in letter["reason"]["text"]
    assert letter["request"]["headers"]["Authorization"] == "<redacted>"


def test_a_slow_token_endpoint_delays_no_other_destination(service, started, make_sink):
    crm, log = service(), make_sink()
    crm.delay = 3
    relay = started(crm.routes({"log": log}, concurrency=2))
    began = time.time()
    post(relay, *range(20))
    eventually(lambda: len(log.requests) == 20, what="the other destination")
    assert time.time() - began < 2.5 and crm.api.requests == []
    relay.settled(delivered=40)
    assert len(crm.tokens.requests) == 1


def test_the_token_endpoint_is_held_to_the_policy_of_addresses(service, started):
    crm = service()
    routes = crm.routes(url=f"http://127.0.0.1:{crm.api.port}/", allowPrivate=["127.0.0.1/32"])
    routes["destinations"]["crm"]["auth"]["oauth2"]["tokenUrl"] = f"http://127.0.0.2:{crm.tokens.port}/"
    relay = started(crm.routes())
    done = relay.reload(routes)
    assert done.returncode == 78
    assert b"destinations.crm.auth.oauth2.tokenUrl: the address 127.0.0.2 is private" in done.stdout + done.stderr


def test_a_name_of_the_token_endpoint_is_judged_by_the_address_behind_it(service, started):
    crm, name = service(), socket.gethostname()
    try:
        addresses = {entry[4][0] for entry in socket.getaddrinfo(name, 80)}
    except OSError:
        addresses = set()
    if not any(address.startswith("127.") for address in addresses):
        pytest.skip(f"{name} does not lead to loopback here")
    routes = crm.routes(oauth2={"tokenUrl": f"http://{name}:{crm.tokens.port}/token"}, allowPrivate=[],
                        url="https://crm.relay-test.invalid/")
    relay = started(routes)
    post(relay, 1, 2)
    eventually(lambda: "destination held" in relay.log(), 20, "the hold")
    assert "no answer from the token endpoint: " in relay.log() and "allowPrivate" in relay.log()
    assert crm.tokens.requests == [] and relay.counts()["pending"] == 2


def test_a_reload_keeps_the_token_unless_its_settings_change(service, started, make_sink):
    crm = service()
    relay = started(crm.routes())
    post(relay, 1)
    relay.settled(delivered=1)
    assert relay.reload(crm.routes(concurrency=3, timeout="9s")).returncode == 0
    post(relay, 2)
    relay.settled(delivered=2)
    assert len(crm.tokens.requests) == 1
    assert relay.reload(crm.routes(oauth2={"scope": "more"})).returncode == 0
    post(relay, 3)
    relay.settled(delivered=3)
    assert shown(crm.api) == [f"Bearer {TOKEN}-{number}" for number in (1, 1, 2)]


def test_a_rotated_refresh_token_is_used_and_forgotten_at_a_restart(service, started):
    crm = service(expires_in=3600, refresh_token="canary-rotated")
    relay = started(crm.routes(oauth2=REFRESH))
    post(relay, 1)
    relay.settled(delivered=1)
    crm.good = set()
    post(relay, 2)
    relay.settled(delivered=2)
    assert [form["refresh_token"] for form in crm.forms()] == [SECRETS["REFRESH"], "canary-rotated"]
    assert relay.log().count("the stored one may be stale") == 1
    assert relay.stop() == 0
    relay.start()
    post(relay, 3)
    # The totals go on, as does the service; the tokens are gone.
    relay.settled(delivered=3)
    assert crm.forms()[-1]["refresh_token"] == SECRETS["REFRESH"] and len(crm.tokens.requests) == 3
    for path in relay.state.rglob("*"):
        assert not path.is_file() or b"canary" not in path.read_bytes(), path
    assert "canary" not in relay.log()


def test_a_stop_does_not_wait_for_the_token_endpoint_and_loses_nothing(service, started):
    crm = service()
    crm.delay = 5
    routes = crm.routes()
    relay = started({**routes, "limits": {"drain": "1s"}})
    post(relay, 1, 2)
    eventually(lambda: crm.tokens.requests, what="the request for a token")
    began = time.time()
    assert relay.stop() == 0 and time.time() - began < 4
    crm.delay = 0
    relay.start()
    relay.settled(delivered=2)
    assert {request["headers"]["Relay-Attempt"] for request in crm.api.requests} == {"1"}


def test_check_and_explain_fetch_no_token_and_show_none(service, make_relay):
    crm = service()
    relay = make_relay(crm.routes(oauth2=REFRESH), environment=SECRETS)
    relay.check("--strict").check_returncode()
    done = relay.command("explain", "--json", "--config", str(relay.routes_path), "-", input=SAMPLE, check=0)
    [request] = json.loads(done.stdout)["requests"]
    assert request["headers"]["Authorization"] == "<redacted>"
    assert crm.tokens.requests == [] and b"canary" not in done.stdout + done.stderr


def forms_of(secret):
    """The secret, and what a request or an encoder could have made of it."""
    raw = secret.encode()
    return {secret, urllib.parse.quote_plus(secret), urllib.parse.quote(secret), raw.hex(),
            base64.b64encode(raw).decode().rstrip("=")[:-1]}


def test_no_secret_and_no_token_is_seen_anywhere(service, started):
    """Both ends repeat all that they are sent, in every kind of answer."""
    crm = service(refresh_token="canary-rotated-4")
    relay = started(crm.routes(oauth2={**REFRESH, "clientAuth": "basic"}, concurrency=1),
                    arguments=["--log-level", "trace"])

    def echo(request):
        text = f"{request['body'].decode()} {urllib.parse.unquote_plus(request['body'].decode())} {request['headers']}"
        return {"error": "canary-client-3", "error_description": f"{text} {SECRETS}", "access_token": None}

    crm.trouble = answer(503, {"error_description": "x"})
    for mark, status in enumerate((500, 400)):
        post(relay, mark)
        eventually(lambda: len(crm.tokens.requests) > mark, 30, "the request for a token")
        crm.trouble = (status, {}, json.dumps(echo(crm.tokens.requests[-1])).encode())
    eventually(lambda: "destination held" in relay.log(), 40, "the hold")
    crm.trouble = None
    crm.api.answer = lambda request: (422, {}, f"{request['headers']} {SECRETS}".encode())
    relay.reload(crm.routes(oauth2={**REFRESH, "clientAuth": "basic", "scope": "other"}))
    relay.settled(dead=2)
    seen = [relay.log(), *(path.read_text() for path in relay.dead_letters()),
            relay.command("dead", "list", "--json", "--state", str(relay.state)).stdout.decode(), repr(relay.counts())]
    assert any("<redacted>" in text for text in seen[1:3]) and "<redacted>" in seen[0]
    hidden = [*SECRETS.values(), f"{TOKEN}-1", "canary-rotated-4"]
    for needle in {form for secret in hidden for form in forms_of(secret)} | {"canary"}:
        assert not any(needle in text for text in seen), needle
    assert crm.api.requests[-1]["headers"]["Authorization"] == f"Bearer {TOKEN}-1", "but it was sent"
