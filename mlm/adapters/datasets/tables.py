"""CSV, TSV, JSON lines, JSON arrays and Parquet, by DuckDB, which may open that one file and nothing else."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from mlm.core.errors import InvalidData
from mlm.ports.datasets import MAX_TYPE, Column, Table

# The whole file is read for its types: a sample of it would call a column what it is not.
_READERS = {
    "csv": "read_csv(?, sample_size=-1)",
    "tsv": "read_csv(?, sample_size=-1, delim='\t')",
    "jsonl": "read_json(?, sample_size=-1, format='newline_delimited')",
    "json": "read_json(?, sample_size=-1, format='array')",
    "parquet": "read_parquet(?)",
}
_THREADS = 2


def describe(path: Path, kind: str, memory_mb: int) -> Table:
    """Columns and rows of the file, which holds `kind`; raises InvalidData.

    DuckDB gets a quarter of the process's `memory_mb`: it counts its buffers, not what its allocator maps.
    """
    import duckdb

    con = duckdb.connect(":memory:", config={"threads": _THREADS, "memory_limit": f"{max(64, memory_mb // 4)}MB"})
    name = str(path).replace("'", "''")
    for setting in (
        "autoinstall_known_extensions=false",
        "autoload_known_extensions=false",
        "temp_directory=''",
        f"allowed_paths=['{name}']",
        "enable_external_access=false",
        "lock_configuration=true",
    ):
        con.execute(f"set {setting}")
    reader = _READERS[kind]
    try:
        found = con.execute(f"describe select * from {reader}", [str(path)]).fetchall()
        (rows,) = con.execute(f"select count(*) from {reader}", [str(path)]).fetchall()[0]
    except duckdb.OutOfMemoryException as error:
        raise MemoryError(f"MemoryError: {error}") from error
    except duckdb.Error as error:
        why = " ".join(str(error).replace(str(path), "it").split())[:200]
        raise InvalidData(f"expected a file of {kind}, found one that DuckDB refuses: {why}") from error
    columns = tuple(Column(str(row[0]), bounded(str(row[1]).replace('"NULL"', "NULL"))) for row in found)
    return Table(kind, columns, int(rows))


def bounded(type_name: str) -> str:
    """A type's name; of one too long its beginning and a digest, so that two different ones still differ."""
    if len(type_name) <= MAX_TYPE:
        return type_name
    return f"{type_name[: MAX_TYPE - 20]}… {sha256(type_name.encode()).hexdigest()[:16]}"
