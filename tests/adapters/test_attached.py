"""A file that stays attached: whoever else writes it is let in, and seen."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mlm.adapters.state import DuckState, attached
from mlm.core.errors import StorageError
from tests.command_line import ROOT

WRITE = """
import os, sys
from pathlib import Path
from mlm.adapters.state import DuckState
from mlm.adapters.state.duckdb import _mark, attached
path, how, value = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
if how == "whole":
    DuckState(path, lock_timeout=0.0).mark(value=value)
elif how == "rebuilt":
    path.unlink()
    DuckState(path).mark(value=value)
else:  # killed before what it has committed lies in the file itself
    found = attached.kept(path)
    found.write(lambda: None)
    _mark(found.con, {"value": value})
    os._exit(0)
"""


def write(path: Path, how: str, value: int) -> None:
    """Mark a value, in another process."""
    arguments = [sys.executable, "-c", WRITE, str(path), how, str(value)]
    subprocess.run(arguments, check=True, env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=60)


def marked(state: DuckState) -> dict[str, str]:
    """What is marked."""
    return {row["name"]: row["value"] for row in state.query("marks")}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """An index that this process has looked at."""
    path = tmp_path / "state.duckdb"
    state = DuckState(path)
    state.mark(value=0)
    assert marked(state) == {"value": "0"}
    return path


@pytest.mark.parametrize("how", ["whole", "killed", "rebuilt"])
def test_what_another_process_writes_is_seen(path: Path, how: str) -> None:
    state = DuckState(path)
    for value in (1, 2):
        write(path, how, value)
        assert marked(state) == {"value": str(value)} == marked(state)
        assert DuckState(path).head() is None
    assert path.with_name("state.duckdb.wal").exists() == (how == "killed")
    state.mark(value=3)
    assert marked(state) == {"value": "3"} and not path.with_name("state.duckdb.wal").exists()


def test_it_is_attached_once_for_many_looks(path: Path) -> None:
    found = attached.kept(path)
    assert not found.read(lambda: None)
    found.rest()
    write(path, "whole", 1)
    assert found.read(lambda: None)
    found.rest()
    assert not found.read(lambda: None)
    found.rest()


def test_every_write_shows_in_the_headers(path: Path) -> None:
    seen = set()
    for value in range(20):
        DuckState(path).mark(value=value)
        seen.add(path.read_bytes()[: attached.HEADERS])
    assert len(seen) == 20


def test_while_another_process_writes_nobody_looks(path: Path) -> None:
    hold = "import sys; from pathlib import Path; from mlm.adapters.state import attached\n"
    hold += "found = attached.kept(Path(sys.argv[1])); found.write(lambda: None)\n"
    hold += "print('held', flush=True); sys.stdin.read(); found.rest()"
    holder = subprocess.Popen(
        [sys.executable, "-c", hold, str(path)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None and holder.stdout.readline() == "held\n"
    try:
        with pytest.raises(StorageError, match="locked by another process"):
            DuckState(path, lock_timeout=0.2).head()
    finally:
        holder.communicate()
    assert marked(DuckState(path, lock_timeout=0.2)) == {"value": "0"}


def test_a_file_that_takes_its_place_is_seen(path: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.duckdb"
    shutil.copyfile(path, other)
    DuckState(other).mark(value=5)
    state = DuckState(path)
    assert marked(state) == {"value": "0"}
    os.replace(other, path)
    assert marked(state) == {"value": "5"}
    path.unlink()
    assert marked(state) == {}
