"""The parts of a manifest that came with format 2: what files say of themselves, privacy, terms, and the model card.

Each knows its spelling both ways: `value` for writing, `read` for what may come from anybody (raises InvalidData).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from mlm.core import dagcbor
from mlm.core.cid import RAW, Cid
from mlm.core.errors import InvalidData
from mlm.core.fields import Fields
from mlm.core.manifest.parts import MAX_SIZE, MAX_TEXT
from mlm.core.paths import check_path

MAX_WEIGHTS = 1024  # safetensors files that are summarised
MAX_METADATA = 64  # entries of one file's __metadata__
MAX_METADATA_TEXT = 1024  # characters of a key or a value in it
MAX_TABLES = 256  # tables of a dataset
MAX_COLUMNS = 10_000  # of one table
MAX_NAME = 1024  # characters of a column's name; an array's in a .npy file is empty
MAX_STATEMENT = 2048  # characters about privacy
MAX_URL = 1024
MAX_CARD = 64 * 1024  # bytes of a card's DAG-CBOR
MAX_CARD_DEPTH = 16
SCHEMES = ("https", "http", "ipfs")
_DTYPE = re.compile(r"[a-z][a-z0-9_]{0,31}")
_FORMAT = re.compile(r"[a-z][a-z0-9+.-]{0,31}")


@dataclass(frozen=True)
class Weights:
    """A safetensors file's header in short: how many tensors, parameters by numpy's dtype, bytes of all tensors.

    `metadata` is the file's own `__metadata__`, without the `omitted` entries that pass the limits.
    Source: https://github.com/safetensors/safetensors#format .
    """

    file: str
    tensors: int
    parameters: Mapping[str, int]
    bytes: int
    metadata: Mapping[str, str] = field(default_factory=dict)
    omitted: int = 0

    def value(self) -> dagcbor.Value:
        return {
            "file": self.file,
            "tensors": self.tensors,
            "parameters": dict(self.parameters),
            "bytes": self.bytes,
            "metadata": dict(self.metadata),
            "omitted": self.omitted,
        }

    @classmethod
    def read(cls, fields: Fields) -> Weights:
        """An item of the manifest's `safetensors`."""
        parameters: dict[str, int] = {}
        for dtype, count in fields.mapping("parameters", 64).items():
            if not _DTYPE.fullmatch(dtype) or isinstance(count, bool) or not isinstance(count, int):
                raise InvalidData(
                    f"expected parameters by a dtype such as float32, found {dtype[:40]!r}: {count!r:.40}"
                )
            if not 0 <= count <= MAX_SIZE:
                raise InvalidData(f"expected 0 to {MAX_SIZE} parameters of the dtype {dtype}, found {count}")
            parameters[dtype] = count
        metadata: dict[str, str] = {}
        for key, text in fields.mapping("metadata", MAX_METADATA).items():
            if not isinstance(text, str) or max(len(key), len(text)) > MAX_METADATA_TEXT:
                raise InvalidData(f"expected at most {MAX_METADATA_TEXT} characters of metadata, found {key[:40]!r}")
            metadata[key] = text
        weights = cls(
            file=check_path(fields.text("file", MAX_TEXT)),
            tensors=fields.integer("tensors", 0, 1 << 32),
            parameters=parameters,
            bytes=fields.integer("bytes", 0, MAX_SIZE),
            metadata=metadata,
            omitted=fields.integer("omitted", 0, 1 << 32),
        )
        fields.finish()
        return weights


@dataclass(frozen=True)
class Column:
    """A column: its type is SQL's as DuckDB spells it (BIGINT, VARCHAR, …), or an array's: float32[n, 64]."""

    name: str
    type: str


@dataclass(frozen=True)
class Table:
    """A dataset's file as a table: `format` is csv, parquet, npy and so on, `rows` counts all of them."""

    file: str
    format: str
    columns: tuple[Column, ...]
    rows: int

    def value(self) -> dagcbor.Value:
        columns = [[column.name, column.type] for column in self.columns]
        return {"file": self.file, "format": self.format, "columns": columns, "rows": self.rows}

    @classmethod
    def read(cls, fields: Fields) -> Table:
        """An item of the dataset's `tables`."""
        columns: list[Column] = []
        for item in fields.items("columns", MAX_COLUMNS):
            match item:
                case [str(name), str(kind)] if len(name) <= MAX_NAME and 0 < len(kind) <= MAX_TEXT:
                    columns.append(Column(name, kind))
                case _:
                    raise InvalidData(f"expected [name, type] for a column of a table, found {str(item)[:80]}")
        table = cls(
            file=check_path(fields.text("file", MAX_TEXT)),
            format=fields.match("format", _FORMAT, 32),
            columns=tuple(columns),
            rows=fields.integer("rows", 0, MAX_SIZE),
        )
        fields.finish()
        names = [column.name for column in table.columns]
        if len(set(names)) != len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise InvalidData(f"the table {table.file!r} names the column {twice[:80]!r} twice")
        return table


@dataclass(frozen=True)
class Dataset:
    """A dataset's schema by file, and the raw block with its Croissant description (JSON-LD), if it has one."""

    tables: tuple[Table, ...] = ()
    croissant: Cid | None = None

    def value(self) -> dagcbor.Value:
        return {"tables": [table.value() for table in self.tables], "croissant": self.croissant}

    @classmethod
    def read(cls, fields: Fields) -> Dataset:
        """The manifest's `dataset`."""
        tables = tuple(Table.read(item) for item in fields.records("tables", MAX_TABLES))
        dataset = cls(tables, fields.nullable_cid("croissant", RAW))
        fields.finish()
        files = [table.file for table in tables]
        if files != sorted(set(files)):
            raise InvalidData("expected the dataset's tables once each, in the order of their paths")
        return dataset


@dataclass(frozen=True)
class Privacy:
    """Whether the asset holds personal data, in its publisher's words; None: it is not said."""

    personal_data: bool | None = None
    statement: str = ""

    def value(self) -> dagcbor.Value:
        return {"personal_data": self.personal_data, "statement": self.statement}

    @classmethod
    def read(cls, fields: Fields) -> Privacy:
        """The manifest's `privacy`."""
        said = fields.take("personal_data")
        if said is not None and not isinstance(said, bool):
            raise InvalidData(
                f"'personal_data' of {fields.where}: expected true, false or null, found {str(said)[:40]}"
            )
        privacy = cls(said, fields.text("statement", MAX_STATEMENT, least=0))
        fields.finish()
        return privacy


def check_terms(text: str) -> str:
    """Return terms of use: nothing, a path in the tree, or a URL; raises InvalidData."""
    if "://" not in text:
        return check_path(text) if text else text
    if len(text) > MAX_URL or not text.isprintable() or " " in text:
        raise InvalidData(f"expected a URL of at most {MAX_URL} printable characters, found {text[:80]!r}")
    try:
        parts = urlsplit(text)
    except ValueError as error:
        raise InvalidData(f"expected a URL, found {text[:80]!r}: {error}") from error
    if parts.scheme not in SCHEMES or not parts.netloc or "@" in parts.netloc:
        raise InvalidData(f"expected a URL of {', '.join(SCHEMES)} with a host and no account, found {text[:80]!r}")
    return text


def check_card(card: Mapping[str, dagcbor.Value]) -> Mapping[str, dagcbor.Value]:
    """Return a model card's front matter: plain values, within the limits of size and depth. Raises InvalidData."""
    level: list[dagcbor.Value] = [card]
    for _ in range(MAX_CARD_DEPTH):
        inner: list[dagcbor.Value] = []
        for item in level:
            if isinstance(item, Mapping):
                inner.extend(item.values())
            elif isinstance(item, list | tuple):
                inner.extend(item)
            elif isinstance(item, bytes | Cid):
                raise InvalidData(f"expected plain values in a model card, found {type(item).__name__}")
        level = inner
        if not level:
            break
    else:
        raise InvalidData(f"a model card's values nest at most {MAX_CARD_DEPTH} deep")
    if (size := len(dagcbor.encode(card))) > MAX_CARD:
        raise InvalidData(f"a model card's front matter has at most {MAX_CARD} bytes, this one has {size}")
    return card
