"""MemoryDatasets: the Datasets port with Python's own readers, for text formats and .npy."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from math import prod
from typing import Any

from mlm.core.errors import InvalidData, UsageError
from mlm.ports.datasets import FORMATS, Column, Table, format_of

_TYPES = {bool: "BOOLEAN", int: "BIGINT", float: "DOUBLE", str: "VARCHAR"}


class MemoryDatasets:
    """Knows booleans, whole numbers, numbers and text; reads no Parquet and no .npz."""

    def describe(self, pieces: Iterable[bytes], name: str) -> Table:
        """Read everything at once."""
        kind, data = format_of(name), b"".join(pieces)
        if kind is None:
            raise UsageError(f"expected a dataset that ends in {', '.join(FORMATS)}, found {name[-60:]!r}")
        if kind == "npy":
            return _array(data)
        try:
            names, records = _records(kind, data.decode("utf-8"))
        except (ValueError, csv.Error, RecursionError) as error:
            raise InvalidData(f"expected a file of {kind}, found one that cannot be read: {error}") from error
        columns = tuple(Column(key, _type([record.get(key) for record in records], kind)) for key in names)
        return Table(kind, columns, len(records))


def _array(data: bytes) -> Table:
    from numpy.lib import format as npy

    stream = io.BytesIO(data)
    try:
        npy.read_magic(stream)
        shape, _, dtype = npy.read_array_header_1_0(stream)
    except (ValueError, EOFError) as error:
        raise InvalidData(f"not a .npy array: {error}") from error
    if prod(shape) * dtype.itemsize != len(data) - stream.tell():
        raise InvalidData(f"a .npy array of shape {list(shape)} takes {prod(shape) * dtype.itemsize} bytes")
    axes = ["n" if at == 0 else str(axis) for at, axis in enumerate(shape)]
    return Table("npy", (Column("", f"{dtype.name}[{', '.join(axes)}]"),), shape[0] if shape else 0)


def _records(kind: str, text: str) -> tuple[list[str], list[dict[str, Any]]]:
    """The names of the columns, and the rows."""
    if kind in ("csv", "tsv"):
        header, *lines = csv.reader(io.StringIO(text), delimiter="\t" if kind == "tsv" else ",")
        if any(len(line) != len(header) for line in lines):
            raise ValueError(f"expected {len(header)} cells in every line")
        return header, [dict(zip(header, map(_cell, line), strict=True)) for line in lines]
    if kind == "jsonl":
        found = [json.loads(line) for line in text.splitlines() if line.strip()]
    elif kind == "json":
        found = json.loads(text)
    else:
        raise InvalidData(f"expected a format that MemoryDatasets reads, found {kind}")
    if not isinstance(found, list) or not all(isinstance(record, dict) for record in found):
        raise ValueError("expected objects")
    return list(dict.fromkeys(key for record in found for key in record)), found


def _cell(text: str) -> Any:
    for reader in (int, float):
        try:
            return reader(text)
        except ValueError:
            continue
    return {"true": True, "false": False, "": None}.get(text.lower(), text)


def _type(values: list[Any], kind: str) -> str:
    kinds = {type(value) for value in values} - {type(None)}
    if not kinds:
        return "VARCHAR" if kind in ("csv", "tsv") else "NULL"
    if kinds == {int, float}:
        return "DOUBLE"
    return _TYPES.get(kinds.pop(), "JSON") if len(kinds) == 1 else "VARCHAR"
