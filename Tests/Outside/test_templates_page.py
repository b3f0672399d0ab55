"""docs/templates.md, run: each destination with the request that the page shows, each row of its tables, its output."""

import json
import os
import re
import subprocess

import pytest

from harness import BINARY, KEY, ROOT, Relay, Sink

PAGE = (ROOT / "docs" / "templates.md").read_text()
BLOCKS = [(block[1], block[2]) for block in re.finditer(r"^```(\w+)\n(.*?)^```$", PAGE, re.S | re.M)]
EVENT = BLOCKS[0][1]
SOURCES = {"gruveo": {"path": "/webhooks/gruveo", "keys": [{"env": "GRUVEO_KEY"}]}}


def examples():
    """Each destination of the page and the request behind it."""
    for (language, text), (following, shown) in zip(BLOCKS, BLOCKS[1:]):
        if language == "json" and following == "http":
            yield json.loads(text), shown


def rows():
    for line in PAGE.splitlines():
        cells = re.fullmatch(r"\| `(.*)` \| `(.*)` \|", line)
        if cells:
            yield cells[1], json.loads(cells[2])


def explained(folder, body):
    """What `explain` says would be sent for the page's event."""
    routes = {"sources": SOURCES, "destinations": {"crm": {"url": "https://crm.example.com/", "body": body}},
              "routes": [{"name": "all", "match": {}, "to": ["crm"]}]}
    (folder / "routes.json").write_text(json.dumps(routes))
    done = subprocess.run([BINARY, "explain", "--config", "routes.json", "--json", "-"], cwd=folder, timeout=20,
                          input=EVENT.encode(), capture_output=True, env={**os.environ, "GRUVEO_KEY": KEY})
    assert done.returncode == 0, done
    return json.loads(json.loads(done.stdout)["requests"][0]["body"])


def test_each_destination_of_the_page_sends_what_the_page_shows(request):
    cases = list(examples())
    assert len(cases) == 5
    sink = Sink()
    request.addfinalizer(sink.close)
    destinations = {}
    for number, (destination, _) in enumerate(cases):
        host = re.match(r"https://[^/]+", destination["url"])[0]
        destinations[f"d{number}"] = {**destination, "url": destination["url"].replace(host, sink.url),
                                      "allowPrivate": ["127.0.0.0/8"]}
    relay = Relay({"sources": SOURCES, "destinations": destinations,
                   "routes": [{"name": "all", "match": {}, "to": list(destinations)}]})
    request.addfinalizer(relay.close)
    relay.start()
    assert relay.post(EVENT.encode())[0] == 200
    relay.settled(delivered=len(cases))
    for number, (destination, shown) in enumerate(cases):
        sent, = [one for one in sink.requests if one["headers"]["Relay-Destination"] == f"d{number}"]
        head, _, body = shown.partition("\n\n")
        first, *headers = head.split("\n")
        assert f"{sent['method']} {sent['path']}" == first
        assert {line: sent["headers"].get(line.partition(": ")[0]) for line in headers} == {
            line: line.partition(": ")[2] for line in headers}
        assert sent["body"].decode() == body.removesuffix("\n")
        left_out = {name for name in destination.get("headers", {})} - {line.partition(": ")[0] for line in headers}
        assert not left_out & sent["headers"].keys()


@pytest.mark.parametrize("expression, value", rows(), ids=lambda value: str(value)[:40])
def test_each_row_of_the_tables_has_the_value_that_it_shows(expression, value, tmp_path):
    assert explained(tmp_path, {"$eval": expression}) == value


def test_the_tables_are_not_empty_and_name_every_function():
    assert len(list(rows())) == 33
    expressions = " ".join(expression for expression, _ in rows())
    for function in ("default title iso8601 date duration line urlencode mrkdwn markdown html truncate sha256 json").split():
        assert f"{function}(" in expressions, function


def test_the_output_of_check_is_the_one_shown(tmp_path):
    *_, (_, routes), (_, shown) = BLOCKS
    (tmp_path / "bad.json").write_text(routes)
    done = subprocess.run([BINARY, "check", "bad.json"], cwd=tmp_path, capture_output=True, timeout=20,
                          env={**os.environ, "GRUVEO_KEY": KEY})
    assert (done.returncode, done.stderr.decode()) == (78, shown)
