"""What check warns of: routes that are allowed and probably not meant. A warning stops nobody but --strict."""

import json
import subprocess

import pytest

from harness import BINARY, ROOT, SAMPLE, event_id

# Route, and what is said of it: column and path below `routes[N]`, and the message. Each stands on a line of its own.
ROUTES = [
    ('{ "match": { "user": { "email": [ { "anything-but": "bot@acme.com" } ] } }, "name": "people", "to": [ "crm" ] }',
     [(41, "match.user.email", 'an event without user.email does not match: add {"exists": false} to the list if it '
                               'should')]),
    ('{ "match": { "link": [ { "anything-but": "@a" }, { "anything-but": "@b" } ] }, "name": "b", "to": [ "crm" ] }',
     [(56, "match.link", 'two anything-buts in one list fit every value: write {"anything-but": ["@a", "@b"]}')]),
    ('{ "match": { "links": [ "@acme" ] }, "name": "c", "to": [ "crm" ] }',
     [(20, "match.links", 'Gruveo sends no "links", did you mean "link"?')]),
    ('{ "match": { "tracking": { "n": [ "1", { "numeric": [ ">", 5 ] } ] } }, "name": "d", "to": [ "crm" ] }',
     [(46, "match.tracking.n", 'tracking values are strings, so {"numeric":[">",5]} never fits: write values in '
                               'quotes, or {"prefix": "text"}')]),
    ('{ "match": { "link": [ "x", "y" ], "tracking.a": [ "b" ] }, "name": "e", "to": [ "crm" ] }', []),
    ('{ "match": { "tracking": { "a": [ "b" ] }, "link": [ "y", "x" ] }, "name": "f", "to": [ "crm" ] }',
     [(18, "match", 'the route "e" at {line}:18 has the same match: put all destinations into the "to" of one of '
                    'them')]),
    ('{ "match": { "resolution": [ "Missed" ] }, "name": "g", "to": [ "crm" ] }',
     [(18, "match", "this route can never match: no event of Gruveo fits resolution"),
      (36, "match.resolution", 'no call has the resolution "Missed", did you mean "missed"?')]),
    ('{ "match": { "user": [ { "exists": false } ] }, "name": "h", "to": [ "crm" ] }',
     [(30, "match.user", 'user holds fields and is no value, so this always fits: name "user.email" or "user.name"')]),
    ('{ "match": { "link": [ { "wildcard": "@acme" } ] }, "name": "i", "to": [ "crm" ] }',
     [(30, "match.link", 'this wildcard has no star, so it fits one value: write "@acme", or put a * where text may '
                         'stand')]),
]
HEAD = """\
{
  "sources": { "gruveo": { "path": "/webhooks/gruveo", "keys": [ { "env": "GRUVEO_KEY" } ] } },
  "destinations": { "crm": { "url": "https://crm.example.com/calls" } },
  "routes": [
"""
FIRST_LINE = HEAD.count("\n") + 1


def text(routes):
    return HEAD + ",\n".join("      " + route for route in routes) + "\n  ]\n}\n"


def expected():
    """All warnings as check --json prints them, without the file."""
    return [
        {"line": FIRST_LINE + number, "column": column, "severity": "warning", "path": f"routes[{number}].{path}",
         "message": message.replace("{line}", str(FIRST_LINE + number - 1))}
        for number, (_, warnings) in enumerate(ROUTES) for column, path, message in warnings]


@pytest.mark.release
def test_each_trap_is_a_warning_with_its_place_and_the_fix(make_relay):
    relay = make_relay(text(route for route, _ in ROUTES))
    done = relay.check()
    file = relay.routes_path
    lines = ["{line}:{column}: {severity}: {path}: {message}".format(**one) for one in expected()]
    assert (done.returncode, done.stdout) == (0, b"")
    assert done.stderr.decode().splitlines() == [
        *(f"{file}:{line}" for line in lines), f"{file}: 0 errors, {len(lines)} warnings"]
    strict = relay.check("--strict")
    assert (strict.returncode, strict.stderr) == (78, done.stderr)
    for arguments, status in ((["--json"], 0), (["--json", "--strict"], 78)):
        done = relay.check(*arguments)
        found = [json.loads(line) for line in done.stdout.splitlines()]
        assert (done.returncode, done.stderr) == (status, b"")
        assert found == [{"file": str(file), **one} for one in expected()]


def test_the_fix_that_a_warning_names_ends_it(make_relay):
    fixed = [
        '{ "match": { "user": { "email": [ { "anything-but": "bot@acme.com" }, { "exists": false } ] } }, '
        '"name": "people", "to": [ "crm" ] }',
        '{ "match": { "link": [ {"anything-but": ["@a", "@b"]} ] }, "name": "b", "to": [ "crm" ] }',
        '{ "match": { "link": [ "@acme" ] }, "name": "c", "to": [ "crm" ] }',
        '{ "match": { "tracking": { "n": [ "1", {"prefix": "text"} ] } }, "name": "d", "to": [ "crm" ] }',
        '{ "match": { "resolution": [ "missed" ] }, "name": "g", "to": [ "crm" ] }',
        '{ "match": { "user.email": [ { "exists": false } ] }, "name": "h", "to": [ "crm" ] }',
        '{ "match": { "link": [ { "wildcard": "@acme*" } ] }, "name": "i", "to": [ "crm" ] }',
    ]
    done = make_relay(text(fixed)).check("--strict")
    assert (done.returncode, done.stderr.decode().count("\n")) == (0, 1), done.stderr.decode()


def test_the_example_that_is_shipped_has_no_warning():
    done = subprocess.run([BINARY, "check", "--strict", "--json", str(ROOT / "routes.example.json")],
                          capture_output=True, timeout=30)
    findings = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0 and all(one["severity"] == "note" for one in findings)


def test_a_route_that_can_never_match_matches_nothing_in_explain(make_relay):
    relay = make_relay(text(route for route, _ in ROUTES))
    done = relay.command("explain", "--config", str(relay.routes_path), "--json", "-", input=SAMPLE)
    answer = json.loads(done.stdout)
    assert answer["id"] == event_id(SAMPLE)
    # "h" is the one that always fits.
    assert [route["name"] for route in answer["routes"] if route["matches"]] == ["people", "b", "h"]


def test_a_start_shows_the_first_warnings_and_check_shows_all(make_relay):
    count = 1234
    routes = (f'{{ "match": {{ "lnk": [ "{n}" ] }}, "name": "{n}", "to": [ "crm" ] }}' for n in range(count))
    relay = make_relay(text(routes)).start()
    shown = [line for line in relay.log().splitlines() if 'Gruveo sends no "lnk"' in line]
    assert len(shown) == 50
    assert f"{relay.routes_path}: warnings left out: {count - 50}; check shows all" in relay.log()
    assert f"{relay.routes_path}: 0 errors, {count} warnings" in relay.check().stderr.decode()
    done = relay.command("reload", "--state", str(relay.state), check=0)
    assert len(done.stderr.decode().splitlines()) == 52


def test_a_start_shows_no_control_characters_of_a_warning(make_relay):
    relay = make_relay(text(['{ "match": { "li\\u001b[2Jnk": [ "x" ] }, "name": "a", "to": [ "crm" ] }'])).start()
    assert "\x1b" not in relay.log()
    assert "routes[0].match.li\\u{1b}[2Jnk: " in relay.log()
