"""Contract ABIs: encode calls, decode outputs and errors (Solidity contract ABI specification); events: core/events.

Values of static words are coded here; anything dynamic goes through eth_abi, imported when it is first needed.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlm import resources
from mlm.core.digest import keccak256
from mlm.core.errors import ChainError, InvalidData, NotFound, UsageError

_WORD = 32


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
        element = Param(param.name, param.type[: param.type.rindex("[")], param.components)
        return [plainly(element, entry) for entry in value]
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
        values = [_shape(param, arg) for param, arg in zip(params, args, strict=True)]
        if all(_is_word(param.type) for param in params):
            return b"".join(_encode_word(param.type, value) for param, value in zip(params, values, strict=True))
        from eth_abi.abi import encode as encode_dynamic

        return bytes(encode_dynamic([param.type for param in params], values))
    except UsageError:
        raise
    except Exception as error:  # eth_abi's errors and those of the values themselves share no base class
        raise UsageError(f"{what}: an argument does not fit its type: {str(error)[:200]}") from error


def decode(params: Sequence[Param], data: bytes, what: str) -> tuple[Any, ...]:
    """Decode ABI bytes to a tuple: addresses as lower-case 0x-hex, structs and arrays as tuples.

    Raises ChainError, naming `what`: the bytes come from the node.
    """
    try:
        if all(_is_word(param.type) for param in params):
            if len(data) < _WORD * len(params):
                raise ValueError(f"expected {_WORD * len(params)} bytes, found {len(data)}")
            return tuple(_decode_word(param.type, data[_WORD * i : _WORD * (i + 1)]) for i, param in enumerate(params))
        from eth_abi.abi import decode as decode_dynamic

        return tuple(decode_dynamic([param.type for param in params], data))
    except Exception as error:  # as above; whatever it is, the node's bytes are to blame
        raise ChainError(f"the node answered {what} with bytes that do not decode: {str(error)[:200]}") from error


def _shape(param: Param, value: Any) -> Any:
    """Mappings become tuples in component order, 0x-hex becomes bytes, int and str subclasses stay."""
    if param.type.endswith("]"):
        element = Param(param.name, param.type[: param.type.rindex("[")], param.components)
        return [_shape(element, entry) for entry in value]
    if param.components:
        if isinstance(value, Mapping):
            value = [value[part.name] for part in param.components]
        return tuple(_shape(part, entry) for part, entry in zip(param.components, value, strict=True))
    if param.type.startswith("bytes") and isinstance(value, str):
        return bytes.fromhex(value.removeprefix("0x"))
    if param.type.startswith(("uint", "int")) and isinstance(value, int) and not isinstance(value, bool):
        return int(value)  # eth_abi refuses no subclass, but an IntEnum's formatting must not reach it
    return value


def _is_word(kind: str) -> bool:
    if kind in ("address", "bool"):
        return True
    return not kind.endswith("]") and not kind.startswith("(") and kind not in ("bytes", "string", "function")


def _encode_word(kind: str, value: Any) -> bytes:
    if kind == "bool":
        if not isinstance(value, bool):
            raise ValueError(f"expected a bool, found {value!r}")
        return int(value).to_bytes(_WORD, "big")
    if kind == "address":
        raw = value if isinstance(value, bytes) else bytes.fromhex(str(value).removeprefix("0x"))
        if len(raw) != 20:
            raise ValueError(f"expected a 20-byte address, found {value!r}")
        return raw.rjust(_WORD, b"\0")
    if kind.startswith("bytes"):
        size = int(kind[5:])
        if not isinstance(value, bytes) or len(value) != size:
            raise ValueError(f"expected {size} bytes, found {value!r}")
        return value.ljust(_WORD, b"\0")
    low, high = _range(kind)
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value < high:
        raise ValueError(f"expected {kind}, found {value!r}")
    return value.to_bytes(_WORD, "big", signed=low < 0)


def _decode_word(kind: str, word: bytes) -> Any:
    number = int.from_bytes(word, "big", signed=kind.startswith("int"))
    if kind == "bool":
        low, high = 0, 2
    elif kind == "address":
        low, high = 0, 1 << 160
    elif kind.startswith("bytes"):
        size = int(kind[5:])
        if any(word[size:]):
            raise ValueError(f"expected {kind} padded with zeros, found 0x{word.hex()}")
        return word[:size]
    else:
        low, high = _range(kind)
    if not low <= number < high:
        raise ValueError(f"expected {kind}, found 0x{word.hex()}")
    if kind == "bool":
        return number == 1
    return f"0x{number:040x}" if kind == "address" else number


def _range(kind: str) -> tuple[int, int]:
    if kind.startswith("uint"):
        return 0, 1 << int(kind[4:] or 256)
    if not kind.startswith("int"):
        raise ValueError(f"an unknown type {kind}")
    half = 1 << (int(kind[3:] or 256) - 1)
    return -half, half


@dataclass(frozen=True)
class Artifact:
    """A compiled contract, as checked in."""

    abi: Abi
    bytecode: bytes


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
        return Artifact(Abi(name, entry["abi"]), bytes.fromhex(text.removeprefix("0x")))
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
