"""`mlm merge`, over a repository in memory and one on disk: against real git, cut off anywhere, resumed and undone."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlm.adapters.repo import open_repo
from mlm.core import merge as three_way
from mlm.core.cid import RAW, Cid
from mlm.core.errors import NotFound, StateConflict, UsageError
from mlm.memory.repo import memory_repo
from mlm.ports.bundle import Ports
from mlm.ports.repo import FILE, Repo
from mlm.workflows import op
from mlm.workflows.add import add
from mlm.workflows.apply import execute
from mlm.workflows.checkout import checkout
from mlm.workflows.commit import OPERATION as COMMIT
from mlm.workflows.commit import CommitParams
from mlm.workflows.fsck import fsck
from mlm.workflows.merge import OPERATION, Merged, merge_params
from mlm.workflows.op_undo import undo
from mlm.workflows.repository import File, commit_files, read_commit, resolve
from mlm.workflows.restore import restore
from mlm.workflows.status import status
from tests.committing import ports_of
from tests.workflows.test_repository import PROJECT, write

START = {"mlm.toml": PROJECT, "a": b"one", "d/b": b"b", "same": b"same"}


@pytest.fixture(params=["disk", "memory"])
def ports(request: pytest.FixtureRequest, tmp_path: Path) -> Ports:
    """main with START, and exp at it; main is checked out."""
    repo = open_repo(tmp_path / "project") if request.param == "disk" else memory_repo()
    repo.refs.create("main")
    ports = ports_of(repo)
    save(ports, START)
    checkout(repo, make="exp")
    checkout(repo, "main")
    return ports


def save(ports: Ports, changes: dict[str, bytes | None], on: str = "") -> Cid:
    """Commit these changes of files (None removes) on a branch, and come back."""
    repo = ports.repo
    here = repo.refs.head().branch
    if on:
        checkout(repo, on)
    for path, content in changes.items():
        if content is None:
            repo.tree.remove(path)
    for path, content in changes.items():
        if content is not None:
            write(repo, path, content)
    add(repo, [""])
    made: Cid = execute(ports, COMMIT, CommitParams("message", "alice")).result.commit
    if on:
        checkout(repo, str(here))
    return made


def merge(ports: Ports, ref: str = "exp", take: str = "", message: str = "") -> Merged:
    flags = {take: True} if take else {}
    return execute(ports, OPERATION, merge_params(ports.repo, ref, message, "alice", **flags)).result


def files(repo: Repo) -> dict[str, bytes]:
    return {stat.path: b"".join(repo.tree.read(stat)) for stat in repo.tree.scan() if stat.kind == FILE}


def everything(ports: Ports) -> Any:
    repo = ports.repo
    return files(repo), dict(repo.index.load()), repo.refs.head(), repo.refs.all()


def test_what_either_side_changed_comes_together(ports: Ports) -> None:
    theirs = save(ports, {"a": None, "new/x": b"x", "same": b"changed"}, on="exp")
    ours = save(ports, {"d/b": b"mine", "e": b"e"})
    found = merge(ports)
    expected = {"mlm.toml": PROJECT, "d/b": b"mine", "e": b"e", "new/x": b"x", "same": b"changed"}
    assert files(ports.repo) == expected and status(ports.repo).clean
    commit = read_commit(ports.repo, found.commit)
    assert (commit.parents, commit.message, commit.author) == ((ours, theirs), "Merge exp", "alice")
    assert (found.outcome, found.branch, found.base) == ("merged", "main", read_commit(ports.repo, ours).parents[0])
    assert [f"{change.what} {change.path}" for change in found.changes] == ["deleted a", "new new/x", "modified same"]
    assert ports.repo.refs.head().commit == found.commit
    assert fsck(ports).sound
    assert merge(ports).outcome == "already up to date"


def test_a_branch_that_has_nothing_of_its_own_moves_forward(ports: Ports) -> None:
    theirs = save(ports, {"a": b"two"}, on="exp")
    found = merge(ports, message="unused")
    assert (found.outcome, found.commit) == ("fast-forward", theirs)
    assert files(ports.repo) == {**START, "a": b"two"} and status(ports.repo).clean
    before = everything(ports)
    assert (merge(ports).outcome, everything(ports)) == ("already up to date", before)


def test_on_a_commit_by_itself_head_moves(ports: Ports) -> None:
    save(ports, {"a": b"two"}, on="exp")
    ours = save(ports, {"e": b"e"})
    checkout(ports.repo, str(ours))
    found = merge(ports)
    assert (found.branch, ports.repo.refs.head().commit, resolve(ports.repo, "main")) == (None, found.commit, ours)


Sides = tuple[dict[str, bytes | None], dict[str, bytes | None]]
CONFLICTS: dict[str, tuple[Sides, list[str]]] = {
    "both changed": (({"a": b"two"}, {"a": b"three"}), ["a"]),
    "both added": (({"n": b"two"}, {"n": b"three"}), ["n"]),
    "deleted and changed": (({"a": None, "e": b"e"}, {"a": b"three"}), ["a"]),
    "changed and deleted": (({"a": b"two"}, {"a": None, "e": b"e"}), ["a"]),
    "file and folder": (({"n": b"file"}, {"n/x": b"below", "n/y/z": b"below"}), ["n", "n/x", "n/y/z"]),
    "folder and file": (({"n/x": b"below"}, {"n": b"file"}), ["n", "n/x"]),
    "a folder where a file was changed": (({"a": None, "a/x": b"x"}, {"a": b"three"}), ["a"]),
    "project": (({"mlm.toml": PROJECT + b"#\n"}, {"mlm.toml": PROJECT + b"##\n"}), ["mlm.toml"]),
}


@pytest.mark.parametrize("name", CONFLICTS)
def test_conflicts_are_named_and_change_nothing(ports: Ports, name: str) -> None:
    (ours, theirs), paths = CONFLICTS[name]
    save(ports, {**theirs, "theirs": b"t"}, on="exp")
    save(ports, {**ours, "ours": b"o"})
    before, operations = everything(ports), len(ports.journal.operations())
    with pytest.raises(StateConflict, match=f"conflict with exp: .* {len(paths)} path.*: {', '.join(paths)}") as caught:
        merge(ports)
    assert "--ours" in caught.value.hint
    assert everything(ports) == before and len(ports.journal.operations()) == operations
    sides = {
        side: {**START, "theirs": b"t", "ours": b"o", **changes}
        for side, changes in (("ours", ours), ("theirs", theirs))
    }
    for take, side in sides.items():
        found = merge(ports, take=take)
        expected = {path: content for path, content in side.items() if content is not None}
        if name in ("deleted and changed", "changed and deleted") and "e" in (ours | theirs):
            expected["e"] = b"e"
        assert files(ports.repo) == expected and status(ports.repo).clean
        assert set(found.decided) >= set(paths)
        undo(ports, ports.journal.operations()[-1]["op"], {})
        assert everything(ports)[0] == before[0] and everything(ports)[2:] == before[2:]
        assert status(ports.repo).clean


def test_many_conflicts_are_counted(ports: Ports) -> None:
    save(ports, {f"f{number}": b"theirs" for number in range(9)}, on="exp")
    save(ports, {f"f{number}": b"ours" for number in range(9)})
    with pytest.raises(StateConflict, match="changed 9 paths, not alike: f0, f1, f2 and 6 more; nothing"):
        merge(ports)


def test_content_and_executable_bit_are_merged_apart(ports: Ports) -> None:
    repo = ports.repo
    checkout(repo, "exp")
    repo.tree.write("a", [b"one"], executable=True)
    save(ports, {})
    checkout(repo, "main")
    save(ports, {"a": b"two"})
    merge(ports)
    stat = repo.tree.stat("a")
    assert stat is not None and stat.executable and files(repo)["a"] == b"two" and status(repo).clean


def test_unrelated_histories_are_refused(ports: Ports) -> None:
    tip = read_commit(ports.repo, resolve(ports.repo, "main"))
    cid, block = replace(tip, parents=(), message="another first").to_block()
    ports.repo.objects.put([(cid, block)])
    ports.repo.refs.set("heads/other", cid, None)
    before = everything(ports)
    with pytest.raises(StateConflict, match="other and main have unrelated histories"):
        merge(ports, "other")
    assert everything(ports) == before


def test_crosswise_merges_take_the_newest_base_and_say_which(ports: Ports) -> None:
    theirs = save(ports, {"t": b"t"}, on="exp")
    ours = save(ports, {"o": b"o"})
    merge(ports)
    checkout(ports.repo, "exp")
    merge(ports, str(ours))
    save(ports, {"t2": b"tt"})
    checkout(ports.repo, "main")
    save(ports, {"o2": b"oo"})
    found = merge(ports)
    assert (found.base, *found.other_bases) == tuple(sorted((ours, theirs), key=str))
    assert files(ports.repo) == {**START, "t": b"t", "o": b"o", "t2": b"tt", "o2": b"oo"}
    tips = found.commit, found.merged
    assert three_way.bases(ports.repo.objects.get, *tips) == (found.merged,)


def test_bad_words(ports: Ports) -> None:
    with pytest.raises(UsageError, match="found both"):
        merge_params(ports.repo, "exp", "", "alice", ours=True, theirs=True)
    for ref in ("nothing", "origin/main"):
        with pytest.raises(NotFound, match="no branch, tag or commit"):
            merge(ports, ref)
    save(ports, {"t": b"t"}, on="exp")
    with pytest.raises(UsageError, match="expected a message"):
        merge(ports, message="  ")


@pytest.mark.parametrize("staged", [True, False])
@pytest.mark.parametrize("path", ["a", "new"])
def test_changes_of_ones_own_are_never_overwritten(ports: Ports, staged: bool, path: str) -> None:
    save(ports, {"a": b"theirs", "new": b"theirs"}, on="exp")
    save(ports, {"o": b"o"})
    write(ports.repo, path, b"mine")
    if staged:
        add(ports.repo, [path])
    before, operations = everything(ports), len(ports.journal.operations())
    with pytest.raises(StateConflict, match=f"merging would overwrite changes of {path}"):
        merge(ports)
    assert everything(ports) == before and len(ports.journal.operations()) == operations
    restore(ports.repo, ["a"], staged=True)
    write(ports.repo, "same", b"mine")  # what is the same in both is taken along
    if path == "new":
        if staged:
            restore(ports.repo, ["new"], staged=True)
        ports.repo.tree.remove("new")
    restore(ports.repo, ["a"])
    merge(ports)
    assert files(ports.repo)["same"] == b"mine"


class Killed(BaseException):
    """The process ends here."""


def _killing(obj: Any, name: str, count: int) -> Callable[[], None]:
    """Let the `count`th call of a method end the process before it does anything; the undoing of that."""
    real, left = getattr(obj, name), [count]

    def dying(*args: Any, **options: Any) -> Any:
        left[0] -= 1
        if left[0] == 0:
            raise Killed
        return real(*args, **options)

    object.__setattr__(obj, name, dying)
    return lambda: object.__setattr__(obj, name, real)


# Where it is cut: before a file is written or removed, before the name moves, before the journal knows of it.
CUTS = [("tree", "write", 1), ("tree", "write", 2), ("tree", "remove", 1), ("refs", "set", 1)]


@pytest.mark.parametrize("way", ["again", "resume", "undo"])
@pytest.mark.parametrize("cut", CUTS, ids=lambda cut: f"{cut[1]}{cut[2]}")
def test_cut_off_anywhere(ports: Ports, cut: tuple[str, str, int], way: str) -> None:
    repo = ports.repo
    theirs = save(ports, {"a": None, "new/x": b"x", "same": b"changed"}, on="exp")
    ours = save(ports, {"d/b": b"mine"})
    before = files(repo)
    heal = _killing(getattr(repo, cut[0]), *cut[1:])
    with pytest.raises(Killed):
        merge(ports)
    heal()
    last = ports.journal.operations()[-1]["op"]
    assert repo.refs.head().commit == ours
    # Neither as it is nor with everything staged can it be recorded as what it is not.
    for stage in (False, True):
        if stage:
            add(repo, [""])
        with pytest.raises(StateConflict, match=f"the merge {last} was cut off") as caught:
            execute(ports, COMMIT, CommitParams("mine", "alice"))
        assert f"mlm op resume {last}" in caught.value.hint
    with pytest.raises(StateConflict, match="was cut off"):
        merge(ports, message="another merge")
    if way == "undo":
        assert undo(ports, last, {}).outcome == "undone"
        assert files(repo) == before and status(repo).clean and repo.refs.head().commit == ours
        save(ports, {"more": b"more"})
        return
    if way == "resume":
        op.resume(ports, last)
    else:
        merge(ports)
    assert files(repo) == {"mlm.toml": PROJECT, "d/b": b"mine", "new/x": b"x", "same": b"changed"}
    assert read_commit(repo, resolve(repo, "HEAD")).parents == (ours, theirs)
    assert status(repo).clean and fsck(ports).sound
    save(ports, {"more": b"more"})


def test_undo_that_is_cut_off_is_finished_before_anything_is_recorded(ports: Ports) -> None:
    repo = ports.repo
    save(ports, {"new/x": b"x", "same": b"changed"}, on="exp")
    ours = save(ports, {"d/b": b"mine"})
    merge(ports)
    last = ports.journal.operations()[-1]["op"]
    write(repo, "same", b"my own")
    with pytest.raises(StateConflict, match="overwrite changes of same"):
        undo(ports, last, {})
    write(repo, "more", b"more")
    restore(repo, ["same"])
    heal = _killing(repo.refs, "set", 1)
    with pytest.raises(Killed):
        undo(ports, last, {})
    heal()
    with pytest.raises(StateConflict, match="was cut off") as caught:
        execute(ports, COMMIT, CommitParams("mine", "alice"))
    assert caught.value.hint == f"`mlm op undo {last}` gives it up."
    undo(ports, last, {})
    assert repo.refs.head().commit == ours and files(repo) == {**START, "d/b": b"mine", "more": b"more"}


# Against real git, on trees where no path was changed on both sides in different ways.

NAMES = ["a", "b", "d/a", "d/b", "d/e/a", "f"]


def _tree(root: Path, tree: dict[str, bytes]) -> None:
    for entry in root.iterdir():
        if entry.name == ".git":
            continue
        shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    for path, content in tree.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content)


def _git(root: Path, *words: str) -> subprocess.CompletedProcess[bytes]:
    who = {f"GIT_{role}_{what}": "a@b.c" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    alone = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull, "PATH": os.environ["PATH"]}
    return subprocess.run(["git", *words], cwd=root, env={**who, **alone}, capture_output=True, check=False)


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
@pytest.mark.parametrize("seed", range(12))
def test_the_files_are_those_of_git(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)

    def edit(tree: dict[str, bytes]) -> dict[str, bytes]:
        changed = dict(tree)
        for path in rng.sample(NAMES, 3):
            changed.pop(path, None)
            if rng.random() < 0.7:
                changed[path] = b"%d" % rng.randrange(4)
        return changed

    base = {path: b"%d" % rng.randrange(4) for path in NAMES if rng.random() < 0.7}
    ours, theirs = edit(base), edit(base)
    _git(tmp_path, "init", "-q", "-b", "main")
    for branch, tree in (("main", base), ("exp", theirs), ("main", ours)):
        _git(tmp_path, "checkout", "-q", "-B" if branch == "exp" else "-q", branch)
        _tree(tmp_path, tree)
        assert _git(tmp_path, "add", "-A").returncode == 0
        assert _git(tmp_path, "commit", "-q", "--allow-empty", "-m", "x").returncode == 0
    merged = _git(tmp_path, "merge", "-q", "-s", "resolve", "-m", "x", "exp")
    sides = ({path: File(Cid.of(RAW, data)) for path, data in tree.items()} for tree in (base, ours, theirs))
    found = three_way.merge(*sides)
    assert bool(found.conflicts) == bool(merged.returncode), (base, ours, theirs, merged)
    if not found.conflicts:
        listed = _git(tmp_path, "ls-files").stdout.decode().split()
        assert {path: Cid.of(RAW, (tmp_path / path).read_bytes()) for path in listed} == {
            path: file.cid for path, file in found.files.items()
        }


_TREES = st.dictionaries(
    st.sampled_from(["a", "b", "c", "a/x", "a/y", "b/x/y"]),
    st.builds(File, st.sampled_from([Cid.of(RAW, bytes([n])) for n in range(3)]), st.booleans()),
).filter(lambda tree: not any(path != other and other.startswith(f"{path}/") for path in tree for other in tree))


@given(_TREES, _TREES, _TREES)
def test_laws_of_the_three_way(base: dict[str, File], ours: dict[str, File], theirs: dict[str, File]) -> None:
    found, turned = three_way.merge(base, ours, theirs), three_way.merge(base, theirs, ours)
    assert found == turned
    assert three_way.merge(base, ours, base) == three_way.merge(base, ours, ours) == three_way.Merge(ours, ())
    for take, side in (("ours", ours), ("theirs", theirs)):
        decided = three_way.merge(base, ours, theirs, take)
        assert set(decided.conflicts) >= set(found.conflicts)
        for path in base.keys() | ours.keys() | theirs.keys():
            if path in decided.conflicts:
                assert decided.files.get(path) == side.get(path)
            elif not found.conflicts:
                assert decided.files.get(path) == found.files.get(path)
        names = list(decided.files)
        assert not any(other.startswith(f"{path}/") for path in names for other in names)


def test_a_merge_reads_back_as_what_it_wrote(ports: Ports) -> None:
    save(ports, {"new/x": b"x"}, on="exp")
    save(ports, {"d/b": b"mine"})
    found = merge(ports, message="both")
    commit = read_commit(ports.repo, found.commit)
    assert commit.message == "both"
    assert {path: file.cid for path, file in commit_files(ports.repo, commit).items()} == {
        path: entry.cid for path, entry in ports.repo.index.load().items()
    }
