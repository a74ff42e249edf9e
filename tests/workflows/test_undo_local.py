"""A commit is journalled like everything else: killed anywhere it is resumed, and `op undo` takes it back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mlm.adapters.repo import open_repo
from mlm.core.errors import StateConflict
from mlm.core.plan import Move, frozen, thawed
from mlm.memory.repo import memory_repo
from mlm.ports.bundle import Ports
from mlm.ports.repo import Repo
from mlm.workflows import op
from mlm.workflows.add import add
from mlm.workflows.apply import execute
from mlm.workflows.commit import OPERATION, CommitParams
from mlm.workflows.op_undo import undo
from mlm.workflows.status import status
from tests.committing import ports_of

PROJECT = b'[asset]\nname = "thing"\nversion = "1.0.0"\nkind = "dataset"\n'
COMPENSATIONS = {"commit": "unused: nothing of it stands"}


@pytest.fixture(params=["disk", "memory"])
def ports(request: pytest.FixtureRequest, tmp_path: Path) -> Ports:
    repo = open_repo(tmp_path / "project") if request.param == "disk" else memory_repo()
    repo.refs.create("main")
    return ports_of(repo)


def save(ports: Ports, content: bytes, message: str = "message") -> Any:
    ports.repo.tree.write("mlm.toml", [PROJECT])
    ports.repo.tree.write("data.bin", [content])
    add(ports.repo, [""])
    return execute(ports, OPERATION, CommitParams(message, "alice")).result


def tip(repo: Repo) -> Any:
    return repo.refs.head().commit


def test_undo_moves_the_branch_back_and_keeps_what_was_staged(ports: Ports) -> None:
    first = save(ports, b"one")
    second = save(ports, b"two")
    assert tip(ports.repo) == second.commit
    found = undo(ports, "000002", COMPENSATIONS)
    assert [step.state for step in found.steps] == ["stays stored", "taken back"]
    assert (found.outcome, found.next, tip(ports.repo)) == ("undone", None, first.commit)
    assert [change.path for change in status(ports.repo).staged] == ["data.bin"]
    assert execute(ports, OPERATION, CommitParams("again", "alice")).result.branch == "main"


def test_undo_of_the_first_commit_leaves_an_empty_branch(ports: Ports) -> None:
    save(ports, b"one")
    undo(ports, "000001", COMPENSATIONS)
    assert (ports.repo.refs.head().branch, tip(ports.repo), ports.repo.refs.all()) == ("main", None, {})


def test_an_older_commit_is_not_undone_below_a_newer_one(ports: Ports) -> None:
    save(ports, b"one")
    second = save(ports, b"two")
    with pytest.raises(StateConflict, match="the ref heads/main is at .*, expected"):
        undo(ports, "000001", COMPENSATIONS)
    assert tip(ports.repo) == second.commit
    undo(ports, "000002", COMPENSATIONS)
    undo(ports, "000001", COMPENSATIONS)
    assert tip(ports.repo) is None


def test_on_a_commit_by_itself_head_moves(ports: Ports) -> None:
    first = save(ports, b"one")
    ports.repo.refs.set_head(first.commit)
    second = save(ports, b"two")
    assert (ports.repo.refs.head().branch, tip(ports.repo)) == (None, second.commit)
    undo(ports, "000002", COMPENSATIONS)
    assert tip(ports.repo) == first.commit and ports.repo.refs.all() == {"heads/main": first.commit}


class Killed(BaseException):
    """The process is gone."""


@pytest.mark.parametrize(("name", "at"), [("record", 1), ("record", 2), ("close", 1)])
def test_killed_before_any_journal_write_it_is_resumed(ports: Ports, name: str, at: int) -> None:
    journal, seen = ports.journal, 0
    act: Callable[..., Any] = getattr(journal, name)

    def dying(*args: Any) -> Any:
        nonlocal seen
        seen += 1
        if seen >= at:
            raise Killed
        return act(*args)

    journal.close = lambda *_: None  # type: ignore[method-assign]  # a dead process writes no last word
    setattr(journal, name, dying)
    with pytest.raises(Killed):
        save(ports, b"one")
    for method in {"close", name}:
        delattr(journal, method)
    assert op.show(ports, "000001").outcome is None
    op.resume(ports, "000001")
    assert op.show(ports, "000001").outcome == "done" and status(ports.repo).clean
    undo(ports, "000001", COMPENSATIONS)
    assert tip(ports.repo) is None


def test_a_move_that_a_kill_left_unrecorded_is_taken_back(ports: Ports) -> None:
    first = save(ports, b"one")
    journal = ports.journal
    act: Callable[..., Any] = journal.record

    def dying(op: str, step: int, entry: dict[str, Any]) -> None:
        if "moved" in entry:
            raise Killed
        act(op, step, entry)

    journal.record, journal.close = dying, lambda *_: None  # type: ignore[method-assign]
    with pytest.raises(Killed):
        save(ports, b"two")
    del journal.record, journal.close
    found = undo(ports, "000002", COMPENSATIONS)
    assert [step.state for step in found.steps] == ["stays stored", "taken back"] and tip(ports.repo) == first.commit


def test_two_commits_at_once_on_a_commit_by_itself_do_not_lose_one(ports: Ports) -> None:
    first = save(ports, b"one")
    ports.repo.refs.set_head(first.commit)
    with pytest.raises(StateConflict, match="HEAD is at"):
        ports.repo.refs.set("HEAD", first.tree, expected=first.manifest)
    with pytest.raises(StateConflict, match="HEAD is at|the ref HEAD is at"):
        ports.repo.refs.set("HEAD", None, first.commit)
    assert tip(ports.repo) == first.commit


def test_a_move_survives_the_journal(ports: Ports) -> None:
    made = save(ports, b"one").commit
    for step in (Move("t", "heads/main", None, made), Move("t", "HEAD", made, None)):
        assert thawed(frozen(step, lambda call: b"", lambda name: "")) == step
