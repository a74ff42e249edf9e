"""Damaged tensor files: each byte pattern once ended in an error that named no file, or in none of ours."""

from __future__ import annotations

import io
import random

import numpy as np
import pytest

from mlm.adapters.onnx.tensors import NumpyTensorCodec
from mlm.core.errors import InvalidData


def _npz() -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, a=np.random.default_rng(1).random((50, 50)))
    return buffer.getvalue()


def _npy() -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.zeros((3, 3), "f4"))
    return buffer.getvalue()


@pytest.mark.parametrize(("suffix", "raw", "upto"), [(".npz", _npz(), 10**9), (".npy", _npy(), 128)])
@pytest.mark.filterwarnings("ignore:Reading `.npy`")
def test_flipped_bytes_are_invalid_data_or_harmless(suffix: str, raw: bytes, upto: int) -> None:
    rng = random.Random(1)
    refused = 0
    for _ in range(1500):
        damaged = bytearray(raw)
        for _ in range(rng.randint(1, 4)):
            damaged[rng.randrange(min(len(raw), upto))] = rng.randrange(256)
        try:
            NumpyTensorCodec().decode(bytes(damaged), suffix, ("a",))
        except InvalidData:
            refused += 1
    assert refused > 100


@pytest.mark.parametrize("dtype", ["[]", "{}", "null", "7"])
def test_a_dtype_that_is_no_text(dtype: str) -> None:
    with pytest.raises(InvalidData):
        NumpyTensorCodec().decode(b'{"a": {"dtype": %s, "data": [1]}}' % dtype.encode(), ".json", ("a",))
