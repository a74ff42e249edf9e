"""Manifests, formats `mlm/manifest/1` to `mlm/manifest/3`: what an asset is, as one canonical DAG-CBOR block.

A manifest may come from anybody: `from_block` raises InvalidData, with what was expected and what was found, for
anything that `to_block` would not have written. All formats are read for ever; what is made new is format 2, and
format 3 where the files are sealed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from mlm.core import dagcbor, unixfs
from mlm.core.cid import DAG_CBOR, DAG_PB, RAW, Cid
from mlm.core.errors import InvalidData
from mlm.core.fields import Fields
from mlm.core.licence import check_licence
from mlm.core.manifest import described, parts, sealed
from mlm.core.manifest.described import Dataset, Privacy, Weights
from mlm.core.manifest.parts import FileRef, Parent, Price, Signature, TeeKey, ZkKey
from mlm.core.manifest.sealed import Sealed
from mlm.core.money import BASIS_POINTS
from mlm.core.paths import check_path
from mlm.core.refs import NAME, SEMVER

FORMAT_1 = "mlm/manifest/1"
FORMAT = "mlm/manifest/2"
FORMAT_3 = "mlm/manifest/3"  # of a version whose files are sealed, and of no other
KINDS = ("model", "dataset", "algorithm", "pipeline")  # the contract's enum Kind, in its order
ACCESS = ("open", "licensed", "compute-only")  # format 1 knows the first only
MAX_FILES = 4096  # listed in the manifest; a larger tree is listed by its directories alone


@dataclass(frozen=True)
class Manifest:
    """An asset's description. `files` is empty for more than MAX_FILES of them; `count` and `size` always hold.

    A manifest that was read keeps its `format`, so that it is written as the same block again.
    """

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
    exact: bytes | None = None  # key of the exact graph that its model executes: the tier optimistic
    tee: TeeKey | None = None
    commit: Cid | None = None
    # From here on: what came with format 2.
    executable: tuple[str, ...] = ()  # paths of `files`, sorted
    safetensors: tuple[Weights, ...] = ()  # by path
    dataset: Dataset | None = None
    terms: str = ""  # a path in the tree, or a URL
    privacy: Privacy = Privacy()
    card: Mapping[str, dagcbor.Value] | None = None
    sealed: Sealed | None = None  # format 3
    format: str = FORMAT

    def to_block(self) -> tuple[Cid, bytes]:
        """The manifest's CID and canonical bytes. Raises InvalidData when a reader would refuse it."""
        files: dict[str, dagcbor.Value] = {
            "root": self.tree,
            "count": self.count,
            "size": self.size,
            "list": {path: file.value() for path, file in self.files.items()},
        }
        value: dict[str, dagcbor.Value] = {
            "format": self.format,
            "profile": unixfs.PROFILE,
            "kind": self.kind,
            "name": self.name,
            "version": self.version,
            "description": self.description,
            "files": files,
            "signature": None if self.signature is None else self.signature.value(),
            "licence": self.licence,
            "lineage": [parent.value() for parent in self.parents],
            "metrics": dict(self.metrics),
            "price": self.price.value(),
            "access": self.access,
            "verification": self._verification(),
        }
        if self.commit is not None:
            value["commit"] = self.commit
        if self.format != FORMAT_1:
            files["executable"] = list(self.executable)
            value |= {
                "safetensors": [weights.value() for weights in self.safetensors],
                "dataset": None if self.dataset is None else self.dataset.value(),
                "terms": self.terms,
                "privacy": self.privacy.value(),
                "card": None if self.card is None else dict(self.card),
            }
        if self.format == FORMAT_3:
            value = sealed.without_links(value) | {"sealed": None if self.sealed is None else self.sealed.value()}
        block = dagcbor.encode(value)
        found = _read(block)
        if found != self and (self.format == FORMAT_1 or self.sealed is not None):
            raise InvalidData(f"the format {self.format} cannot say all of this manifest", hint=f"Write {FORMAT}.")
        return Cid.of(DAG_CBOR, block), block

    def _verification(self) -> dict[str, dagcbor.Value]:
        tiers: dict[str, dagcbor.Value] = {} if self.zk is None else {"zk": self.zk.value()}
        tiers |= {} if self.exact is None else {"optimistic": {"key": self.exact}}
        return tiers if self.tee is None else tiers | {"tee": self.tee.value()}

    @classmethod
    def from_block(cls, cid: Cid, block: bytes) -> Manifest:
        """Check a block against its CID and read it.

        1. The bytes are the block that the CID names, and it is DAG-CBOR.
        2. The format is one that this version of mlm knows.
        3. Every field is there, of its type and within its limits, and no other field.
        4. Paths are safe, sizes and counts add up, lineage neither repeats nor exceeds 10,000 basis points, and what is
           said of a file is said of one that is listed.
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

    def check_tree(self, get: unixfs.Get, size: Callable[[Cid], int]) -> None:
        """Raise InvalidData unless the list, count and size are those of the tree, and the sizes in it hold.

        Reads every node; of leaves `size` says how many bytes they have.
        """
        found: dict[str, FileRef] = {}
        known: dict[Cid, tuple[int, int]] = {}  # size and parts of what has been walked
        budget = unixfs.Budget()
        for path, cid in unixfs.walk(get, self.tree):
            if cid in known:
                budget.take(known[cid][1], known[cid][0], cid)
            else:
                before = budget.parts
                length = unixfs.check_file(get, size, cid, budget)
                known[cid] = (length, budget.parts - before)
            found[path] = FileRef(cid, known[cid][0])
        if (len(found), sum(file.size for file in found.values())) != (self.count, self.size):
            raise InvalidData(
                f"the manifest claims {self.count} files, {self.size} bytes; its tree {self.tree} differs"
            )
        for path in sorted(found.keys() | self.files.keys()) if self.files else ():
            if found.get(path) != self.files.get(path):
                raise InvalidData(f"the manifest lists {path!r} otherwise than its tree {self.tree}")


def _read(block: bytes) -> Manifest:
    """Steps 2 to 4 of `from_block`."""
    value = dagcbor.decode(block)
    if isinstance(value, dict) and value.get("format") == FORMAT_3:
        value = sealed.with_links(value)
    top = Fields.of(value, "the manifest")
    # (2) Later formats may mean something else by the same names.
    form = top.format(FORMAT, FORMAT_1, FORMAT_3)
    top.choice("profile", (unixfs.PROFILE,))
    # (3) Each field, once.
    kind = top.choice("kind", KINDS)
    files = top.record("files")
    listed = {check_path(path): FileRef.read(raw, path) for path, raw in files.mapping("list", MAX_FILES).items()}
    verification = top.record("verification")
    zk = verification.record("zk") if verification.has("zk") else None
    enclaves = verification.record("tee") if verification.has("tee") else None
    signature = top.nullable_record("signature")
    second = form != FORMAT_1
    dataset = top.nullable_record("dataset") if second else None
    manifest = Manifest(
        kind=kind,
        name=top.match("name", NAME),
        version=top.match("version", SEMVER, 64),
        tree=files.cid("root", DAG_PB),
        count=files.integer("count", 0, unixfs.MAX_ENTRIES),
        size=files.integer("size", 0, parts.MAX_SIZE),
        licence=check_licence(top.text("licence", parts.MAX_TEXT)),
        files=listed,
        description=top.text("description", parts.MAX_TEXT, least=0),
        signature=None if signature is None else Signature.read(signature),
        parents=tuple(Parent.read(item) for item in top.records("lineage", parts.MAX_PARENTS)),
        metrics=parts.read_metrics(top.mapping("metrics", parts.MAX_METRICS)),
        price=Price.read(top.record("price")),
        access=top.choice("access", ACCESS if second else ACCESS[:1]),
        zk=None if zk is None else ZkKey.read(zk),
        exact=_exact_key(verification),
        tee=None if enclaves is None else TeeKey.read(enclaves),
        commit=top.cid("commit", DAG_CBOR) if top.has("commit") else None,
        executable=tuple(map(check_path, files.texts("executable", MAX_FILES))) if second else (),
        safetensors=_weights(top) if second else (),
        dataset=None if dataset is None else Dataset.read(dataset),
        terms=described.check_terms(top.text("terms", described.MAX_URL, least=0)) if second else "",
        privacy=Privacy.read(top.record("privacy")) if second else Privacy(),
        card=_card(top) if second else None,
        sealed=Sealed.read(top.record("sealed")) if form == FORMAT_3 else None,
        format=form,
    )
    for fields in (top, files, verification):
        fields.finish()
    # (4) What only holds of the whole.
    _check_whole(manifest)
    return manifest


def _exact_key(verification: Fields) -> bytes | None:
    if not verification.has("optimistic"):
        return None
    fields = verification.record("optimistic")
    key = fields.binary("key", 32)
    fields.finish()
    return key


def _weights(top: Fields) -> tuple[Weights, ...]:
    return tuple(Weights.read(item) for item in top.records("safetensors", described.MAX_WEIGHTS))


def _card(top: Fields) -> Mapping[str, dagcbor.Value] | None:
    return None if top.take("card") is None else described.check_card(top.mapping("card", 1024))


def _check_whole(manifest: Manifest) -> None:
    files = manifest.files
    if manifest.sealed is not None and (manifest.access != "licensed" or manifest.commit is None):
        raise InvalidData(
            f"expected a sealed manifest of access licensed that names its commit, found access {manifest.access} and "
            f"the commit {manifest.commit}"
        )
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
    _check_described(manifest)
    assets = [parent.asset for parent in manifest.parents]
    if len(set(assets)) != len(assets):
        twice = next(asset for asset in assets if assets.count(asset) > 1)
        raise InvalidData(f"expected each parent once, the manifest's lineage names a parent twice: {twice}")
    bps = sum(parent.bps for parent in manifest.parents)
    if bps > BASIS_POINTS:
        raise InvalidData(
            f"the shares of the manifest's parents add up to {bps}, more than {BASIS_POINTS} basis points"
        )


def _check_described(manifest: Manifest) -> None:
    """What is said of a file is said once, in the order of paths, and of a file that is there."""
    tables = manifest.dataset.tables if manifest.dataset else ()
    for name, paths in (
        ("executable", manifest.executable),
        ("safetensors", tuple(weights.file for weights in manifest.safetensors)),
        ("tables", tuple(table.file for table in tables)),
    ):
        if list(paths) != sorted(set(paths)):
            raise InvalidData(f"expected the paths of {name!r} of the manifest once each, in their order")
        if missing := [path for path in paths if manifest.files and path not in manifest.files]:
            raise InvalidData(f"{name!r} of the manifest names {missing[0][:200]!r}, which is not among its files")
    terms = manifest.terms
    if terms and "://" not in terms and manifest.files and terms not in manifest.files:
        raise InvalidData(f"the manifest's terms {terms[:200]!r} are not among its files")
