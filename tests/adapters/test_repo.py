"""What only a repository on disk does: links, damage, and several processes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from mlm.adapters.repo import open_repo
from mlm.core.cid import DAG_CBOR, Cid
from mlm.core.errors import InvalidData, StateConflict, StorageError
from mlm.ports.repo import SYMLINK, FileStat, Repo

ONE = Cid.of(DAG_CBOR, b"1")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    open_repo(folder).refs.create("main")
    return folder


@pytest.fixture
def repo(root: Path) -> Repo:
    return open_repo(root)


def test_symbolic_links_are_seen_and_not_followed(root: Path, repo: Repo, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_bytes(b"secret")
    (root / "folder").symlink_to(tmp_path / "outside")
    (root / "file").symlink_to(tmp_path / "outside" / "secret")
    assert {(stat.path, stat.kind) for stat in repo.tree.scan()} == {("folder", SYMLINK), ("file", SYMLINK)}
    behind = repo.tree.stat("folder/secret")
    assert behind is not None and behind.kind == SYMLINK
    with pytest.raises(StorageError, match="symbolic link"):
        repo.tree.write("folder/new", [b"x"])
    with pytest.raises(StorageError, match="symbolic link"):
        repo.tree.remove("folder/secret")
    with pytest.raises(StorageError):
        list(repo.tree.read(FileStat("file", 6, 0, 0, 0, 0)))
    repo.tree.write("file", [b"replaces the link"])
    assert (tmp_path / "outside" / "secret").read_bytes() == b"secret"
    assert sorted(path.name for path in (tmp_path / "outside").iterdir()) == ["secret"]


@pytest.mark.parametrize("private", [True, False])
def test_a_link_that_is_put_in_the_place_of_a_folder_meanwhile(root: Path, tmp_path: Path, private: bool) -> None:
    """Between a file's pieces, as somebody with a slow disk, or a slow remote, gives time for."""
    if not private:
        shutil.rmtree(root / ".mlm")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "x").write_bytes(b"mine")
    tree = open_repo(root).tree
    tree.write("folder/x", [b"old"])

    def swap() -> None:
        (root / "folder").rename(root / "moved")
        (root / "folder").symlink_to(tmp_path / "outside")

    def pieces() -> Iterator[bytes]:
        yield b"evil"
        swap()

    tree.write("folder/x", pieces())
    assert (tmp_path / "outside" / "x").read_bytes() == b"mine"
    assert (root / "moved" / "x").read_bytes() == b"evil"
    assert [path.name for path in (tmp_path / "outside").iterdir()] == ["x"]


def test_what_is_removed_leaves_no_empty_folder(root: Path, repo: Repo) -> None:
    for path in ("a/b/c/x", "a/b/y"):
        repo.tree.write(path, [b"x"])
    repo.tree.remove("a/b/c/x")
    assert (root / "a" / "b" / "y").exists() and not (root / "a" / "b" / "c").exists()
    (root / "a" / "b" / "y").unlink()
    for path in ("a/b/y", "a/b/y", "nowhere/x"):
        repo.tree.remove(path)
    assert not (root / "a").exists() and root.exists()


def test_a_pipe_is_not_waited_for(root: Path, repo: Repo) -> None:
    os.mkfifo(root / "pipe")
    (stat,) = repo.tree.scan()
    assert stat.kind == "other"
    with pytest.raises((StateConflict, StorageError)):
        list(repo.tree.read(FileStat("pipe", 0, 0, 0, 0, 0)))


def test_a_file_that_grows_while_it_is_read(root: Path, repo: Repo) -> None:
    (root / "log").write_bytes(bytes(3 << 20))
    stat = repo.tree.stat("log")
    assert stat is not None
    pieces = repo.tree.read(stat)
    next(pieces)
    with (root / "log").open("ab") as file:
        file.write(b"more")
    with pytest.raises(StateConflict, match="changed while it was read"):
        list(pieces)


def test_the_same_time_and_size_do_not_hide_a_change(root: Path, repo: Repo) -> None:
    (root / "a").write_bytes(b"one")
    before = repo.tree.stat("a")
    assert before is not None
    (root / "a").write_bytes(b"two")
    os.utime(root / "a", ns=(before.mtime_ns, before.mtime_ns))
    after = repo.tree.stat("a")
    assert after is not None and after.mtime_ns == before.mtime_ns
    # The inode's own time of change cannot be set back, unless both fall into one tick: then the entry is not settled.
    assert after != before or before.ctime_ns >= repo.index.clock()


def test_a_tree_that_cannot_be_written_has_no_clock(tmp_path: Path) -> None:
    assert open_repo(tmp_path / "not there").index.clock() == 0


@pytest.mark.parametrize("damage", [b"", b"mlm/index/1\n", b"garbage" * 20])
def test_a_damaged_index_is_named(root: Path, repo: Repo, damage: bytes) -> None:
    (root / ".mlm" / "index").write_bytes(damage)
    with pytest.raises(InvalidData, match="index"):
        repo.index.load()


@pytest.mark.parametrize(
    ("file", "text"), [("HEAD", "nonsense"), ("HEAD", "ref: refs/heads/../../x\n"), ("refs/heads/main", "x\n")]
)
def test_a_damaged_ref_is_named(root: Path, repo: Repo, file: str, text: str) -> None:
    (root / ".mlm" / file).write_text(text)
    with pytest.raises(Exception, match="ref|CID|branch"):
        repo.refs.head()


def test_no_repository(tmp_path: Path) -> None:
    with pytest.raises(StateConflict, match="no repository"):
        open_repo(tmp_path).refs.head()


def test_two_processes_move_a_ref_one_after_the_other(root: Path, repo: Repo) -> None:
    """Each of two processes moves the branch twenty times, from where it finds it: no move is lost."""
    script = (
        "import sys; from pathlib import Path; from mlm.adapters.repo import open_repo\n"
        "from mlm.core.cid import DAG_CBOR, Cid; from mlm.core.errors import StateConflict\n"
        "refs = open_repo(Path(sys.argv[1])).refs; done = 0\n"
        "while done < 20:\n"
        "    old = refs.head().commit\n"
        "    new = Cid.of(DAG_CBOR, str(old).encode())\n"
        "    try:\n        refs.set('heads/main', new, old)\n        done += 1\n"
        "    except StateConflict:\n        pass\n"
    )
    repo.refs.set("heads/main", ONE, None)
    environment = {"PYTHONPATH": os.pathsep.join(sys.path)}
    workers = [subprocess.Popen([sys.executable, "-c", script, str(root)], env=environment) for _ in range(2)]
    assert [worker.wait(30) for worker in workers] == [0, 0]
    expected = ONE
    for _ in range(40):
        expected = Cid.of(DAG_CBOR, str(expected).encode())
    assert repo.refs.head().commit == expected


@contextmanager
def nobody() -> Iterator[None]:
    """Whoever may not read what is closed to all, which root may."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


def test_a_folder_of_branches_that_cannot_be_read_is_an_error() -> None:
    """A collection that took its branches for deleted would remove their blocks."""
    with TemporaryDirectory() as name:
        root = Path(name) / "project"
        repo = open_repo(root)
        repo.refs.create("main")
        repo.refs.set("heads/team/one", ONE, None)
        repo.refs.set("heads/main", ONE, None)
        closed = root / ".mlm" / "refs" / "heads" / "team"
        Path(name).chmod(0o755)
        closed.chmod(0)
        with nobody():
            with pytest.raises(StorageError, match="Permission denied"):
                repo.refs.all()
            damaged: dict[str, str] = {}
            assert repo.refs.all(damaged) == {"heads/main": ONE}
            assert "Permission denied" in damaged["heads/team"]
        closed.chmod(0o755)


@pytest.mark.parametrize("what", ["a folder", "a file", "nothing"])
def test_a_link_among_the_refs_is_refused(root: Path, repo: Repo, tmp_path: Path, what: str) -> None:
    outside = tmp_path / "outside"
    if what == "a folder":
        outside.mkdir()
        (outside / "x").write_text(f"{ONE}\n")
    elif what == "a file":
        outside.write_text(f"{ONE}\n")
    repo.refs.set("tags/v1", ONE, None)
    (root / ".mlm" / "refs" / "tags" / "linked").symlink_to(outside)
    with pytest.raises(InvalidData, match="tags/linked is a symbolic link"):
        repo.refs.all()
    damaged: dict[str, str] = {}
    assert repo.refs.all(damaged) == {"tags/v1": ONE} and list(damaged) == ["tags/linked"]
    for name in ("tags/linked", "tags/linked/x"):
        with pytest.raises((InvalidData, StateConflict)):
            repo.refs.set(name, None, ONE)
        with pytest.raises((InvalidData, StateConflict)):
            repo.refs.set(name, ONE, None)
    assert not outside.is_dir() or (outside / "x").exists()
