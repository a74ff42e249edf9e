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
    view = memoryview(data)
    whole = len(view) - len(view) % LEAF_BYTES
    row = [sha256(view[i : i + LEAF_BYTES]).digest() for i in range(0, whole, LEAF_BYTES)]
    if whole < len(view) or not row:
        rest = bytes(view[whole:])
        row.append(sha256(rest + bytes(LEAF_BYTES - len(rest))).digest())
    return _above(row, ZERO_LEAF)


def tree_of(hashes: Sequence[bytes]) -> Tree:
    """The tree over hashes, which are its leaves as they are; padded with zeros."""
    return _above(list(hashes), NO_LEAF)


def _above(row: list[bytes], pad: bytes) -> Tree:
    levels = [tuple(row)]
    while len(row) > 1:
        if len(row) % 2:
            row.append(padding(pad, len(levels) - 1))
        pairs = b"".join(row)
        row = [sha256(pairs[i : i + 64]).digest() for i in range(0, len(pairs), 64)]
        levels.append(tuple(row))
    return Tree(tuple(levels), pad)


def siblings_of(indices: Sequence[int], depth: int) -> int:
    """How many siblings `root_of` needs for these leaves."""
    row, count = set(indices), 0
    for _ in range(depth):
        count += sum(i ^ 1 not in row for i in row)
        row = {i >> 1 for i in row}
    return count


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
