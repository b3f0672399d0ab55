"""explain: each route that does not match says why, to a person and to a script, and never otherwise than serve decides."""

import json

import pytest

from harness import SAMPLE, event_id, eventually, routes_to, sample

MISTAKES = {
    "wrong value": {"resolution": ["missed", "declined"]},
    "slip": {"resolution": ["anwsered"]},
    "case": {"resolution": ["Answered"]},
    "star": {"link": ["@acme.*"]},
    "part": {"link": ["acme.sales"]},
    "quotes": {"duration": ["183"]},
    "no quotes": {"tracking": {"customer_id": [14810]}},
    "numeric": {"tracking": {"customer_id": [{"numeric": [">", 100]}]}},
    "trap": {"tracking": {"campaign": [{"anything-but": "test"}]}},
    "key": {"Tracking.customer_id": ["14810"]},
    "elsewhere": {"customer_id": ["14810"]},
    "object": {"tracking": [{"exists": True}]},
    "elements": {"assignedUsers": {"name": ["John Smith"], "email": ["patty.jones@acme.com"]}},
    "present": {"user": {"email": [{"exists": False}]}},
    "long": {"user": {"name": ["a name of many words that goes on for longer than anybody would read " * 2]}},
    "or": {"$or": [{"resolution": ["missed"]}, {"resolution": ["answered"], "duration": [{"numeric": ["<", 10]}]}]},
}
# What each of them says, in part.
SENTENCES = {
    "wrong value": ("resolution", 'resolution is "answered", but the rule wants "missed" or "declined"'),
    "slip": ("resolution", 'did you mean "answered"?'),
    "case": ("resolution", 'write {"equals-ignore-case": "Answered"}'),
    "star": ("link", 'write {"wildcard": "@acme.*"}'),
    "part": ("link", 'write {"suffix": "acme.sales"} if that is enough'),
    "quotes": ("duration", "write 183 without quotes"),
    "no quotes": ("tracking.customer_id", 'tracking values are always strings; write "14810" with quotes'),
    "numeric": ("tracking.customer_id", "numeric looks at numbers only, and tracking values are always strings"),
    "trap": ("tracking.campaign", 'tracking.campaign is missing, but the rule wants {"anything-but":"test"}: anything-but '
             'wants a value that is there; add {"exists": false} to the list if that should match'),
    "key": ("Tracking.customer_id", "the event has tracking.customer_id, and upper and lower case differ"),
    "elsewhere": ("customer_id", "the event has tracking.customer_id"),
    "object": ("tracking", "name a field in it, such as tracking.customer_id"),
    "elements": ("assignedUsers.email", 'assignedUsers.email has the wanted "patty.jones@acme.com", but not in the element '
                 'of assignedUsers where assignedUsers.name has "John Smith": both must stand in one element'),
    "present": ("user.email", 'user.email is "john@acme.com", but the rule wants {"exists":false}'),
    "long": ("user.name", '"a name of many words that goes on for longer than "… (138 characters)'),
    "or": ("duration", "no branch of $or matches, and none gets further than branch 2 of 2: duration is 183, but"),
}


@pytest.fixture
def mistaken(make_relay, make_sink):
    routes = routes_to({"log": make_sink()})
    routes["sources"]["second"] = {**routes["sources"]["gruveo"], "path": "/second"}
    routes["routes"] = [{"name": name, "match": match, "to": ["log"]} for name, match in MISTAKES.items()] + [
        {"name": "second only", "match": {}, "to": ["log"], "from": ["second"]},
        {"name": "sales", "match": {"link": ["@acme.sales"]}, "to": ["log"]},
        {"name": "rest", "match": "otherwise", "to": ["log"]}]
    return make_relay(routes)


def explain(relay, *arguments, input=SAMPLE, check=0):
    return relay.command("explain", "--config", str(relay.routes_path), *arguments, "-", input=input, check=check).stdout


@pytest.mark.release
def test_each_mistake_has_its_field_and_its_fix(mistaken):
    printed = explain(mistaken, "--json")
    explained = json.loads(printed)
    assert list(explained) == ["id", "source", "routes", "requests"]
    routes = {route["name"]: route for route in explained["routes"]}
    assert list(routes) == [*MISTAKES, "second only", "sales", "rest"]
    for name, (field, part) in SENTENCES.items():
        route = routes[name]
        assert list(route) == ["name", "matches", "field", "reason", "found", "wanted"]
        assert (route["matches"], route["field"]) == (False, field)
        assert part in route["reason"], name
    assert (routes["wrong value"]["found"], routes["wrong value"]["wanted"]) == (["answered"], ["missed", "declined"])
    assert (routes["trap"]["found"], routes["trap"]["wanted"]) == ([], [{"anything-but": "test"}])
    assert routes["sales"] == {"name": "sales", "matches": True, "field": None, "reason": None}
    assert routes["second only"]["field"] is None and "listens to second only" in routes["second only"]["reason"]
    assert routes["rest"]["field"] is None and routes["rest"]["reason"].endswith('this one matches "sales"')


def test_a_person_reads_the_same_sentence_in_a_narrow_terminal(mistaken):
    lines = explain(mistaken).decode().splitlines()
    assert lines[0] == f"event {event_id(SAMPLE)} from gruveo"
    end = lines.index("  to log: POST " + next(line for line in lines if "to log" in line).split("POST ")[1])
    assert all(len(line) <= 100 for line in lines[:end])
    told = {}
    for line in lines[1:end]:
        if line.startswith("  route "):
            name = line.split('"')[1]
            told[name] = []
        else:
            assert line.startswith("    ")
            assert line.count('"') % 2 == 0, "a value in quotes stays on one line"
            told[name].append(line.strip())
    reasons = {route["name"]: route["reason"] for route in json.loads(explain(mistaken, "--json"))["routes"]}
    assert {name: " ".join(parts) or None for name, parts in told.items()} == reasons


def test_it_agrees_with_what_serve_does(make_relay, make_sink):
    sink = make_sink()
    names = [*MISTAKES, "second only", "sales", "rest"]
    routes = routes_to({f"d{number}": sink for number in range(len(names))})
    routes["sources"]["second"] = {**routes["sources"]["gruveo"], "path": "/second"}
    matches = [*MISTAKES.values(), {}, {"link": ["@acme.sales"]}, "otherwise"]
    routes["routes"] = [{"name": name, "match": match, "to": [f"d{number}"]}
                        for number, (name, match) in enumerate(zip(names, matches))]
    routes["routes"][-3]["from"] = ["second"]
    relay = make_relay(routes).start()
    events = [sample(number, **changes) for number, changes in enumerate([
        {}, {"resolution": "missed", "link": "@x"}, {"link": "@x", "customer_id": "14810"}, {"duration": "183"},
        {"user": None, "link": "@x"}, {"duration": 9, "link": "@x"}, {"link": ["@acme.sales", "acme.sales"]},
        {"assignedUsers": [{"name": "John Smith", "email": "patty.jones@acme.com"}]}, {"link": {"is": "@acme.sales"}}])]
    for path, source in (("/webhooks/gruveo", "gruveo"), ("/second", "second")):
        explained = [json.loads(line) for line in explain(
            relay, "--json", "--source", source, input=b"\n".join(events)).splitlines()]
        for event, one in zip(events, explained, strict=True):
            assert relay.post(event, path=path)[0] == 200
            expected = {f"/d{number}" for number, route in enumerate(one["routes"]) if route["matches"]}
            assert expected and all(bool(route["reason"]) != route["matches"] for route in one["routes"])
            assert got(sink, one["id"], len(expected)) == expected, one
    relay.settled()
    assert len(sink.requests) == relay.counts()["delivered"]


def got(sink, id, count):
    """The paths at which an event arrived, once so many have."""
    def paths():
        return {request["path"] for request in list(sink.requests) if request["headers"]["webhook-id"] == id}
    eventually(lambda: len(paths()) >= count, 10, f"{count} deliveries of {id}")
    return paths()


def test_a_quarantined_event_is_said_once_to_a_person_and_for_each_route_to_a_script(mistaken):
    doubled = b'{"a":1,"a":2}'
    lines = explain(mistaken, input=doubled, check=65).decode().splitlines()
    assert lines[1:] == ['  quarantined: duplicate key "a" at 1:8', "  nothing would be sent"]
    routes = json.loads(explain(mistaken, "--json", input=doubled, check=65))["routes"]
    assert {route["matches"] for route in routes} == {False}
    assert {route["reason"] for route in routes} == {'the event is quarantined: duplicate key "a" at 1:8'}


def test_what_an_event_holds_cannot_write_to_the_terminal(mistaken):
    event = sample(1, resolution="\u001b[2J\u202eanswered\u009b1m\u200b\nroute", link="x" * 3000)
    lines = explain(mistaken, input=event).decode()
    head = lines[:lines.index("  to log:")] if "  to log:" in lines else lines
    assert all(character.isprintable() or character == "\n" for character in head)
    assert '"\\u001b[2J\\u202eanswered\\u009b1m\\u200b\\nroute"' in head
    assert "… (3000 characters)" in head and "x" * 100 not in head


def test_its_help_tells_of_the_reasons(mistaken):
    help_text = " ".join(mistaken.command("explain", "--help", check=0).stdout.decode().split())
    assert "the first field that fails: what the event has there, what the rule wants" in help_text
