"""System calls and allocations of the queue's programs fail, or kill.

A sample of each sweep of tests/fault; `make fault` does all of them.
"""
import random
import sys
import tempfile

import pytest

from rig import ROOT

sys.path.insert(0, str(ROOT / "tests/fault"))

import sweep  # noqa: E402

SAMPLES = 15


@pytest.fixture(scope="module")
def tools():
    with tempfile.TemporaryDirectory(prefix="facteur-fault-") as folder:
        yield sweep.build(folder)


@pytest.mark.parametrize("name", sweep.PAIRS)
def test_sweep(tools, name):
    seed = random.randrange(2**32)
    said = []
    s = sweep.Sweep(name, tools, said.append)
    try:
        s.sample(SAMPLES, random.Random(seed))
    finally:
        s.close()
    assert not said, f"seed {seed}, {s.line()}"
