"""Templates that are made to take long or to grow: each is refused soon, and leaves no memory behind."""

import json
import pathlib
import re
import subprocess
import time

import pytest

from template_answers import NOW, TOOL, release_only

MOST_SECONDS = 0.020
# What `yardstick` takes on the machine of docs/performance.md. A slower one gets as much more time.
YARDSTICK_SECONDS = 0.0063
LONG = "x" * 600_000
LONG_NUMBER = int("1" * 3000)


def nested(levels, inside):
    """Operators inside each other, many levels deep."""
    for _ in range(levels):
        inside = {"$if": "true", "then": inside}
    return inside


def again(expression):
    """One expression many times."""
    return {"$map": {"$eval": "range(0, 50000)"}, "each(v)": {"$eval": expression}}


def numbered(count, copy=0):
    """An object of so many keys, which no other copy has."""
    return {f"key{copy}-{number}": number for number in range(count)}


HOSTILE = {
    "a huge range": ({"$eval": "range(0, 1000000000)"}, {}),
    "a map in a map": ({"$map": {"$eval": "range(0, 1000)"},
                        "each(a)": {"$map": {"$eval": "range(0, 1000)"}, "each(b)": {"$eval": "a + b"}}}, {}),
    "a reduce that doubles a text": ({"$reduce": {"$eval": "range(0, 60)"}, "initial": "xx",
                                      "each(acc, v)": {"$eval": "acc + acc"}}, {}),
    "a reduce that doubles a list": ({"$reduce": {"$eval": "range(0, 60)"}, "initial": [1],
                                      "each(acc, v)": {"$flatten": [{"$eval": "acc"}, {"$eval": "acc"}]}}, {}),
    "a reduce that nests": ({"$reduce": {"$eval": "range(0, 500)"}, "initial": [],
                             "each(acc, v)": [{"$eval": "acc"}, {"$eval": "acc"}]}, {}),
    "deep recursion of operators": (nested(70, 1), {}),
    "deep recursion of an expression": ({"$eval": "(" * 50_000 + "1" + ")" * 50_000}, {}),
    "a long text split": ({"$eval": "split(a, '')"}, {"a": LONG}),
    "long texts joined": ({"$eval": "a + a"}, {"a": LONG}),
    "a long text searched again and again": ({"$map": {"$eval": "range(0, 5000)"}, "each(v)": {"$eval": "'y' in a"}},
                                             {"a": LONG}),
    "a long sum": ({"$eval": "+".join(["1"] * 200_000)}, {}),
    "a long text capitalised": ({"$eval": "title(a)"}, {"a": LONG}),
    "a long text escaped": ({"$eval": "markdown(a)"}, {"a": "<" * 250_000}),
    "a long text in a URL": ({"$eval": "urlencode(a)"}, {"a": "é" * 120_000}),
    "a long text of spaces": ({"$eval": "strip(a)"}, {"a": " " * 500_000}),
    "a long text without anything to see": (again("line(a, 5)"), {"a": "\u200b" * 120_000}),
    "a long text cut again and again": (again("a[1:59999]"), {"a": "é" * 60_000}),
    "the end of a long text again and again": (again("a[-1]"), {"a": "é" * 60_000}),
    "long texts compared again and again": (again("a < b"), {"a": LONG, "b": LONG}),
    "long numbers compared again and again": (again("a < b"), {"a": LONG_NUMBER, "b": LONG_NUMBER}),
    "times again and again": (again("fromNow('1 day')"), {}),
    "the time again and again": (again("now"), {}),
    "dates again and again": (again("date(0, 'EEE yyyy-MM-dd HH:mm:ss', 'UTC')"), {}),
    "long results of divisions": (again("str(1e20 / 3)"), {}),
    "many objects made one": ({"$merge": {"$eval": "a"}}, {"a": [numbered(5000, copy) for copy in range(6)]}),
    "many objects merged deeply": ({"$mergeDeep": {"$eval": "a"}}, {"a": [numbered(5000)] * 12}),
    "an object that grows": ({"$reduce": {"$eval": "range(0, 5000)"}, "initial": {},
                              "each(acc, v)": {"$merge": [{"$eval": "acc"}, {"k${v}": 1}]}}, {}),
    "a sort of many": ({"$sort": {"$map": {"$eval": "range(0, 90000)"}, "each(v)": {"$eval": "0 - v"}}}, {}),
}


class Tool:
    """The tool of JSONTemplates, asked line by line."""

    def __init__(self):
        self.process = subprocess.Popen([TOOL, "--functions"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, line):
        """The answer to a line, and the seconds until it came."""
        start = time.monotonic()
        self.process.stdin.write(line)
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        return json.loads(answer), time.monotonic() - start

    def resident(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1])

    def close(self):
        self.process.stdin.close()
        assert self.process.wait(10) == 0


@pytest.fixture
def tool():
    tool = Tool()
    yield tool
    tool.close()


def yardstick():
    """Seconds of a processor for a loop of a known length."""
    start, total = time.process_time(), 0
    for number in range(200_000):
        total += number * number
    return time.process_time() - start


def line(template, context):
    return json.dumps({"template": template, "context": context, "now": NOW}).encode() + b"\n"


@release_only
@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.alone
def test_a_hostile_template_is_refused_soon(tool, name):
    template, context = HOSTILE[name]
    # The best of three: the machine may be busy with something else.
    tries = [tool.ask(line(template, context)) for _ in range(3)]
    assert all("error" in answer for answer, _ in tries), tries[0][0].keys()
    # To read the context takes its time whatever the template is.
    reading = min(tool.ask(line(None, context))[1] for _ in range(3))
    slowness = max(1, min(yardstick() for _ in range(5)) / YARDSTICK_SECONDS)
    assert min(seconds for _, seconds in tries) - reading < MOST_SECONDS * slowness
    assert len(tries[0][0]["error"]) < 1000


@release_only
@pytest.mark.parametrize("count", [2000, pytest.param(10_000, marks=pytest.mark.soak)])
def test_hostile_templates_leave_no_memory_behind(tool, count):
    lines = [line(*case) for case in HOSTILE.values()]
    for number in range(100):
        tool.ask(lines[number % len(lines)])
    before = tool.resident()
    for number in range(100, count):
        tool.ask(lines[number % len(lines)])
    assert tool.resident() <= 1.1 * before
