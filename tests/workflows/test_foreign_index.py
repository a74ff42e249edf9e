"""An index that came with somebody else's project, and says that it holds the files of the last commit."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from mlm.adapters.repo import open_repo
from mlm.core.cid import RAW, Cid
from mlm.ports.repo import Repo
from mlm.workflows.add import add
from mlm.workflows.fsck import fsck
from mlm.workflows.status import Change, status
from tests.committing import ports_of
from tests.workflows.test_history import save
from tests.workflows.test_repository import PROJECT, write

EVIL = b"evil()"


@pytest.fixture
def theirs(tmp_path: Path) -> Repo:
    """A copy, as tar makes one, of a project whose train.py is another than in its commit, and staged so."""
    root = tmp_path / "theirs"
    repo = open_repo(root)
    repo.refs.create("main")
    write(repo, "mlm.toml", PROJECT)
    write(repo, "train.py", b"train()")
    head = save(repo, "first", 1)
    write(repo, "train.py", EVIL)
    add(repo, [""])
    with repo.index.edit() as entries:
        for path, entry in list(entries.items()):
            entries[path] = entry._replace(settled=True)
        entries.commit = head
    shutil.copytree(root, tmp_path / "mine")
    for path in (tmp_path / "mine").iterdir():  # what a copy can set
        os.utime(path, ns=((root / path.name).stat().st_mtime_ns,) * 2)
    return open_repo(tmp_path / "mine")


DIFFERS = (Change("modified", "train.py"),)


def test_status_does_not_believe_it(theirs: Repo) -> None:
    for _ in range(2):
        found = status(theirs)
        assert (found.clean, found.staged) == (False, DIFFERS)


@pytest.mark.parametrize("path", ["", "mlm.toml"])
def test_nor_after_some_of_it_was_staged_anew(theirs: Repo, path: str) -> None:
    add(theirs, [path])
    for _ in range(2):
        assert status(theirs).staged == DIFFERS


def test_fsck_names_it(theirs: Repo) -> None:
    found = fsck(ports_of(theirs))
    assert [(fault.what, fault.name) for fault in found.faults] == [("damaged", "index")]
    assert "does not" in found.faults[0].why and any("delete .mlm/index" in line for line in found.advice)


def test_what_was_found_here_is_believed(theirs: Repo, tmp_path: Path) -> None:
    """It saves reading the commit's tree, which is why it is kept: without that tree's blocks it is still known."""
    write(theirs, "train.py", b"train()")
    add(theirs, [""])
    assert status(theirs).clean
    index = theirs.index.load()
    assert index.commit == theirs.refs.head().commit
    assert Cid.of(RAW, EVIL) not in {entry.cid for entry in index.values()}
    for path in tmp_path.glob("mine/.mlm/objects/*"):
        path.unlink()
    assert status(theirs).clean
