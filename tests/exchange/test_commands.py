"""push, fetch, pull, clone and download as they are typed: between two people, over a folder and a web server."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from mlm.adapters.blocks.packs import PackStore
from mlm.adapters.remotes.folder import FolderRemote
from mlm.core import dag
from mlm.core.cid import RAW, Cid
from tests.command_line import Person
from tests.exchange import servers

TOML = '[asset]\nname = "data"\nversion = "1.0.0"\nkind = "dataset"\nlicence = "MIT"\n'


@pytest.fixture
def ann(tmp_path: Path) -> Person:
    """Somebody with a project `data`, one commit, and the remote `origin` in a folder."""
    (tmp_path / "ann").mkdir()
    person = Person("", tmp_path / "ann", tmp_path / "home-ann")
    person.do("init", ".")
    (person.folder / "mlm.toml").write_text(TOML)
    commit(person, "first", {"a/1.bin": b"1" * 2_000_000, "b.txt": b"b"})
    person.do("remote", "add", "origin", "../origin")
    return person


@pytest.fixture
def bob(tmp_path: Path, ann: Person) -> Person:
    """Somebody else, who has cloned it."""
    ann.do("push")
    return cloned(tmp_path, "bob", "../origin")


def cloned(tmp_path: Path, name: str, url: str, *options: str) -> Person:
    """Somebody with a home of their own and a clone of `data`."""
    (tmp_path / name).mkdir()
    outside = Person("", tmp_path / name, tmp_path / f"home-{name}")
    outside.do("remote", "add", "origin", str((tmp_path / name / url).resolve()) if "://" not in url else url, *options)
    outside.do("clone", "data", "work", "--from", "origin")
    return Person("", outside.folder / "work", outside.home)


def commit(person: Person, message: str, files: dict[str, bytes]) -> Cid:
    for path, content in files.items():
        (person.folder / path).parent.mkdir(parents=True, exist_ok=True)
        (person.folder / path).write_bytes(content)
    person.do("add", ".")
    return Cid.parse(person.do("commit", "-m", message)["commit"])


def content(person: Person) -> dict[str, bytes]:
    return {
        path.relative_to(person.folder).as_posix(): path.read_bytes()
        for path in person.folder.rglob("*")
        if path.is_file() and ".mlm" not in path.parts
    }


def log(person: Person, *words: str) -> list[str]:
    return [row["message"] for row in person.do("log", *words)["commits"]]


def test_two_people_and_a_folder(ann: Person, bob: Person) -> None:
    assert content(bob) == content(ann) and bob.do("status")["clean"] and log(bob) == ["first"]
    second = commit(bob, "second", {"c/2.txt": b"2", "b.txt": b"changed"})
    (bob.folder / "a" / "1.bin").unlink()
    third = commit(bob, "third", {})
    pushed = bob.do("push")
    assert (pushed["commit"], pushed["ref"], pushed["remote"]) == (str(third), "heads/main", "origin")
    assert pushed["bytes"] < 10_000, "blocks that the remote has were sent"
    # Fetching changes no file; pulling does.
    before = content(ann)
    fetched = ann.do("fetch")
    assert fetched["refs"] == [{"ref": "origin/main", "before": pushed["before"], "after": str(third)}]
    assert content(ann) == before and log(ann) == ["first"]
    assert log(ann, "origin/main") == ["third", "second", "first"]
    pulled = ann.do("pull")
    assert pulled["files"] == ["a/1.bin", "b.txt", "c/2.txt"] and pulled["fetched"]["refs"] == []
    assert content(ann) == content(bob) and ann.do("status")["clean"] and log(ann) == ["third", "second", "first"]
    assert ann.do("pull")["files"] == [] and str(second) in str(ann.do("log"))


def test_a_branch_moves_forward_only(ann: Person, bob: Person) -> None:
    commit(ann, "ann's", {"ann": b"1"})
    ann.do("push")
    theirs = commit(bob, "bob's", {"bob": b"1"})
    error = bob.refused(12, "push")
    assert "is not in the history of" in error["message"] and "mlm pull" in error["hint"]
    refused = bob.refused(12, "pull")
    assert "diverged" in refused["message"] and "`mlm merge origin/main`" in refused["hint"]
    refused = bob.refused(12, "push")
    assert "has diverged from" in refused["message"] and "`mlm merge origin/main`" in refused["hint"]
    assert content(bob)["bob"] == b"1" and bob.do("status")["clean"]
    assert bob.do("push", "--force")["commit"] == str(theirs)
    assert "diverged" in ann.refused(12, "pull")["message"]


def test_diverged_branches_are_merged_and_pushed(ann: Person, bob: Person) -> None:
    commit(ann, "ann's", {"ann": b"1"})
    ann.do("push")
    commit(bob, "bob's", {"bob": b"1"})
    bob.refused(12, "pull")
    merged = bob.do("merge", "origin/main")
    assert merged["outcome"] == "merged" and content(bob)["ann"] == b"1" == content(bob)["bob"]
    bob.do("push")
    ann.do("pull")
    assert content(ann) == content(bob) and log(ann)[0] == "Merge origin/main"


def test_who_pushes_at_the_same_time_is_told(ann: Person, bob: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another push between the look and the move: the second one is refused, and nothing is lost."""
    from mlm.adapters.remotes.folder import FolderRemote

    mine = commit(ann, "ann's", {"ann": b"1"})
    commit(bob, "bob's", {"bob": b"1"})
    move = FolderRemote.set_name

    def late(self: Any, *arguments: Any) -> None:
        monkeypatch.setattr(FolderRemote, "set_name", move)
        ann.do("push")
        move(self, *arguments)

    monkeypatch.setattr(FolderRemote, "set_name", late)
    assert "somebody else has pushed" in bob.refused(12, "push")["message"]
    assert ann.do("fetch")["refs"] == [] and str(mine) in str(ann.do("log", "origin/main"))


def test_changes_are_not_overwritten(ann: Person, bob: Person) -> None:
    commit(ann, "second", {"b.txt": b"ann's", "new.txt": b"new"})
    ann.do("push")
    (bob.folder / "b.txt").write_bytes(b"bob's")
    assert "would overwrite changes of b.txt" in bob.refused(12, "pull")["message"]
    assert content(bob)["b.txt"] == b"bob's" and log(bob) == ["first"]
    (bob.folder / "b.txt").write_bytes(b"b")
    (bob.folder / "new.txt").write_bytes(b"bob's own")
    assert "would overwrite changes of new.txt" in bob.refused(12, "pull")["message"]
    assert content(bob)["new.txt"] == b"bob's own" and log(bob) == ["first"]
    (bob.folder / "new.txt").unlink()
    bob.do("pull")
    assert content(bob) == content(ann)


@pytest.mark.parametrize("ranges", [True, False], ids=["ranges", "no ranges"])
def test_a_web_server_in_place_of_the_folder(ranges: bool, ann: Person, tmp_path: Path) -> None:
    ann.do("push")
    with servers.serve(servers.files(tmp_path / "origin", ranges=ranges)) as server:
        eve = cloned(tmp_path, "eve", server.url)
        assert content(eve) == content(ann)
        commit(ann, "second", {"new.txt": b"new"})
        ann.do("push")
        assert eve.do("pull")["files"] == ["new.txt"] and content(eve) == content(ann)
        error = eve.refused(5, "push")
        assert "takes no blocks" in error["message"]


def test_a_commit_by_its_cid(ann: Person, tmp_path: Path) -> None:
    """Without names and without a chain: what names itself can be had from anybody."""
    first = ann.do("log")["commits"][0]["commit"]
    ann.do("push", first)
    assert not (tmp_path / "origin" / "names").exists()
    (tmp_path / "eve").mkdir()
    eve = Person("", tmp_path / "eve", tmp_path / "home-eve")
    eve.do("remote", "add", "origin", str(tmp_path / "origin"))
    assert eve.do("clone", first, "whole")["commit"] == first
    assert content(Person("", eve.folder / "whole", eve.home)) == content(ann)
    done = eve.do("download", first, "-o", "files")
    assert (done["files"], done["asset"]) == (3 + (ann.folder / ".mlmignore").exists(), "data@1.0.0")
    assert content(Person("", eve.folder / "files", eve.home)) == content(ann)
    assert not (eve.folder / "files" / ".mlm").exists()


def test_no_folder_is_overwritten(ann: Person, bob: Person, tmp_path: Path) -> None:
    eve = Person("", tmp_path / "bob", bob.home)
    assert "holds a project" in eve.refused(12, "clone", "data", "work", "--from", "origin")["message"]
    (tmp_path / "bob" / "full").mkdir()
    (tmp_path / "bob" / "full" / "mine.txt").write_text("mine")
    for words in (("clone", "data", "full"), ("download", "data", "-o", "full")):
        found = eve.refused(12, *words, "--from", "origin")
        assert "expected" in found["message"] and "an empty folder" in found["message"] and "another" in found["hint"]
    assert [path.name for path in (tmp_path / "bob" / "full").iterdir()] == ["mine.txt"]
    (tmp_path / "bob" / "file").write_text("x")
    assert "is a file" in eve.refused(2, "clone", "data", "file", "--from", "origin")["message"]


@pytest.mark.parametrize("named", [True, False], ids=["MLM_HOME", "another's"])
@pytest.mark.parametrize("words", [("clone", "data", "."), ("download", "data", "-o", ".")], ids=["clone", "download"])
def test_a_folder_whose_mlm_is_not_ours(words: tuple[str, ...], named: bool, ann: Person, tmp_path: Path) -> None:
    """MLM_HOME is `.mlm` of the home folder by default: neither it nor another's `.mlm` is written to, or removed."""
    ann.do("push")
    house = tmp_path / "house"
    key = house / ".mlm" / "keystore" / "alice.json"
    key.parent.mkdir(parents=True)
    key.write_text("{}")
    person = Person("", house, house / ".mlm" if named else tmp_path / "home-eve")
    person.do("remote", "add", "origin", str(tmp_path / "origin"))
    before = sorted(path.relative_to(house) for path in (house / ".mlm").rglob("*") if "cache" not in path.parts)
    person.refused(12, *words, "--from", "origin")
    person.refused(12, "-C", "..", words[0], "data", *words[2:-1], "house", "--from", "origin")
    if named:
        assert "is MLM_HOME" in person.refused(12, "init", ".")["message"]
    after = sorted(path.relative_to(house) for path in (house / ".mlm").rglob("*") if "cache" not in path.parts)
    assert key.read_text() == "{}" and after == before and [path.name for path in house.iterdir()] == [".mlm"]


def test_a_download_that_was_cut_goes_on(ann: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It shows no half of itself; the blocks that came are not fetched again, and are gone in the end."""
    from mlm.adapters.files import DiskTree

    ann.do("push")
    (tmp_path / "eve").mkdir()
    eve = Person("", tmp_path / "eve", tmp_path / "home-eve")
    eve.do("remote", "add", "origin", str(tmp_path / "origin"))
    write = DiskTree.write

    def failing(self: DiskTree, path: str, *arguments: Any, **options: Any) -> Any:
        if path == "mlm.toml":
            raise OSError("the plug is pulled")
        return write(self, path, *arguments, **options)

    monkeypatch.setattr(DiskTree, "write", failing)
    assert eve.run("download", "data", "-o", "sub/files", "--from", "origin").code == 5
    assert not (eve.folder / "sub" / "files").exists()
    monkeypatch.setattr(DiskTree, "write", write)
    assert eve.do("download", "data", "-o", "sub/files", "--from", "origin")["blocks"] == 0
    assert content(Person("", eve.folder / "sub" / "files", eve.home)) == content(ann)
    assert list((eve.home / "cache" / "downloads").iterdir()) == []


def test_branches_share_their_history(ann: Person, bob: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fetching walks through what branches have in common once."""
    for number in range(4):
        commit(ann, f"more {number}", {f"{number}": bytes([number])})
    ann.do("push")

    def reads() -> int:
        count, get = [0], PackStore.get

        def counted(self: PackStore, cid: Cid) -> bytes:
            count[0] += 1
            return get(self, cid)

        with monkeypatch.context() as patched:
            patched.setattr(PackStore, "get", counted)
            bob.do("fetch")
        return count[0]

    bob.do("fetch")
    one = reads()
    for number in range(8):
        ann.do("branch", f"b{number}")
        ann.do("push", f"b{number}")
    bob.do("fetch")
    assert reads() < 2 * one


def test_the_name_of_an_asset_is_no_hidden_folder(ann: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An asset on the chain may be called `.git`; whoever wants it there says so."""
    from dataclasses import replace

    from mlm.workflows import clone

    ann.do("push")
    eve = Person("", tmp_path / "eve", tmp_path / "home-eve")
    eve.folder.mkdir()
    eve.do("remote", "add", "origin", str(tmp_path / "origin"))
    find = clone.find
    monkeypatch.setattr(clone, "find", lambda *arguments: replace(find(*arguments), folder=".git"))
    assert "is called .git" in eve.refused(2, "clone", "data", "--from", "origin")["message"]
    assert list(eve.folder.iterdir()) == [] and eve.do("clone", "data", ".git", "--from", "origin")


def test_what_is_not_open_is_pushed_when_told_so(ann: Person) -> None:
    commit(ann, "kept back", {"mlm.toml": f'{TOML}[access]\nmode = "licensed"\n'.encode()})
    assert "data@1.0.0 is licensed" in ann.refused(2, "push")["message"]
    assert ann.do("push", "--unencrypted")["ref"] == "heads/main"
    commit(ann, "open", {"mlm.toml": TOML.encode()})
    assert "data@1.0.0 is licensed" in ann.refused(2, "push")["message"]  # its history, whatever is there already
    ann.do("push", "--unencrypted")


def test_a_name_on_the_remote_is_no_reason_to_send_what_is_licensed(ann: Person, tmp_path: Path) -> None:
    """A sealed manifest tells everybody its commit: who may write to a remote can name it there without having it."""
    licensed = commit(ann, "kept back", {"mlm.toml": f'{TOML}[access]\nmode = "licensed"\n'.encode()})
    commit(ann, "open", {"mlm.toml": TOML.encode(), "c.txt": b"open"})
    thieves = FolderRemote(tmp_path / "origin")
    thieves.set_name("data", "heads/main", licensed, None)
    assert "data@1.0.0 is licensed" in ann.refused(2, "push")["message"]
    assert list(thieves.cids()) == []


@pytest.mark.parametrize("when", ["objects", "files", "refs"])
def test_a_clone_that_was_cut_goes_on(when: str, ann: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever was done last, the same command brings it to its end."""
    from mlm.adapters.repo.refs import FileRefs
    from mlm.adapters.repo.worktree import DiskTree

    ann.do("push")
    owner: type = {"objects": PackStore, "files": DiskTree, "refs": FileRefs}[when]
    name = {"objects": "put", "files": "write", "refs": "set"}[when]
    act, calls = getattr(owner, name), [0]

    def failing(self: Any, *arguments: Any, **options: Any) -> Any:
        calls[0] += 1
        if calls[0] == 2:
            raise OSError("the plug is pulled")
        return act(self, *arguments, **options)

    (tmp_path / "eve").mkdir()
    eve = Person("", tmp_path / "eve", tmp_path / "home-eve")
    eve.do("remote", "add", "origin", str(tmp_path / "origin"))
    monkeypatch.setattr(owner, name, failing)
    assert eve.run("clone", "data", "work", "--from", "origin").code != 0
    monkeypatch.setattr(owner, name, act)
    assert "no repository" in eve.run("-C", "work", "status").err + "no repository"
    eve.do("clone", "data", "work", "--from", "origin")
    work = Person("", eve.folder / "work", eve.home)
    assert content(work) == content(ann) and work.do("status")["clean"]


def test_a_remote_that_only_a_project_names_is_not_used(ann: Person, bob: Person, tmp_path: Path) -> None:
    """Somebody's project cannot have its user push, or even ask, anywhere: neither by name nor as the default."""
    with servers.serve(servers.files(tmp_path / "origin")) as server:
        commit(
            ann,
            "second",
            {"mlm.toml": f'remote.default = "mirror"\n{TOML}\n[remote.mirror]\nurl = "{server.url}"'.encode()},
        )
        ann.refused(2, "push")  # ann's own file names it too, and she has not said so either
        ann.do("push", "main", "origin")
        bob.do("pull", "origin")
        listed = {row["name"]: row for row in bob.do("remote", "list")["remotes"]}
        assert not listed["mirror"]["trusted"] and listed["origin"]["trusted"]
        for words in (("push",), ("fetch", "mirror"), ("push", "main", "mirror"), ("pull", "mirror")):
            error = bob.refused(2, *words)
            assert (
                "you have not said that you trust it" in error["message"] and "mlm remote add mirror" in error["hint"]
            )
        assert not server.asked
        assert bob.do("remote", "add", "mirror", server.url)["file"] == ""
        assert bob.do("fetch", "mirror")["source"] == "mirror" and server.asked
        # Another address under the same name is another remote.
        (bob.folder / "mlm.toml").write_text((bob.folder / "mlm.toml").read_text().replace("127.0.0.1", "localhost"))
        assert "trust" in bob.refused(2, "fetch", "mirror")["message"]


def test_where_a_remote_is_written(ann: Person, tmp_path: Path) -> None:
    """What says something of this machine, or may hold a key, is not written into what is published."""
    own, theirs = tmp_path / "home-ann" / "config.toml", ann.folder / "mlm.toml"
    for name, words in {
        "a": ("https://gw.example/ipfs-key-123", "--kind", "gateway"),
        "b": ("http://127.0.0.1:5001", "--kind", "kubo"),
        "c": ("https://pins.example", "--kind", "pinning", "--token-env", "PINS"),
        "d": ("../folder",),
        "e": ("https://user:pass@web.example",),
    }.items():
        assert ann.do("remote", "add", name, *words)["file"] == str(own)
    assert ann.do("remote", "add", "f", "https://web.example")["file"] == str(theirs)
    shown = str(ann.do("remote", "list")) + ann.run("remote", "list").out
    for secret in ("key-123", "user:pass", "PINS"):
        assert secret not in shown and secret not in theirs.read_text()
    for name in "abcdef":
        ann.do("remote", "remove", name)
    assert own.read_text().count("[") == 1 and theirs.read_text() == TOML  # origin is left
    assert ann.refused(3, "remote", "remove", "a")


def test_everything_arrived_whole(ann: Person, bob: Person) -> None:
    """Every block that hangs below the branch is here, and its own."""
    objects = PackStore(bob.folder / ".mlm" / "objects")
    head = Cid.parse(bob.do("log")["commits"][0]["commit"])
    found = list(dag.dag(objects, head))
    for cid in found:
        cid.verify(objects.get(cid))
    assert len(found) == 10
    shutil.rmtree(ann.folder / ".mlm")


def test_what_a_download_brings_is_read_by_nobody_else(tmp_path: Path) -> None:
    """Opened blocks of a licensed asset lie there while it runs, and after a kill."""
    from types import SimpleNamespace

    from mlm.cli.wiring_remotes import downloads

    session: Any = SimpleNamespace(home=tmp_path / "home")
    with downloads(session, tmp_path / "out", "mlm://1/alice/words") as objects:
        objects.put([(Cid.of(RAW, b"plain"), b"plain")])
        (folder,) = (tmp_path / "home" / "cache" / "downloads").iterdir()
        assert any(folder.glob("*.car"))
        assert folder.stat().st_mode & 0o077 == 0
