"""The match language: the engine against a plain evaluator of the specification, on random rules and events.

RULES_SEED=N repeats a run. The debug build answers few pairs, the release build many.
"""

import collections
import json
import os
import pathlib
import time

import pytest

from harness import ROOT
from pattern_generator import Generator, product, shuffled, write
from pattern_vocabulary import BLOCKS, INFINITE, LOOKALIKES, NUMBERS, OPERATORS, STRINGS
from rules_by_the_page import Number, answer, read
from rules_comparison import TOOL, Question, compare, engine, made

pytestmark = pytest.mark.release

VECTORS = pathlib.Path(os.environ.get("RELAY_VECTORS", ROOT.parent / "shared/vectors")) / "event-patterns.jsonl"
IS_LONG = "release" in TOOL.parts
PAIRS, ROUNDS = (200_000, 5) if IS_LONG else (20_000, 1)
SIZES = [1, 3, 10, 30, 100, 300, 1000]


@pytest.fixture
def generator():
    seed = int(os.environ.get("RULES_SEED", time.time_ns() % 1_000_000_000))
    print(f"RULES_SEED={seed}")
    return Generator(seed)


def ordinary(generator):
    """Rules made from a few events, and these events with changes, among them some that are none."""
    generator.is_dense = generator.happens(0.4)
    bases = [generator.event() for _ in range(2)]
    events = [generator.varied(base) for base in bases for _ in range(4)]
    rules = [write(generator.rule(generator.one(events)), generator.chance) for _ in range(12)]
    texts = [
        generator.wrong_event() if generator.happens(0.02) else write(event, generator.chance) for event in events]
    return Question(rules, texts)


def with_odd_rules(generator):
    """Rules of which some are wrong or may be."""
    question = ordinary(generator)
    odd = [generator.odd_rule() for _ in range(12)]
    return Question([*question.rules, *odd, generator.wrong_rule(generator.event())], question.events)


def many(generator, size):
    """A set of rules that share fields and values, and a few events."""
    bases = [generator.event() for _ in range(min(8, 1 + size // 20))]
    events = [generator.varied(generator.one(bases)) for _ in range(10)]
    rules = [write(generator.rule(generator.one(bases))) for _ in range(size)]
    return Question(rules, [write(event, generator.chance) for event in events])


@pytest.mark.skipif(not VECTORS.exists(), reason="the cases of the match language are not on this machine")
def test_the_page_answers_every_known_case():
    cases = [json.loads(line) for line in VECTORS.read_text().splitlines()]
    wrong = [case for case in cases if answer(case["rule"], case["event"]) != case["expect"]]
    assert len(cases) >= 370 and wrong == []


def test_engine_and_page_agree_on_random_pairs(generator):
    pairs = matches = 0
    operators = collections.Counter()
    while pairs < PAIRS:
        questions = [ordinary(generator) for _ in range(100)]
        for question, found in zip(questions, compare(questions, generator.seed)):
            assert isinstance(found, list), f"the generator made a wrong rule: {question.rules[found['RULE-ERR'][0]]}"
            hits = [index for entry in found if entry != "EVENT-ERR" for index in entry]
            pairs += len(question.rules) * sum(entry != "EVENT-ERR" for entry in found)
            matches += len(hits)
            for index in set(hits):
                operators.update(name for name in [*OPERATORS, "$or"] if name in write(read(question.rules[index])))
    assert matches / pairs >= 0.3, f"{matches} of {pairs} pairs match: too few to tell much"
    rare = {name for name in [*OPERATORS, "$or"] if operators[name] < pairs / 1000}
    assert not rare, f"operators that hardly any matching rule has: {rare}"


def test_engine_and_page_agree_on_large_sets(generator):
    for _ in range(ROUNDS):
        questions = [many(generator, size) for size in SIZES]
        for question, found in zip(questions, compare(questions, generator.seed)):
            assert isinstance(found, list), f"the generator made a wrong rule: {question.rules[found['RULE-ERR'][0]]}"


def test_engine_and_page_agree_on_every_word_with_every_operator():
    words = [*STRINGS, *"".join(LOOKALIKES)]
    numbers = [Number(text) for text in [*sum(NUMBERS, []), *INFINITE]]
    alternatives = [*words, *numbers, None, True, False]
    alternatives += [{name: ""} for name in ("prefix", "suffix", "equals-ignore-case", "wildcard")]
    for word in words[1:]:
        escaped = word.replace("\\", "\\\\").replace("*", "\\*")
        texts = [{name: word} for name in ("prefix", "suffix", "equals-ignore-case")]
        texts += [{"wildcard": text} for text in (escaped, escaped + "*", "*" + escaped, f"*{escaped}*{escaped}")]
        texts += [{name: {"equals-ignore-case": word}} for name in ("prefix", "suffix")]
        alternatives += [*texts, *({"anything-but": text} for text in [word, *texts[:4]])]
    for number in numbers[:-len(INFINITE)]:
        alternatives += [{"numeric": [name, number]} for name in ("=", "<", "<=", ">", ">=")]
        alternatives.append({"anything-but": number})
    alternatives += [{"cidr": block} for block in BLOCKS]
    events = [write({"a": value}) for value in [*words, *numbers, None, True, False, [], {}]]
    answers = compare([Question([write({"a": [one]}) for one in alternatives], events)], 0)
    assert isinstance(answers[0], list) and len(alternatives) > 1000


def test_engine_and_page_agree_on_rules_of_many_fields(generator):
    wide = [generator.wide() for _ in range(60 * ROUNDS)]
    answers = compare(
        [Question([write(rule)], [write(event) for event in events]) for rule, events in wide], generator.seed)
    assert 0.2 < sum(found == [0] for answer in answers for found in answer) / len(wide) / 3 < 0.8
    multiplied = Question([write(product(1000))], ['{"u":{"f3":"x"},"v":{"f24":"x"}}', '{"u":{"f3":"x"}}'])
    assert compare([multiplied], generator.seed) == [[[0], []]]


def test_engine_and_page_agree_on_what_is_wrong(generator):
    compare([with_odd_rules(generator) for _ in range(200 * ROUNDS)], generator.seed)
    wrong = [generator.wrong_rule(generator.event()) for _ in range(500 * ROUNDS)]
    assert compare([Question(wrong, [])], generator.seed) == [{"RULE-ERR": list(range(len(wrong)))}]
    events = [generator.wrong_event() for _ in range(500 * ROUNDS)]
    assert compare([Question(["{}"], events)], generator.seed) == [["EVENT-ERR"] * len(events)]


def reordered(value, chance):
    """The same with members, alternatives, branches and elements in another order."""
    if isinstance(value, dict):
        return shuffled({
            key: member if key == "numeric" else reordered(member, chance) for key, member in value.items()}, chance)
    if isinstance(value, list):
        return chance.sample([reordered(element, chance) for element in value], len(value))
    return value


def test_no_order_matters(generator):
    before, after, orders = [], [], []
    for _ in range(200 * ROUNDS):
        question = ordinary(generator)
        question.events = [text for text in question.events if made(read, text) is not None]
        order = generator.chance.sample(range(len(question.rules)), len(question.rules))
        other = [write(reordered(read(text), generator.chance)) for text in question.rules]
        before.append(question)
        orders.append(order)
        after.append(Question(
            [other[index] for index in order],
            [write(reordered(read(text), generator.chance), generator.chance) for text in question.events]))
    for question, found, order, changed, again in zip(before, engine(before), orders, after, engine(after)):
        back = [sorted(order[index] for index in entry) for entry in again]
        assert back == found, f"{question.text()}\nand, reordered,\n{changed.text()}\nby {order}"


def test_adding_a_rule_changes_no_other_answer(generator):
    for size in SIZES:
        full = many(generator, size + 1)
        position = generator.chance.randrange(size + 1)
        less = Question(full.rules[:position] + full.rules[position + 1:], full.events)
        with_it, without = engine([full, less])
        remaining = [[index - (index > position) for index in entry if index != position] for entry in with_it]
        assert remaining == without, f"rule {position} added to {less.text()[:5000]}"


def opposites(generator):
    """Two lists of alternatives of which an event without, or with one value of the field satisfies exactly one."""
    text = generator.one(STRINGS[1:])
    texts = [text, generator.one(STRINGS[1:])]
    number = Number(generator.one(generator.one(NUMBERS)))
    wildcard = generator.wildcard(text)
    absent = {"exists": False}
    name = generator.one(["prefix", "suffix", "equals-ignore-case"])
    return generator.one([
        ([{"exists": True}], [absent]),
        ([text], [{"anything-but": text}, absent]),
        (texts, [{"anything-but": texts}, absent]),
        ([number], [{"anything-but": number}, absent]),
        ([{"numeric": ["=", number]}], [{"anything-but": [number]}, absent]),
        ([{name: text}], [{"anything-but": {name: text}}, absent]),
        ([{name: each} for each in texts], [{"anything-but": {name: texts}}, absent]),
        ([{"wildcard": wildcard}], [{"anything-but": {"wildcard": wildcard}}, absent])])


def bounds(generator):
    """Two comparisons of which each finite number satisfies exactly one."""
    number = Number(generator.one(generator.one(NUMBERS)))
    one, other = generator.one([("<", ">="), ("<=", ">")])
    return [{"numeric": [one, number]}], [{"numeric": [other, number]}]


def test_either_a_rule_or_its_opposite_matches(generator):
    questions = []
    for _ in range(2000 * ROUNDS):
        values = [{"a": generator.scalar()}, {"b": generator.scalar()}, {"a": [generator.scalar()]}, {"a": [[], {}]}]
        pair = opposites(generator)
        if generator.happens(0.3):
            values = [{"a": Number(generator.one(generator.one(NUMBERS)))}]
            pair = bounds(generator)
        events = [write(value, generator.chance) for value in values]
        questions.append(Question([write({"a": one}) for one in pair], events))
    for question, found in zip(questions, engine(questions), strict=True):
        assert all(len(entry) == 1 for entry in found), f"{question.text()}: {found}"
    events = [write(generator.event()) for _ in range(500 * ROUNDS)]
    present = Question(['{"a.b": [{"exists": true}]}', '{"a": {"b": [{"exists": false}]}}'], events)
    assert all(len(entry) == 1 for entry in engine([present])[0])
