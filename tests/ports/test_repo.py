"""One suite over every implementation of ports.repo: index, refs and working tree."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from mlm.adapters.repo import open_repo
from mlm.core.cid import DAG_CBOR, RAW, Cid
from mlm.core.errors import InvalidData, NotFound, StateConflict, StorageError, UsageError
from mlm.core.unixfs import CHUNK
from mlm.memory.repo import memory_repo
from mlm.ports.repo import FILE, FOLDER, FileStat, Head, Repo, Staged

ONE, TWO = (Cid.of(DAG_CBOR, bytes([number])) for number in (1, 2))


@pytest.fixture(params=["disk", "memory"])
def repo(request: pytest.FixtureRequest, tmp_path: Path) -> Repo:
    repo = open_repo(tmp_path / "project") if request.param == "disk" else memory_repo()
    assert repo.refs.create("main")
    return repo


def content(repo: Repo, path: str) -> bytes:
    stat = repo.tree.stat(path)
    assert stat is not None
    return b"".join(repo.tree.read(stat))


def staged(path: str, number: int = 1) -> Staged:
    stat = FileStat(path, number, -5, 2**60, 2**63 + 1, 0o755)
    return Staged(Cid.of(RAW, bytes([number])), 2**50, stat, bool(number % 2))


def test_new_repository(repo: Repo) -> None:
    assert repo.refs.head() == Head("main", None)
    assert repo.refs.all() == {}
    assert repo.index.load() == {}
    assert not repo.refs.create("other")
    assert repo.refs.head().branch == "main"


def test_refs_move_only_from_where_they_are_expected(repo: Repo) -> None:
    repo.refs.set("heads/main", ONE, None)
    assert repo.refs.head() == Head("main", ONE)
    for expected in (None, TWO):
        with pytest.raises(StateConflict, match="heads/main"):
            repo.refs.set("heads/main", TWO, expected)
    repo.refs.set("heads/main", TWO, ONE)
    repo.refs.set("tags/v1.0.0", ONE, None)
    repo.refs.set("heads/feature/x", ONE, None)
    assert repo.refs.all() == {"heads/feature/x": ONE, "heads/main": TWO, "tags/v1.0.0": ONE}
    repo.refs.set("tags/v1.0.0", None, ONE)
    assert "tags/v1.0.0" not in repo.refs.all()
    with pytest.raises(NotFound):
        repo.refs.set("tags/v1.0.0", None, None)


def test_head_is_a_branch_or_a_commit(repo: Repo) -> None:
    repo.refs.set_head(ONE)
    assert repo.refs.head() == Head(None, ONE)
    repo.refs.set_head("other")
    assert repo.refs.head() == Head("other", None)


@pytest.mark.parametrize(
    "name", ["heads/../../x", "heads/", "heads/a b", "tags/-x", "other/x", "heads/a..b", "heads/x.lock", "heads/.x"]
)
def test_ref_names_that_could_be_misread(repo: Repo, name: str) -> None:
    with pytest.raises(UsageError):
        repo.refs.set(name, ONE, None)


def test_index_is_saved_unless_an_exception_leaves(repo: Repo) -> None:
    with repo.index.edit() as entries:
        entries["b/ü.bin"] = staged("b/ü.bin", 2)
        entries["a"] = staged("a")
    expected = {"a": staged("a"), "b/ü.bin": staged("b/ü.bin", 2)}
    assert repo.index.load() == expected
    with pytest.raises(RuntimeError), repo.index.edit() as entries:
        del entries["a"]
        raise RuntimeError
    assert repo.index.load() == expected


def test_index_is_held_by_one(repo: Repo) -> None:
    with repo.index.edit(), pytest.raises(StateConflict), repo.index.edit(timeout=0):
        pass
    with repo.index.edit(timeout=0):
        pass


def test_tree_writes_and_reads(repo: Repo) -> None:
    data = bytes(CHUNK) + b"tail"
    repo.tree.write("a/b/big.bin", iter([data[:10], data[10:]]))
    stat = repo.tree.stat("a/b/big.bin")
    assert stat is not None
    assert (stat.size, stat.kind) == (len(data), FILE)
    assert [len(piece) for piece in repo.tree.read(stat)] == [CHUNK, 4]
    assert content(repo, "a/b/big.bin") == data
    assert b"".join(repo.tree.read(stat, CHUNK)) == b"tail"
    assert b"".join(repo.tree.read(stat, CHUNK - 1)) == b"\0tail"
    assert list(repo.tree.read(stat, len(data))) == []
    folder = repo.tree.stat("a/b")
    assert folder is not None and folder.kind == FOLDER
    assert repo.tree.stat("a/c") is None
    assert repo.tree.stat("a/b/big.bin/x") is None
    repo.tree.remove("a/b/big.bin")
    assert repo.tree.stat("a") is None
    repo.tree.remove("a/b/big.bin")


def test_scan_leaves_out_what_is_ignored(repo: Repo) -> None:
    for path in ("a", "b/c", "b/d.tmp", "skip/x", "b/keep.tmp", "deep/er/f"):
        repo.tree.write(path, [path.encode()])
    repo.tree.write(".mlmignore", [b"*.tmp\nskip/\n"])
    repo.tree.write("b/.mlmignore", [b"!keep.tmp\n"])
    found = {stat.path for stat in repo.tree.scan()}
    assert found == {".mlmignore", "a", "b/.mlmignore", "b/c", "b/keep.tmp", "deep/er/f"}
    assert {stat.path for stat in repo.tree.scan("b")} == {"b/.mlmignore", "b/c", "b/keep.tmp"}
    assert {stat.path for stat in repo.tree.scan("deep")} == {"deep/er/f"}
    assert list(repo.tree.scan("nothing")) == []
    assert [repo.tree.ignores(path) for path in ("skip/x", "b/d.tmp", "b/keep.tmp", "a", "x/.git/y")] == [
        True, True, False, False, True
    ]  # fmt: skip


def test_reading_a_file_that_is_not_as_it_was(repo: Repo) -> None:
    repo.tree.write("a", [b"one"])
    stat = repo.tree.stat("a")
    assert stat is not None
    repo.tree.write("a", [b"two"])
    with pytest.raises(StateConflict, match="changed"):
        list(repo.tree.read(stat))


@pytest.mark.parametrize(
    "path", ["../x", "/etc/x", "a/../../x", ".mlm/HEAD", "a/.mlm/x", "", "a//b", "a\0", ".git/config"]
)
def test_tree_does_not_write_outside(repo: Repo, path: str) -> None:
    with pytest.raises(InvalidData):
        repo.tree.write(path, [b"x"])


@pytest.mark.parametrize("kind", ["heads", "tags"])
def test_a_cid_is_no_name(repo: Repo, kind: str) -> None:
    with pytest.raises(UsageError, match="found the CID"):
        repo.refs.set(f"{kind}/{TWO}", ONE, None)
    assert repo.refs.all() == {}


def test_tree_does_not_write_over_a_folder(repo: Repo) -> None:
    repo.tree.write("a/b", [b"x"])
    with pytest.raises(StorageError, match="folder"):
        repo.tree.write("a", [b"x"])


def test_clock_is_not_behind_what_was_written(repo: Repo) -> None:
    repo.tree.write("a", [b"x"])
    stat = repo.tree.stat("a")
    assert stat is not None and 0 < stat.ctime_ns <= repo.index.clock()


def test_leaves_are_the_pieces_of_every_file_in_order(repo: Repo) -> None:
    """All are kept until the end: memory that is used again is not, while somebody looks at it."""
    contents = {"big": random.Random(1).randbytes(9 * CHUNK + 5), "empty": b"", "exact": bytes(2 * CHUNK)}
    contents |= {f"small/{number:03}": str(number).encode() * number for number in range(300)}
    for path, data in contents.items():
        repo.tree.write(path, [data])
    files = [stat for path in contents if (stat := repo.tree.stat(path)) is not None]
    found = list(repo.tree.leaves(files))
    expected = [
        (number, data[at : at + CHUNK])
        for number, data in enumerate(contents.values())
        for at in range(0, max(len(data), 1), CHUNK)
    ]
    assert [(number, bytes(data)) for number, _, data in found] == expected
    assert all(cid == Cid.of(RAW, data) for _, cid, data in found)
    assert list(repo.tree.leaves([])) == []


def test_leaves_of_a_file_that_is_not_as_it_was(repo: Repo) -> None:
    for path in ("a", "b", "c"):
        repo.tree.write(path, [bytes(3 * CHUNK)])
    files = [stat for path in ("a", "b", "c") if (stat := repo.tree.stat(path)) is not None]
    repo.tree.write("b", [b"two"])
    read = []
    with pytest.raises(StateConflict, match="b changed"):
        read.extend(number for number, _, _ in repo.tree.leaves(files))
    assert set(read) <= {0}


def test_an_ignore_file_that_is_too_large(repo: Repo) -> None:
    repo.tree.write("sub/.mlmignore", [b"a" * ((1 << 20) + 1)])
    for look in (lambda: list(repo.tree.scan()), lambda: repo.tree.ignores("sub/x")):
        with pytest.raises(InvalidData, match=r"at most 1048576 bytes in sub/\.mlmignore"):
            look()


def test_tracked_entries_are_scanned_though_they_are_ignored(repo: Repo) -> None:
    for path in ("x.tmp", "y.tmp", "skip/z"):
        repo.tree.write(path, [b"x"])
    repo.tree.write(".mlmignore", [b"*.tmp\nskip/\n"])
    found = {stat.path for stat in repo.tree.scan(tracked={"x.tmp", "skip/z"})}
    assert found == {".mlmignore", "x.tmp"}
