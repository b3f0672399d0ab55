"""Asks the engine and the page the same questions, and finds the smallest one where they differ."""

import dataclasses
import json
import pathlib
import shlex
import subprocess

import pytest

from harness import BINARY, ROOT
from pattern_generator import write
from rules_by_the_page import Event, Rule, Wrong, read

TOOL = pathlib.Path(BINARY).parent / "PatternAnswers"
MOST_TRIALS = 1500


@dataclasses.dataclass
class Question:
    """Texts of rules, and texts of events to ask all of them about."""
    rules: list
    events: list

    def text(self):
        return json.dumps(dataclasses.asdict(self))


def engine(questions):
    """What the built engine answers to each question."""
    assert TOOL.exists(), f"{TOOL} is missing: swift build --product PatternAnswers"
    lines = "".join(question.text() + "\n" for question in questions)
    done = subprocess.run([TOOL], input=lines, capture_output=True, text=True, timeout=300)
    if done.returncode == 0:
        return [json.loads(line) for line in done.stdout.splitlines()]
    if len(questions) == 1:
        return [f"ended with {done.returncode}: {done.stderr[:500]}"]
    return [engine([question])[0] for question in questions]


def made(kind, text):
    try:
        return kind(text)
    except Wrong:
        return None


def page(question):
    """What the specification answers."""
    rules = [made(Rule, text) for text in question.rules]
    refused = [index for index, rule in enumerate(rules) if rule is None]
    if refused:
        return {"RULE-ERR": refused}
    events = [made(Event, text) for text in question.events]
    return [
        "EVENT-ERR" if event is None else [index for index, rule in enumerate(rules) if rule.matches(event)]
        for event in events]


def compare(questions, seed):
    """Fails with the smallest case where engine and page differ; returns the page's answers."""
    answers = [page(question) for question in questions]
    for question, wanted, found in zip(questions, answers, engine(questions), strict=True):
        if found != wanted:
            pytest.fail(f"RULES_SEED={seed}\n{difference(smallest(question))}", pytrace=False)
    return answers


def difference(question):
    return "\n".join([
        f"engine: {json.dumps(engine([question])[0])}", f"page:   {json.dumps(page(question))}",
        *(f"rule:   {rule}" for rule in question.rules), *(f"event:  {event}" for event in question.events),
        f"printf '%s\\n' {shlex.quote(question.text())} | {TOOL.relative_to(ROOT)}"])


def smallest(question):
    """Takes away rules, events, members, elements and characters while the answers still differ; bounded."""
    trials = 0
    changed = True
    while changed and trials < MOST_TRIALS:
        changed = False
        for candidate in smaller_questions(question):
            trials += 1
            if trials >= MOST_TRIALS or engine([candidate])[0] != page(candidate):
                changed = trials < MOST_TRIALS
                question = candidate if changed else question
                break
    return question


def smaller_questions(question):
    for events in without_some(question.events):
        yield Question(question.rules, events)
    for rules in without_some(question.rules):
        yield Question(rules, question.events)
    for index, text in enumerate(question.rules):
        for smaller in smaller_texts(text):
            yield Question(replaced(question.rules, index, smaller), question.events)
    for index, text in enumerate(question.events):
        for smaller in smaller_texts(text):
            yield Question(question.rules, replaced(question.events, index, smaller))


def without_some(values):
    """The list without large parts first, then without single ones."""
    length = len(values) // 2
    while length > 0:
        for start in range(0, len(values), length):
            yield values[:start] + values[start + length:]
        length //= 2


def replaced(values, index, value):
    return values[:index] + [value] + values[index + 1:]


def smaller_texts(text):
    value = made(read, text)
    if value is not None:
        if len(write(value)) < len(text):
            yield write(value)
        for smaller in smaller_values(value):
            yield write(smaller)


def smaller_values(value):
    if isinstance(value, dict):
        for key in value:
            rest = {other: member for other, member in value.items() if other != key}
            yield rest
            if key == "$or" and isinstance(value[key], list):
                yield from ({**rest, **branch} for branch in value[key] if isinstance(branch, dict))
        for key, member in value.items():
            for smaller in smaller_values(member):
                yield {**value, key: smaller}
    elif isinstance(value, list):
        yield from value
        for index in range(len(value)):
            yield value[:index] + value[index + 1:]
        for index, element in enumerate(value):
            for smaller in smaller_values(element):
                yield replaced(value, index, smaller)
    elif isinstance(value, str):
        for index in range(len(value)):
            yield value[:index] + value[index + 1:]
