"""The State port in memory: the named queries as plain Python over the same facts that the DuckDB index stores."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from mlm.core.errors import UsageError
from mlm.core.events.batch import check_batch
from mlm.core.events.facts import COLUMNS, PLACE, facts
from mlm.core.events.queries import arguments
from mlm.memory.index.bonds import BondQueries
from mlm.memory.index.channels import ChannelQueries
from mlm.memory.index.facts import Record, matching
from mlm.memory.index.jobs import JobQueries
from mlm.memory.index.licences import LicenceQueries
from mlm.memory.index.money import MoneyQueries
from mlm.memory.index.providers import ProviderQueries
from mlm.memory.index.sales import SaleQueries
from mlm.memory.index.tee import TeeQueries
from mlm.ports.chain import Block
from mlm.ports.state import SQL_ROWS, Event


class MemoryState(
    JobQueries, SaleQueries, ChannelQueries, BondQueries, LicenceQueries, TeeQueries, MoneyQueries, ProviderQueries
):
    """Answers as the DuckDB index does. `sql` speaks SQLite's dialect, over the fact tables only, numbers above 64 bits
    as text."""

    def head(self) -> Block | None:
        """The last block ingested."""
        return self._blocks[-1] if self._blocks else None

    def block_hash(self, number: int) -> str | None:
        """The stored hash of a block."""
        return next((block.hash for block in self._blocks if block.number == number), None)

    def ingest(
        self, blocks: Sequence[Block], events: Sequence[Event], after: str | None = None, **marks: int | str
    ) -> None:
        """Add blocks and events behind the head `after` and mark facts, all or none."""
        check_batch(blocks, events, self.head(), after)
        times = {block.number: block.timestamp for block in blocks}
        added: list[tuple[str, Record]] = []
        for event in events:
            log = event.log
            place = dict(
                zip(PLACE, (log.block_number, times[log.block_number], log.log_index, log.tx_hash), strict=True)
            )
            raw = {"contract": event.contract, "address": log.address, "name": event.name, "args": event.args}
            added.append(("events", place | raw))
            for table, row in facts(event.contract, event.name, event.args):
                added.append((table, place | dict(zip(COLUMNS[table], row, strict=True))))
        self._blocks += blocks
        for table, record in added:
            self._tables[table].append(record)
        self.mark(**marks)

    def rewind(self, number: int) -> None:
        """Forget every block >= number."""
        self._blocks = [block for block in self._blocks if block.number < number]
        for table, rows in self._tables.items():
            self._tables[table] = [row for row in rows if row["block"] < number]
        if number <= 0:
            self._marks = {}

    def mark(self, **facts: int | str) -> None:
        """Record named facts."""
        self._marks |= {name: str(value) for name, value in facts.items() if name != "schema"}

    def query(self, name: str, /, **parameters: Any) -> list[Record]:
        """Run a named query."""
        values = arguments(name, parameters)
        find: Callable[..., Iterable[Record]] = getattr(self, f"_query_{name}")
        limit, offset = values.pop("limit", None), values.pop("offset", 0)
        rows = list(find(**values))
        return rows[offset:] if limit is None else rows[offset : offset + limit]

    def sql(self, text: str) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Run a SELECT over copies of the fact tables."""
        if not text.lstrip().lower().startswith(("select", "with", "values", "explain")):
            raise UsageError("expected one statement that only reads, such as `select * from events`")
        con = sqlite3.connect(":memory:")
        try:
            tables = {"blocks": [vars(block) for block in self._blocks], **self._tables}
            own = {
                "blocks": tuple(Block.__dataclass_fields__),
                "events": (*PLACE, "contract", "address", "name", "args"),
            }
            for table, rows in tables.items():
                names = own.get(table) or (*PLACE, *COLUMNS[table])
                con.execute(f"create table {table} ({', '.join(names)})")
                marks = ", ".join("?" for _ in names)
                con.executemany(
                    f"insert into {table} values ({marks})", [[_cell(row[name]) for name in names] for row in rows]
                )
            cursor = con.execute(text)
            return [column[0] for column in cursor.description or []], cursor.fetchmany(SQL_ROWS + 1)
        except (sqlite3.Error, sqlite3.Warning) as error:
            raise UsageError(str(error)) from error
        finally:
            con.close()

    def _query_events(self, tx_hash: Any, contract: Any, name: Any) -> Iterable[Record]:
        for row in matching(reversed(self._tables["events"]), tx_hash=tx_hash, contract=contract, name=name):
            yield row | {"args": json.loads(json.dumps(row["args"])), "finality": self._finality(row["block"])}

    def _query_blocks(self, before: int | None) -> Iterable[Record]:
        kept = ("number", "hash", "parent_hash", "timestamp")  # what the index stores of a block
        found = (block for block in reversed(self._blocks) if before is None or block.number < before)
        return [{name: getattr(block, name) for name in kept} for block in found]

    def _query_marks(self) -> Iterable[Record]:
        return [{"name": name, "value": value} for name, value in sorted(self._marks.items())]


def _cell(value: Any) -> Any:
    if isinstance(value, (dict, list)):
        return json.dumps(value)
    return str(value) if isinstance(value, int) and abs(value) >= 2**63 else value
