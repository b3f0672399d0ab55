"""keygen, and what sign and verify know of Standard Webhooks."""

import base64
import json
import os
import pathlib
import subprocess

import pytest
import standardwebhooks
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from harness import BINARY, SAMPLE

pytestmark = pytest.mark.release

# Svix's published example, which is also that of Standard Webhooks' specification.
PRIVATE = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="
PUBLIC = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="
SIGNATURE = "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=="
BODY, ID, TIME = b'{"test": 2432232314}', "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330"
STANDARD = ["--scheme", "standard-webhooks", "--id", ID]


def run(*arguments, input=b"", key=None, **more):
    environment = {**os.environ, **({"KEY": key} if key else {})}
    return subprocess.run([BINARY, *arguments], input=input, capture_output=True, timeout=30, env=environment, **more)


def decoded(text, mark):
    assert text.startswith(mark)
    return base64.b64decode(text[len(mark):], validate=True)


def is_pair(private, public):
    both = decoded(private, "whsk_")
    assert len(both) == 64 and both[32:] == decoded(public, "whpk_")
    return Ed25519PrivateKey.from_private_bytes(both[:32]).public_key().public_bytes_raw() == both[32:]


def test_keygen_prints_data_on_standard_output_and_words_on_standard_error():
    for arguments in ([], ["--hmac"]):
        done = run("keygen", *arguments)
        [secret] = done.stdout.decode().splitlines()
        assert done.returncode == 0 and len(decoded(secret, "whsec_")) == 32
        assert done.stderr and secret.encode() not in done.stderr
    done = run("keygen", "--ed25519")
    private, public = done.stdout.decode().splitlines()
    assert done.returncode == 0 and is_pair(private, public)
    assert done.stderr and private.encode() not in done.stderr


def test_keygen_prints_one_json_object():
    assert json.loads(run("keygen", "--json").stdout).keys() == {"kind", "secret"}
    made = json.loads(run("keygen", "--json", "--ed25519").stdout)
    assert made.keys() == {"kind", "secret", "public"} and made["kind"] == "ed25519"
    assert is_pair(made["secret"], made["public"])


def test_no_key_comes_twice():
    secrets = [run("keygen").stdout for _ in range(20)] + [run("keygen", "--ed25519").stdout for _ in range(20)]
    assert len(set(secrets)) == 40


@pytest.mark.parametrize("kind", ["--hmac", "--ed25519"])
@pytest.mark.parametrize("umask", [0o022, 0o000])
def test_out_writes_a_file_of_its_owner_and_prints_no_secret(tmp_path, kind, umask):
    path = tmp_path / "a key"
    done = run("keygen", kind, "--out", str(path), umask=umask)
    assert done.returncode == 0 and path.stat().st_mode & 0o7777 == 0o600
    [secret] = path.read_text().splitlines()
    assert secret.encode() not in done.stdout + done.stderr and str(path).encode() in done.stderr
    if kind == "--ed25519":
        assert is_pair(secret, done.stdout.decode().strip())
    else:
        assert done.stdout == b"" and len(decoded(secret, "whsec_")) == 32
    again = run("keygen", kind, "--out", str(path), "--json")
    assert (again.returncode, again.stdout) == (73, b"") and b"never overwritten" in again.stderr
    assert path.read_text().strip() == secret
    other = json.loads(run("keygen", kind, "--out", str(tmp_path / "b"), "--json").stdout)
    assert other["file"] == str(tmp_path / "b") and "secret" not in other


def test_out_follows_no_link_and_says_why_it_cannot_write(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "target")
    for path, code in [(tmp_path / "link", 73), (tmp_path / "no" / "folder", 73), (tmp_path, 73),
                       (pathlib.Path("/proc/key"), 73)]:
        done = run("keygen", "--out", str(path))
        assert (done.returncode, done.stdout) == (code, b""), (path, done)
        assert done.stderr.startswith(f"gruveo-relay: {path}: ".encode()) and done.stderr.count(b"\n") == 1
    assert sorted(os.listdir(tmp_path)) == ["link"]
    full = run("keygen", "--out", "/dev/full")
    assert (full.returncode, full.stdout) == (73, b"")


def test_out_where_one_may_not_write_is_77():
    user = {}
    if os.geteuid() == 0:
        if not all(folder.stat().st_mode & 0o001 for folder in pathlib.Path(BINARY).parents):
            pytest.skip("another user cannot reach the program")
        user = {"user": 65534}
    done = run("keygen", "--out", "/usr/key-of-a-test", **user)
    assert (done.returncode, done.stdout) == (77, b""), done


@pytest.mark.parametrize("arguments", [
    ["--hmac", "--ed25519"], ["--out"], ["--out", ""], ["--rsa"], ["file"],
], ids=" ".join)
def test_a_wrong_command_line_of_keygen_is_64(arguments):
    done = run("keygen", *arguments)
    assert (done.returncode, done.stdout) == (64, b"") and done.stderr


def test_sign_prints_the_headers_of_the_published_example():
    done = run("sign", *STANDARD, "--timestamp", TIME, "--key-env", "KEY", input=BODY, key=PRIVATE)
    wanted = f"webhook-id: {ID}\nwebhook-timestamp: {TIME}\nwebhook-signature: {SIGNATURE}\n"
    assert (done.returncode, done.stdout.decode(), done.stderr) == (0, wanted, b"")


def test_what_sign_prints_now_the_library_takes():
    secret = run("keygen").stdout.decode().strip()
    done = run("sign", *STANDARD, "--key-env", "KEY", input=SAMPLE, key=secret)
    headers = dict(line.split(": ") for line in done.stdout.decode().splitlines())
    standardwebhooks.Webhook(secret).verify(SAMPLE, headers)


@pytest.mark.parametrize("key", [PUBLIC, PRIVATE], ids=["public", "private"])
def test_verify_takes_the_published_example_and_nothing_that_was_changed(key):
    def verify(id=ID, time=TIME, signature=SIGNATURE, body=BODY, key=key):
        return run("verify", "--scheme", "standard-webhooks", "--id", id, "--timestamp", time, "--signature", signature,
                   "--key-env", "KEY", input=body, key=key)
    right = verify()
    assert (right.returncode, right.stdout, right.stderr) == (0, b"", b"right\n")
    assert verify(signature=f"v1,AAAA {SIGNATURE}").returncode == 0
    for wrong in [verify(id=ID + "x"), verify(time="1614265331"), verify(body=BODY + b"\n"),
                  verify(signature=SIGNATURE[1:]), verify(signature=SIGNATURE.replace("v1a", "v1")),
                  verify(signature="v1,AAAA"), verify(key=run("keygen").stdout.decode().strip()),
                  verify(key=run("keygen", "--ed25519").stdout.decode().split()[1])]:
        assert (wrong.returncode, wrong.stdout) == (65, b"") and wrong.stderr.startswith(b"wrong: "), wrong


def test_sign_and_verify_say_what_is_wrong_with_a_key():
    for key, words in [(PUBLIC, b"is a public key"), ("whsk_AAAA", b"has 3 bytes behind whsk_"),
                       ("short", b"has 5 bytes, a key needs at least 16")]:
        done = run("sign", *STANDARD, "--key-env", "KEY", input=BODY, key=key)
        assert (done.returncode, done.stdout) == (65, b"") and words in done.stderr
    done = run("verify", *STANDARD, "--timestamp", TIME, "--signature", SIGNATURE, "--key-env", "KEY", input=BODY,
               key="whpk_AAAA")
    assert done.returncode == 65 and b"has 3 bytes behind whpk_, a public key has 32" in done.stderr
    assert run("sign", *STANDARD, "--key-env", "NOT_SET", input=BODY).returncode == 66


@pytest.mark.parametrize("arguments", [
    ["sign", "--scheme", "standard-webhooks"], ["sign", "--id", "evt_1"], ["sign", "--timestamp", "1"],
    ["sign", "--scheme", "github"], ["sign", "--scheme", "standard-webhooks", "--id", "a\r\nb: c"],
    ["sign", "--scheme", "standard-webhooks", "--id", "evt_1", "--timestamp", "now"],
    ["verify", "--scheme", "standard-webhooks", "--id", "evt_1", "--signature", "v1,x"],
    ["verify", "--scheme", "standard-webhooks", "--timestamp", "1", "--signature", "v1,x"],
], ids=ascii)
def test_a_wrong_command_line_of_sign_and_verify_is_64(arguments):
    done = run(*arguments, "--key-env", "KEY", input=BODY, key=PRIVATE)
    assert (done.returncode, done.stdout) == (64, b""), done
