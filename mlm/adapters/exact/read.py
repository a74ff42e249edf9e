"""An exact model back from its ONNX file, from hostile hands: what the file would execute is what its graph says."""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlm.adapters.exact.builder import parameter_name
from mlm.adapters.exact.emit import METADATA, to_proto
from mlm.adapters.exact.model import ExactModel, Port
from mlm.adapters.exact.reference import NUMPY
from mlm.adapters.extras import unavailable
from mlm.core import dagcbor, merkle
from mlm.core.errors import InvalidData
from mlm.core.exact.graph import MAX_NODES, Graph
from mlm.core.exact.node import Node, of_words
from mlm.core.exact.tensor import TensorType, tensor_root
from mlm.ports.lowering import PROFILES

if TYPE_CHECKING:
    import numpy as np
    import onnx

    Array = np.ndarray[Any, np.dtype[Any]]

MAX_BYTES = (1 << 31) - 1  # protobuf's own limit
MAX_PORT_AXES = 8
_WORD = 32


@dataclass(frozen=True)
class Described:
    """What a file's metadata say of it; nothing of it is checked."""

    graph: Graph
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    profile: str


def from_onnx(data: bytes) -> ExactModel:
    """The model of a file that `to_onnx` wrote. Raises InvalidData for any other, naming what differs first:

    1. it is an ONNX file whose metadata describe a graph, its ports and a profile;
    2. its parameters have the roots that the graph names;
    3. the model passes `ExactModel.check`;
    4. written again, the model gives the same file: operators, constants, names, and nothing else in it.
    """
    found = _parsed(data)
    texts = [entry.value for entry in found.metadata_props if entry.key == METADATA]
    if len(texts) != 1:
        raise InvalidData(
            f"expected an exact model, found an ONNX file without {METADATA} in its metadata",
            hint="`mlm lower` makes one of a float model.",
        )
    said = described(texts[0])  # (1)
    said.graph.check()
    parameters = _parameters(found, said.graph)  # (2)
    model = ExactModel(said.graph, parameters, said.inputs, said.outputs, said.profile)
    expected = to_proto(model)  # (3)
    if expected.SerializeToString(deterministic=True) != found.SerializeToString(deterministic=True):  # (4)
        raise InvalidData(f"an exact model's file differs from its graph: {_difference(expected, found)}")
    return model


def is_exact(data: bytes) -> bool:
    """Whether a file claims to be an exact model; it is one when `from_onnx` takes it."""
    try:
        return any(entry.key == METADATA for entry in _parsed(data).metadata_props)
    except InvalidData:
        return False


def _parsed(data: bytes) -> onnx.ModelProto:
    try:
        import onnx
    except ImportError as error:
        raise unavailable("models", "onnx", error, "'mlm[cpu]'") from error
    if not data or len(data) > MAX_BYTES:
        raise InvalidData(f"an ONNX file has 1 to {MAX_BYTES} bytes, found {len(data)}")
    try:
        return onnx.load_model_from_string(data)
    except Exception as error:  # protobuf's DecodeError, which onnx does not re-export
        raise InvalidData(f"expected an ONNX file, found {len(data)} bytes that are none") from error


def described(text: str) -> Described:
    """What metadata in base64 describe. Raises InvalidData."""
    try:
        value = dagcbor.decode(b64decode(text, validate=True))
    except (Base64Error, ValueError) as error:
        raise InvalidData(f"expected base64 in {METADATA}") from error
    if not isinstance(value, Mapping) or set(value) - {"profile"} != {"nodes", "inputs", "outputs"}:
        raise InvalidData(f"expected nodes, inputs and outputs in {METADATA}, and a profile or none")
    nodes, inputs, outputs = (value[name] for name in ("nodes", "inputs", "outputs"))
    profile = value.get("profile", PROFILES[0])
    if not isinstance(profile, str):
        raise InvalidData(f"expected the name of a profile in {METADATA}")
    if not all(isinstance(each, list) and len(each) <= MAX_NODES for each in (nodes, inputs, outputs)):
        raise InvalidData(f"expected lists of at most {MAX_NODES} nodes, inputs and outputs in {METADATA}")
    assert isinstance(nodes, list) and isinstance(inputs, list) and isinstance(outputs, list)
    graph = Graph(tuple(map(_node, nodes)), len(outputs))
    return Described(graph, tuple(map(_port, inputs)), tuple(map(_port, outputs)), profile)


def _node(value: object) -> Node:
    if not isinstance(value, bytes) or len(value) % _WORD:
        raise InvalidData(f"expected the words of a node in {METADATA}")
    return of_words([int.from_bytes(value[at : at + _WORD], "big") for at in range(0, len(value), _WORD)])


def _port(value: object) -> Port:
    kinds = {"name": str, "shape": list, "scale": float, "channels_first": bool, "dtype": str}
    if not isinstance(value, Mapping) or set(value) != set(kinds):
        raise InvalidData(f"expected {', '.join(kinds)} of an input or output in {METADATA}")
    wrong = [name for name, kind in kinds.items() if type(value[name]) is not kind]
    shape = value["shape"]
    if wrong or len(shape) > MAX_PORT_AXES or any(type(size) is not int for size in shape):
        raise InvalidData(f"expected {', '.join(wrong) or 'a shape'} of an input or output as it is written")
    return Port(value["name"], tuple(shape), value["scale"], value["channels_first"], value["dtype"])


def _parameters(found: onnx.ModelProto, graph: Graph) -> dict[bytes, Array]:
    """The graph's parameters, each checked against its root."""
    stored = {tensor.name: tensor for tensor in found.graph.initializer}
    parameters: dict[bytes, Array] = {}
    for at, node in enumerate(graph.nodes):
        for operand in node.operands:
            root = operand.source
            if not isinstance(root, bytes) or root in parameters:
                continue
            name = parameter_name(root)
            if name not in stored:
                raise InvalidData(f"node {at} ({node.op.name}): expected the parameter {name}, found none in the file")
            parameters[root] = _parameter(stored[name], operand.kind, root)
    return parameters


def _parameter(tensor: onnx.TensorProto, kind: TensorType, root: bytes) -> Array:
    import numpy as np

    raw = tensor.raw_data
    if len(raw) != kind.size:
        raise InvalidData(f"parameter {tensor.name}: expected {kind.size} bytes, found {len(raw)}")
    found = tensor_root(kind, merkle.tree_over(raw).root)
    if found != root:
        raise InvalidData(f"parameter {tensor.name}: expected this root, found {found.hex()}")
    little = np.dtype(NUMPY[kind.dtype]).newbyteorder("<")
    return np.frombuffer(raw, little).reshape(kind.shape).astype(NUMPY[kind.dtype], copy=False)


def _difference(expected: onnx.ModelProto, found: onnx.ModelProto) -> str:
    """The first part of two files that differs, in words."""
    for name in ("node", "initializer", "input", "output"):
        ours, theirs = getattr(expected.graph, name), getattr(found.graph, name)
        for at, (one, other) in enumerate(zip(ours, theirs, strict=False)):
            if one != other:
                return f"{name} {at}: expected {_shown(one)}, found {_shown(other)}"
        if len(ours) != len(theirs):
            return f"expected {len(ours)} of {name}, found {len(theirs)}"
    return "expected nothing beside operators, constants, inputs, outputs and metadata as they are written"


def _shown(part: Any) -> str:
    """A part of a graph, by what tells it from others."""
    kind = getattr(part, "op_type", "")
    return f"{kind[:40]} {part.name[:80]!r}".strip()
