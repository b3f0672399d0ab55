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
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from slack_sdk.signature import SignatureVerifier

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


def takes(request, key, **changes):
    """Whether slack_sdk, in a receiver with this key, takes the request with these changes."""
    headers = {**request["headers"], **{name.replace("_", "-"): text for name, text in changes.items() if name != "body"}}
    return SignatureVerifier(key).is_valid_request(changes.get("body", request["body"]), headers)


def test_slack_sdk_verifies_what_is_signed_as_slack_signs(make_relay, make_sink):
    request = one_request(make_relay, make_sink, sign("slack", "NEW"), SAMPLE)
    assert takes(request, NEW)
    assert not takes(request, NEW, body=request["body"] + b" ") and not takes(request, OLD)
    signed_at = int(request["headers"]["X-Slack-Request-Timestamp"])
    for time_ in (signed_at - 1, signed_at - 301):
        assert not takes(request, NEW, X_Slack_Request_Timestamp=str(time_))


def test_slacks_key_is_changed_where_receivers_take_both_and_the_first_signs(make_relay, make_sink):
    sink = make_sink()
    routes = routes_to({"one": sink}, one=sign("slack", "OLD"))
    relay = make_relay(routes, environment=ENVIRONMENT).start()
    note = "destinations.one.sign.keys: the scheme \"slack\" has room for one signature: the first key signs"
    for number, (names, key, other) in enumerate([(["OLD"], OLD, NEW), (["NEW", "OLD"], NEW, OLD), (["NEW"], NEW, OLD)]):
        routes["destinations"]["one"].update(sign("slack", *names))
        assert relay.reload(routes).returncode == 0
        assert (note in relay.check().stderr.decode()) == (len(names) > 1)
        relay.post(sample(number))
        relay.settled(delivered=number + 1)
        request = sink.requests[-1]
        assert takes(request, key) and not takes(request, other) and takes(request, key) != takes(request, other)
        assert not takes(request, key, body=request["body"] + b" ")


def ed25519(private, public=b""):
    """A private key as routes files refer to it: alone, or with its public half."""
    return "whsk_" + base64.b64encode(private + public).decode()


def raw(private):
    return private.private_bytes(
        serialization.Encoding.Raw, serialization.PrivateFormat.Raw, serialization.NoEncryption())


def judges(secrets, publics):
    """A receiver for each key and library: name → what raises where it refuses."""
    def by_cryptography(public):
        def verify(body, headers):
            message = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
            for entry in headers["webhook-signature"].split(" "):
                try:
                    if entry.startswith("v1a,"):
                        return public.verify(base64.b64decode(entry[4:]), message)
                except (InvalidSignature, ValueError):
                    continue
            raise InvalidSignature
        return verify

    for secret in secrets:
        yield f"standardwebhooks {secret}", standardwebhooks.Webhook(secret).verify
        yield f"svix {secret}", svix.webhooks.Webhook(secret).verify
    for number, public in enumerate(publics):
        yield f"cryptography {number}", by_cryptography(public)


REFUSALS = (standardwebhooks.webhooks.WebhookVerificationError, InvalidSignature)


def test_while_keys_of_both_kinds_are_changed_each_receiver_verifies_with_its_own(make_relay, make_sink):
    old, new, stranger = (Ed25519PrivateKey.generate() for _ in range(3))
    wsec = [b"o" * 32, b"n" * 32, b"s" * 32]
    keys = {"HMAC_NEW": "whsec_" + base64.b64encode(wsec[1]).decode(),
            "HMAC_OLD": "whsec_" + base64.b64encode(wsec[0]).decode(),
            "ED_NEW": ed25519(raw(new), new.public_key().public_bytes_raw()), "ED_OLD": ed25519(raw(old))}
    sink = make_sink()
    routes = routes_to({"one": sink}, one=sign("standard-webhooks", *keys))
    relay = make_relay(routes, environment=keys).start()
    relay.post(ODD)
    relay.settled(delivered=1)
    [request] = sink.requests
    kinds = [entry.split(",")[0] for entry in request["headers"]["webhook-signature"].split(" ")]
    assert kinds == ["v1", "v1", "v1a", "v1a"]
    changes = [{"body": ODD + b" "}, {"webhook-id": "evt_0"},
               {"webhook-timestamp": str(int(request["headers"]["webhook-timestamp"]) - 1)}]
    for name, verify in judges(wsec[:2], [new.public_key(), old.public_key()]):
        verify(request["body"], request["headers"])
        for change in changes:
            with pytest.raises(REFUSALS):
                verify(change.get("body", ODD), {**request["headers"], **change})
                raise AssertionError(name, change)
    for name, verify in judges(wsec[2:], [stranger.public_key()]):
        with pytest.raises(REFUSALS):
            verify(request["body"], request["headers"])
            raise AssertionError(name)

    # After the change the old ones are refused.
    routes["destinations"]["one"].update(sign("standard-webhooks", "HMAC_NEW", "ED_NEW"))
    assert relay.reload(routes).returncode == 0
    relay.post(SAMPLE)
    relay.settled(delivered=2)
    request = sink.requests[-1]
    for name, verify in judges(wsec[1:2], [new.public_key()]):
        verify(request["body"], request["headers"])
    for name, verify in judges(wsec[:1], [old.public_key()]):
        with pytest.raises(REFUSALS):
            verify(request["body"], request["headers"])
            raise AssertionError(name)


def bad_keys():
    private = Ed25519PrivateKey.generate()
    public = private.public_key().public_bytes_raw()
    return {
        "public": ("whpk_" + base64.b64encode(public).decode(), "put the private key here, which begins with whsk_"),
        "short": (ed25519(raw(private)[:31]), "has 31 bytes behind whsk_, a private key has 32 or 64: copy it again"),
        "halves": (ed25519(raw(private), bytes(32)), "is damaged"),
        "base64": ("whsk_canary!", "has something else than base64 behind whsk_: copy it again"),
        "secret": ("whsec_canary!", "has something else than base64 behind whsec_: copy it again"),
    }


@pytest.mark.parametrize("name", bad_keys())
def test_a_key_that_cannot_sign_is_refused_by_check_reload_and_serve(make_relay, make_sink, name):
    text, words = bad_keys()[name]
    routes = routes_to({"one": make_sink()}, one=sign("standard-webhooks", "NEW"))
    relay = make_relay(routes, environment={**ENVIRONMENT, "BAD": text}).start()
    routes["destinations"]["one"].update(sign("standard-webhooks", "NEW", "BAD"))
    refused = relay.reload(routes)
    checked = relay.check()
    assert (refused.returncode, checked.returncode) == (78, 78)
    relay.kill()
    (relay.state / "routes.last-good.json").unlink()
    before = len(relay.log())
    relay.start(wait=False)
    assert relay.process.wait(20) == 78
    for said in (refused.stderr.decode(), checked.stderr.decode(), relay.log()[before:]):
        [line] = [line for line in said.splitlines() if words in line]
        assert 'destinations.one.sign.keys[1]: the environment variable "BAD" ' in line
        assert text not in said and "canary" not in said


@pytest.mark.parametrize("scheme", ["gruveo", "github", "slack", "hmac"])
def test_keys_of_ed25519_are_refused_where_the_scheme_is_hmac(make_relay, make_sink, scheme):
    more = {"header": "X-Signature"} if scheme == "hmac" else {}
    for key in (ed25519(bytes(32)), "whpk_" + base64.b64encode(bytes(32)).decode()):
        relay = make_relay(routes_to({"one": make_sink()}, one=sign(scheme, "ED", **more)), environment={"ED": key})
        done = relay.check()
        assert done.returncode == 78 and b'only the scheme "standard-webhooks" signs: change the scheme' in done.stderr


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
