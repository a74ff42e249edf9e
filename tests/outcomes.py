"""The order of a run's files, and what each of its tests came to, for test_complaints.py, which judges at the end.

Tests may run in several processes (`make test`): each writes what its tests came to into a file that all can read.
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling

JUDGE = "test_complaints.py"
# Files that take half a minute of a processor or more. Begun last, one would run on while the other process is idle.
LONGEST = (
    "tests/devnet/test_forge.py",
    "tests/devnet/test_batch_rounds.py",
    "tests/e2e/test_kills.py",
    "tests/e2e/test_soak.py",
    "tests/test_installed.py",
    "tests/lowering/test_models.py",
    "tests/cli/test_examples.py",
    "tests/e2e/test_worker.py",
    "tests/bad/test_cases.py",
    "tests/e2e/test_redundant.py",
    "tests/e2e/test_history_kills.py",
    "tests/e2e/test_disputes.py",
    "tests/e2e/test_sessions.py",
    "tests/e2e/test_tee.py",
    "tests/e2e/test_reports.py",
    "tests/e2e/test_audits.py",
    "tests/e2e/test_watcher_games.py",
    "tests/e2e/test_pipeline.py",
    "tests/e2e/test_wait.py",
    "tests/e2e/test_beacon.py",
    "tests/networks/test_tokens.py",
    "tests/e2e/test_auctions.py",
    "tests/cli/test_json.py",
    "tests/e2e/test_demo.py",
    "tests/e2e/test_by_hand.py",
    "tests/adapters/test_ezkl.py",
    "tests/cli/test_diff.py",
    "tests/adapters/test_ray.py",
    "tests/e2e/test_fates.py",
    "tests/devnet/test_kills.py",
    "tests/devnet/test_shipped.py",
    "tests/devnet/test_fault_proofs.py",
)
# Files that share what takes seconds to start: one process runs them all.
TOGETHER = {
    "a Ray cluster": (
        "tests/e2e/test_worker.py",
        "tests/adapters/test_ray.py",
        "tests/ports/test_prover.py",
        "tests/ports/test_runner.py",
    ),
    "two chains": (
        "tests/networks/test_deploy.py",
        "tests/networks/test_failover.py",
        "tests/networks/test_fees.py",
        "tests/networks/test_foreign_project.py",
        "tests/networks/test_refusal.py",
        "tests/networks/test_spine.py",
    ),
}
_SCOPE = {file: name for name, files in TOGETHER.items() for file in files}
_RANK = {name: rank for rank, name in enumerate(LONGEST)}
OUTCOMES: dict[str, set[str]] = {}  # by node id without parameters: passed, failed, skipped
COLLECTED: set[str] = set()  # the test functions of this run, in whichever process
RUN = os.environ.get("PYTEST_XDIST_TESTRUNUID", "")  # the same in all processes of a run; empty: there is one process
SECONDS = 1200  # that the judge waits for the others


class _Scheduling(LoadFileScheduling):
    """File by file, and those TOGETHER."""

    def _split_scope(self, nodeid: str) -> str:
        return scope(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Which tests a process runs, where there are several."""
    return _Scheduling(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files come first; the judge last, when the tests that it asks about have run, or are about to."""
    items.sort(key=lambda item: (item.path.name == JUDGE, _RANK.get(item.nodeid.partition("::")[0], len(LONGEST))))
    COLLECTED.update(function(item.nodeid) for item in items)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """A test passed when its call did; a failure or skip of its set-up, or a failure of its end, is its own."""
    if report.when == "call" or report.outcome != "passed":
        OUTCOMES.setdefault(function(report.nodeid), set()).add(report.outcome)
    if RUN and report.when == "teardown":
        seen = function(report.nodeid)
        with _file(os.environ["PYTEST_XDIST_WORKER"]).open("a") as file:
            file.write(f"{seen} {','.join(sorted(OUTCOMES[seen]))}\n")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """The process that started the others, which is the last to end, removes what they wrote."""
    starter = session.config.pluginmanager.get_plugin("dsession")
    if starter is not None:
        for path in Path(tempfile.gettempdir()).glob(f"mlm-outcomes-{starter.nodemanager.testrunuid}-*"):
            path.unlink()


def of(names: set[str]) -> dict[str, set[str]]:
    """What these tests came to, so far as they are part of this run; waits for other processes, but not for ever."""
    end = time.monotonic() + SECONDS
    while (missing := (names & COLLECTED) - OUTCOMES.keys()) and RUN and time.monotonic() < end:
        for path in Path(tempfile.gettempdir()).glob(f"mlm-outcomes-{RUN}-*"):
            for line in path.read_text().splitlines():
                name, _, outcomes = line.rpartition(" ")
                OUTCOMES.setdefault(name, set()).update(outcomes.split(","))
        if missing - OUTCOMES.keys():
            time.sleep(1)
    return {name: OUTCOMES[name] for name in names & OUTCOMES.keys()}


def scope(nodeid: str) -> str:
    """What one process runs: the name of its file, or of what this shares with others."""
    file = nodeid.partition("::")[0]
    return _SCOPE.get(file, file)


def function(nodeid: str) -> str:
    """The node id of a test function, whatever its parameters."""
    return nodeid.partition("[")[0]


def _file(worker: str) -> Path:
    return Path(tempfile.gettempdir()) / f"mlm-outcomes-{RUN}-{worker}"
