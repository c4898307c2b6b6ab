"""Every oracle case of contract local.md has its test:
tests/conformance/local/cases.tsv is complete."""
import pytest

from contract import TESTS, check_reasons, collect, is_named, lost, rows
from facteur import ROOT
from localrig import FORMS

CASES = 84
# of qmail-local itself: through both of its forms
LOCAL = 52
# programs that are still to come
MISSING = {79, 84}


def test_no_row_is_missing():
    want = [f"l{n}" for n in range(1, CASES + 1) if n not in MISSING]
    assert [row.id for row in rows("local")] == want


def test_every_test_exists():
    assert lost("local") == []


def test_reasons_are_where_they_are_said_to_be():
    check_reasons("local", ROOT)


def test_both_forms():
    """The worker has no options: case 26 is not its own."""
    collected = collect(TESTS / "integration", "-k", "test_local_")
    for row in rows("local")[:LOCAL]:
        nodes = [node for node in collected for test in row.tests
                 if is_named(test, node)]
        for form in FORMS if row.id != "l26" else ():
            assert [n for n in nodes if f"[{form}" in n], (row.id, form)


@pytest.mark.parametrize("ident, count", [("l33", 2), ("l39", 30)])
def test_found_by_its_number(ident, count):
    """pytest -k l33"""
    found = collect("-k", ident, TESTS / "integration/test_local_forward.py")
    assert len(found) >= count
