"""Manifests, commits, mlm.toml and licences: round trips, and a name for every defect."""

from __future__ import annotations

import copy
import json
import tomllib
from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlm.core import dag, dagcbor, history, project, unixfs
from mlm.core.cid import DAG_CBOR, RAW, Cid
from mlm.core.errors import InvalidData, UsageError
from mlm.core.history import Commit
from mlm.core.licence import check_licence
from mlm.core.manifest import (
    FORMAT_1,
    FORMAT_3,
    Column,
    Dataset,
    FileRef,
    Manifest,
    Parent,
    Price,
    Privacy,
    Sealed,
    Signature,
    Table,
    TeeKey,
    Tensor,
    Weights,
    ZkKey,
)
from mlm.core.project import Project

BLOCKS: dict[Cid, bytes] = {}


def emit(cid: Cid, block: bytes) -> None:
    BLOCKS[cid] = block


def get(cid: Cid) -> bytes:
    return BLOCKS[cid]


FILES = {"model.onnx": b"not really onnx", "samples/x.npy": b"x" * 10}
ENTRIES = {path: unixfs.file([data], emit) for path, data in FILES.items()}
TREE = unixfs.tree(ENTRIES, emit).cid
COMMIT = Cid.of(DAG_CBOR, b"commit")
REF = [Cid.of(RAW, b""), 0]
VECTORS = Path(__file__).resolve().parent.parent / "vectors"

FULL = Manifest(
    kind="model",
    name="digits-mlp",
    version="1.0.0-rc.1+build",
    tree=TREE,
    count=2,
    size=25,
    licence="Apache-2.0 OR (MIT AND LicenseRef-OpenRAIL-M)",
    files={path: FileRef(entry.cid, entry.size) for path, entry in ENTRIES.items()},
    description="Handwritten digits – 数字",
    signature=Signature(
        "model.onnx",
        (Tensor("image", "float32", ("batch", 64)),),
        (Tensor("logits", "float32", (1, 10)),),
        13,
        2410,
    ),
    parents=(Parent("alice/base@1.0.0", "finetune", 2500), Parent("bob/data@2.0.0", "trained-on", 500)),
    metrics={"accuracy": 0.97, "epochs": 30},
    price=Price("0.1", 500),
    zk=ZkKey(Cid.of(RAW, b"{}"), b"k" * 32, b"v" * 32, 1, "ab" * 32),
    commit=COMMIT,
)
FIRST = replace(FULL, format=FORMAT_1)
SECOND = replace(
    FULL,
    executable=("samples/x.npy",),
    safetensors=(Weights("model.onnx", 3, {"bfloat16": 2400, "float32": 10}, 4840, {"format": "pt"}, 1),),
    dataset=Dataset((Table("samples/x.npy", "csv", (Column("id", "BIGINT"), Column("text", "VARCHAR")), 7),), REF[0]),
    access="licensed",
    terms="https://example.org/terms",
    privacy=Privacy(False, "No person can be told from it."),
    card={"license": "apache-2.0", "tags": ["digits"], "model-index": [{"name": "x", "results": [{"value": 0.5}]}]},
)
THIRD = replace(SECOND, sealed=Sealed(Cid.of(RAW, b"sealed"), 1241, 1000), format=FORMAT_3)
SPARE = {"commit": None, "zk": None, "signature": None, "parents": (), "metrics": {}, "description": ""}


@pytest.mark.parametrize("manifest", [FULL, FIRST, SECOND, THIRD, replace(FULL, **SPARE), replace(FIRST, **SPARE)])
def test_manifest_round_trip(manifest: Manifest) -> None:
    cid, block = manifest.to_block()
    assert Manifest.from_block(cid, block) == manifest
    assert Manifest.from_block(cid, block).to_block() == (cid, block)


@pytest.mark.parametrize(
    ("name", "manifest"), [("mlm/manifest/1", FIRST), ("mlm/manifest/2", SECOND), (FORMAT_3, THIRD)]
)
def test_formats_are_frozen(name: str, manifest: Manifest) -> None:
    """The golden blocks of tests/vectors/manifest.json, which nothing writes again: what is published stays as read."""
    golden = json.loads((VECTORS / "manifest.json").read_text())[name]
    cid, block = Cid.parse(golden["cid"]), bytes.fromhex(golden["block"])
    assert Manifest.from_block(cid, block) == manifest
    assert manifest.to_block() == (cid, block)
    assert dag_json(dagcbor.decode(block)) == golden["value"]


def dag_json(value: Any) -> Any:
    """A value as DAG-JSON spells it: links as {"/": CID}, bytes as {"/": {"bytes": base64}}."""
    if isinstance(value, Cid):
        return {"/": str(value)}
    if isinstance(value, bytes):
        return {"/": {"bytes": b64encode(value).decode().rstrip("=")}}
    if isinstance(value, dict):
        return {key: dag_json(item) for key, item in value.items()}
    return [dag_json(item) for item in value] if isinstance(value, list) else value


def test_what_was_read_in_format_1_is_published_in_format_1() -> None:
    """`publish` adds the commit to what it has read: a version that stands on chain keeps its CID."""
    draft = replace(FIRST, commit=None)
    assert replace(Manifest.from_block(*draft.to_block()), commit=COMMIT).to_block() == FIRST.to_block()


def test_format_1_does_not_lose_what_it_cannot_say() -> None:
    with pytest.raises(InvalidData, match="cannot say all"):
        replace(FIRST, terms="https://example.org/terms").to_block()
    with pytest.raises(InvalidData, match="open"):
        replace(FIRST, access="licensed").to_block()


def test_manifest_is_that_of_its_cid() -> None:
    cid, block = FULL.to_block()
    other = replace(FULL, name="other").to_block()[0]
    with pytest.raises(InvalidData, match="damaged"):
        Manifest.from_block(other, block)
    with pytest.raises(InvalidData, match="dag-cbor"):
        Manifest.from_block(Cid(RAW, cid.digest), block)


def change(path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def apply(top: dict[str, Any]) -> None:
        *keys, last = path.split(".")
        at: Any = top
        for key in keys:
            at = at[int(key)] if isinstance(at, list) else at[key]
        if value is ...:
            del at[last]
        else:
            at[int(last) if isinstance(at, list) else last] = value

    return apply


LISTED = {"list": {}, "root": TREE, "count": 0, "size": 0, "executable": []}


WEIGHTS, TABLE = SECOND.safetensors[0].value(), SECOND.dataset.tables[0].value()
DEEP: Any = []
for _ in range(20):
    DEEP = [DEEP]


@pytest.mark.parametrize(
    ("path", "value", "match"),
    [
        ("format", "mlm/manifest/3", "CID of a plain file as bytes"),
        ("format", "mlm/manifest/4", "mlm/manifest/2"),
        ("format", "mlm/manifest/1", "expected one of open"),
        ("format", 1, "text"),
        ("format", ..., "expected 'format'"),
        ("profile", "unixfs-v0-2015", "unixfs-v1-2025"),
        ("kind", "weapon", "model, dataset"),
        ("name", "Digits", "name"),
        ("name", "x" * 65, "64 characters"),
        ("name", None, "text"),
        ("version", "1.0", "version"),
        ("licence", "AND", "SPDX"),
        ("licence", ["MIT"], "text"),
        ("licence", ..., "expected 'licence'"),
        ("unknown", 1, "unexpected field"),
        ("files", [], "map"),
        ("files.root", "bafy", "CID"),
        ("files.root", Cid.of(RAW, b""), "dag-pb"),
        ("files.count", 3, "claims 3 files"),
        ("files.count", 2**60, "1000000"),
        ("files.count", -1, "found -1"),
        ("files.count", True, "integer"),
        ("files.size", 26, "26 bytes"),
        ("files.size", 2**63, "found"),
        ("files.more", 1, "unexpected field"),
        ("files.list", {"../../etc/passwd": REF}, "unsafe path"),
        ("files.list", {"/etc/passwd": REF}, "unsafe path"),
        ("files.list", {"a/../../b": REF}, "unsafe path"),
        ("files.list", {".mlm/HEAD": REF}, "belongs to a repository"),
        ("files.list", {"a\\b": REF}, "unsafe path"),
        ("files.list", {"a\x1b[2J": REF}, "unsafe path"),
        ("files.list", {f"{number}": REF for number in range(4097)}, "at most 4096"),
        ("files", LISTED | {"list": {"a": REF, "a/b": REF}, "count": 2}, "both as a file and as a directory"),
        ("files.list", {"a": [1, 2]}, "CID, size"),
        ("files.list", {"a": [*REF, 1]}, "CID, size"),
        ("files.list", {"a": [COMMIT, 1]}, "CID and size"),
        ("files.list", {"a": [Cid.of(RAW, b""), -1]}, "CID and size"),
        ("signature.file", "other.onnx", "not among its files"),
        ("signature.opset", 0, "opset"),
        ("signature.inputs", [{}] * 300, "at most 256"),
        ("signature.inputs.0.shape", [1] * 40, "at most 32"),
        ("signature.inputs.0.shape", [-1], "axis"),
        ("signature.inputs.0.shape", [True], "axis"),
        ("signature.inputs.0.shape", [1.5], "axis"),
        ("signature.inputs.0.dtype", "x" * 40, "dtype"),
        ("signature.extra", 1, "unexpected field"),
        ("signature", "text", "map"),
        ("signature", ..., "expected 'signature'"),
        ("verification.zk", None, "map"),
        ("lineage.0.asset", "alice/base", "without a version"),
        ("lineage.0.asset", "../x@1.0.0", "handle/name@version"),
        ("lineage.0.bps", 10_001, "found 10001"),
        ("lineage.0.bps", 9_600, "10100"),
        ("lineage.0.asset", "bob/data@2.0.0", "twice"),
        ("lineage.0.relation", "stolen", "finetune"),
        ("lineage", [{"asset": f"a/b@{n}.0.0", "relation": "uses", "bps": 0} for n in range(16)], "at most 15"),
        ("metrics", {"a": "high"}, "number"),
        ("metrics", {"": 1}, "metric"),
        ("metrics", {str(number): 1 for number in range(300)}, "at most 256"),
        ("price.use", "-1", "price"),
        ("price.use", "1e3", "price"),
        ("price.use", "9" * 25, "2\\^128"),
        ("price.royalty_bps", 10_001, "found 10001"),
        ("access", "secret", "open"),
        ("verification.zk.key", b"short", "32 bytes"),
        ("verification.zk.vka", "text", "32 bytes"),
        ("verification.zk.settings", COMMIT, "raw CID"),
        ("verification.zk.inputs", 257, "found 257"),
        ("verification.zk.srs", "g" * 64, "hex"),
        ("verification.other", {}, "unexpected field"),
        ("commit", TREE, "dag-cbor CID"),
        ("commit", None, "dag-cbor CID"),
        ("files.executable", ["other"], "not among its files"),
        ("files.executable", ["samples/x.npy", "model.onnx"], "in their order"),
        ("files.executable", ["model.onnx"] * 2, "once each"),
        ("files.executable", ["../x"], "unsafe path"),
        ("files.executable", [1], "a int in it"),
        ("files.executable", ["x"] * 4097, "at most 4096"),
        ("files.executable", ..., "expected 'executable'"),
        ("safetensors", ..., "expected 'safetensors'"),
        ("safetensors", [WEIGHTS] * 2, "once each"),
        ("safetensors", [WEIGHTS] * 1025, "at most 1024"),
        ("safetensors", [WEIGHTS | {"file": "gone"}], "not among its files"),
        ("safetensors", [WEIGHTS | {"more": 1}], "unexpected field"),
        ("safetensors.0.parameters", {"F32": 1}, "dtype such as float32"),
        ("safetensors.0.parameters", {"float32": True}, "dtype such as float32"),
        ("safetensors.0.parameters", {"float32": -1}, "found -1"),
        ("safetensors.0.parameters", {f"f{n}": 1 for n in range(65)}, "at most 64"),
        ("safetensors.0.bytes", 2**63, "found"),
        ("safetensors.0.metadata", {"a": 1}, "metadata"),
        ("safetensors.0.metadata", {"a": "x" * 1025}, "1024 characters of metadata"),
        ("safetensors.0.metadata", {f"{n}": "" for n in range(65)}, "at most 64"),
        ("dataset", ..., "expected 'dataset'"),
        ("dataset", [], "map"),
        ("dataset.croissant", COMMIT, "raw CID"),
        ("dataset.croissant", "bafy", "raw CID"),
        ("dataset.tables", [TABLE] * 2, "once each"),
        ("dataset.tables", [TABLE] * 257, "at most 256"),
        ("dataset.tables", [TABLE | {"file": "gone"}], "not among its files"),
        ("dataset.tables.0.format", "CSV", "format"),
        ("dataset.tables.0.rows", -1, "found -1"),
        ("dataset.tables.0.columns", [["a", "INT"]] * 2, "column 'a' twice"),
        ("dataset.tables.0.columns", [["a"]], "\\[name, type\\]"),
        ("dataset.tables.0.columns", [["x" * 1025, "INT"]], "\\[name, type\\]"),
        ("dataset.tables.0.columns", [["a", 1]], "\\[name, type\\]"),
        ("dataset.tables.0.columns", [["a", "b"]] * 10_001, "at most 10000"),
        ("terms", None, "text"),
        ("terms", "file:///etc/passwd", "https, http, ipfs"),
        ("terms", "javascript://x/%0aalert(1)", "https, http, ipfs"),
        ("terms", "https://user:secret@example.org", "no account"),
        ("terms", "https://", "with a host"),
        ("terms", "https://[", "URL"),
        ("terms", "https://example.org/\x1b[2J", "printable"),
        ("terms", "../terms", "unsafe path"),
        ("terms", "TERMS.md", "not among its files"),
        ("privacy", None, "map"),
        ("privacy.personal_data", 1, "true, false or null"),
        ("privacy.statement", "x" * 2049, "2048"),
        ("card", [], "map"),
        ("card", {"license": COMMIT}, "plain values"),
        ("card", {"license": b"x"}, "plain values"),
        ("card", {"text": "x" * 70_000}, "at most 65536 bytes"),
        ("card", {"deep": DEEP}, "at most 16 deep"),
        ("card", ..., "expected 'card'"),
    ],
)  # fmt: skip
def test_hostile_manifest_is_refused(path: str, value: Any, match: str) -> None:
    top = copy.deepcopy(dagcbor.decode(SECOND.to_block()[1]))
    assert isinstance(top, dict)
    change(path, value)(top)
    block = dagcbor.encode(top)
    with pytest.raises(InvalidData, match=match):
        Manifest.from_block(Cid.of(DAG_CBOR, block), block)


def test_a_sealed_manifest_links_to_nothing_plain() -> None:
    """Whatever follows links, in mlm, kubo or a gateway, comes to public blocks only."""
    cid, block = THIRD.to_block()
    assert THIRD.zk is not None and THIRD.sealed is not None and THIRD.dataset is not None
    assert set(dag.links(cid, block)) == {THIRD.sealed.file, THIRD.zk.settings, THIRD.dataset.croissant}
    assert set(dag.links(*SECOND.to_block())) > {TREE, COMMIT}


@pytest.mark.parametrize(
    ("path", "value", "match"),
    [
        ("files.root", TREE, "CID of a plain file as bytes in a sealed manifest, found Cid"),
        ("files.root", b"x", "36 bytes of a CIDv1"),
        ("files.root", bytes(Cid.of(RAW, b"")), "expected a dag-pb CID"),
        ("files.list", {"model.onnx": REF}, "CID of a plain file as bytes"),
        ("files.list", {"model.onnx": 7}, r"expected \[CID, size\]"),
        ("commit", COMMIT, "CID of a plain file as bytes"),
        ("commit", ..., "names its commit"),
        ("access", "open", "sealed manifest of access licensed"),
        ("sealed", ..., "expected 'sealed'"),
        ("sealed", None, "map"),
        ("sealed.format", "mlm/sealed/2", "mlm/sealed/1"),
        ("sealed.file", b"x" * 36, "a raw or dag-pb CID"),
        ("sealed.file", COMMIT, "a raw or dag-pb CID"),
        ("sealed.size", 10_000, "expected a sealed file of 1032 bytes"),
        ("sealed.plain", 10**12, "expected a sealed file of"),
        ("sealed.plain", 0, "1 to"),
        ("sealed.key", b"k" * 32, "unexpected field 'key'"),
    ],
)
def test_hostile_sealed_manifest_is_refused(path: str, value: Any, match: str) -> None:
    top = copy.deepcopy(dagcbor.decode(THIRD.to_block()[1]))
    assert isinstance(top, dict)
    change(path, value)(top)
    block = dagcbor.encode(top)
    with pytest.raises(InvalidData, match=match):
        Manifest.from_block(Cid.of(DAG_CBOR, block), block)


@given(st.data())
def test_any_changed_manifest_is_read_or_refused(data: st.DataObject) -> None:
    raw = bytearray(data.draw(st.sampled_from((FIRST, SECOND))).to_block()[1])
    for _ in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    block = bytes(raw)
    try:
        found = Manifest.from_block(Cid.of(DAG_CBOR, block), block)
    except InvalidData:
        return
    assert found.to_block()[1] == block


MEASURED = ("sgx:" + "11" * 32 + ":" + "22" * 32, "snp:" + "33" * 48)


def test_which_enclaves_may_run_a_model() -> None:
    manifest = replace(FULL, tee=TeeKey(b"m" * 32, MEASURED))
    cid, block = manifest.to_block()
    found = Manifest.from_block(cid, block)
    assert found == manifest and found.tee is not None
    assert list(found.tee.digests) == sorted(found.tee.digests) and len(found.tee.key) == 32
    assert found.tee.key != replace(found.tee, measurements=MEASURED[:1]).key


@pytest.mark.parametrize(
    ("measurements", "match"),
    [
        ([], "1 to 16 measurements"),
        (list(reversed(MEASURED)), "in their order"),
        ([MEASURED[0]] * 2, "once each"),
        ([MEASURED[0].upper()], "in lower case"),
        (["sgx:11"], "a measurement of sgx"),
        (["sev:" + "11" * 48], "a measurement: expected"),
        ([f"snp:{at:02x}" + "11" * 47 for at in range(17)], "at most 16"),
        ("snp", "a list"),
    ],
)
def test_hostile_measurements_are_refused(measurements: Any, match: str) -> None:
    value: Any = dagcbor.decode(FULL.to_block()[1])
    value["verification"]["tee"] = {"model": b"m" * 32, "measurements": measurements}
    block = dagcbor.encode(value)
    with pytest.raises(InvalidData, match=match):
        Manifest.from_block(Cid.of(DAG_CBOR, block), block)


def test_what_a_reader_would_refuse_is_not_written() -> None:
    with pytest.raises(InvalidData, match="unsafe path"):
        replace(FULL, files={"../x": FileRef(Cid.of(RAW, b""), 0)}, count=1, size=0).to_block()


def test_files_of_a_tree_too_large_to_list() -> None:
    many = replace(FULL, files={}, count=5000, size=10**6)
    assert Manifest.from_block(*many.to_block()) == many
    assert many.file(get, "samples/x.npy") == FULL.files["samples/x.npy"]
    for path in ("samples/y", "model.onnx/x", "samples"):
        with pytest.raises(InvalidData, match="file"):
            many.file(get, path)
    with pytest.raises(InvalidData, match="lists 0"):
        replace(FULL, files={}).to_block()


def test_manifest_that_lies_about_its_tree() -> None:
    FULL.check_tree(get, lambda cid: len(get(cid)))
    with pytest.raises(InvalidData, match="claims"):
        replace(FULL, size=24).check_tree(get, lambda cid: len(get(cid)))
    swapped = {"model.onnx": FULL.files["samples/x.npy"], "samples/x.npy": FULL.files["model.onnx"]}
    with pytest.raises(InvalidData, match="otherwise"):
        replace(FULL, files=swapped).check_tree(get, lambda cid: len(get(cid)))


def made(*parents: Cid, time: int = 100, message: str = "message") -> tuple[Cid, bytes]:
    return Commit(TREE, FULL.to_block()[0], parents, "alice", time, message).to_block()


def test_commit_round_trip_and_frozen_format() -> None:
    cid, block = made()
    commit = Commit.from_block(cid, block)
    assert commit.to_block() == (cid, block)
    first = Commit(TREE, COMMIT, (), "alice", 0, "first").to_block()[0]
    assert str(first) == "bafyreiasjosegjzpia5etwcldyha4nvsqzkyzrewl42ohkbsn37bryezii"


@pytest.mark.parametrize(
    ("path", "value", "match"),
    [
        ("format", "mlm/commit/2", "mlm/commit/1"),
        ("tree", COMMIT, "dag-pb"),
        ("manifest", TREE, "dag-cbor"),
        ("parents", [TREE], "dag-cbor"),
        ("parents", [COMMIT, COMMIT], "different"),
        ("parents", [1], "CIDs"),
        ("parents", None, "list"),
        ("author", "", "characters"),
        ("author", "x" * 300, "characters"),
        ("time", -1, "found -1"),
        ("time", 1.5, "integer"),
        ("message", b"x", "text"),
        ("signature", b"x", "unexpected field"),
    ],
)
def test_hostile_commit_is_refused(path: str, value: Any, match: str) -> None:
    top = dagcbor.decode(made()[1])
    assert isinstance(top, dict)
    change(path, value)(top)
    block = dagcbor.encode(top)
    with pytest.raises(InvalidData, match=match):
        Commit.from_block(Cid.of(DAG_CBOR, block), block)


def test_log_is_newest_first_and_names_each_commit_once() -> None:
    blocks: dict[Cid, bytes] = {}

    def put(*parents: Cid, time: int) -> Cid:
        cid, block = made(*parents, time=time)
        blocks[cid] = block
        return cid

    root = put(time=1)
    left, right = put(root, time=5), put(root, time=3)
    merge = put(left, right, time=9)
    assert [cid for cid, _ in history.log(blocks.__getitem__, (merge, left))] == [merge, left, right, root]


PROJECT = """
[asset]
name = "digits"
version = "1.2.3"
[model]
file = "model.onnx"
[verification]
zk = true
calibration = "samples/x.npy"
[price]
use = "0.25"
royalty_bps = 500
[metrics]
accuracy = 0.97
[[parents]]
asset = "alice/base@1.0.0"
relation = "finetune"
bps = 1000
[network.local]
rpc = "http://127.0.0.1:8545"
[runner]
provider = "cpu"
"""


def test_project() -> None:
    assert project.parse(tomllib.loads(PROJECT)) == Project(
        name="digits",
        version="1.2.3",
        model="model.onnx",
        zk=True,
        calibration="samples/x.npy",
        price=Price("0.25", 500),
        metrics={"accuracy": 0.97},
        parents=(Parent("alice/base@1.0.0", "finetune", 1000),),
    )


def test_every_template_is_a_project(root: Any) -> None:
    templates = list((root / "templates").glob("*/mlm.toml"))
    assert templates
    for path in templates:
        assert project.parse(tomllib.loads(path.read_text("utf-8"))).name == path.parent.name


@pytest.mark.parametrize(
    ("old", "new", "match", "hint"),
    [
        ('version = "1.2.3"', 'verson = "1.2.3"', "asset.verson", "asset.version"),
        ("royalty_bps = 500", "royalty_bp = 500", "price.royalty_bp", "price.royalty_bps"),
        ("bps = 1000", "shares = 1000", "parents.shares", ""),
        ("zk = true", 'zk = "yes"', "verification.zk", ""),
        ("zk = true", 'measurements = "sgx"', "a list of at most 16", ""),
        ("zk = true", 'measurements = ["sgx:11"]', "verification.measurements.*a measurement of sgx", ""),
        ("zk = true", 'measurement = ["sgx:11"]', "unknown key verification.measurement", "verification.measurements"),
        ('use = "0.25"', "use = 0.25", "price.use", ""),
        ('use = "0.25"', 'use = "a lot"', "price.use", ""),
        ("royalty_bps = 500", "royalty_bps = 10001", "10000", ""),
        ('file = "model.onnx"', 'file = "../model.onnx"', "model.file", ""),
        ('file = "model.onnx"', "", "model.file", ""),
        ('name = "digits"', 'name = "Digits!"', "asset.name", ""),
        ('name = "digits"', "", "asset.name", ""),
        ("1.2.3", "1.2", "SemVer", ""),
        ("alice/base@1.0.0", "alice/base", "handle/name@version", ""),
        ('relation = "finetune"', 'relation = "theft"', "parents.relation", ""),
        ("accuracy = 0.97", 'accuracy = "good"', "metrics.accuracy", ""),
        ('name = "digits"', 'name = "digits"\nlicence = "free for all"', "SPDX", ""),
        ('name = "digits"', 'name = "digits"\nkind = "robot"', "asset.kind", ""),
        ("[[parents]]", "[parents]", "parents", ""),
        ("[asset]", "[assets]", "expected \\[asset\\]", ""),
    ],
)
def test_wrong_project_is_refused(old: str, new: str, match: str, hint: str) -> None:
    with pytest.raises(UsageError, match=match) as caught:
        project.parse(tomllib.loads(PROJECT.replace(old, new)))
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    "text",
    [
        "MIT", "Apache-2.0", "GPL-2.0-only WITH Classpath-exception-2.0", "(MIT OR Apache-2.0) AND BSD-3-Clause",
        "GPL-2.0+", "LicenseRef-OpenRAIL-M", "DocumentRef-x:LicenseRef-y", "((MIT))",
    ],
)  # fmt: skip
def test_licences(text: str) -> None:
    assert check_licence(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "MIT OR",
        "OR MIT",
        "MIT MIT",
        "(MIT",
        "MIT)",
        "()",
        "MIT WITH",
        "(MIT) WITH x",
        "MIT/Apache",
        "a" * 129,
        "MIT or x",
    ],
)
def test_no_licences(text: str) -> None:
    with pytest.raises(InvalidData):
        check_licence(text)


def test_ref_names() -> None:
    assert history.check_ref("heads/feature/x-1") == "heads/feature/x-1"
    with pytest.raises(UsageError, match="branch name"):
        history.check_ref("heads/..")
