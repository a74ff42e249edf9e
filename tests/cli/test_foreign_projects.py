"""What lies in the .mlm of a project that somebody else made: its index and journal must not read files, or sign."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from mlm.adapters.state import DuckState, attached
from mlm.cli.context import Session
from mlm.cli.wiring import journal_folder
from mlm.core.errors import StorageError


def test_an_index_whose_views_read_files(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    state = DuckState(tmp_path / "state.duckdb")
    assert state.query("marks") == []
    attached.forget(tmp_path / "state.duckdb")  # one instance of a process has a file
    with duckdb.connect(str(tmp_path / "state.duckdb")) as con:
        con.execute(f"create or replace view marks as select content as name, '' as value from read_text('{secret}')")
    with pytest.raises(StorageError, match="disabled"):
        state.query("marks")


def test_a_journal_that_came_with_the_project_is_not_ours(tmp_path: Path) -> None:
    """`mlm op resume` signs what a journal says."""
    home = tmp_path / "home"
    folders = []
    for name in ("a", "b"):
        (tmp_path / name / ".mlm" / "journal").mkdir(parents=True)
        folders.append(journal_folder(Session(env={"MLM_HOME": str(home)}, cwd=tmp_path / name)))
    assert folders[0] != folders[1]
    assert all(folder.is_relative_to(home) for folder in folders)
    assert journal_folder(Session(env={"MLM_HOME": str(home)}, cwd=tmp_path)) == home / "journal"
