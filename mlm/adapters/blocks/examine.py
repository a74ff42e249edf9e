"""Reading every block of a folder of packs, to say which are sound; and taking those out that are not."""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from hashlib import sha256
from io import BytesIO
from itertools import islice
from pathlib import Path

from mlm.adapters.blocks import pack_index, using
from mlm.adapters.blocks.collect import read_index, write
from mlm.adapters.disk import locked, open_regular, replace_file, storage_errors, sync_folder
from mlm.core import car
from mlm.core.cid import RAW, Cid
from mlm.core.dagpb import varint
from mlm.core.errors import MlmError
from mlm.ports.blocks import Examined

_BATCH = 256  # blocks hashed at once
_WORTH = 1 << 22  # bytes of a batch that several threads take on


def examine(folder: Path) -> Iterator[Examined]:
    """Every block of every pack. The index says where blocks lie; what the pack says of them must be the same.

    1. The index is there and has its own checksum; else the pack's records are read one after the other.
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
        with open(handle, "rb") as file:
            if os.fstat(handle).st_size == 0:
                yield Examined(None, b"", 0, path.name, "expected a CAR, found an empty file")
                continue
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content, memoryview(content) as view:
                yield from _pack(path, view)


def _pack(path: Path, view: memoryview) -> Iterator[Examined]:
    index = read_index(path)
    # (1) An index is made again when the pack is read next; that it was damaged is worth knowing.
    if index is None:
        yield Examined(None, b"", 0, f"{path.stem}.idx", "the index is missing or damaged")
        try:
            index = pack_index.from_bytes(pack_index.scan(path))
        except MlmError as error:
            yield Examined(None, b"", 0, path.name, f"without an index, cannot be read to its end: {error}")
            yield from _readable(path)
            return
    assert index is not None
    places = sorted((place, cid) for cid in index.cids() if (place := index.find(cid)))
    end = car.HEADER_LENGTH
    try:
        car.Reader(BytesIO(bytes(view[:end])).read)
    except MlmError as error:
        yield Examined(None, b"", 0, path.name, str(error))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        todo = iter(places)
        while batch := list(islice(todo, _BATCH)):
            pieces = [view[at : at + size] for (at, size), _ in batch]
            several = sum(map(len, pieces)) > _WORTH
            digests = list(pool.map(_digest, pieces) if several else map(_digest, pieces))
            for ((at, size), cid), piece, digest in zip(batch, pieces, digests, strict=True):
                # (2) What it is.
                fault = ""
                if len(piece) < size:
                    fault = f"cut off: {len(piece)} of {size} bytes are there"
                elif digest != cid.digest:
                    fault = f"its bytes have the CID {Cid(cid.codec, digest)}"
                data = b"" if fault or cid.codec == RAW else bytes(piece)
                yield Examined(cid, data, size, path.name, fault)
                # (3) Where it is.
                prefix = varint(36 + size) + bytes(cid)
                if at != end + len(prefix) or bytes(view[end:at]) != prefix:
                    yield Examined(None, b"", 0, path.name, f"the record before byte {at} is not that of {cid}")
                end = at + size
                piece.release()
    if end != len(view):
        yield Examined(None, b"", 0, path.name, f"expected {end} bytes, found {len(view)}")


def _digest(piece: memoryview) -> bytes:
    return sha256(piece).digest()


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
                yield cid, file.read(place[1])
