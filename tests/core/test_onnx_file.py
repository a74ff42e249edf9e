"""ONNX files without the package: what is found is what onnx itself reads, and a hostile file is InvalidData."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from circuits.make_fixtures import tiny_model
from mlm.core import protobuf
from mlm.core.content import Content, of_bytes
from mlm.core.errors import InvalidData
from mlm.core.onnx_file import MAX_INLINE, of_onnx
from mlm.core.weights import Model
from tests.command_line import ROOT

DTYPES = [number for number in TensorProto.DataType.values() if number not in (0, TensorProto.STRING)]


def nothing(location: str) -> Content:
    raise InvalidData(f"no file {location}")


def read(model: onnx.ModelProto | bytes) -> Model:
    data = model if isinstance(model, bytes) else model.SerializeToString()
    return of_onnx(of_bytes(data), nothing)


def holding(*tensors: TensorProto) -> onnx.ModelProto:
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", [], [], list(tensors))
    return helper.make_model(graph)


def raw(weights: Model, name: str) -> bytes:
    weight = weights.weights[name]
    assert weight.plain
    return weight.content.read(weight.begin, weight.end)


def expected(tensor: TensorProto) -> bytes:
    """The bytes that onnx itself would write as raw_data."""
    return numpy_helper.from_array(numpy_helper.to_array(tensor)).raw_data


@pytest.mark.parametrize("number", DTYPES, ids=TensorProto.DataType.Name)
@pytest.mark.parametrize("stored", ["raw", "numbers"])
def test_every_type_however_it_is_stored(number: int, stored: str) -> None:
    values = [0, 1, 1, 0, 1, 1]
    tensor = helper.make_tensor("w", number, [2, 3], values)
    if stored == "raw":
        tensor = numpy_helper.from_array(numpy_helper.to_array(tensor), "w")
        assert tensor.data_type == number and tensor.HasField("raw_data")
    found = read(holding(tensor))
    weight = found.weights["w"]
    assert weight.shape == (2, 3)
    if stored == "numbers" and number in (TensorProto.FLOAT6E2M3, TensorProto.FLOAT6E3M2):
        assert not weight.plain  # a number for each element there, packed in raw_data
        return
    assert raw(found, "w") == expected(tensor)
    name = helper.tensor_dtype_to_np_dtype(number).name
    assert weight.dtype == ("float4_e2m1fn" if number == TensorProto.FLOAT4E2M1 else name)


@pytest.mark.parametrize("name", ["float32", "float64", "int8", "int32", "int64", "uint8", "uint32", "uint64"])
def test_the_whole_range_of_numbers(name: str) -> None:
    kind = np.dtype(name)
    array = np.random.default_rng(1).integers(0, 256, 64 * kind.itemsize, np.uint8).view(kind)
    array = np.nan_to_num(array) if kind.kind == "f" else array
    number = helper.np_dtype_to_tensor_dtype(kind)
    tensor = helper.make_tensor("w", number, array.shape, array.tolist())
    assert not tensor.HasField("raw_data")
    assert raw(read(holding(tensor)), "w") == array.tobytes()


@pytest.mark.parametrize("path", sorted((ROOT / "templates").rglob("*.onnx")), ids=lambda path: path.parent.name)
def test_shipped_models_read_as_onnx_reads_them(path: Path) -> None:
    model, found = onnx.load(path), read(path.read_bytes())
    assert list(found.weights) == [tensor.name for tensor in model.graph.initializer]
    for tensor in model.graph.initializer:
        assert raw(found, tensor.name) == numpy_helper.to_array(tensor).tobytes()
    nodes = {part.name: part.text for (kind, _), part in found.parts.items() if kind == "node"}
    assert nodes == {node.name or node.output[0]: node.op_type for node in model.graph.node}
    opsets = {part.name: part.text for (kind, _), part in found.parts.items() if kind == "opset"}
    assert opsets == {entry.domain or "ai.onnx": str(entry.version) for entry in model.opset_import}
    inputs = [part for (kind, _), part in found.parts.items() if kind == "input"]
    assert [part.name for part in inputs] == [value.name for value in model.graph.input]
    assert all(part.text.startswith("float32[") for part in inputs)


def test_text_is_only_equal_or_not() -> None:
    found = read(holding(helper.make_tensor("w", TensorProto.STRING, [2], [b"a", b"b"])))
    assert found.weights["w"].dtype == "string" and not found.weights["w"].plain


def test_many_numbers_one_by_one_are_only_equal_or_not() -> None:
    tensor = TensorProto(name="w", data_type=TensorProto.INT64, dims=[MAX_INLINE + 1])
    tensor.int64_data.extend([1] * (MAX_INLINE + 1))
    weight = read(holding(tensor)).weights["w"]
    assert not weight.plain and weight.end - weight.begin > MAX_INLINE


def test_a_scalar_and_an_empty_tensor() -> None:
    found = read(holding(numpy_helper.from_array(np.float32(2), "s"), numpy_helper.from_array(np.zeros((0, 3)), "e")))
    assert raw(found, "s") == np.float32(2).tobytes() and found.weights["s"].shape == ()
    assert raw(found, "e") == b"" and found.weights["e"].type == "float64[0, 3]"


def external(tmp_path: Path) -> bytes:
    model = holding(*(numpy_helper.from_array(np.full((100, 3), at, np.float32), f"w{at}") for at in range(3)))
    onnx.save(model, tmp_path / "m.onnx", save_as_external_data=True, location="data/m.bin", size_threshold=0)
    return (tmp_path / "m.onnx").read_bytes()


def test_tensors_in_another_file(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    data = external(tmp_path)
    found = of_onnx(of_bytes(data), lambda name: of_bytes((tmp_path / name).read_bytes()))
    assert found.elsewhere == {"data/m.bin"}
    for at in range(3):
        assert raw(found, f"w{at}") == np.full((100, 3), at, np.float32).tobytes()


PLACES = {
    "climbing": ({"location": "../../etc/passwd"}, "unsafe path"),
    "absolute": ({"location": "/etc/passwd"}, "unsafe path"),
    "repository": ({"location": ".mlm/objects/x"}, "belongs to a repository"),
    "missing": ({}, "unsafe path ''"),
    "negative": ({"location": "a", "offset": "-4", "length": "4"}, "expected a number of bytes, found '-4'"),
    "unicode": ({"location": "a", "offset": "٣", "length": "4"}, "expected a number of bytes"),
    "huge": ({"location": "a", "offset": "9" * 4000, "length": "4"}, "expected a number of bytes"),
    "beyond": ({"location": "a", "offset": "8", "length": "4"}, "expected 4 bytes from 8 of a, which has 8 bytes"),
    "start beyond": ({"location": "a", "offset": "9"}, "which has 8 bytes"),
    "short": ({"location": "a", "length": "3"}, "takes 4 bytes, found 3"),
}


@pytest.mark.parametrize("name", PLACES)
def test_places_that_lie(name: str) -> None:
    entries, says = PLACES[name]
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[1], data_location=TensorProto.EXTERNAL)
    for key, value in entries.items():
        tensor.external_data.add(key=key, value=value)
    with pytest.raises(InvalidData, match=says):
        of_onnx(of_bytes(holding(tensor).SerializeToString()), lambda location: of_bytes(bytes(8)))


def test_sizes_that_lie() -> None:
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[1 << 40, 1 << 40], raw_data=b"1234")
    with pytest.raises(InvalidData, match="takes .* bytes, found 4"):
        read(holding(tensor))
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[-1], raw_data=b"1234")
    with pytest.raises(InvalidData, match="expected a shape"):
        read(holding(tensor))
    tensor = TensorProto(name="w", data_type=99, dims=[1], raw_data=b"1234")
    with pytest.raises(InvalidData, match="found number 99"):
        read(holding(tensor))


def test_the_same_name_twice() -> None:
    one = numpy_helper.from_array(np.zeros(2, np.float32), "w")
    with pytest.raises(InvalidData, match="'w' twice"):
        read(holding(one, one))
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"], name="n")] * 3, "g", [], [])
    assert [name for kind, name in read(helper.make_model(graph)).parts if kind == "node"] == ["n", "n #2", "n #3"]


@pytest.mark.parametrize("data", [b"", b"not a model", b"\x08\x07", b"\xff" * 40, b"\x00" * 40, bytes(range(256))])
def test_other_files(data: bytes) -> None:
    with pytest.raises(InvalidData):
        read(data)


def test_every_cut_and_flipped_bytes_are_a_model_or_invalid_data() -> None:
    """Nothing else is ever raised, and nothing hangs."""
    model, rng = tiny_model(1), random.Random(4)
    for cut in range(len(model)):
        try:
            read(model[:cut])
        except InvalidData:
            continue
    for _ in range(3000):
        changed = bytearray(model)
        for _ in range(rng.randrange(1, 6)):
            changed[rng.randrange(len(changed))] = rng.randrange(256)
        try:
            read(bytes(changed))
        except InvalidData:
            continue


def test_the_number_of_fields_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protobuf, "MAX_FIELDS", 100)
    with pytest.raises(InvalidData, match="at most 100 protobuf fields"):
        read(b"\x08\x01" * 101)


def test_bodies_are_not_read() -> None:
    """A tensor of a gigabyte costs what its header costs."""
    size = 1 << 30
    tensor = TensorProto(name="w", data_type=TensorProto.UINT8, dims=[size]).SerializeToString()
    varint = protobuf.dagpb.varint
    tensor += b"\x4a" + varint(size)  # raw_data
    graph = b"\x2a" + varint(len(tensor) + size) + tensor  # initializer
    head = b"\x3a" + varint(len(graph) + size) + graph
    file = _Sparse(head, size)
    found = of_onnx(file, nothing)
    assert found.weights["w"].end - found.weights["w"].begin == size
    assert file.read_bytes < 10_000


class _Sparse(Content):
    """A head and zeros behind it, which counts what is read."""

    def __init__(self, head: bytes, zeros: int) -> None:
        super().__init__([], lambda at: b"")
        self._head, self.size, self.read_bytes = head, len(head) + zeros, 0

    def read(self, begin: int, end: int) -> bytes:
        self.read_bytes += end - begin
        return self._head[begin:end].ljust(end - begin, b"\0")
