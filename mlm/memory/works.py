"""The Works port in memory."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from mlm.core.errors import StateConflict, UsageError


class MemoryWorks:
    """`kept` and `log` are open to tests, which lose what they like."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.log: list[str] = []
        self._held = False

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Be the only worker."""
        if self._held:
            raise StateConflict("another worker of this account is running")
        self._held = True
        try:
            yield
        finally:
            self._held = False

    def held(self) -> bool:
        """Whether somebody is the worker."""
        return self._held

    def keep(self, name: str, data: bytes) -> None:
        """Keep bytes."""
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,120}", name):
            raise UsageError(f"expected a name of letters, digits, - and _, found {name[:60]!r}")
        self.kept[name] = data

    def find(self, name: str) -> bytes | None:
        """What was kept."""
        return self.kept.get(name)

    def forget(self, name: str) -> None:
        """Remove it."""
        self.kept.pop(name, None)

    def note(self, entry: Mapping[str, Any]) -> None:
        """Append a fact."""
        self.log.append(json.dumps(dict(entry), allow_nan=False))

    def notes(self, newest: int) -> list[dict[str, Any]]:
        """The newest so many facts."""
        return [json.loads(line) for line in self.log[-newest:]] if newest else []
