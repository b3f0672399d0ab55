"""What goes out verifies with the tools that receivers use: Python, PyPI's libraries, Debian's webhook."""

import base64
import hashlib
import hmac
import json
import subprocess
import urllib.request

import pytest
import standardwebhooks
import svix.webhooks

from harness import KEY, SAMPLE, event_id, eventually, every, free_port, routes_to, sample

pytestmark = pytest.mark.release

ODD = b'{ "n": 123456789012345678901234567890, "e": "\\u00e9 \xc3\xa9",\n\t"link" : "@acme.sales" } '
NEW, OLD, BYTES = "the-new-key-0123456789", "the-old-key-0123456789", bytes(range(200, 232))
ENVIRONMENT = {"NEW": NEW, "OLD": OLD, "WHSEC": "whsec_" + base64.b64encode(BYTES).decode(), "HEX": BYTES.hex()}


def sign(scheme, *names, **more):
    return {"sign": {"scheme": scheme, "keys": [{"env": name} for name in names], **more}}


def digest(key, body):
    return hmac.new(key.encode() if isinstance(key, str) else key, body, hashlib.sha256).digest()


def one_request(make_relay, make_sink, signing, body=ODD):
    sink = make_sink()
    relay = make_relay(routes_to({"one": sink}, one=signing), environment=ENVIRONMENT).start()
    assert relay.post(body)[0] == 200
    relay.settled(delivered=1)
    assert sink.bodies() == [body]
    return sink.requests[0]


@pytest.mark.parametrize("signing, name, value", [
    (sign("gruveo", "NEW"), "X-Gruveo-SHA256-HMAC", digest(NEW, ODD).hex()),
    (sign("github", "NEW"), "X-Hub-Signature-256", "sha256=" + digest(NEW, ODD).hex()),
    (sign("hmac", "NEW", header="X-Signature"), "X-Signature", digest(NEW, ODD).hex()),
    (sign("hmac", "NEW", header="X-Signature", prefix="v0=", encoding="base64"), "X-Signature",
     "v0=" + base64.b64encode(digest(NEW, ODD)).decode()),
    ({"sign": {"scheme": "gruveo", "keys": [{"env": "HEX", "encoding": "hex"}]}}, "X-Gruveo-SHA256-HMAC",
     digest(BYTES, ODD).hex()),
], ids=["gruveo", "github", "hmac-hex", "hmac-base64", "gruveo-key-in-hex"])
def test_the_signature_of_the_body_is_the_one_that_python_computes(make_relay, make_sink, signing, name, value):
    request = one_request(make_relay, make_sink, signing)
    assert request["headers"][name] == value
    assert request["names"].count(name.lower()) == 1


@pytest.mark.parametrize("variable, key", [("NEW", NEW.encode()), ("WHSEC", BYTES)], ids=["text", "whsec"])
@pytest.mark.parametrize("judge", [standardwebhooks.Webhook, svix.webhooks.Webhook], ids=["standardwebhooks", "svix"])
def test_standard_webhooks_verify_with_the_published_libraries(make_relay, make_sink, variable, key, judge):
    request = one_request(make_relay, make_sink, sign("standard-webhooks", variable))
    assert request["headers"]["webhook-id"] == event_id(ODD)
    judge(key).verify(request["body"], request["headers"])
    if variable == "WHSEC":
        judge(ENVIRONMENT["WHSEC"]).verify(request["body"], request["headers"])
    for change in [{"body": request["body"] + b" "}, {"webhook-id": "evt_0"}, {"webhook-timestamp": "1700000000"}]:
        changed = {**request["headers"], **change}
        with pytest.raises(standardwebhooks.webhooks.WebhookVerificationError):
            judge(key).verify(change.get("body", request["body"]), changed)
    with pytest.raises(standardwebhooks.webhooks.WebhookVerificationError):
        judge(b"another-key-0123456789").verify(request["body"], request["headers"])


def test_while_a_key_is_changed_receivers_with_either_key_verify(make_relay, make_sink):
    request = one_request(make_relay, make_sink, sign("standard-webhooks", "NEW", "OLD"))
    assert len(request["headers"]["webhook-signature"].split(" ")) == 2
    for judge in (standardwebhooks.Webhook, svix.webhooks.Webhook):
        judge(NEW.encode()).verify(request["body"], request["headers"])
        judge(OLD.encode()).verify(request["body"], request["headers"])
        with pytest.raises(standardwebhooks.webhooks.WebhookVerificationError):
            judge(b"another-key-0123456789").verify(request["body"], request["headers"])


def test_a_source_takes_the_old_and_the_new_key_and_no_other(make_relay, make_sink):
    routes = routes_to({"one": make_sink()})
    routes["sources"]["gruveo"]["keys"] = [{"env": "NEW"}, {"env": "OLD"}]
    relay = make_relay(routes, environment=ENVIRONMENT).start()
    assert [relay.post(sample(mark), key=key)[0] for mark, key in enumerate([NEW, OLD, KEY])] == [200, 200, 401]
    routes["sources"]["gruveo"]["keys"] = [{"env": "NEW"}]
    assert relay.reload(routes).returncode == 0
    assert [relay.post(sample(mark), key=key)[0] for mark, key in enumerate([NEW, OLD], 10)] == [200, 401]


def test_each_attempt_carries_the_same_id_and_a_signature_of_its_own(make_relay, make_sink):
    sink = make_sink(lambda request: 503 if len(sink.requests) < 3 else 200)
    relay = make_relay(
        routes_to({"one": sink}, one={**sign("standard-webhooks", "NEW"), **every(1, 5)}),
        environment=ENVIRONMENT).start()
    relay.post(SAMPLE)
    relay.settled(delivered=1)
    assert sink.ids() == [event_id(SAMPLE)] * 3
    assert [request["headers"]["Relay-Attempt"] for request in sink.requests] == ["1", "2", "3"]
    for request in sink.requests:
        standardwebhooks.Webhook(NEW.encode()).verify(request["body"], request["headers"])
        assert abs(int(request["headers"]["webhook-timestamp"]) - request["at"]) < 3
    assert len({request["headers"]["webhook-timestamp"] for request in sink.requests}) > 1


def hook(name, header, secret):
    """Debian's webhook 2.8 answers 500 where a signature does not fit."""
    return {
        "id": name, "execute-command": "/bin/true", "response-message": "taken",
        "trigger-rule": {"match": {"type": "payload-hmac-sha256", "secret": secret,
                                   "parameter": {"source": "header", "name": header}}},
    }


@pytest.fixture
def debian_webhook(tmp_path):
    """Debian's webhook on a free port, with an HMAC rule for each hook."""
    (tmp_path / "hooks.json").write_text(json.dumps([
        hook("gruveo", "X-Gruveo-SHA256-HMAC", NEW), hook("github", "X-Hub-Signature-256", NEW),
        hook("stranger", "X-Hub-Signature-256", "another-key-0123456789")]))
    port = free_port()
    with open(tmp_path / "webhook.log", "wb") as log:
        process = subprocess.Popen(
            ["webhook", "-hooks", str(tmp_path / "hooks.json"), "-ip", "127.0.0.1", "-port", str(port), "-verbose"],
            stdout=log, stderr=log)

    def is_up():
        assert process.poll() is None, (tmp_path / "webhook.log").read_text()
        try:
            return urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=2).status == 200
        except OSError:
            return False

    try:
        eventually(is_up, 10, "webhook's start")
        yield port, lambda: (tmp_path / "webhook.log").read_text()
    finally:
        process.kill()
        process.wait()


def test_debians_webhook_takes_what_is_signed_with_its_key_and_nothing_else(make_relay, debian_webhook):
    port, log = debian_webhook
    routes = routes_to({})
    for name, scheme in [("gruveo", "gruveo"), ("github", "github"), ("stranger", "github")]:
        routes["destinations"][name] = {
            "url": f"http://127.0.0.1:{port}/hooks/{name}", "allowPrivate": ["127.0.0.0/8"],
            "outcomes": {"500": "dead"}, **sign(scheme, "NEW")}
    routes["routes"] = [{"name": "all", "match": {}, "to": list(routes["destinations"])}]
    relay = make_relay(routes, environment=ENVIRONMENT).start()
    assert relay.post(SAMPLE)[0] == 200
    relay.settled(delivered=2, dead=1)
    assert [path.parent.name for path in relay.dead_letters()] == ["stranger"]
    assert log().count("hook triggered successfully") == 2
