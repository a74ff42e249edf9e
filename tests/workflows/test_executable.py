"""The executable bit, as Git keeps it: staged, committed, shown as a change, and back at every checkout."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlm.adapters.repo import open_repo
from mlm.memory.repo import memory_repo
from mlm.ports.repo import Repo
from mlm.workflows.add import add
from mlm.workflows.checkout import checkout
from mlm.workflows.restore import restore
from mlm.workflows.rm import rm
from mlm.workflows.show import show
from mlm.workflows.status import MODIFIED, Change, status
from tests.committing import commit

TOML = b'[asset]\nname = "x"\nversion = "1.0.0"\nkind = "algorithm"\n'
RUN = "run.sh"


@pytest.fixture(params=["disk", "memory"])
def repo(request: pytest.FixtureRequest, tmp_path: Path) -> Repo:
    repo = open_repo(tmp_path) if request.param == "disk" else memory_repo()
    repo.refs.create("main")
    repo.tree.write("mlm.toml", [TOML])
    repo.tree.write(RUN, [b"#!/bin/sh\n"])
    save(repo, 1)
    return repo


def save(repo: Repo, now: int) -> None:
    add(repo, [""])
    commit(repo, None, "message", "alice", now)


def set_bit(repo: Repo, on: bool) -> None:
    repo.tree.write(RUN, [b"#!/bin/sh\n"], executable=on)


def is_set(repo: Repo) -> bool:
    stat = repo.tree.stat(RUN)
    assert stat is not None
    return stat.executable


def test_a_life(repo: Repo) -> None:
    plain = show(repo)
    assert (is_set(repo), [file.executable for file in plain.files]) == (False, [False, False])
    set_bit(repo, True)
    assert status(repo).changed == (Change(MODIFIED, RUN),)
    assert add(repo, [""]).staged == (RUN,)
    assert status(repo).staged == (Change(MODIFIED, RUN),)
    save(repo, 2)
    found = show(repo)
    assert status(repo).clean
    assert (found.tree, found.changes) == (plain.tree, (Change(MODIFIED, RUN),))
    assert [file.path for file in found.files if file.executable] == [RUN]
    checkout(repo, "HEAD~1")
    assert not is_set(repo) and status(repo).clean
    assert checkout(repo, "main").written == (RUN,)
    assert is_set(repo) and status(repo).clean


def test_restoring_it(repo: Repo) -> None:
    set_bit(repo, True)
    assert restore(repo, [RUN]).restored == (RUN,)
    assert not is_set(repo)
    set_bit(repo, True)
    add(repo, [""])
    assert restore(repo, [RUN], staged=True).restored == (RUN,)
    assert status(repo).staged == () and status(repo).changed == (Change(MODIFIED, RUN),)
    assert restore(repo, [RUN], source="HEAD").restored == (RUN,)
    assert not is_set(repo) and status(repo).clean


def test_a_bit_that_is_not_staged_is_a_change_that_would_be_lost(repo: Repo) -> None:
    from mlm.core.errors import StateConflict

    set_bit(repo, True)
    with pytest.raises(StateConflict, match="changes that are not staged"):
        rm(repo, [RUN])
    save(repo, 2)
    set_bit(repo, False)
    repo.tree.write("other", [b"x"])
    # The two commits differ in nothing but the bit, and the file is as one of them has it.
    assert checkout(repo, "HEAD~1").removed == ()
    assert not is_set(repo)


def test_diff_shows_it(repo: Repo) -> None:
    from mlm.workflows.diff import FileChange, diff

    set_bit(repo, True)
    (found,) = diff(repo).files
    assert found == FileChange(MODIFIED, RUN, 10, 10, executable=True)
    save(repo, 2)
    assert diff(repo).files == ()
    (found,) = diff(repo, ["HEAD", "HEAD~1"]).files
    assert (found.path, found.executable) == (RUN, False)
