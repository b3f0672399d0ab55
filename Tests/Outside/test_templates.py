"""Templates: what a destination is sent instead of the event, through the built program and real receivers."""

import json

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
