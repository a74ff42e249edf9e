"""Sales of assets and licences."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mlm.core.auctions.sale import NEVER
from mlm.memory.index.assets import AssetQueries
from mlm.memory.index.facts import Record, matching


class SaleQueries(AssetQueries):
    """The named queries about sales."""

    def _sale(self, row: Record) -> Record:
        registry = {event["contract"]: event["address"] for event in self._tables["events"]}.get("AssetRegistry")
        asset = self._asset_of(row["token_id"]) if row["collection"] == registry else {}
        bids = self._of("sale_bids", sale_id=row["sale_id"])
        best: Record = bids[-1] if bids else {}
        closing: Record = next(iter(self._of("sale_closings", sale_id=row["sale_id"])), {})
        lot: Record = next(iter(self._of("lots", sale_id=row["sale_id"])), {})
        last = max(fact.get("block", 0) for fact in (row, best, closing))
        same = ("sale_id", "collection", "token_id", "seller", "reserve", "step_bps", "extension", "escrow")
        return (
            {name: row[name] for name in same}
            | {name: asset.get(name) for name in ("handle", "name")}
            | {"units": lot.get("units", 0), "start_price": lot.get("start_price", 0)}
            | {"expires_at": lot.get("expires_at", NEVER)}
            | {"opened_at": row["timestamp"], "ends_at": best.get("ends_at", row["timestamp"] + row["duration"])}
            | {"bidder": best.get("bidder"), "price": best.get("amount"), "bid_count": len(bids)}
            | {"closed_at": closing.get("timestamp"), "closed_state": closing.get("state")}
            | {"recipient": closing.get("recipient"), "last_block": last}
            | self._place(row)
            | {"finality": self._finality(last)}
        )

    def _query_sales(self, open_at: int | None, **filters: Any) -> Iterable[Record]:
        for sale in matching([self._sale(row) for row in reversed(self._tables["sales"])], **filters):
            if open_at is None or (sale["closed_at"] is None and open_at < sale["ends_at"]):
                yield sale

    def _query_sale_prefix(self, prefix: str) -> Iterable[Record]:
        ids = sorted(row["sale_id"] for row in self._tables["sales"])
        return [{"sale_id": sale_id} for sale_id in ids if sale_id.startswith(prefix)]

    def _query_sale_bids(self, sale_id: str) -> Iterable[Record]:
        for position, row in enumerate(self._of("sale_bids", sale_id=sale_id), 1):
            facts = {name: row[name] for name in ("bidder", "amount", "ends_at")}
            yield {"position": position} | facts | self._place(row)

    def _query_sale_credits(self, sale_id: str | None, account: str | None) -> Iterable[Record]:
        for row in matching(self._tables["sale_credits"], sale_id=sale_id, account=account):
            yield {name: row[name] for name in ("sale_id", "account", "reason", "amount")} | self._place(row)
