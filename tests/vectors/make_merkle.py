"""Writes merkle.json: roots, multiproofs and paths of SHA-256 trees. `python -m tests.vectors.make_merkle`.

Roots are computed from all leaves, as docs/fault-proofs.md defines them; siblings are picked out of all levels.
The byte at i of data of n bytes is (7 · i + n) % 251; the leaf at i of a tree over hashes is sha256(i as one byte).
"""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from random import Random

from mlm.core.digest import keccak256

HERE = Path(__file__).resolve().parent
LEAF = 512
WIDTH = 4  # children of a node
SIZES = (0, 1, 511, 512, 513, 4 * 512, 4 * 512 + 1, 512 * 11 + 3, 512 * 16, 512 * 16 + 1, 512 * 64)
COUNTS = (1, 2, 3, 4, 5, 16, 17, 200)
TYPES = (
    (1, 1, 14, 14, 64),
    (2, 1, 1, 1, 256),
    (1, 1, 1, 1, 1),
    (2, 3, 5, 7, 9),
    (1, 1, 1, 1, 512 * 16),
    (1, 1, 1, 1, 512 * 16 + 1),
    (1, 1, 1, 1, 100_000),
    (2, 70_000, 1, 1, 1),
)


def data(size: int) -> bytes:
    return bytes((7 * i + size) % 251 for i in range(size))


def levels(row: list[bytes], pad: bytes) -> list[list[bytes]]:
    """All hashes of the padded tree, from the leaves up."""
    whole = 1
    while whole < len(row):
        whole *= WIDTH
    row = row + [pad] * (whole - len(row))
    made = [row]
    while len(row) > 1:
        row = [sha256(b"".join(row[i : i + WIDTH])).digest() for i in range(0, len(row), WIDTH)]
        made.append(row)
    return made


def siblings(tree: list[list[bytes]], leaves: set[int]) -> list[bytes]:
    """The hashes that are not known and have a known one beside them, level by level and from left to right."""
    found, known = [], leaves
    for row in tree[:-1]:
        above = {i // WIDTH for i in known}
        found += [row[i] for i in range(len(row)) if i // WIDTH in above and i not in known]
        known = above
    return found


def text(value: bytes) -> str:
    return "0x" + value.hex()


def value() -> dict[str, object]:
    """What the file holds."""
    random = Random(1)
    trees, paths, roots = [], [], []
    for size in SIZES:
        padded = data(size) + bytes(max(1, -(-size // LEAF)) * LEAF - size)
        row = [sha256(padded[i : i + LEAF]).digest() for i in range(0, len(padded), LEAF)]
        tree = levels(row, sha256(bytes(LEAF)).digest())
        width = len(tree[0])
        sets = {(0,), (width - 1,), tuple(range(min(width, 9))), tuple(range(1, width, 5)) or (0,)}
        sets |= {tuple(sorted(random.sample(range(width), random.randint(1, min(width, 8))))) for _ in range(3)}
        proofs = [
            {"leaves": list(leaves), "siblings": [text(each) for each in siblings(tree, set(leaves))]}
            for leaves in sorted(sets)
        ]
        trees.append({"size": size, "depth": len(tree) - 1, "root": text(tree[-1][0]), "proofs": proofs})
    for count in COUNTS:
        tree = levels([sha256(bytes([i])).digest() for i in range(count)], bytes(32))
        index = random.randrange(count)
        path = [text(each) for each in siblings(tree, {index})]
        paths.append({"count": count, "root": text(tree[-1][0]), "index": index, "path": path})
    for dtype, *shape in TYPES:
        word = dtype
        for axis in shape:
            word = word * 2**32 + axis
        tree_root = sha256(str(word).encode()).digest()
        message = keccak256(b"mlm/exact-tensor/1") + word.to_bytes(32, "big") + tree_root
        leaves = max(1, -(-shape[0] * shape[1] * shape[2] * shape[3] * (1 if dtype == 1 else 4) // LEAF))
        depth = 0
        while WIDTH**depth < leaves:
            depth += 1
        roots.append(
            {"type": hex(word), "tree": text(tree_root), "depth": depth, "root": text(sha256(message).digest())}
        )
    return {"format": "mlm/merkle-vectors/2", "trees": trees, "paths": paths, "tensors": roots}


def main() -> None:
    """Write the file."""
    (HERE / "merkle.json").write_text(json.dumps(value(), indent=1) + "\n")


if __name__ == "__main__":
    main()
