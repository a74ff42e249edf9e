"""Named tensors as files and as blocks."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np

    Tensors = Mapping[str, np.ndarray]


class TensorFiles(Protocol):
    """Reading is hostile-input-safe: no pickles, no NaN, bounded sizes; raises InvalidData."""

    def read(self, path: Path, names: tuple[str, ...]) -> "Tensors":
        """A .npz, .npy or .json file; an unnamed array takes the only name of `names`."""

    def decode(self, data: bytes, suffix: str, names: tuple[str, ...]) -> "Tensors":
        """The same from a file's bytes and its suffix, e.g. ".npz"."""

    def write(self, path: Path, tensors: "Tensors") -> None:
        """Write .npz, .npy or .json by the file's suffix, whole or not at all."""

    def to_block(self, tensors: "Tensors") -> bytes:
        """The canonical DAG-CBOR block `mlm/tensors/1`."""

    def from_block(self, block: bytes) -> "Tensors":
        """Tensors of a block; raises InvalidData."""
