"""Presets end to end: the built binary against local fakes of the thirteen services. Nothing contacts the real ones."""

import json
import re
import unicodedata
from random import Random

import pytest

from harness import ROOT, event_id, eventually, routes_to, sample
from service_fakes import CREDENTIALS, SERVICES, TOKEN

FOLDER = ROOT / "Sources/GruveoRelay/Presets"
FILES = {path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))}
CHATS = ["slack", "discord", "teams", "mattermost", "googlechat", "telegram"]
PEOPLE = {"tracking": {"customer_id": "14810", "person": "77"}}


class Fakes:
    """A relay with one destination a preset, each at a fake of its service on loopback."""

    def __init__(self, make_relay, make_sink, presets=None):
        self.mode = dict.fromkeys(SERVICES, "success")
        self.faults = []
        self.sinks = {name: make_sink(self.answers(name)) for name in SERVICES}
        routes = routes_to({})
        for name, service in SERVICES.items():
            routes["destinations"][name] = {
                "preset": name, "url": self.sinks[name].url + service.path, "allowPrivate": ["127.0.0.0/8"],
                "retry": {"schedule": ["1s"] * 20}, **service.keys}
        routes["routes"] = [{"name": "all", "match": {}, "to": list(SERVICES)}]
        self.relay = make_relay(routes)
        self.write("credentials", CREDENTIALS)
        self.write("presets", {f"{name}.json": text for name, text in (presets or {}).items()})

    def write(self, folder, files):
        (self.relay.directory / folder).mkdir()
        for name, text in files.items():
            (self.relay.directory / folder / name).write_text(text)
            (self.relay.directory / folder / name).chmod(0o600)

    def answers(self, name):
        service = SERVICES[name]

        def answer(request):
            self.faults += [f"{name}: {fault}" for fault in self.complaints(name, request)]
            if self.mode[name] == "limited":
                self.mode[name] = "success"
                return service.limited
            return getattr(service, self.mode[name])
        return answer

    def complaints(self, name, request):
        """What the service would say of a request; nothing where all is well."""
        service = SERVICES[name]
        path = service.path.replace("${id}", request["headers"]["webhook-id"])
        query = service.query.replace("{id}", request["headers"]["webhook-id"])
        path += ("&" if "?" in path else "?") + query if query else ""
        if (request["method"], request["path"]) != (service.method, path):
            yield f"{request['method']} {request['path']} is not {service.method} {path}"
        if not request["headers"]["Content-Type"].startswith("application/json"):
            yield "no JSON"
        if service.header and request["headers"].get(service.header[0]) != service.header[1]:
            yield f"no {service.header[0]}"
        yield from service.faults(json.loads(request["body"]))

    def all(self, mode):
        self.mode = dict.fromkeys(SERVICES, mode)

    def bodies(self):
        return {name: json.loads(sink.requests[-1]["body"]) for name, sink in self.sinks.items()}


@pytest.fixture
def fakes(make_relay, make_sink):
    return Fakes(make_relay, make_sink)


def strings(value):
    """All texts in a value."""
    if isinstance(value, str):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from strings(inner)


# MARK: the files


def test_there_are_the_thirteen_and_each_has_a_fake():
    assert sorted(FILES) == sorted(SERVICES) == [
        "discord", "googlechat", "hubspot-call", "make", "mattermost", "n8n", "pipedrive-activity", "salesforce-task",
        "slack", "teams", "telegram", "zapier", "zoho-call"]
    for name in CHATS:
        assert FILES[name]["destination"]["ordered"] is True, name


def test_the_program_has_all_of_them_in_it(make_relay):
    routes = routes_to({})
    routes["destinations"]["one"] = {"preset": "slakc", "url": "https://a.example/"}
    done = make_relay(routes).check()
    assert done.returncode == 78
    schema = json.loads((ROOT / "Sources/GruveoRelay/routes.schema.json").read_text())
    described = schema["definitions"]["destination"]["properties"]["preset"]["description"]
    assert set(re.findall(r"[a-z0-9-]+", described.partition(": ")[2])) >= set(FILES)
    listed = f'unknown preset "slakc", did you mean "slack"? (there are {", ".join(sorted(FILES))})'
    assert listed in done.stderr.decode()


def test_check_takes_each_of_them_and_notes_those_that_are_experimental(fakes):
    done = fakes.relay.check("--json")
    findings = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0 and {one["severity"] for one in findings} == {"note"}, done.stdout
    noted = {one["path"].split(".")[1] for one in findings if "is experimental" in one["message"]}
    assert noted == {name for name, file in FILES.items() if file.get("experimental")} >= {"make", "zapier"}


# MARK: the services' answers


@pytest.mark.release
def test_each_service_takes_its_request_of_each_resolution(fakes):
    fakes.relay.start()
    seen = {name: set() for name in SERVICES}
    for number, resolution in enumerate(("missed", "declined", "answered")):
        changes = {} if resolution == "answered" else {"duration": 0, "maxParticipants": 1}
        if resolution == "missed":
            changes["user"] = None
        assert fakes.relay.post(sample(number, resolution=resolution, **changes, **PEOPLE))[0] == 200
        fakes.relay.settled(delivered=13 * (number + 1))
        assert fakes.faults == []
        for name, body in fakes.bodies().items():
            seen[name].add(" ".join(strings(body)))
    for name, sink in fakes.sinks.items():
        assert len(sink.requests) == 3, f"{name} is sent nothing twice"
        assert len(seen[name]) == 3, f"the resolutions look different in {name}"


def test_a_429_is_waited_for_in_the_way_of_each_service(fakes):
    limits_are_waited_for(fakes)


def limits_are_waited_for(fakes):
    fakes.all("limited")
    fakes.relay.start()
    fakes.relay.post(sample(1, **PEOPLE))
    fakes.relay.settled(30, delivered=13, dead=0)
    for name, sink in fakes.sinks.items():
        first, second = (request["at"] for request in sink.requests)
        # A 429 that says nothing is given 5 s.
        assert SERVICES[name].wait - 0.1 <= second - first < SERVICES[name].wait + 1.9, (name, second - first)
    assert fakes.faults == []


def test_a_revoked_hook_is_held_and_keeps_everything(fakes):
    fakes.all("revoked")
    fakes.relay.start()
    for mark in range(3):
        fakes.relay.post(sample(mark, waitingTime=mark, **PEOPLE))
    eventually(lambda: set(re.findall(r"destination held.*destination=(\S+)", fakes.relay.log())) == set(SERVICES), 30,
               "all are held")
    counts = fakes.relay.counts()
    assert (counts["pending"], counts["delivered"], counts["dead"]) == (39, 0, 0)
    assert TOKEN not in fakes.relay.log()


def test_a_rejected_body_is_dead_at_once_and_the_letter_says_why(fakes):
    fakes.all("rejected")
    fakes.relay.start()
    fakes.relay.post(sample(1, **PEOPLE))
    fakes.relay.settled(30, dead=13)
    for path in fakes.relay.dead_letters():
        letter = json.loads(path.read_text())
        [attempt] = letter["attempts"]
        assert attempt["response"] == SERVICES[letter["destination"]].rejected[2].decode(), letter["destination"]
        assert TOKEN not in path.read_text()


ODDITIES = {
    "slack: a 200 that is not ok": ("slack", (200, {}, b"invalid_token"), "retry"),
    "discord: a 200 without a message": ("discord", (200, {}, b"{}"), "retry"),
    "googlechat: a 200 without a message": ("googlechat", (200, {}, b"{}"), "retry"),
    "mattermost: a 200 of a proxy": ("mattermost", (200, {}, b"<html>login</html>"), "retry"),
    "telegram: a 200 that is not ok": ("telegram", (200, {}, b'{"ok": false}'), "retry"),
    "telegram: the group has become another chat": (
        "telegram", (400, {}, b'{"ok": false, "parameters": {"migrate_to_chat_id": -1002}}'), "held"),
    "telegram: no such chat": ("telegram", (400, {}, b'{"ok": false, "description": "Bad Request: chat not found"}'), "held"),
    "hubspot: locked": ("hubspot-call", (423, {}, b""), "retry"),
    "hubspot: migrating": ("hubspot-call", (477, {}, b""), "retry"),
    "salesforce: the day's calls are used up": (
        "salesforce-task", (403, {}, b'[{"errorCode": "REQUEST_LIMIT_EXCEEDED"}]'), "retry"),
    "salesforce: no right": ("salesforce-task", (403, {}, b'[{"errorCode": "INSUFFICIENT_ACCESS"}]'), "held"),
    "salesforce: several have the id": ("salesforce-task", (300, {}, b"[]"), "dead"),
    "pipedrive: a limit of the plan": ("pipedrive-activity", (403, {}, b'{"error_code": "feature_capping_deals"}'), "held"),
    "zoho: no right": ("zoho-call", (401, {}, b'{"code": "INVALID_TOKEN"}'), "held"),
    "zapier: a 400": ("zapier", (400, {}, b""), "retry"),
    "zapier: a 200 of something else": ("zapier", (200, {}, b"hello"), "retry"),
    "make: the queue is full": ("make", (400, {}, b"Queue is full."), "retry"),
    "make: an answer of the scenario's own": ("make", (200, {}, b'{"mine": 1}'), "delivered"),
    "n8n: not registered": (
        "n8n", (404, {}, b'{"code":404,"message":"The requested webhook \\"POST x\\" is not registered."}'), "retry"),
    "n8n: another 404": ("n8n", (404, {}, b"<html>nginx</html>"), "held"),
}


def test_what_each_service_says_otherwise_is_understood(make_relay, make_sink):
    routes, events = routes_to({}), {}
    for number, (what, (name, answer, _)) in enumerate(ODDITIES.items()):
        service = SERVICES[name]
        routes["destinations"][f"d{number}"] = {
            "preset": name, "url": make_sink(lambda request, answer=answer: answer).url + service.path,
            "allowPrivate": ["127.0.0.0/8"], **service.keys}
    routes["routes"] = [{"name": "all", "match": {}, "to": list(routes["destinations"])}]
    relay = make_relay(routes)
    (relay.directory / "credentials").mkdir()
    for name, text in CREDENTIALS.items():
        (relay.directory / "credentials" / name).write_text(text)
    relay.start()
    relay.post(sample(1, **PEOPLE))
    for number, (what, (_, _, outcome)) in enumerate(ODDITIES.items()):
        pattern = rf"destination=d{number} .*outcome={outcome}\b|outcome={outcome} .*destination=d{number}\b"
        eventually(lambda: re.search(pattern, relay.log()) or outcome == "delivered" and relay.counts()["delivered"] == 1,
                   10, f"{what} is {outcome}: {relay.log()[-300:]}")


# MARK: text that tries to break out


HOSTILE = {
    "mentions": "<!channel> <!here> <@U1> @everyone @here @channel @all <users/all> <@&1> <#C1>",
    "markup": "*b* _i_ ~s~ `c` ```x``` **B** [l](https://evil.example) <https://evil.example|l> # h > q - l | t",
    "html": "<b>x</b></code><script>alert(1)</script> &lt;!channel&gt; &amp; \" ' {{DATE(2020-01-01T00:00:00Z)}}",
    "json": '", "text": "owned", "x": "\\" } ] } ${id} {"$eval": "id"}',
    "lines": "a\r\nb\nc\u2028d\u2029e\x85f\x0b\x0c\tg",
    "invisible": "\u202eevil\u202c \u2066x\u2069 \u200b\ufeff \x00\x07\x1b[2J\x9b1m\u200e",
    "long": "n" * 65_536, "wide": "👩‍💻" * 2_000, "escaped": "&<>\"'*_~`|\\@" * 3_000, "combining": "e\u0301" * 8_000,
    "empty": "", "space": "   ",
}


def hostile(text):
    # What is long stands three times, so that the event stays below the largest body.
    person = {"name": text, "email": text[:1000]}
    short = {"customer_id": text[:1000], "person": "77"}
    return sample(0, link=text, location=text, user=person, assignedUsers=[{"name": text[:1000]}] * 3, tracking=short)


@pytest.mark.release
@pytest.mark.parametrize("what", list(HOSTILE))
def test_hostile_text_arrives_as_harmless_text(fakes, what):
    hostile_text_is_harmless(fakes, what)


def hostile_text_is_harmless(fakes, what):
    fakes.relay.start()
    assert fakes.relay.post(hostile(HOSTILE[what]))[0] == 200
    counts = fakes.relay.settled(30)
    assert (counts["delivered"], counts["dead"]) == (13, 0), fakes.relay.log()[-2000:]
    assert fakes.faults == [], "each service's limits are kept"
    for name, body in fakes.bodies().items():
        if name not in ("zapier", "make", "n8n"):
            for text in strings(body):
                assert_plain(text)
    assert_no_markup(fakes.bodies())


def assert_plain(text):
    """No control character but our own line break, and nothing that turns the direction of text."""
    for character in text.replace("\n", "", 1):
        assert unicodedata.category(character) not in ("Cc", "Zl", "Zp"), repr(text[:200])
        assert unicodedata.bidirectional(character) not in ("RLO", "LRO", "RLE", "LRE", "PDF", "RLI", "LRI", "FSI", "PDI")


def assert_no_markup(bodies):
    slack = " ".join(strings(bodies["slack"]))
    assert not re.search(r"<(?!!date\^\d+\^)", slack), "only our own date is a command"
    assert bodies["discord"]["allowed_mentions"] == {"parse": []}
    for text in strings(bodies["discord"]["embeds"]):
        assert not re.search(r"(?<!\\)(?:\\\\)*[*_~`\[\]<>|]", text), text[:300]
    card = bodies["teams"]["attachments"][0]["content"]
    for block in card["body"]:
        if block["type"] == "TextBlock":
            assert "evil" not in block["text"] and "nnn" not in block["text"], "what people typed is in plain runs only"
    assert "entities" not in card["msteams"]
    head, _, place = bodies["mattermost"]["text"].partition(" on ")
    assert re.fullmatch(r"`[^`]*`", place)
    for text in strings(bodies["mattermost"]["attachments"]):
        assert not re.search(r"@(?!\u2060)", text) and not re.search(r"(?<!\\)(?:\\\\)*[*_~`\[\]<>|]", text)
    assert "<" not in bodies["googlechat"]["text"]
    assert re.fullmatch(r"<b>[^<>]*</b> on <code>[^<>]*</code>\n[^<>]*", bodies["telegram"]["text"])
    assert not re.search(r"@(?!\u2060)", bodies["telegram"]["text"].partition("</code>")[2])
    assert "<" not in bodies["hubspot-call"]["properties"]["hs_call_body"]
    assert "<" not in bodies["pipedrive-activity"]["note"]


def test_what_automations_get_is_the_event_as_it_came_and_a_summary(fakes):
    fakes.relay.start()
    body = sample(1, big=0, **PEOPLE).replace(b'"big": 0', b'"big": 12345678901234567890.10')
    fakes.relay.post(body)
    fakes.relay.settled(delivered=13)
    for name in ("zapier", "make", "n8n"):
        raw = fakes.sinks[name].requests[0]["body"]
        sent = json.loads(raw)
        assert b'"big":12345678901234567890.10' in raw, "numbers keep their text"
        for added in ("id", "receivedAt", "startedAt", "summary"):
            assert isinstance(sent.pop(added), str)
        assert sent == json.loads(body)


def test_a_relay_of_the_same_event_to_google_has_the_same_request_id(fakes):
    fakes.mode["googlechat"] = "limited"
    fakes.relay.start()
    body = sample(1, **PEOPLE)
    fakes.relay.post(body)
    fakes.relay.settled(30, delivered=13)
    paths = {request["path"] for request in fakes.sinks["googlechat"].requests}
    assert len(fakes.sinks["googlechat"].requests) == 2 and len(paths) == 1
    assert paths.pop().endswith(f"&requestId={event_id(body)}")


def random_event(random):
    """Fields of the documented kinds, each of which may be missing, null, empty or at its ends."""
    def text():
        return random.choice(["", " ", "John Smith", "a" * 300, *HOSTILE.values()][:8])

    def person():
        return {key: value for key, value in (("name", text()), ("email", text())) if random.random() < 0.7}

    fields = {
        "timestamp": random.choice([0, 1, 1598615831871, 1598615831871.5, 4102444800000]),
        "duration": random.choice([0, 1, 59, 183, 86399, 100000, 0.5]), "waitingTime": random.choice([0, 5, 3600, 1.25]),
        "link": text(), "location": text(), "resolution": random.choice(["missed", "declined", "answered", "", "new"]),
        "user": person(), "assignedUsers": [person() for _ in range(random.randrange(4))],
        "tracking": {key: value for key, value in (("customer_id", text()), ("person", random.choice(["77", "abc", "1e400", "7.5"]))) if random.random() < 0.7},
        "maxParticipants": 2, "account": person(), "origin": text(), "with": text(), "facts": 1, "look": None, "line": 5}
    return {key: random.choice([value] * 9 + [None]) for key, value in fields.items() if random.random() < 0.85}


def test_no_event_of_the_documented_kinds_fails_or_is_refused(fakes):
    random = Random(20201124)
    events = [random_event(random) for _ in range(300)]
    lines = "\n".join(json.dumps(event) for event in events).encode()
    printed = fakes.relay.command("explain", "--config", str(fakes.relay.routes_path), "--json", "-", input=lines).stdout
    explained = [json.loads(line) for line in printed.splitlines()]
    assert len(explained) == 300
    for event, one in zip(events, explained):
        failed = [request["error"] for request in one["requests"] if "error" in request]
        assert failed == [], event
        bodies = {request["destination"]: json.loads(request["body"]) for request in one["requests"]}
        assert len(bodies) == 13
        for name, body in bodies.items():
            assert SERVICES[name].faults(body) == [], (name, event, body)
        assert_no_markup(bodies)


def test_a_person_that_is_no_number_is_left_out(fakes):
    for person, written in (("77", b'"person_id":77,'), ("abc", None), ("1e400", None), ("", None)):
        event = sample(0, tracking={"person": person})
        printed = fakes.relay.command("explain", "--config", str(fakes.relay.routes_path), "--json", "-", input=event).stdout
        [body] = [one["body"].encode() for one in json.loads(printed)["requests"] if one["destination"] == "pipedrive-activity"]
        assert (b"participants" in body) == (written is not None) and (written or b"") in body, body


def test_long_texts_without_anything_to_see_are_no_dead_letters(fakes):
    for blank in (" ", "\t\u00a0", "\u202e"):
        text = blank * (60_000 // len(blank.encode()))
        event = sample(0, link=text, location=text, user={"name": text, "email": text}, tracking={"customer_id": text},
                       assignedUsers=[{"name": text, "email": text}])
        printed = fakes.relay.command("explain", "--config", str(fakes.relay.routes_path), "--json", "-", input=event).stdout
        requests = json.loads(printed)["requests"]
        assert len(requests) == 13 and [one["error"] for one in requests if "error" in one] == []


def test_a_call_of_many_hours_keeps_them(fakes):
    event = sample(0, duration=90_065, resolution="answered")
    printed = fakes.relay.command("explain", "--config", str(fakes.relay.routes_path), "--json", "-", input=event).stdout
    bodies = {request["destination"]: json.loads(request["body"]) for request in json.loads(printed)["requests"]}
    assert bodies["zoho-call"]["data"][0]["Call_Duration"] == "1501:05"
    assert bodies["pipedrive-activity"]["duration"] == "25:01"


STRANGE = ["x", "", " ", "yesterday", True, False, 0, -1, -0.5, 5, 1e15, 1e300, [], ["x"], [None], [[]], [{}], {},
           {"name": {}, "email": []}, {"name": 5}, {"customer_id": [1], "person": {}}, {"customer_id": 7}, [{"name": ["x"]}, 5]]


def test_a_field_of_another_kind_than_documented_costs_no_preset_the_event(fakes):
    random = Random(20260101)
    fields = list(json.loads(sample(0)))
    events = [json.loads(sample(0, **{field: strange})) for field in fields for strange in STRANGE]
    for _ in range(200):
        events.append({field: random.choice([*STRANGE, json.loads(sample(0))[field]]) for field in fields})
    lines = "\n".join(json.dumps(event) for event in events).encode()
    printed = fakes.relay.command("explain", "--config", str(fakes.relay.routes_path), "--json", "-", input=lines).stdout
    explained = [json.loads(line) for line in printed.splitlines()]
    assert len(explained) == len(events) == len(fields) * len(STRANGE) + 200
    for event, one in zip(events, explained):
        assert [request["error"] for request in one["requests"] if "error" in request] == [], event
        bodies = {request["destination"]: json.loads(request["body"]) for request in one["requests"]}
        for name, body in bodies.items():
            assert SERVICES[name].faults(body) == [], (name, event, body)
        assert {key: bodies["n8n"][key] for key in event} == event, "an automation gets it as it came"


# MARK: the tests themselves


HARMLESS, WAITED = hostile_text_is_harmless, limits_are_waited_for
# What is taken out of a preset, and the test that has to notice it.
LOSSES = {
    "slack does not escape the link": (
        "slack", "${mrkdwn(default(line(link, 100), 'an unknown link'))}",
        "${default(line(link, 100), 'an unknown link')}", HARMLESS, "mentions"),
    "slack does not escape the rest": ("slack", "${mrkdwn(join(facts, ' · '))}", "${join(facts, ' · ')}", HARMLESS, "mentions"),
    "slack keeps what turns text": (
        "slack", "${mrkdwn(default(line(link, 100), 'an unknown link'))}", "${mrkdwn(link)}", HARMLESS, "invisible"),
    "slack keeps line ends": ("slack", '"$eval": "line(location, 100)"', '"$eval": "location"', HARMLESS, "lines"),
    "slack cuts nothing": ("slack", '"$eval": "line(location, 100)"', '"$eval": "location"', HARMLESS, "long"),
    "discord does not escape": ("discord", "${markdown(place)}", "${place}", HARMLESS, "markup"),
    "discord allows mentions": ("discord", '{ "parse": [] }', '{ "parse": [ "users" ] }', HARMLESS, "mentions"),
    "discord cuts nothing": ("discord", "${default(line(link, 100), 'an unknown link')}", "${link}", HARMLESS, "long"),
    "discord does not ask for the message": ("discord", '"wait": "true"', '"wait": "false"', HARMLESS, "empty"),
    "discord does not read the wait": ("discord", '"retryAfter": "json.retry_after"', '"timeout": "15s"', WAITED),
    "teams reads markdown": ("teams", '"text": "${look.word}"', '"text": "${look.word} ${place}"', HARMLESS, "markup"),
    "teams cuts nothing": ("teams", "${default(line(link, 100), 'an unknown link')}", "${link}", HARMLESS, "long"),
    "mattermost mentions": ("mattermost", r"join(split(join(facts, ' · '), '@'), '@\u2060')", "join(facts, ' · ')", HARMLESS, "mentions"),
    "mattermost's link ends its quotes": ("mattermost", r"""${join(split(place, '`'), \"'\")}""", "${place}", HARMLESS, "markup"),
    "googlechat takes commands": ("googlechat", "join(split(join(facts, ' · '), '<'), '‹')", "join(facts, ' · ')", HARMLESS, "mentions"),
    "googlechat counts characters": ("googlechat", "from ${line(location, 100)}", "from ${line(location, 2000)}", HARMLESS, "wide"),
    "googlechat has no request id": ("googlechat", '"requestId": "${id}"', '"requestId": "1"', HARMLESS, "empty"),
    "telegram does not escape": ("telegram", "<code>${html(place)}</code>", "<code>${place}</code>", HARMLESS, "html"),
    "telegram does not read the wait": (
        "telegram", '"retryAfter": "json.parameters.retry_after"', '"timeout": "15s"', WAITED),
    "salesforce's subject is too long": (
        "salesforce-task", "${default(line(link, 100), 'an unknown link')}", "${link}", HARMLESS, "long"),
}


@pytest.mark.parametrize("loss", list(LOSSES))
def test_what_a_preset_loses_is_noticed(make_relay, make_sink, loss):
    name, old, new, test, *arguments = LOSSES[loss]
    text = (FOLDER / f"{name}.json").read_text()
    assert old in text
    fakes = Fakes(make_relay, make_sink, {name: text.replace(old, new)})
    with pytest.raises(AssertionError):
        test(fakes, *arguments)
    assert fakes.sinks[name].requests, "the preset is one that works otherwise"
