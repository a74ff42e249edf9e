"""Named tensors as file contents and as blocks."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np

    Tensors = Mapping[str, np.ndarray]


class Spec(Protocol):
    """What is expected of one tensor; `shape` holds ints, or names for dynamic axes, `dtype` is numpy's name."""

    @property
    def name(self) -> str: ...

    @property
    def dtype(self) -> str: ...

    @property
    def shape(self) -> tuple[int | str, ...]: ...


class TensorCodec(Protocol):
    """Decoding is hostile-input-safe: no pickles, bounded sizes; raises InvalidData, UsageError for a suffix."""

    def decode(self, data: bytes, suffix: str, specs: "Sequence[Spec]") -> "Tensors":
        """A file's content by its suffix (.npz, .npy, .json); an unnamed array is the only input of `specs`."""

    def encode(self, tensors: "Tensors", suffix: str) -> bytes:
        """The content of a .npz, .npy or .json file."""

    def to_block(self, tensors: "Tensors") -> bytes:
        """The canonical DAG-CBOR block `mlm/tensors/1`."""

    def from_block(self, block: bytes) -> "Tensors":
        """Tensors of a block."""
