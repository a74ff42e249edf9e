"""What each test of this run came to, for test_complaints.py, which judges the table of complaints at the end."""

from __future__ import annotations

import pytest

JUDGE = "test_complaints.py"
OUTCOMES: dict[str, set[str]] = {}  # by node id without parameters: passed, failed, skipped


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The judge comes last, when the tests that it asks about have run."""
    items.sort(key=lambda item: item.path.name == JUDGE)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """A test passed when its call did; a failure or skip of its set-up, or a failure of its end, is its own."""
    if report.when == "call" or report.outcome != "passed":
        OUTCOMES.setdefault(function(report.nodeid), set()).add(report.outcome)


def function(nodeid: str) -> str:
    """The node id of a test function, whatever its parameters."""
    return nodeid.partition("[")[0]
