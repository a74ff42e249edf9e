"""What checkout, rm and restore must not lose: the only sound copy of a file, and what is changed while they write."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlm.adapters.repo import open_repo
from mlm.core.cid import RAW, Cid
from mlm.core.errors import InvalidData, NotFound, StateConflict
from mlm.memory.blocks import MemoryBlocks
from mlm.memory.repo import memory_repo
from mlm.ports.repo import Repo
from mlm.workflows.add import add
from mlm.workflows.checkout import checkout
from mlm.workflows.restore import restore
from mlm.workflows.rm import rm
from mlm.workflows.status import status
from tests.workflows.test_history import files, save
from tests.workflows.test_repository import PROJECT, write

FIRST, SECOND, NEW = b"a as it was at first", b"a as it is now", b"a file that main lacks"


@pytest.fixture(params=["disk", "memory"])
def repo(request: pytest.FixtureRequest, tmp_path: Path) -> Repo:
    """main: `a` and `b`; exp (checked out), where both are changed, and `new` is there."""
    repo = open_repo(tmp_path / "project") if request.param == "disk" else memory_repo()
    repo.refs.create("main")
    write(repo, "mlm.toml", PROJECT)
    write(repo, "a", FIRST)
    write(repo, "b", b"one")
    save(repo, "first", 1)
    checkout(repo, make="exp")
    for path, data in {"a": SECOND, "b": b"two", "new": NEW}.items():
        write(repo, path, data)
    save(repo, "second", 2)
    return repo


def damage(repo: Repo, folder: Path, data: bytes) -> None:
    """Other bytes where a block is stored."""
    if isinstance(repo.objects, MemoryBlocks):
        repo.objects.blocks[Cid.of(RAW, data)] = b"damaged"
        return
    (pack,) = (path for path in folder.glob("project/.mlm/objects/*.car") if data in path.read_bytes())
    pack.write_bytes(pack.read_bytes().replace(data, bytes(len(data))))


@pytest.mark.parametrize(("path", "data"), [("a", SECOND), ("new", NEW)])
def test_checkout_keeps_the_only_sound_copy(repo: Repo, tmp_path: Path, path: str, data: bytes) -> None:
    damage(repo, tmp_path, data)
    before = files(repo)
    with pytest.raises(InvalidData, match=f"^{path} is kept, .*damaged") as raised:
        checkout(repo, "main")
    assert f"mlm add {path}" in raised.value.hint
    assert (files(repo), repo.refs.head().branch) == (before, "exp")
    # What the hint says helps: the file is stored again, though nothing about it has changed.
    assert add(repo, [path]).new_blocks == 1
    checkout(repo, "main")
    assert files(repo)["a"] == FIRST and "new" not in files(repo)
    checkout(repo, "exp")
    assert files(repo) == before and status(repo).clean


def test_rm_keeps_the_only_sound_copy(repo: Repo, tmp_path: Path) -> None:
    damage(repo, tmp_path, NEW)
    with pytest.raises(InvalidData, match="^new is kept"):
        rm(repo, ["a", "new"])
    assert files(repo)["new"] == NEW and files(repo)["a"] == SECOND
    rm(repo, ["new"], force=True)
    assert "new" not in files(repo)


def test_restore_keeps_the_only_sound_copy(repo: Repo, tmp_path: Path) -> None:
    damage(repo, tmp_path, SECOND)
    with pytest.raises(InvalidData, match="^a is kept"):
        restore(repo, ["a", "b"], source="main")
    assert files(repo)["a"] == SECOND and files(repo)["b"] == b"two"
    write(repo, "a", b"a change that is given up")
    with pytest.raises((InvalidData, NotFound)):
        restore(repo, ["a"])
    assert restore(repo, ["a"], source="main").restored == ("a",)


def test_blocks_that_were_taken_out_are_stored_again(repo: Repo, tmp_path: Path) -> None:
    damage(repo, tmp_path, SECOND)
    assert repo.objects.drop_damaged() == 1
    assert add(repo, [""]).new_blocks == 1
    checkout(repo, "main")
    checkout(repo, "exp")
    assert files(repo)["a"] == SECOND


def test_what_is_changed_while_checkout_writes_is_kept(repo: Repo) -> None:
    """Writing takes minutes; whatever was looked at before may have been changed since."""

    def meanwhile(done: int, total: int, path: str) -> None:
        if path == "b":
            write(repo, "b", b"mine")

    with pytest.raises(StateConflict, match="b was changed meanwhile"):
        checkout(repo, "main", progress=meanwhile)
    assert files(repo)["b"] == b"mine" and repo.refs.head().branch == "exp"
    with pytest.raises(StateConflict, match="overwrite changes of b"):
        checkout(repo, "main")
    restore(repo, ["b"])
    checkout(repo, "main")
    assert files(repo) == {"mlm.toml": PROJECT, "a": FIRST, "b": b"one"} and status(repo).clean


def test_what_comes_while_checkout_writes_is_kept(repo: Repo) -> None:
    checkout(repo, "main")

    def meanwhile(done: int, total: int, path: str) -> None:
        if path == "b":
            write(repo, "new", b"mine")

    with pytest.raises(StateConflict, match="new was changed meanwhile"):
        checkout(repo, "exp", progress=meanwhile)
    assert files(repo)["new"] == b"mine"
