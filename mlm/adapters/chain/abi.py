"""Contract ABIs: encode calls, decode outputs and errors (Solidity contract ABI specification); events: core/events.

Tests hold both directions against eth_abi, whose import alone takes longer than most commands.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlm import resources
from mlm.core.digest import keccak256
from mlm.core.errors import ChainError, InvalidData, NotFound, UsageError
from mlm.core.events.abi import WORD, Decoder, Field, Type, array_of, elementary, sequence_of, tuple_of


@dataclass(frozen=True)
class Param:
    """A named value of an ABI: `type` is canonical, tuples spelled out, e.g. (uint256,bytes32)[]."""

    name: str
    type: str
    components: tuple[Param, ...] = ()
    enum: str = ""  # Solidity's name of the enum that a uint8 stands for

    @classmethod
    def parse(cls, entry: Mapping[str, Any]) -> Param:
        """Read one entry of the ABI's inputs, outputs or components."""
        components = tuple(cls.parse(part) for part in entry.get("components", ()))
        kind = entry["type"]
        if kind.startswith("tuple"):
            kind = f"({','.join(part.type for part in components)}){kind[5:]}"
        source = str(entry.get("internalType", ""))
        enum = source[5:].rpartition(".")[2] if source.startswith("enum ") and kind == "uint8" else ""
        return cls(entry.get("name", ""), kind, components, enum)


@dataclass(frozen=True)
class Item:
    """A function or error: its signature and its selector (4 bytes)."""

    name: str
    inputs: tuple[Param, ...]
    outputs: tuple[Param, ...] = ()

    @functools.cached_property
    def signature(self) -> str:
        return f"{self.name}({','.join(param.type for param in self.inputs)})"

    @functools.cached_property
    def digest(self) -> bytes:
        return keccak256(self.signature.encode())

    @property
    def selector(self) -> bytes:
        return self.digest[:4]


class Abi:
    """One contract's interface."""

    def __init__(self, name: str, entries: Sequence[Mapping[str, Any]]) -> None:
        self.name = name
        self.functions: dict[str, list[Item]] = {}
        self.errors: dict[bytes, Item] = {}  # by selector
        self.constructor: tuple[Param, ...] = ()
        for entry in entries:
            kind = entry.get("type")
            inputs = tuple(Param.parse(part) for part in entry.get("inputs", ()))
            if kind == "constructor":
                self.constructor = inputs
                continue
            if kind not in ("function", "error"):  # events have a decoder of their own: core/events
                continue
            outputs = tuple(Param.parse(part) for part in entry.get("outputs", ()))
            item = Item(entry["name"], inputs, outputs)
            if kind == "function":
                self.functions.setdefault(item.name, []).append(item)
            else:
                self.errors[item.selector] = item

    def function(self, name: str, arity: int) -> Item:
        """The function called `name` (or with that signature) with `arity` arguments; raises UsageError."""
        plain = name.partition("(")[0]
        found = [item for item in self.functions.get(plain, []) if len(item.inputs) == arity]
        if "(" in name:
            found = [item for item in found if item.signature == name]
        if len(found) != 1:
            known = ", ".join(item.signature for item in self.functions.get(plain, [])) or "none of that name"
            raise UsageError(f"{self.name}.{name} with {arity} arguments: expected one function, found: {known}")
        return found[0]

    def encode_call(self, name: str, args: Sequence[Any]) -> bytes:
        """Calldata of a call."""
        item = self.function(name, len(args))
        return item.selector + encode(item.inputs, args, f"{self.name}.{item.signature}")

    def encode_constructor(self, args: Sequence[Any]) -> bytes:
        """Constructor arguments, to be appended to the bytecode."""
        return encode(self.constructor, args, f"{self.name}'s constructor")

    def decode_output(self, name: str, arity: int, data: bytes) -> Any:
        """One output bare, several as a tuple, none as None; raises ChainError for bytes that do not decode."""
        item = self.function(name, arity)
        values = decode(item.outputs, data, f"{self.name}.{item.signature}")
        return values[0] if len(values) == 1 else values or None


def plainly(param: Param, value: Any) -> Any:
    """A decoded value as JSON has it: bytes as 0x-hex, arrays as lists, structs as dicts by component name."""
    if param.type.endswith("]"):
        return [plainly(element(param), entry) for entry in value]
    if param.components:
        return {part.name: plainly(part, entry) for part, entry in zip(param.components, value, strict=True)}
    return "0x" + value.hex() if isinstance(value, bytes) else value


def encode(params: Sequence[Param], args: Sequence[Any], what: str) -> bytes:
    """ABI-encode arguments. Structs may be tuples or mappings by component name, bytes may be 0x-hex.

    Raises UsageError, naming `what`, for a value that does not fit its type.
    """
    if len(args) != len(params):
        raise UsageError(f"{what}: expected {len(params)} arguments, found {len(args)}")
    try:
        return _encode_sequence(params, args)
    except (ValueError, TypeError, KeyError) as error:
        raise UsageError(f"{what}: an argument does not fit its type: {str(error)[:200]}") from error


def decode(params: Sequence[Param], data: bytes, what: str) -> tuple[Any, ...]:
    """Decode ABI bytes to a tuple: addresses as lower-case 0x-hex, structs and arrays as tuples.

    Only the canonical encoding, which solc writes, is accepted; what follows it is left alone. Raises ChainError,
    naming `what`: the bytes come from the node.
    """
    try:
        return _native_sequence(params, _sequence(tuple(params))(data, 0)[0])
    except (InvalidData, ValueError) as error:
        raise ChainError(f"the node answered {what} with bytes that do not decode: {str(error)[:200]}") from error


def element(param: Param) -> Param:
    """What an array holds."""
    return Param(param.name, param.type[: param.type.rindex("[")], param.components)


@functools.cache
def compiled(param: Param) -> Type:
    """How a value of this parameter lies in bytes; raises ValueError for an unknown type."""
    if param.type.endswith("]"):
        length = param.type[param.type.rindex("[") + 1 : -1]
        return array_of(compiled(element(param)), int(length) if length else None)
    return tuple_of(_fields(param.components)) if param.components else elementary(param.type)


@functools.cache
def _sequence(params: tuple[Param, ...]) -> Decoder:
    return sequence_of(_fields(params))


def _fields(params: tuple[Param, ...]) -> tuple[Field, ...]:
    """By position: outputs often have no names."""
    return tuple(Field(str(i), compiled(param)) for i, param in enumerate(params))


def _native_sequence(params: Sequence[Param], values: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(_native(param, value) for param, value in zip(params, values.values(), strict=True))


def _native(param: Param, value: Any) -> Any:
    if param.type.endswith("]"):
        return tuple(_native(element(param), entry) for entry in value)
    if param.components:
        return _native_sequence(param.components, value)
    return bytes.fromhex(value[2:]) if param.type.startswith("bytes") else value


def _encode_sequence(params: Sequence[Param], values: Sequence[Any]) -> bytes:
    """Heads, then the tails of what is dynamic, in order."""
    pairs = [(compiled(param), encode_value(param, value)) for param, value in zip(params, values, strict=True)]
    offset = sum(kind.head for kind, _ in pairs)
    heads, tails = [], []
    for kind, body in pairs:
        if kind.dynamic:
            heads.append(offset.to_bytes(WORD, "big"))
            tails.append(body)
            offset += len(body)
        else:
            heads.append(body)
    return b"".join(heads + tails)


def encode_value(param: Param, value: Any) -> bytes:
    """One value: its words, or its tail if the type is dynamic. Raises ValueError, TypeError or KeyError."""
    if param.type.endswith("]"):
        if not isinstance(value, (list, tuple)):
            raise ValueError(f"expected {param.type}, found {value!r}")
        length = param.type[param.type.rindex("[") + 1 : -1]
        if length and len(value) != int(length):
            raise ValueError(f"expected {param.type}, found {len(value)} elements")
        body = _encode_sequence([element(param)] * len(value), value)
        return body if length else len(value).to_bytes(WORD, "big") + body
    if param.components:
        if isinstance(value, Mapping):
            value = [value[part.name] for part in param.components]
        return _encode_sequence(param.components, value)
    if param.type in ("bytes", "string"):
        content = plain_bytes(param.type, value)
        return len(content).to_bytes(WORD, "big") + content + bytes(-len(content) % WORD)
    return _encode_word(param.type, value)


def plain_bytes(kind: str, value: Any) -> bytes:
    """The content of a bytes (0x-hex or bytes) or string value; raises ValueError."""
    if isinstance(value, str):
        return value.encode() if kind == "string" else bytes.fromhex(value.removeprefix("0x"))
    if not isinstance(value, bytes) or kind == "string":
        raise ValueError(f"expected {kind}, found {value!r}")
    return value


def _encode_word(kind: str, value: Any) -> bytes:
    if kind == "bool":
        if not isinstance(value, bool):
            raise ValueError(f"expected a bool, found {value!r}")
        return int(value).to_bytes(WORD, "big")
    if kind == "address":
        raw = value if isinstance(value, bytes) else bytes.fromhex(str(value).removeprefix("0x"))
        if len(raw) != 20:
            raise ValueError(f"expected a 20-byte address, found {value!r}")
        return raw.rjust(WORD, b"\0")
    if kind.startswith("bytes"):
        size, raw = int(kind[5:]), plain_bytes(kind, value)
        if len(raw) != size:
            raise ValueError(f"expected {size} bytes, found {value!r}")
        return raw.ljust(WORD, b"\0")
    low, high = _range(kind)
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value < high:
        raise ValueError(f"expected {kind}, found {value!r}")
    return int(value).to_bytes(WORD, "big", signed=low < 0)


def _range(kind: str) -> tuple[int, int]:
    if kind.startswith("uint"):
        return 0, 1 << int(kind[4:])
    half = 1 << (int(kind[3:]) - 1)
    return -half, half


@dataclass(frozen=True)
class Artifact:
    """A compiled contract, as checked in. `links`: where its code names external libraries, by library, in bytes."""

    abi: Abi
    bytecode: bytes
    links: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    def linked(self, addresses: Mapping[str, str]) -> bytes:
        """The creation code with its libraries' addresses; raises InvalidData for a library without one."""
        code = bytearray(self.bytecode)
        for library, places in self.links.items():
            if library not in addresses:
                raise InvalidData(f"{self.abi.name} needs the library {library}: expected its address")
            for start in places:
                code[start : start + 20] = bytes.fromhex(addresses[library][2:])
        return bytes(code)


def _artifacts() -> Path:
    return resources.path("devnet") / "artifacts"


@functools.cache
def artifact(name: str, folder: Path | None = None) -> Artifact:
    """Load devnet/artifacts/NAME.json (or `folder`/NAME.json); raises NotFound or InvalidData."""
    path = (folder or _artifacts()) / f"{name}.json"
    try:
        entry = json.loads(path.read_bytes())
        bytecode = entry["bytecode"]
        text = bytecode["object"] if isinstance(bytecode, dict) else bytecode
        links = {library: tuple(places) for library, places in entry.get("links", {}).items()}
        return Artifact(Abi(name, entry["abi"]), bytes.fromhex(text.removeprefix("0x")), links)
    except FileNotFoundError as error:
        raise NotFound(f"no contract is called {name!r}: expected {path.name} in {path.parent}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidData(f"{path} is no contract artifact: {error}") from error


def load(name: str) -> Abi:
    """The ABI of a shipped contract."""
    return artifact(name).abi


@functools.cache
def shipped() -> tuple[str, ...]:
    """Names of all shipped contracts."""
    folder = _artifacts()
    return tuple(sorted(path.stem for path in folder.glob("*.json"))) if folder.is_dir() else ()
