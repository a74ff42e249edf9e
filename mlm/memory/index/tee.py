"""The tier tee: its attesters, what they signed, and what was shown of it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from mlm.core.events.facts import COLUMNS
from mlm.memory.index.facts import Facts, Record, matching


class TeeQueries(Facts):
    """The named queries about the tier tee."""

    def _noted(self, table: str, newest: bool = False, **filters: Any) -> Iterable[Record]:
        rows = self._tables[table]
        for row in matching(reversed(rows) if newest else rows, **filters):
            yield {name: row[name] for name in COLUMNS[table]} | self._place(row)

    def _query_attester_changes(self, account: str | None) -> Iterable[Record]:
        return self._noted("attester_changes", account=account)

    def _query_attester_stakes(self, account: str | None) -> Iterable[Record]:
        return self._noted("attester_stakes", account=account)

    def _query_attester_thresholds(self) -> Iterable[Record]:
        return self._noted("attester_thresholds")

    def _query_attested_results(self, job_id: str | None, digest: str | None, quote: str | None) -> Iterable[Record]:
        return _about(quote, self._noted("attested_results", job_id=job_id, digest=digest))

    def _query_session_keys(self, digest: str | None, provider: str | None, quote: str | None) -> Iterable[Record]:
        return _about(quote, self._noted("session_keys", newest=True, digest=digest, provider=provider))

    def _query_shown_quotes(self, job_id: str) -> Iterable[Record]:
        return self._noted("shown_quotes", job_id=job_id)

    def _query_falsehoods(self, digest: str | None) -> Iterable[Record]:
        return self._noted("falsehoods", digest=digest)

    def _query_equivocations(self, account: str | None) -> Iterable[Record]:
        return self._noted("equivocations", account=account)

    def _query_chain_reports(self, digest: str | None) -> Iterable[Record]:
        return self._noted("chain_reports", digest=digest)


def _about(quote: str | None, rows: Iterable[Record]) -> Iterable[Record]:
    """Those whose attestation is of this quote."""
    return (row for row in rows if quote in (None, json.loads(row["attestation"])["quoteDigest"]))
