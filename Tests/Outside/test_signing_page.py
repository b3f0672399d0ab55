"""docs/signing.md, run: each verifier in Python and in Swift, each routes line, each command."""

import base64
import hmac
import json
import os
import re
import subprocess
import time

import pytest
import standardwebhooks

from harness import BINARY, ROOT, SAMPLE, routes_to, sample
from test_rules_page import blocks

PAGE = (ROOT / "docs" / "signing.md").read_text()
SECTIONS = dict(zip(re.split(r"^## (.*)\n", PAGE, flags=re.M)[1::2], re.split(r"^## (.*)\n", PAGE, flags=re.M)[2::2]))
# The function of each section's verifier, as the page names it in Python and in Swift.
SCHEMES = {
    "Standard Webhooks with a shared secret (v1)": ("verifies_v1", "verifiesV1(headers, body, secret: key)"),
    "Standard Webhooks with Ed25519 (v1a)": ("verifies_v1a", "verifiesV1a(headers, body, publicKey: key)"),
    "gruveo": ("verifies_gruveo", "verifiesGruveo(headers, body, key: key)"),
    "github": ("verifies_github", "verifiesGitHub(headers, body, key: key)"),
    "slack": ("verifies_slack", "verifiesSlack(headers, body, key: key)"),
    "hmac": ("verifies_hmac", "verifiesHMAC(headers, body, key: key)"),
}
# Keys that are well made and not the right ones; the public one is of RFC 8032's first test.
OTHERS = {
    "Standard Webhooks with a shared secret (v1)": "whsec_" + base64.b64encode(bytes(32)).decode(),
    "Standard Webhooks with Ed25519 (v1a)": "whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
}
MAIN = """
import Foundation

while let line = readLine() {
    guard let all = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any],
        let scheme = all["scheme"] as? String, let key = all["key"] as? String,
        let headers = all["headers"] as? [String: String],
        let body = (all["body"] as? String).flatMap({ Data(base64Encoded: $0) }).map(Array.init)
    else { exit(65) }
    switch scheme {
    %s
    default: exit(65)
    }
}
"""


def code(text, language):
    return [content for _, name, content in blocks(text) if name == language]


def signing(section):
    """The `sign` that a section shows."""
    return [json.loads("{" + text + "}")["sign"] for text in code(SECTIONS[section], "json")]


def without_indent(text):
    """A block in a list stands three columns in."""
    return re.sub(r"^   ", "", text, flags=re.M)


def by_python(section, headers, body, key):
    names = {}
    exec(code(SECTIONS[section], "python")[0], names)
    try:
        return names[SCHEMES[section][0]](headers, body, key)
    except (KeyError, ValueError):
        return False


@pytest.fixture(scope="module")
def by_swift(tmp_path_factory):
    """One program with the page's verifiers, compiled once; it answers a line for each line."""
    folder = tmp_path_factory.mktemp("receiver")
    (folder / "COpenSSL").mkdir()
    (folder / "COpenSSL" / "module.modulemap").write_text(code(PAGE, "modulemap")[0])
    (folder / "COpenSSL" / "shim.h").write_text(code(PAGE, "c")[0])
    (folder / "Verifiers.swift").write_text("\n".join(code(PAGE, "swift")))
    (folder / "main.swift").write_text(MAIN % "\n    ".join(
        f'case "{section}": print({call})' for section, (_, call) in SCHEMES.items()))
    command = re.search(r"`(swiftc -I COpenSSL Verifiers.swift main.swift)`", PAGE)[1]
    subprocess.run([*command.split(), "-o", "receiver"], cwd=folder, check=True, timeout=120)

    def verify(section, headers, body, key):
        line = {"scheme": section, "key": key, "headers": headers, "body": base64.b64encode(body).decode()}
        done = subprocess.run([folder / "receiver"], input=json.dumps(line), capture_output=True, timeout=20, text=True)
        assert done.returncode == 0 and done.stdout in ("true\n", "false\n"), done
        return done.stdout == "true\n"

    return verify


class Console:
    """Runs the page's commands as they stand, in a folder that takes the place of /etc/gruveo-relay."""

    def __init__(self, folder, relay):
        self.folder, self.relay = folder, relay
        (folder / "bin").mkdir()
        os.symlink(BINARY, folder / "bin" / "gruveo-relay")
        (relay.directory / "credentials").mkdir()

    def run(self, text):
        """What a block prints; each line has to succeed. A restart is one of this relay."""
        printed = ""
        for part in re.split(r"^(sudo systemctl restart gruveo-relay)\n", text, flags=re.M):
            if part.startswith("sudo systemctl"):
                assert self.relay.stop() == 0
                self.relay.start()
                continue
            part = part.replace("sudo ", "").replace("/etc/gruveo-relay/", f"{self.relay.directory}/")
            done = subprocess.run(
                ["bash", "-ec", part], cwd=self.folder, timeout=30, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                env={**self.relay.environment, "PATH": f"{self.folder}/bin:{os.environ['PATH']}",
                     "RELAY_CONFIG": str(self.relay.routes_path)})
            assert done.returncode == 0, (part, done)
            printed += done.stdout.decode() + done.stderr.decode()
        return printed

    def key(self, name):
        return (self.relay.directory / "credentials" / name).read_text().strip()


def lower(request):
    return {name.lower(): value for name, value in request["headers"].items()}


def changes(section, headers, body):
    """What no receiver may accept: name → headers and body."""
    signed = "webhook-signature" if "Webhooks" in section else next(
        name for name in headers if name.startswith("x-") and not name.endswith("-timestamp"))
    timed = next((name for name in headers if name.endswith("-timestamp")), None)
    missing = {name: value for name, value in headers.items() if name != signed}
    yield "body", headers, body + b" "
    yield "no body", headers, b""
    yield "no signature", missing, body
    yield "empty signature", {**headers, signed: ""}, body
    for value in ("v1,", "v1a,", "v1a,AAAA", "v1,*", "sha256=", "v0=", headers[signed][:-2], headers[signed].swapcase()):
        yield f"signature {value}", {**headers, signed: value}, body
    if signed == "webhook-signature":
        yield "id", {**headers, "webhook-id": "evt_0"}, body
    if timed:
        yield "time", {**headers, timed: str(int(headers[timed]) - 1)}, body
        yield "no time", {name: value for name, value in headers.items() if name != timed}, body


@pytest.mark.parametrize("section", SCHEMES)
def test_each_verifier_of_the_page_takes_what_was_signed_and_nothing_else(
        make_relay, make_sink, by_swift, tmp_path, section):
    sink = make_sink()
    [sign] = signing(section)
    relay = make_relay(routes_to({"one": sink}, one={"sign": sign}))
    console = Console(tmp_path, relay)
    name = sign["keys"][0]["credential"]
    shown = {"crm-key": "keygen --out", "crm-ed25519": "keygen --ed25519 --out"}.get(name)
    if shown:
        [make] = [text for text in code(SECTIONS["Make a key"], "console") if shown in text]
        printed = console.run(make)
    else:
        (relay.directory / "credentials" / name).write_text("a-key-for-this-scheme-0123456789\n")
    key = re.search(r"^whpk_\S+$", printed, re.M)[0] if name == "crm-ed25519" else console.key(name)
    relay.start()
    assert relay.post(SAMPLE)[0] == 200
    relay.settled(delivered=1)
    [request] = sink.requests
    headers, body = lower(request), request["body"]
    for verify in (by_python, by_swift):
        assert verify(section, headers, body, key)
        for what, changed, bytes_ in changes(section, headers, body):
            assert not verify(section, changed, bytes_, key), (what, verify)
        assert not verify(section, headers, body, OTHERS.get(section, "another-key-0123456789"))


@pytest.mark.parametrize("section", [name for name in SCHEMES if "Webhooks" in name])
def test_the_verifiers_refuse_an_old_request_whose_signature_is_right(by_swift, tmp_path, section):
    kind = "--ed25519" if "Ed25519" in section else "--hmac"
    made = subprocess.run([BINARY, "keygen", kind], capture_output=True, text=True, check=True).stdout.split()
    (tmp_path / "body").write_bytes(SAMPLE)
    for age, fresh in ((0, True), (290, True), (310, False), (-310, False)):
        done = subprocess.run(
            [BINARY, "sign", "--scheme", "standard-webhooks", "--key-env", "KEY", "--id", "evt_1", "--timestamp",
             str(int(time.time()) - age), str(tmp_path / "body")],
            capture_output=True, text=True, env={**os.environ, "KEY": made[0]}, check=True)
        headers = dict(line.split(": ") for line in done.stdout.splitlines())
        for verify in (by_python, by_swift):
            assert verify(section, headers, SAMPLE, made[-1]) == fresh, (age, verify)


def test_slacks_verifiers_refuse_an_old_request_whose_signature_is_right(by_swift):
    key = "a-key-for-this-scheme-0123456789"
    for age, fresh in ((0, True), (290, True), (310, False), (-310, False)):
        at = str(int(time.time()) - age)
        code = hmac.new(key.encode(), f"v0:{at}:".encode() + SAMPLE, "sha256").hexdigest()
        headers = {"x-slack-request-timestamp": at, "x-slack-signature": "v0=" + code}
        for verify in (by_python, by_swift):
            assert verify("slack", headers, SAMPLE, key) == fresh, (age, verify)


def test_a_key_is_changed_as_the_page_says_and_no_receiver_misses_a_request(make_relay, make_sink, tmp_path):
    section = "Standard Webhooks with a shared secret (v1)"
    sink = make_sink()
    routes = routes_to({"crm": sink}, crm={"sign": signing(section)[0]})
    relay = make_relay(routes)
    console = Console(tmp_path, relay)
    console.run(code(SECTIONS["Make a key"], "console")[0])
    old = console.key("crm-key")
    relay.start()

    def library(request, key):
        try:
            standardwebhooks.Webhook(key).verify(request["body"], request["headers"])
            return True
        except standardwebhooks.webhooks.WebhookVerificationError:
            return False

    def page(request, key):
        return by_python(section, lower(request), request["body"], key)

    def next_is_taken_with(*keys):
        count = len(sink.requests) + 1
        assert relay.post(sample(count))[0] == 200
        relay.settled(delivered=count)
        assert all(judge(sink.requests[-1], key) for judge in (library, page) for key in keys)

    next_is_taken_with(old)
    steps = without_indent(SECTIONS["Change a key"])
    makes, both, drop = code(steps, "console")
    first, last = (json.loads("{" + text + "}")["sign"] for text in code(steps, "json"))
    console.run(makes)
    new = console.key("crm-key-2")
    assert (relay.directory / "credentials" / "crm-key-2").stat().st_mode & 0o777 == 0o600
    routes["destinations"]["crm"]["sign"] = first
    relay.write_routes(routes)
    console.run(both)
    next_is_taken_with(old, new)
    routes["destinations"]["crm"]["sign"] = last
    relay.write_routes(routes)
    console.run(drop)
    next_is_taken_with(new)
    assert not library(sink.requests[-1], old) and not page(sink.requests[-1], old)
    assert sorted(os.listdir(relay.directory / "credentials")) == ["crm-key-2"]


def test_what_the_page_tries_without_the_relay_says_right(make_relay, tmp_path):
    console = Console(tmp_path, make_relay(routes_to({})))
    [text] = code(SECTIONS["Try it without the relay"], "console")
    assert console.run(text).splitlines()[-1] == "right"
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o600
    headers = dict(line.split(": ") for line in (tmp_path / "headers").read_text().splitlines())
    assert headers.keys() == {"webhook-id", "webhook-timestamp", "webhook-signature"}
    public = (tmp_path / "keys").read_text().split()[1]
    body = (tmp_path / "body.json").read_bytes()
    assert by_python("Standard Webhooks with Ed25519 (v1a)", headers, body, public)


def test_every_block_of_the_page_is_run_by_a_test():
    languages = [language for _, language, _ in blocks(without_indent(PAGE))]
    assert {name: languages.count(name) for name in languages} == {
        "modulemap": 1, "c": 1, "swift": 7, "python": 6, "json": 8, "console": 6}
    assert [name for name in SECTIONS if code(SECTIONS[name], "python")] == list(SCHEMES)
