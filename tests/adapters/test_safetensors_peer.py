"""The reader of safetensors headers beside the format's own library: it reads what that writes, and accepts no more."""

from __future__ import annotations

import json
import random

import ml_dtypes
import numpy as np
import pytest
from safetensors import SafetensorError, deserialize
from safetensors.numpy import save

from mlm.core.errors import InvalidData
from mlm.core.safetensors import BITS, DTYPES, Header, read_header

ARRAYS = {
    "layers.0.weight": np.arange(12, dtype=np.float32).reshape(3, 4),
    "layers.0.bias": np.zeros(4, ml_dtypes.bfloat16),
    "scalar": np.array(3, np.int64),
    "empty": np.zeros((0, 5), np.float16),
    "mask": np.array([True, False, True]),
    "ünïcode \"name\"": np.ones(3, np.uint8),
}  # fmt: skip
FORMAT_S = {name: dtype for dtype, name in DTYPES.items()}


def parse(file: bytes) -> Header:
    return read_header(lambda begin, end: file[begin:end], len(file))


def test_what_the_library_writes_is_read() -> None:
    file = save(ARRAYS, {"format": "np", "note": "ünïcode"})
    found = parse(file)
    assert found.metadata == {"format": "np", "note": "ünïcode"}
    assert {tensor.name for tensor in found.tensors} == set(ARRAYS)
    for tensor in found.tensors:
        array = ARRAYS[tensor.name]
        assert (tensor.dtype, tensor.shape) == (array.dtype.name, array.shape)
        assert file[tensor.begin : tensor.end] == array.tobytes()


@pytest.mark.parametrize("dtype", BITS)
def test_sizes_of_every_dtype_are_the_library_s(dtype: str) -> None:
    size = BITS[dtype]  # bytes of 8 elements
    for length in (size, size - 1, size + 1):
        header = json.dumps({"x": {"dtype": dtype, "shape": [8], "data_offsets": [0, length]}}).encode()
        file = len(header).to_bytes(8, "little") + header + bytes(length)
        if length == size:
            assert [name for name, _ in deserialize(file)] == ["x"]
            assert parse(file).tensors[0].dtype == DTYPES[dtype]
        else:
            with pytest.raises(SafetensorError):
                deserialize(file)
            with pytest.raises(InvalidData):
                parse(file)


def test_what_is_accepted_of_damaged_files_the_library_accepts_too() -> None:
    """Thousands of files with a few bytes changed, most of them in numbers and names: never laxer, and as it reads."""
    rng, file = random.Random(8), save(ARRAYS, {"format": "np"})
    length = 8 + int.from_bytes(file[:8], "little")
    accepted = 0
    for _ in range(5000):
        changed = bytearray(file)
        for _ in range(rng.randrange(1, 4)):
            at = rng.randrange(length)
            changed[at] = rng.choice(b'0123456789[]{}",: -.eE') if rng.random() < 0.9 else rng.randrange(256)
        try:
            found = parse(bytes(changed))
        except InvalidData:
            continue
        accepted += 1
        peer = {
            name: (info["dtype"], tuple(info["shape"]), bytes(info["data"]))
            for name, info in deserialize(bytes(changed))
        }
        ours = {
            tensor.name: (FORMAT_S[tensor.dtype], tensor.shape, bytes(changed[tensor.begin : tensor.end]))
            for tensor in found.tensors
        }
        assert ours == peer
    assert accepted > 100, "the damage is too great to learn anything"
