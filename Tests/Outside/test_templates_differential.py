"""Random templates: the engine of JSONTemplates and PyPI json-e give the same result, or both refuse."""

import json
import re

import jsone

from template_answers import answers, release_only
from template_generator import Generator

NOW = "2017-01-19T16:27:20.974Z"


def judge(template, context):
    """The answer of PyPI json-e; its own crashes count as refusals."""
    try:
        return {"result": json.loads(json.dumps(jsone.render(template, {"now": NOW, **context}), allow_nan=False))}
    except Exception as error:  # noqa: BLE001 - json-e lets Python's own errors through
        return {"error": f"{type(error).__name__}: {error}"}


def normal(value):
    """What is left when the documented differences are taken away.

    Ours are doubles which are written without `.0` where they are whole; Python writes 2.0, and has whole numbers of
    any size.
    """
    if isinstance(value, str):
        return re.sub(r"(?<![\d.])(\d+)\.0(?!\d)", r"\1", value)
    if isinstance(value, list):
        return [normal(element) for element in value]
    if isinstance(value, dict):
        return {normal(key): normal(element) for key, element in value.items()}
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return ("number", float(f"{float(value):.12g}"))
    return ("bool", value) if isinstance(value, bool) else value


def agree(template, ours, judged):
    if ours.get("error", "").startswith("BudgetError"):
        return True  # json-e has no budgets
    if "expected one of: !, (" in ours.get("error", "") and re.search(r"&&|\|\|", str(template)):
        return True  # json-e does not miss an operand that it need not evaluate: `true || *`
    if "error" in judged or "error" in ours:
        return "error" in judged and "error" in ours
    return normal(None if ours.get("deleted") else ours["result"]) == normal(judged["result"])


def compare(cases, rendering):
    """Compares both engines; at least this share of the cases has to render, or all could fail and agree."""
    rendered = stopped = 0
    differences = []
    for (template, context), ours in zip(cases, answers(cases)):
        judged = judge(template, context)
        rendered += "result" in judged
        stopped += ours.get("error", "").startswith("BudgetError")
        if not agree(template, ours, judged):
            differences.append(json.dumps({"template": template, "context": context, "ours": ours, "json-e": judged}))
    assert not differences, "\n".join(differences[:5]) + f"\n… {len(differences)} of {len(cases)}"
    assert rendered > len(cases) * rendering
    assert stopped < len(cases) / 10_000 + 1


def templates(seed, count):
    generator = Generator(seed)
    return [(generator.template(), generator.context()) for _ in range(count)]


def test_20000_random_templates_give_what_json_e_gives():
    compare(templates(seed=20170119, count=20_000), rendering=0.5)


def test_20000_expressions_of_random_tokens_are_refused_or_give_what_json_e_gives():
    generator = Generator(seed=11)
    compare([(generator.soup(), generator.context()) for _ in range(20_000)], rendering=0.02)


def test_10000_random_chains_of_operators_bind_as_in_json_e():
    generator = Generator(seed=12)
    compare([(generator.chain(), generator.context()) for _ in range(10_000)], rendering=0.2)


@release_only
def test_100000_random_templates_give_what_json_e_gives():
    compare(templates(seed=4, count=100_000), rendering=0.5)
