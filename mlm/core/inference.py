"""The Open Inference Protocol, version 2 (KServe, Triton), as JSON documents: what requests may hold and answers say.

Source: github.com/kserve/open-inference-protocol, specification/protocol/inference_rest.md, and Triton's extension
"binary tensor data". Pure: documents come parsed, numbers stay as they are; turning them into arrays is an adapter's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

from mlm.core.errors import InvalidData
from mlm.core.tensors import ITEM_BYTES, MAX_AXES, MAX_NAME, MAX_TENSORS

# Datatypes of the protocol -> numpy's names. BYTES and BF16 are of no tensor that a model here takes.
DATATYPES = {
    "BOOL": "bool", "UINT8": "uint8", "UINT16": "uint16", "UINT32": "uint32", "UINT64": "uint64", "INT8": "int8",
    "INT16": "int16", "INT32": "int32", "INT64": "int64", "FP16": "float16", "FP32": "float32", "FP64": "float64",
}  # fmt: skip
NAMES = {dtype: name for name, dtype in DATATYPES.items()}
EXTENSIONS = ("binary_tensor_data", "mlm_paid_calls")
PLATFORM = "onnx_onnxv1"  # as Triton's table of platforms has it
MAX_ID = 256
MAX_AXIS = 1 << 40
BINARY_HEADER = "inference-header-content-length"


@dataclass(frozen=True)
class Spec:
    """A tensor of a model's signature. An axis is a size, or a name: one size wherever it stands in a call."""

    name: str
    dtype: str
    shape: tuple[int | str, ...]


@dataclass(frozen=True)
class Signature:
    """What a model takes and gives."""

    inputs: tuple[Spec, ...]
    outputs: tuple[Spec, ...]


@dataclass(frozen=True)
class Given:
    """An input tensor of a request: `values` as JSON had them, or else `data`, little-endian and C-ordered."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    values: Any = field(default=None, repr=False)
    data: memoryview | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Wanted:
    """An output tensor that the answer is to hold, as raw bytes behind the JSON or within it."""

    name: str
    binary: bool


@dataclass(frozen=True)
class Inference:
    """A request, checked against the model's signature. `wanted` is in the order asked for."""

    id: str | None
    inputs: tuple[Given, ...]
    wanted: tuple[Wanted, ...]

    @property
    def binary(self) -> bool:
        """Whether any output is to come as raw bytes."""
        return any(each.binary for each in self.wanted)


def split(body: memoryview, header: str | None) -> tuple[memoryview, memoryview]:
    """The JSON of a body and the raw tensors behind it, by the header Inference-Header-Content-Length if there is one.

    Raises InvalidData.
    """
    if header is None:
        return body, body[len(body) :]
    if not (header.isascii() and header.isdigit() and len(header) <= 12 and int(header) <= len(body)):
        raise InvalidData(f"Inference-Header-Content-Length: expected at most {len(body)}, found {header[:20]!r}")
    return body[: int(header)], body[int(header) :]


def parse(document: object, tail: memoryview, signature: Signature, most: int) -> Inference:
    """A request from anybody. Raises InvalidData unless:

    1. it is an object whose `inputs` are the model's, each once, and whose `outputs` are some of the model's;
    2. each input has the model's datatype and a shape that fits, an axis of one name having one size everywhere;
    3. the tensors take at most `most` bytes together;
    4. the raw bytes are as long as the tensors that they hold, together.
    Unknown fields and parameters are ignored, as the protocol's extensions want it. The numbers are not looked at.
    """
    if not isinstance(document, dict):
        raise InvalidData(f"expected a JSON object, found {_kind(document)}")
    # (1)
    inputs = _items(document, "inputs", MAX_TENSORS)
    specs = {spec.name: spec for spec in signature.inputs}
    given: list[Given] = []
    sizes: dict[str, int] = {}
    at, total = 0, 0
    for item in inputs:
        name = _name(item, "an input")
        spec = specs.pop(name, None)
        if spec is None:
            expected = [each.name for each in signature.inputs]
            raise InvalidData(f"expected the inputs {expected}, each once, found {name[:60]!r}")
        # (2)
        shape = _shape(item, spec, sizes)
        # (3)
        size = prod(shape) * ITEM_BYTES[spec.dtype]
        total += size
        if total > most:
            raise InvalidData(f"tensors of {total} bytes, more than the limit of {most}")
        # (4)
        count = _parameters(item).get("binary_data_size")
        if count is None:
            if "data" not in item:
                raise InvalidData(f"input {name!r}: expected the field data")
            given.append(Given(name, spec.dtype, shape, values=item["data"]))
            continue
        if type(count) is not int or count != size or at + size > len(tail) or "data" in item:
            raise InvalidData(
                f"input {name!r}: expected {size} raw bytes and no data, found binary_data_size {_kind(count)} "
                f"and {len(tail) - at} bytes"
            )
        given.append(Given(name, spec.dtype, shape, data=tail[at : at + size]))
        at += size
    if specs:
        raise InvalidData(f"the inputs {sorted(specs)} are missing")
    if at != len(tail):
        raise InvalidData(f"{len(tail) - at} bytes follow the last tensor")
    return Inference(_id(document), tuple(given), _wanted(document, signature))


def _shape(item: Mapping[str, Any], spec: Spec, sizes: dict[str, int]) -> tuple[int, ...]:
    label, kind, shape = f"input {spec.name!r}", item.get("datatype"), item.get("shape")
    if not isinstance(kind, str) or DATATYPES.get(kind) != spec.dtype:
        raise InvalidData(f"{label}: expected the datatype {NAMES[spec.dtype]}, found {_kind(kind)}")
    if not isinstance(shape, list) or len(shape) > MAX_AXES:
        raise InvalidData(f"{label}: expected a shape of at most {MAX_AXES} axes, found {_kind(shape)}")
    if odd := [axis for axis in shape if type(axis) is not int or not 0 < axis < MAX_AXIS]:
        raise InvalidData(f"{label}: expected axes from 1 to 2^40, found {_kind(odd[0])}")
    fits = len(shape) == len(spec.shape) and all(
        found == (axis if isinstance(axis, int) else sizes.setdefault(axis, found))
        for axis, found in zip(spec.shape, shape, strict=True)
    )
    if not fits:
        raise InvalidData(f"{label}: expected shape {list(spec.shape)}, found {shape}")
    return tuple(shape)


def _wanted(document: Mapping[str, Any], signature: Signature) -> tuple[Wanted, ...]:
    """The outputs asked for; all of them where none is named."""
    every = _parameters(document).get("binary_data_output") is True
    known = [spec.name for spec in signature.outputs]
    if document.get("outputs") is None:
        return tuple(Wanted(name, every) for name in known)
    wanted: list[Wanted] = []
    for item in _items(document, "outputs", MAX_TENSORS):
        name = _name(item, "an output")
        if name not in known or any(name == each.name for each in wanted):
            raise InvalidData(f"expected outputs among {known}, each once, found {name[:60]!r}")
        binary = _parameters(item).get("binary_data", every)
        if not isinstance(binary, bool):
            raise InvalidData(f"output {name!r}: binary_data is true or false, found {_kind(binary)}")
        wanted.append(Wanted(name, binary))
    return tuple(wanted)


def _items(document: Mapping[str, Any], name: str, most: int) -> list[Mapping[str, Any]]:
    found = document.get(name)
    if not isinstance(found, list) or not 0 < len(found) <= most:
        raise InvalidData(f"expected {name} to be a list of 1 to {most} objects, found {_kind(found)}")
    if not all(isinstance(item, dict) for item in found):
        raise InvalidData(f"expected {name} to be a list of objects")
    return found


def _name(item: Mapping[str, Any], what: str) -> str:
    name = item.get("name")
    if not isinstance(name, str) or not 0 < len(name) <= MAX_NAME:
        raise InvalidData(f"{what} has a name of 1 to {MAX_NAME} characters, found {_kind(name)}")
    return name


def _parameters(item: Mapping[str, Any]) -> Mapping[str, Any]:
    found = item.get("parameters")
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise InvalidData(f"expected parameters to be an object, found {_kind(found)}")
    return found


def _id(document: Mapping[str, Any]) -> str | None:
    found = document.get("id")
    if found is not None and (not isinstance(found, str) or len(found) > MAX_ID):
        raise InvalidData(f"expected an id of at most {MAX_ID} characters, found {_kind(found)}")
    return found


def _kind(value: object) -> str:
    """A value in a few words, however large it is."""
    if isinstance(value, str):
        return repr(value[:60])
    if isinstance(value, list):
        return f"a list of {len(value)}"
    return "an object" if isinstance(value, dict) else "nothing" if value is None else str(value)


def server_metadata(version: str, models: Sequence[str]) -> dict[str, Any]:
    """GET /v2."""
    return {"name": "mlm", "version": version, "extensions": list(EXTENSIONS), "models": list(models)}


def model_metadata(
    name: str, versions: Sequence[str], signature: Signature, parameters: Mapping[str, Any]
) -> dict[str, Any]:
    """GET /v2/models/NAME: axes without a size are -1."""
    return {
        "name": name,
        "versions": list(versions),
        "platform": PLATFORM,
        "inputs": [_tensor(spec) for spec in signature.inputs],
        "outputs": [_tensor(spec) for spec in signature.outputs],
        "parameters": dict(parameters),
    }


def _tensor(spec: Spec) -> dict[str, Any]:
    shape = [axis if isinstance(axis, int) else -1 for axis in spec.shape]
    return {"name": spec.name, "datatype": NAMES[spec.dtype], "shape": shape}


def response(name: str, version: str, request_id: str | None, outputs: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The answer to an inference; each output has name, datatype, shape, and data or parameters.binary_data_size."""
    made: dict[str, Any] = {"model_name": name, "model_version": version}
    if request_id is not None:
        made["id"] = request_id
    made["outputs"] = list(outputs)
    return made
