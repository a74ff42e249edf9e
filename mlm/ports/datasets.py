"""Describing datasets: their columns and how many rows they have."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

# A file's suffix -> the format it is read as.
FORMATS = {
    ".csv": "csv", ".tsv": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "json", ".parquet": "parquet",
    ".npy": "npy", ".npz": "npz",
}  # fmt: skip
MAX_COLUMNS = 10_000
MAX_NAME = 1024  # characters of a column's name
MAX_TYPE = 4096  # characters of a column's type


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table, whose `type` is SQL's as DuckDB spells it (`BIGINT`, `DOUBLE`, `VARCHAR`, `STRUCT(…)`);

    or an array of a .npy or .npz file: numpy's dtype and shape, `n` for the axis of the rows (`float32[n, 64]`).
    """

    name: str
    type: str


@dataclass(frozen=True)
class Table:
    """What a dataset says of itself. `rows`: the records, or the longest first axis among the arrays."""

    format: str
    columns: tuple[Column, ...]
    rows: int


def format_of(name: str) -> str | None:
    """The format that a file's name says; None when it is no dataset's. A .json may also be something else."""
    _, dot, suffix = name.rpartition(".")
    return FORMATS.get(dot + suffix.lower())


class Datasets(Protocol):
    def describe(self, pieces: Iterable[bytes], name: str) -> Table:
        """Read a dataset, given as pieces of its bytes, as the format that `name` ends in.

        Every row is read to find the types, but of Parquet and .npy only what they say of themselves. Raises
        InvalidData for bytes that are not of that format, UsageError for a name that says no format.
        """
