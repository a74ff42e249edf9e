"""One suite over every Datasets: the in-memory one, and DuckDB and numpy in a confined child."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

from mlm.adapters.datasets.confined import ConfinedDatasets
from mlm.core.errors import InvalidData, UsageError
from mlm.memory.datasets import MemoryDatasets
from mlm.ports.datasets import Column, Datasets, format_of


@pytest.fixture(scope="module", params=["memory", "confined"])
def datasets(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Datasets:
    if request.param == "memory":
        return MemoryDatasets()
    return ConfinedDatasets(folder=tmp_path_factory.mktemp("datasets"))


def npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


TABLES = {
    "a.csv": (b"id,name,score\n1,x,0.5\n2,y,3\n", "id BIGINT, name VARCHAR, score DOUBLE", 2),
    "A.CSV": (b"id,ok\n1,true\n2,false\n3,true\n", "id BIGINT, ok BOOLEAN", 3),
    "quoted.csv": (b'id,text\n1,"a,\nb"\n2,"c"\n', "id BIGINT, text VARCHAR", 2),
    "a.tsv": (b"id\tname\n1\tx,y\n", "id BIGINT, name VARCHAR", 1),
    "header.csv": (b"id,name\n", "id VARCHAR, name VARCHAR", 0),
    "a.jsonl": (b'{"a": 1, "b": "x"}\n{"a": 2.5, "c": true}\n', "a DOUBLE, b VARCHAR, c BOOLEAN", 2),
    "a.ndjson": (b'{"a": 1}\n\n{"a": 2}\n', "a BIGINT", 2),
    "a.json": (b'[{"a": 1}, {"a": 2}, {"a": 3}]', "a BIGINT", 3),
    "a.npy": (npy(np.zeros((5, 8, 8), np.float32)), " float32[n, 8, 8]", 5),
    "scalar.npy": (npy(np.array(1, np.int64)), " int64[]", 0),
}


@pytest.mark.parametrize("name", TABLES)
def test_columns_and_rows(datasets: Datasets, name: str) -> None:
    data, columns, rows = TABLES[name]
    # The pieces end anywhere: within a line, a number, a header.
    found = datasets.describe((data[at : at + 7] for at in range(0, len(data), 7)), f"folder/{name}")
    assert found.format == format_of(name)
    if columns.startswith(" "):
        assert found.columns == (Column("", columns[1:]),)
    else:
        assert [f"{column.name} {column.type}" for column in found.columns] == columns.split(", ")
    assert found.rows == rows


def test_a_type_is_of_every_row(datasets: Datasets) -> None:
    """A sample of the first rows would say BIGINT."""
    lines = b"".join(b"%d\n" % number for number in range(30_000))
    assert datasets.describe([b"x\n", lines, b"0.5\n"], "x.csv").columns == (Column("x", "DOUBLE"),)


DEFECTS = {
    "bytes.csv": bytes(range(256)) * 4,
    "no.jsonl": b'{"a": 1}\nnot json\n',
    "cut.json": b'[{"a": 1}, {"a"',
    "object.json": b'{"a": 1}',
    "cut.npy": npy(np.zeros((4, 4)))[:-1],
    "no.npy": b"not an array at all",
    "pickle.npy": b"\x93NUMPY\x01\x00\x10\x00__import__('os')",
    "empty.npy": b"",
}


@pytest.mark.parametrize("name", DEFECTS)
def test_defects_are_one_line(datasets: Datasets, name: str) -> None:
    with pytest.raises(InvalidData) as found:
        datasets.describe([DEFECTS[name]], name)
    assert len(str(found.value)) < 400 and "\n" not in str(found.value)


@pytest.mark.parametrize("name", ["model.onnx", "csv", "a.csv.zip", ""])
def test_other_files_are_no_datasets(datasets: Datasets, name: str) -> None:
    assert format_of(name) is None
    with pytest.raises(UsageError, match="expected a dataset that ends in"):
        datasets.describe([b"a\n1\n"], name)


def test_nothing_stays_behind(tmp_path: Path) -> None:
    datasets = ConfinedDatasets(folder=tmp_path / "made")
    datasets.describe([b"a\n1\n"], "a.csv")
    with pytest.raises(InvalidData):
        datasets.describe([b"x"], "a.parquet")
    assert list((tmp_path / "made").iterdir()) == []
