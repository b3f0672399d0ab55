"""Templates: what a destination is sent instead of the event, through the built program and real receivers."""

import json
import urllib.parse

import pytest

from harness import KEY, SAMPLE, Relay, Sink, eventually, routes_to, sample, signature


@pytest.fixture
def serve(request):
    """Starts a relay whose destinations are sinks with these keys; stops all at the end."""
    def start(**destinations):
        sinks = {}
        for name in destinations:
            sinks[name] = Sink()
            request.addfinalizer(sinks[name].close)
        relay = Relay(routes_to(sinks, **destinations))
        request.addfinalizer(relay.close)
        return relay.start(), sinks
    return start


def test_a_body_is_rendered_and_signed_and_the_event_itself_goes_elsewhere_untouched(serve):
    body = {"text": "${title(resolution)} call on ${link} from ${default(location, 'unknown')}",
            "at": "${iso8601(timestamp)}", "customer": {"$eval": "tracking.customer_id"},
            "deal": {"$if": "'deal' in tracking", "then": "${tracking.deal}"}, "id": "${id}"}
    relay, sinks = serve(crm={"body": body, "sign": {"scheme": "gruveo", "keys": [{"env": "GRUVEO_KEY"}]}}, log={})
    assert relay.post()[0] == 200
    relay.settled(delivered=2)
    sent, = sinks["crm"].requests
    assert json.loads(sent["body"]) == {
        "text": "Answered call on @acme.sales from Greece", "at": "2020-08-28T11:57:11.871Z", "customer": "14810",
        "id": sent["headers"]["webhook-id"]}
    assert sent["headers"]["Content-Type"] == "application/json"
    assert sent["headers"]["X-Gruveo-SHA256-HMAC"] == signature(sent["body"], KEY)
    assert sinks["log"].bodies() == [SAMPLE]


def test_a_template_that_fails_is_a_dead_letter_at_once_and_harms_no_other_delivery(serve):
    body = {"properties": {"deal": "${tracking.deal}"}}
    relay, sinks = serve(crm={"body": body}, log={})
    relay.post(sample(1))
    relay.post(sample(2, tracking={"deal": "7"}))
    relay.settled(delivered=3, dead=1)
    assert [json.loads(body) for body in sinks["crm"].bodies()] == [{"properties": {"deal": "7"}}]
    assert len(sinks["log"].requests) == 2
    path, = relay.dead_letters()
    letter = json.loads(path.read_text())
    assert letter["reason"]["code"] == "template"
    assert letter["reason"]["text"] == 'the template fails at body.properties.deal: object has no property "deal"'
    attempt, = letter["attempts"]
    assert (attempt["number"], attempt["outcome"], attempt["status"]) == (1, "dead", None)
    assert attempt["error"] == letter["reason"]["text"]
    assert letter["request"]["url"].endswith("/…") and letter["request"]["body"] == ""
    # After the fix it goes out.
    routes = json.loads(relay.routes_path.read_text())
    routes["destinations"]["crm"]["body"]["properties"]["deal"] = "${default(tracking['deal'], 'none')}"
    assert relay.reload(routes).returncode == 0
    relay.command("dead", "redrive", "--state", str(relay.state), letter["id"], check=0)
    eventually(lambda: len(sinks["crm"].requests) == 2, what="the redriven delivery")
    assert json.loads(sinks["crm"].bodies()[1]) == {"properties": {"deal": "none"}}
    assert sinks["crm"].requests[1]["headers"]["Relay-Replay"] == "1"
    relay.settled(delivered=4)
    assert relay.dead_letters() == []


def test_form_text_headers_and_urls_are_rendered_too(serve):
    event = sample(1, link="@acme/../x?y#z&a=b ü", duration=0, waitingTime=1)
    event = event.replace(b'"duration": 0', b'"duration": 0, "big": 123456789012345678901234567890')
    form = {"caller": "${link}", "long": {"$eval": "big"}, "deal": {"$if": "'deal' in tracking", "then": 1}}
    relay, sinks = serve(form={"body": form, "format": "form"},
                         text={"body": "${resolution}: ${link}\n", "format": "text"},
                         json={"body": {"n": {"$eval": "big"}}, "headers": {"Content-Type": "application/x-crm"}},
                         head={"headers": {"X-Call": "${resolution} of ${link}", "X-Deal": "${tracking['deal']}"}})
    routes = json.loads(relay.routes_path.read_text())
    sinks["path"] = sinks["head"]
    routes["destinations"]["path"] = {
        "url": sinks["head"].url + "/contacts/${tracking.customer_id}/notes/${link}?from=${link}&n=${big}",
        "allowPrivate": ["127.0.0.0/8"], "method": "PUT"}
    routes["routes"][0]["to"].append("path")
    assert relay.reload(routes).returncode == 0
    relay.post(event)
    relay.settled(delivered=5)
    sent = sinks["form"].requests[0]
    assert sent["headers"]["Content-Type"] == "application/x-www-form-urlencoded"
    assert urllib.parse.parse_qsl(sent["body"].decode(), strict_parsing=True) == [
        ("caller", "@acme/../x?y#z&a=b ü"), ("long", "123456789012345678901234567890")]
    sent = sinks["text"].requests[0]
    assert sent["headers"]["Content-Type"] == "text/plain; charset=utf-8"
    assert sent["body"].decode() == "answered: @acme/../x?y#z&a=b ü\n"
    sent = sinks["json"].requests[0]
    assert sent["headers"]["Content-Type"] == "application/x-crm"
    assert sent["body"] == b'{"n":123456789012345678901234567890}'
    put, = [request for request in sinks["head"].requests if request["method"] == "PUT"]
    post, = [request for request in sinks["head"].requests if request["method"] == "POST"]
    assert post["headers"]["X-Call"].encode("latin-1").decode() == "answered of @acme/../x?y#z&a=b ü"
    assert "X-Deal" not in post["headers"] and post["body"] == event
    link = urllib.parse.quote("@acme/../x?y#z&a=b ü", safe="")
    assert put["path"] == f"/contacts/1/notes/{link}?from={link}&n=123456789012345678901234567890"
    assert put["body"] == event


HOSTILE = ["${1 + 1}", "$${link}", '"},{"$eval":"1"', "a\r\nX-Evil: 1", "\x00\x1b[2J", "\u202eevil", "x" * 20000,
           "../../admin", "\\u0022", "'||'"]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: repr(text[:20]))
def test_hostile_text_of_an_event_stays_text(serve, text):
    relay, sinks = serve(crm={"body": {"name": "${user.name}", "all": {"$eval": "user"}, "${link}": 1}},
                         head={"headers": {"X-Name": "${user.name}"}}, path={})
    routes = json.loads(relay.routes_path.read_text())
    routes["destinations"]["path"] = {"url": sinks["path"].url + "/names/${user.name}?n=${user.name}",
                                      "allowPrivate": ["127.0.0.0/8"]}
    assert relay.reload(routes).returncode == 0
    relay.post(sample(1, user={"name": text, text: text}, link=text))
    refused = any(character in text for character in "\r\n\0\x1b")
    relay.settled(delivered=3 - refused, dead=int(refused))
    assert json.loads(sinks["crm"].bodies()[0]) == {"name": text, "all": {"name": text, text: text}, text: 1}
    assert "X-Evil" not in str(sinks["head"].requests)
    if refused:
        letter = json.loads(relay.dead_letters()[0].read_text())
        assert letter["reason"]["text"].startswith("the template fails at headers.X-Name: the value would hold a line")
    else:
        assert sinks["head"].requests[0]["headers"]["X-Name"].encode("latin-1").decode() == text
    quoted = urllib.parse.quote(text, safe="")
    assert sinks["path"].requests[0]["path"] == f"/names/{quoted}?n={quoted}"


def test_a_name_of_64_kibibytes_is_rendered(serve):
    relay, sinks = serve(crm={"body": {"text": "${user.name} called", "short": "${truncate(user.name, 9)}"}})
    relay.post(sample(1, user={"name": "ü" * 32768}))
    relay.settled(delivered=1)
    assert json.loads(sinks["crm"].bodies()[0]) == {"text": "ü" * 32768 + " called", "short": "ü" * 8 + "…"}


def test_explain_shows_what_is_rendered_and_says_where_a_template_fails(serve, tmp_path):
    secret = {"headers": {"Authorization": {"env": "GRUVEO_KEY"}, "X-Call": "${link}"}}
    relay, _ = serve(crm={"body": {"deal": "${tracking.deal}"}, **secret}, log=secret)
    for event, expected in ((sample(1), 65), (sample(1, tracking={"deal": "7"}), 0)):
        path = tmp_path / "event.json"
        path.write_bytes(event)
        done = relay.command("explain", "--config", str(relay.routes_path), str(path), check=expected)
        text = done.stdout.decode()
        assert KEY not in text and "Authorization: <redacted>" in text and "X-Call: @acme.sales" in text
        failure = 'the template fails at body.deal: object has no property "deal"'
        assert (f"  to crm: a dead letter, since {failure}\n" in text) == bool(expected)
        assert ('    {"deal":"7"}' in text) != bool(expected)
        done = relay.command("explain", "--config", str(relay.routes_path), "--json", str(path), check=expected)
        crm, log = json.loads(done.stdout)["requests"]
        assert log["body"].encode() == event
        assert crm == {"destination": "crm", "error": failure} if expected else crm["body"] == '{"deal":"7"}'
