"""rm, restore, branch, tag, checkout, log --graph, over a repository in memory and one on disk."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mlm.adapters.repo import open_repo
from mlm.core.cid import RAW, Cid
from mlm.core.errors import NotFound, StateConflict, UsageError
from mlm.memory.blocks import MemoryBlocks
from mlm.memory.repo import memory_repo
from mlm.ports.repo import FILE, Head, Repo
from mlm.workflows import branch as branches
from mlm.workflows import tag as tags
from mlm.workflows.add import add
from mlm.workflows.checkout import checkout
from mlm.workflows.log import lines, log
from mlm.workflows.repository import read_commit, resolve
from mlm.workflows.restore import restore
from mlm.workflows.rm import rm
from mlm.workflows.status import status
from tests.committing import commit
from tests.workflows.test_repository import PROJECT, changes, write


@pytest.fixture(params=["disk", "memory"])
def repo(request: pytest.FixtureRequest, tmp_path: Path) -> Repo:
    """A repository with a commit `first` on main (a, d/b, mlm.toml) and `second` on exp (a changed, d/c, no d/b)."""
    repo = open_repo(tmp_path / "project") if request.param == "disk" else memory_repo()
    return prepared(repo)


def prepared(repo: Repo) -> Repo:
    repo.refs.create("main")
    for path, content in {"mlm.toml": PROJECT, "a": b"one", "d/b": b"b", "same": b"same"}.items():
        write(repo, path, content)
    save(repo, "first", 1)
    checkout(repo, make="exp")
    write(repo, "a", b"two")
    write(repo, "d/c", b"c")
    repo.tree.remove("d/b")
    save(repo, "second", 2)
    return repo


def save(repo: Repo, message: str, now: int) -> Cid:
    add(repo, [""])
    made: Cid = commit(repo, None, message, "alice", now).commit
    return made


def files(repo: Repo) -> dict[str, bytes]:
    return {stat.path: b"".join(repo.tree.read(stat)) for stat in repo.tree.scan() if stat.kind == FILE}


FIRST = {"mlm.toml": PROJECT, "a": b"one", "d/b": b"b", "same": b"same"}
SECOND = {"mlm.toml": PROJECT, "a": b"two", "d/c": b"c", "same": b"same"}


def test_checkout_goes_there_and_back(repo: Repo) -> None:
    assert files(repo) == SECOND
    inode = repo.tree.stat("same")
    found = checkout(repo, "main")
    assert (found.branch, found.written, found.removed) == ("main", ("a", "d/b"), ("d/c",))
    assert files(repo) == FIRST and status(repo).clean
    assert repo.tree.stat("same") == inode, "a file that does not differ was written"
    assert repo.refs.head().branch == "main"
    checkout(repo, "exp")
    assert files(repo) == SECOND and status(repo).clean


def test_checkout_of_a_tag_or_commit_detaches_head(repo: Repo) -> None:
    first = resolve(repo, "main")
    tags.make(repo, "v1", "main")
    for name in ("v1", str(first), "HEAD~1"):
        checkout(repo, "exp")
        assert checkout(repo, name).branch is None
        assert repo.refs.head() == Head(None, first)
        assert files(repo) == FIRST and status(repo).clean
    write(repo, "a", b"three")
    third = save(repo, "third", 3)
    assert repo.refs.head() == Head(None, third)
    assert resolve(repo, "main") == first


def test_checkout_takes_along_what_is_the_same_in_both(repo: Repo) -> None:
    write(repo, "same", b"mine")
    write(repo, "new", b"untracked")
    write(repo, "staged", b"staged")
    add(repo, ["staged"])
    checkout(repo, "main")
    assert files(repo) == {**FIRST, "same": b"mine", "new": b"untracked", "staged": b"staged"}
    assert changes(status(repo)) == {
        "staged": ["new staged"],
        "changed": ["modified same"],
        "untracked": ["untracked new"],
    }


def change(repo: Repo) -> None:
    write(repo, "a", b"mine")


def stage_change(repo: Repo) -> None:
    write(repo, "a", b"mine")
    add(repo, ["a"])


def stage_then_change_back(repo: Repo) -> None:
    stage_change(repo)
    write(repo, "a", b"two")


def untracked(repo: Repo) -> None:
    write(repo, "d/b", b"mine")


def untracked_folder(repo: Repo) -> None:
    write(repo, "d/b/x", b"mine")


def change_what_goes(repo: Repo) -> None:
    write(repo, "d/c", b"mine")


def untracked_file_above(repo: Repo) -> None:
    rm(repo, ["d/c"])
    write(repo, "d", b"mine")


def staged_removal(repo: Repo) -> None:
    rm(repo, ["a"])


def staged_new_file(repo: Repo) -> None:
    untracked(repo)
    add(repo, ["d/b"])


@pytest.mark.parametrize(
    ("arrange", "path"),
    [
        (change, "a"),
        (stage_change, "a"),
        (stage_then_change_back, "a"),
        (untracked, "d/b"),
        (untracked_folder, "d/b/x"),
        (change_what_goes, "d/c"),
        (untracked_file_above, "d"),
        (staged_removal, "a"),
        (staged_new_file, "d/b"),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_checkout_never_overwrites_what_is_nowhere_else(repo: Repo, arrange: Any, path: str) -> None:
    arrange(repo)
    before = files(repo), repo.index.load(), repo.refs.head()
    with pytest.raises(StateConflict, match=f"overwrite changes of .*{path}"):
        checkout(repo, "main")
    assert (files(repo), repo.index.load(), repo.refs.head()) == before


def test_checkout_between_a_file_and_a_folder(repo: Repo) -> None:
    checkout(repo, "main", make="folder")
    repo.tree.remove("a")
    write(repo, "a/x/y", b"deep")
    save(repo, "a is a folder", 3)
    checkout(repo, "main")
    assert files(repo) == FIRST and status(repo).clean
    checkout(repo, "folder")
    assert files(repo)["a/x/y"] == b"deep" and status(repo).clean
    write(repo, "a/mine", b"mine")
    with pytest.raises(StateConflict, match="a/mine"):
        checkout(repo, "main")
    assert files(repo)["a/x/y"] == b"deep"


def test_checkout_goes_on_where_a_kill_has_left_an_empty_folder(tmp_path: Path) -> None:
    repo = prepared(open_repo(tmp_path))
    checkout(repo, "main", make="folder")
    repo.tree.remove("a")
    write(repo, "a/x/y", b"deep")
    save(repo, "a is a folder", 3)
    (tmp_path / "a" / "x" / "y").unlink()
    checkout(repo, "main")
    assert files(repo) == FIRST and status(repo).clean


def test_checkout_stops_at_ignored_files_in_a_folder_that_has_to_go(tmp_path: Path) -> None:
    repo = prepared(open_repo(tmp_path))
    checkout(repo, "main", make="folder")
    repo.tree.remove("a")
    write(repo, "a/x", b"deep")
    write(repo, ".mlmignore", b"*.log\n")
    save(repo, "a is a folder", 3)
    (tmp_path / "a" / "run.log").write_bytes(b"mine")
    before = files(repo), repo.index.load(), repo.refs.head()
    with pytest.raises(StateConflict, match="cannot write a: the folder there holds what is not tracked"):
        checkout(repo, "main")
    assert (files(repo), repo.index.load(), repo.refs.head()) == before
    assert (tmp_path / "a" / "run.log").read_bytes() == b"mine"


def test_checkout_follows_no_link(tmp_path: Path) -> None:
    root = tmp_path / "project"
    repo = prepared(open_repo(root))
    outside = tmp_path / "outside"
    outside.mkdir()
    checkout(repo, "main")
    (root / "d").rename(tmp_path / "moved")
    (root / "d").symlink_to(outside)
    with pytest.raises(StateConflict, match="d"):
        checkout(repo, "exp")
    assert list(outside.iterdir()) == [] and (root / "d").is_symlink()
    (root / "d").unlink()
    (tmp_path / "moved").rename(root / "d")
    (root / "a").unlink()
    (root / "a").symlink_to(outside / "x")
    with pytest.raises(StateConflict, match="changes of a"):
        checkout(repo, "exp")
    assert os.readlink(root / "a") == str(outside / "x")


def test_checkout_writes_nothing_when_a_block_is_missing() -> None:
    objects = MemoryBlocks()
    repo = prepared(replace(memory_repo(), objects=objects))
    checkout(repo, "main")
    victim = Cid.of(RAW, b"c")
    del objects.blocks[victim]
    before = files(repo), repo.index.load(), repo.refs.head()
    with pytest.raises(NotFound, match=str(victim)):
        checkout(repo, "exp")
    assert (files(repo), repo.index.load(), repo.refs.head()) == before


def test_checkout_makes_a_branch(repo: Repo) -> None:
    assert checkout(repo, "main", make="third").branch == "third"
    assert repo.refs.head() == Head("third", resolve(repo, "main"))
    with pytest.raises(StateConflict, match="there is a branch exp already"):
        checkout(repo, "main", make="exp")
    with pytest.raises(UsageError, match="branch name"):
        checkout(repo, make="a..b")
    with pytest.raises(NotFound):
        checkout(repo, "nothing")
    with pytest.raises(UsageError, match="expected a commit"):
        checkout(repo, str(_manifest(repo)))


def _manifest(repo: Repo) -> Cid:
    return read_commit(repo, resolve(repo, "HEAD")).manifest


# rm


def test_checkout_of_a_branch_that_one_remote_has(repo: Repo) -> None:
    first = resolve(repo, "main")
    repo.refs.set("remotes/origin/topic/x", first, None)
    found = checkout(repo, "topic/x")
    assert (found.branch, found.commit, found.made_from) == ("topic/x", first, "origin/topic/x")
    assert repo.refs.head() == Head("topic/x", first) and files(repo) == FIRST
    checkout(repo, "exp")
    assert checkout(repo, "topic/x").made_from == ""
    assert checkout(repo, "origin/topic/x").branch is None
    for remote in ("origin", "other"):
        repo.refs.set(f"remotes/{remote}/both", first, None)
    with pytest.raises(NotFound, match="no branch, tag or commit 'both'"):
        checkout(repo, "both")


def test_a_commit_that_is_left_on_no_branch_is_named(repo: Repo) -> None:
    assert not status(repo).detached
    checkout(repo, "HEAD~1")
    assert status(repo).detached
    write(repo, "a", b"three")
    third = save(repo, "third", 3)
    left = checkout(repo, "main").left
    assert str(third) in left and f"mlm branch NAME {str(third)[:16]}`" in left
    branches.make(repo, "kept", str(third))
    checkout(repo, str(third))
    assert checkout(repo, "main").left == checkout(repo, "exp").left == ""


def test_a_slip_in_a_name_is_seen(repo: Repo) -> None:
    repo.refs.set("heads/experiment", resolve(repo, "main"), None)
    with pytest.raises(NotFound) as caught:
        checkout(repo, "experimnet")
    assert "Did you mean experiment?" in caught.value.hint
    with pytest.raises(NotFound) as caught:
        checkout(repo, "qqqqqqqq")
    assert "Did you mean" not in caught.value.hint


def test_rm_removes_what_a_commit_holds(repo: Repo) -> None:
    assert rm(repo, ["a"]).removed == ("a",)
    assert changes(status(repo)) == {"staged": ["deleted a"]}
    assert "a" not in files(repo)
    assert rm(repo, ["d/c"], cached=True).unstaged == ("d/c",)
    assert files(repo)["d/c"] == b"c"
    assert changes(status(repo)) == {"staged": ["deleted a", "deleted d/c"], "untracked": ["untracked d/"]}
    with pytest.raises(NotFound, match="nothing staged has the path a"):
        rm(repo, ["a"])


def test_rm_of_folders_needs_r(repo: Repo) -> None:
    with pytest.raises(UsageError, match="without -r"):
        rm(repo, ["d"])
    assert rm(repo, ["d"], recursive=True).removed == ("d/c",)
    assert repo.tree.stat("d") is None
    repo.tree.remove("a")
    assert rm(repo, [""], recursive=True).removed == ("a", "mlm.toml", "same")
    assert files(repo) == {}


@pytest.mark.parametrize("cached", [False, True], ids=["files", "cached"])
def test_rm_keeps_what_is_nowhere_else(repo: Repo, cached: bool) -> None:
    write(repo, "a", b"staged")
    add(repo, ["a"])
    write(repo, "a", b"mine")
    before = files(repo), repo.index.load()
    with pytest.raises(StateConflict, match="not removing a"):
        rm(repo, ["same", "a"], cached=cached)
    assert (files(repo), repo.index.load()) == before
    found = rm(repo, ["a"], cached=cached, force=True)
    assert (found.unstaged if cached else found.removed) == ("a",)
    assert ("a" in files(repo)) == cached


def test_rm_of_changed_files(repo: Repo) -> None:
    write(repo, "a", b"mine")
    with pytest.raises(StateConflict, match="changes that are not staged"):
        rm(repo, ["a"])
    add(repo, ["a"])
    with pytest.raises(StateConflict, match="staged changes that no commit holds"):
        rm(repo, ["a"])
    assert rm(repo, ["a"], cached=True).unstaged == ("a",)
    assert files(repo)["a"] == b"mine"


# restore


def test_restore_from_the_index(repo: Repo) -> None:
    write(repo, "a", b"staged")
    add(repo, ["a"])
    write(repo, "a", b"mine")
    repo.tree.remove("d/c")
    write(repo, "new", b"untracked")
    found = restore(repo, [""])
    assert (found.source, found.restored, found.removed) == ("index", ("a", "d/c"), ())
    assert files(repo) == {**SECOND, "a": b"staged", "new": b"untracked"}
    assert changes(status(repo)) == {"staged": ["modified a"], "untracked": ["untracked new"]}
    assert restore(repo, [""]).restored == ()


def test_restore_of_the_index(repo: Repo) -> None:
    write(repo, "a", b"staged")
    write(repo, "new", b"new")
    rm(repo, ["same"])
    add(repo, ["a", "new"])
    found = restore(repo, ["a", "new", "same"], staged=True)
    assert (found.restored, found.removed) == (("a", "same"), ("new",))
    assert files(repo) == {
        **{key: value for key, value in SECOND.items() if key != "same"},
        "a": b"staged",
        "new": b"new",
    }
    assert changes(status(repo)) == {"changed": ["modified a", "deleted same"], "untracked": ["untracked new"]}
    restore(repo, ["same"])
    repo.tree.remove("new")
    restore(repo, ["a"])
    assert status(repo).clean, "the index has the tree of the commit again"


def test_restore_from_a_commit(repo: Repo) -> None:
    found = restore(repo, ["d", "a"], source="main")
    assert (found.restored, found.removed) == (("a", "d/b"), ("d/c",))
    assert files(repo) == FIRST
    assert changes(status(repo)) == {"changed": ["modified a", "deleted d/c"], "untracked": ["untracked d/b"]}
    restore(repo, [""], source="main", staged=True)
    assert {path: entry.cid for path, entry in repo.index.load().items()} == {
        path: Cid.of(RAW, content) for path, content in FIRST.items()
    }
    with pytest.raises(NotFound, match="nothing in index has the path nothing"):
        restore(repo, ["nothing"])


def test_restore_decides_before_it_writes(repo: Repo) -> None:
    write(repo, "same", b"mine")
    repo.tree.remove("d/c")
    write(repo, "d/c/x", b"a folder in its place")
    before = files(repo)
    with pytest.raises(StateConflict, match="cannot restore d/c"):
        restore(repo, ["same", "d"])
    assert files(repo) == before


def test_restore_between_a_file_and_a_folder(repo: Repo) -> None:
    checkout(repo, "main", make="folder")
    repo.tree.remove("a")
    write(repo, "a/x", b"deep")
    save(repo, "a is a folder", 3)
    found = restore(repo, ["a"], source="main")
    assert (found.restored, found.removed) == (("a",), ("a/x",))
    assert files(repo)["a"] == b"one"
    restore(repo, ["a"], source="main", staged=True)
    assert restore(repo, ["a"], source="folder").removed == ("a",)
    assert files(repo)["a/x"] == b"deep"


def test_restore_staged_before_the_first_commit() -> None:
    repo = memory_repo()
    repo.refs.create("main")
    write(repo, "a", b"x")
    add(repo, ["a"])
    assert restore(repo, ["a"], staged=True).removed == ("a",)
    assert repo.index.load() == {} and files(repo) == {"a": b"x"}


# branch, tag


def names(found: branches.Branches) -> list[str]:
    return [f"{'*' if row.current else ' '}{row.branch}" for row in found.branches]


def test_branches(repo: Repo) -> None:
    assert names(branches.listed(repo)) == ["*exp", " main"]
    assert names(branches.make(repo, "topic/x", "main")) == ["*exp", " main", " topic/x"]
    with pytest.raises(StateConflict, match="there is a branch main already"):
        branches.make(repo, "main")
    with pytest.raises(StateConflict, match="exp is checked out"):
        branches.delete(repo, "exp")
    assert names(branches.delete(repo, "topic/x")) == ["*exp", " main"]
    assert names(branches.make(repo, "topic")) == ["*exp", " main", " topic"]
    checkout(repo, "main")
    with pytest.raises(StateConflict, match="exp is not merged"):
        branches.delete(repo, "exp")
    assert names(branches.delete(repo, "exp", force=True)) == ["*main", " topic"]
    with pytest.raises(NotFound, match="no branch 'exp'"):
        branches.delete(repo, "exp")


def test_a_cid_means_its_commit_whatever_tags_are_called(tmp_path: Path) -> None:
    """A tag that somebody else's .mlm has, by a name that none is given."""
    repo = open_repo(tmp_path / "project")
    repo.refs.create("main")
    write(repo, "mlm.toml", PROJECT)
    first = save(repo, "first", 1)
    write(repo, "a", b"evil")
    second = save(repo, "second", 2)
    for kind in ("tags", "heads"):
        (tmp_path / "project" / ".mlm" / "refs" / kind / str(first)).write_text(f"{second}\n")
    assert resolve(repo, str(first)) == first
    assert (checkout(repo, str(first)).branch, repo.refs.head().commit) == (None, first)


def test_branches_of_remotes_are_listed_when_asked_for(repo: Repo) -> None:
    repo.refs.set("remotes/origin/exp", resolve(repo, "main"), None)
    assert names(branches.listed(repo)) == ["*exp", " main"]
    assert names(branches.listed(repo, remote=True)) == ["*exp", " main", " origin/exp"]


def test_a_name_is_not_also_a_folder(repo: Repo) -> None:
    branches.make(repo, "topic/x")
    for name, other in (("topic", "topic/x"), ("topic/x/y", "topic/x"), ("exp/y", "exp")):
        with pytest.raises(StateConflict, match=f"the branch {name} cannot stand beside the branch {other}"):
            branches.make(repo, name)
    tags.make(repo, "topic")  # a tag of the name is another thing
    assert [name for name in repo.refs.all() if name.startswith("heads/topic")] == ["heads/topic/x"]


def test_rename_of_branches(repo: Repo) -> None:
    second = resolve(repo, "exp")
    assert names(branches.rename(repo, "exp", "better")) == ["*better", " main"]
    assert repo.refs.head() == Head("better", second)
    assert names(branches.rename(repo, "main", "old/main")) == ["*better", " old/main"]
    with pytest.raises(StateConflict, match="there is a branch old/main already"):
        branches.rename(repo, "better", "old/main")
    with pytest.raises(NotFound):
        branches.rename(repo, "nothing", "x")
    assert names(branches.rename(repo, "", "best")) == ["*best", " old/main"]
    checkout(repo, "HEAD~1")
    assert repo.refs.head().branch is None
    with pytest.raises(StateConflict, match="on no branch"):
        branches.rename(repo, "", "x")


def test_tags(repo: Repo) -> None:
    tags.make(repo, "v1", "main")
    with pytest.raises(StateConflict, match="there is a tag v1 already"):
        tags.make(repo, "v1")
    assert tags.make(repo, "v1", force=True).tags == (tags.Tag("v1", resolve(repo, "HEAD")),)
    assert tags.delete(repo, "v1").tags == ()
    with pytest.raises(NotFound):
        tags.delete(repo, "v1")
    with pytest.raises(UsageError, match="tag name"):
        tags.make(repo, "no spaces")


# log


def test_log_of_a_path(repo: Repo) -> None:
    write(repo, "same", b"changed")
    save(repo, "third", 3)
    assert [entry.message for entry in log(repo, path="a").commits] == ["second", "first"]
    assert [entry.message for entry in log(repo, path="same").commits] == ["third", "first"]
    assert [entry.message for entry in log(repo, path="d").commits] == ["second", "first"]
    assert [entry.message for entry in log(repo, path="d/b").commits] == ["second", "first"]
    assert log(repo, path="nothing/here").commits == ()
    with pytest.raises(UsageError, match="one path"):
        log(repo, path="a", graph=True)


def test_log_has_parents_and_a_graph(repo: Repo) -> None:
    found = log(repo, graph=True)
    second, first = found.commits
    assert (second.parents, first.parents) == ((first.commit,), ())
    assert found.graph == (
        f"* {str(second.commit)[:16]} (HEAD, exp) 1970-01-01T00:00:02Z alice: second",
        f"* {str(first.commit)[:16]} (main) 1970-01-01T00:00:01Z alice: first",
    )
    short = [f"{str(second.commit)[:16]} (HEAD, exp) second", f"{str(first.commit)[:16]} (main) first"]
    assert list(lines(found).commits) == short
    assert log(repo, graph=True, oneline=True).graph == tuple(f"* {line}" for line in short)


def test_log_of_several_refs_and_of_all(repo: Repo) -> None:
    second = resolve(repo, "exp")
    checkout(repo, "main")
    write(repo, "a", b"three")
    save(repo, "third", 3)

    def said(*refs: str, everything: bool = False) -> list[str]:
        return [entry.message for entry in log(repo, refs, everything=everything).commits]

    assert said() == ["third", "first"]
    assert said("main", "exp") == said("exp", "HEAD") == ["third", "second", "first"]
    repo.refs.set("remotes/origin/exp", second, None)
    branches.delete(repo, "exp", force=True)
    assert said("main") == ["third", "first"]
    assert said(everything=True) == ["third", "second", "first"]
    with pytest.raises(NotFound, match="'nothing'"):
        said("main", "nothing", everything=True)


def test_a_graph_of_merges_has_parents_below_children_whatever_the_clocks_say() -> None:
    repo = prepared(memory_repo())
    first, second = resolve(repo, "main"), resolve(repo, "exp")
    model = read_commit(repo, second)
    heads = [second]
    for number in range(3):  # older, by their clocks, than what they come from
        cid, block = replace(model, parents=(second,), time=0, message=f"side {number}").to_block()
        repo.objects.put([(cid, block)])
        heads.append(cid)
    cid, block = replace(model, parents=tuple(heads[1:]), time=1, message="merge").to_block()
    repo.objects.put([(cid, block)])
    repo.refs.set("heads/merge", cid, None)
    found = log(repo, ["merge"], graph=True)
    names = [entry.commit for entry in found.commits]
    assert names[0] == cid and names[-2:] == [second, first]
    assert all(names.index(entry.commit) < names.index(parent) for entry in found.commits for parent in entry.parents)
    stars = ["".join(re.findall(r"[*|/\\ ]+", line)[:1]).rstrip() for line in found.graph]
    assert stars == ["*", "|\\", "|\\ \\", "* | |", "| * |", "|/ /", "| *", "|/", "*", "*"]
    cut = log(repo, ["merge"], 2, graph=True)
    assert cut.more and len(cut.commits) == 2
