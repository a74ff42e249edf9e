"""Croissant documents: written so that MLCommons' own validator takes them, and checked when they come from others."""

from __future__ import annotations

import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from mlm.core import croissant
from mlm.core.cid import RAW, Cid
from mlm.core.errors import InvalidData
from mlm.core.manifest import Column, Table

ROWS = b"id,a name\n1,x\n2,y\n"
COLUMNS = (
    Column("id", "BIGINT"),
    Column("a name", "VARCHAR"),
    Column("a_name", "DOUBLE"),
    Column("it's", "DECIMAL(18,3)"),
    Column("when", "TIMESTAMP"),
    Column("list", "VARCHAR[]"),
    Column("deep", "INTEGER[3][]"),
    Column("other", "STRUCT(a INTEGER)"),
    Column("数", "BOOLEAN"),
)
FORMATS = {
    "a.csv": "csv", "a b.tsv": "tsv", "a_b.tsv": "tsv", "c/d.jsonl": "jsonl", "e.json": "json", "f.parquet": "parquet",
}  # fmt: skip

THEIRS = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of rdflib, in mlcroissant's own code


def file(path: str, kind: str, columns: tuple[Column, ...] = COLUMNS) -> croissant.File:
    data = path.encode()
    return croissant.File(Table(path, kind, columns, 2), Cid.of(RAW, data), len(data), sha256(data).hexdigest())


FILES = (*(file(path, kind) for path, kind in FORMATS.items()), file("x.npy", "npy", (Column("", "float32[n, 64]"),)))
WRITTEN = croissant.write("flowers", "1.0.0", "Flowers – 花", "CC-BY-4.0", FILES)


def test_written_documents_pass_our_own_check() -> None:
    document = croissant.check(WRITTEN, ())
    assert [item["@id"] for item in document["distribution"]][:3] == ["a.csv", "a_b.tsv", "a_b.tsv-2"]
    assert len(document["recordSet"]) == len(FORMATS), "arrays have no records"
    types = {field["name"]: (field["dataType"], field.get("repeated")) for field in document["recordSet"][0]["field"]}
    assert types == {
        "id": ("sc:Integer", None),
        "a name": ("sc:Text", None),
        "a_name": ("sc:Float", None),
        "it's": ("sc:Float", None),
        "when": ("sc:DateTime", None),
        "list": ("sc:Text", True),
        "deep": ("sc:Integer", True),
        "other": ("sc:Text", None),
        "数": ("sc:Boolean", None),
    }
    assert croissant.sha256_of(document)[f"ipfs://{FILES[0].cid}"] == FILES[0].sha256
    assert croissant.write("flowers", "1.0.0", "Flowers – 花", "CC-BY-4.0", FILES) == WRITTEN


@THEIRS
def test_written_documents_pass_mlcommons_validator() -> None:
    mlcroissant = pytest.importorskip("mlcroissant", reason="the extra croissant is not installed")
    dataset = mlcroissant.Dataset(jsonld=json.loads(WRITTEN))
    assert not dataset.metadata.ctx.issues.errors
    assert {record_set.name for record_set in dataset.metadata.record_sets} == {f"{path}#records" for path in FORMATS}


@THEIRS
def test_mlcommons_reader_finds_the_rows(tmp_path: Path) -> None:
    """What a document says of a file leads to its rows: by the fields' columns, with the checksum verified."""
    mlcroissant = pytest.importorskip("mlcroissant", reason="the extra croissant is not installed")
    (tmp_path / "a.csv").write_bytes(ROWS)
    table = Table("a.csv", "csv", (Column("id", "BIGINT"), Column("a name", "VARCHAR")), 2)
    found = croissant.File(table, Cid.of(RAW, ROWS), len(ROWS), sha256(ROWS).hexdigest())
    document = json.loads(croissant.write("x", "1.0.0", "x", "MIT", (found,)))
    document["distribution"][0]["contentUrl"] = "a.csv"  # beside the document, as after a checkout
    (tmp_path / "croissant.json").write_text(json.dumps(document))
    rows = mlcroissant.Dataset(jsonld=str(tmp_path / "croissant.json")).records("a.csv#records")
    assert [{key.rsplit("/")[-1]: value for key, value in row.items()} for row in rows] == [
        {"id": 1, "a_name": b"x"},
        {"id": 2, "a_name": b"y"},
    ]


def changed(path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def apply(document: dict[str, Any]) -> None:
        *keys, last = path.split(".")
        at: Any = document
        for key in keys:
            at = at[int(key)] if isinstance(at, list) else at[key]
        if value is ...:
            del at[last]
        else:
            at[last] = value

    return apply


OBJECT = {"@type": "cr:FileObject", "@id": "z", "contentUrl": "https://example.org/z"}
FIELD = {"@type": "cr:Field", "@id": "r/f", "dataType": "sc:Text"}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("conformsTo", "http://mlcommons.org/croissant/1.1"),
        ("conformsTo", ["http://mlcommons.org/croissant/1.0", "http://mlcommons.org/croissant/RAI/1.0"]),
        ("@type", "https://schema.org/Dataset"),
        ("distribution", [{**OBJECT, "contentUrl": "a.csv"}]),
        ("distribution", [{**OBJECT, "contentUrl": "./a.csv"}]),
        ("distribution", [OBJECT, {"@type": "cr:FileSet", "@id": "y", "containedIn": {"@id": "z"}, "includes": "*"}]),
        ("distribution", OBJECT),
        ("recordSet", [{"@type": "cr:RecordSet", "@id": "r", "data": [{"a": 1}]}]),
        ("recordSet", [{"@id": "r", "field": [{"@type": "cr:Field", "@id": "r/f", "subField": [FIELD]}]}]),
        ("recordSet", ...),
        ("distribution", ...),
    ],
)
def test_others_spellings_are_read(path: str, value: Any) -> None:
    document = json.loads(WRITTEN) | {"recordSet": []}
    changed(path, value)(document)
    croissant.check(json.dumps(document).encode(), {"a.csv"})


@pytest.mark.parametrize(
    ("path", "value", "match"),
    [
        ("@context", ..., "'@context'"),
        ("@context", "https://evil.example.org/context", "'@context'"),
        ("@type", "sc:Thing", "sc:Dataset"),
        ("@type", ["sc:Dataset"], "sc:Dataset"),
        ("conformsTo", ..., "conformsTo"),
        ("conformsTo", "http://mlcommons.org/croissant/9.0", "croissant/9.0"),
        ("name", ..., "'name'"),
        ("distribution", ["a.csv"], "objects in 'distribution'"),
        ("distribution.0.@id", ..., "'@id' of a file"),
        ("distribution.1.@id", "a.csv", "two files with the '@id' 'a.csv'"),
        ("distribution.0.@type", "sc:Thing", "cr:FileObject"),
        ("distribution.0.sha256", "abc", "64 hex digits"),
        ("distribution.0.sha256", 7, "64 hex digits"),
        ("distribution.0.contentUrl", ..., "'contentUrl' of the file 'a.csv'"),
        ("distribution.0.contentUrl", "../../etc/passwd", "unsafe path"),
        ("distribution.0.contentUrl", "/etc/passwd", "unsafe path"),
        ("distribution.0.contentUrl", "gone.csv", "not among the asset's files"),
        ("recordSet.0.@id", "", "'@id' of a record set"),
        ("recordSet.0.field", [], "fields in the record set"),
        ("recordSet.0.field.0.@type", "cr:Thing", "cr:Field"),
        ("recordSet.0.field.0.dataType", ..., "'dataType' of the field"),
        ("recordSet.0.field.0.source", {"fileObject": {"@id": "nothing"}}, "comes from 'nothing'"),
        ("recordSet.0.field.0.subField", [{"@id": "s"}], "cr:Field"),
    ],
)
def test_defects_are_named(path: str, value: Any, match: str) -> None:
    document = json.loads(WRITTEN)
    changed(path, value)(document)
    with pytest.raises(InvalidData, match=match) as caught:
        croissant.check(json.dumps(document).encode(), {"a.csv"})
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (b"", "JSON"),
        (b"\xff\xfe", "JSON"),
        (b"[]", "an object"),
        (b"1", "an object"),
        (b"{" * 100_000, "JSON"),
        (b'{"a":' * 40 + b"1" + b"}" * 40, "32 deep"),
        (b'{"a": 1, "a": 2}', "a key twice"),
        (b'{"a": NaN}', "the number NaN"),
        (b'{"a": 1e999}', "the number 1e999"),
        (b" " * (croissant.MAX_BYTES + 1), "at most 1048576 bytes"),
    ],
)
def test_what_is_no_document(data: bytes, match: str) -> None:
    with pytest.raises(InvalidData, match=match):
        croissant.check(data, ())
