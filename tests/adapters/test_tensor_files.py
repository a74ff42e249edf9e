"""Tensor files: what is written comes back; hostile files are refused before they cost anything."""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mlm.adapters.onnx.tensors import NumpyTensorCodec, parse_npy, to_tensors
from mlm.core import dagcbor
from mlm.core.errors import InvalidData, MlmError, UsageError
from mlm.core.tensors import to_document

CODEC = NumpyTensorCodec()
ARRAYS = st.sampled_from(["bool", "int8", "uint16", "int64", "float32", ">f4", "float64", "float16"]).flatmap(
    lambda dtype: hnp.arrays(
        dtype,
        hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
        elements={"allow_nan": False, "allow_infinity": False} if "f" in dtype else None,
    )
)


def test_items_are_joined_along_their_first_axes() -> None:
    one, two = np.ones((1, 3), np.float32), np.zeros((2, 3), np.float32)
    assert CODEC.join([{"x": one}, {"x": two}])["x"].tolist() == [[1.0] * 3, [0.0] * 3, [0.0] * 3]
    for other in ({"y": one}, {"x": one, "y": one}, {"x": one[:, :2]}, {"x": one.astype(np.int64)}, {"x": one[0, 0]}):
        with pytest.raises(InvalidData, match="to join|in each of"):
            CODEC.join([{"x": one}, other])


@given(st.dictionaries(st.text(min_size=1, max_size=5), ARRAYS, max_size=3), st.booleans())
def test_a_block_is_the_canonical_document(arrays: dict[str, np.ndarray], turned: bool) -> None:
    """Whatever was encoded before with another shape or byte order, and also of what is not C-ordered."""
    given_ = {name: array.T if turned else array for name, array in arrays.items()}
    assert CODEC.to_block(given_) == dagcbor.encode(to_document(to_tensors(given_)))


def test_bools_from_outside_are_zeros_and_ones() -> None:
    CODEC.to_block({"x": np.zeros(2, np.bool_)})
    with pytest.raises(InvalidData, match="a bool is 0 or 1"):
        CODEC.to_block({"x": np.frombuffer(b"\0\2", np.bool_)})


def npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


@given(st.dictionaries(st.sampled_from("abc"), ARRAYS, max_size=3))
def test_blocks_round_trip(arrays: dict[str, np.ndarray]) -> None:
    found = CODEC.from_block(CODEC.to_block(arrays))
    assert set(found) == set(arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == array.dtype.newbyteorder("=") and found[name].flags.writeable


def test_the_same_values_give_the_same_block() -> None:
    values = np.arange(6, dtype="<f4").reshape(2, 3)
    same = [values, values.astype(">f4"), np.asfortranarray(values), values[::-1][::-1]]
    assert len({CODEC.to_block({"x": array}) for array in same}) == 1


@given(ARRAYS)
def test_npy_agrees_with_numpy(array: np.ndarray) -> None:
    for layout in (array, np.asfortranarray(array)):
        np.testing.assert_array_equal(parse_npy(npy(layout)), array)


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".json"])
@pytest.mark.parametrize("dtype", ["float32", "int64"])
def test_files_round_trip(suffix: str, dtype: str) -> None:
    array = np.arange(6).reshape(1, 6).astype(dtype)
    found = CODEC.decode(CODEC.encode({"x": array}, suffix), suffix, ("x",))
    assert list(found) == ["x"] and found["x"].dtype == array.dtype
    np.testing.assert_array_equal(found["x"], array)


@pytest.mark.parametrize("text", ['{"x": [[1, 2]]}', "[[1, 2]]", '{"dtype": "float32", "data": [[1, 2]]}'])
def test_json_by_hand_is_float32(text: str) -> None:
    found = CODEC.decode(text.encode(), ".json", ("x",))["x"]
    assert found.dtype == np.float32 and found.tolist() == [[1, 2]]


class Trap:
    def __reduce__(self) -> Any:
        return Path.write_text, (Path("/tmp/mlm-trap"), "sprung")


def _zip(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


GOOD = npy(np.ones((1, 2), np.float32))
BAD = {
    "empty npy": (".npy", b""),
    "truncated npy": (".npy", GOOD[:-1]),
    "padded npy": (".npy", GOOD + b"\0"),
    "truncated header": (".npy", GOOD[:20]),
    "huge header shape": (".npy", GOOD.replace(b"(1, 2)", b"(9999999999999, 2)".ljust(6))),
    "pickled npy": (".npy", npy(np.array([Trap()], dtype=object))),
    "bare pickle": (".npy", pickle.dumps(Trap())),
    "NaN npy": (".npy", npy(np.array([np.nan], np.float32))),
    "complex npy": (".npy", npy(np.ones(2, np.complex64))),
    "text npy": (".npy", npy(np.array(["a"]))),
    "no zip": (".npz", b"PK\x03\x04 but no zip"),
    "pickle in npz": (".npz", _zip({"x.npy": npy(np.array([Trap()], dtype=object))})),
    "noise in npz": (".npz", _zip({"x.npy": b"noise"})),
    "infinity in npz": (".npz", _zip({"x.npy": npy(np.array([np.inf]))})),
    "broken json": (".json", b'{"x": [1'),
    "deep json": (".json", b"[" * 100_000),
    "ragged json": (".json", b'{"x": [[1], [1, 2]]}'),
    "text json": (".json", b'{"x": "1"}'),
    "null json": (".json", b'{"x": [null]}'),
    "NaN json": (".json", b'{"x": [NaN]}'),
    "too large for float32": (".json", b'{"x": [1e300]}'),
    "too large for int8": (".json", b'{"x": {"dtype": "int8", "data": [300]}}'),
    "unknown dtype": (".json", b'{"x": {"dtype": "object", "data": [1]}}'),
    "huge integer": (".json", b'{"x": [' + b"9" * 400 + b"]}"),
}


@pytest.mark.parametrize(("suffix", "data"), BAD.values(), ids=BAD)
def test_hostile_files_are_refused(suffix: str, data: bytes) -> None:
    with pytest.raises(InvalidData) as caught:
        CODEC.decode(data, suffix, ("x",))
    assert "\n" not in str(caught.value)
    assert not Path("/tmp/mlm-trap").exists()


def test_a_bomb_is_refused_before_it_is_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = _zip({"x.npy": bytes(1 << 20)})
    monkeypatch.setattr("mlm.adapters.onnx.tensors.MAX_BYTES", 1 << 19)
    with pytest.raises(InvalidData, match="too large"):
        CODEC.decode(bomb, ".npz", ("x",))


@given(st.binary(max_size=200), st.sampled_from([".npy", ".npz", ".json"]))
def test_noise_never_raises_anything_else(data: bytes, suffix: str) -> None:
    for prefix in (b"", b"\x93NUMPY\x01\x00", GOOD[:40]):
        try:
            CODEC.decode(prefix + data, suffix, ("x",))
        except MlmError:
            continue


def test_a_name_and_a_known_suffix_are_needed() -> None:
    with pytest.raises(InvalidData, match=r"2 inputs \(a, b\)"):
        CODEC.decode(GOOD, ".npy", ("a", "b"))
    with pytest.raises(UsageError, match=r"\.npz"):
        CODEC.decode(GOOD, ".pkl", ("x",))
    with pytest.raises(UsageError, match=r"\.json"):
        CODEC.encode({"x": np.ones(1)}, ".txt")
    with pytest.raises(UsageError, match="there are 2"):
        CODEC.encode({"x": np.ones(1), "y": np.ones(1)}, ".npy")


def test_json_has_no_nan() -> None:
    with pytest.raises(InvalidData, match="NaN"):
        CODEC.encode({"x": np.array([np.nan])}, ".json")


def test_a_name_in_an_archive_climbs_nowhere() -> None:
    assert list(CODEC.decode(CODEC.encode({"../x": np.ones(1)}, ".npz"), ".npz", ())) == [".._x"]


def test_json_results_are_plain() -> None:
    assert json.loads(CODEC.encode({"y": np.array([[0.5, -1]], np.float32)}, ".json")) == {"y": [[0.5, -1]]}
