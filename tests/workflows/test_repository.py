"""init, add, status, commit, log, show, over a repository in memory and one on disk."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mlm.adapters.repo import open_repo
from mlm.core import dag, unixfs
from mlm.core.errors import InvalidData, NotFound, StateConflict, StorageError, ToolMissing, UsageError
from mlm.memory.repo import MemoryTree, memory_repo
from mlm.ports.repo import Repo
from mlm.ports.runner import ModelInfo, TensorSpec
from mlm.workflows.add import add
from mlm.workflows.checkout import checkout, write_tree
from mlm.workflows.init import asset_name, init
from mlm.workflows.log import log
from mlm.workflows.repository import resolve
from mlm.workflows.show import show
from mlm.workflows.status import Change, Status, status
from tests.committing import commit

PROJECT = b'[asset]\nname = "thing"\nversion = "1.0.0"\nkind = "dataset"\n'
MODEL = b'[asset]\nname = "thing"\nversion = "1.0.0"\n[model]\nfile = "m.onnx"\n'


class CountingRunner:
    """A Runner whose `inspect` describes any bytes, and counts."""

    def __init__(self) -> None:
        self.inspected = 0

    def inspect(self, onnx: bytes) -> ModelInfo:
        self.inspected += 1
        spec = TensorSpec("x", "float32", ("n", 4))
        return ModelInfo((spec,), (replace(spec, name="y"),), 13, len(onnx), ("Gemm",))

    def run(self, onnx: bytes, inputs: Any) -> Any:
        raise AssertionError("a commit runs no model")


class NoRunner(CountingRunner):
    """A Runner where onnx is not installed."""

    def inspect(self, onnx: bytes) -> ModelInfo:
        raise ToolMissing("onnx is not installed", hint="pip install 'mlm[cpu]'")


@pytest.fixture(params=["disk", "memory"])
def repo(request: pytest.FixtureRequest, tmp_path: Path) -> Repo:
    repo = open_repo(tmp_path / "project") if request.param == "disk" else memory_repo()
    repo.refs.create("main")
    repo.tree.write("mlm.toml", [PROJECT])
    return repo


def write(repo: Repo, path: str, content: bytes) -> None:
    repo.tree.write(path, [content])


def save(repo: Repo, message: str = "message", now: int = 100) -> Any:
    add(repo, [""])
    return commit(repo, CountingRunner(), message, "alice", now)


def changes(found: Status) -> dict[str, list[str]]:
    return {
        name: [f"{change.what} {change.path}" for change in getattr(found, name)]
        for name in ("staged", "changed", "untracked")
        if getattr(found, name)
    }


def test_a_file_s_life(repo: Repo) -> None:
    write(repo, "data/a.bin", b"one")
    write(repo, "data/b.bin", b"two")
    assert changes(status(repo)) == {"untracked": ["untracked data/", "untracked mlm.toml"]}
    added = add(repo, ["data/a.bin", "mlm.toml"])
    assert (added.staged, added.removed, added.new_blocks) == (("data/a.bin", "mlm.toml"), (), 2)
    assert changes(status(repo)) == {
        "staged": ["new data/a.bin", "new mlm.toml"],
        "untracked": ["untracked data/b.bin"],
    }
    first = save(repo, "first")
    assert status(repo) == Status("main", first.commit, True, (), (), ())
    write(repo, "data/a.bin", b"eno")
    assert changes(status(repo)) == {"changed": ["modified data/a.bin"]}
    add(repo, ["data"])
    assert changes(status(repo)) == {"staged": ["modified data/a.bin"]}
    write(repo, "data/a.bin", b"one")
    assert changes(status(repo)) == {"staged": ["modified data/a.bin"], "changed": ["modified data/a.bin"]}
    add(repo, [""])
    assert status(repo).clean
    repo.tree.remove("data/b.bin")
    assert changes(status(repo)) == {"changed": ["deleted data/b.bin"]}
    assert add(repo, ["data/b.bin"]).removed == ("data/b.bin",)
    assert changes(status(repo)) == {"staged": ["deleted data/b.bin"]}
    second = commit(repo, CountingRunner(), "second", "bob", 200)
    assert status(repo).clean
    found = show(repo)
    assert (found.commit, found.parents, found.author) == (second.commit, (first.commit,), "bob")
    assert found.changes == (Change("deleted", "data/b.bin"),)
    assert [file.path for file in found.files] == ["data/a.bin", "mlm.toml"]
    assert show(repo, "HEAD~1").commit == first.commit


def test_nothing_is_stored_twice(repo: Repo) -> None:
    write(repo, "a", b"same")
    write(repo, "b", b"same")
    save(repo)
    before = set(repo.objects.cids())
    write(repo, "c", b"same")
    added = add(repo, [""])
    assert (added.staged, added.new_blocks) == (("c",), 0)
    assert set(repo.objects.cids()) == before


def test_commit_reaches_every_block(repo: Repo) -> None:
    write(repo, "big.bin", bytes(range(256)) * 10_000)
    made = save(repo)
    found = set(dag.dag(repo.objects, made.commit))
    assert found == set(repo.objects.cids())
    target = MemoryTree()
    written = write_tree(repo.objects, made.tree, target)
    assert (written.files, written.bytes) == (made.files, made.bytes) == (2, 2_560_000 + len(PROJECT))
    stat = target.stat("big.bin")
    assert stat is not None and b"".join(target.read(stat)) == bytes(range(256)) * 10_000


def test_what_was_added_is_committed_whatever_happened_after(repo: Repo) -> None:
    write(repo, "a", b"added")
    add(repo, [""])
    write(repo, "a", b"later")
    made = commit(repo, CountingRunner(), "m", "alice", 1)
    files = dict(unixfs.walk(repo.objects.get, made.tree))
    assert b"".join(unixfs.read(repo.objects.get, files["a"])) == b"added"
    assert changes(status(repo)) == {"changed": ["modified a"]}


def test_the_same_content_has_the_same_names(tmp_path: Path) -> None:
    """On disk and in memory, in any order of adding: one tree, one manifest, one commit."""
    made = []
    for number, repo in enumerate((open_repo(tmp_path), memory_repo())):
        repo.refs.create("main")
        for path in sorted(("mlm.toml", "x/y", "z"), reverse=bool(number)):
            write(repo, path, PROJECT if path == "mlm.toml" else path.encode())
            add(repo, [path])
        made.append(commit(repo, CountingRunner(), "m", "alice", 1))
    assert made[0] == made[1]


def test_empty_and_repeated_commits_are_refused(repo: Repo) -> None:
    with pytest.raises(StateConflict, match="nothing is staged"):
        commit(repo, CountingRunner(), "m", "alice", 1)
    save(repo)
    with pytest.raises(StateConflict, match="nothing to commit"):
        save(repo)
    write(repo, "a", b"x")
    add(repo, [""])
    with pytest.raises(UsageError, match="message"):
        commit(repo, CountingRunner(), " \n", "alice", 1)


def test_mlm_toml_must_be_staged_and_right(repo: Repo) -> None:
    write(repo, "a", b"x")
    add(repo, ["a"])
    with pytest.raises(StateConflict, match="mlm.toml is not staged"):
        commit(repo, CountingRunner(), "m", "alice", 1)
    write(repo, "mlm.toml", b"[asset\n")
    add(repo, ["mlm.toml"])
    with pytest.raises(UsageError, match="not valid TOML"):
        commit(repo, CountingRunner(), "m", "alice", 1)
    write(repo, "mlm.toml", MODEL)
    add(repo, ["mlm.toml"])
    with pytest.raises(StateConflict, match="m.onnx"):
        commit(repo, CountingRunner(), "m", "alice", 1)
    assert log_is_empty(repo)


def log_is_empty(repo: Repo) -> bool:
    return repo.refs.all() == {}


def test_signature_is_read_when_the_model_changes(repo: Repo) -> None:
    runner = CountingRunner()
    write(repo, "mlm.toml", MODEL)
    write(repo, "m.onnx", b"model")
    add(repo, [""])
    commit(repo, runner, "m", "alice", 1)
    found = show(repo)
    assert (found.opset, found.parameters, found.inputs[0].shape) == (13, 5, ("n", 4))
    write(repo, "README.md", b"x")
    add(repo, [""])
    commit(repo, NoRunner(), "no onnx is needed for this", "alice", 2)
    assert show(repo).parameters == 5
    write(repo, "m.onnx", b"another model")
    add(repo, [""])
    with pytest.raises(ToolMissing):
        commit(repo, NoRunner(), "m", "alice", 3)
    commit(repo, runner, "m", "alice", 3)
    assert (show(repo).parameters, runner.inspected) == (13, 2)


def test_names_of_commits(repo: Repo) -> None:
    with pytest.raises(StateConflict, match="no commit"):
        log(repo)
    made = []
    for number in range(5):
        write(repo, "a", b"%d" % number)
        made.append(save(repo, f"commit {number}\n\nbody", 100 + number).commit)
    repo.refs.set("tags/v1", made[1], None)
    for name, number in {
        "HEAD": 4,
        "main": 4,
        "v1": 1,
        "tags/v1": 1,
        "HEAD~2": 2,
        "HEAD^": 3,
        "main~1^~1": 1,
        "v1~": 0,
    }.items():
        assert resolve(repo, name) == made[number], name
    assert resolve(repo, str(made[2])) == made[2]
    assert resolve(repo, str(made[2])[:20]) == made[2]
    assert resolve(repo, str(made[2])[7:16]) == made[2]
    assert resolve(repo, str(show(repo).manifest)) == show(repo).manifest
    for name in ("nothing", "HEAD~9", "bafyrei", str(made[2])[:-1] + "!", str(unixfs.leaf(b"").cid)):
        with pytest.raises(NotFound):
            resolve(repo, name)
    found = log(repo, limit=3)
    assert [entry.message for entry in found.commits] == ["commit 4", "commit 3", "commit 2"]
    assert found.commits[0].refs == ("HEAD", "main")
    assert found.commits[0].time == "1970-01-01T00:01:44Z"
    assert found.more and not log(repo, ["v1"]).more
    assert show(repo, str(show(repo).manifest)).commit is None


def test_detached_head_moves_alone(repo: Repo) -> None:
    first = save(repo).commit
    repo.refs.set_head(first)
    write(repo, "a", b"x")
    second = save(repo)
    assert second.branch is None
    assert repo.refs.head().commit == second.commit
    assert repo.refs.all() == {"heads/main": first}


def test_paths_that_cannot_be_added(repo: Repo) -> None:
    write(repo, ".mlmignore", b"*.tmp\nskip/\n")
    write(repo, "x.tmp", b"x")
    write(repo, "skip/y", b"x")
    with pytest.raises(NotFound, match="no such file"):
        add(repo, ["mlm.toml", "missing"])
    for path in ("x.tmp", "skip", "skip/y"):
        with pytest.raises(UsageError, match="ignored"):
            add(repo, [path])
    assert repo.index.load() == {}
    assert add(repo, [""]).staged == (".mlmignore", "mlm.toml")


def test_tracked_files_stay_tracked_when_ignored_later(repo: Repo) -> None:
    write(repo, "x.tmp", b"x")
    save(repo)
    write(repo, ".mlmignore", b"*.tmp\n")
    write(repo, "x.tmp", b"yy")
    assert changes(status(repo)) == {"changed": ["modified x.tmp"], "untracked": ["untracked .mlmignore"]}
    assert add(repo, [""]).staged == (".mlmignore", "x.tmp")


def test_an_unchanged_tree_is_not_read(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither by `status` nor by `add`; and once the index is known to be the commit, nor are the commit's folders."""
    for number in range(30):
        write(repo, f"{number % 3}/{number}", b"x" * number)
    save(repo)
    while not status(repo).clean or any(not entry.settled for entry in repo.index.load().values()):
        time.sleep(0.01)  # what has just been written is read once more, until the file system's clock has moved on

    def fail(*_: Any) -> Any:
        raise AssertionError("something was read")

    for owner, name in ((repo.tree, "read"), (repo.tree, "leaves"), (repo.objects, "get")):
        monkeypatch.setattr(type(owner), name, fail)
    assert status(repo).clean
    monkeypatch.setattr(type(repo.tree), "leaves", lambda self, files: iter(fail() if files else ()))
    assert add(repo, [""]).staged == ()


def test_what_checkout_wrote_is_not_read_again(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    write(repo, "a", b"one")
    save(repo)
    write(repo, "a", b"two")
    save(repo)
    monkeypatch.setattr(repo.index, "clock", lambda: time.time_ns() + 10**9)  # the clock has moved on since
    checkout(repo, "HEAD~1")
    entry = repo.index.load()["a"]
    assert entry.settled and entry.stat == repo.tree.stat("a")
    assert status(repo).clean
    write(repo, "a", b"own")
    assert changes(status(repo)) == {"changed": ["modified a"]}


def test_a_file_becomes_a_folder_and_back(repo: Repo) -> None:
    write(repo, "a", b"file")
    save(repo)
    repo.tree.remove("a")
    write(repo, "a/b", b"in a folder")
    add(repo, ["a/b"])
    assert set(repo.index.load()) == {"a/b", "mlm.toml"}
    save(repo)
    repo.tree.remove("a/b")
    write(repo, "a", b"file")
    add(repo, ["a"])
    assert set(repo.index.load()) == {"a", "mlm.toml"}
    assert changes(status(repo)) == {"staged": ["new a", "deleted a/b"]}


def test_init_writes_a_first_project_and_keeps_what_is_there() -> None:
    repo = memory_repo()
    made = init(repo, asset_name("My Model!"))
    assert made.files == (".mlmignore", "mlm.toml")
    assert (made.branch, made.existed) == ("main", False)
    stat = repo.tree.stat("mlm.toml")
    assert stat is not None and b'name = "my-model"' in b"".join(repo.tree.read(stat))
    write(repo, "mlm.toml", PROJECT)
    again = init(repo, "other")
    assert (again.files, again.existed) == ((), True)


def test_init_from_a_template() -> None:
    template = MemoryTree({"mlm.toml": PROJECT, "src/train.py": b"print()", ".mlmignore": b"*.pyc\n", "src/x.pyc": b""})
    repo = memory_repo()
    made = init(repo, "x", template, "digits")
    assert (made.files, made.template) == ((".mlmignore", "mlm.toml", "src/train.py"), "digits")
    write(repo, "src/train.py", b"mine")
    with pytest.raises(StateConflict, match="src/train.py"):
        init(repo, "x", template, "digits")


# Only on disk.


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    repo = open_repo(tmp_path)
    repo.refs.create("main")
    write(repo, "mlm.toml", PROJECT)
    return tmp_path


def test_links_and_devices_are_refused(disk: Path) -> None:
    repo = open_repo(disk)
    (disk / "link").symlink_to("mlm.toml")
    with pytest.raises(InvalidData, match="link is a symbolic link"):
        add(repo, [""])
    assert repo.index.load() == {}
    (disk / "link").unlink()
    os.mkfifo(disk / "pipe")
    with pytest.raises(InvalidData, match="no regular file"):
        add(repo, [""])
    assert "pipe" in [change.path for change in status(repo).untracked]


def test_a_tracked_folder_becomes_a_link(disk: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    repo = open_repo(disk)
    write(repo, "sub/a", b"x")
    save(repo)
    (disk / "sub").rename(tmp_path_factory.mktemp("elsewhere") / "sub")
    (disk / "sub").symlink_to(tmp_path_factory.getbasetemp())
    assert changes(status(repo)) == {"changed": ["modified sub/a"], "untracked": ["untracked sub"]}
    with pytest.raises(InvalidData, match="symbolic link"):
        add(repo, ["sub/a"])
    with pytest.raises(StorageError, match="symbolic link"):
        write(repo, "sub/b", b"x")


def test_names_that_are_no_utf8(disk: Path) -> None:
    (disk / os.fsdecode(b"caf\xe9")).write_bytes(b"x")
    repo = open_repo(disk)
    assert "caf\\xe9" in [change.path for change in status(repo).untracked]
    with pytest.raises(InvalidData, match="UTF-8"):
        add(repo, [""])


def test_unchanged_files_are_not_read_again(disk: Path) -> None:
    repo = open_repo(disk)
    write(repo, "a", b"x" * 100)
    time.sleep(0.02)
    save(repo)
    status(repo)

    class NoReading:
        def __init__(self, tree: Any) -> None:
            self._tree = tree

        def __getattr__(self, name: str) -> Any:
            assert name != "read", "status read a file that has not changed"
            return getattr(self._tree, name)

    assert status(replace(repo, tree=NoReading(repo.tree))).clean
    os.utime(disk / "a")
    time.sleep(0.02)
    assert status(repo).clean
    assert status(replace(repo, tree=NoReading(repo.tree))).clean


def test_changes_within_one_tick_of_the_clock_are_seen(disk: Path) -> None:
    """Git's race: the file changes right after it was staged, keeps its size, and its time is set back."""
    repo = open_repo(disk)
    for number in range(200):
        write(repo, "a", b"%08d" % number)
        add(repo, ["a"])
        stat = os.stat(disk / "a")
        with (disk / "a").open("r+b") as file:
            file.write(b"%08d" % (number + 1))
        os.utime(disk / "a", ns=(stat.st_atime_ns, stat.st_mtime_ns))
        assert "modified a" in changes(status(repo))["changed"], number


LOOP = """
import sys
from pathlib import Path
from mlm.adapters.repo import open_repo
from mlm.workflows.add import add
from tests.committing import commit
root = Path(sys.argv[1])
repo = open_repo(root)
number = int(sys.argv[2])
while True:
    (root / "a").write_bytes(b"%d" % number * 50000)
    (root / f"f{number % 5}").write_bytes(b"%d" % number)
    add(repo, [""])
    made = commit(repo, None, f"{number}", "loop", number)
    print(number, made.commit, flush=True)
    number += 1
"""


def test_a_kill_at_any_instant_leaves_a_repository_that_works(disk: Path) -> None:
    generator = random.Random(3)
    environment = {"PYTHONPATH": os.pathsep.join(sys.path)}
    number, last = 0, None
    for _ in range(25):
        worker = subprocess.Popen(
            [sys.executable, "-c", LOOP, str(disk), str(number)], stdout=subprocess.PIPE, env=environment, text=True
        )
        assert worker.stdout is not None
        try:
            said = [worker.stdout.readline()]
            time.sleep(generator.random() * 0.03)
        finally:
            os.kill(worker.pid, signal.SIGKILL)
            said += worker.stdout.read().splitlines()
            worker.stdout.close()
            worker.wait(10)
        whole = [line.split() for line in said if len(line.split()) == 2]
        number, last = int(whole[-1][0]) + 2, whole[-1][1]
        repo = open_repo(disk)
        # Every commit that was reported is there with all that it names; status, add and commit go on from it.
        assert last in [str(entry.commit) for entry in log(repo, limit=100_000).commits[:3]]
        for cid in dag.dag(repo.objects, resolve(repo, "HEAD")):
            assert repo.objects.get(cid) is not None
        status(repo)
    (disk / "a").write_bytes(b"after all of that")
    save(open_repo(disk), "still works", 10**6)
    assert status(open_repo(disk)).clean
    assert not [path for path in disk.iterdir() if path.name.startswith("tmp-")]
