"""What a payer has signed, in memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy

from mlm.core.errors import StateConflict
from mlm.core.spent import Kept, Record


class MemorySpent:
    """The Spent port. `kept` is everything that was ever signed, for tests that look for more than there should be."""

    def __init__(self) -> None:
        self._records: dict[str, Record] = {}
        self._held: set[str] = set()
        self.kept: list[Kept] = []

    @contextmanager
    def hold(self, channel: str) -> Iterator[None]:
        if channel in self._held:
            raise StateConflict(f"another process has signed for the channel {channel[:10]}… for 0 s")
        self._held.add(channel)
        try:
            yield
        finally:
            self._held.discard(channel)

    def record(self, channel: str) -> Record:
        return deepcopy(self._records.get(channel, Record()))

    def keep(self, kept: Kept) -> None:
        self._check(kept.voucher.channel)
        self._records.setdefault(kept.voucher.channel, Record()).take(kept)
        self.kept.append(kept)

    def settle(self, channel: str, calls: int) -> None:
        self._check(channel)
        self._records.setdefault(channel, Record()).settle(calls, remember=True)

    def distrust(self, channel: str, calls: int, why: str) -> None:
        self._check(channel)
        self._records.setdefault(channel, Record()).distrust(calls, why)

    def _check(self, channel: str) -> None:
        if channel not in self._held:
            raise StateConflict(f"the channel {channel[:10]}… is not held by this process")
