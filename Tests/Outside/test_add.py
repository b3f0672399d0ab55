"""`add`: a destination comes into the routes file, and nothing else of it changes."""

import fcntl
import json
import os
import resource
import signal
import subprocess

import pytest

from harness import BINARY, ROOT, eventually, routes_to

EXAMPLE = (ROOT / "routes.example.json").read_bytes()
COMPACT = (b'{"sources":{"gruveo":{"path":"/in","keys":[{"env":"GRUVEO_KEY"}]}},"destinations":{"crm":'
           b'{"url":"https://crm.example.com/x","timeout":"5s"}},"routes":[{"name":"all","match":{},"to":["crm"]}]}')
ALIGNED = b"""{
  "sources": { "gruveo": { "path": "/in", "keys": [ { "env": "GRUVEO_KEY" } ] } },
  "destinations": {
    "crm":      { "url": "https://crm.example.com/x" },
    "call-log": { "url": "https://log.example.com/x", "timeout": "5s" }
  },
  "routes": [
    { "name": "all", "match": {}, "to": [ "crm" ] }
  ]
}"""
# Files in the styles that people and programs write: (text, what is replaced, by what).
STYLES = {
    "the example": (EXAMPLE, [
        (b'"409": "delivered" }\n    }\n', b'"409": "delivered" }\n    },\n    "chat": {\n      "preset": "n8n",\n'
                                           b'      "url": { "credential": "n8n-url" }\n    }\n')]),
    "windows": (EXAMPLE.replace(b"\n", b"\r\n"), [
        (b'"409": "delivered" }\r\n    }\r\n', b'"409": "delivered" }\r\n    },\r\n    "chat": {\r\n      "preset": '
                                               b'"n8n",\r\n      "url": { "credential": "n8n-url" }\r\n    }\r\n')]),
    "compact": (COMPACT, [(b'"5s"}}', b'"5s"},"chat":{"preset":"n8n","url":{"credential":"n8n-url"}}}')]),
    "aligned": (ALIGNED, [
        (b'"5s" }\n', b'"5s" },\n    "chat":     { "preset": "n8n", "url": { "credential": "n8n-url" } }\n')]),
    "none yet": (ALIGNED.replace(ALIGNED[ALIGNED.index(b'{\n    "crm"'):ALIGNED.index(b',\n  "routes"')], b"{}")
                 .replace(b'[ "crm" ]', b'[ "chat" ]'), [
        (b'"destinations": {}', b'"destinations": { "chat": { "preset": "n8n", "url": { "credential": "n8n-url" } }'
                                b' }')]),
    "by a program": (json.dumps(json.loads(COMPACT), indent="\t").encode(), [
        (b'"5s"\n\t\t}\n', b'"5s"\n\t\t},\n\t\t"chat": {\n\t\t\t"preset": "n8n",\n\t\t\t"url": {\n'
                           b'\t\t\t\t"credential": "n8n-url"\n\t\t\t}\n\t\t}\n')]),
}


def with_preset(directory):
    """Whether this build can use the preset; where not, all that `add` writes is refused, and nothing is written."""
    (directory / "probe.json").write_bytes(COMPACT.replace(b'"timeout":"5s"', b'"preset":"n8n"'))
    done = subprocess.run([BINARY, "check", "probe.json"], cwd=directory, capture_output=True, timeout=30)
    (directory / "probe.json").unlink()
    return done.returncode == 0


class Adding:
    """A routes file in a folder of its own, and the command."""

    def __init__(self, directory):
        self.directory = directory
        self.path = directory / "routes.json"
        self.has_presets = with_preset(directory)
        self.write(ALIGNED)

    def write(self, text):
        self.path.write_bytes(text)

    def add(self, *arguments, **named):
        return subprocess.run([BINARY, "add", *arguments, "--config", "routes.json"], cwd=self.directory,
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=60, **named)

    def refused(self, code, *arguments, **named):
        """What is said, where nothing in the folder may have changed."""
        before = self.state()
        done = self.add(*arguments, **named)
        assert (done.returncode, done.stdout, self.state()) == (code, b"", before), done
        return done.stderr.decode()

    def state(self):
        return {path.name: (path.lstat().st_ino, path.lstat().st_mode, path.lstat().st_mtime_ns,
                            os.readlink(path) if path.is_symlink() else path.read_bytes())
                for path in self.directory.iterdir() if not path.is_dir()}


@pytest.fixture
def adding(tmp_path):
    return Adding(tmp_path)


@pytest.fixture
def writing(adding, request):
    """For what is seen only where a destination is really written."""
    if not adding.has_presets:
        request.applymarker(pytest.mark.xfail(reason="the preset cannot be used yet", strict=True))
    return adding


# What is written

@pytest.mark.release
@pytest.mark.parametrize("style", STYLES)
def test_the_new_lines_take_the_style_around_them_and_all_else_stays(writing, style):
    text, changes = STYLES[style]
    writing.write(text)
    done = writing.add("n8n", "chat", "--url-credential", "n8n-url")
    assert (done.returncode, done.stdout) == (0, b""), done
    for old, new in changes:
        assert text.count(old) == 1
        text = text.replace(old, new)
    assert writing.path.read_bytes() == text
    assert 'routes.json: the destination "chat" was added' in done.stderr.decode()
    assert "destinations.chat.url: the credential \"n8n-url\" cannot be read" in done.stderr.decode()
    assert ("no event goes there" in done.stderr.decode()) == (style != "none yet"), "a route names it there already"


@pytest.mark.release
@pytest.mark.parametrize("style", STYLES)
def test_dry_run_prints_a_diff_that_patch_applies_and_writes_nothing(adding, style):
    text, changes = STYLES[style]
    text = text.replace(b"https://crm.example.com/api/calls", b"https://crm.example.com").replace(
        b"http://127.0.0.1:9000/gruveo", b"http://127.0.0.1:9000")
    masked = b"example.com/x" in text
    adding.write(text)
    before = adding.state()
    done = adding.add("n8n", "chat", "--url-credential", "n8n-url", "--dry-run")
    assert (done.returncode, adding.state()) == (0 if adding.has_presets else 78, before), done
    if masked:
        assert b"example.com/x" not in done.stdout
        for host in (b"crm", b"log"):
            text = text.replace(host + b".example.com/x", host + b".example.com/\xe2\x80\xa6")
        adding.write(text)
    patched = subprocess.run(["patch", "--binary", "-o", "patched.json", "routes.json"], input=done.stdout,
                             cwd=adding.directory, capture_output=True, timeout=30)
    assert patched.returncode == 0, (patched, done.stdout)
    for old, new in changes:
        text = text.replace(old, new)
    assert (adding.directory / "patched.json").read_bytes() == text


def test_routes_name_the_new_destination(writing):
    done = writing.add("n8n", "zap", "--url-env", "ZAP", "--to-route", "all")
    assert done.returncode == 0, done
    text = writing.path.read_bytes()
    assert b'"zap":      { "preset": "n8n", "url": { "env": "ZAP" } }\n' in text
    assert b'{ "name": "all", "match": {}, "to": [ "crm", "zap" ] }\n' in text


PRESETS = sorted((ROOT / "Sources" / "GruveoRelay" / "Presets").glob("*.json"))


@pytest.mark.release
@pytest.mark.parametrize("path", PRESETS, ids=lambda path: path.stem)
def test_every_preset_can_be_added(adding, path):
    preset = json.loads(path.read_text())
    wanted = {key: json.dumps(value["example"]) for key, value in preset.get("with", {}).items()
              if "default" not in value}
    template = "https://acme.my.salesforce.com/services/data/v68.0/sobjects/Task/Relay_Id__c/${id}"
    given = ["--url", template] if path.stem == "salesforce-task" else []
    done = adding.add(path.stem, "new", *given, *(f"--with={key}={value}" for key, value in wanted.items()))
    assert (done.returncode, done.stdout) == (0, b""), done
    added = json.loads(adding.path.read_bytes())["destinations"]["new"]
    url = {} if "url" in preset["destination"] else {"url": template if given else {"credential": "new-url"}}
    given = {"with": {key: json.loads(value) for key, value in wanted.items()}} if wanted else {}
    assert added == {"preset": path.stem, **url, **given}
    adding.write(ALIGNED)
    if wanted:
        said = adding.refused(64, path.stem, "new")
        assert all(f"--with {key}=…" in said for key in wanted)
    assert all(f"note: {path.stem} needs {need}" in done.stderr.decode() for need in preset["needs"])


def test_an_event_reaches_a_destination_that_was_added(make_relay, make_sink, adding, request):
    if not adding.has_presets:
        request.applymarker(pytest.mark.xfail(reason="the preset cannot be used yet", strict=True))
    sink, hook = make_sink(), make_sink()
    relay = make_relay(routes_to({"one": sink})).start()
    relay.command("add", "n8n", "hook", "--url-file", "hook-url", "--to-route", "all", "--config",
                  str(relay.routes_path), check=0)
    (relay.directory / "hook-url").write_text(hook.url + "/webhook/secret\n")
    opened = relay.routes_path.read_text().replace(
        '"preset": "n8n",', '"preset": "n8n", "allowPrivate": ["127.0.0.0/8"],')
    assert relay.reload(opened).returncode == 0
    relay.command("send", "--sample", "missed", "--config", str(relay.routes_path), "--listen",
                  f"127.0.0.1:{relay.port}", check=0)
    relay.settled(delivered=2)
    assert [request["path"] for request in hook.requests] == ["/webhook/secret"]
    assert json.loads(hook.bodies()[0])["resolution"] == "missed"


def test_a_url_may_be_written_plainly_and_is_not_printed(writing):
    secret = "https://n8n.example.com/webhook/T0/B0/secret"
    done = writing.add("n8n", "chat", "--url", secret)
    assert done.returncode == 0, done
    assert f'"preset": "n8n", "url": "{secret}" }}'.encode() in writing.path.read_bytes()
    assert b"secret: see --url-credential" in done.stderr and b"T0/B0" not in done.stderr


def test_mode_and_owner_stay_and_nothing_is_left_behind(writing):
    writing.path.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(writing.path, 65534, 65534)
    before = writing.path.stat()
    assert writing.add("n8n", "chat").returncode == 0
    after = writing.path.stat()
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)
    assert [path.name for path in writing.directory.iterdir()] == ["routes.json"]


def test_errors_that_were_there_before_do_not_keep_it_from_being_written(writing):
    writing.write(ALIGNED.replace(b'"timeout": "5s"', b'"timeout": "5"'))
    done = writing.add("n8n", "chat")
    assert done.returncode == 78 and b'"chat" was added' in done.stderr and b"has no unit" in done.stderr
    assert b'"chat"' in writing.path.read_bytes()


def test_the_file_is_synced_before_it_gets_its_name_and_the_name_after(writing):
    trace = writing.directory / "trace"
    done = subprocess.run(
        ["strace", "-f", "-y", "-o", trace, "-e", "trace=fsync,fdatasync,rename,renameat,renameat2", BINARY, "add",
         "n8n", "chat", "--config", str(writing.path)], capture_output=True, timeout=60)
    assert done.returncode == 0, done
    calls = [line.split(None, 1)[1] for line in trace.read_text().splitlines() if "(" in line]
    names = [call.split("(")[0] for call in calls]
    assert names == ["fsync", "rename", "fsync"], calls
    assert "routes.json." in calls[0] and calls[2].startswith("fsync(") and f"<{writing.directory}>" in calls[2]


# What is refused

@pytest.mark.release
def test_what_cannot_be_is_refused_with_the_way_out(adding):
    for arguments, said in [
        (["slak", "chat"], 'no preset "slak", did you mean "slack"?'),
        (["n8n", "Chat"], 'the name "Chat" must be'),
        (["n8n", "a/b"], 'the name "a/b" must be'),
        (["n8n", ""], 'the name "" must be'),
        (["n8n", "crm"], 'there is a destination "crm" already, in line 4'),
        (["n8n", "chat", "--to-route", "al"], 'no route "al", did you mean "all"?'),
        (["n8n", "chat", "--url", "https://a/", "--url-env", "A"], "only one of --url"),
    ]:
        assert said in adding.refused(64, *arguments)


@pytest.mark.release
def test_a_file_that_is_wrong_already_is_left_alone(adding):
    for text, said in [
        (ALIGNED[:-3], "routes.json:9:3: error: the text ends too early"),
        (ALIGNED.replace(b'"crm":', b'"call-log":'), 'the key "call-log" stands here twice'),
        (b"", "the file is empty"),
        (b"[]", "must be one JSON object"),
        (b'{"routes": []}', 'routes.json:1:1: error: "destinations" is missing: add "destinations": {}'),
        (b'{"destinations": []}', "destinations: must be an object"),
        (ALIGNED.replace(b'[ "crm" ]', b'"crm"'), '"to" must be a list'),
    ]:
        adding.write(text)
        assert said in adding.refused(78, "n8n", "chat", "--to-route", "all"), text


def test_a_result_that_check_would_refuse_is_not_written(adding):
    said = adding.refused(78, "n8n", "chat", "--url", "http://127.0.0.1:9/key")
    assert "nothing was written" in said and "destinations.chat.url: " in said and "allowPrivate" in said
    assert "9/key" not in said
    assert "file name without" in adding.refused(78, "n8n", "chat", "--url-credential", "a/b")


@pytest.mark.release
def test_a_link_is_not_replaced_by_a_file(adding):
    adding.path.rename(adding.directory / "real.json")
    adding.path.symlink_to("real.json")
    assert "symbolic link" in adding.refused(73, "n8n", "chat")


def test_a_file_with_two_names_is_not_replaced_under_one_of_them(writing):
    os.link(writing.path, writing.directory / "other.json")
    assert "hard links" in writing.refused(73, "n8n", "chat")


def test_what_is_no_file_or_may_not_be_read(adding):
    adding.path.unlink()
    assert adding.refused(66, "n8n", "chat") == "gruveo-relay: routes.json: No such file or directory\n"
    os.mkfifo(adding.path)
    assert adding.add("n8n", "chat").returncode == 66
    adding.path.unlink()
    adding.path.mkdir()
    assert adding.add("n8n", "chat").returncode == 66


def test_a_read_only_file_stays(writing):
    writing.path.chmod(0o444)
    assert "read-only: chmod u+w it" in writing.refused(77, "n8n", "chat")


def test_json_prints_the_findings_that_check_prints(writing):
    done = writing.add("n8n", "chat", "--json", "--url-credential", "n8n-url")
    checked = subprocess.run([BINARY, "check", "routes.json", "--json"], cwd=writing.directory, capture_output=True)
    assert done.returncode == 0 and done.stdout == checked.stdout, done
    findings = [json.loads(line) for line in done.stdout.splitlines()]
    assert "destinations.chat.url" in [finding["path"] for finding in findings]
    said = done.stderr.decode().splitlines()
    assert said[0] == 'routes.json: the destination "chat" was added' and all(line.startswith("note: ") for line in said[1:])


def test_templates_are_tried_as_check_tries_them(writing):
    done = writing.add("telegram", "chat", "--with", "chat_id=-1", "--with", "zone=Mars/Base")
    assert done.returncode == 0
    assert "fails for 17 of 17 sample events" in done.stderr.decode() and "no time zone 'Mars/Base'" in done.stderr.decode()


def test_a_url_with_a_template_is_asked_for_plainly(writing):
    words = writing.refused(64, "salesforce-task", "crm-2")
    assert "sobjects/Task/Relay_Id__c/${id}, given by --url" in words
    assert words == writing.refused(64, "salesforce-task", "crm-2", "--url-credential", "x")
    url = "https://acme.my.salesforce.com/services/data/v68.0/sobjects/Task/Relay_Id__c/${id}"
    done = writing.add("salesforce-task", "crm-3", "--url", url)
    assert done.returncode == 0 and "refuses requests without authorization" in done.stderr.decode()


def test_a_server_in_the_own_network_is_allowed_by_name(writing):
    assert writing.add("n8n", "chat", "--url", "http://10.0.0.5:5678/webhook/x").returncode == 78
    done = writing.add("n8n", "chat", "--url", "http://10.0.0.5:5678/webhook/x", "--allow-private", "10.0.0.5/32")
    assert done.returncode == 0, done.stderr
    assert json.loads(writing.path.read_text())["destinations"]["chat"]["allowPrivate"] == ["10.0.0.5/32"]


def test_json_prints_the_errors_for_which_nothing_is_written(writing):
    before = writing.state()
    done = writing.add("n8n", "chat", "--json", "--url", "http://127.0.0.1/x")
    assert (done.returncode, writing.state()) == (78, before)
    [finding] = [json.loads(line) for line in done.stdout.splitlines()]
    assert (finding["severity"], finding["path"]) == ("error", "destinations.chat.url")
    assert "leave out --json" in writing.refused(64, "n8n", "chat", "--json", "--dry-run")


@pytest.mark.skipif(os.geteuid() != 0, reason="changes the user")
def test_a_user_who_may_not_write_there_changes_nothing(writing):
    writing.path.chmod(0o666)
    for folder in [writing.directory, *writing.directory.parents[:-2]]:
        folder.chmod(folder.stat().st_mode | 0o055)
    assert "Permission denied" in writing.refused(77, "n8n", "chat", user=65534, group=65534)


def test_a_disk_that_takes_no_more_changes_nothing(writing):
    def little():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))

    assert "routes.json" in writing.refused(74, "n8n", "chat", preexec_fn=little, restore_signals=False)


def test_another_add_at_work_is_75(adding):
    with open(adding.path, "rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert "another command is changing it" in adding.refused(75, "n8n", "chat")


@pytest.mark.parametrize("way", ["in place", "by another file"])
def test_what_somebody_else_wrote_meanwhile_stays(writing, way):
    process = subprocess.Popen(
        ["strace", "-o", "/dev/null", "-e", "trace=fsync", "-e", "inject=fsync:delay_enter=2000000:when=1", BINARY,
         "add", "n8n", "chat", "--config", "routes.json"], cwd=writing.directory, stderr=subprocess.PIPE)
    try:
        eventually(lambda: len(list(writing.directory.iterdir())) == 2, what="the temporary file")
        if way == "by another file":
            other = writing.directory / "other"
            other.write_bytes(COMPACT)
            other.rename(writing.path)
        else:
            writing.write(COMPACT)
        assert process.wait(30) == 75
        assert b"somebody changed it meanwhile" in process.stderr.read()
        assert writing.path.read_bytes() == COMPACT
        assert [path.name for path in writing.directory.iterdir()] == ["routes.json"]
    finally:
        process.kill()
        process.wait()
