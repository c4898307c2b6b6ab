"""What all integration tests share."""
import atexit
import os
import shutil
import tempfile

import pytest

import contract
from facteur import ROOT, Instance, Programs


@pytest.fixture(autouse=True)
def same_folder():
    """No test is left in a folder that another removed."""
    os.chdir(ROOT)
    yield
    os.chdir(ROOT)


def pytest_configure(config):
    """Folders of this run alone: pytest takes from others the right to enter
    its own, and another run at the same time would do so under our feet."""
    config.own_temp = tempfile.mkdtemp(prefix="facteur-tests.")
    os.chmod(config.own_temp, 0o755)
    # after pytest's own cleaning, which is registered later
    atexit.register(shutil.rmtree, config.own_temp, ignore_errors=True)
    os.environ["PYTEST_DEBUG_TEMPROOT"] = config.own_temp


def pytest_itemcollected(item):
    """pytest -k case33 finds what the index of a contract names so."""
    name = item.nodeid.partition("::")[2]
    item.extra_keyword_matches.update(
        contract.ids_of(f"{item.path.name}::{name}"))


@pytest.fixture
def instance(tmp_path):
    """A running private system."""
    with Instance(tmp_path) as box:
        yield box


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failed test shows the logs of its system."""
    report = (yield).get_result()
    box = getattr(item, "funcargs", {}).get("instance")
    if report.when == "call" and report.failed and box is not None:
        report.sections.append(("logs of the instance", box.all_logs()))


def pytest_sessionfinish(session):
    Programs.forget()
