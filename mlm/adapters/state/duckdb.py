"""The index in a DuckDB file. DuckDB locks it for one process: each has it for a moment only, in turn (attached.py)."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlm.adapters.state import attached
from mlm.adapters.state.attached import NAME, Attached
from mlm.adapters.state.ingest import TABLES, load
from mlm.core.errors import StorageError, UsageError
from mlm.core.events.batch import check_batch
from mlm.core.events.queries import arguments
from mlm.ports.chain import Block
from mlm.ports.state import SQL_ROWS, Event

if TYPE_CHECKING:
    import duckdb

SCHEMA = "7"
REBUILD = "Run `mlm sync --rebuild`: it recreates the index from the chain."
_HERE = Path(__file__).parent
# The locks of files belong to a process: two of its threads would not see each other's.
_PROCESS = threading.RLock()
_STALE = 3600  # seconds after which a file that was being made belongs to nobody


class UnusableIndex(StorageError):
    """The file is damaged, foreign, or of another version of mlm. It can be recreated."""

    code = "unusable_index"
    hint = REBUILD


class DuckState:
    """The State port over the file at `path`, which is created when first used.

    `lock_timeout` and `sql_timeout` are in seconds: how long to wait for other processes, and for the user's SQL.
    """

    def __init__(self, path: Path, *, lock_timeout: float = 10.0, sql_timeout: float = 60.0) -> None:
        self._path = path.absolute()
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

    def ingest(
        self, blocks: Sequence[Block], events: Sequence[Event], after: str | None = None, **facts: int | str
    ) -> None:
        """Add blocks and events behind the head `after`, and mark facts, in one transaction; see the port."""
        with self._open() as con, _transaction(con):
            check_batch(blocks, events, _head(con), after)
            load(con, blocks, events)
            _mark(con, facts)

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
            _mark(con, facts)

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

        with self._open(read_only=True, only_once=True) as con:
            for setting in ("memory_limit='1GB'", "lock_configuration=true"):
                con.execute(f"set {setting}")
            timer = threading.Timer(self._sql_timeout, con.interrupt)
            timer.start()
            try:
                statements = con.extract_statements(text)
                allowed = (duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN)
                if len(statements) != 1 or statements[0].type not in allowed:
                    raise UsageError("expected one statement that only reads, such as `select * from job_view`")
                con.execute(statements[0])
                columns = [(str(column[0]), str(column[1])) for column in con.description or []]
                rows = con.fetchmany(SQL_ROWS + 1)
                wide = [kind == "BIGNUM" for _, kind in columns]
                return [name for name, _ in columns], [_whole(row, wide) if any(wide) else row for row in rows]
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
    def _open(self, *, read_only: bool = False, only_once: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection to a file with our schema; every failure of DuckDB comes out as a StorageError.

        With `only_once` the instance is thrown away afterwards, and with it the settings that were made.
        """
        import duckdb

        again = attached.pauses(time.monotonic() + self._lock_timeout, self._locked)
        if not _PROCESS.acquire(timeout=self._lock_timeout):
            raise self._locked()
        try:
            found = self._attached(read_only, again)
            yield found.con
            if only_once:
                attached.forget(self._path)
            else:
                found.rest()
        except BaseException as error:
            attached.forget(self._path)  # in whatever state it is
            if isinstance(error, duckdb.Error):
                raise self._failure(error) from error
            raise
        finally:
            _PROCESS.release()

    def _attached(self, read_only: bool, again: Callable[[], None]) -> Attached:
        """Attach the file, made when there is none, with our schema."""
        if not self._path.exists():
            self._path.parent.mkdir(parents=True, exist_ok=True)
            _make(self._path, again)
        found = attached.kept(self._path)
        if read_only and not found.read(again):
            return found  # looked at before
        if not read_only:
            found.write(again)
        schema = _schema(found.con)
        if schema == "" and read_only:  # an empty file
            found.rest()
            return self._attached(False, again)
        if schema == "":
            _create(found.con)
        elif schema != SCHEMA:
            raise UnusableIndex(f"{self._path}: expected an index of schema {SCHEMA}, found {schema}")
        return found

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
            path = attached.beside(self._path, suffix)
            if path.exists():
                os.replace(path, attached.beside(path, ".bad"))


def _make(path: Path, again: Callable[[], None]) -> None:
    """Put a new index in place whole: DuckDB makes files step by step, and a kill between them would leave no index."""
    for left in path.parent.glob(f"{path.name}.new-*"):
        if time.time() - left.stat().st_mtime > _STALE:
            left.unlink(missing_ok=True)
    new = path.with_name(f"{path.name}.new-{os.getpid()}")
    new.unlink(missing_ok=True)
    try:
        made = Attached(new)
        made.write(again)
        _create(made.con)
        made.rest()
        made.close()
        os.link(new, path)
    except FileExistsError:  # another process was faster
        pass
    finally:
        new.unlink(missing_ok=True)


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
    tables = _one(con, f"select count(*) from duckdb_tables() where database_name = '{NAME}'")
    return "somebody else's tables" if tables and tables[0] else ""


def _create(con: duckdb.DuckDBPyConnection) -> None:
    with _transaction(con):
        con.execute((_HERE / "schema.sql").read_text(encoding="utf-8"))
        con.execute("insert into meta values ('schema', ?)", [SCHEMA])


def _mark(con: duckdb.DuckDBPyConnection, facts: Mapping[str, int | str]) -> None:
    for name, value in facts.items():
        con.execute("delete from meta where name = ? and name <> 'schema'", [name])
        con.execute("insert into meta values (?, ?)", [name, str(value)])


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


def _whole(row: tuple[Any, ...], wide: Sequence[bool]) -> tuple[Any, ...]:
    """Numbers that DuckDB gives to Python as text, as the ints that they are."""
    return tuple(int(cell) if big and cell is not None else cell for cell, big in zip(row, wide, strict=True))


def _value(column: str, kind: str, cell: Any) -> Any:
    if cell is None:
        return None
    if kind == "JSON":
        return json.loads(cell)
    # 256 bits: wider than any number of DuckDB that Python reads back as an int.
    return int(cell) if column == "nonce" or kind == "BIGNUM" else cell
