"""An index that remembers what it was asked until it is written to: for a daemon that is the only one to write it.

A query of DuckDB takes up to 20 ms of a processor, most of it to plan; a worker asks for the same rows again and again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from mlm.ports.chain import Block
from mlm.ports.state import Event, State

MOST = 10_000  # answers that are remembered
# With a page of jobs each is remembered as `job` answers.
_OF_A_JOB = ("job_id", "terms", "result", "submitted_tx", "block", "timestamp", "tx_hash", "finality")
T = TypeVar("T")


class RememberedState:
    """The State port over another one, for all threads of a process. Whatever writes passes through, and forgets all.

    SAFETY: no other process may write the index: its facts would be seen late. A worker's index is its own.
    """

    def __init__(self, inner: State) -> None:
        self._inner = inner
        self._lock = threading.Lock()
        self._known: dict[Any, Any] = {}
        self._written = 0  # how often: what was read before a write is not remembered after it

    def head(self) -> Block | None:
        """The last block ingested."""
        return self._ask("head", self._inner.head)

    def block_hash(self, number: int) -> str | None:
        """The stored hash of a block."""
        return self._ask(("block", number), lambda: self._inner.block_hash(number))

    def ingest(
        self, blocks: Sequence[Block], events: Sequence[Event], after: str | None = None, **facts: int | str
    ) -> None:
        """See the port."""
        self._write(lambda: self._inner.ingest(blocks, events, after, **facts))

    def rewind(self, number: int) -> None:
        """See the port."""
        self._write(lambda: self._inner.rewind(number))

    def mark(self, **facts: int | str) -> None:
        """See the port."""
        self._write(lambda: self._inner.mark(**facts))

    def query(self, name: str, /, **parameters: Any) -> list[dict[str, Any]]:
        """Run a named query. The rows are the caller's own; what lies in them is not."""
        key = name, tuple(sorted(parameters.items()))
        rows = self._ask(key, lambda: self._inner.query(name, **parameters))
        return [dict(row) for row in rows]

    def sql(self, text: str) -> tuple[list[str], list[tuple[Any, ...]]]:
        """The user's own SQL is never remembered."""
        return self._inner.sql(text)

    def _ask(self, key: Any, read: Callable[[], T]) -> T:
        with self._lock:
            if key in self._known:
                found: T = self._known[key]
                return found
            written = self._written
        found = read()
        with self._lock:
            if written == self._written:
                if len(self._known) >= MOST:
                    self._known.clear()
                self._known[key] = found
                if isinstance(key, tuple) and key[0] == "jobs":
                    for row in found:  # type: ignore[attr-defined]  # of a query
                        job = {name: row[name] for name in _OF_A_JOB}
                        self._known.setdefault(("job", (("job_id", row["job_id"]),)), [job])
        return found

    def _write(self, act: Callable[[], None]) -> None:
        try:
            act()
        finally:  # also where it failed: the index may be another than was thought
            with self._lock:
                self._written += 1
                self._known.clear()
