"""Licences, their orders, and content keys."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from mlm.memory.index.facts import Facts, Record, matching

_NOBODY = "0x" + "0" * 40


class LicenceQueries(Facts):
    """The named queries about licences."""

    def _told(self, table: str, names: tuple[str, ...], newest: bool = False, **wanted: Any) -> Iterable[Record]:
        rows = self._of(table, **wanted)
        for row in reversed(rows) if newest else rows:
            yield {name: row[name] for name in names} | self._place(row)

    def _query_content_keys(self, version_id: str | None) -> Iterable[Record]:
        return self._told("content_keys", ("version_id", "owner", "key_digest"), True, version_id=version_id)

    def _query_key_requests(self, **wanted: Any) -> Iterable[Record]:
        return self._told("key_requests", ("version_id", "account", "x", "y"), **wanted)

    def _query_key_grants(self, **wanted: Any) -> Iterable[Record]:
        return self._told("key_grants", ("version_id", "account", "granter", "x", "y", "wrapped"), True, **wanted)

    def _query_licence_classes(self, **wanted: Any) -> Iterable[Record]:
        for row in self._told("licence_classes", ("class_id", "token_id", "terms"), True, **wanted):
            yield row | {"terms": json.loads(row["terms"])}

    def _query_licence_offers(self, **wanted: Any) -> Iterable[Record]:
        names = ("class_id", "token_id", "seller", "version_id", "price", "stock", "delivery")
        last = {row["class_id"]: row for row in self._tables["licence_offers"]}.values()
        for row in sorted(last, key=lambda row: (row["block"], row["log_index"]), reverse=True):
            if list(matching([row], **wanted)):
                yield {name: row[name] for name in names} | self._place(row)

    def _query_licence_orders(self, **wanted: Any) -> Iterable[Record]:
        for row in reversed(self._of("licence_orders", **wanted)):
            given: Record = next(iter(self._of("licence_deliveries", order_id=row["order_id"])), {})
            closed: Record = next(iter(self._of("licence_closings", order_id=row["order_id"])), {})
            last = max(fact.get("block", 0) for fact in (row, given, closed))
            same = ("order_id", "class_id", "version_id", "buyer", "seller", "units", "price")
            yield (
                {name: row[name] for name in same}
                | {"purchase": json.loads(row["purchase"])}
                | {"ordered_at": row["timestamp"], "delivered_at": given.get("timestamp")}
                | {name: given.get(name) for name in ("x", "y", "wrapped")}
                | {"closed_at": closed.get("timestamp"), "closed_state": closed.get("state")}
                | {"licence_id": closed.get("licence_id"), "last_block": last}
                | self._place(row)
                | {"finality": self._finality(last)}
            )

    def _query_order_prefix(self, prefix: str) -> Iterable[Record]:
        ids = sorted(row["order_id"] for row in self._tables["licence_orders"])
        return [{"order_id": order_id} for order_id in ids if order_id.startswith(prefix)]

    def _query_licence_holdings(self, **wanted: Any) -> Iterable[Record]:
        held: dict[tuple[str, str, str], Record] = {}
        for row in self._tables["licence_moves"]:
            for account, units in ((row["recipient"], row["units"]), (row["sender"], -row["units"])):
                if account == _NOBODY or not units:
                    continue
                ids = {"licence_id": row["licence_id"], "class_id": row["class_id"], "account": account}
                found = held.setdefault((row["licence_id"], row["class_id"], account), {**ids, "units": 0})
                found |= {"units": found["units"] + units, "last_block": row["block"]}
        order = sorted(held.values(), key=lambda row: (-row["last_block"], row["licence_id"], row["account"]))
        for row in matching(order, **wanted):
            yield row | {"finality": self._finality(row["last_block"])}

    def _query_licence_credits(self, **wanted: Any) -> Iterable[Record]:
        return self._told("licence_credits", ("order_id", "account", "reason", "amount"), **wanted)

    def _query_licence_uses(self, **wanted: Any) -> Iterable[Record]:
        return self._told("licence_uses", ("licence_id", "account", "purpose", "units"), **wanted)

    def _query_licence_revocations(self, **wanted: Any) -> Iterable[Record]:
        return self._told("licence_revocations", ("licence_id", "account", "units", "refund", "until"), **wanted)
