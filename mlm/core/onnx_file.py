"""An ONNX file as something to compare: where its initializers lie, and what its graph consists of. Pure.

Source: onnx.proto3 of https://github.com/onnx/onnx. Bodies of tensors are not read here, so that a model of gigabytes
takes no memory; and nothing is executed or checked beyond what is compared: that is the Runner's.
"""

from __future__ import annotations

from collections import Counter
from hashlib import sha256
from math import prod

from mlm.core import content as contents
from mlm.core.content import Content
from mlm.core.errors import InvalidData
from mlm.core.paths import check_path
from mlm.core.protobuf import Field, Message
from mlm.core.weights import Beside, Model, Part, Weight

SUFFIX = ".onnx"
MAX_TEXT = 4096  # bytes of a name
MAX_AXES = 64
MAX_INLINE = 4 << 20  # bytes of a tensor that is stored as numbers one by one: beyond, it is only equal or not
# Tensors may share bytes of another file, as tied weights do: so often in all, and a few small ones always may.
MAX_SHARED, SMALL = 4, 64 << 20
_LARGEST = 1 << 63

# TensorProto.DataType -> numpy's and ml_dtypes' name, bits of an element.
_TYPES = {
    1: ("float32", 32), 2: ("uint8", 8), 3: ("int8", 8), 4: ("uint16", 16), 5: ("int16", 16), 6: ("int32", 32),
    7: ("int64", 64), 8: ("string", 0), 9: ("bool", 8), 10: ("float16", 16), 11: ("float64", 64), 12: ("uint32", 32),
    13: ("uint64", 64), 14: ("complex64", 64), 15: ("complex128", 128), 16: ("bfloat16", 16),
    17: ("float8_e4m3fn", 8), 18: ("float8_e4m3fnuz", 8), 19: ("float8_e5m2", 8), 20: ("float8_e5m2fnuz", 8),
    21: ("uint4", 4), 22: ("int4", 4), 23: ("float4_e2m1fn", 4), 24: ("float8_e8m0fnu", 8), 25: ("uint2", 2),
    26: ("int2", 2), 27: ("float6_e2m3fn", 6), 28: ("float6_e3m2fn", 6),
}  # fmt: skip
_STRING = 8
_VARINTS = (5, 7, 11)  # int32_data, int64_data, uint64_data: numbers one by one, of which the lowest bytes count
_NUMBERS = (4, 10)  # float_data, double_data: as raw_data would hold them, where they are packed
_MODEL = {2: "producer", 3: "producer version", 4: "domain", 5: "model version", 6: "model documentation"}
_MODEL |= {14: "model metadata", 20: "training information", 25: "functions", 26: "device configuration"}
_GRAPH = {2: "graph name", 10: "graph documentation", 13: "value types", 14: "quantization", 15: "sparse initializers"}
_GRAPH |= {16: "graph metadata"}


def of_onnx(content: Content, beside: Beside) -> Model:
    """The model of a hostile file, whose tensors may lie in files `beside` it. Raises InvalidData.

    Parts: each operator of the graph, named by itself or by its first output, inputs, outputs, opsets, and digests of
    whatever else the file says.
    """
    return _Reader(content, beside).model()


class _Reader:
    def __init__(self, content: Content, beside: Beside) -> None:
        self._content = content
        self._beside = beside
        self._weights: dict[str, Weight] = {}
        self._parts: dict[tuple[str, str], Part] = {}
        self._seen: Counter[tuple[str, str]] = Counter()
        self._elsewhere: dict[str, Content] = {}
        self._external_bytes = 0  # of all tensors in other files; those that overlap count again
        self._rest: dict[str, bytes] = {}  # what else the file says -> a digest of it

    def model(self) -> Model:
        graphs = 0
        message = Message(self._content, 0, self._content.size)
        for found in message.fields():
            if found.number == 7:
                graphs += 1
                self._graph(message.within(found))
            elif found.number == 1:
                self._add(Part("format", "ir version", str(found.value)))
            elif found.number == 8:
                self._opset(message.within(found))
            else:
                self._other(_MODEL.get(found.number, f"field {found.number} of the model"), found)
        if graphs != 1:
            raise InvalidData(f"expected one graph in an ONNX file, found {graphs}")
        for name, digest in self._rest.items():
            self._add(Part("other", name, "", digest))
        self._check_shared()
        return Model(self._weights, self._parts, frozenset(self._elsewhere))

    def _check_shared(self) -> None:
        """Whoever compares the tensors reads them one by one: that must not take more than the files are large."""
        size = sum(content.size for content in self._elsewhere.values())
        most = max(MAX_SHARED * size, SMALL)
        if self._external_bytes > most:
            found = f"found tensors of {self._external_bytes} bytes in {size}"
            raise InvalidData(f"expected at most {most} bytes of tensors in other files, {found}")

    def _add(self, part: Part) -> None:
        """A name that is not unique gets a number: as in the other model, if nothing was changed."""
        key = (part.kind, part.name)
        self._seen[key] += 1
        if self._seen[key] > 1:
            key = (part.kind, f"{part.name} #{self._seen[key]}")
        self._parts[key] = part

    def _other(self, name: str, found: Field) -> None:
        digest = _digest(self._content, found.begin, found.end)
        self._rest[name] = sha256(self._rest.get(name, b"") + digest).digest()

    def _opset(self, message: Message) -> None:
        domain, version = "ai.onnx", 0
        for found in message.fields():
            if found.number == 1:
                domain = _text(message, found) or domain
            elif found.number == 2 and found.is_varint:
                version = found.value
        self._add(Part("opset", domain, str(version)))

    def _graph(self, message: Message) -> None:
        for found in message.fields():
            if found.number == 1:
                self._node(message.within(found))
            elif found.number == 5:
                self._tensor(message.within(found))
            elif found.number in (11, 12):
                self._value("input" if found.number == 11 else "output", message.within(found))
            else:
                self._other(_GRAPH.get(found.number, f"field {found.number} of the graph"), found)

    def _node(self, message: Message) -> None:
        name = output = operator = domain = ""
        for found in message.fields():
            if found.number == 3:
                name = _text(message, found)
            elif found.number == 2:
                output = output or _text(message, found)
            elif found.number == 4:
                operator = _text(message, found)
            elif found.number == 7:
                domain = _text(message, found)
        operator = f"{domain}.{operator}" if domain else operator
        self._add(Part("node", name or output, operator, _digest(self._content, message.begin, message.end)))

    def _value(self, kind: str, message: Message) -> None:
        name, shown = "", ""
        for found in message.fields():
            if found.number == 1:
                name = _text(message, found)
            elif found.number == 2:
                shown = _type(message.within(found))
        self._add(Part(kind, name, shown, _digest(self._content, message.begin, message.end)))

    def _tensor(self, message: Message) -> None:
        """One initializer. Its elements are in one place: raw, as numbers, or in another file."""
        shape: list[int] = []
        name, kind, external = "", 0, False
        places: dict[str, str] = {}
        raw: Field | None = None
        data: list[Field] = []
        for found in message.fields():
            if found.number == 1:
                shape += message.varints(found, MAX_TEXT)
            elif found.number == 2 and found.is_varint:
                kind = found.value
            elif found.number == 8:
                name = _text(message, found)
            elif found.number == 9 and not found.is_varint:
                raw = found
            elif found.number in (*_VARINTS, *_NUMBERS, 6):
                data.append(found)
            elif found.number == 13:
                places.update([_pair(message.within(found))])
            elif found.number == 14:
                external = found.value == 1
        label = f"weight {name[:60]!r}"
        if name in self._weights:
            raise InvalidData(f"expected each initializer once in an ONNX file, found {name[:60]!r} twice")
        if kind not in _TYPES:
            raise InvalidData(f"{label}: expected an element type of ONNX, found number {kind}")
        if len(shape) > MAX_AXES or any(axis >= _LARGEST for axis in shape):
            raise InvalidData(f"{label}: expected a shape of at most {MAX_AXES} axes, found {str(shape)[:60]}")
        dtype, bits = _TYPES[kind]
        found_at: tuple[Content, int, int] | None
        if external:
            found_at = self._external(label, places)
        elif raw is not None:
            found_at = (self._content, raw.begin, raw.end)
        else:
            found_at = _stored(message, data, bits)
        whole = found_at or (self._content, message.begin, message.end)
        weight = Weight(name, dtype, tuple(shape), *whole, plain=found_at is not None and kind != _STRING)
        takes = (prod(shape) * bits + 7) // 8
        if weight.plain and weight.end - weight.begin != takes:
            found_bytes = weight.end - weight.begin
            raise InvalidData(f"{label}: {weight.type[:80]} takes {takes} bytes, found {found_bytes}")
        self._weights[name] = weight

    def _external(self, label: str, places: dict[str, str]) -> tuple[Content, int, int]:
        """The range of another file of the same tree; a path that climbs out of it raises InvalidData."""
        location = check_path(places.get("location", ""))
        if location not in self._elsewhere:
            self._elsewhere[location] = self._beside(location)
        content = self._elsewhere[location]
        offset = _number(label, places.get("offset", "0"))
        length = _number(label, places["length"]) if "length" in places else content.size - offset
        if offset + length > content.size or length < 0:
            raise InvalidData(
                f"{label}: expected {length} bytes from {offset} of {location}, which has {content.size} bytes"
            )
        self._external_bytes += length
        return content, offset, offset + length


def _stored(message: Message, data: list[Field], bits: int) -> tuple[Content, int, int] | None:
    """Elements stored as numbers: packed floats where they are, others as raw_data holds them; None if too many."""
    if not data:
        return contents.of_bytes(b""), 0, 0
    if len(data) == 1 and data[0].number in _NUMBERS:
        return message.content, data[0].begin, data[0].end
    # Text has no such bytes, and of 6 bits each has a number of its own here, where raw_data packs them.
    if sum(found.end - found.begin for found in data) > MAX_INLINE or bits in (0, 6):
        return None
    item = (bits + 7) // 8
    mask = (1 << 8 * item) - 1
    raw = bytearray()
    for found in data:
        if found.number in _NUMBERS:
            raw += message.body(found, MAX_INLINE)
        else:
            for number in message.varints(found, MAX_INLINE):
                raw += (number & mask).to_bytes(item, "little")
    return contents.of_bytes(bytes(raw)), 0, len(raw)


def _pair(message: Message) -> tuple[str, str]:
    key = value = ""
    for found in message.fields():
        if found.number == 1:
            key = _text(message, found)
        elif found.number == 2:
            value = _text(message, found)
    return key, value


def _number(label: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise InvalidData(f"{label}: expected a number of bytes, found {text[:40]!r}")
    return int(text)


def _type(message: Message) -> str:
    """A tensor's type as people read it, or what kind of value it is otherwise."""
    kinds = {4: "sequence", 5: "map", 7: "opaque", 8: "sparse tensor", 9: "optional"}
    for found in message.fields():
        if found.number == 1:
            return _tensor_type(message.within(found))
        if found.number in kinds:
            return kinds[found.number]
    return "unknown"


def _tensor_type(message: Message) -> str:
    kind, axes = "unknown", None
    for found in message.fields():
        if found.number == 1:
            kind = _TYPES.get(found.value, ("unknown", 0))[0]
        elif found.number == 2:
            shape = message.within(found)
            axes = [_axis(shape.within(axis)) for axis in shape.fields() if axis.number == 1]
    return f"{kind}[{', '.join(axes)}]" if axes is not None else kind


def _axis(message: Message) -> str:
    for found in message.fields():
        if found.number == 1 and found.is_varint:
            return str(found.value)
        if found.number == 2:
            return _text(message, found)
    return "?"


def _text(message: Message, found: Field) -> str:
    return message.body(found, MAX_TEXT).decode("utf-8", "replace")


def _digest(content: Content, begin: int, end: int) -> bytes:
    hashed = sha256()
    for piece in content.pieces(begin, end):
        hashed.update(piece)
    return hashed.digest()
