"""Merkle trees over bytes: SHA-256, leaves of LEAF_BYTES, four children a node, padded with zeros to a power of four.

Pure. A leaf's message has LEAF_BYTES bytes and a node's NODE_BYTES, so that no node passes for a leaf (RFC 6962
separates them by a prefix; here the lengths do). devnet/contracts/exact/Merkle.sol verifies; tests/vectors/merkle.json
holds both to it. Why SHA-256, this leaf and four children: docs/decisions/0027.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from itertools import starmap
from struct import Struct

from mlm.core.errors import InvalidData

LEAF_BYTES = 512
HASH_BYTES = 32
CHILDREN = 4
INDEX_BITS = 2  # of an index, that say which child
NODE_BYTES = CHILDREN * HASH_BYTES
ZERO_LEAF = sha256(bytes(LEAF_BYTES)).digest()
NO_LEAF = bytes(HASH_BYTES)  # pads a tree over hashes
_LEAF, _NODE = Struct(f"{LEAF_BYTES}s"), Struct(f"{NODE_BYTES}s")  # cuts faster than slices do
_DIGEST = type(sha256()).digest


def leaves_of(size: int) -> int:
    """Leaves that hold `size` bytes; at least one."""
    return max(1, -(-size // LEAF_BYTES))


def depth_of(leaves: int) -> int:
    """Levels above `leaves` leaves, once padded to a power of CHILDREN."""
    return -(-(leaves - 1).bit_length() // INDEX_BITS)


def width_of(depth: int) -> int:
    """Leaves of a tree of this depth, padding included."""
    return 1 << INDEX_BITS * depth


@cache
def padding(leaf: bytes, level: int) -> bytes:
    """The root of a whole tree of this depth, the hash of each of whose leaves is `leaf`."""
    return leaf if level == 0 else sha256(padding(leaf, level - 1) * CHILDREN).digest()


@dataclass(frozen=True)
class Tree:
    """All hashes, `levels[0]` the leaves', each level as long as its content: beyond it all leaves are `pad`."""

    levels: tuple[tuple[bytes, ...], ...] = field(repr=False)
    pad: bytes = ZERO_LEAF

    @property
    def root(self) -> bytes:
        return self.levels[-1][0]

    @property
    def depth(self) -> int:
        return len(self.levels) - 1

    def node(self, level: int, index: int) -> bytes:
        """The hash of a node, padding included."""
        row = self.levels[level]
        return row[index] if index < len(row) else padding(self.pad, level)

    def below(self, level: int, index: int, down: int) -> tuple[bytes, ...]:
        """The 4^down hashes that lie `down` levels below a node, from left to right."""
        width = width_of(down)
        return tuple(self.node(level - down, index * width + i) for i in range(width))

    def prove(self, indices: Sequence[int]) -> tuple[bytes, ...]:
        """The siblings that `root_of` needs for these leaves, which ascend."""
        siblings: list[bytes] = []
        for level in range(self.depth):
            siblings += [self.node(level, i) for i in _missing(indices)]
            indices = sorted({i // CHILDREN for i in indices})
        return tuple(siblings)


def tree_over(data: bytes | memoryview) -> Tree:
    """The tree over bytes; the last leaf is padded with zeros."""
    return _above(_leaves(data), ZERO_LEAF)


def root_over(data: bytes | memoryview) -> bytes:
    """The root of `tree_over`, without keeping the tree."""
    row, level = _leaves(data), 0
    while len(row) > 1:
        row, level = _nodes(row, ZERO_LEAF, level), level + 1
    return row[0]


def tree_of(hashes: Sequence[bytes]) -> Tree:
    """The tree over hashes, which are its leaves as they are; padded with zeros."""
    return _above(list(hashes), NO_LEAF)


def _leaves(data: bytes | memoryview) -> list[bytes]:
    whole = len(data) - len(data) % LEAF_BYTES
    row = _hashes(_LEAF, data[:whole])
    if whole < len(data) or not row:
        row.append(sha256(bytes(data[whole:]).ljust(LEAF_BYTES, b"\0")).digest())
    return row


def _nodes(row: list[bytes], pad: bytes, level: int) -> list[bytes]:
    """The hashes above a row of a level."""
    if missing := -len(row) % CHILDREN:
        row += [padding(pad, level)] * missing
    return _hashes(_NODE, b"".join(row))


def _hashes(piece: Struct, data: bytes | memoryview) -> list[bytes]:
    """Of consecutive pieces, by a loop in C."""
    return list(map(_DIGEST, starmap(sha256, piece.iter_unpack(data))))


def _above(row: list[bytes], pad: bytes) -> Tree:
    levels = [tuple(row)]
    while len(row) > 1:
        row = _nodes(row, pad, len(levels) - 1)
        levels.append(tuple(row))
    return Tree(tuple(levels), pad)


def _missing(indices: Iterable[int]) -> list[int]:
    """The children of these children's parents that are not among them, from left to right."""
    present = set(indices)
    parents = sorted({i // CHILDREN for i in present})
    return [i for parent in parents for i in range(parent * CHILDREN, (parent + 1) * CHILDREN) if i not in present]


def siblings_of(indices: Iterable[int], depth: int) -> int:
    """How many siblings `root_of` needs for these leaves."""
    row, count = set(indices), 0
    for _ in range(depth):
        above = {i // CHILDREN for i in row}
        count += CHILDREN * len(above) - len(row)
        row = above
    return count


def root_of(leaves: Mapping[int, bytes], depth: int, siblings: Sequence[bytes]) -> bytes:
    """The root of these leaves' hashes, by index, and `siblings`. Raises InvalidData for any other number of them.

    Level by level from the leaves up, from left to right: the children of a node are those that are there, and for each
    that is not the next sibling.
    """
    row = dict(leaves)
    if not row or min(row) < 0 or max(row) >= width_of(depth):
        raise InvalidData(f"expected leaves of a tree of depth {depth}, found {sorted(row)[:4]}")
    needed = siblings_of(row, depth)
    if needed != len(siblings):
        raise InvalidData(f"expected {needed} siblings in a Merkle proof, found {len(siblings)}")
    rest = iter(siblings)
    for _ in range(depth):
        row.update((i, next(rest)) for i in _missing(row))
        inner = sorted(row)
        row = {
            inner[at] // CHILDREN: sha256(b"".join(row[i] for i in inner[at : at + CHILDREN])).digest()
            for at in range(0, len(inner), CHILDREN)
        }
    return row[0]
