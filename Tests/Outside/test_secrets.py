"""Canary secrets in every place, every kind of failure, and no canary anywhere that a person or a program can look."""

import base64
import os
import pathlib
import signal
import time

import pytest

from harness import SAMPLE, eventually, every, free_port, routes_to, sample

SECRETS = {
    "SOURCE_KEY": "canary-source-key-11111111", "OLD_KEY": "canary-old-key-2222222222",
    "SIGN_KEY": "canary-sign-key-3333333333", "TOKEN": "canary-token-4444444444", "URL_PATH": "canary-path-5555555555",
}
WHSEC = base64.b64encode(b"canary-whsec-666666666666").decode()
WHSK = base64.b64encode(b"canary-whsk-99999999999999999999").decode()


def needles():
    """The canaries, and what an encoder could have made of them."""
    plain = [*SECRETS.values(), "canary-whsec-666666666666", "canary-whsk-99999999999999999999",
             "canary-plain-path-7777", "canary-query-8888"]
    return {form for secret in plain for form in (
        secret, base64.b64encode(secret.encode()).decode().rstrip("=")[:-1], secret.encode().hex(),
        secret.replace("-", "%2D"))} | {"canary"}


def every_kind_of_failure(make_sink):
    """Destinations by name, each failing in a way of its own; all have secrets."""
    def answers(*given):
        return make_sink(lambda request: given if len(given) > 1 else given[0])
    echo = make_sink(lambda request: (500, {}, b"no"))
    return {
        "good": answers(200), "refusing": answers(422, {}, b"refused"), "revoked": answers(401, {}, b""),
        "gone": answers(404, {}, b""), "moved": answers(302, {"Location": "http://127.0.0.1:9/canary-free"}, b""),
        "busy": answers(503, {"Retry-After": "1"}, b"busy"), "broken": echo,
        "slow": make_sink(lambda request: time.sleep(2) or 200),
    }


def secretive(sinks):
    sign = [{"scheme": scheme, "keys": [{"env": "SIGN_KEY"}]} for scheme in ("gruveo", "github")]
    sign.append({"scheme": "standard-webhooks", "keys": [{"env": "WHSEC"}, {"env": "SIGN_KEY"}, {"env": "WHSK"}]})
    sign.append({"scheme": "hmac", "header": "X-Sign", "prefix": "p=", "keys": [{"file": "sign-key"}]})
    more = {}
    for number, name in enumerate(sinks):
        more[name] = {
            "headers": {"Authorization": {"env": "TOKEN", "prefix": "Bearer "}, "X-Api-Key": {"credential": "token"}},
            "sign": sign[number % 4], "timeout": "1s", **every(1, 1)}
        if number % 2:
            more[name]["url"] = {"env": f"URL_{name}"}
    routes = routes_to(sinks, **more)
    for name in sinks:
        if isinstance(routes["destinations"][name]["url"], str):
            routes["destinations"][name]["url"] += "/canary-plain-path-7777?token=canary-query-8888"
    routes["destinations"]["closed"] = {**more["good"], "url": {"env": "URL_closed"}, "allowPrivate": ["127.0.0.0/8"]}
    routes["destinations"]["unknown"] = {**more["good"], "url": {"env": "URL_unknown"}}
    routes["destinations"]["tls"] = {**more["good"], "url": {"env": "URL_tls"}, "allowPrivate": ["127.0.0.0/8"]}
    routes["routes"][0]["to"] = list(routes["destinations"])
    routes["sources"]["gruveo"]["keys"] = [{"env": "SOURCE_KEY", "label": "new"}, {"env": "OLD_KEY"}]
    return routes


def environment(sinks):
    path = f"/{SECRETS['URL_PATH']}/hook?token={SECRETS['URL_PATH']}"
    urls = {f"URL_{name}": sink.url + path for name, sink in sinks.items()}
    return {**SECRETS, **urls, "WHSEC": "whsec_" + WHSEC, "WHSK": "whsk_" + WHSK,
            "URL_closed": f"http://127.0.0.1:{free_port()}{path}",
            "URL_unknown": f"http://relay-test.invalid{path}",
            "URL_tls": sinks["good"].url.replace("http", "https") + path}


@pytest.mark.release
def test_no_secret_is_seen_anywhere(make_relay, make_sink):
    sinks = every_kind_of_failure(make_sink)
    relay = make_relay(secretive(sinks), environment=environment(sinks), arguments=["--log-level", "trace"])
    (relay.directory / "sign-key").write_text(SECRETS["SIGN_KEY"])
    (relay.directory / "credentials").mkdir()
    (relay.directory / "credentials" / "token").write_text(SECRETS["TOKEN"] + "\n")
    seen = {}

    def look(name, *arguments, code=None, input=None):
        done = relay.command(*arguments, input=input)
        assert code is None or done.returncode == code, (name, done)
        seen[name] = done.stdout + done.stderr

    relay.start()
    for mark in range(3):
        assert relay.post(sample(mark), key=SECRETS["SOURCE_KEY"])[0] == 200
    assert relay.post(SAMPLE, key="another-key-0123456789")[0] == 401
    assert relay.post(b"{", key=SECRETS["OLD_KEY"])[0] == 200
    eventually(lambda: len(relay.dead_letters()) >= 12, 30, "the dead letters")
    eventually(lambda: "destination=tls" in relay.log() and "destination=unknown" in relay.log(), 30, "all failures")

    [letter, *_] = [path for path in relay.dead_letters() if path.parent.name == "refusing"]
    for path in relay.dead_letters():
        seen[f"dead letter {path.parent.name} {path.name}"] = path.read_bytes()
    state = ["--state", str(relay.state)]
    look("dead list", "dead", "list", *state, code=0)
    look("dead list --json", "dead", "list", "--json", *state, code=0)
    look("dead show", "dead", "show", "--destination", "refusing", *state, letter.stem.split("-", 1)[1], code=0)
    look("check", "check", str(relay.routes_path), code=0)
    look("check --json", "check", "--json", str(relay.routes_path), code=0)
    look("explain", "explain", "--config", str(relay.routes_path), "-", input=SAMPLE, code=0)
    look("explain --json", "explain", "--json", "--config", str(relay.routes_path), "-", input=SAMPLE, code=0)
    look("reload", "reload", *state, code=0)
    look("sign", "sign", "--key-env", "SOURCE_KEY", "-", input=SAMPLE, code=0)
    look("verify", "verify", "--key-env", "SOURCE_KEY", "--signature", "0" * 64, "-", input=SAMPLE, code=65)
    look("send", "send", "--sample", "missed", "--config", str(relay.routes_path), "--listen", "127.0.0.1:9", code=69)
    look("send --to", "send", "--sample", "missed", "--to", relay.environment["URL_closed"], "--key-env", "SOURCE_KEY",
         code=69)
    seen["counts"] = repr(relay.counts()).encode()
    seen["ps"] = pathlib.Path(f"/proc/{relay.process.pid}/cmdline").read_bytes()
    faulty = bad_secrets(relay)
    look("check with faults", "check", str(faulty), code=78)
    os.replace(faulty, relay.routes_path)
    look("reload with faults", "reload", *state, code=78)
    relay.process.send_signal(signal.SIGHUP)
    eventually(lambda: relay.log().count("reload refused") >= 2, what="the second refusal")
    relay.kill()
    relay.start(wait=False)
    assert relay.process.wait(20) == 78
    seen["log"] = relay.log().encode()
    assert seen["log"].count(b" attempt ") + seen["log"].count(b"destination held") > 20, "there is a log"

    hits = [(name, needle) for name, text in seen.items() for needle in needles()
            if needle.encode().lower() in text.lower().replace(str(relay.directory).encode().lower(), b"")
            if not (needle == "canary" and b"canary-free" in text)]
    assert hits == []
    good = relay.state / "routes.last-good.json"
    written = good.read_text() if good.exists() else ""
    for path in relay.state.rglob("*"):
        if path.is_file():
            stored = path.read_bytes()
            known = written if path == good else ""
            assert not [needle for needle in needles() if needle.encode() in stored and needle not in known], path
    assert not [secret for secret in SECRETS.values() if secret in written], "it has references as the routes file has"
    assert any(b"<redacted>" in text for text in seen.values()), "they were masked, not left out"
    assert sinks["good"].requests[0]["headers"]["Authorization"] == "Bearer " + SECRETS["TOKEN"], "but they are sent"
    assert sinks["good"].requests[0]["headers"]["X-Api-Key"] == SECRETS["TOKEN"]


def test_a_destination_that_echoes_its_request_puts_no_secret_into_the_dead_letter(make_relay, make_sink):
    sink = make_sink(lambda request: (422, {}, f"{request['path']} {request['headers']}".encode()))
    relay = make_relay(routes_to({"one": sink}, one={
        "url": {"env": "URL"}, "headers": {"Authorization": {"env": "TOKEN", "prefix": "Bearer "}}}),
        environment={**SECRETS, "URL": f"{sink.url}/{SECRETS['URL_PATH']}"}, arguments=["--log-level", "trace"])
    relay.start()
    relay.post(SAMPLE)
    relay.settled(dead=1)
    [letter] = relay.dead_letters()
    assert SECRETS["TOKEN"] in str(sink.requests[0]["headers"])
    for text in (letter.read_text(), relay.log()):
        assert SECRETS["TOKEN"] not in text and SECRETS["URL_PATH"] not in text


def bad_secrets(relay):
    """A routes file whose faults are about secrets: plain, short, a URL that is none, a header that breaks."""
    relay.environment.update(SHORT="canary-short", CUT="whsk_" + WHSK[:-8], NO_URL="canary-path-5555555555 is no URL",
                             BREAKS="canary-token-4444444444\r\nX-Injected: 1")
    routes = relay.directory / "faulty.json"
    routes.write_text("""
        {"sources": {"gruveo": {"path": "/webhooks/gruveo", "keys": [{"env": "SHORT"}, "canary-source-key-11111111"]}},
         "destinations": {
           "a": {"url": {"env": "NO_URL"}},
           "b": {"url": "http://user:canary-token-4444444444@127.0.0.1:9/canary-plain-path-7777"},
           "c": {"url": "ftp://127.0.0.1/canary-plain-path-7777?x=canary-query-8888"},
           "d": {"url": "https://relay-test.invalid/", "headers": {"Authorization": {"env": "BREAKS"}}},
           "e": {"url": "https://relay-test.invalid/",
                 "sign": {"scheme": "gruveo", "keys": ["canary-sign-key-3333333333"]}},
           "f": {"url": "https://relay-test.invalid/canary plain-path",
                 "sign": {"scheme": "gruveo", "keys": [{"env": "SHORT"}]}},
           "g": {"url": "http://10.0.0.5/canary-plain-path-7777"},
           "h": {"url": "https://relay-test.invalid/",
                 "sign": {"scheme": "standard-webhooks", "keys": [{"env": "CUT"}, {"env": "SHORT"}]}}},
         "routes": []}
        """)
    return routes


def test_the_search_for_canaries_finds_them(make_relay, make_sink):
    """The counter-test: what the sinks got holds the secrets, in each of the forms that are searched for."""
    texts = [b"Bearer " + SECRETS["TOKEN"].encode(), base64.b64encode(SECRETS["SIGN_KEY"].encode()),
             SECRETS["OLD_KEY"].encode().hex().encode()]
    for text in texts:
        assert [needle for needle in needles() if needle.encode() in text]
