"""The index in a DuckDB file. DuckDB locks it for one process, so every connection is short and waits its turn."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlm.adapters.state.ingest import TABLES, load
from mlm.core.errors import StorageError, UsageError
from mlm.core.events.batch import check_batch
from mlm.core.events.queries import arguments
from mlm.ports.chain import Block
from mlm.ports.state import SQL_ROWS, Event

if TYPE_CHECKING:
    import duckdb

SCHEMA = "1"
REBUILD = "Run `mlm sync --rebuild`: it recreates the index from the chain."
_HERE = Path(__file__).parent
# Within one process DuckDB shares an instance between connections, and with it read-only mode and settings.
_PROCESS = threading.RLock()
_HEADER = 3 * 4096  # bytes of DuckDB's headers: a smaller file is no database, or not one yet
_BIRTH = 1.0  # seconds that another process is given to write them


class UnusableIndex(StorageError):
    """The file is damaged, foreign, or of another version of mlm. It can be recreated."""

    code = "unusable_index"
    hint = REBUILD


class DuckState:
    """The State port over the file at `path`, which is created when first used.

    `lock_timeout` and `sql_timeout` are in seconds: how long to wait for other processes, and for the user's SQL.
    """

    def __init__(self, path: Path, *, lock_timeout: float = 10.0, sql_timeout: float = 60.0) -> None:
        self._path = path
        self._lock_timeout = lock_timeout
        self._sql_timeout = sql_timeout

    def head(self) -> Block | None:
        """The last block ingested."""
        with self._open(read_only=True) as con:
            return _head(con)

    def block_hash(self, number: int) -> str | None:
        """The stored hash of a block; None also where the index kept nothing of that block."""
        with self._open(read_only=True) as con:
            row = _one(con, "select hash from blocks where number = ?", [number])
            return str(row[0]) if row else None

    def ingest(self, blocks: Sequence[Block], events: Sequence[Event], after: str | None = None) -> None:
        """Add blocks and events behind the head `after`, in one transaction; see the port."""
        with self._open() as con, _transaction(con):
            check_batch(blocks, events, _head(con), after)
            load(con, blocks, events)

    def rewind(self, number: int) -> None:
        """Forget blocks >= number; 0 also replaces a file that cannot be read, which is kept beside as *.bad."""
        try:
            with self._open() as con, _transaction(con):
                for table in TABLES:
                    con.execute(f"delete from {table} where block >= ?", [number])
                con.execute("delete from blocks where number >= ?", [number])
                if number <= 0:
                    con.execute("delete from meta where name <> 'schema'")
        except UnusableIndex:
            if number > 0:
                raise
            self._set_aside()
            with self._open():
                pass

    def mark(self, **facts: int | str) -> None:
        """Record named facts."""
        with self._open() as con, _transaction(con):
            for name, value in facts.items():
                con.execute("delete from meta where name = ? and name <> 'schema'", [name])
                con.execute("insert into meta values (?, ?)", [name, str(value)])

    def query(self, name: str, /, **parameters: Any) -> list[dict[str, Any]]:
        """Run a named query of queries.sql."""
        values = arguments(name, parameters)
        with self._open(read_only=True) as con:
            con.execute(_queries()[name], values or None)
            columns = [(column[0], str(column[1])) for column in con.description or []]
            rows = con.fetchall()
        return [{col: _value(col, kind, cell) for (col, kind), cell in zip(columns, row, strict=True)} for row in rows]

    def sql(self, text: str) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Run one read-only statement without access to files, network or settings, within the time limit."""
        import duckdb

        with self._open(read_only=True) as con:
            for setting in ("enable_external_access=false", "memory_limit='1GB'", "lock_configuration=true"):
                con.execute(f"set {setting}")
            timer = threading.Timer(self._sql_timeout, con.interrupt)
            timer.start()
            try:
                statements = con.extract_statements(text)
                allowed = (duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN)
                if len(statements) != 1 or statements[0].type not in allowed:
                    raise UsageError("expected one statement that only reads, such as `select * from job_view`")
                con.execute(statements[0])
                columns = [str(column[0]) for column in con.description or []]
                return columns, con.fetchmany(SQL_ROWS + 1)
            except duckdb.InterruptException as error:
                raise UsageError(f"the query ran longer than {self._sql_timeout:g} seconds") from error
            except duckdb.IOException:
                raise  # the index, not the query
            except duckdb.DatabaseError as error:
                line = str(error).splitlines()[0]
                raise UsageError(line, hint="`mlm sql 'show tables'` lists what can be queried.") from error
            finally:
                timer.cancel()

    @contextmanager
    def _open(self, read_only: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection to a file with our schema; every failure of DuckDB comes out as a StorageError."""
        import duckdb

        deadline = time.monotonic() + self._lock_timeout
        if not _PROCESS.acquire(timeout=self._lock_timeout):
            raise self._locked()
        try:
            con = self._connect(read_only, deadline)
            try:
                yield con
            finally:
                con.close()
        except duckdb.Error as error:
            raise self._failure(error) from error
        finally:
            _PROCESS.release()

    def _connect(self, read_only: bool, deadline: float) -> duckdb.DuckDBPyConnection:
        """Connect, creating the schema in a file that has none."""
        if not self._path.exists():
            self._path.parent.mkdir(parents=True, exist_ok=True)
            read_only = False
        con = self._wait(read_only, deadline)
        try:
            found = _schema(con)
            if found == "":
                # A new file, or what a process killed while creating one left behind.
                if read_only:
                    con.close()
                    con = self._wait(False, deadline)
                if _schema(con) == "":  # not created by another process meanwhile
                    _create(con)
            elif found != SCHEMA:
                raise UnusableIndex(f"{self._path}: expected an index of schema {SCHEMA}, found {found}")
            return con
        except BaseException:
            con.close()
            raise

    def _wait(self, read_only: bool, deadline: float) -> duckdb.DuckDBPyConnection:
        import duckdb

        pause, patience = 0.005, time.monotonic() + _BIRTH
        while True:
            try:
                config: dict[str, Any] = {
                    "autoinstall_known_extensions": False,
                    "autoload_known_extensions": False,
                    # A project's index may come from somebody else: its views must not read files.
                    "enable_external_access": False,
                }
                return duckdb.connect(str(self._path), read_only=read_only, config=config)
            except duckdb.IOException as error:
                if "lock" not in str(error).lower():
                    # Another process makes the file right now: it is there before its header is.
                    newborn = self._path.exists() and self._path.stat().st_size < _HEADER
                    if not newborn or time.monotonic() > patience:
                        raise
                if time.monotonic() > deadline:
                    raise self._locked() from error
            time.sleep(pause)
            pause = min(2 * pause, 0.1)

    def _locked(self) -> StorageError:
        return StorageError(
            f"{self._path}: still locked by another process after {self._lock_timeout:g} seconds",
            hint="Wait for the other mlm command, or stop it.",
        )

    def _failure(self, error: Exception) -> StorageError:
        import duckdb

        line = str(error).splitlines()[0] if str(error) else type(error).__name__
        if "no space" in str(error).lower():
            return StorageError(f"{self._path}: {line}", hint="Free some disk space.")
        damage = (duckdb.IOException, duckdb.SerializationException, duckdb.InternalException, duckdb.FatalException)
        # A failed checksum comes as the bare base class.
        unusable = isinstance(error, damage) or type(error) is duckdb.Error
        return (UnusableIndex if unusable else StorageError)(f"{self._path}: {line}")

    def _set_aside(self) -> None:
        for suffix in ("", ".wal"):
            path = self._path.with_name(self._path.name + suffix)
            if path.exists():
                os.replace(path, path.with_name(path.name + ".bad"))


@contextmanager
def _transaction(con: duckdb.DuckDBPyConnection) -> Iterator[None]:
    con.begin()
    try:
        yield
    except BaseException:
        con.rollback()
        raise
    con.commit()


def _schema(con: duckdb.DuckDBPyConnection) -> str:
    """The schema's version; "" for a file without tables."""
    import duckdb

    try:
        row = _one(con, "select max(value) from meta where name = 'schema'")
    except (duckdb.CatalogException, duckdb.BinderException):
        row = None
    if row is not None and row[0] is not None:
        return str(row[0])
    tables = _one(con, "select count(*) from duckdb_tables()")
    return "somebody else's tables" if tables and tables[0] else ""


def _create(con: duckdb.DuckDBPyConnection) -> None:
    with _transaction(con):
        con.execute((_HERE / "schema.sql").read_text(encoding="utf-8"))
        con.execute("insert into meta values ('schema', ?)", [SCHEMA])


def _head(con: duckdb.DuckDBPyConnection) -> Block | None:
    row = _one(con, "select number, hash, parent_hash, timestamp from blocks order by number desc limit 1")
    return Block(*row) if row else None


def _one(con: duckdb.DuckDBPyConnection, sql: str, values: list[Any] | None = None) -> tuple[Any, ...] | None:
    """The first row. Not by fetchone, which leaves the result open and the connection unusable."""
    return next(iter(con.execute(sql, values).fetchall()), None)


@cache
def _queries() -> dict[str, str]:
    """name -> SQL of queries.sql."""
    parts = (_HERE / "queries.sql").read_text(encoding="utf-8").split("-- name: ")[1:]
    return {name.strip(): sql for name, _, sql in (part.partition("\n") for part in parts)}


def _value(column: str, kind: str, cell: Any) -> Any:
    if cell is None:
        return None
    if kind == "JSON":
        return json.loads(cell)
    # 256 bits: wider than any number of DuckDB that Python reads back as an int.
    return int(cell) if column == "nonce" else cell
