"""docs/complaints.md: every row names where the complaint stands, and a test that passes.

In a whole run the named tests have run before: tests/outcomes.py puts this file last. Those that have not, because only
a part was asked for, are run here in a pytest of their own.
"""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import outcomes as run

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "complaints.md"
NAMED_BY_THE_DESIGN = {
    "btcli#947", "bittensor#1942", "akash-network/support#403", "iexec-sdk#128", "ezkl#767", "ezkl#233", "foundry#8606",
}  # fmt: skip


@dataclass(frozen=True)
class Row:
    """A complaint: id, what people say, where (repository#number), what mlm does, and the test's node id."""

    id: str
    complaint: str
    source: str
    answer: str
    test: str


def rows() -> list[Row]:
    """The table's."""
    lines = re.findall(r"^\| (C\d+) \|(.*)\|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    return [Row(name, *(cell.strip() for cell in rest.split(" | "))) for name, rest in lines]


ROWS = rows()
IDS = [row.id for row in ROWS]


def test_the_table_is_whole() -> None:
    assert len(ROWS) >= 15 and [f"C{number:02}" for number in range(1, len(ROWS) + 1)] == IDS
    sources = " ".join(row.source for row in ROWS)
    missing = {source for source in NAMED_BY_THE_DESIGN if source not in sources}
    assert not missing, f"docs/complaints.md has no row for {missing}"


@pytest.mark.parametrize("row", ROWS, ids=IDS)
def test_a_row_says_where_and_what(row: Row) -> None:
    assert re.fullmatch(r"([\w.-]+/)?[\w.-]+#\d+(, ([\w.-]+/)?[\w.-]+#\d+)*", row.source), row.source
    assert len(row.complaint) > 10 and len(row.answer) > 10
    assert re.fullmatch(r"`tests/[\w/]+\.py::test_\w+`", row.test), row.test
    path, _, name = row.test.strip("`").partition("::")
    assert re.search(rf"^def {name}\(", (ROOT / path).read_text(encoding="utf-8"), re.MULTILINE), f"no {row.test}"


@pytest.fixture(scope="session")
def outcomes() -> dict[str, set[str]]:
    """What the named tests came to; those that this run left out are run now."""
    names = {row.test.strip("`") for row in ROWS}
    found = run.of(names)
    left = sorted(names - found.keys())
    if left:
        command = [sys.executable, "-m", "pytest", "-q", "-rA", "--tb=short", "-p", "no:cacheprovider", *left]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=1200, check=False)
        for word, nodeid in re.findall(r"^(PASSED|FAILED|ERROR) (tests/[^\s\[]+)", done.stdout, re.MULTILINE):
            found.setdefault(nodeid, set()).add("passed" if word == "PASSED" else "failed")
        assert found.keys() >= set(left), done.stdout[-3000:] + done.stderr[-1000:]
    return found


@pytest.mark.parametrize("row", ROWS, ids=IDS)
def test_its_test_passes(row: Row, outcomes: dict[str, set[str]]) -> None:
    """A case may be skipped where its Python or device is missing, when another case has passed."""
    found = outcomes[row.test.strip("`")]
    assert "passed" in found and "failed" not in found, f"{row.id}: {row.test} {found}"
