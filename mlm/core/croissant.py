"""Croissant, MLCommons' JSON-LD for datasets: written from a schema, or the author's own, checked before it is kept.

Source: https://docs.mlcommons.org/croissant/docs/croissant-spec.html . The check is of structure: what refers to what,
and that files it names by path are the asset's. What the words mean is MLCommons' own validator's to say.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mlm.core.cid import Cid
from mlm.core.errors import InvalidData
from mlm.core.manifest.described import Column, Table
from mlm.core.paths import check_path

CONFORMS = ("http://mlcommons.org/croissant/1.0", "http://mlcommons.org/croissant/1.1")
MAX_BYTES = 1 << 20  # of a document: one block
MAX_DEPTH = 32
MEDIA = {
    "csv": "text/csv", "tsv": "text/tab-separated-values", "jsonl": "application/jsonlines",
    "json": "application/json", "parquet": "application/x-parquet", "npy": "application/octet-stream",
    "npz": "application/zip",
}  # fmt: skip
_TEXT, _INTEGER, _FLOAT, _BOOLEAN = "sc:Text", "sc:Integer", "sc:Float", "sc:Boolean"
_TYPES = {
    "BOOLEAN": _BOOLEAN, "TINYINT": _INTEGER, "SMALLINT": _INTEGER, "INTEGER": _INTEGER, "BIGINT": _INTEGER,
    "HUGEINT": _INTEGER, "UTINYINT": _INTEGER, "USMALLINT": _INTEGER, "UINTEGER": _INTEGER, "UBIGINT": _INTEGER,
    "UHUGEINT": _INTEGER, "FLOAT": _FLOAT, "DOUBLE": _FLOAT, "VARCHAR": _TEXT, "UUID": _TEXT, "JSON": _TEXT,
    "DATE": "sc:Date", "TIMESTAMP": "sc:DateTime", "TIMESTAMP WITH TIME ZONE": "sc:DateTime", "TIME": "sc:Time",
}  # fmt: skip
_DATASET = ("sc:Dataset", "schema:Dataset", "Dataset", "https://schema.org/Dataset", "http://schema.org/Dataset")
_HEX = re.compile(r"[0-9a-f]{64}")
# The context of the specification's examples, which readers compare.
_CONTEXT: dict[str, Any] = {
    "@language": "en", "@vocab": "https://schema.org/", "citeAs": "cr:citeAs", "column": "cr:column",
    "conformsTo": "dct:conformsTo", "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/", "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"}, "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty", "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract", "field": "cr:field", "fileProperty": "cr:fileProperty", "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet", "format": "cr:format", "includes": "cr:includes", "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath", "key": "cr:key", "md5": "cr:md5", "parentField": "cr:parentField", "path": "cr:path",
    "recordSet": "cr:recordSet", "references": "cr:references", "regex": "cr:regex", "repeated": "cr:repeated",
    "replace": "cr:replace", "samplingRate": "cr:samplingRate", "sc": "https://schema.org/",
    "separator": "cr:separator", "source": "cr:source", "subField": "cr:subField", "transform": "cr:transform",
}  # fmt: skip


@dataclass(frozen=True)
class File:
    """A file of a dataset: its schema, CID, size in bytes and the sha256 of its content, in hex."""

    table: Table
    cid: Cid
    size: int
    sha256: str


def write(name: str, version: str, description: str, licence: str, files: tuple[File, ...]) -> bytes:
    """The canonical JSON-LD of a dataset: the same schema gives the same bytes, so there is no date in it."""
    names = _identifiers([file.table.file for file in files])
    document: dict[str, Any] = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": CONFORMS[0],
        "name": name,
        "description": description,
        "version": version,
        "license": licence,
        "distribution": [_file_object(file, name) for file, name in zip(files, names, strict=True)],
        "recordSet": [
            _record_set(file.table, name)
            for file, name in zip(files, names, strict=True)
            if file.table.format not in ("npy", "npz")
        ],
    }
    return (json.dumps(document, ensure_ascii=False, indent=2) + "\n").encode()


def _identifiers(texts: list[str]) -> list[str]:
    """An `@id` of each text: readers take neither spaces nor what a URL would escape. No two are the same."""
    found: list[str] = []
    for text in texts:
        name = plain = re.sub(r"[^A-Za-z0-9._/#-]", "_", text) or "_"
        while name in found:
            name = f"{plain}-{len(found)}"
        found.append(name)
    return found


def sha256_of(document: Mapping[str, Any]) -> dict[str, str]:
    """The sha256 by `contentUrl` that a document states, of those that it can state."""
    found = {}
    for item in document.get("distribution", ()):
        if isinstance(item, dict) and _HEX.fullmatch(str(item.get("sha256"))):
            found[str(item.get("contentUrl"))] = str(item["sha256"])
    return found


def content_url(cid: Cid) -> str:
    """Where a file is, for whoever reads the document."""
    return f"ipfs://{cid}"


def _file_object(file: File, identifier: str) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": identifier,
        "name": file.table.file,
        "contentUrl": content_url(file.cid),
        "contentSize": f"{file.size} B",
        "encodingFormat": MEDIA.get(file.table.format, "application/octet-stream"),
        "sha256": file.sha256,
    }


def _record_set(table: Table, file: str) -> dict[str, Any]:
    columns = list(zip(table.columns, _identifiers([column.name for column in table.columns]), strict=True))
    return {
        "@type": "cr:RecordSet",
        "@id": f"{file}#records",
        "name": f"{table.file}#records",
        "description": f"{table.rows} records",
        "field": [_field(table.format, file, column, name) for column, name in columns],
    }


def _field(form: str, file: str, column: Column, identifier: str) -> dict[str, Any]:
    field: dict[str, Any] = {
        "@type": "cr:Field",
        "@id": f"{file}#records/{identifier}",
        "name": column.name,
        "description": column.type,
        "dataType": _data_type(re.sub(r"(\[\d*\])+$", "", column.type)),
        "source": {
            "fileObject": {"@id": file},
            "extract": {"jsonPath": _json_path(column.name)} if form == "json" else {"column": column.name},
        },
    }
    return field | {"repeated": True} if column.type.endswith("]") else field


def _json_path(name: str) -> str:
    """RFC 9535's path to a column of an array of objects."""
    if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        return f"$[*].{name}"
    quoted = name.replace("\\", "\\\\").replace("'", "\\'")
    return f"$[*]['{quoted}']"


def _data_type(kind: str) -> str:
    """Croissant's atomic type of an SQL type; text for what it has none for (structs, maps, blobs, intervals)."""
    return _FLOAT if kind.startswith("DECIMAL") else _TYPES.get(kind, _TEXT)


def check(data: bytes, files: Collection[str]) -> dict[str, Any]:
    """Read somebody's document; `files` are the paths of the asset, empty where they are too many to be listed.

    1. It is JSON of at most MAX_BYTES, its keys once each, its numbers finite, nested at most MAX_DEPTH deep.
    2. It is a Croissant dataset: context, type, version of the format, name.
    3. Every file or file set has an identifier of its own, and every file can be found: by URL, in the asset, in an
       archive; a checksum is one.
    4. Every field of every record set says its type, and its source is a file, file set or record set of the document.
    Raises InvalidData, naming what was expected and what was found.
    """
    document = _parse(data)  # (1)
    _check_head(document)  # (2)
    known = _check_distribution(_list(document, "distribution"), files)  # (3)
    records = _list(document, "recordSet")
    known |= {_identifier(item, "a record set") for item in records}
    for item in records:  # (4)
        for field in _fields(item):
            _check_field(field, known)
    return document


def _parse(data: bytes) -> dict[str, Any]:
    if len(data) > MAX_BYTES:
        raise InvalidData(f"a Croissant document has at most {MAX_BYTES} bytes, this one has {len(data)}")
    try:
        document = json.loads(
            data.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_finite, parse_float=_finite
        )
    except (ValueError, RecursionError) as error:
        raise InvalidData(f"a Croissant document is JSON, found {' '.join(str(error).split())[:160]}") from error
    if not isinstance(document, dict):
        raise InvalidData(f"a Croissant document is an object, found {type(document).__name__}")
    level: list[Any] = [document]
    for _ in range(MAX_DEPTH):
        level = [part for item in level for part in (item.values() if isinstance(item, dict) else item)
                 if isinstance(part, dict | list)]  # fmt: skip
        if not level:
            break
    else:
        raise InvalidData(f"a Croissant document nests at most {MAX_DEPTH} deep")
    return document


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key twice in one object")
    return found


def _finite(text: str) -> float:
    if not math.isfinite(number := float(text)):
        raise ValueError(f"the number {text[:20]}")
    return number


def _check_head(document: dict[str, Any]) -> None:
    if not isinstance(document.get("@context"), dict):
        raise InvalidData("expected an object '@context' in the Croissant document, as in the specification's examples")
    if document.get("@type") not in _DATASET:
        raise InvalidData(f"expected the '@type' sc:Dataset, found {str(document.get('@type'))[:80]!r}")
    conforms = document.get("conformsTo", document.get("dct:conformsTo"))
    if not any(version in (conforms if isinstance(conforms, list) else [conforms]) for version in CONFORMS):
        raise InvalidData(f"expected 'conformsTo' one of {', '.join(CONFORMS)}, found {str(conforms)[:80]!r}")
    if not isinstance(document.get("name"), str | dict) or not document["name"]:
        raise InvalidData("expected a 'name' in the Croissant document, found none")


def _list(node: dict[str, Any], key: str) -> list[dict[str, Any]]:
    found = node.get(key, [])
    items = found if isinstance(found, list) else [found]
    if not all(isinstance(item, dict) for item in items):
        raise InvalidData(f"expected objects in {key!r} of the Croissant document")
    return items


def _identifier(node: dict[str, Any], what: str) -> str:
    found = node.get("@id")
    if not isinstance(found, str) or not found:
        raise InvalidData(f"expected an '@id' of {what} of the Croissant document, found {str(found)[:80]}")
    return found


def _check_distribution(items: list[dict[str, Any]], files: Collection[str]) -> set[str]:
    known: set[str] = set()
    for item in items:
        kind, name = item.get("@type"), _identifier(item, "a file")
        if kind not in ("cr:FileObject", "cr:FileSet"):
            raise InvalidData(f"expected cr:FileObject or cr:FileSet in 'distribution', found {str(kind)[:80]!r}")
        if name in known:
            raise InvalidData(f"the Croissant document has two files with the '@id' {name[:80]!r}")
        known.add(name)
        checksum = item.get("sha256")
        if checksum is not None and not (isinstance(checksum, str) and _HEX.fullmatch(checksum.lower())):
            raise InvalidData(f"expected the sha256 of {name[:80]!r} in 64 hex digits, found {str(checksum)[:80]!r}")
        if kind == "cr:FileObject" and "containedIn" not in item:
            _check_content(name, item.get("contentUrl"), files)
    return known


def _check_content(name: str, url: object, files: Collection[str]) -> None:
    if not isinstance(url, str) or not url:
        raise InvalidData(f"expected a 'contentUrl' of the file {name[:80]!r} in the Croissant document, found none")
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", url):
        return
    path = check_path(url.removeprefix("./"))
    if files and path not in files:
        raise InvalidData(f"the Croissant document's file {path[:80]!r} is not among the asset's files")


def _fields(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The fields of a record set, with those inside of them."""
    stack = [*_list(node, "field")]
    if not stack and "data" not in node and "cr:data" not in node:
        raise InvalidData(f"expected fields in the record set {str(node.get('@id'))[:80]!r}, found none")
    while stack:
        field = stack.pop()
        yield field
        stack.extend(_list(field, "subField"))


def _check_field(field: dict[str, Any], known: set[str]) -> None:
    name = _identifier(field, "a field")
    if field.get("@type") not in ("cr:Field", "cr:SubField"):
        raise InvalidData(f"expected the field {name[:80]!r} to be a cr:Field, found {str(field.get('@type'))[:80]!r}")
    if not any(key in field for key in ("dataType", "subField", "references", "parentField")):
        raise InvalidData(f"expected a 'dataType' of the field {name[:80]!r}, found none")
    source = field.get("source")
    for key in ("fileObject", "fileSet", "recordSet"):
        target = source.get(key) if isinstance(source, dict) else None
        if isinstance(target, dict) and target.get("@id") not in known:
            wanted = str(target.get("@id"))[:80]
            raise InvalidData(f"the field {name[:80]!r} comes from {wanted!r}, which the Croissant document has not")
