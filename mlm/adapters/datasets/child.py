"""`python -m mlm.adapters.datasets.child`: describes the dataset of the working folder, under limits set before."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from mlm.adapters import confine
from mlm.adapters.confine import Answer, Request
from mlm.core.errors import InvalidData, MlmError
from mlm.ports.datasets import MAX_COLUMNS, MAX_NAME, Table

CONTENT = "content"  # the file beside task.json
FILE_BYTES = 64 << 20  # the answer is all that is written


def answer(step: str, request: Request) -> Answer:
    """The description. Raises InvalidData, and MemoryError when that was the reason."""
    kind, path = request["format"], Path(CONTENT).absolute()
    try:
        if kind in ("npy", "npz"):
            from mlm.adapters.datasets import arrays

            table = arrays.describe(path, kind)
        else:
            from mlm.adapters.datasets import tables

            table = tables.describe(path, kind, request["memory_mb"])
        return asdict(_checked(table))
    except MlmError as error:
        if confine.out_of_memory(error):
            raise MemoryError(str(error)) from error
        raise


def _checked(table: Table) -> Table:
    if len(table.columns) > MAX_COLUMNS:
        raise InvalidData(f"expected at most {MAX_COLUMNS} columns, found {len(table.columns)}")
    for column in table.columns:
        if len(column.name) > MAX_NAME:
            raise InvalidData(f"expected a column's name of at most {MAX_NAME} characters, found {len(column.name)}")
    return table


if __name__ == "__main__":
    confine.serve(answer, modules=lambda step: ("zipfile", "numpy", "duckdb"))
