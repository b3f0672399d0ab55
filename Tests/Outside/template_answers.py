"""Asks the engine of JSONTemplates through its test tool, `TemplateAnswers`."""

import json
import pathlib
import subprocess

import pytest

from harness import BINARY

NOW = 1484843240974  # 2017-01-19T16:27:20.974Z, the time of the published cases


TOOL = pathlib.Path(BINARY).parent / "TemplateAnswers"


def release_only(test):
    """For tests of speed, and of more cases than the debug build answers in the time of a test."""
    skip = pytest.mark.skipif("release" not in TOOL.parts, reason="the debug build is too slow for it")
    return pytest.mark.release(skip(test))


def answers(cases):
    """Renders (template, context) pairs; gives {"result": …}, {"deleted": True} or {"error": …} for each."""
    lines = [json.dumps({"template": template, "context": context, "now": NOW}) for template, context in cases]
    done = subprocess.run([TOOL], input="\n".join(lines) + "\n", capture_output=True, text=True, check=True,
                          encoding="utf-8")
    # JSON text may have U+2028, at which `splitlines` would split.
    found = [json.loads(line) for line in done.stdout.rstrip("\n").split("\n")]
    assert len(found) == len(lines)
    return found


def same(left, right):
    """JSON equality: 1 is 1.0, and true is not 1."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, list):
        return isinstance(right, list) and len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict):
        return isinstance(right, dict) and left.keys() == right.keys() and all(same(left[k], right[k]) for k in left)
    return left == right
