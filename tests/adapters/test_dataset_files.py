"""Datasets from hostile hands, in the confined child: Parquet and .npz, bombs, and files that name other files."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path

import duckdb
import numpy as np
import pytest

from mlm.adapters.datasets import confined, tables
from mlm.adapters.datasets.confined import ConfinedDatasets, DatasetStopped
from mlm.core.errors import InvalidData
from mlm.ports.datasets import MAX_TYPE, Column


@pytest.fixture
def datasets(tmp_path: Path) -> ConfinedDatasets:
    return ConfinedDatasets(folder=tmp_path / "datasets")


def parquet(folder: Path, select: str) -> bytes:
    path = folder / "made.parquet"
    duckdb.sql(f"copy ({select}) to '{path}' (format parquet)")
    return path.read_bytes()


def npz(**arrays: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


def test_parquet(datasets: ConfinedDatasets, tmp_path: Path) -> None:
    data = parquet(tmp_path, "select i, [i, 2] pair, {'a': i, 'b': 'x'} record, i::float f from range(1234) t(i)")
    found = datasets.describe([data], "train.parquet")
    assert (found.format, found.rows) == ("parquet", 1234)
    types = {column.name: column.type for column in found.columns}
    assert types == {"i": "BIGINT", "pair": "BIGINT[]", "record": "STRUCT(a BIGINT, b VARCHAR)", "f": "FLOAT"}


def test_npz_has_a_column_for_each_array(datasets: ConfinedDatasets) -> None:
    data = npz(x=np.zeros((100, 64), np.float32), y=np.zeros(100, np.int64), mean=np.zeros(64), scale=np.float16(2))
    found = datasets.describe([data], "digits.npz")
    assert found.rows == 100
    assert set(found.columns) == {
        Column("x", "float32[n, 64]"),
        Column("y", "int64[n]"),
        Column("mean", "float64[64]"),
        Column("scale", "float16[]"),
    }


def test_objects_are_described_and_never_unpickled(datasets: ConfinedDatasets, tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.mkdir, (str(tmp_path / "exploded"),)

    buffer = io.BytesIO()
    np.save(buffer, np.array([Bomb(), None], dtype=object), allow_pickle=True)
    assert datasets.describe([buffer.getvalue()], "a.npy").columns == (Column("", "object[n]"),)
    assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize("cut", [0, 1, 4, 100, -1])
def test_truncated_parquet(datasets: ConfinedDatasets, tmp_path: Path, cut: int) -> None:
    with pytest.raises(InvalidData, match="file of parquet|parquet"):
        datasets.describe([parquet(tmp_path, "select 1 a")[:cut]], "a.parquet")


def test_truncated_npz_and_names_that_repeat(datasets: ConfinedDatasets) -> None:
    with pytest.raises(InvalidData, match="not a .npz archive"):
        datasets.describe([npz(a=np.zeros(3))[:-5]], "a.npz")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive, pytest.warns(UserWarning, match="Duplicate"):
        for _ in range(2):
            member = io.BytesIO()
            np.save(member, np.zeros(2))
            archive.writestr("a.npy", member.getvalue())
    with pytest.raises(InvalidData, match="'a' twice"):
        datasets.describe([buffer.getvalue()], "a.npz")


def test_a_shape_that_its_bytes_do_not_hold(datasets: ConfinedDatasets) -> None:
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000, 1000000000)}".ljust(118) + b"\n"
    data = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(64)
    with pytest.raises(InvalidData, match="takes 4000000000000000000 bytes, found 64"):
        datasets.describe([data], "a.npy")


def test_duckdb_opens_that_one_file_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a reader could be made to open, such as by a name with a pattern: the rest of the disk stays shut."""
    (tmp_path / "secret.csv").write_text("password\nhunter2\n")
    (tmp_path / "content").write_text("a\n1\n")
    assert tables.describe(tmp_path / "content", "csv", 1024).columns == (Column("a", "BIGINT"),)
    for other in (tmp_path / "secret.csv", tmp_path / "*.csv", Path("/etc/passwd")):
        monkeypatch.setitem(tables._READERS, "csv", f"(select * from read_csv('{other}') where ? <> '')")
        with pytest.raises(InvalidData, match="disabled by configuration"):
            tables.describe(tmp_path / "content", "csv", 1024)


def test_the_memory_is_bounded(tmp_path: Path) -> None:
    datasets = ConfinedDatasets(folder=tmp_path, memory_mb=400)
    record = b'{"a":"' + b"x" * 15_000_000 + b'"}\n'
    with pytest.raises(DatasetStopped, match="memory limit of 400 MB"):
        datasets.describe([record] * 20, "a.jsonl")


def test_nesting_without_end(datasets: ConfinedDatasets) -> None:
    record = b'{"a":' + b"[" * 200_000 + b"]" * 200_000 + b"}\n"
    with pytest.raises(InvalidData) as found:
        datasets.describe([record] * 50, "a.jsonl")
    assert "\n" not in str(found.value)


def test_the_time_is_bounded(tmp_path: Path) -> None:
    datasets = ConfinedDatasets(folder=tmp_path, timeout_s=0.01)
    with pytest.raises(DatasetStopped, match="time limit of 0.01 s") as found:
        datasets.describe([b"a\n1\n"], "a.csv")
    assert "smaller dataset" in found.value.hint


def test_the_copy_is_bounded(datasets: ConfinedDatasets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confined, "MAX_BYTES", 10)
    with pytest.raises(InvalidData, match="at most 10 bytes"):
        datasets.describe(iter([b"a\n1\n"] * 1000), "a.csv")
    assert list((tmp_path / "datasets").iterdir()) == []


def test_long_types_keep_their_difference() -> None:
    first, second = (tables.bounded("STRUCT(" + "a BIGINT, " * 1000 + end) for end in ("b DATE)", "b TIME)"))
    assert len(first) <= MAX_TYPE and first != second


def test_an_answer_that_is_none(datasets: ConfinedDatasets, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a child that was taken over may say."""
    for answer in ({}, {"columns": 3, "rows": 1}, {"columns": [{}], "rows": 1}, {"columns": [], "rows": "many"}):
        monkeypatch.setattr(confined.confine, "ask", lambda *args, answer=answer, **more: answer)
        with pytest.raises(DatasetStopped, match="cannot be read"):
            datasets.describe([b"a\n"], "a.csv")
