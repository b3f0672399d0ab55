"""docs/reliability.md names tests and patches: each of them exists, and no patch is left out."""

import re

from harness import ROOT

PAGE = ROOT / "docs/reliability.md"


def named():
    """What stands in backticks in the tables where tests are named: in the last column, or in the promises' rows."""
    for line in PAGE.read_text().splitlines():
        cells = [cell.strip() for cell in line.split(" | ")]
        if line.startswith("| P"):
            yield from re.findall(r"`([\w.]+)`", " ".join(cells[1:3]))
        elif line.startswith("| ") and (last := re.fullmatch(r"`(\w+)` \|", cells[-1])):
            yield last.group(1)


def missing(names):
    sources = [*ROOT.glob("Tests/Outside/*.py"), *ROOT.glob("Tests/*Tests/**/*.swift")]
    functions = " ".join(
        name for path in sources for name in re.findall(r"(?:def|func) (\w+)", path.read_text()))
    files = {path.name for path in sources}
    return [name for name in names if name not in files and name not in functions]


def test_every_test_that_the_page_names_exists():
    names = list(named())
    assert len(names) > 50 and {"nth_system_call", "test_ledger.py"} <= set(names)
    assert missing(names) == []
    assert missing(["a_test_that_nobody_wrote"]) == ["a_test_that_nobody_wrote"]


def test_the_page_has_a_row_for_each_promise():
    assert re.findall(r"^\| (P\d+) ", PAGE.read_text(), re.M) == [f"P{number}" for number in range(1, 26)]


def test_the_page_names_each_patch_in_the_row_of_its_promise():
    rows = re.findall(r"^\| P(\d+) (.*)$", PAGE.read_text(), re.M)
    named = [name for number, row in rows for name in re.findall(rf"`(P{int(number):02}-[\w-]+)`", row)]
    assert sorted(named) == sorted(path.stem for path in ROOT.glob("Tests/Broken/*.patch"))
