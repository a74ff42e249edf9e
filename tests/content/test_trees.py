"""Every kind of entry: its CID or its error, what a commit holds of it, and what npm's ipfs-car makes of it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from mlm.core import car
from mlm.core.cid import Cid
from mlm.core.errors import StateConflict
from mlm.workflows import hash as workflow
from tests.command_line import Person
from tests.content.trees import CASES, NAMES, build, ipfs_car


@pytest.fixture
def person(tmp_path: Path) -> Person:
    return Person("nobody", tmp_path, tmp_path / "home")


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_hash(case: dict[str, Any], person: Person) -> None:
    build(person.folder / "t", case["make"])
    ran = person.run("hash", "t", "--json")
    if "error" in case:
        assert (ran.code, case["error"] in ran.error["message"]) == (case["exit_code"], True), ran
        return
    (found,) = ran.value["hashes"]
    assert (found["path"], found["cid"]) == ("t", case["cid"])
    assert ran.value["left_out"] == case.get("left_out", [])
    told = person.run("hash", "t")
    assert told.out == f"{case['cid']}  t\n"
    assert told.err == "".join(f"left out: {', '.join(case['left_out'])}\n" for _ in [0] if case.get("left_out"))


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_pack_and_unpack(case: dict[str, Any], person: Person) -> None:
    """What was packed comes back: the same CID, byte for byte; what cannot be packed leaves no archive."""
    build(person.folder / "t", case["make"])
    ran = person.run("car", "pack", "t", "-o", "t.car", "--json")
    if "error" in case:
        assert ran.code == case["exit_code"] and case["error"] in ran.error["message"]
        assert not (person.folder / "t.car").exists()
        return
    assert ran.value["root"] == case["cid"] and ran.value["left_out"] == case.get("left_out", [])
    person.do("car", "unpack", "t.car", "-o", "copy")
    assert person.do("hash", "copy")["hashes"][0]["cid"] == case["cid"]


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_what_ipfs_car_makes_of_it(case: dict[str, Any], tmp_path: Path) -> None:
    folder = build(tmp_path / "t", case["make"])
    hidden = ["--hidden"] if case.get("ipfs_car_hidden", True) else []
    if case["ipfs_car"] == "fails":
        ipfs_car("pack", folder, *hidden, "-o", tmp_path / "t.car", ok=False)
        return
    root = ipfs_car("pack", folder, *hidden, "-o", tmp_path / "t.car")
    expected = case.get("cid") if case["ipfs_car"] == "same" else case["ipfs_car"]
    assert root == expected and (case["ipfs_car"] != "same" or "cid" in case)


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_a_commit_holds_what_the_table_says(case: dict[str, Any], person: Person) -> None:
    """Beside mlm.toml, which every commit holds: its tree is that of the folder, or `add` says what it lacks."""
    build(person.folder / "t", [*case["make"], {"kind": "file", "path": "mlm.toml", "text": TOML}])
    inside = Person("nobody", person.folder / "t", person.home)
    inside.do("init")
    added = inside.run("add", ".", "--json")
    if "error" in case:
        assert added.code == case["exit_code"] and case["error"] in added.error["message"]
        return
    made = inside.do("commit", "-m", "all", "--author", "a")
    hashed = inside.do("hash", ".")["hashes"][0]["cid"]
    empty = any(entry["kind"] == "folder" for entry in case["make"])
    assert (made["tree"] == hashed) == (not empty)
    assert bool(added.value["left_out"]) == empty
    assert inside.do("status")["clean"]


TOML = '[asset]\nname = "tree"\nversion = "1.0.0"\nkind = "dataset"\n'


@pytest.mark.parametrize("change", ["grows", "shrinks", "is written", "is replaced", "goes", "becomes a link"])
def test_a_file_that_changes_while_it_is_read(change: str, tmp_path: Path) -> None:
    """Whatever happens to it after its first piece: no CID of bytes that never stood there together."""
    from mlm.adapters.repo.worktree import DiskTree

    path = tmp_path / "big"
    path.write_bytes(bytes(64 << 20))
    os.utime(path, ns=(1, 1))

    def meddle(done: int, total: int, what: str) -> None:
        if not 0 < done < 2 << 20:
            return
        if change == "grows":
            with path.open("ab") as file:
                file.write(b"more")
        elif change == "shrinks":
            os.truncate(path, 1 << 20)
        elif change == "is written":
            with path.open("r+b") as file:
                file.write(b"x")
        else:
            path.unlink()
            if change == "is replaced":
                path.write_bytes(bytes(64 << 20))
            elif change == "becomes a link":
                path.symlink_to("/dev/zero")

    with pytest.raises(Exception, match="big") as raised:
        workflow.hash([workflow.Place("big", DiskTree(tmp_path), "big")], meddle)
    if change in ("grows", "shrinks", "is written", "is replaced"):
        assert isinstance(raised.value, StateConflict) and "changed while it was read" in str(raised.value)


def blocks(path: Path) -> dict[Cid, bytes]:
    with path.open("rb") as file:
        return {cid: data for _, cid, data in car.Reader(file.read)}


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


ENTRIES = [
    {"kind": "zeros", "path": "zeros", "size": 3 * 2**20 + 17},
    {"kind": "file", "path": "big.txt", "text": "0123456789abcdef" * 200_000},
    {"kind": "file", "path": "a/b/c.txt", "text": "c"},
    {"kind": "file", "path": "empty", "text": ""},
    {"kind": "file", "path": "日本語/é.txt", "text": "x"},
    *({"kind": "file", "path": f"many/{number:04}", "text": str(number)} for number in range(900)),
]


def test_what_mlm_packs_ipfs_car_unpacks(person: Person) -> None:
    build(person.folder / "t", ENTRIES)
    packed = person.do("car", "pack", "t", "-o", "mlm.car")
    ipfs_car("unpack", person.folder / "mlm.car", "--output", person.folder / "theirs")
    assert tree(person.folder / "theirs") == tree(person.folder / "t")
    assert ipfs_car("roots", person.folder / "mlm.car") == packed["root"]


def test_what_ipfs_car_packs_mlm_unpacks(person: Person) -> None:
    build(person.folder / "t", ENTRIES)
    root = ipfs_car("pack", person.folder / "t", "-o", person.folder / "theirs.car")
    assert person.do("car", "ls", "theirs.car")["root"] == root
    assert person.do("car", "unpack", "theirs.car", "-o", "mine")["files"] == len(ENTRIES)
    assert tree(person.folder / "mine") == tree(person.folder / "t")
    # Block for block the same, though theirs may hold one twice and in another order.
    person.do("car", "pack", "t", "-o", "mine.car")
    assert blocks(person.folder / "mine.car") == blocks(person.folder / "theirs.car")


def test_a_single_file_both_ways(person: Person) -> None:
    (person.folder / "f.bin").write_bytes(os.urandom(2_500_000))
    packed = person.do("car", "pack", "f.bin", "-o", "mlm.car")
    root = ipfs_car("pack", person.folder / "f.bin", "--no-wrap", "-o", person.folder / "theirs.car")
    assert packed["root"] == root == person.do("hash", "f.bin")["hashes"][0]["cid"]
    person.do("car", "unpack", "theirs.car", "-o", "copy.bin")
    assert (person.folder / "copy.bin").read_bytes() == (person.folder / "f.bin").read_bytes()
    assert blocks(person.folder / "mlm.car") == blocks(person.folder / "theirs.car")
