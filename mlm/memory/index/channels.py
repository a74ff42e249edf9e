"""Payment channels."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from mlm.memory.index.facts import Facts, Record, matching


class ChannelQueries(Facts):
    """The named queries about payment channels."""

    def _channel(self, row: Record) -> Record:
        channel = row["channel_id"]
        tops = self._of("channel_top_ups", channel_id=channel)
        claims = self._of("voucher_claims", channel_id=channel)
        ending: Record = next(iter(self._of("channel_endings", channel_id=channel)), {})
        now: Record = tops[-1] if tops else row
        last = max(fact.get("block", 0) for fact in (row, now, ending, *claims[-1:]))
        return (
            {name: row[name] for name in ("channel_id", "version_id", "payer", "payee", "signer")}
            | {"nonce": int(row["nonce"]), "deposit": now["deposit"], "expires_at": now["expires_at"]}
            | {"claimed": sum(claim["paid"] for claim in claims)}
            | {"claimed_calls": max((claim["calls"] for claim in claims), default=0)}
            | {"terms": json.loads(row["terms"]), "opened_at": row["timestamp"]}
            | {"ended_at": ending.get("timestamp"), "ending": ending.get("ending"), "refunded": ending.get("refunded")}
            | {"last_block": last}
            | self._place(row)
            | {"finality": self._finality(last)}
        )

    def _query_channels(self, ended: bool | None, **filters: Any) -> Iterable[Record]:
        for channel in matching([self._channel(row) for row in reversed(self._tables["channels"])], **filters):
            if ended is None or ended == (channel["ended_at"] is not None):
                yield channel

    def _query_channel_prefix(self, prefix: str) -> Iterable[Record]:
        ids = sorted(row["channel_id"] for row in self._tables["channels"])
        return [{"channel_id": found} for found in ids if found.startswith(prefix)]

    def _query_channel_credits(self, channel_id: str | None, account: str | None) -> Iterable[Record]:
        for row in matching(self._tables["channel_credits"], channel_id=channel_id, account=account):
            yield {name: row[name] for name in ("channel_id", "account", "reason", "amount")} | self._place(row)
