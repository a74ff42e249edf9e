"""What the user's SQL may do to the index and to the machine: read the index, and nothing else."""

from __future__ import annotations

import threading
import time
from dataclasses import astuple
from pathlib import Path

import pytest

from mlm.adapters.state import DuckState
from mlm.adapters.state.ingest import BLOCK_COLUMNS, EVENT_COLUMNS
from mlm.core.errors import UsageError
from mlm.core.events.facts import COLUMNS, PLACE
from mlm.core.events.queries import QUERIES
from mlm.core.job import AuctionKind, Kind, Reason, Role, State, Tier
from mlm.ports.bundle import Ports
from mlm.workflows.sql import sql


@pytest.fixture
def state(tmp_path: Path) -> DuckState:
    return DuckState(tmp_path / "state.duckdb")


@pytest.mark.parametrize(
    "text",
    [
        "select * from read_csv('/etc/passwd')",
        "select * from read_text('/etc/passwd')",
        "select * from glob('/*')",
        "select * from '/etc/passwd'",
        "copy (select 1) to '{folder}/out.csv'",
        "export database '{folder}/out'",
        "attach '{folder}/other.db'",
        "install httpfs",
        "load httpfs",
        "set enable_external_access=true",
        "pragma enable_external_access=true",
        "create table t (x int)",
        "insert into meta values ('a', 'b')",
        "update blocks set hash = ''",
        "call pragma_version()",
        "select 1; drop table events",
        "select getenv('HOME')",
        "explain analyze delete from events",
    ],
)
def test_forbidden(state: DuckState, tmp_path: Path, text: str) -> None:
    state.mark(safe=1)
    before = sorted(path.name for path in tmp_path.iterdir())
    with pytest.raises(UsageError):
        state.sql(text.format(folder=tmp_path))
    assert sorted(path.name for path in tmp_path.iterdir()) == before
    assert state.query("marks") == [{"name": "safe", "value": "1"}]


@pytest.mark.parametrize("text", ["show tables", "describe bids", "explain select 1", "from events", "select 1;"])
def test_allowed(state: DuckState, text: str) -> None:
    columns, _ = state.sql(text)
    assert columns


def test_a_runaway_query_is_stopped(tmp_path: Path) -> None:
    state = DuckState(tmp_path / "state.duckdb", sql_timeout=0.3)
    started = time.monotonic()
    with pytest.raises(UsageError, match="0.3 seconds"):
        state.sql("select count(*) from range(100000000000) a, range(1000000) b")
    assert time.monotonic() - started < 10
    assert state.sql("select 1") == (["1"], [(1,)])


def test_rows_are_bounded_and_json_safe(state: DuckState) -> None:
    bundle = Ports(state=lambda: state)
    found = sql(bundle, "select * from range(50) t(n)", limit=7)
    assert (len(found.rows), found.truncated, found.limit, found.rows[0].n) == (7, True, 7, 0)
    assert not sql(bundle, "select * from range(7)", limit=7).truncated
    (row,) = sql(
        bundle,
        "select 1, 2::hugeint ** 0, 170141183460469231731687303715884105727::hugeint, 'nan'::double, 0.5, "
        "'\\xFF'::blob, date '2026-01-02', [1, 2], null, true, 1.5::double, 9007199254740993",
    ).rows
    assert astuple(row)[2:] == (
        "170141183460469231731687303715884105727", "nan", "0.5", "0xff", "2026-01-02", "[1, 2]", None, True, 1.5,
        "9007199254740993",
    )  # fmt: skip
    (row,) = sql(bundle, 'select 1 as "class", 2 as "a b", 3 as x, 4 as x, 5 as "1", 6 as """"').rows
    assert list(vars(row)) == ["column_class", "a_b", "x", "x_3", "column_1", "_"]
    for limit in (0, 10_001):
        with pytest.raises(UsageError, match="--limit"):
            sql(bundle, "select 1", limit=limit)


def test_the_schema_holds_the_facts(state: DuckState) -> None:
    """Tables and their columns are those that the core derives from events."""
    _, rows = state.sql("select table_name, column_name from duckdb_columns() where not internal order by column_index")
    columns: dict[str, list[str]] = {}
    for table, column in rows:
        columns.setdefault(table, []).append(column)
    for table, own in COLUMNS.items():
        assert columns[table] == [*PLACE, *own]
    assert columns["events"] == list(EVENT_COLUMNS) and columns["blocks"] == list(BLOCK_COLUMNS)


def test_the_macros_spell_the_enums(state: DuckState) -> None:
    kinds = {"kind": Kind, "tier": Tier, "auction": AuctionKind, "role": Role, "reason": Reason, "state": State}
    for name, kind in kinds.items():
        for member in kind:
            assert state.sql(f"select {name}_name({int(member)})")[1] == [(str(member),)]
        assert state.sql(f"select {name}_name({len(kind)})")[1] == [(None,)]


def test_every_named_query_is_documented_and_there() -> None:
    from mlm.adapters.state import duckdb

    assert set(duckdb._queries()) == set(QUERIES)


def test_threads_of_one_process_share_the_file(state: DuckState) -> None:
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for step in range(5):
                state.mark(**{f"m{number}": step})
                state.query("marks")
                state.sql("select count(*) from meta")
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert failures == [] and len(state.query("marks")) == 4
