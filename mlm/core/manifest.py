"""Manifests, format `mlm/manifest/1`: what an asset is, as one canonical DAG-CBOR block.

A manifest may come from anybody: `from_block` raises InvalidData, with what was expected and what was found, for
anything that `to_block` would not have written. Reading of fields is in fields.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mlm.core import dagcbor, unixfs
from mlm.core.cid import DAG_CBOR, DAG_PB, RAW, Cid
from mlm.core.errors import InvalidData, UsageError
from mlm.core.fields import Fields
from mlm.core.licence import check_licence
from mlm.core.money import BASIS_POINTS, parse_units
from mlm.core.paths import check_path
from mlm.core.refs import NAME, SEMVER, parse_asset

FORMAT = "mlm/manifest/1"
KINDS = ("model", "dataset", "algorithm", "pipeline")  # the contract's enum Kind, in its order
ACCESS = ("open",)
RELATIONS = ("finetune", "distillation", "quantization", "merge", "adapter", "trained-on", "derived", "uses")
MAX_FILES = 4096  # listed in the manifest; a larger tree is listed by its directories alone
MAX_PARENTS = 15  # with the owner, the 16 payees of a settlement
MAX_TENSORS = 256
MAX_METRICS = 256
MAX_TEXT = 4096


@dataclass(frozen=True)
class FileRef:
    """A file of the tree: its CID and its size in bytes."""

    cid: Cid
    size: int


@dataclass(frozen=True)
class Tensor:
    """A model's input or output; `shape` holds ints, or names for dynamic axes, `dtype` is numpy's name."""

    name: str
    dtype: str
    shape: tuple[int | str, ...]


@dataclass(frozen=True)
class Signature:
    """What the model file says of itself. `file` is its path in the tree."""

    file: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    opset: int
    parameters: int


@dataclass(frozen=True)
class Parent:
    """An asset this one was made from: `handle/name@version`, and its share of the owner's part in basis points."""

    asset: str
    relation: str
    bps: int


@dataclass(frozen=True)
class Price:
    """Asked for one use: an absolute price in tokens (a plain decimal), and basis points of a job's price."""

    use: str = "0"
    royalty_bps: int = 0


@dataclass(frozen=True)
class ZkKey:
    """What binds a model to the zk tier: canonical settings (a raw block), key, verifying artefact and SRS."""

    settings: Cid
    key: bytes  # keccak256(abi.encode(keccak256("mlm/zk-key/1"), vka, inputs))
    vka: bytes  # keccak256 of the artefact's words
    inputs: int  # leading instances that are input hashes
    srs: str  # sha256 hex of the SRS points


@dataclass(frozen=True)
class Manifest:
    """An asset's description. `files` is empty for more than MAX_FILES of them; `count` and `size` always hold."""

    kind: str
    name: str
    version: str
    tree: Cid
    count: int
    size: int  # bytes of all files
    licence: str
    files: Mapping[str, FileRef] = field(default_factory=dict)
    description: str = ""
    signature: Signature | None = None
    parents: tuple[Parent, ...] = ()
    metrics: Mapping[str, float | int] = field(default_factory=dict)
    price: Price = Price()
    access: str = "open"
    zk: ZkKey | None = None
    commit: Cid | None = None

    def to_block(self) -> tuple[Cid, bytes]:
        """The manifest's CID and canonical bytes. Raises InvalidData when a reader would refuse it."""
        value: dict[str, dagcbor.Value] = {
            "format": FORMAT,
            "profile": unixfs.PROFILE,
            "kind": self.kind,
            "name": self.name,
            "version": self.version,
            "description": self.description,
            "files": {
                "root": self.tree,
                "count": self.count,
                "size": self.size,
                "list": {path: [file.cid, file.size] for path, file in self.files.items()},
            },
            "signature": None if self.signature is None else _signature_value(self.signature),
            "licence": self.licence,
            "lineage": [{"asset": p.asset, "relation": p.relation, "bps": p.bps} for p in self.parents],
            "metrics": dict(self.metrics),
            "price": {"use": self.price.use, "royalty_bps": self.price.royalty_bps},
            "access": self.access,
            "verification": {} if self.zk is None else {"zk": _zk_value(self.zk)},
        }
        if self.commit is not None:
            value["commit"] = self.commit
        block = dagcbor.encode(value)
        _read(block)
        return Cid.of(DAG_CBOR, block), block

    @classmethod
    def from_block(cls, cid: Cid, block: bytes) -> Manifest:
        """Check a block against its CID and read it.

        1. The bytes are the block that the CID names, and it is DAG-CBOR.
        2. The format is one that this version of mlm knows.
        3. Every field is there, of its type and within its limits, and no other field.
        4. Paths are safe, sizes and counts add up, lineage neither repeats nor exceeds 10,000 basis points.
        """
        # (1) Bytes before meaning.
        if cid.codec != DAG_CBOR:
            raise InvalidData(f"expected a manifest's CID (dag-cbor), found {cid}")
        cid.verify(block)
        return _read(block)

    def file(self, get: unixfs.Get, path: str) -> FileRef:
        """A file by path: from the list, or from the directories of a tree too large for a list. Raises InvalidData."""
        if path in self.files:
            return self.files[path]
        cid = self.tree
        for name in check_path(path).split("/"):
            entries = {} if cid.codec == RAW else unixfs.listing(get, cid)
            if name not in entries:
                raise InvalidData(f"expected the file {path!r} in the asset {self.name}, found none")
            cid = entries[name]
        return FileRef(cid, unixfs.file_size(get, cid))

    def check_tree(self, get: unixfs.Get) -> None:
        """Raise InvalidData unless the list, count and size are those of the tree; reads every file's first block."""
        found = {path: FileRef(cid, unixfs.file_size(get, cid)) for path, cid in unixfs.walk(get, self.tree)}
        if (len(found), sum(file.size for file in found.values())) != (self.count, self.size):
            raise InvalidData(
                f"the manifest claims {self.count} files, {self.size} bytes; its tree {self.tree} differs"
            )
        for path in sorted(found.keys() | self.files.keys()) if self.files else ():
            if found.get(path) != self.files.get(path):
                raise InvalidData(f"the manifest lists {path!r} otherwise than its tree {self.tree}")


def _tensor_value(tensor: Tensor) -> dagcbor.Value:
    return {"name": tensor.name, "dtype": tensor.dtype, "shape": list(tensor.shape)}


def _signature_value(signature: Signature) -> dagcbor.Value:
    return {
        "file": signature.file,
        "inputs": [_tensor_value(tensor) for tensor in signature.inputs],
        "outputs": [_tensor_value(tensor) for tensor in signature.outputs],
        "opset": signature.opset,
        "parameters": signature.parameters,
    }


def _zk_value(zk: ZkKey) -> dagcbor.Value:
    return {"settings": zk.settings, "key": zk.key, "vka": zk.vka, "inputs": zk.inputs, "srs": zk.srs}


def _read(block: bytes) -> Manifest:
    """Steps 2 to 4 of `from_block`."""
    top = Fields.of(dagcbor.decode(block), "the manifest")
    # (2) Later formats may mean something else by the same names.
    top.format(FORMAT)
    top.choice("profile", (unixfs.PROFILE,))
    # (3) Each field, once.
    kind = top.choice("kind", KINDS)
    files = top.record("files")
    listed = {check_path(path): _file(raw, path) for path, raw in files.mapping("list", MAX_FILES).items()}
    verification = top.record("verification")
    zk = verification.record("zk") if verification.has("zk") else None
    signature = top.nullable_record("signature")
    manifest = Manifest(
        kind=kind,
        name=top.match("name", NAME),
        version=top.match("version", SEMVER, 64),
        tree=files.cid("root", DAG_PB),
        count=files.integer("count", 0, unixfs.MAX_ENTRIES),
        size=files.integer("size", 0, 1 << 62),
        licence=check_licence(top.text("licence", MAX_TEXT)),
        files=listed,
        description=top.text("description", MAX_TEXT, least=0),
        signature=None if signature is None else _signature(signature),
        parents=tuple(_parent(item) for item in top.records("lineage", MAX_PARENTS)),
        metrics={_metric(name): _number(name, raw) for name, raw in top.mapping("metrics", MAX_METRICS).items()},
        price=_price(top.record("price")),
        access=top.choice("access", ACCESS),
        zk=None if zk is None else _zk(zk),
        commit=top.cid("commit", DAG_CBOR) if top.has("commit") else None,
    )
    for fields in (top, files, verification):
        fields.finish()
    # (4) What only holds of the whole.
    _check_whole(manifest)
    return manifest


def _check_whole(manifest: Manifest) -> None:
    files = manifest.files
    if manifest.count <= MAX_FILES or files:
        total = sum(file.size for file in files.values())
        if (len(files), total) != (manifest.count, manifest.size):
            expected = f"{manifest.count} files of {manifest.size} bytes"
            raise InvalidData(f"the manifest claims {expected} and lists {len(files)} of {total} bytes")
    directories = {path[:at] for path in files for at, char in enumerate(path) if char == "/"}
    if clash := sorted(directories & files.keys()):
        raise InvalidData(f"the manifest lists {clash[0]!r} both as a file and as a directory")
    if manifest.signature is not None and files and manifest.signature.file not in files:
        raise InvalidData(f"the manifest's model {manifest.signature.file!r} is not among its files")
    assets = [parent.asset for parent in manifest.parents]
    if len(set(assets)) != len(assets):
        twice = next(asset for asset in assets if assets.count(asset) > 1)
        raise InvalidData(f"expected each parent once, the manifest's lineage names a parent twice: {twice}")
    bps = sum(parent.bps for parent in manifest.parents)
    if bps > BASIS_POINTS:
        raise InvalidData(
            f"the shares of the manifest's parents add up to {bps}, more than {BASIS_POINTS} basis points"
        )


def _file(raw: dagcbor.Value, path: str) -> FileRef:
    if not isinstance(raw, list) or len(raw) != 2 or not isinstance(raw[0], Cid):
        raise InvalidData(f"expected [CID, size] for the file {path!r} of the manifest")
    cid, size = raw
    if cid.codec not in (RAW, DAG_PB) or isinstance(size, bool) or not isinstance(size, int) or not 0 <= size < 1 << 62:
        raise InvalidData(f"expected a file's CID and size for {path!r}, found {cid} and {size!r}")
    return FileRef(cid, size)


def _signature(fields: Fields) -> Signature:
    signature = Signature(
        file=check_path(fields.text("file", MAX_TEXT)),
        inputs=tuple(_tensor(item) for item in fields.records("inputs", MAX_TENSORS)),
        outputs=tuple(_tensor(item) for item in fields.records("outputs", MAX_TENSORS)),
        opset=fields.integer("opset", 1, 1000),
        parameters=fields.integer("parameters", 0, 1 << 62),
    )
    fields.finish()
    return signature


def _tensor(fields: Fields) -> Tensor:
    shape: list[int | str] = []
    for axis in fields.items("shape", 32):
        named = isinstance(axis, str) and 0 < len(axis) <= 256
        if not named and (isinstance(axis, bool) or not isinstance(axis, int) or not 0 <= axis < 1 << 48):
            raise InvalidData(f"expected a size or a name for each axis of a tensor, found {axis!r}")
        shape.append(axis)  # type: ignore[arg-type]  # narrowed above
    tensor = Tensor(fields.text("name", 1024), fields.text("dtype", 32), tuple(shape))
    fields.finish()
    return tensor


def _parent(fields: Fields) -> Parent:
    asset = fields.text("asset", 256)
    parent = Parent(asset, fields.choice("relation", RELATIONS), fields.integer("bps", 0, BASIS_POINTS))
    fields.finish()
    try:
        version = parse_asset(asset).version
    except UsageError as error:
        raise InvalidData(f"expected a parent as handle/name@version, found {asset[:80]!r}") from error
    if version is None:
        raise InvalidData(f"expected a parent as handle/name@version, found {asset!r} without a version")
    return parent


def _metric(name: str) -> str:
    if not 0 < len(name) <= 128 or not name.isprintable():
        raise InvalidData(f"expected a metric's name of 1 to 128 printable characters, found {name[:40]!r}")
    return name


def _number(name: str, raw: dagcbor.Value) -> float | int:
    if isinstance(raw, bool) or not isinstance(raw, int | float):
        raise InvalidData(f"expected a number for the metric {name!r}, found {type(raw).__name__}")
    return raw


def _price(fields: Fields) -> Price:
    price = Price(fields.text("use", 64), fields.integer("royalty_bps", 0, BASIS_POINTS))
    fields.finish()
    check_price(price.use)
    return price


def check_price(text: str) -> str:
    """Return a plain decimal of tokens that fits the contract's uint128; raises InvalidData."""
    try:
        amount = parse_units(text)
    except UsageError as error:
        raise InvalidData(f"the price of a use: {error}") from error
    if amount >= 1 << 128:
        raise InvalidData(f"the price of a use must stay below 2^128 base units, found {text}")
    return text


def _zk(fields: Fields) -> ZkKey:
    zk = ZkKey(
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
