"""docs/rules.md, run: each match with the events under it, each row of the tables, each output that is shown."""

import json
import os
import re
import subprocess

import pytest

from harness import BINARY, KEY, ROOT

PAGE = (ROOT / "docs" / "rules.md").read_text()
ENVIRONMENT = {**os.environ, "GRUVEO_KEY": KEY}
FILE = re.compile(r"`([\w./-]+\.json)`:$")


def sections():
    """The page's parts by their headings."""
    parts = re.split(r"^##+ (.*)\n", PAGE, flags=re.M)
    return {"": parts[0], **dict(zip(parts[1::2], parts[2::2]))}


def paragraph(text, end):
    """The paragraph that stands before a block."""
    return text[:end].rstrip().split("\n\n")[-1]


def blocks(text):
    for block in re.finditer(r"^```(\w+)\n(.*?)^```$", text, re.S | re.M):
        yield paragraph(text, block.start()), block[1], block[2]


def files():
    """The files that the page gives in full, by name."""
    named = ((FILE.search(before), text) for before, language, text in blocks(PAGE) if language == "json")
    return {name[1]: text for name, text in named if name}


def cases():
    """Each match of the page with what its events should do: (section, match, [(event, whether it matches)])."""
    for heading, text in sections().items():
        match = None
        for before, language, content in blocks(text):
            if language != "json" or FILE.search(before):
                continue
            if before.startswith(("Matches", "Does not match")):
                assert match, f"{heading}: an event without a match above it"
                match[2].append((content.strip(), before.startswith("Matches")))
            else:
                if match:
                    yield match
                match = (heading, json.loads(content), [])
        if match:
            yield match


def routes_file(match):
    """A routes file with this one match, or with these routes, of which the last is the one that is looked at."""
    routes = match if isinstance(match, list) else [{"name": "it", "match": match, "to": ["log"]}]
    names = {name for route in routes for name in route["to"]}
    return {"sources": {"gruveo": {"path": "/in", "keys": [{"env": "GRUVEO_KEY"}]}},
            "destinations": {name: {"url": f"https://{name}.example.com/"} for name in names}, "routes": routes}


def run(directory, *arguments):
    return subprocess.run([BINARY, *arguments], cwd=directory, env=ENVIRONMENT, capture_output=True, timeout=20)


def matched(directory, match, event):
    """Whether the last route matches, as `explain` says."""
    (directory / "routes.json").write_text(json.dumps(routes_file(match)))
    (directory / "event.json").write_text(event)
    done = run(directory, "explain", "--config", "routes.json", "--json", "event.json")
    assert done.returncode == 0, done
    return json.loads(done.stdout)["routes"][-1]["matches"]


def refused(directory, match):
    (directory / "routes.json").write_text(json.dumps(routes_file(match)))
    done = run(directory, "check", "routes.json", "--json")
    return done.returncode == 78 and [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("case", cases(), ids=lambda case: case[0] or "the beginning")
def test_each_match_of_the_page_does_to_its_events_what_the_page_says(case, tmp_path):
    _, match, events = case
    assert not refused(tmp_path, match)
    for event, wanted in events:
        assert matched(tmp_path, match, event) == wanted, event


def test_there_are_ten_examples_each_with_an_event_that_matches_and_one_that_does_not():
    examples = [case for case in cases() if re.match(r"\d+\. ", case[0])]
    assert [int(heading.split(".")[0]) for heading, _, _ in examples] == list(range(1, 11))
    for heading, _, events in examples:
        assert {wanted for _, wanted in events} == {True, False}, heading


def operator_rows():
    text = sections()["What may stand in a field's list"]
    rows = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("| `")]
    # A star of the table is a star of JSON: nothing in a row is escaped for Markdown.
    return [[re.findall(r"`([^`]+)`", cell) for cell in row] for row in rows]


@pytest.mark.parametrize("row", operator_rows(), ids=lambda row: row[0][0])
def test_each_row_of_the_operators_takes_refuses_and_is_refused_as_it_says(row, tmp_path):
    (operator,), _, takes, leaves, errors = row
    match = {"field": [json.loads(operator)]}
    assert takes and not refused(tmp_path, match)
    for values, wanted in ((takes, True), (leaves, False)):
        for value in values:
            assert matched(tmp_path, match, f'{{"field": {value}}}') == wanted, value
    for error in errors:
        # As it is written: Python's own number would not be the one of the page.
        text = json.dumps(routes_file({"field": ["HERE"]})).replace('"HERE"', error)
        (tmp_path / "routes.json").write_text(text)
        found = run(tmp_path, "check", "routes.json")
        assert found.returncode == 78 and b": error: routes[0].match.field: " in found.stderr, (error, found)


def test_what_the_sentences_quote_is_accepted_too(tmp_path):
    sentences = "\n".join(line for line in re.sub(r"^```.*?^```$", "", PAGE, flags=re.S | re.M).splitlines()
                          if not line.startswith("|"))
    quoted = [text for text in re.findall(r"`([^`]+)`", sentences) if text[0] in "{[" and "…" not in text]
    assert len(quoted) >= 8
    for text in quoted:
        value = json.loads(text)
        forms = [{"field": value}] if isinstance(value, list) else [value, {"field": [value]}]
        assert value in ({}, []) or not all(refused(tmp_path, form) for form in forms), text


def test_every_operator_of_the_language_has_a_row():
    shown = " ".join(row[0][0] for row in operator_rows())
    refusal = 'unknown operator "prefx": did you mean "prefix"? allowed here: '
    allowed = next(line for line in PAGE.splitlines() if refusal in line).split(refusal)[1].split(", ")
    assert len(allowed) == 8 and all(f'"{name}"' in shown for name in allowed)


def commands(console):
    """Each command of a console block with the lines shown under it."""
    for part in re.split(r"^\$ ", console, flags=re.M)[1:]:
        command, *shown = part.rstrip("\n").split("\n")
        yield command, shown


def same(shown, printed):
    """Whether the output is the one shown; `…` at a line's end stands for its rest, and the time of day is left out."""
    def fits(line, got):
        line, got = (re.sub(r"(webhook-timestamp: )\d+$", r"\1now", text) for text in (line, got))
        return got.startswith(line[:-1]) if line.endswith("…") else got == line

    return len(shown) == len(printed) and all(map(fits, shown, printed))


def test_every_output_that_the_page_shows_is_what_the_program_prints(tmp_path):
    for name, content in files().items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
    (tmp_path / "bin").mkdir()
    os.symlink(BINARY, tmp_path / "bin" / "gruveo-relay")
    environment = {**ENVIRONMENT, "PATH": f"{tmp_path}/bin:{os.environ['PATH']}"}
    code, count = 0, 0
    for _, language, content in blocks(PAGE):
        for command, shown in commands(content) if language == "console" else ():
            done = subprocess.run(["bash", "-c", f"(exit {code}); {command}"], cwd=tmp_path, env=environment,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=20)
            printed = done.stdout.decode().splitlines()
            assert same(shown, printed), "\n".join([f"$ {command}", *printed])
            code, count = done.returncode, count + 1
    assert count >= 6
