"""Repositories, manifests and blocks that somebody damaged or made to do harm."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb

from mlm.adapters.blocks.packs import PackStore
from mlm.core import dagcbor
from mlm.core.cid import DAG_CBOR, DAG_PB, RAW, Cid
from mlm.core.manifest import Manifest
from tests.bad.harness import Scene, bad, nothing
from tests.bad.settings import ASSET


def _plant(scene: Scene, block: bytes, codec: int = DAG_CBOR) -> Cid:
    """A block in the objects of a project that came from somebody else."""
    scene.project()
    cid = Cid.of(codec, block)
    PackStore(scene.folder / ".mlm" / "objects").put([(cid, block)])
    scene.words["cid"] = str(cid)
    return cid


def _manifest(scene: Scene, change: Callable[[dict[str, Any]], object]) -> None:
    """A sound manifest in canonical DAG-CBOR, but for one change."""
    empty = Cid.of(DAG_PB, b"\n\x02\x08\x01")
    value: Any = dagcbor.decode(Manifest("dataset", "x", "1.0.0", empty, 0, 0, "MIT").to_block()[1])
    change(value)
    _plant(scene, dagcbor.encode(value))


SHOW = "mlm show {cid}"


@bad(SHOW, 4, "expected the format mlm/manifest/2", "found 'mlm/manifest/9'")
def manifest_of_an_unknown_version(scene: Scene) -> None:
    _manifest(scene, lambda value: value.update(format="mlm/manifest/9"))


@bad(SHOW, 4, "count", "expected", "found 4611686018427387904")
def manifest_of_huge_counts(scene: Scene) -> None:
    _manifest(scene, lambda value: value["files"].update(count=1 << 62))


@bad(SHOW, 4, "claims 3 files of 0 bytes", "lists 0")
def manifest_that_counts_wrongly(scene: Scene) -> None:
    _manifest(scene, lambda value: value["files"].update(count=3))


@bad(SHOW, 4, "unsafe path '../../.ssh/authorized_keys'", "expected")
def manifest_whose_path_climbs_out(scene: Scene) -> None:
    entry = {"../../.ssh/authorized_keys": [Cid.of(RAW, b"evil"), 4]}
    _manifest(scene, lambda value: value["files"].update(list=entry, count=1, size=4))


@bad(SHOW, 4, "unsafe path '.mlm/HEAD'", ".mlm belongs to a repository")
def manifest_that_writes_into_the_repository(scene: Scene) -> None:
    entry = {".mlm/HEAD": [Cid.of(RAW, b"evil"), 4]}
    _manifest(scene, lambda value: value["files"].update(list=entry, count=1, size=4))


@bad(SHOW, 4, "unexpected", "'evil'")
def manifest_with_a_field_more(scene: Scene) -> None:
    _manifest(scene, lambda value: value.update(evil=1))


@bad(SHOW, 4, "manifest", "expected", "'price'")
def manifest_without_a_price(scene: Scene) -> None:
    _manifest(scene, lambda value: value.pop("price"))


@bad(SHOW, 4, "shares", "20000", "10000 basis points")
def manifest_that_gives_away_twice_its_price(scene: Scene) -> None:
    parents = [{"asset": f"a/{name}@1.0.0", "relation": "merge", "bps": 10_000} for name in "xy"]
    _manifest(scene, lambda value: value.update(lineage=parents))


@bad(SHOW, 4, "lineage names a parent twice", "a/x@1.0.0")
def lineage_that_repeats_itself(scene: Scene) -> None:
    parents = [{"asset": "a/x@1.0.0", "relation": "merge", "bps": 1} for _ in range(2)]
    _manifest(scene, lambda value: value.update(lineage=parents))


@bad(SHOW, 4, "lineage", "expected at most 15", "found 1000")
def lineage_of_a_thousand_parents(scene: Scene) -> None:
    parents = [{"asset": f"a/x{n}@1.0.0", "relation": "merge", "bps": 1} for n in range(1000)]
    _manifest(scene, lambda value: value.update(lineage=parents))


@bad(SHOW, 4, "at most 64 deep", "byte 65 is deeper")
def manifest_nested_without_end(scene: Scene) -> None:
    _plant(scene, b"\x81" * 100_000 + b"\x80")


@bad(SHOW, 4, "1000000000 items announced", "more than the bytes left")
def manifest_that_announces_a_billion_fields(scene: Scene) -> None:
    _plant(scene, b"\xba\x3b\x9a\xca\x00")


@bad(SHOW, 4, "DAG-CBOR", "reserved length (0xff)")
def manifest_that_is_no_cbor(scene: Scene) -> None:
    _plant(scene, b"\xff\xff\xff")


@bad("mlm show {cid}", 4, "block {cid} is damaged", "its bytes have the CID")
def block_whose_bytes_are_not_its_cids(scene: Scene) -> None:
    cid = _plant(scene, dagcbor.encode({"a": 1}))
    (pack,) = (scene.folder / ".mlm" / "objects").glob("*.car")
    data = bytearray(pack.read_bytes())
    data[-1] ^= 1
    pack.write_bytes(data)
    assert cid


@bad("mlm log", 3, "no block", ".mlm/objects")
def history_without_its_blocks(scene: Scene) -> None:
    scene.project(ASSET, commit=True)
    for file in (scene.folder / ".mlm" / "objects").iterdir():
        file.unlink()


@bad("mlm log", 4, "expected", "commit")
def branch_that_leads_to_no_commit(scene: Scene) -> None:
    cid = _plant(scene, dagcbor.encode({"a": 1}))
    (scene.folder / ".mlm" / "refs" / "heads" / "main").write_text(f"{cid}\n")


@bad("mlm log", 4, "refs/heads/main is damaged", "expected", hint="mlm log COMMIT")
def branch_of_noise(scene: Scene) -> None:
    scene.project()
    (scene.folder / ".mlm" / "refs" / "heads" / "main").write_bytes(b"\x00\x01noise\n")


@bad("mlm status", 4, "HEAD is damaged: expected a branch name", "found '../../../etc/passwd'")
def head_that_climbs_out(scene: Scene) -> None:
    scene.project()
    (scene.folder / ".mlm" / "HEAD").write_text("ref: refs/heads/../../../etc/passwd\n")


@bad("mlm status", 4, ".mlm/HEAD is damaged", "expected UTF-8, found")
def head_that_is_not_utf8(scene: Scene) -> None:
    scene.project()
    (scene.folder / ".mlm" / "HEAD").write_bytes(b"\xff\xfe\n")


@bad("mlm status", 5, "HEAD", "expected a regular file")
def pipe_in_place_of_head(scene: Scene) -> None:
    scene.project()
    (scene.folder / ".mlm" / "HEAD").unlink()
    os.mkfifo(scene.folder / ".mlm" / "HEAD")


@bad("mlm status", 12, "is no repository", "no HEAD", hint="mlm init")
def repository_without_a_head(scene: Scene) -> None:
    scene.project()
    (scene.folder / ".mlm" / "HEAD").unlink()


@bad("mlm status", 4, "the staging index .mlm/index is damaged", hint="mlm add .")
def corrupt_staging_index(scene: Scene) -> None:
    scene.project()
    scene.write("a.txt", "a")
    scene.person.do("add", "a.txt")
    (scene.folder / ".mlm" / "index").write_bytes(b"noise" * 100)


@bad("mlm status", 5, "index", "expected a regular file")
def pipe_in_place_of_the_staging_index(scene: Scene) -> None:
    scene.project()
    os.mkfifo(scene.folder / ".mlm" / "index")


@bad("mlm status", 12, "no project here", "no .mlm", hint="mlm init")
def no_project(scene: Scene) -> None:
    nothing(scene)


@bad("mlm add a.txt ../outside", 2, "lies outside the project")
def file_outside_the_project(scene: Scene) -> None:
    scene.project()
    scene.write("a.txt", "a")


@bad("mlm add nothing.txt", 3, "nothing.txt")
def staged_file_that_is_not_there(scene: Scene) -> None:
    scene.project()


@bad("mlm add pipe", 4, "pipe is no regular file", hint=".mlmignore")
def pipe_that_is_staged(scene: Scene) -> None:
    scene.project()
    os.mkfifo(scene.folder / "pipe")


@bad("mlm status", 4, "expected at most 1048576 bytes in sub/.mlmignore, found more", hint="Shorten")
def ignore_file_of_gibibytes(scene: Scene) -> None:
    scene.project()
    scene.write("sub/.mlmignore", "")
    os.truncate(scene.folder / "sub" / ".mlmignore", 6 << 30)


@bad("mlm status", 4, "expected at most 4096 bytes in line 1 of .mlmignore, found 20000", hint="Shorten")
def ignore_file_of_brackets(scene: Scene) -> None:
    scene.project()
    scene.write(".mlmignore", "[!a]" * 5000)


@bad("mlm add .mlm/HEAD", 2, ".mlm/HEAD is ignored", hint=".mlmignore")
def repository_that_is_staged(scene: Scene) -> None:
    scene.project()


@bad("mlm commit -m x", 12, "nothing", hint="mlm add")
def commit_of_nothing(scene: Scene) -> None:
    scene.project(ASSET)


@bad("mlm commit -m x", 4, "model.onnx", "expected an ONNX file")
def commit_of_a_model_that_is_none(scene: Scene) -> None:
    scene.project()
    scene.write("model.onnx", b"none")
    scene.person.do("add", ".")


@bad("mlm show nothing", 3, "nothing")
def commit_that_is_not_there(scene: Scene) -> None:
    scene.project(ASSET, commit=True)


@bad("mlm op show 000009", 3, "no operation 000009", hint="mlm op log")
def operation_that_is_not_there(scene: Scene) -> None:
    nothing(scene)


@bad("mlm op log", 4, "000001.jsonl", "line 1", "expected JSON")
def corrupt_journal(scene: Scene) -> None:
    (scene.home / "journal").mkdir()
    (scene.home / "journal" / "000001.jsonl").write_bytes(b"\x00noise\n")


@bad("mlm op resume 000001", 4, "a step that mlm did not write", "evil")
def journal_whose_steps_are_none(scene: Scene) -> None:
    (scene.home / "journal").mkdir()
    line = b'{"begin":"bid","params":{"account":"","chain":0,"steps":[{"kind":"evil"}]},"at":1}\n'
    (scene.home / "journal" / "000001.jsonl").write_bytes(line)


def _index(scene: Scene) -> Path:
    return scene.home / "state.duckdb"


@bad(
    "mlm search",
    5,
    "state.duckdb",
    "not a valid DuckDB database file",
    error="unusable_index",
    hint="mlm sync --rebuild",
)
def corrupt_index(scene: Scene) -> None:
    _index(scene).write_bytes(b"noise" * 10_000)


@bad("mlm search", 5, "expected an index of schema", "found 99", error="unusable_index", hint="mlm sync --rebuild")
def index_of_the_future(scene: Scene) -> None:
    with duckdb.connect(str(_index(scene))) as con:
        con.execute("update meta set value = '99' where name = 'schema'")


@bad("mlm price show alice/digits-mlp", 12, "the local index says otherwise", hint="mlm sync --rebuild")
def index_that_lies(scene: Scene) -> None:
    scene.person.do("sync")
    with duckdb.connect(str(_index(scene))) as con:
        con.execute(f"update versions set manifest = '0x{'12' * 32}'")


def _tampered(scene: Scene, change: Callable[[Path], object]) -> None:
    """A copy of the devnet's remote, with a change to each of its packs; nothing is here that could serve instead."""
    remote = scene.root / "remote"
    (remote / "packs").mkdir(parents=True)
    for file in (scene.home / "devnet" / "remote").rglob("*"):
        if file.is_file():
            target = remote / file.relative_to(scene.home / "devnet" / "remote")
            target.write_bytes(file.read_bytes())
            if target.suffix == ".car":
                change(target)
    scene.env["MLM_REMOTE"] = str(remote)
    scene.write("digit.npy", scene.shared.digit)


RUN = "mlm run alice/digits-mlp digit.npy"


def _last_byte(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1] + bytes([path.read_bytes()[-1] ^ 1]))


def _half(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def _noise(path: Path) -> None:
    path.write_bytes(b"\xff" * 1000)


@bad(RUN, 4, "is damaged", "its bytes have the CID")
def car_of_noise(scene: Scene) -> None:
    _tampered(scene, _noise)


@bad(RUN, 4, "is damaged", "its bytes have the CID")
def car_cut_short(scene: Scene) -> None:
    _tampered(scene, _half)


@bad(RUN, 3, "neither here nor on the remote", hint="Ask its owner")
def remote_without_packs(scene: Scene) -> None:
    _tampered(scene, lambda path: (path.unlink(), path.with_suffix(".idx").unlink(missing_ok=True)))


@bad(RUN, 3, "neither here nor on the remote", hint="Ask its owner")
def remote_that_is_not_there(scene: Scene) -> None:
    scene.write("digit.npy", scene.shared.digit)
    scene.env["MLM_REMOTE"] = str(scene.root / "nothing")


@bad(RUN, 4, "not a remote", "mlm-remote")
def remote_that_is_another_folder(scene: Scene) -> None:
    scene.write("digit.npy", scene.shared.digit)
    scene.write("other/file", "x")
    scene.env["MLM_REMOTE"] = str(scene.folder / "other")
