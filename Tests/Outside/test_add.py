"""`add`: a destination comes into the routes file, and nothing else of it changes."""

import fcntl
import json
import os
import resource
import signal
import subprocess

import pytest

from harness import BINARY, ROOT, eventually

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
        (b'"409": "delivered" }\n    }\n', b'"409": "delivered" }\n    },\n    "chat": {\n      "preset": "slack",\n'
                                           b'      "url": { "credential": "slack-url" }\n    }\n')]),
    "windows": (EXAMPLE.replace(b"\n", b"\r\n"), [
        (b'"409": "delivered" }\r\n    }\r\n', b'"409": "delivered" }\r\n    },\r\n    "chat": {\r\n      "preset": '
                                               b'"slack",\r\n      "url": { "credential": "slack-url" }\r\n    }\r\n')]),
    "compact": (COMPACT, [(b'"5s"}}', b'"5s"},"chat":{"preset":"slack","url":{"credential":"slack-url"}}}')]),
    "aligned": (ALIGNED, [
        (b'"5s" }\n', b'"5s" },\n    "chat":     { "preset": "slack", "url": { "credential": "slack-url" } }\n')]),
    "none yet": (ALIGNED.replace(ALIGNED[ALIGNED.index(b'{\n    "crm"'):ALIGNED.index(b',\n  "routes"')], b"{}")
                 .replace(b'[ "crm" ]', b'[ "chat" ]'), [
        (b'"destinations": {}', b'"destinations": { "chat": { "preset": "slack", "url": { "credential": "slack-url" } }'
                                b' }')]),
    "by a program": (json.dumps(json.loads(COMPACT), indent="\t").encode(), [
        (b'"5s"\n\t\t}\n', b'"5s"\n\t\t},\n\t\t"chat": {\n\t\t\t"preset": "slack",\n\t\t\t"url": {\n'
                           b'\t\t\t\t"credential": "slack-url"\n\t\t\t}\n\t\t}\n')]),
}


def with_preset(directory):
    """Whether this build takes the key `preset`: before, all that `add` writes is refused, and nothing is written."""
    (directory / "probe.json").write_bytes(COMPACT.replace(b'"timeout":"5s"', b'"preset":"slack"'))
    done = subprocess.run([BINARY, "check", "probe.json"], cwd=directory, capture_output=True, timeout=30)
    (directory / "probe.json").unlink()
    return b"not supported" not in done.stderr


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
        request.applymarker(pytest.mark.xfail(reason="the key preset is not supported yet", strict=True))
    return adding


# What is written

@pytest.mark.release
@pytest.mark.parametrize("style", STYLES)
def test_the_new_lines_take_the_style_around_them_and_all_else_stays(writing, style):
    text, changes = STYLES[style]
    writing.write(text)
    done = writing.add("slack", "chat", "--url-credential", "slack-url")
    assert (done.returncode, done.stdout) == (0, b""), done
    for old, new in changes:
        assert text.count(old) == 1
        text = text.replace(old, new)
    assert writing.path.read_bytes() == text
    assert 'routes.json: the destination "chat" was added' in done.stderr.decode()
    assert "destinations.chat.url: the credential \"slack-url\" cannot be read" in done.stderr.decode()
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
    done = adding.add("slack", "chat", "--url-credential", "slack-url", "--dry-run")
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
    done = writing.add("zapier", "zap", "--url-env", "ZAP", "--to-route", "all")
    assert done.returncode == 0, done
    text = writing.path.read_bytes()
    assert b'"zap":      { "preset": "zapier", "url": { "env": "ZAP" } }\n' in text
    assert b'{ "name": "all", "match": {}, "to": [ "crm", "zap" ] }\n' in text


def test_a_url_may_be_written_plainly_and_is_not_printed(writing):
    secret = "https://hooks.slack.com/services/T0/B0/secret"
    done = writing.add("slack", "chat", "--url", secret)
    assert done.returncode == 0, done
    assert f'"preset": "slack", "url": "{secret}" }}'.encode() in writing.path.read_bytes()
    assert b"secret: see --url-credential" in done.stderr and b"T0/B0" not in done.stderr


def test_mode_and_owner_stay_and_nothing_is_left_behind(writing):
    writing.path.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(writing.path, 65534, 65534)
    before = writing.path.stat()
    assert writing.add("slack", "chat").returncode == 0
    after = writing.path.stat()
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)
    assert [path.name for path in writing.directory.iterdir()] == ["routes.json"]


def test_errors_that_were_there_before_do_not_keep_it_from_being_written(writing):
    writing.write(ALIGNED.replace(b'"timeout": "5s"', b'"timeout": "5"'))
    done = writing.add("slack", "chat")
    assert done.returncode == 78 and b'"chat" was added' in done.stderr and b"has no unit" in done.stderr
    assert b'"chat"' in writing.path.read_bytes()


def test_the_file_is_synced_before_it_gets_its_name_and_the_name_after(writing):
    trace = writing.directory / "trace"
    done = subprocess.run(
        ["strace", "-f", "-y", "-o", trace, "-e", "trace=fsync,fdatasync,rename,renameat,renameat2", BINARY, "add",
         "slack", "chat", "--config", str(writing.path)], capture_output=True, timeout=60)
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
        (["slack", "Chat"], 'the name "Chat" must be'),
        (["slack", "a/b"], 'the name "a/b" must be'),
        (["slack", ""], 'the name "" must be'),
        (["slack", "crm"], 'there is a destination "crm" already, in line 4'),
        (["slack", "chat", "--to-route", "al"], 'no route "al", did you mean "all"?'),
        (["slack", "chat", "--url", "https://a/", "--url-env", "A"], "only one of --url"),
        (["telegram", "chat"], "needs --with chat_id"),
    ]:
        assert said in adding.refused(64, *arguments)


@pytest.mark.release
def test_a_file_that_is_wrong_already_is_left_alone(adding):
    for text, said in [
        (ALIGNED[:-3], "routes.json:9:3: error: the text ends too early"),
        (ALIGNED.replace(b'"crm":', b'"call-log":'), 'the key "call-log" stands here twice'),
        (b"", "the file is empty"),
        (b"[]", '"destinations" is missing'),
        (b'{"routes": []}', 'routes.json:1:1: error: "destinations" is missing: add "destinations": {}'),
        (b'{"destinations": []}', "destinations: must be an object"),
        (ALIGNED.replace(b'[ "crm" ]', b'"crm"'), '"to" must be a list'),
    ]:
        adding.write(text)
        assert said in adding.refused(78, "slack", "chat", "--to-route", "all"), text


def test_a_result_that_check_would_refuse_is_not_written(adding):
    said = adding.refused(78, "slack", "chat", "--url", "http://127.0.0.1:9/key")
    assert "nothing was written" in said and "destinations.chat.url: " in said and "allowPrivate" in said
    assert "9/key" not in said
    assert "file name without" in adding.refused(78, "slack", "chat", "--url-credential", "a/b")


@pytest.mark.release
def test_a_link_is_not_replaced_by_a_file(adding):
    adding.path.rename(adding.directory / "real.json")
    adding.path.symlink_to("real.json")
    assert "symbolic link" in adding.refused(73, "slack", "chat")


def test_what_is_no_file_or_may_not_be_read(adding):
    adding.path.unlink()
    assert adding.refused(66, "slack", "chat") == "gruveo-relay: routes.json: No such file or directory\n"
    os.mkfifo(adding.path)
    assert adding.add("slack", "chat").returncode == 66
    adding.path.unlink()
    adding.path.mkdir()
    assert adding.add("slack", "chat").returncode == 66


def test_a_read_only_file_stays(writing):
    writing.path.chmod(0o444)
    assert "read-only: chmod u+w it" in writing.refused(77, "slack", "chat")


@pytest.mark.skipif(os.geteuid() != 0, reason="changes the user")
def test_a_user_who_may_not_write_there_changes_nothing(writing):
    writing.path.chmod(0o666)
    for folder in [writing.directory, *writing.directory.parents[:-2]]:
        folder.chmod(folder.stat().st_mode | 0o055)
    assert "Permission denied" in writing.refused(77, "slack", "chat", user=65534, group=65534)


def test_a_disk_that_takes_no_more_changes_nothing(writing):
    def little():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))

    assert "routes.json" in writing.refused(74, "slack", "chat", preexec_fn=little, restore_signals=False)


def test_another_add_at_work_is_75(adding):
    with open(adding.path, "rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert "another command is changing it" in adding.refused(75, "slack", "chat")


@pytest.mark.parametrize("way", ["in place", "by another file"])
def test_what_somebody_else_wrote_meanwhile_stays(writing, way):
    process = subprocess.Popen(
        ["strace", "-o", "/dev/null", "-e", "trace=fsync", "-e", "inject=fsync:delay_enter=2000000:when=1", BINARY,
         "add", "slack", "chat", "--config", "routes.json"], cwd=writing.directory, stderr=subprocess.PIPE)
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
