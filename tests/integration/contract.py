"""The index of a contract: which test shows which of its rows.

Lines of tests/conformance/queue/cases.tsv; its head says what they mean.
"""
import functools
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
INDEX = TESTS / "conformance/queue/cases.tsv"
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
def rows():
    return [Row(line) for line in INDEX.read_text().splitlines()
            if not line.startswith("#")]


def is_named(test, node):
    """Whether the index means this test of pytest's."""
    rest = node.removeprefix(test)
    return node.startswith(test) and (
        rest == "" or rest[0] == "[" or test[-1] == "-")


@functools.cache
def by_function():
    """{file::function: [(test, id)]}"""
    found = {}
    for row in rows():
        for test in row.tests:
            found.setdefault(test.split("[")[0], []).append((test, row.id))
    return found


def ids_of(node):
    """The rows a test is for."""
    return {row for test, row in by_function().get(node.split("[")[0], ())
            if is_named(test, node)}
