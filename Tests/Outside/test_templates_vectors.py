"""The published cases of JSON-e 4.8: results, and the exact texts of errors."""

import os
import pathlib

import pytest
import yaml

from template_answers import answers, same

FOLDER = pathlib.Path(os.environ.get("RELAY_VECTORS") or pathlib.Path(__file__).parents[3] / "shared" / "vectors")
CASES = FOLDER / "json-e" / "specification.yml"


def failure(case, answer):
    """What is wrong with an answer, or None."""
    if "error" in case:
        wanted = case["error"]
        found = answer.get("error")
        return None if found is not None and wanted in (True, found) else f"wanted {wanted}, found {answer}"
    # A template that is deleted as a whole is written as null in the published cases.
    found = None if answer.get("deleted") else answer.get("result", answer)
    return None if same(found, case["result"]) else f"wanted {case['result']!r}, found {answer}"


@pytest.mark.skipif(not CASES.exists(), reason="the published cases of JSON-e are not on this machine")
def test_all_1175_published_cases_of_json_e_give_their_results_and_error_texts():
    documents = yaml.load_all(CASES.read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    cases = [case for case in documents if case and "title" in case]
    assert len(cases) == 1175
    found = answers([(case["template"], case["context"]) for case in cases])
    failures = [(case["title"], wrong) for case, answer in zip(cases, found) if (wrong := failure(case, answer))]
    assert not failures
