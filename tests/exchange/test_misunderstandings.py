"""Exchange gone astray: two projects of one name, words in another order, half a clone."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlm.adapters.remotes.folder import FolderRemote
from mlm.workflows import clone as workflow
from tests.command_line import Person
from tests.exchange import servers
from tests.exchange.test_commands import TOML, ann, bob, commit

__all__ = ["ann", "bob"]


@pytest.fixture
def stranger(tmp_path: Path, ann: Person) -> Person:
    """Somebody whose project is called as Ann's, and who shares her remote."""
    ann.do("push")
    (tmp_path / "stranger").mkdir()
    person = Person("", tmp_path / "stranger", tmp_path / "home-stranger")
    person.do("init", ".")
    (person.folder / "mlm.toml").write_text(TOML)
    commit(person, "another first", {"z.txt": b"z"})
    person.do("remote", "add", "origin", "../origin")
    return person


@pytest.mark.parametrize("words", [[], ["--force"], ["other"], ["other", "--force"], ["v1", "--force"]])
def test_another_project_of_the_same_name_is_not_replaced(
    words: tuple[str, ...], ann: Person, stranger: Person
) -> None:
    ann.do("tag", "v1")
    ann.do("push", "v1")
    stranger.do("branch", "other")
    stranger.do("tag", "v1")
    origin = FolderRemote(ann.folder.parent / "origin")
    before = origin.names("data")
    error = stranger.refused(12, "push", *words)
    assert "origin holds another project called data" in error["message"] and "asset.name" in error["hint"]
    assert "--force" not in error["hint"] and origin.names("data") == before
    # What the hint says helps.
    (stranger.folder / "mlm.toml").write_text(TOML.replace('"data"', '"mine"'))
    commit(stranger, "renamed", {})
    assert stranger.do("push")["repository"] == "mine" and origin.names("data") == before


def test_who_parted_is_not_another_project(ann: Person, bob: Person) -> None:
    commit(bob, "bob's", {"x": b"x"})
    bob.do("push")
    theirs = commit(ann, "ann's", {"y": b"y"})
    assert "somebody else has pushed" in ann.refused(12, "push")["message"]
    assert ann.do("push", "--force")["commit"] == str(theirs)


def test_the_order_of_git(ann: Person) -> None:
    for words in (("main", "origin"), ("origin", "main"), ("origin",)):
        pushed = ann.do("push", *words)
        assert (pushed["remote"], pushed["ref"], pushed["repository"]) == ("origin", "heads/main", "data")
    # A branch that is called as a remote is a branch.
    ann.do("branch", "origin")
    assert ann.do("push", "origin")["ref"] == "heads/origin"
    assert "'main'" in ann.refused(3, "push", "origin", "main")["message"]


def test_force_of_what_is_no_branch(ann: Person) -> None:
    cid = ann.do("push")["commit"]
    assert "moves a branch or a tag" in ann.refused(2, "push", cid, "--force")["message"]


def test_half_a_clone_says_how_to_go_on(ann: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ann.do("push")
    (tmp_path / "eve").mkdir()
    eve = Person("", tmp_path / "eve", ann.home)
    monkeypatch.setattr(workflow, "write_tree", _cut)
    assert eve.run("clone", "data", "work", "--from", "origin").code == 130
    monkeypatch.undo()
    half = Person("", eve.folder / "work", ann.home)
    for words in (("status",), ("init",), ("init", "--kind", "dataset")):
        error = half.refused(12, *words)
        assert "a clone" in error["message"] and "mlm clone" in error["hint"] and "mlm init" not in error["hint"]
    eve.do("clone", "data", "work", "--from", "origin")
    assert half.do("status")["clean"]


def _cut(*_: object) -> None:
    raise KeyboardInterrupt


def test_where_a_remote_went_and_what_goes_with_it(ann: Person) -> None:
    ann.do("push")
    assert ann.do("remote", "add", "mirror", "../mirror")["scope"] == "all your projects"
    assert "mlm.toml" in ann.do("remote", "add", "web", "https://web.example")["scope"]
    assert ann.do("log", "origin/main")["commits"]
    removed = ann.do("remote", "remove", "origin")
    assert (removed["removed"], removed["branches"]) == ("origin", ["origin/main"])
    ann.refused(3, "log", "origin/main")


def test_a_remote_in_a_folder_that_is_not_there(ann: Person) -> None:
    ann.do("remote", "add", "far", "../no/where")
    assert ann.refused(5, "push", "main", "far")["hint"].startswith("Make ")


def test_a_web_server_takes_no_blocks(ann: Person) -> None:
    ann.do("push")
    with servers.serve(servers.files(ann.folder.parent / "origin")) as server:
        ann.do("remote", "add", "web", server.url)
        assert "an http remote, takes no blocks" in ann.refused(5, "push", "main", "web")["message"]


def test_a_tag_that_moved_is_told(ann: Person, bob: Person) -> None:
    ann.do("tag", "v1")
    ann.do("push", "v1")
    bob.do("fetch")
    second = commit(ann, "second", {"x": b"x"})
    ann.do("tag", "--force", "v1")
    ann.do("push", "v1", "--force")
    fetched = bob.do("fetch")
    assert f"the tag v1 stands for {second} on origin" in fetched["problems"][0] and fetched["refs"] == []
    assert bob.do("log", "v1")["commits"][0]["message"] == "first"
    # What it says is what helps.
    bob.do("tag", "--force", "v1", str(second))
    assert bob.do("fetch")["problems"] == []


@pytest.mark.parametrize("place", ["../origin", "/srv/data", "https://web.example/data?key=1"])
def test_a_clone_of_a_place(place: str, ann: Person) -> None:
    error = ann.refused(2, "clone", place)
    assert "found the place" in error["message"] and "mlm remote add origin" in error["hint"]
    assert "key=1" not in str(error)


def test_a_clone_from_a_place_or_of_a_version(ann: Person) -> None:
    ann.do("push")
    assert "mlm remote add NAME ../origin" in ann.refused(3, "clone", "data", "x", "--from", "../origin")["hint"]
    assert "mlm clone data --from origin" in ann.refused(2, "clone", "data@1.0.0", "--from", "origin")["hint"]
