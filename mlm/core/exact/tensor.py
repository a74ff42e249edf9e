"""Tensors of an exact graph: their types, and the Merkle root that commits to one and binds type, shape and layout.

A tensor has four axes, elements lie flat in row-major order: images are NHWC, sequences [1, batch, time, channels].
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from hashlib import sha256
from math import prod

from mlm.core import merkle
from mlm.core.digest import domain, words
from mlm.core.errors import InvalidData

AXES = 4
MAX_ELEMENTS = 1 << 31
_DOMAIN = "mlm/exact-tensor/1"


class DType(IntEnum):
    """Elements are two's complement, little-endian. The numbers are part of every root: never renumber."""

    I8 = 1
    I32 = 2


ITEM_BYTES = {DType.I8: 1, DType.I32: 4}
LIMITS = {DType.I8: (-128, 127), DType.I32: (-(1 << 31), (1 << 31) - 1)}


@dataclass(frozen=True)
class TensorType:
    """Element type and four axes, each at least 1."""

    dtype: DType
    shape: tuple[int, int, int, int]

    @property
    def elements(self) -> int:
        return prod(self.shape)

    @property
    def size(self) -> int:
        """Bytes of its elements, without the padding of the last leaf."""
        return self.elements * ITEM_BYTES[self.dtype]

    @property
    def depth(self) -> int:
        """Levels of its Merkle tree above the leaves."""
        return merkle.depth_of(merkle.leaves_of(self.size))

    @property
    def strides(self) -> tuple[int, int, int, int]:
        """Elements from one index of an axis to the next."""
        _, b, c, d = self.shape
        return b * c * d, c * d, d, 1

    @cached_property
    def head(self) -> bytes:
        """What a tensor root is made of before the tree's root: every run makes one of each node."""
        return words((domain(_DOMAIN), self.word()))

    def check(self) -> None:
        """Raises InvalidData unless the axes are positive and the elements countable."""
        if len(self.shape) != AXES or min(self.shape) < 1 or self.elements > MAX_ELEMENTS:
            raise InvalidData(f"expected {AXES} axes of at most {MAX_ELEMENTS} elements in all, found {self.shape}")

    def word(self) -> int:
        """dtype ‖ the axes as uint32, in the low 17 bytes of a word."""
        packed = int(self.dtype)
        for axis in self.shape:
            packed = packed << 32 | axis
        return packed

    @classmethod
    def of_word(cls, value: int) -> TensorType:
        """The inverse of `word`. Raises InvalidData."""
        kind = value >> 128
        if kind not in (DType.I8, DType.I32):
            raise InvalidData(f"expected a tensor's type, found {value:#x}")
        a, b, c, d = ((value >> shift) & 0xFFFFFFFF for shift in (96, 64, 32, 0))
        made = cls(DType(kind), (a, b, c, d))
        made.check()
        return made


def tensor_root(kind: TensorType, tree_root: bytes) -> bytes:
    """sha256(abi.encode(H("mlm/exact-tensor/1"), type, root of the tree over its bytes))."""
    return sha256(kind.head + tree_root).digest()


def root_of_word(type_word: int, tree_root: bytes) -> bytes:
    """The same of any word in the type's place: what a liar may have committed to."""
    return sha256(words((domain(_DOMAIN), type_word, tree_root))).digest()
