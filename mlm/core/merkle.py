"""Merkle trees over bytes: SHA-256, leaves of LEAF_BYTES, binary, padded with leaves of zeros to a power of two. Pure.

A leaf's message has LEAF_BYTES bytes and a node's 64, so that no node passes for a leaf (RFC 6962 separates them by a
prefix; here the lengths do). devnet/contracts/exact/Merkle.sol verifies; tests/vectors/merkle.json holds both to it.
Why SHA-256 and this leaf: docs/decisions/0027.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256

from mlm.core.errors import InvalidData

LEAF_BYTES = 256
HASH_BYTES = 32
ZERO_LEAF = sha256(bytes(LEAF_BYTES)).digest()
NO_LEAF = bytes(HASH_BYTES)  # pads a tree over hashes


def leaves_of(size: int) -> int:
    """Leaves that hold `size` bytes; at least one."""
    return max(1, -(-size // LEAF_BYTES))


def depth_of(leaves: int) -> int:
    """Levels above `leaves` leaves, once padded to a power of two."""
    return (leaves - 1).bit_length()


@cache
def padding(leaf: bytes, level: int) -> bytes:
    """The root of 2^level leaves whose hash is `leaf`."""
    return leaf if level == 0 else sha256(padding(leaf, level - 1) * 2).digest()


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
        """The 2^down hashes that lie `down` levels below a node, from left to right."""
        first = index << down
        return tuple(self.node(level - down, first + i) for i in range(1 << down))

    def prove(self, indices: Sequence[int]) -> tuple[bytes, ...]:
        """The siblings that `root_of` needs for these leaves, which ascend."""
        siblings: list[bytes] = []
        for level in range(self.depth):
            present = set(indices)
            siblings += [self.node(level, i ^ 1) for i in indices if i ^ 1 not in present]
            indices = sorted({i >> 1 for i in indices})
        return tuple(siblings)


def tree_over(data: bytes | memoryview) -> Tree:
    """The tree over bytes; the last leaf is padded with zeros."""
    return _above(_leaves(data), ZERO_LEAF)


def root_over(data: bytes | memoryview) -> bytes:
    """The root of `tree_over`, without keeping the tree."""
    row, level = _leaves(data), 0
    while len(row) > 1:
        row, level = _pairs(row, ZERO_LEAF, level), level + 1
    return row[0]


def tree_of(hashes: Sequence[bytes]) -> Tree:
    """The tree over hashes, which are its leaves as they are; padded with zeros."""
    return _above(list(hashes), NO_LEAF)


def _leaves(data: bytes | memoryview) -> list[bytes]:
    data = bytes(data)  # slices of it are made faster than those of a memoryview
    whole = len(data) - len(data) % LEAF_BYTES
    row = [sha256(data[i : i + LEAF_BYTES]).digest() for i in range(0, whole, LEAF_BYTES)]
    if whole < len(data) or not row:
        row.append(sha256(data[whole:].ljust(LEAF_BYTES, b"\0")).digest())
    return row


def _pairs(row: list[bytes], pad: bytes, level: int) -> list[bytes]:
    """The hashes above a row of a level."""
    if len(row) % 2:
        row = [*row, padding(pad, level)]
    pairs = b"".join(row)
    return [sha256(pairs[i : i + 64]).digest() for i in range(0, len(pairs), 64)]


def _above(row: list[bytes], pad: bytes) -> Tree:
    levels = [tuple(row)]
    while len(row) > 1:
        row = _pairs(row, pad, len(levels) - 1)
        levels.append(tuple(row))
    return Tree(tuple(levels), pad)


def root_of(leaves: Mapping[int, bytes], depth: int, siblings: Sequence[bytes]) -> bytes:
    """The root of these leaves' hashes, by index, and `siblings`. Raises InvalidData for any other number of them.

    Level by level from the leaves up, from left to right: two that are neighbours are hashed together, any other with
    the next sibling.
    """
    row = sorted(leaves.items())
    if not row or not 0 <= row[0][0] <= row[-1][0] < 1 << depth:
        raise InvalidData(f"expected leaves of a tree of depth {depth}, found {[i for i, _ in row][:4]}")
    rest = iter(siblings)
    try:
        for _ in range(depth):
            above: list[tuple[int, bytes]] = []
            at = 0
            while at < len(row):
                index, own = row[at]
                if index % 2 == 0 and at + 1 < len(row) and row[at + 1][0] == index + 1:
                    pair = own + row[at + 1][1]
                    at += 2
                else:
                    other = next(rest)
                    pair = other + own if index % 2 else own + other
                    at += 1
                above.append((index >> 1, sha256(pair).digest()))
            row = above
    except StopIteration:
        raise InvalidData("expected more siblings in a Merkle proof") from None
    if next(rest, None) is not None:
        raise InvalidData("expected fewer siblings in a Merkle proof")
    return row[0][1]
