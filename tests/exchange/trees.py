"""Trees of blocks to exchange."""

from __future__ import annotations

import random

from mlm.core import dagcbor, unixfs
from mlm.core.cid import DAG_CBOR, Cid
from mlm.memory.blocks import MemoryBlocks


def tree(megabytes: int = 3, seed: int = 1, files: int = 2) -> tuple[MemoryBlocks, Cid]:
    """Directories with files of random bytes, and a DAG-CBOR block above them; the blocks and the root."""
    blocks, rng = MemoryBlocks(), random.Random(seed)
    found: list[tuple[Cid, bytes]] = []

    def emit(cid: Cid, data: bytes) -> None:
        found.append((cid, data))

    entries = {}
    for number in range(files):
        pieces = [rng.randbytes(unixfs.CHUNK) for _ in range(megabytes)] + [rng.randbytes(1000 + number)]
        entries[f"folder/{number}.bin"] = unixfs.file(pieces, emit)
    entries["small"] = unixfs.file([b"small %d" % seed], emit)
    root = dagcbor.encode({"tree": unixfs.tree(entries, emit).cid})
    emit(Cid.of(DAG_CBOR, root), root)
    blocks.put(found)
    return blocks, Cid.of(DAG_CBOR, root)
