"""The sealed file of a licensed version: written at publication, opened by whoever has its key. mlm/sealed/1.

An age v1 file of a CARv1 of all that hangs below the version's commit: its files and its history. Both ways are
streams. What comes out is taken only where the manifest, whose digest is on the chain, leads to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from mlm.core import car, dag, unixfs
from mlm.core.cid import DAG_CBOR, Cid
from mlm.core.errors import InvalidData, NotFound, VerificationFailed
from mlm.core.manifest import FORMAT_3, Manifest, Sealed
from mlm.ports.blocks import Blocks
from mlm.ports.bundle import Ports
from mlm.ports.remote import Remote
from mlm.workflows import content_keys, lookup
from mlm.workflows.objects import blocks_of, fetch
from mlm.workflows.sync import sync
from mlm.workflows.transfer import receive


def seal(ports: Ports, final: Manifest, key: bytes) -> Manifest:
    """The manifest with its sealed file, whose blocks are put into the local objects as they are made.

    Each call seals anew, and gives another manifest.
    """
    assert final.commit is not None
    objects, root, plain = ports.objects, final.commit, 0

    def archive() -> Iterator[bytes]:
        nonlocal plain
        for piece in car.write(root, ((cid, objects.get(cid)) for cid in dag.dag(objects, root))):
            plain += len(piece)
            yield piece

    batch: list[tuple[Cid, bytes]] = []
    held = 0

    def emit(cid: Cid, block: bytes) -> None:
        nonlocal held
        batch.append((cid, block))
        held += len(block)
        if held >= dag.BATCH:
            objects.put(batch)
            batch.clear()
            held = 0

    entry = unixfs.file(_rechunked(ports.sealing.seal(key, archive())), emit)
    objects.put(batch)
    return replace(final, sealed=Sealed(entry.cid, entry.size, plain), format=FORMAT_3)


def unseal(ports: Ports, source: Remote, objects: Blocks, cid: Cid, manifest: Manifest, *, max_bytes: int) -> None:
    """Bring the sealed file of the manifest `cid` into `objects`, and open it there. Nothing is done twice.

    The account has to have the key also where the files are here already, opened by another account of this machine.
    Raises NotLicensed, and what `open_file` does.
    """
    key = content_keys.find(ports, version_of(ports, cid, manifest))  # before anything large travels
    assert manifest.commit is not None
    if not _whole(objects, manifest.commit):
        open_file(ports, source, objects, manifest, key, max_bytes=max_bytes)


def open_file(ports: Ports, source: Remote, objects: Blocks, manifest: Manifest, key: bytes, *, max_bytes: int) -> None:
    """Bring a sealed file and put what is in it into `objects`.

    1. The sealed file is as long as the manifest says, and at most `max_bytes`.
    2. Its plaintext is a CAR of the manifest's commit, with exactly as many bytes as the manifest says.
    3. Every block in it hangs below that commit, and none of them lacks.
    Raises NotFound, InvalidData, VerificationFailed, StorageError. What was opened before an error stays, as what
    arrived does: each block was checked, and is looked for only where the chain's digest leads to it.
    """
    sealed, root = manifest.sealed, manifest.commit
    assert sealed is not None and root is not None
    # (1)
    if max(sealed.size, sealed.plain) > max_bytes:
        raise InvalidData(
            f"expected at most {max_bytes} bytes, the sealed file of {manifest.name}@{manifest.version} has "
            f"{sealed.size}",
            hint="Raise remote.max_gb if you want it.",
        )
    receive(source, objects, sealed.file, max_bytes=blocks_of(sealed.size), system=ports.system, expected=sealed.size)
    if (found := unixfs.file_size(objects.get, sealed.file)) != sealed.size:
        raise InvalidData(f"the sealed file {sealed.file} has {found} bytes, the manifest says {sealed.size}")
    # (2)
    pieces = ports.sealing.open(key, unixfs.read(objects.get, sealed.file, max_bytes=sealed.size))
    plain = _Plain(pieces, sealed.plain)
    archive = car.Reader(plain.read, car.Limits(total=sealed.plain))
    if archive.root != root:
        raise InvalidData(f"the sealed file holds the commit {archive.root}, expected the manifest's {root}")
    # (3)
    dag.absorb(
        ((block, data) for _, block, data in archive),
        objects,
        root,
        max_bytes=sealed.plain,
        clock=ports.system.monotonic,
    )
    plain.finish()
    if not _whole(objects, root):
        raise InvalidData(
            f"the sealed file of {manifest.name}@{manifest.version} lacks blocks of the commit {root}",
            hint="Its publisher sealed less than the manifest lists: tell it, and publish a new version.",
        )


def version_of(ports: Ports, cid: Cid, manifest: Manifest) -> lookup.Version:
    """The published version whose manifest it is; raises NotFound."""
    sync(ports)
    rows = ports.state.query("versions", manifest="0x" + cid.digest.hex())
    if not rows:
        raise NotFound(
            f"{manifest.name}@{manifest.version} is sealed, and no version on this chain has the manifest {cid}",
            hint="Choose its network with --network.",
        )
    return lookup.version_by_id(ports, rows[0]["version_id"])


def as_published(ports: Ports, version_id: bytes) -> Manifest:
    """The manifest of a version as the chain names it; raises NotFound where its block is nowhere."""
    _, digest = ports.chain.call("AssetRegistry", "versionOf", version_id)
    cid = Cid(DAG_CBOR, digest)
    return Manifest.from_block(cid, fetch(ports, cid))


def same_but_sealed(published: Manifest, final: Manifest) -> bool:
    """Whether a published manifest says what `final` does, whose files are sealed anew each time."""
    return published.sealed is not None and replace(published, sealed=None, format=final.format) == final


def _whole(objects: Blocks, root: Cid) -> bool:
    """Whether all that hangs below a CID is here."""
    try:
        return objects.has(root) and all(objects.has(cid) for cid in dag.dag(objects, root))
    except NotFound:
        return False


def _rechunked(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in pieces of a leaf's size."""
    held = bytearray()
    for piece in pieces:
        held += piece
        while len(held) >= unixfs.CHUNK:
            yield bytes(held[: unixfs.CHUNK])
            del held[: unixfs.CHUNK]
    if held:
        yield bytes(held)


class _Plain:
    """Reads the plaintext, which must have just as many bytes as was told."""

    def __init__(self, pieces: Iterator[bytes], size: int) -> None:
        self._pieces, self._size, self._rest, self._came = pieces, size, memoryview(b""), 0

    def read(self, count: int) -> bytes:
        if not self._rest:
            piece = next(self._pieces, b"")
            self._came += len(piece)
            if self._came > self._size:
                raise InvalidData(f"expected {self._size} bytes in the sealed file, found more")
            self._rest = memoryview(piece)
        found, self._rest = self._rest[:count], self._rest[count:]
        return bytes(found)

    def finish(self) -> None:
        if self._came != self._size:
            raise VerificationFailed(f"expected {self._size} bytes in the sealed file, found {self._came}")
