"""docs/destinations.md: every example is run as it stands there, and what it says of presets is so."""

import json
import re
import shlex

import pytest

from harness import ROOT, SAMPLE, routes_to, sample
from service_fakes import SERVICES, as_json

PAGE = (ROOT / "docs/destinations.md").read_text()
BLOCKS = re.findall(r"```json\n(.*?)```", PAGE, re.S)
EXAMPLES = [json.loads("{" + block + "}") for block in BLOCKS if not block.startswith("{")]
[OWN] = [json.loads(block) for block in BLOCKS if block.startswith("{")]
TRACKING = {"customer_id": "14810", **dict.fromkeys(("hubspot", "salesforce", "person", "zoho"), "77")}


def name_and_destination(example):
    [(name, destination)] = example.items()
    return name, destination


def test_each_service_has_a_section_with_an_example():
    assert [name_and_destination(example)[1]["preset"] for example in EXAMPLES] == [
        "slack", "discord", "teams", "mattermost", "googlechat", "telegram", "hubspot-call", "salesforce-task",
        "pipedrive-activity", "zoho-call", "zapier", "make", "n8n"]
    for section in PAGE.split("\n## ")[1:14]:
        assert re.search(r"\bHeld:\s", section) and re.search(r"\bDead:\s", section), section.split("\n")[0]
    listed = re.findall(r"\[`([a-z0-9-]+)`\]\(#([a-z0-9-]+)\)", PAGE)
    headings = [re.sub(r"[^a-z0-9]+", "-", heading.lower()) for heading in re.findall(r"^## (.+)$", PAGE, re.M)]
    assert sorted(name for name, _ in listed) == sorted(SERVICES)
    assert {anchor for _, anchor in listed} == set(headings[:13])


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: name_and_destination(example)[1]["preset"])
def test_an_example_works_as_it_stands_there(make_relay, make_sink, example):
    name, destination = name_and_destination(example)
    routes = routes_to({})
    routes["destinations"] = {name: destination}
    routes["routes"] = [{"name": "all", "match": {}, "to": [name]}]
    relay = make_relay(routes)
    findings = [json.loads(line) for line in relay.check("--json").stdout.splitlines()]
    wrong = [one["message"] for one in findings if one["severity"] != "note"]
    assert wrong == []

    # The same at a fake of the service, where its URL and its token lead on this machine.
    service = SERVICES[destination["preset"]]
    sink = make_sink(lambda request: service.success)
    url = destination.get("url", {})
    credentials = {}
    if isinstance(url, dict) and url:
        credentials = {url["credential"]: sink.url + service.path}
    else:
        assert destination.get("url", service.path).endswith(service.path), "the page has the service's path"
        destination = {**destination, "url": sink.url + service.path}
    shown = None
    if "oauth2" in destination.get("auth", {}):
        tokens = make_sink(lambda request: as_json(200, {"access_token": "a-fresh-token", "expires_in": 3600}))
        oauth2 = {**destination["auth"]["oauth2"], "tokenUrl": f"{tokens.url}/token"}
        destination = {**destination, "auth": {"oauth2": oauth2}}
        shown = f"{oauth2.get('scheme', 'Bearer')} a-fresh-token"
    routes["destinations"][name] = {**destination, "allowPrivate": ["127.0.0.0/8"]}
    relay.write_routes(routes)
    folder = relay.directory / "credentials"
    folder.mkdir()
    others = set(re.findall(r'"credential": "([^"]+)"', json.dumps(destination))) | {"hubspot-token", "pipedrive-token"}
    for credential, text in {**dict.fromkeys(others, "a-secret-of-the-tests"), **credentials}.items():
        (folder / credential).write_text(text)
    relay.start()
    relay.post(sample(1, tracking=TRACKING))
    relay.settled(delivered=1)
    [request] = sink.requests
    assert service.faults(json.loads(request["body"])) == []
    assert shown in (None, request["headers"].get("Authorization"))


def test_add_writes_the_lines_of_the_page(make_relay, make_sink):
    command = re.search(r"`gruveo-relay (add [^`]+)`", PAGE)[1]
    routes = routes_to({"log": make_sink()})
    routes["routes"][0]["name"] = "missed sales calls"
    relay = make_relay(routes)
    relay.command(*shlex.split(command), "--url-credential", "slack-url", "--config", str(relay.routes_path), check=0)
    written = json.loads(relay.routes_path.read_text())
    assert {"sales-chat": written["destinations"]["sales-chat"]} == EXAMPLES[0]
    assert written["routes"][0]["to"] == ["log", "sales-chat"]


def with_own(make_relay, **destination):
    routes = routes_to({})
    routes["destinations"]["own"] = {"preset": "helpdesk", **destination}
    routes["routes"] = [{"name": "all", "match": {}, "to": ["own"]}]
    relay = make_relay(routes)
    (relay.directory / "presets").mkdir()
    (relay.directory / "presets/helpdesk.json").write_text(json.dumps(OWN))
    return relay


def test_the_preset_of_ones_own_works_as_it_stands_there(make_relay):
    relay = with_own(make_relay, **{"with": {"team": "sales", "zone": "Europe/Athens"}})
    explained = json.loads(relay.command(
        "explain", "--config", str(relay.routes_path), "--json", "-", input=SAMPLE, check=0).stdout)
    [request] = explained["requests"]
    assert json.loads(request["body"]) == {
        "team": "sales", "subject": "Answered call on @acme.sales", "at": "2020-08-28 14:57"}
    assert (request["url"], request["headers"]["X-Api-Key"]) == ("https://helpdesk.example.com/…", "<redacted>")
    assert [one for one in relay.check().stderr.decode().splitlines() if ": error: " in one or ": warning: " in one] == []


def test_what_a_preset_asks_for_is_said(make_relay):
    done = with_own(make_relay).check()
    assert done.returncode == 78
    assert (b'the preset "helpdesk" needs "team": add "with": { "team": "sales" }. The team that gets the ticket.'
            in done.stderr)


@pytest.mark.parametrize("url, preset, expected", [
    ("https://hooks.slack.com/services/T/B/x", None, ("note", 'this is a URL of Slack, for which there is "preset": "slack"')),
    ("https://discord.com/api/webhooks/1/x", None, ("note", "this is a URL of Discord")),
    ("https://prod-1.westeurope.logic.azure.com:443/workflows/x/triggers/manual/paths/invoke?sig=x", None,
     ("note", "this is a URL of Microsoft Teams")),
    ("https://chat.googleapis.com/v1/spaces/A/messages?key=k&token=t", None, ("note", "this is a URL of Google Chat")),
    ("https://api.telegram.org/bot1:x/sendMessage", None, ("note", "this is a URL of Telegram")),
    ("https://hooks.zapier.com/hooks/catch/1/x/", None, ("note", "this is a URL of Zapier")),
    ("https://hook.eu2.make.com/x", None, ("note", "this is a URL of Make")),
    ("https://a.app.n8n.cloud/webhook/x", None, ("note", "this is a URL of n8n")),
    ("https://api.hubapi.com/crm/v3/objects/calls", None, ("note", "this is a URL of HubSpot")),
    ("https://api.pipedrive.com/api/v2/activities", None, ("note", "this is a URL of Pipedrive")),
    ("https://a.my.salesforce.com/services/data/v68.0/sobjects/Task", None, ("note", "this is a URL of Salesforce")),
    ("https://www.zohoapis.eu/crm/v8/Calls", None, ("note", "this is a URL of Zoho CRM")),
    ("https://acme.webhook.office.com/webhookb2/x", None, ("warning", "Microsoft has retired these connectors")),
    ("https://acme.webhook.office.com/webhookb2/x", "teams", ("warning", "Microsoft has retired these connectors")),
    ("https://n8n.example.com/webhook-test/x", "n8n", ("warning", "use the production URL with /webhook/")),
    ("https://hooks.slack.com/services/T/B/x", "discord", ("warning", 'a URL of Slack, for which there is "preset": "slack", not "discord"')),
    ("https://hooks.slack.com/services/T/B/x", "slack", None), ("https://crm.example.com/hooks.slack.com/services/x", None, None),
    ("https://n8n.example.com/webhook/x", "n8n", None),
])
def test_check_knows_whose_a_url_is_also_where_it_is_a_secret(make_relay, url, preset, expected):
    for given in (url, {"env": "URL"}):
        routes = routes_to({})
        routes["destinations"]["one"] = {"url": given, **({"preset": preset} if preset else {})}
        done = make_relay(routes, environment={"URL": url}).check("--json")
        found = [(one["severity"], one["message"]) for one in map(json.loads, done.stdout.splitlines())
                 if one["path"] == "destinations.one.url"]
        assert len(found) == (expected is not None), found
        assert url.encode() not in done.stdout + done.stderr, "a URL is a secret"
        if expected:
            assert (found[0][0], expected[1] in found[0][1]) == (expected[0], True), found
