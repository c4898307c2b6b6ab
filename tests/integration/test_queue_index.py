"""Every row of contract queue.md and every oracle case has its test, or the
reason why not: tests/conformance/queue/cases.tsv is complete."""
import pytest

from contract import TESTS, check_reasons, collect, lost, rows
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


def test_no_row_is_missing():
    want = [f"{section}-{n}" for section, count in ROWS.items()
            for n in range(1, count + 1)]
    want += [f"case{n}" for n in range(1, CASES + 1)]
    assert [row.id for row in rows("queue")] == want


def test_every_test_exists():
    assert lost("queue") == []


def test_reasons_are_where_they_are_said_to_be():
    check_reasons("queue", ROOT)


@pytest.mark.parametrize("ident, count", [("case33", 1), ("case29", 2),
                                          ("4.8-5", 20)])
def test_found_by_its_number(ident, count):
    """pytest -k case33"""
    found = collect("-k", ident,
                    TESTS / "integration/test_send_bounce.py",
                    TESTS / "integration/test_send_routes.py",
                    TESTS / "integration/test_send_log.py")
    assert len(found) >= count
