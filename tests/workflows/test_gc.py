"""mlm gc and mlm fsck, over a repository in memory and one on disk: what stays, what goes, what is named."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mlm.adapters.blocks.packs import PackStore
from mlm.adapters.repo import open_repo
from mlm.core import dag, dagpb, unixfs
from mlm.core.cid import DAG_PB, RAW, Cid
from mlm.core.errors import InvalidData, NotFound
from mlm.core.plan import Move, Plan, Store
from mlm.memory.blocks import MemoryBlocks
from mlm.memory.repo import memory_repo
from mlm.ports.bundle import Ports
from mlm.ports.repo import Repo
from mlm.workflows import branch, tag
from mlm.workflows.add import add
from mlm.workflows.apply import apply
from mlm.workflows.checkout import checkout
from mlm.workflows.fsck import Checked, Fault, fsck
from mlm.workflows.gc import GRACE, gc
from mlm.workflows.repository import read_commit, resolve
from mlm.workflows.rm import rm
from mlm.workflows.status import status
from tests.committing import commit, ports_of
from tests.workflows.test_repository import PROJECT, write

BIG = random.Random(1).randbytes(3 * unixfs.CHUNK + 17)
LONG_AFTER = 1 << 40  # seconds since 1970: everything on this disk is old then


@pytest.fixture(params=["disk", "memory"])
def repo(request: pytest.FixtureRequest, tmp_path: Path) -> Repo:
    """main: `first`; exp (checked out): `second`, whose big file main lacks."""
    repo = open_repo(tmp_path / "project") if request.param == "disk" else memory_repo()
    repo.refs.create("main")
    write(repo, "mlm.toml", PROJECT)
    write(repo, "a", b"one")
    save(repo, "first", 1)
    checkout(repo, make="exp")
    write(repo, "d/big", BIG)
    save(repo, "second", 2)
    return repo


def save(repo: Repo, message: str, now: int) -> Cid:
    add(repo, [""])
    made: Cid = commit(repo, None, message, "alice", now).commit
    return made


def later(repo: Repo) -> Ports:
    """Ports whose clock says that everything is old."""
    return ports_of(repo, now=LONG_AFTER)


def below(repo: Repo, cid: Cid) -> set[Cid]:
    return set(dag.dag(repo.objects, cid))


def test_what_branches_tags_head_and_index_need_stays(repo: Repo) -> None:
    everything = set(repo.objects.cids())
    assert gc(later(repo), 0).removed_blocks == 0
    tag.make(repo, "keep", "exp")
    checkout(repo, "main")
    branch.delete(repo, "exp", force=True)
    assert gc(later(repo), 0).removed_blocks == 0
    checkout(repo, "keep")  # detached
    tag.delete(repo, "keep")
    assert gc(later(repo), 0).removed_blocks == 0
    write(repo, "staged", b"staged alone")
    add(repo, ["staged"])
    checkout(repo, "main")
    found = gc(later(repo), 0)
    gone = everything - below(repo, resolve(repo, "main"))
    assert set(repo.objects.cids()) == (everything - gone) | {Cid.of(RAW, b"staged alone")}
    assert found.removed_blocks == len(gone) > 4
    assert found.freed_bytes > len(BIG)
    assert found.blocks_before - found.blocks == found.removed_blocks
    assert fsck(later(repo)).sound and status(repo).commit == resolve(repo, "main")


def test_young_blocks_stay_and_what_they_lead_to(repo: Repo) -> None:
    checkout(repo, "main")
    lost = below(repo, resolve(repo, "exp"))
    branch.delete(repo, "exp", force=True)
    assert gc(ports_of(repo, now=now(repo)), GRACE).removed_blocks == 0
    assert lost <= set(repo.objects.cids())
    assert gc(ports_of(repo, now=LONG_AFTER), GRACE).removed_blocks > 0


def now(repo: Repo) -> int:
    return int(time.time()) if not isinstance(repo.objects, MemoryBlocks) else repo.objects.now


@pytest.mark.parametrize("outcome", ["unfinished", "done", "undone"])
@pytest.mark.parametrize("kind", ["push", "store", "move"])
def test_what_operations_promise_stays(repo: Repo, kind: str, outcome: str) -> None:
    """An operation that has not ended keeps all it needs; one that has, what it pushed; one given up, nothing."""
    checkout(repo, "main")
    second = resolve(repo, "exp")
    branch.delete(repo, "exp", force=True)
    lost = below(repo, second) - below(repo, resolve(repo, "main"))
    ports = later(repo)
    step = Move("move", "heads/main", second, None) if kind == "move" else Store("store", second, push=kind == "push")
    steps = [_record(step)]
    op = ports.journal.begin("test", {"account": "", "steps": steps})
    if outcome != "unfinished":
        ports.journal.close(op, outcome)
    gc(ports, 0)
    stays = outcome == "unfinished" or (outcome == "done" and kind == "push")
    assert (lost <= set(repo.objects.cids())) == stays
    assert stays or not lost & set(repo.objects.cids())
    assert fsck(ports).sound


def _record(step: Any) -> dict[str, Any]:
    from mlm.core.plan import frozen

    return frozen(step, lambda call: b"", lambda name: "")


def test_a_commit_that_was_stopped_can_be_resumed_after_gc(repo: Repo) -> None:
    from mlm.workflows.commit import CommitParams, plan
    from mlm.workflows.op import resume

    write(repo, "a", b"three")
    add(repo, ["a"])
    ports = later(repo)
    planned: Plan[Any] = plan(ports, CommitParams("third", "alice"))

    class Stop(Exception):
        pass

    def stopping(*_: Any) -> None:
        raise Stop

    moved = repo.refs.set
    repo.refs.set = stopping  # type: ignore[method-assign]
    with pytest.raises(Stop):
        apply(ports, planned)
    repo.refs.set = moved  # type: ignore[method-assign]
    rm(repo, ["a"], cached=True)
    gc(ports, 0)
    resume(ports, ports.journal.operations()[-1]["op"])
    assert resolve(repo, "HEAD") == planned.facts.commit
    assert fsck(ports).sound


def test_gc_removes_nothing_where_something_is_missing_or_damaged() -> None:
    objects = MemoryBlocks()
    repo = filled(objects)
    checkout(repo, "main")
    branch.delete(repo, "exp", force=True)
    manifest = read_commit(repo, resolve(repo, "main")).manifest
    content = objects.blocks.pop(manifest)
    before = dict(objects.blocks)
    with pytest.raises(NotFound) as missing:
        gc(later(repo), 0)
    assert "fsck" in missing.value.hint and objects.blocks == before
    objects.blocks[manifest] = content[:-1] + b"!"
    with pytest.raises(InvalidData, match="damaged"):
        gc(later(repo), 0)
    assert len(objects.blocks) == len(before) + 1


def filled(objects: MemoryBlocks) -> Repo:
    """The repository of the fixture, over these blocks."""
    repo = replace(memory_repo(), objects=objects)
    repo.refs.create("main")
    write(repo, "mlm.toml", PROJECT)
    write(repo, "a", b"one")
    save(repo, "first", 1)
    checkout(repo, make="exp")
    write(repo, "d/big", BIG)
    save(repo, "second", 2)
    return repo


# fsck


def test_a_sound_repository(repo: Repo) -> None:
    found = fsck(later(repo))
    everything = list(repo.objects.cids())
    assert found == Checked(
        True, 2, 2, len(everything), sum(len(repo.objects.get(cid)) for cid in everything), 0, (), ()
    )


def test_fsck_names_every_missing_block_and_what_needs_it() -> None:
    objects = MemoryBlocks()
    repo = filled(objects)
    write(repo, "staged", b"staged alone")
    add(repo, ["staged"])
    first, second = resolve(repo, "main"), resolve(repo, "exp")
    big = Cid.of(RAW, BIG[: unixfs.CHUNK])
    manifest = read_commit(repo, first).manifest
    for cid in (big, manifest, Cid.of(RAW, b"staged alone")):
        del objects.blocks[cid]
    found = fsck(later(repo))
    assert not found.sound
    assert {(fault.what, fault.name, fault.needed_by, fault.path) for fault in found.faults} == {
        ("missing", str(big), str(second), "d/big"),
        ("missing", str(manifest), str(first), "manifest"),
        ("missing", str(Cid.of(RAW, b"staged alone")), "index", "staged"),
    }
    assert "mlm fetch" in " ".join(found.advice)


def test_fsck_names_a_file_whose_sizes_lie() -> None:
    """Every block is sound, and the sum of the parts is right: it can be written all the same by nobody."""
    objects = MemoryBlocks()
    repo = filled(objects)
    parts = [(Cid.of(RAW, data), data) for data in (b"12345678", b"123456789012")]
    links = b"".join(dagpb.encode_link(b"", cid, 10) for cid, _ in parts)
    node = links + dagpb.field(1, b"\x08\x02\x18\x14" + b"\x20\x0a" * 2)
    file = Cid.of(DAG_PB, node)
    folder = dagpb.encode_link(b"f", file, 20) + dagpb.field(1, b"\x08\x01")
    root = Cid.of(DAG_PB, folder)
    made = replace(read_commit(repo, resolve(repo, "main")), tree=root, parents=()).to_block()
    objects.put([*parts, (file, node), (root, folder), made])
    repo.refs.set("heads/liar", made[0], None)
    (found,) = [fault for fault in fsck(later(repo)).faults if fault.path == "f"]
    assert (found.what, found.name) == ("invalid", str(file)) and "found 8" in found.why


def test_fsck_names_what_is_behind_a_missing_commit_no_further() -> None:
    objects = MemoryBlocks()
    repo = filled(objects)
    first, second = resolve(repo, "main"), resolve(repo, "exp")
    del objects.blocks[first]
    assert [(fault.what, fault.name, fault.needed_by) for fault in fsck(later(repo)).faults] in (
        [("missing", str(first), "heads/main")],
        [("missing", str(first), str(second))],
    )


def test_fsck_names_damaged_blocks_whether_needed_or_not() -> None:
    objects = MemoryBlocks()
    repo = filled(objects)
    (lost,) = (Cid.of(RAW, b"lost"),)
    objects.put([(lost, b"lost")])
    big = Cid.of(RAW, BIG[: unixfs.CHUNK])
    for cid in (lost, big):
        objects.blocks[cid] = b"damaged"
    found = fsck(later(repo))
    assert {(fault.what, fault.name, fault.needed_by, fault.path) for fault in found.faults} == {
        ("damaged", str(big), str(resolve(repo, "exp")), "d/big"),
        ("damaged", str(lost), "nothing", ""),
    }
    assert all("its bytes have the CID" in fault.why for fault in found.faults)


def test_fsck_of_a_commit_whose_manifest_is_of_another_tree() -> None:
    repo = filled(MemoryBlocks())
    first, second = (read_commit(repo, resolve(repo, name)) for name in ("main", "exp"))
    cid, block = replace(second, tree=first.tree).to_block()
    repo.objects.put([(cid, block)])
    repo.refs.set("heads/bad", cid, None)
    (fault,) = fsck(later(repo)).faults
    assert (fault.what, fault.name, fault.path) == ("invalid", str(second.manifest), "manifest")


def test_fsck_of_a_ref_to_what_is_no_commit() -> None:
    repo = filled(MemoryBlocks())
    manifest = read_commit(repo, resolve(repo, "main")).manifest
    repo.refs.set("tags/bad", manifest, None)
    (fault,) = fsck(later(repo)).faults
    assert (fault.what, fault.name, fault.needed_by) == ("invalid", str(manifest), "tags/bad")


# On disk.


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    repo = open_repo(tmp_path)
    repo.refs.create("main")
    write(repo, "mlm.toml", PROJECT)
    write(repo, "d/big", BIG)
    save(repo, "first", 1)
    return tmp_path


def faults(folder: Path) -> list[Fault]:
    return list(fsck(later(open_repo(folder))).faults)


def test_damaged_bytes_in_a_pack_are_named_and_can_be_mended(disk: Path) -> None:
    repo = open_repo(disk)
    big = Cid.of(RAW, BIG[unixfs.CHUNK : 2 * unixfs.CHUNK])
    (pack,) = [path for path in (disk / ".mlm" / "objects").glob("*.car") if path.stat().st_size > unixfs.CHUNK]
    content = bytearray(pack.read_bytes())
    at = bytes(content).index(BIG[unixfs.CHUNK : unixfs.CHUNK + 100])
    content[at] ^= 1
    pack.write_bytes(content)
    (fault,) = faults(disk)
    assert (fault.what, fault.name, fault.needed_by, fault.path) == (
        "damaged", str(big), str(resolve(repo, "HEAD")), "d/big",
    )  # fmt: skip
    assert pack.name in fault.why
    with pytest.raises(InvalidData, match="damaged"):
        _joined(disk)
    # Taken out, it is stored again by whoever has it: the file is still here.
    assert fsck(later(open_repo(disk)), repair=True).dropped == 1
    (fault,) = faults(disk)
    assert (fault.what, fault.name) == ("missing", str(big))
    (disk / "d" / "big").touch()
    repo = open_repo(disk)
    rm(repo, ["d/big"], cached=True)
    add(repo, ["d/big"])
    assert faults(disk) == [] and status(open_repo(disk)).changed == ()


def _joined(disk: Path) -> None:
    """Packs that gc would write anew: it must not carry damage on."""
    repo = open_repo(disk)
    write(repo, "other", b"other")
    add(repo, ["other"])
    gc(later(repo), 0)


def test_a_bit_anywhere_in_a_pack_or_an_index_is_found(disk: Path) -> None:
    _joined(disk)
    (pack,) = (disk / ".mlm" / "objects").glob("*.car")
    generator = random.Random(5)
    for path in (pack, pack.with_suffix(".idx")):
        sound = path.read_bytes()
        places = [0, 1, 58, 59, 60, 62, 97, len(sound) - 1, *(generator.randrange(len(sound)) for _ in range(20))]
        for number, at in enumerate(places):
            path.write_bytes(sound[:at] + bytes([sound[at] ^ 1 << generator.randrange(8)]) + sound[at + 1 :])
            assert faults(disk), f"a flipped bit at {at} of {path.name} was not found"
            if number == len(places) - 1:  # no block, but an index or a record
                path.write_bytes(sound[:4] + b"?" + sound[5:])
                fsck(later(open_repo(disk)), repair=True)
                assert path.read_bytes() == sound, f"{path.name} was not mended"
        path.write_bytes(sound)
    assert faults(disk) == []


@pytest.mark.parametrize("cut", [1, 40, 2 * unixfs.CHUNK])
@pytest.mark.parametrize("index", ["whole", "gone"])
def test_a_pack_that_was_cut_off(disk: Path, cut: int, index: str) -> None:
    _joined(disk)
    (pack,) = (disk / ".mlm" / "objects").glob("*.car")
    pack.write_bytes(pack.read_bytes()[:-cut])
    if index == "gone":
        pack.with_suffix(".idx").unlink()
    found = fsck(later(open_repo(disk)))
    lost = {fault.name for fault in found.faults if fault.name.startswith("baf") and fault.needed_by != "nothing"}
    assert lost and found.blocks > 0
    fsck(later(open_repo(disk)), repair=True)
    after = fsck(later(open_repo(disk)))
    assert {fault.name for fault in after.faults} == lost, "what was intact was lost"
    assert {fault.what for fault in after.faults} == {"missing"}


def test_damaged_refs_and_index_are_named_with_all_the_rest(disk: Path) -> None:
    repo = open_repo(disk)
    tag.make(repo, "sound")
    (disk / ".mlm" / "refs" / "tags" / "noise").write_bytes(b"\xff\n")
    (disk / ".mlm" / "refs" / "heads" / "short").write_bytes(b"")
    (disk / ".mlm" / "HEAD").write_bytes(b"nonsense\n")
    (disk / ".mlm" / "index").write_bytes(b"nonsense")
    found = fsck(later(repo))
    assert {(fault.what, fault.name) for fault in found.faults} == {
        ("damaged", "tags/noise"), ("damaged", "heads/short"), ("damaged", "HEAD"), ("damaged", "index"),
    }  # fmt: skip
    assert found.commits == 1


def test_unmodified_files_are_never_stored_twice(tmp_path: Path) -> None:
    """Over cycles of add, commit, checkout and gc, every block is in one pack once, and the bytes are the content's."""
    repo = open_repo(tmp_path)
    repo.refs.create("main")
    write(repo, "mlm.toml", PROJECT)
    generator = random.Random(9)
    contents: set[bytes] = set()
    for number in range(5):
        write(repo, f"model-{number}.bin", content := generator.randbytes(unixfs.CHUNK + number))
        contents.add(content[: unixfs.CHUNK])
        contents |= {content[unixfs.CHUNK :]} - {b""}
        write(repo, f"copy-{number}.bin", content)
        save(repo, f"commit {number}", number)
        checkout(repo, make=f"b{number}")
        (tmp_path / "model-0.bin").touch()
        add(repo, [""])
        checkout(repo, "HEAD")
        if number:
            checkout(repo, "HEAD~1")
            checkout(repo, f"b{number}")
    for _ in range(2):
        store = PackStore(tmp_path / ".mlm" / "objects")
        places = [item.cid for item in store.examine()]
        assert len(places) == len(set(places)), "a block is stored twice"
        raw = [cid for cid in places if cid is not None and cid.codec == RAW]
        assert {store.get(cid) for cid in raw} == contents | {PROJECT}
        stored = sum(path.stat().st_size for path in (tmp_path / ".mlm" / "objects").glob("*.car"))
        assert stored < sum(map(len, contents)) + 40_000
        found = gc(later(open_repo(tmp_path)))
        assert (found.removed_blocks, found.packs) == (0, 1)
    assert fsck(later(open_repo(tmp_path))).sound


# Processes that add, commit, and go from branch to branch, one after the other: what each leaves may be garbage.
WORKER = """
import os, sys
from pathlib import Path
from mlm.adapters.repo import open_repo
from mlm.workflows import branch
from mlm.workflows.add import add
from mlm.workflows.checkout import checkout
from tests.committing import commit
root = Path(sys.argv[1])
for number in range(40):
    if os.fork():
        assert os.waitstatus_to_exitcode(os.wait()[1]) == 0, number
        continue
    repo = open_repo(root)
    (root / "a").write_bytes(b"%d" % (number % 7) * 50000)
    (root / f"f{number % 5}").write_bytes(b"%d" % number)
    add(repo, [""])
    print(commit(repo, None, f"{number}", "worker", number).commit, flush=True)
    checkout(repo, "HEAD~1" if number else "HEAD", make=f"b{number}")
    if number > 2:
        branch.delete(repo, f"b{number - 2}", force=True)
    sys.exit()
"""


def test_gc_beside_a_process_that_adds_commits_and_checks_out(disk: Path) -> None:
    environment = {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", WORKER, str(disk)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as worker:
        rounds = removing = 0
        while worker.poll() is None:
            rounds += 1
            removing += gc(later(open_repo(disk)), 0).removed_blocks > 0
        said, error = worker.communicate()
    assert worker.returncode == 0, error.decode()
    assert len(said.split()) == 40 and rounds > 3 and removing > 1
    gc(later(open_repo(disk)), 0)
    found = fsck(later(open_repo(disk)))
    assert found.sound, found.faults
    repo = open_repo(disk)
    everything = {cid for commit in repo.refs.all().values() for cid in below(repo, commit)}
    assert set(repo.objects.cids()) == everything | {entry.cid for entry in repo.index.load().values()}
