"""The parts of a manifest that both formats share: files, a model's signature, lineage, metrics, price, circuit keys.

Each knows its spelling both ways: `value` for writing, `read` for what may come from anybody (raises InvalidData).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mlm.core import dagcbor, tee
from mlm.core.cid import DAG_PB, RAW, Cid
from mlm.core.errors import InvalidData, UsageError
from mlm.core.fields import Fields
from mlm.core.money import BASIS_POINTS, MLM, Amount, parse_units
from mlm.core.paths import check_path
from mlm.core.refs import parse_asset

RELATIONS = ("finetune", "distillation", "quantization", "merge", "adapter", "trained-on", "derived", "uses")
MAX_PARENTS = 15  # with the owner, the 16 payees of a settlement
MAX_TENSORS = 256
MAX_METRICS = 256
MAX_TEXT = 4096
MAX_SIZE = 1 << 62


@dataclass(frozen=True)
class FileRef:
    """A file of the tree: its CID and its size in bytes."""

    cid: Cid
    size: int

    def value(self) -> dagcbor.Value:
        return [self.cid, self.size]

    @classmethod
    def read(cls, raw: dagcbor.Value, path: str) -> FileRef:
        """`[CID, size]`, listed for `path`."""
        if not isinstance(raw, list) or len(raw) != 2 or not isinstance(raw[0], Cid):
            raise InvalidData(f"expected [CID, size] for the file {path!r} of the manifest")
        cid, size = raw
        counted = isinstance(size, int) and not isinstance(size, bool) and 0 <= size < MAX_SIZE
        if cid.codec not in (RAW, DAG_PB) or not counted:
            raise InvalidData(f"expected a file's CID and size for {path!r}, found {cid} and {size!r}")
        return cls(cid, size)


@dataclass(frozen=True)
class Tensor:
    """A model's input or output; `shape` holds ints, or names for dynamic axes, `dtype` is numpy's name."""

    name: str
    dtype: str
    shape: tuple[int | str, ...]

    def value(self) -> dagcbor.Value:
        return {"name": self.name, "dtype": self.dtype, "shape": list(self.shape)}

    @classmethod
    def read(cls, fields: Fields) -> Tensor:
        """One of a signature's `inputs` or `outputs`."""
        shape: list[int | str] = []
        for axis in fields.items("shape", 32):
            named = isinstance(axis, str) and 0 < len(axis) <= 256
            if not named and (isinstance(axis, bool) or not isinstance(axis, int) or not 0 <= axis < 1 << 48):
                raise InvalidData(f"expected a size or a name for each axis of a tensor, found {axis!r}")
            shape.append(axis)  # type: ignore[arg-type]  # narrowed above
        tensor = cls(fields.text("name", 1024), fields.text("dtype", 32), tuple(shape))
        fields.finish()
        return tensor


@dataclass(frozen=True)
class Signature:
    """What the model file says of itself. `file` is its path in the tree."""

    file: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    opset: int
    parameters: int

    def value(self) -> dagcbor.Value:
        return {
            "file": self.file,
            "inputs": [tensor.value() for tensor in self.inputs],
            "outputs": [tensor.value() for tensor in self.outputs],
            "opset": self.opset,
            "parameters": self.parameters,
        }

    @classmethod
    def read(cls, fields: Fields) -> Signature:
        """The manifest's `signature`."""
        signature = cls(
            file=check_path(fields.text("file", MAX_TEXT)),
            inputs=tuple(Tensor.read(item) for item in fields.records("inputs", MAX_TENSORS)),
            outputs=tuple(Tensor.read(item) for item in fields.records("outputs", MAX_TENSORS)),
            opset=fields.integer("opset", 1, 1000),
            parameters=fields.integer("parameters", 0, MAX_SIZE),
        )
        fields.finish()
        return signature


@dataclass(frozen=True)
class Parent:
    """An asset this one was made from: `handle/name@version`, and its share of the owner's part in basis points."""

    asset: str
    relation: str
    bps: int

    def value(self) -> dagcbor.Value:
        return {"asset": self.asset, "relation": self.relation, "bps": self.bps}

    @classmethod
    def read(cls, fields: Fields) -> Parent:
        """An item of the manifest's `lineage`."""
        asset = fields.text("asset", 256)
        parent = cls(asset, fields.choice("relation", RELATIONS), fields.integer("bps", 0, BASIS_POINTS))
        fields.finish()
        try:
            version = parse_asset(asset).version
        except UsageError as error:
            raise InvalidData(f"expected a parent as handle/name@version, found {asset[:80]!r}") from error
        if version is None:
            raise InvalidData(f"expected a parent as handle/name@version, found {asset!r} without a version")
        return parent


@dataclass(frozen=True)
class Price:
    """Asked for one use: an absolute price in tokens (a plain decimal), and basis points of a job's price.

    What a token is, the market decides in which the asset is published.
    """

    use: str = "0"
    royalty_bps: int = 0

    def value(self) -> dagcbor.Value:
        return {"use": self.use, "royalty_bps": self.royalty_bps}

    def amount(self) -> Amount:
        """The absolute price in base units of the market's token; raises UsageError where that has fewer digits."""
        try:
            return parse_units(self.use)
        except UsageError as error:
            raise UsageError(f"the price of a use: {error}", hint=error.hint) from error

    @classmethod
    def read(cls, fields: Fields) -> Price:
        """The manifest's `price`."""
        price = cls(fields.text("use", 64), fields.integer("royalty_bps", 0, BASIS_POINTS))
        fields.finish()
        check_price(price.use)
        return price


@dataclass(frozen=True)
class ZkKey:
    """What binds a model to the zk tier: canonical settings (a raw block), key, verifying artefact and SRS."""

    settings: Cid
    key: bytes  # keccak256(abi.encode(keccak256("mlm/zk-key/1"), vka, inputs))
    vka: bytes  # keccak256 of the artefact's words
    inputs: int  # leading instances that are input hashes
    srs: str  # sha256 hex of the SRS points

    def value(self) -> dagcbor.Value:
        return {"settings": self.settings, "key": self.key, "vka": self.vka, "inputs": self.inputs, "srs": self.srs}

    @classmethod
    def read(cls, fields: Fields) -> ZkKey:
        """`zk` of the manifest's `verification`."""
        zk = cls(
            settings=fields.cid("settings", RAW),
            key=fields.binary("key", 32),
            vka=fields.binary("vka", 32),
            inputs=fields.integer("inputs", 0, 256),
            srs=fields.text("srs", 64),
        )
        fields.finish()
        if len(zk.srs) != 64 or any(digit not in "0123456789abcdef" for digit in zk.srs):
            raise InvalidData(f"expected the sha256 of SRS points in 64 hex digits, found {zk.srs!r}")
        return zk


@dataclass(frozen=True)
class TeeKey:
    """What binds a model to the tier tee: sha256 of the ONNX bytes, and the code that may run it.

    `measurements` as mlm.toml has them, `KIND:HEX…`, in their order, each once.
    """

    model: bytes
    measurements: tuple[str, ...]

    @property
    def digests(self) -> tuple[bytes, ...]:
        """What the key is made of, ascending."""
        return tuple(sorted(tee.parse_measurement(text)[1] for text in self.measurements))

    @property
    def key(self) -> bytes:
        """What the registry holds for the tier."""
        return tee.tee_key(self.model, self.digests)

    def value(self) -> dagcbor.Value:
        return {"model": self.model, "measurements": list(self.measurements)}

    @classmethod
    def read(cls, fields: Fields) -> TeeKey:
        """`tee` of the manifest's `verification`."""
        found = cls(fields.binary("model", 32), fields.texts("measurements", tee.MAX_MEASUREMENTS))
        fields.finish()
        if list(found.measurements) != sorted({text.strip().lower() for text in found.measurements}):
            raise InvalidData("expected the manifest's measurements in lower case, once each, in their order")
        _ = found.key  # each is one, and there is at least one
        return found


def check_price(text: str) -> str:
    """Return a plain decimal of tokens that fits the contract's uint128; raises InvalidData.

    A manifest is valid or not whatever the network: 18 digits may follow the point.
    """
    try:
        amount = parse_units(text, MLM)
    except UsageError as error:
        raise InvalidData(f"the price of a use: {error}") from error
    if amount >= 1 << 128:
        raise InvalidData(f"the price of a use must stay below 2^128 base units, found {text}")
    return text


def read_metrics(raw: Mapping[str, dagcbor.Value]) -> dict[str, float | int]:
    """The manifest's `metrics`: names of 1 to 128 printable characters, and numbers. Raises InvalidData."""
    for name, number in raw.items():
        if not 0 < len(name) <= 128 or not name.isprintable():
            raise InvalidData(f"expected a metric's name of 1 to 128 printable characters, found {name[:40]!r}")
        if isinstance(number, bool) or not isinstance(number, int | float):
            raise InvalidData(f"expected a number for the metric {name!r}, found {type(number).__name__}")
    return dict(raw)  # type: ignore[arg-type]  # narrowed above
