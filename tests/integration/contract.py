"""The indexes of the contracts: which test shows which of their rows.

Lines of tests/conformance/CONTRACT/cases.tsv; the head of each file says what
they mean.
"""
import functools
import re
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
CONTRACTS = ["queue", "local"]
NOT = "not: "


class Row:
    def __init__(self, line):
        self.id, self.what, self.where, *more = line.split("\t")
        self.differs = more[0] if more else None
        assert len(more) < 2, line
        self.reason = self.where.removeprefix(NOT) \
            if self.where.startswith(NOT) else None
        self.tests = [] if self.reason else self.where.split(" ; ")


@functools.cache
def rows(contract):
    index = TESTS / "conformance" / contract / "cases.tsv"
    return [Row(line) for line in index.read_text().splitlines()
            if not line.startswith("#")]


def is_named(test, node):
    """Whether an index means this test of pytest's."""
    rest = node.removeprefix(test)
    return node.startswith(test) and (
        rest == "" or rest[0] == "[" or test[-1] == "-")


@functools.cache
def by_function():
    """{file::function: [(test, id)]}"""
    found = {}
    for contract in CONTRACTS:
        for row in rows(contract):
            for test in row.tests:
                found.setdefault(test.split("[")[0], []).append(
                    (test, row.id))
    return found


def ids_of(node):
    """The rows a test is for."""
    return {row for test, row in by_function().get(node.split("[")[0], ())
            if is_named(test, node)}


def collect(*arguments):
    """The tests there are, as pytest names them."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "-o",
         "addopts=-p no:cacheprovider", *arguments],
        capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return [line for line in done.stdout.splitlines() if "::" in line]


def is_there(test, collected):
    if not test.startswith("unit/"):
        return any(is_named(test, node) for node in collected)
    path, name = test.split("::")
    return (TESTS / path).is_file() and f"({name})" in (
        TESTS / path).read_text()


def lost(contract):
    """(id, test) of those that do not exist."""
    collected = collect(TESTS / "integration")
    return [(row.id, test) for row in rows(contract) for test in row.tests
            if not is_there(test, collected)]


def check_reasons(contract, root):
    """Every row says something; a document is there; a manual says what is
    different."""
    for row in rows(contract):
        assert row.what and (row.tests or row.reason), row.id
        if row.differs:
            page = re.sub(r"\((\d)\)$", r".\1", row.differs)
            [path] = root.glob(f"src/*/*/{page}")
            assert ".Sh DIFFERENCES FROM QMAIL\n" in path.read_text(), row.id
        for name in re.findall(r"doc/[a-z]+\.md", row.where):
            assert (root / name).is_file()
