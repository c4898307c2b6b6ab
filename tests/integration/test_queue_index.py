"""Every row of contract queue.md and every oracle case has its test, or the
reason why not: tests/conformance/queue/cases.tsv is complete."""
import re
import subprocess
import sys

import pytest

from contract import TESTS, is_named, rows
from facteur import ROOT

# how many rows each section has; who drops one drops it here as well
ROWS = {
    "1.1": 9, "1.2": 23, "1.3": 4, "1.4": 11, "1.5": 7,
    "2.1": 8, "2.2": 7, "2.3": 4, "2.4": 3, "2.5": 13, "2.6": 4, "2.7": 2,
    "3.1": 6, "3.2": 5, "3.3": 2, "3.4": 17, "3.5": 28, "3.6": 1,
    "4.1": 22, "4.2": 6, "4.3": 4, "4.4": 13, "4.5": 6, "4.6": 6, "4.7": 4,
    "4.8": 7, "5.1": 1, "5.2": 1, "5.3": 14, "5.4": 18, "5.5": 22,
    "5.6": 19, "6": 4, "7": 38, "8": 46, "9": 7, "10": 15}
CASES = 65


@pytest.fixture(scope="module")
def collected():
    """The tests there are, as pytest names them."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "-o",
         "addopts=-p no:cacheprovider", TESTS / "integration"],
        capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return [line for line in done.stdout.splitlines() if "::" in line]


def test_no_row_is_missing():
    want = [f"{section}-{n}" for section, count in ROWS.items()
            for n in range(1, count + 1)]
    want += [f"case{n}" for n in range(1, CASES + 1)]
    assert [row.id for row in rows()] == want


def is_there(test, collected):
    if not test.startswith("unit/"):
        return any(is_named(test, node) for node in collected)
    path, name = test.split("::")
    return (TESTS / path).is_file() and f"({name})" in (
        TESTS / path).read_text()


def test_every_test_exists(collected):
    lost = [(row.id, test) for row in rows() for test in row.tests
            if not is_there(test, collected)]
    assert lost == []


def test_every_row_says_something():
    for row in rows():
        assert row.what and (row.tests or row.reason), row.id


def test_reasons_are_where_they_are_said_to_be():
    """A document is there; a manual says what is different."""
    for row in rows():
        if row.differs:
            page = re.sub(r"\((\d)\)$", r".\1", row.differs)
            [path] = ROOT.glob(f"src/*/*/{page}")
            assert ".Sh DIFFERENCES FROM QMAIL\n" in path.read_text(), row.id
        for name in re.findall(r"doc/[a-z]+\.md", row.where):
            assert (ROOT / name).is_file()


@pytest.mark.parametrize("ident, count", [("case33", 1), ("case29", 2),
                                          ("4.8-5", 20)])
def test_found_by_its_number(ident, count):
    """pytest -k case33"""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "-o",
         "addopts=-p no:cacheprovider", "-k", ident,
         TESTS / "integration/test_send_bounce.py",
         TESTS / "integration/test_send_routes.py",
         TESTS / "integration/test_send_log.py"],
        capture_output=True, text=True)
    assert done.stdout.count("::") >= count
