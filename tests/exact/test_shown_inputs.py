"""Inputs that are known as the graph's whole numbers alone: as a user would give them they are those numbers again."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlm.adapters.exact.model import Port, dequantised, quantised
from mlm.core.exact.tensor import LIMITS, DType, TensorType

NUMPY = {DType.I8: np.int8, DType.I32: np.int32}


@given(
    scale=st.floats(np.finfo(np.float32).tiny, 2.0**100, width=32).filter(lambda scale: scale > 0),
    first=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_every_int8_comes_back_whatever_the_scale_and_the_layout(scale: float, first: bool, seed: int) -> None:
    kind = TensorType(DType.I8, (1, 4, 8, 8))
    numbers = np.random.default_rng(seed).permutation(np.arange(-128, 128)).astype(np.int8).reshape(kind.shape)
    port = Port("x", (1, 8, 4, 8) if first else (4, 64), scale, first)
    assert (quantised(port, kind, dequantised(port, numbers)) == numbers).all()


@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_token_numbers_keep_their_type(dtype: str) -> None:
    kind = TensorType(DType.I32, (1, 1, 1, 3))
    numbers = np.array([*LIMITS[DType.I32], 7], NUMPY[DType.I32]).reshape(kind.shape)
    port = Port("tokens", (3,), dtype=dtype)
    given = dequantised(port, numbers)
    assert given.dtype.name == dtype and (quantised(port, kind, given) == numbers).all()
