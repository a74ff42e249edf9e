"""Versions that their publisher meant harm with: what the chain's digest leads to is checked before it is anything."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from mlm.core import dagcbor, unixfs
from mlm.core.cid import DAG_CBOR, DAG_PB, RAW, Cid
from mlm.core.errors import InvalidData, MlmError, StateConflict
from mlm.core.history import Commit
from mlm.core.manifest import FileRef, Manifest
from mlm.core.refs import AssetRef
from mlm.memory.blocks import MemoryBlocks
from mlm.memory.remote import MemoryRemote
from mlm.workflows.version import bring

ASSET = AssetRef("eve", "data", "1.0.0")


class World:
    """A remote with a version of `eve/data`, of which a test changes what it likes before it is sealed."""

    def __init__(self) -> None:
        self.remote = MemoryRemote()
        self.files = {"a.bin": b"a" * 2_000_000, "folder/b": b"b"}
        self.manifest = self._manifest()

    def put(self, cid: Cid, data: bytes) -> None:
        self.remote.blocks[cid] = data

    def _manifest(self) -> Manifest:
        entries = {path: unixfs.file(_pieces(data), self.put) for path, data in self.files.items()}
        tree = unixfs.tree(entries, self.put).cid
        files = {path: FileRef(entry.cid, entry.size) for path, entry in entries.items()}
        size = sum(entry.size for entry in entries.values())
        return Manifest("dataset", "data", "1.0.0", tree, len(files), size, "MIT", files)

    def commit(self, manifest: Manifest | None = None, tree: Cid | None = None, parents: tuple[Cid, ...] = ()) -> Cid:
        """A commit of the manifest, or of something else."""
        draft = (manifest or self.manifest).to_block()
        self.put(*draft)
        made = Commit(tree or self.manifest.tree, draft[0], parents, "eve", 1, "first").to_block()
        self.put(*made)
        return made[0]

    def publish(self, manifest: Manifest) -> Cid:
        block = manifest.to_block()
        self.put(*block)
        return block[0]


def _pieces(data: bytes) -> list[bytes]:
    return [data[at : at + unixfs.CHUNK] for at in range(0, len(data), unixfs.CHUNK)]


def test_an_honest_version_comes_whole() -> None:
    world, here = World(), MemoryBlocks()
    first = world.commit()
    second = world.commit(parents=(first,))
    cid = world.publish(replace(world.manifest, commit=second))
    came = bring(world.remote, here, cid, ASSET, max_bytes=10**9)
    assert came.commit == second and here.has(first) and came.cid == cid
    assert set(here.blocks) == set(world.remote.blocks)
    alone = MemoryBlocks()
    assert bring(world.remote, alone, cid, ASSET, max_bytes=10**9, with_history=False).bytes < came.bytes
    assert not alone.has(first) and not alone.has(second)
    # By its commit, without the chain.
    assert bring(world.remote, MemoryBlocks(), second, None, max_bytes=10**9).commit == second


def other_name(world: World) -> Cid:
    return world.publish(replace(world.manifest, name="other", commit=world.commit()))


def other_version(world: World) -> Cid:
    return world.publish(replace(world.manifest, version="2.0.0", commit=world.commit()))


def commit_of_another_tree(world: World) -> Cid:
    evil = unixfs.tree({"evil": unixfs.file([b"evil"], world.put)}, world.put).cid
    return world.publish(replace(world.manifest, commit=world.commit(tree=evil)))


def larger_than_allowed(world: World) -> Cid:
    huge = replace(world.manifest, files={}, count=5000, size=10**12, commit=world.commit())
    return world.publish(huge)


def tree_larger_than_claimed(world: World) -> Cid:
    """A small file by its root, and everything the remote has below."""
    large = [Cid.of(RAW, bytes([i]) * (1 << 20)) for i in range(16)]
    for i, cid in enumerate(large):
        world.put(cid, bytes([i]) * (1 << 20))
    from mlm.core import dagpb

    links = b"".join(dagpb.encode_link(b"", cid, 1) for cid in large)
    block = links + dagpb.field(1, b"\x08\x02\x18\x10" + b"\x20\x01" * 16)
    file = Cid.of(DAG_PB, block)
    world.put(file, block)
    tree = unixfs.tree({"small": unixfs.Entry(file, 16, 16)}, world.put).cid
    manifest = Manifest("dataset", "data", "1.0.0", tree, 1, 16, "MIT", {"small": FileRef(file, 16)})
    return world.publish(replace(manifest, commit=world.commit(manifest, tree)))


def list_that_is_not_the_trees(world: World) -> Cid:
    files = {**world.manifest.files, "folder/b": FileRef(Cid.of(RAW, b"x"), 1)}
    return world.publish(replace(world.manifest, files=files, commit=world.commit()))


def path_that_climbs(world: World) -> Cid:
    from mlm.core import dagpb

    leaf = unixfs.file([b"evil"], world.put)
    block = dagpb.encode_link(b"..", leaf.cid, 4) + dagpb.field(1, b"\x08\x01")
    tree = Cid.of(DAG_PB, block)
    world.put(tree, block)
    manifest = replace(world.manifest, tree=tree, files={}, count=5000, size=4)
    return world.publish(replace(manifest, commit=world.commit(tree=tree)))


def parent_that_is_no_commit(world: World) -> Cid:
    block = dagcbor.encode({"format": "mlm/poem/1"})
    world.put(Cid.of(DAG_CBOR, block), block)
    return world.publish(replace(world.manifest, commit=world.commit(parents=(Cid.of(DAG_CBOR, block),))))


def commit_that_is_a_manifest(world: World) -> Cid:
    return world.publish(replace(world.manifest, commit=world.publish(world.manifest)))


def neither(world: World) -> Cid:
    block = dagcbor.encode({"format": "mlm/poem/1"})
    world.put(Cid.of(DAG_CBOR, block), block)
    return Cid.of(DAG_CBOR, block)


def no_commit(world: World) -> Cid:
    return world.publish(world.manifest)


def history_without_end(world: World) -> Cid:
    """More of it than is allowed."""
    past = World()
    past.files = {"old": random.Random(1).randbytes(10_000_000)}
    past.manifest = past._manifest()
    old = past.commit()
    world.remote.blocks.update(past.remote.blocks)
    return world.publish(replace(world.manifest, commit=world.commit(parents=(old,))))


BAD: dict[Callable[[World], Cid], tuple[type[MlmError], str]] = {
    other_name: (InvalidData, "is of other@1.0.0: expected the same asset"),
    other_version: (InvalidData, "is of data@2.0.0"),
    commit_of_another_tree: (InvalidData, "expected the manifest's"),
    larger_than_allowed: (InvalidData, "expected at most 5000000 bytes, data@1.0.0 has 1000000000000"),
    tree_larger_than_claimed: (InvalidData, "expected at most .* bytes of blocks"),
    list_that_is_not_the_trees: (InvalidData, "lists 'folder/b' otherwise than its tree"),
    path_that_climbs: (InvalidData, r"expected a file name, found '\.\.'"),
    parent_that_is_no_commit: (InvalidData, "expected the format mlm/commit/1|commit"),
    commit_that_is_a_manifest: (InvalidData, "mlm/commit/1"),
    neither: (InvalidData, "is neither"),
    no_commit: (StateConflict, "names no commit"),
    history_without_end: (InvalidData, "expected at most 5000000 bytes of blocks"),
}


@pytest.mark.parametrize("make", list(BAD), ids=lambda make: make.__name__)
def test_a_version_that_means_harm(make: Callable[[World], Cid]) -> None:
    world: Any = World()
    cid = make(world)
    kind, words = BAD[make]
    with pytest.raises(kind, match=words):
        bring(world.remote, MemoryBlocks(), cid, ASSET, max_bytes=5_000_000)
