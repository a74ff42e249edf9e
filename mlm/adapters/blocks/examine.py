"""Reading every block of a folder of packs, to say which are sound; and taking those out that are not."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from hashlib import sha256
from io import BytesIO
from itertools import islice
from pathlib import Path

from mlm.adapters.blocks import pack_index, using
from mlm.adapters.blocks.collect import read_index, write
from mlm.adapters.blocks.packs import MAX_BLOCK
from mlm.adapters.disk import locked, open_regular, read_at, replace_file, storage_errors, sync_folder
from mlm.core import car
from mlm.core.cid import RAW, Cid
from mlm.core.dagpb import varint
from mlm.core.errors import MlmError
from mlm.ports.blocks import Examined

_BATCH = 256  # blocks hashed at once
_WORTH = 1 << 22  # bytes of a batch that several threads take on


def examine(folder: Path) -> Iterator[Examined]:
    """Every block of every pack. The index says where blocks lie; what the pack says of them must be the same.

    1. The index is there, has its own checksum and says what the pack says; else the pack's records are read one after
       the other.
    2. Each block's bytes have the hash of its CID.
    3. Before each stands its record; the records fill the pack from header to end.
    """
    for path in sorted(folder.glob("pack-*.car")):
        try:
            handle = open_regular(path)
        except FileNotFoundError:
            continue  # collected meanwhile; its blocks are in another
        except OSError as error:
            yield Examined(None, b"", 0, path.name, f"cannot be read: {error.strerror}")
            continue
        with open(handle, "rb"):
            if os.fstat(handle).st_size == 0:
                yield Examined(None, b"", 0, path.name, "expected a CAR, found an empty file")
                continue
            yield from _pack(path, handle)


def _pack(path: Path, handle: int) -> Iterator[Examined]:
    index = read_index(path)
    # (1) An index is made again when the pack is read next; that it was damaged is worth knowing.
    if index is not None:
        found = []
        for item in _listed(path, handle, index):
            if item.fault:
                found.append(item)
            else:
                yield item
        if not found:
            return
        # The pack may be whole, and its index another's: blocks are damaged only where the pack itself says so.
        fault = "the index does not fit its pack"
    else:
        found, fault = [], "the index is missing or damaged"
    try:
        anew = pack_index.from_bytes(pack_index.scan(path))
    except MlmError as error:
        if index is None:
            yield Examined(None, b"", 0, f"{path.stem}.idx", fault)
            yield Examined(None, b"", 0, path.name, f"without an index, cannot be read to its end: {error}")
            yield from _readable(path)
        yield from found
        return
    assert anew is not None
    yield Examined(None, b"", 0, f"{path.stem}.idx", fault)
    yield from _listed(path, handle, anew)


def _listed(path: Path, handle: int, index: pack_index.PackIndex) -> Iterator[Examined]:
    """Every block that an index lists."""
    places = sorted((place, cid) for cid in index.cids() if (place := index.find(cid)))
    end, size = car.HEADER_LENGTH, os.fstat(handle).st_size
    try:
        car.Reader(BytesIO(read_at(handle, 0, end)).read)
    except MlmError as error:
        yield Examined(None, b"", 0, path.name, str(error))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        todo = iter(places)
        while batch := list(islice(todo, _BATCH)):
            several = sum(length for (_, length), _ in batch) > _WORTH
            looked = (pool.map if several else map)(partial(_look, handle), batch)
            for ((at, length), cid), (fault, data, prefix) in zip(batch, looked, strict=True):
                # (2) What it is.
                yield Examined(cid, data, length, path.name, fault)
                # (3) Where it is.
                if at != end + len(prefix) or prefix != varint(36 + length) + bytes(cid):
                    yield Examined(None, b"", 0, path.name, f"the record before byte {at} is not that of {cid}")
                end = at + length
    if end != size:
        yield Examined(None, b"", 0, path.name, f"expected {end} bytes, found {size}")


def _look(handle: int, entry: tuple[tuple[int, int], Cid]) -> tuple[str, bytes, bytes]:
    """What is wrong with a block, its bytes if it has links, and what stands before it. It is read, not mapped: a file
    that is cut off meanwhile must not end the process."""
    (at, size), cid = entry
    before = len(varint(36 + size)) + 36
    if size > MAX_BLOCK or at < before or at >> 62:
        return f"is said to have {size} bytes at {at}", b"", b""
    found = memoryview(read_at(handle, at - before, before + size))
    block, prefix = found[before:], bytes(found[:before])
    if len(block) < size:
        return f"cut off: {len(block)} of {size} bytes are there", b"", prefix
    digest = sha256(block).digest()
    if digest != cid.digest:
        return f"its bytes have the CID {Cid(cid.codec, digest)}", b"", prefix
    return "", b"" if cid.codec == RAW else bytes(block), prefix


def _readable(path: Path) -> Iterator[Examined]:
    """The blocks of a pack without an index, as far as it can be read."""
    with open(open_regular(path), "rb") as file:
        try:
            for _, cid, data in car.Reader(file.read):
                yield Examined(cid, b"" if cid.codec == RAW else data, len(data), path.name)
        except MlmError:
            return  # told before


def drop_damaged(folder: Path) -> int:
    """Write damaged indexes anew, and packs with damaged blocks without them; returns how many blocks went."""
    if not folder.is_dir():
        return 0
    with storage_errors("cannot mend the packs"), locked(folder / "collecting", timeout=0):
        found = list(examine(folder))
        for name in {item.place for item in found if item.place.endswith(".idx")}:
            pack = (folder / name).with_suffix(".car")
            with suppress(MlmError):  # then the pack is among those below
                replace_file(folder / name, [pack_index.scan(pack)])
        files = {item.place for item in found if item.fault and item.place.endswith(".car")}
        damaged = {item.cid for item in found if item.fault and item.cid is not None}
        for name in sorted(files):
            sound = [item.cid for item in found if item.place == name and not item.fault and item.cid is not None]
            made = write(folder, _blocks(folder / name, frozenset(sound)))
            if f"{made}.car" != name:
                with using.removing(folder):
                    (folder / name).unlink(missing_ok=True)
                    (folder / name).with_suffix(".idx").unlink(missing_ok=True)
            sync_folder(folder)
        left = {item.cid for item in found if not item.fault}
        return len(damaged - left)


def _blocks(pack: Path, wanted: frozenset[Cid]) -> Iterator[tuple[Cid, bytes]]:
    index = read_index(pack)
    with open(open_regular(pack), "rb") as file:
        if index is None:
            try:
                for _, cid, data in car.Reader(file.read):
                    yield cid, data
            except MlmError:
                return  # the rest cannot be read
            return
        for cid in sorted(wanted, key=lambda cid: index.find(cid) or (0, 0)):
            if place := index.find(cid):
                file.seek(place[0])
                data = file.read(place[1])
                cid.verify(data)
                yield cid, data
