"""The bodies of the chat presets have the shape that PyPI apprise builds for the same text."""

import json
from unittest import mock

import apprise
import pytest

from harness import SAMPLE, routes_to
from service_fakes import SERVICES

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # in a module that apprise loads
URLS = {
    "slack": "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/?blocks=yes&image=no&footer=no",
    "discord": f"discord://123456789012345678/{'a' * 68}?format=markdown&avatar=no",
    "teams": f"workflows://prod-1.example.logic.azure.com:443/{'a' * 32}/{'b' * 24}?image=no",
    "mattermost": "mmost://localhost/3ccdd113474722377935511fc85d3dd4?image=no",
    "googlechat": "gchat://workspace/key/token",
    "telegram": "tgram://123456789:abcdefg_hijklmnop/-1001234567890/?preview=no&image=no",
}
TITLE, DETAILS = "Answered call on @acme.sales", "by John Smith, waited 5 s"
BLOCK = "attachments[].blocks[]"
CARD = "attachments[].content"
# What only one of the two has, each with the reason.
OURS = {
    # Slack shows text in notifications; verbatim keeps it from linking; the context has the time of the call.
    "slack": {"text", "attachments[].fallback", f"{BLOCK}.text.verbatim", f"{BLOCK}.elements", f"{BLOCK}.elements[].type",
              f"{BLOCK}.elements[].text"},
    "discord": {"embeds[].timestamp", "allowed_mentions", "allowed_mentions.parse"},
    # Runs of a RichTextBlock are plain, a TextBlock is Markdown.
    "teams": {f"{CARD}.body[].inlines", f"{CARD}.body[].inlines[].type", f"{CARD}.body[].inlines[].text",
              f"{CARD}.body[].inlines[].weight", f"{CARD}.body[].color", f"{CARD}.body[].isSubtle"},
    "mattermost": {"attachments", "attachments[].fallback", "attachments[].color", "attachments[].text"},
    "googlechat": set(),
    # Its successor in Telegram's documentation.
    "telegram": {"link_preview_options", "link_preview_options.is_disabled"},
}
THEIRS = {
    # Slack's own header block, and apprise's name.
    "slack": {f"{BLOCK}.text.emoji"},
    "discord": {"tts", "wait", "embeds[].author", "embeds[].author.name", "embeds[].author.url"},
    "teams": {f"{CARD}.body[].style", f"{CARD}.body[].id"},
    "mattermost": {"username"},
    "googlechat": set(),
    "telegram": {"disable_notification", "disable_web_page_preview"},
}


def shape(value, path=""):
    """Every place in a value and the kind of value there."""
    if path:
        yield path, type(value).__name__
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from shape(inner, f"{path}.{key}" if path else key)
    if isinstance(value, list):
        for inner in value:
            if isinstance(inner, (dict, list)):
                yield from (found for found in shape(inner, f"{path}[]") if found[0] != f"{path}[]")


def reference(name):
    """What apprise would post."""
    notifier = apprise.Apprise()
    assert notifier.add(URLS[name])
    answer = mock.Mock(status_code=200, content=b"ok", text="ok", headers={})
    with mock.patch("requests.sessions.Session.request", return_value=answer) as request:
        assert notifier.notify(title=TITLE, body=DETAILS)
    [call] = request.call_args_list
    return json.loads(call.kwargs["data"])


@pytest.fixture
def bodies(make_relay):
    routes = routes_to({})
    for name in URLS:
        routes["destinations"][name] = {"preset": name, "url": f"https://{name}.example/", **SERVICES[name].keys}
    routes["routes"] = [{"name": "all", "match": {}, "to": list(URLS)}]
    relay = make_relay(routes)
    explained = json.loads(relay.command(
        "explain", "--config", str(relay.routes_path), "--json", "-", input=SAMPLE, check=0).stdout)
    return {request["destination"]: json.loads(request["body"]) for request in explained["requests"]}


def test_each_body_has_the_shape_that_apprise_builds(bodies):
    for name in URLS:
        ours, theirs = dict(shape(bodies[name])), dict(shape(reference(name)))
        assert ours.keys() - theirs.keys() == OURS[name], name
        assert theirs.keys() - ours.keys() == THEIRS[name], name
        for path in ours.keys() & theirs.keys():
            assert ours[path] == theirs[path], (name, path)


def test_what_names_the_kind_of_a_message_is_the_same(bodies):
    theirs = {name: reference(name) for name in URLS}
    ours, other = (bodies["teams"], theirs["teams"])
    for find in (lambda b: b["type"], lambda b: b["attachments"][0]["contentType"], lambda b: b["attachments"][0]["contentUrl"],
                 lambda b: b["attachments"][0]["content"]["$schema"], lambda b: b["attachments"][0]["content"]["type"],
                 lambda b: b["attachments"][0]["content"]["version"], lambda b: b["attachments"][0]["content"]["msteams"]):
        assert find(ours) == find(other)
    assert bodies["telegram"]["parse_mode"] == theirs["telegram"]["parse_mode"]
    assert bodies["telegram"]["chat_id"] == theirs["telegram"]["chat_id"]
    sections = [[block for block in body["attachments"][0]["blocks"] if block["type"] == "section"]
                for body in (bodies["slack"], theirs["slack"])]
    assert [s[0]["text"]["type"] for s in sections] == ["mrkdwn", "mrkdwn"]
