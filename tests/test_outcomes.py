"""Which files one process runs (tests/outcomes.py)."""

from __future__ import annotations

import re

from tests.command_line import ROOT
from tests.outcomes import LONGEST, TOGETHER, scope


def test_files_are_there_and_in_one_place() -> None:
    files = [file for files in TOGETHER.values() for file in files]
    assert len(files) == len(set(files)) and len(LONGEST) == len(set(LONGEST))
    assert not [file for file in (*files, *LONGEST) if not (ROOT / file).is_file()]
    assert scope("tests/ports/test_runner.py::test_a[x::y]") == scope("tests/adapters/test_ray.py::test_b")
    assert scope("tests/core/test_job.py::test_c") == "tests/core/test_job.py"


def test_one_cluster_serves_all_that_ask_for_one() -> None:
    asking = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "tests").rglob("test_*.py")
        if re.search(r"\bray_nodes\b", path.read_text(encoding="utf-8")) and path.name != "test_outcomes.py"
    }
    assert asking == set(TOGETHER["a Ray cluster"])
