"""Golden events, `check --events`: an operator's own files of events and the routes that should match them."""

import json
import os
import subprocess
import time

import pytest

from harness import BINARY

ROUTES = {
    "sources": {
        "gruveo": {"path": "/in", "keys": [{"env": "GRUVEO_KEY"}], "maxBody": 5000, "maxAge": "1h"},
        "second": {"path": "/second", "keys": [{"env": "GRUVEO_KEY"}]},
    },
    "destinations": {"crm": {"url": "https://crm.example.com/calls"}, "log": {"url": "https://log.example.com/"}},
    "routes": [
        {"name": "missed calls", "match": {"resolution": ["missed"]}, "to": ["crm"]},
        {"name": "sales", "match": {"link": [{"prefix": "@acme.sales"}]}, "to": ["crm", "log"]},
        {"name": "second only", "from": ["second"], "match": {"link": ["@acme.sales"]}, "to": ["log"]},
        {"name": "rest", "from": ["gruveo"], "match": "otherwise", "to": ["log"]},
    ],
}
REST = '"otherwise" is for events that no other route wants, and this one matches "missed calls", "sales"'
SECOND = 'it listens to second only ("from"), and this event comes from gruveo'


class Golden:
    """A routes file and a folder of golden events beside it."""

    def __init__(self, directory):
        self.directory = directory
        self.folder = directory / "golden"
        self.folder.mkdir()
        self.write_routes(ROUTES)

    def write_routes(self, routes):
        (self.directory / "routes.json").write_text(json.dumps(routes))

    def write(self, name, content):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            path.write_text(content if isinstance(content, str) else json.dumps(content))

    def check(self, *arguments, events="golden", timeout=20):
        return subprocess.run([BINARY, "check", "routes.json", "--events", events, *arguments], cwd=self.directory,
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout)

    def words(self, code, *arguments, **named):
        """What is said behind the routes file's own lines."""
        done = self.check(*arguments, **named)
        assert (done.returncode, done.stdout) == (code, b""), done
        lines = done.stderr.decode().splitlines()
        return lines[1 + lines.index("routes.json: 0 errors, 0 warnings"):]

    def objects(self, code):
        done = self.check("--json")
        assert (done.returncode, done.stderr) == (code, b""), done
        found = [json.loads(line) for line in done.stdout.splitlines()]
        return [one for one in found if one["file"] != "routes.json"]


@pytest.fixture
def golden(tmp_path):
    return Golden(tmp_path)


def missed(**more):
    return {"event": {"timestamp": 1, "link": "@acme.sales", "resolution": "missed"}, **more}


@pytest.mark.release
def test_events_that_go_where_they_should_are_0_with_a_count(golden):
    golden.write("a.json", missed(expect=["sales", "missed calls"], description="the order does not matter"))
    golden.write("b.json", {"event": {"link": "@other"}, "expect": ["rest"], "source": "gruveo"})
    golden.write("c.json", {"event": {"link": "@other"}, "expect": [], "source": "second"})
    golden.write("d.json", '{ "expect": "quarantined", "event": { "link": "@a", "link": "@b" } }')
    golden.write("e.json", missed(expect=["missed calls", "sales", "second only"], source="second"))
    assert golden.words(0) == ["golden: 5 events, 0 differences"]
    assert golden.words(0, events="golden//") == ["golden: 5 events, 0 differences"]
    assert golden.objects(0) == []


@pytest.mark.release
def test_a_difference_is_65_with_its_place_and_the_routes_that_are_missing_or_extra(golden):
    golden.write("good.json", missed(expect=["sales", "missed calls"]))
    golden.write("bad.json", '{\n  "expect": ["rest", "sales", "second only"],\n  "event": {"link": "@acme.sales-1",'
                 '\n "resolution": "missed"}}')
    message = 'expected "rest", "sales", "second only", got "missed calls", "sales"'
    assert golden.words(65) == [
        f"golden/bad.json:3:12: difference: event: {message}", f'    missing: "rest": {REST}',
        f'    missing: "second only": {SECOND}', '    extra: "missed calls"', "golden: 2 events, 1 difference"]
    assert golden.objects(65) == [{
        "file": "golden/bad.json", "line": 3, "column": 12, "severity": "difference", "path": "event",
        "message": message, "source": "gruveo", "expected": ["rest", "sales", "second only"],
        "actual": ["missed calls", "sales"], "missing": [
            {"name": "rest", "matches": False, "field": None, "reason": REST},
            {"name": "second only", "matches": False, "field": None, "reason": SECOND}],
        "extra": [{"name": "missed calls"}]}]


def test_no_route_and_quarantine_are_told_apart(golden):
    other, doubled = '{"link": "@other"}', '{"link": "@a",\n"link": "@b"}'
    for name, event, expect in [("1", other, '["rest"]'), ("2", other, '"quarantined"'), ("3", doubled, "[]"),
                                ("4", missed(expect=[]), None), ("5", doubled, '["sales"]'), ("6", '[1]', '[]')]:
        golden.write(f"{name}.json", event if expect is None else
                     f'{{"event": {event}, "expect": {expect}, "source": "second"}}')
    quarantined = 'quarantined: duplicate key "link" at 2:1'
    assert golden.words(65) == [
        'golden/1.json:1:11: difference: event: expected "rest", got no route', '    missing: "rest": '
        'it listens to gruveo only ("from"), and this event comes from second',
        "golden/2.json:1:11: difference: event: expected quarantined, got no route",
        f"golden/3.json:1:11: difference: event: expected no route, got {quarantined}",
        'golden/4.json:1:11: difference: event: expected no route, got "missed calls", "sales"',
        '    extra: "missed calls"', '    extra: "sales"',
        f'golden/5.json:1:11: difference: event: expected "sales", got {quarantined}', '    missing: "sales": '
        'the event is quarantined: duplicate key "link" at 2:1',
        "golden/6.json:1:11: difference: event: expected no route, got quarantined: the body is a list, "
        "not a JSON object",
        "golden: 6 events, 6 differences"]
    third = golden.objects(65)[2]
    assert (third["expected"], third["actual"], third["missing"], third["extra"]) == ([], "quarantined", [], [])
    assert third["quarantined"] == quarantined.removeprefix("quarantined: ")


def test_the_events_own_bytes_are_routed_and_not_a_copy_of_their_meaning(golden):
    deep = "[" * 64 + "]" * 64
    golden.write("deep.json", f'{{"event": {{"a": {deep}}}, "expect": "quarantined"}}')
    golden.write("bound.json", f'{{"event": {{"a": {deep[1:-1]}}}, "expect": ["rest"]}}')
    # The bound of the source is 5,000 bytes: from the brace to the brace, the space within counted, that around not.
    for name, size, code in [("fits", 5000, 0), ("too-large", 5001, 65)]:
        event = '{"link":' + " " * (size - 12) + '"@"}'
        assert len(event) == size
        for tail in (', "expect": ["rest"]}', '\t\n ,\n  "expect": ["rest"]}'):
            golden.write("size.json", '{ "event":  ' + event + tail)
            golden.words(code)
        golden.write("size.json", '{"expect": ["rest"], "event": ' + event + "  \n } \n")
        last = golden.words(code)
    assert last == [
        'golden/size.json:1:31: error: event: has 5001 bytes, and the source "gruveo" takes 5000, so it would be '
        "answered 413: make it smaller, or raise maxBody", "golden: 2 events, 0 differences, 1 error"]


def test_a_golden_event_never_grows_too_old(golden):
    assert ROUTES["sources"]["gruveo"]["maxAge"] == "1h"
    for name, timestamp in [("old", 1), ("now", int(time.time() * 1000)), ("far", 99999999999999)]:
        golden.write(f"{name}.json", {"event": {"timestamp": timestamp}, "expect": ["rest"]})
    assert golden.words(0) == ["golden: 3 events, 0 differences"]


BAD = {
    "01.json": (b"", ['1:1: error: the file is empty: write an object with "event" and "expect"']),
    "02.json": (b'{"event": {},\n "expect": [],}', ["2:14: error: a comma before the closing bracket: remove it"]),
    "03.json": (b"[]", ['1:1: error: must be one object with "event" and "expect", not a list']),
    "04.json": (b'{"evnet": {}, "expect": []}', ['1:2: error: unknown key "evnet", did you mean "event"?']),
    "05.json": (b'{"event": {}}', ['1:1: error: "expect" is missing: add "expect": [ "ROUTE" ], [] for an event that '
                                   'no route wants, or "quarantined"']),
    "06.json": (b'{"event": {},\n "expect": ["salse", 5, "sales", "sales"]}', [
        '2:13: error: expect[0]: unknown route "salse", did you mean "sales"?',
        "2:22: error: expect[1]: must be the name of a route, not a number",
        '2:34: error: expect[3]: "sales" is named twice: remove one']),
    "07.json": (b'{"event": {}, "expect": "sales"}', [
        '1:25: error: expect: must be a list of route names, or "quarantined": write ["sales"]']),
    "08.json": (b'{"event": {}, "expect": "quarantine"}', [
        '1:25: error: expect: must be a list of route names, or "quarantined", did you mean "quarantined"?']),
    "09.json": (b'{"event": {}, "expect": {}}', [
        '1:25: error: expect: must be a list of route names, or "quarantined", not an object']),
    "10.json": (b'{"source": "gruvoe", "event": {}, "expect": [], "description": 1}', [
        '1:12: error: source: unknown source "gruvoe", did you mean "gruveo"?',
        "1:64: error: description: must be a string, not a number"]),
    "11.json": (b'{"event": {}, "expect": [],\n "expect": []}', [
        '2:2: error: the key "expect" stands here twice: remove one']),
    "12.json": (b'{"event": {}, "expect": [], "x": 1}', [
        '1:29: error: unknown key "x": remove it; the keys here are event, expect, source, description']),
    "13.json": (b'{"event": {"a": "\xff"}, "expect": []}', ["1:18: error: not valid UTF-8: save the file as UTF-8"]),
    "14.json": (b"\xef\xbb\xbf{}", ["1:1: error: the file starts with a byte order mark: save it as UTF-8 without BOM"]),
    "15.json": (b"{}" + b" " * 1048575, ["1:1: error: larger than 1048576 bytes"]),
    "16.json": (b"[" * 200, ["1:129: error: nested deeper than 128 levels"]),
    "17.json": (b'{"event": {"a": "\\ud800"}, "expect": "quarantined"}', [
        "1:18: error: half of a surrogate pair in a \\u escape"]),
}


@pytest.mark.release
def test_all_bad_files_are_reported_and_the_good_one_among_them_runs(golden):
    for name, (content, _) in BAD.items():
        golden.write(name, content)
    golden.write("99.json", missed(expect=["sales", "missed calls"]))
    wanted = [f"golden/{name}:{line}" for name, (_, lines) in BAD.items() for line in lines]
    lines = golden.words(65)
    assert lines[:-1] == wanted
    assert lines[-1] == f"golden: 1 event, 0 differences, {len(wanted)} errors"
    assert ["{file}:{line}:{column}: {severity}: {path}{colon}{message}".format(colon=": " if one["path"] else "", **one)
            for one in golden.objects(65)] == wanted


def test_folders_are_walked_in_order_and_what_is_no_golden_file_is_left_alone(golden):
    wrong = {"event": {}, "expect": []}
    for name in ("b.json", "a/z.json", "a.json", "a/deeper/still/x.json", "Z.json"):
        golden.write(name, wrong)
    for name in (".hidden.json", ".git/x.json", "README.md", "b.json~", "x.JSON", "json"):
        golden.write(name, "no golden file")
    os.symlink("..", golden.folder / "a" / "up")
    assert [line.split(":")[0] for line in golden.words(65) if "difference: " in line] == [
        f"golden/{name}" for name in ("Z.json", "a.json", "a/deeper/still/x.json", "a/z.json", "b.json")]


def test_links_pipes_and_devices_hold_nothing_up(golden):
    golden.write("a.json", missed(expect=["sales", "missed calls"]))
    os.symlink("a.json", golden.folder / "b.json")
    os.symlink("nowhere", golden.folder / "c.json")
    os.mkfifo(golden.folder / "d.json")
    os.symlink("/dev/zero", golden.folder / "e.json")
    os.symlink("f.json", golden.folder / "f.json")
    os.symlink(".", golden.folder / "g.json")
    assert golden.words(65) == [
        "golden/c.json:1:1: error: No such file or directory", "golden/d.json:1:1: error: not a regular file",
        "golden/e.json:1:1: error: not a regular file",
        "golden/f.json:1:1: error: Too many levels of symbolic links", "golden/g.json:1:1: error: Is a directory",
        "golden: 2 events, 0 differences, 5 errors"]


@pytest.mark.release
def test_a_folder_that_is_not_there_or_empty_is_66(golden):
    assert golden.words(66) == ["gruveo-relay: golden/*.json: No such file or directory"]
    assert golden.words(66, events="nowhere") == ["gruveo-relay: nowhere: No such file or directory"]
    assert golden.words(66, events="routes.json") == ["gruveo-relay: routes.json: Not a directory"]
    done = golden.check(events="")
    assert (done.returncode, done.stdout) == (64, b"")


@pytest.mark.release
def test_errors_in_the_routes_file_come_first_and_run_no_event(golden):
    golden.write("a.json", missed(expect=[]))
    golden.write_routes({**ROUTES, "roots": []})
    done = golden.check()
    assert (done.returncode, done.stdout) == (78, b"")
    assert b"golden" not in done.stderr and b'unknown key "roots"' in done.stderr
    warned = json.loads(json.dumps(ROUTES))
    warned["routes"][0]["to"] = ["crm", "crm"]
    golden.write_routes(warned)
    assert golden.check("--strict").returncode == 78
    assert golden.check().returncode == 65


def test_a_text_that_could_move_the_cursor_is_printed_as_escapes(golden):
    golden.write("\x1b[31m.json", '{"event": {}, "expect": ["\\u001b[2J"]}')
    assert golden.words(65)[0] == 'golden/\\u{1b}[31m.json:1:26: error: expect[0]: unknown route "\\u{1b}[2J"'


@pytest.mark.alone
def test_thousands_of_files_are_quick(golden):
    for number in range(5000):
        golden.write(f"{number % 10}/{number}.json", missed(expect=["missed calls", "sales"], description=str(number)))
    start = time.monotonic()
    assert golden.words(0) == ["golden: 5000 events, 0 differences"]
    # A debug build on a busy machine; the release build takes a tenth.
    assert time.monotonic() - start < 15


@pytest.mark.alone
def test_a_file_made_to_be_slow_is_not(golden):
    names = ",".join(f'"{number}"' for number in range(30_000))
    golden.write("names.json", f'{{"event": {{}}, "expect": [{names}]}}')
    golden.write("keys.json", '{"event": {}, "expect": []' + ', "a": 0' * 30_000 + "}")
    golden.write("inner.json", '{"event": {"b": 0' + ', "a": 0' * 500 + '}, "expect": "quarantined"}')
    start = time.monotonic()
    done = golden.check()
    assert time.monotonic() - start < 15
    assert done.returncode == 65 and done.stderr.endswith(b"\ngolden: 1 event, 0 differences, 60000 errors\n")
