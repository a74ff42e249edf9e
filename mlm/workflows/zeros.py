"""An input of zeros for a model, to run it on before there is a job."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from mlm.core import dagcbor
from mlm.core.errors import InvalidData
from mlm.core.manifest.parts import Tensor as Declared
from mlm.core.tensors import ITEM_BYTES, MAX_BYTES, Tensor, to_document
from mlm.ports.bundle import Ports

if TYPE_CHECKING:
    from mlm.core.manifest import Manifest
    from mlm.ports.tensors import Tensors


def of(ports: Ports, found: Manifest) -> Tensors:
    """Zeros for each input of a model's signature. Raises InvalidData for inputs that are too large."""
    assert found.signature is not None
    return ports.tensors.from_block(dagcbor.encode(to_document([_zeros(spec) for spec in found.signature.inputs])))


def _zeros(spec: Declared) -> Tensor:
    """A tensor of a model's input; an axis without a size has 1."""
    shape = tuple(axis if isinstance(axis, int) else 1 for axis in spec.shape)
    size = prod(shape) * ITEM_BYTES.get(spec.dtype, 1)
    if not 0 <= size <= MAX_BYTES:
        raise InvalidData(f"the input {spec.name[:60]!r} takes {size} bytes, more than the limit of {MAX_BYTES}")
    return Tensor(spec.name, spec.dtype, shape, bytes(size))
