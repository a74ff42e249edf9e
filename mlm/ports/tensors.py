"""Named tensors as file contents and as blocks."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np

    Tensors = Mapping[str, np.ndarray]


class TensorCodec(Protocol):
    """Decoding is hostile-input-safe: no pickles, bounded sizes; raises InvalidData, UsageError for a suffix."""

    def decode(self, data: bytes, suffix: str, names: tuple[str, ...]) -> "Tensors":
        """A file's content by its suffix (.npz, .npy, .json); an unnamed array takes the only name of `names`."""

    def encode(self, tensors: "Tensors", suffix: str) -> bytes:
        """The content of a .npz, .npy or .json file."""

    def join(self, parts: "Sequence[Tensors]") -> "Tensors":
        """Tensors of the same names, joined along their first axes; raises InvalidData for such as do not fit."""

    def to_block(self, tensors: "Tensors") -> bytes:
        """The canonical DAG-CBOR block `mlm/tensors/1`."""

    def from_block(self, block: bytes) -> "Tensors":
        """Tensors of a block."""
