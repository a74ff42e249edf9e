"""Sealed files that are not what their manifest says: each is refused, whatever the adapter."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from mlm.adapters.age import Age
from mlm.core import age, car, dag, unixfs
from mlm.core.cid import RAW, Cid
from mlm.core.errors import InvalidData, MlmError, NotFound, VerificationFailed
from mlm.core.history import Commit
from mlm.core.manifest import FORMAT_3, FileRef, Manifest, Sealed
from mlm.memory.blocks import MemoryBlocks
from mlm.memory.sealing import MemorySealing
from mlm.memory.system import MemorySystem
from mlm.ports.bundle import Ports
from mlm.ports.remote import Remote
from mlm.ports.sealing import Sealing
from mlm.workflows import sealing as workflow

KEY = b"k" * 32
DATA = bytes(range(256)) * 9_000  # three leaves


@pytest.fixture(params=[MemorySealing, Age], ids=["memory", "age"])
def sealing(request: pytest.FixtureRequest) -> Sealing:
    made: Sealing = request.param()
    return made


class Source(MemoryBlocks):
    """A remote that has no stream."""

    def stream(self, root: Cid) -> Iterator[tuple[Cid, bytes]] | None:
        return None


def committed(objects: MemoryBlocks) -> Manifest:
    """The manifest of a commit with one file, whose blocks are in `objects`."""

    def emit(cid: Cid, block: bytes) -> None:
        objects.put([(cid, block)])

    file = unixfs.file((DATA[at : at + unixfs.CHUNK] for at in range(0, len(DATA), unixfs.CHUNK)), emit)
    tree = unixfs.tree({"model.bin": file}, emit).cid
    files = {"model.bin": FileRef(file.cid, file.size)}
    draft = Manifest("dataset", "words", "1.0.0", tree, 1, file.size, "MIT", files, access="licensed")
    cid, block = draft.to_block()
    emit(cid, block)
    commit, block = Commit(tree, cid, (), "somebody", 1, "first").to_block()
    emit(commit, block)
    return replace(draft, commit=commit)


def ports_of(sealing: Sealing, objects: MemoryBlocks) -> Ports:
    return Ports(sealing=lambda: sealing, objects=lambda: objects, system=MemorySystem)


def stored(source: MemoryBlocks, data: bytes, manifest: Manifest, plain: int) -> Manifest:
    """A manifest that names these bytes as its sealed file."""
    chunks = (data[at : at + unixfs.CHUNK] for at in range(0, len(data), unixfs.CHUNK))
    entry = unixfs.file(chunks, lambda cid, block: source.put([(cid, block)]) and None)
    return replace(manifest, sealed=Sealed(entry.cid, entry.size, plain), format=FORMAT_3)


def opened(
    sealing: Sealing, source: MemoryBlocks, manifest: Manifest, key: bytes = KEY, most: int = 10**9
) -> MemoryBlocks:
    """What comes of it, in an empty store."""
    objects = MemoryBlocks()
    workflow.open_file(ports_of(sealing, objects), as_remote(source), objects, manifest, key, max_bytes=most)
    return objects


def as_remote(source: MemoryBlocks) -> Remote:
    return source  # type: ignore[return-value]  # the part that receiving uses


def archive(
    objects: MemoryBlocks, root: Cid, without: Cid | None = None, extra: tuple[tuple[Cid, bytes], ...] = ()
) -> bytes:
    blocks = [(cid, objects.get(cid)) for cid in dag.dag(objects, root) if cid != without]
    return b"".join(car.write(root, [*blocks, *extra]))


@pytest.fixture
def local() -> MemoryBlocks:
    return MemoryBlocks()


def test_what_was_sealed_is_opened(sealing: Sealing, local: MemoryBlocks) -> None:
    manifest = committed(local)
    before = set(local.cids())
    sealed = workflow.seal(ports_of(sealing, local), manifest, KEY)
    assert sealed.sealed is not None and Manifest.from_block(*sealed.to_block()) == sealed
    assert workflow.same_but_sealed(sealed, manifest)
    assert not workflow.same_but_sealed(sealed, replace(manifest, description="other"))
    source = Source()
    source.put([(cid, local.get(cid)) for cid in dag.dag(local, sealed.sealed.file)])
    assert not before & set(source.cids())  # nothing plain leaves
    found = opened(sealing, source, sealed)
    assert before <= set(found.cids())
    found_again = workflow.seal(ports_of(sealing, local), manifest, KEY)
    assert found_again.sealed != sealed.sealed  # age's file keys are random


def refused(sealing: Sealing, source: MemoryBlocks, manifest: Manifest, match: str, *, key: bytes = KEY) -> MlmError:
    with pytest.raises((InvalidData, VerificationFailed, NotFound), match=match) as caught:
        opened(sealing, source, manifest, key)
    assert "\n" not in str(caught.value)
    return caught.value


def sealed_by(sealing: Sealing, data: bytes) -> bytes:
    return b"".join(sealing.seal(KEY, [data]))


def test_a_wrong_key_opens_nothing(sealing: Sealing, local: MemoryBlocks) -> None:
    manifest, source = committed(local), Source()
    plain = archive(local, manifest.commit)  # type: ignore[arg-type]
    found = stored(source, sealed_by(sealing, plain), manifest, len(plain))
    assert isinstance(refused(sealing, source, found, "does not open", key=b"w" * 32), VerificationFailed)


@pytest.mark.parametrize("at", [60, 1_000_000, -1])
def test_a_tampered_file_is_found(sealing: Sealing, local: MemoryBlocks, at: int) -> None:
    manifest, source = committed(local), Source()
    plain = archive(local, manifest.commit)  # type: ignore[arg-type]
    data = bytearray(sealed_by(sealing, plain))
    data[at] ^= 1
    refused(sealing, source, stored(source, bytes(data), manifest, len(plain)), "does not open|changed")


def test_a_file_with_more_plaintext_than_told_is_left(sealing: Sealing, local: MemoryBlocks) -> None:
    """The sizes fit each other within age's header, and the archive has a block more than the manifest counts."""
    manifest, source = committed(local), Source()
    plain = archive(local, manifest.commit, extra=((Cid.of(RAW, b"x"), b"x"),))  # type: ignore[arg-type]
    for told in (len(plain) - 1, len(plain) - 38):
        found = stored(source, sealed_by(sealing, plain), manifest, told)
        refused(sealing, source, found, "found more|passes|expected the blocks below")
    less = stored(source, sealed_by(sealing, plain[:-38]), manifest, len(plain) - 30)
    refused(sealing, source, less, f"expected {len(plain) - 30} bytes in the sealed file, found {len(plain) - 38}")


def test_blocks_that_nobody_asked_for_are_refused(sealing: Sealing, local: MemoryBlocks) -> None:
    manifest, source = committed(local), Source()
    plain = archive(local, manifest.commit, extra=((Cid.of(RAW, b"x"), b"x"),))  # type: ignore[arg-type]
    found = stored(source, sealed_by(sealing, plain), manifest, len(plain))
    refused(sealing, source, found, "expected the blocks below")


def test_an_archive_that_lacks_a_block_is_refused(sealing: Sealing, local: MemoryBlocks) -> None:
    manifest, source = committed(local), Source()
    leaf = Cid.of(RAW, DATA[: unixfs.CHUNK])
    plain = archive(local, manifest.commit, without=leaf)  # type: ignore[arg-type]
    found = stored(source, sealed_by(sealing, plain), manifest, len(plain))
    refused(sealing, source, found, "lacks blocks of the commit")


def test_an_archive_of_another_commit_is_refused(sealing: Sealing, local: MemoryBlocks) -> None:
    manifest, source = committed(local), Source()
    plain = archive(local, manifest.tree)
    found = stored(source, sealed_by(sealing, plain), manifest, len(plain))
    refused(sealing, source, found, "expected the manifest's")
    noise = sealed_by(sealing, b"no archive at all")
    refused(sealing, source, stored(source, noise, manifest, 17), "CAR")


def test_what_is_not_all_there_is_told(sealing: Sealing, local: MemoryBlocks) -> None:
    manifest, source = committed(local), Source()
    plain = archive(local, manifest.commit)  # type: ignore[arg-type]
    found = stored(source, sealed_by(sealing, plain), manifest, len(plain))
    assert found.sealed is not None
    last = list(dag.dag(source, found.sealed.file))[-1]
    del source.blocks[last]
    assert isinstance(refused(sealing, source, found, str(last)), NotFound)


def test_a_size_that_is_told_wrong_is_found(sealing: Sealing, local: MemoryBlocks) -> None:
    """A file of few blocks that claims to be huge, and one that is longer than told."""
    manifest, source = committed(local), Source()
    plain = archive(local, manifest.commit)  # type: ignore[arg-type]
    found = stored(source, sealed_by(sealing, plain), manifest, len(plain))
    assert found.sealed is not None
    for size in (found.sealed.size + 1, found.sealed.size - 1):
        refused(sealing, source, replace(found, sealed=replace(found.sealed, size=size)), "the manifest says")
    with pytest.raises(InvalidData, match="at most 1000 bytes") as caught:
        opened(sealing, source, found, most=1000)
    assert "remote.max_gb" in caught.value.hint


def test_no_manifest_claims_what_age_cannot_hold() -> None:
    with pytest.raises(InvalidData, match="expected a sealed file of"):
        age.check_size(10**12, 5_000)
