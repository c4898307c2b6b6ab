"""What all integration tests share."""
import pytest

from facteur import Instance, Programs


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
