"""Providers: what they declare, what auditors attest, what jobs ask for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mlm.memory.index import attributes
from mlm.memory.index.facts import Facts, Record, matching


class ProviderQueries(Facts):
    """The named queries about providers."""

    def _query_attributes(self, **filters: Any) -> Iterable[Record]:
        names = ("provider", "name", "value", "auditor", "issued_at", "expires_at")
        for row in matching(attributes.attributes(self._tables), **filters):
            yield {name: row[name] for name in names} | self._place(row)

    def _query_providers(self, provider: str | None) -> Iterable[Record]:
        return matching(attributes.providers(self._tables), provider=provider)

    def _query_requirements(self, hash: str | None) -> Iterable[Record]:
        for row in matching(reversed(self._tables["requirements"]), hash=hash):
            yield {name: row[name] for name in ("hash", "requirements")} | self._place(row)
