"""The Journal port in memory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mlm.core.errors import NotFound, StateConflict
from mlm.ports.system import System


class MemoryJournal:
    """Entries live as long as the object; they pass through JSON, as those on disk do."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._operations: list[dict[str, Any]] = []
        self._entries: dict[str, list[dict[str, Any]]] = {}
        self._held: set[str] = set()
        self.elsewhere: set[str] = set()  # operations that a test says another process works on

    def begin(self, operation: str, params: dict[str, Any]) -> str:
        """Open an operation; its id is the next number."""
        op = f"{len(self._operations) + 1:06d}"
        self._operations.append(
            {
                "op": op,
                "operation": operation,
                "params": _copy(params),
                "started_at": self._system.now(),
                "closed_at": None,
                "outcome": None,
            }
        )
        self._entries[op] = []
        self._held.add(op)
        return op

    @contextmanager
    def hold(self, op: str) -> Iterator[None]:
        """Hold an operation until the block ends; raises StateConflict for one of `elsewhere`."""
        self._of(op)
        if op in self.elsewhere:
            raise StateConflict(f"another process is working on operation {op}")
        self._held.add(op)
        try:
            yield
        finally:
            self._held.discard(op)

    def held(self, op: str) -> bool:
        """Whether it was begun or taken, and not closed since."""
        self._of(op)
        return op in self._held | self.elsewhere

    def end_process(self) -> None:
        """What a process held is free when it has ended."""
        self._held.clear()

    def record(self, op: str, step: int, entry: dict[str, Any]) -> None:
        """Append a fact about a step."""
        line = {"step": step, "at": self._system.now(), "entry": _copy(entry)}
        self._of(op).append(line)
        self._operations[int(op) - 1] |= {"closed_at": None, "outcome": None}

    def close(self, op: str, outcome: str) -> None:
        """Append the outcome."""
        self._of(op)
        self._operations[int(op) - 1] |= {"closed_at": self._system.now(), "outcome": outcome}

    def entries(self, op: str) -> list[dict[str, Any]]:
        """The facts recorded, in order: {step, at, entry}."""
        return _copy(self._of(op))

    def operations(
        self, newest: int | None = None, *, op: str | None = None, open_only: bool = False
    ) -> list[dict[str, Any]]:
        """See the port; nothing is put away here."""
        if op is not None:
            self._of(op)
            return _copy([self._operations[int(op) - 1]])
        return _copy(self._operations[-newest if newest else 0 :])

    def _of(self, op: str) -> list[dict[str, Any]]:
        if op not in self._entries:
            raise NotFound(f"no operation {op}", hint="`mlm op log` lists them.")
        return self._entries[op]


def _copy(value: Any) -> Any:
    return json.loads(json.dumps(value, default=_bytes_to_hex, allow_nan=False))


def _bytes_to_hex(value: object) -> str:
    if isinstance(value, bytes):
        return "0x" + value.hex()
    raise TypeError(f"a journal entry cannot hold a {type(value).__name__}")
