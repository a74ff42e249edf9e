"""The State port in memory: the named queries as plain Python over the same facts that the DuckDB index stores."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from mlm.core.errors import UsageError
from mlm.core.events.batch import check_batch
from mlm.core.events.facts import COLUMNS, PLACE, facts
from mlm.core.events.queries import REASONS, SALE_REASONS, arguments
from mlm.core.job import AuctionKind
from mlm.memory import batches, state_providers
from mlm.memory.standings import rewarded, standings
from mlm.ports.chain import Block
from mlm.ports.state import SQL_ROWS, Event

Record = dict[str, Any]
_NOBODY = "0x" + "0" * 40


class MemoryState:
    """Answers as the DuckDB index does. `sql` speaks SQLite's dialect, over the fact tables only, numbers above 64 bits
    as text."""

    def __init__(self) -> None:
        self._blocks: list[Block] = []
        self._tables: dict[str, list[Record]] = {name: [] for name in ("events", *COLUMNS)}
        self._marks: dict[str, str] = {}

    def head(self) -> Block | None:
        """The last block ingested."""
        return self._blocks[-1] if self._blocks else None

    def block_hash(self, number: int) -> str | None:
        """The stored hash of a block."""
        return next((block.hash for block in self._blocks if block.number == number), None)

    def ingest(self, blocks: Sequence[Block], events: Sequence[Event], after: str | None = None) -> None:
        """Add blocks and events behind the head `after`, all or none."""
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

    # --- assets ---------------------------------------------------------------------------------------------------

    def _asset(self, row: Record) -> Record:
        owner = next((t["recipient"] for t in reversed(self._of("asset_transfers", token_id=row["token_id"]))), None)
        chosen = {name: row[name] for name in ("token_id", "handle", "name", "kind")}
        return chosen | {"owner": owner or row["owner"], "creator": row["owner"]} | self._place(row)

    def _asset_of(self, token_id: str) -> Record:
        row = next(iter(self._of("assets", token_id=token_id)), None)
        return self._asset(row) if row else dict.fromkeys(("handle", "name", "kind", "owner"))

    def _version(self, row: Record) -> Record:
        asset = self._asset_of(row["token_id"])
        price: Record = next(reversed(self._of("prices", version_id=row["version_id"])), {})
        names = ("token_id", "version_id", "version", "manifest", "licence", "publisher")
        return (
            {name: row[name] for name in names}
            | {name: asset[name] for name in ("handle", "name", "kind", "owner")}
            | {"use_price": price.get("use_price"), "owner_bps": price.get("owner_bps")}
            | self._place(row)
        )

    def _query_assets(self, handle: Any, name: Any, token_id: Any, owner: Any) -> Iterable[Record]:
        rows = [self._asset(row) for row in reversed(self._tables["assets"])]
        return _matching(rows, handle=handle, name=name, token_id=token_id, owner=owner)

    def _query_asset_prefix(self, prefix: str) -> Iterable[Record]:
        ids = sorted(row["token_id"] for row in self._tables["assets"])
        return [{"token_id": token_id} for token_id in ids if token_id.startswith(prefix)]

    def _query_versions(self, token_id: Any, version_id: Any, version: Any, manifest: Any) -> Iterable[Record]:
        rows = [self._version(row) for row in reversed(self._tables["versions"])]
        return _matching(rows, token_id=token_id, version_id=version_id, version=version, manifest=manifest)

    def _newest(self) -> dict[str, Record]:
        return {row["token_id"]: row for row in self._tables["versions"]}

    def _query_search(self, text: str, kind: int | None) -> Iterable[Record]:
        newest = sorted(self._newest().values(), key=lambda row: (row["block"], row["log_index"]), reverse=True)
        for row in _matching([self._version(row) for row in newest], kind=kind):
            name = f"{row['handle']}/{row['name']}" if row["handle"] is not None else ""
            if text.lower() in name.lower() or text.lower() in row["licence"].lower():
                yield row

    def _query_handle(self, handle: str) -> Iterable[Record]:
        rows = self._of("handles", handle=handle)
        return [{"handle": row["handle"], "owner": row["owner"]} | self._place(row) for row in rows]

    def _query_keys(self, version_id: str) -> Iterable[Record]:
        rows = [
            {"tier": row["tier"], "key": row["key"]} | self._place(row)
            for row in self._of("keys", version_id=version_id)
        ]
        return sorted(rows, key=lambda row: row["tier"])

    def _parent(self, token_id: str) -> Record:
        asset = self._asset_of(token_id)
        return {name: asset[name] for name in ("handle", "name", "owner")}

    def _query_parents(self, version_id: str) -> Iterable[Record]:
        for row in self._of("parents", version_id=version_id):
            yield {name: row[name] for name in ("position", "token_id", "bps")} | self._parent(row["token_id"])

    def _query_lineage(self, version_id: str, depth: int) -> Iterable[Record]:
        newest = {token: row["version_id"] for token, row in self._newest().items()}
        start = next((row["token_id"] for row in self._of("versions", version_id=version_id)), None)
        level, found = {(start, version_id)} if start else set(), []
        for step in range(1, depth + 1):
            edges = {(c, p["token_id"], p["bps"]) for c, v in level for p in self._of("parents", version_id=v)}
            found += [(step, *edge) for edge in sorted(edges)]
            level = {(token, newest[token]) for _, token, _ in edges if token in newest}
        for row in found:
            yield dict(zip(("depth", "child", "token_id", "bps"), row, strict=True)) | self._parent(row[2])

    # --- jobs -----------------------------------------------------------------------------------------------------

    def _job(self, row: Record) -> Record:
        def one(table: str) -> Record:
            return next(iter(self._of(table, job_id=row["job_id"])), {})

        version = next((self._version(v) for v in self._of("versions", version_id=row["version_id"])), {})
        bids, changes = (self._of(table, job_id=row["job_id"]) for table in ("bids", "bid_changes"))
        auction = one("auctions")
        closing, accepted, submitted, settled = map(one, ("closings", "acceptances", "submissions", "settlements"))
        known = (row, *bids, *changes, closing, accepted, submitted, settled)
        last = max(fact.get("block", 0) for fact in known)
        provider, price = _best(row, bids, changes, closing)
        same = (
            "job_id",
            "version_id",
            "consumer",
            "tier",
            "auction",
            "scheme",
            "input_commitment",
            "input",
            "max_price",
        )
        return (
            {name: row[name] for name in same}
            | {name: version.get(name) for name in ("handle", "name", "version")}
            | {"nonce": int(row["nonce"]), "terms": json.loads(row["terms"])}
            | {"posted_at": row["timestamp"]}
            | {name: auction.get(name) for name in ("start_price", "price_step", "reveal_window", "requirements")}
            | _closes(row, auction.get("reveal_window") or 0, closing.get("timestamp"))
            | {"awarded_at": closing.get("timestamp"), "awarded_tx": closing.get("tx_hash")}
            | {"accepted_at": accepted.get("timestamp"), "accepted_tx": accepted.get("tx_hash")}
            | {"submitted_at": submitted.get("timestamp"), "submitted_tx": submitted.get("tx_hash")}
            | {"settled_at": settled.get("timestamp"), "settled_tx": settled.get("tx_hash")}
            | {"provider": provider, "price": price}
            | {"bid_count": len(bids) + sum(change["change"] == "committed" for change in changes)}
            | {"commitments": _standing(changes) if row["auction"] == AuctionKind.SEALED else 0}
            | {"output_commitment": submitted.get("output_commitment"), "result": submitted.get("result")}
            | {"settled_state": settled.get("state"), "settled_price": settled.get("price")}
            | {"cancelled": settled.get("state") == 10}
            | {"verified": settled.get("state") == 7 and settled.get("tx_hash") == submitted.get("tx_hash")}
            | {"posted_tx": row["tx_hash"], "last_block": last}
            | self._place(row)
            | {"finality": self._finality(last)}
        )

    def _query_jobs(self, open_at: int | None, settled: bool | None, **filters: Any) -> Iterable[Record]:
        for job in _matching([self._job(row) for row in reversed(self._tables["jobs"])], **filters):
            done = job["settled_at"] is not None
            if settled is not None and done != settled:
                continue
            if open_at is None or (not done and job["posted_at"] <= open_at < job["bids_close_at"]):
                yield job

    def _query_job_prefix(self, prefix: str) -> Iterable[Record]:
        ids = sorted(row["job_id"] for row in self._tables["jobs"])
        return [{"job_id": job_id} for job_id in ids if job_id.startswith(prefix)]

    def _query_bids(self, job_id: str) -> Iterable[Record]:
        for position, row in enumerate(self._of("bids", job_id=job_id), 1):
            yield {"position": position, "provider": row["provider"], "price": row["price"]} | self._place(row)

    def _query_bid_changes(self, job_id: str) -> Iterable[Record]:
        for position, row in enumerate(self._of("bid_changes", job_id=job_id), 1):
            told = {name: row[name] for name in ("bidder", "change", "commitment", "amount")}
            yield {"position": position} | told | self._place(row)

    def _query_offers(self, batch_id: str) -> Iterable[Record]:
        return [found | self._place(row) for found, row in batches.offers(self._of, batch_id)]

    def _query_batch(self, job_id: str) -> Iterable[Record]:
        return [found | self._place(row) for found, row in batches.batch_of(self._of, job_id)]

    # --- sales ----------------------------------------------------------------------------------------------------

    def _sale(self, row: Record) -> Record:
        registry = {event["contract"]: event["address"] for event in self._tables["events"]}.get("AssetRegistry")
        asset = self._asset_of(row["token_id"]) if row["collection"] == registry else {}
        bids = self._of("sale_bids", sale_id=row["sale_id"])
        best: Record = bids[-1] if bids else {}
        closing: Record = next(iter(self._of("sale_closings", sale_id=row["sale_id"])), {})
        last = max(fact.get("block", 0) for fact in (row, best, closing))
        same = ("sale_id", "collection", "token_id", "seller", "reserve", "step_bps", "extension", "escrow")
        return (
            {name: row[name] for name in same}
            | {name: asset.get(name) for name in ("handle", "name")}
            | {"opened_at": row["timestamp"], "ends_at": best.get("ends_at", row["timestamp"] + row["duration"])}
            | {"bidder": best.get("bidder"), "price": best.get("amount"), "bid_count": len(bids)}
            | {"closed_at": closing.get("timestamp"), "closed_state": closing.get("state")}
            | {"recipient": closing.get("recipient"), "last_block": last}
            | self._place(row)
            | {"finality": self._finality(last)}
        )

    def _query_sales(self, open_at: int | None, **filters: Any) -> Iterable[Record]:
        for sale in _matching([self._sale(row) for row in reversed(self._tables["sales"])], **filters):
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
        for row in _matching(self._tables["sale_credits"], sale_id=sale_id, account=account):
            yield {name: row[name] for name in ("sale_id", "account", "reason", "amount")} | self._place(row)

    # --- money ----------------------------------------------------------------------------------------------------

    def _query_credits(self, job_id: str | None, account: str | None) -> Iterable[Record]:
        for row in _matching(self._tables["credits"], job_id=job_id, account=account):
            yield {name: row[name] for name in ("job_id", "account", "reason", "amount")} | self._place(row)

    def _query_account_history(self, account: str) -> Iterable[Record]:
        addresses = {row["contract"]: row["address"] for row in self._tables["events"]}
        market, vault, sale = (addresses.get(name) for name in ("JobMarket", "StakeVault", "AssetSale"))
        found: list[tuple[Record, Record]] = []

        def add(row: Record, ledger: str, change: int, reason: str | None, job_id: str | None = None) -> None:
            found.append((row, {"ledger": ledger, "change": change, "reason": reason, "job_id": job_id}))

        for row in self._tables["transfers"]:
            sent = {market: "escrow", vault: "stake", sale: "sale bid", _NOBODY: "burn"}
            received = {market: "withdrawal", vault: "unstake", sale: "withdrawal", _NOBODY: "mint"}
            if row["sender"] == account:
                reason = sent.get(row["recipient"], "transfer")
                paid = [
                    job["job_id"]
                    for job in self._of("jobs", tx_hash=row["tx_hash"], consumer=account, max_price=row["amount"])
                ]
                add(row, "wallet", -row["amount"], reason, min(paid, default=None) if reason == "escrow" else None)
            if row["recipient"] == account:
                reason = received.get(row["sender"], "transfer")
                paid_out = reason == "unstake" and rewarded(self._tables["reward_changes"], row)
                add(row, "wallet", row["amount"], "reward" if paid_out else reason)
        for row in self._of("credits", account=account):
            named = REASONS[row["reason"]] if row["reason"] < len(REASONS) else None
            add(row, "credit", row["amount"], named, row["job_id"])
        for row in self._of("withdrawals", account=account):
            add(row, "credit", -row["amount"], "withdrawal")
        for row in self._of("sale_credits", account=account):
            named = SALE_REASONS[row["reason"]] if row["reason"] < len(SALE_REASONS) else None
            add(row, "sale", row["amount"], named)
        for row in self._of("sale_withdrawals", account=account):
            add(row, "sale", -row["amount"], "withdrawal")
        stake_reasons = {"deposited": (1, "deposit"), "withdrawn": (-1, "withdrawal"), "slashed": (-1, "slash")}
        for row in self._of("stake_changes", account=account):
            if row["change"] in stake_reasons:
                sign, why = stake_reasons[row["change"]]
                add(row, "stake", sign * row["amount"], why, row["job_id"])
        found.sort(key=lambda pair: (pair[0]["block"], pair[0]["log_index"], pair[1]["ledger"], pair[1]["change"]))
        return [entry | self._place(row) for row, entry in found]

    def _query_stakes(self, account: str | None) -> Iterable[Record]:
        signs = {
            "deposited": {"total": 1},
            "unbonding": {"unbonding": 1},
            "withdrawn": {"total": -1, "unbonding": -1},
            "locked": {"locked": 1},
            "unlocked": {"locked": -1},
            "slashed": {"total": -1, "locked": -1},
        }
        stakes: dict[tuple[str, int], Record] = {}
        for row in _matching(self._tables["stake_changes"], account=account):
            stake = stakes.setdefault(
                (row["account"], row["role"]),
                {
                    "account": row["account"],
                    "role": row["role"],
                    "total": 0,
                    "locked": 0,
                    "unbonding": 0,
                    "release_at": None,
                },
            )
            for name, sign in signs[row["change"]].items():
                stake[name] += sign * row["amount"]
            if row["change"] == "unbonding":
                stake["release_at"] = row["release_at"]
        return [stakes[key] for key in sorted(stakes)]

    def _query_reputation(self, provider: str | None) -> Iterable[Record]:
        return _matching(standings(self._tables["outcomes"], self._tables["ratings"]), provider=provider)

    def _query_ratings(self, provider: str | None, job_id: str | None) -> Iterable[Record]:
        for row in _matching(reversed(self._tables["ratings"]), provider=provider, job_id=job_id):
            points = next((outcome["points"] for outcome in self._of("outcomes", job_id=row["job_id"])), None)
            told = {name: row[name] for name in ("job_id", "provider", "consumer", "stars")}
            yield told | {"points": points} | self._place(row)

    # --- providers ------------------------------------------------------------------------------------------------

    def _query_attributes(self, **filters: Any) -> Iterable[Record]:
        names = ("provider", "name", "value", "auditor", "issued_at", "expires_at")
        for row in _matching(state_providers.attributes(self._tables), **filters):
            yield {name: row[name] for name in names} | self._place(row)

    def _query_providers(self, provider: str | None) -> Iterable[Record]:
        return _matching(state_providers.providers(self._tables), provider=provider)

    def _query_requirements(self, hash: str | None) -> Iterable[Record]:
        for row in _matching(reversed(self._tables["requirements"]), hash=hash):
            yield {name: row[name] for name in ("hash", "requirements")} | self._place(row)

    # --- the index itself -----------------------------------------------------------------------------------------

    def _query_events(self, tx_hash: Any, contract: Any, name: Any) -> Iterable[Record]:
        for row in _matching(reversed(self._tables["events"]), tx_hash=tx_hash, contract=contract, name=name):
            yield row | {"args": json.loads(json.dumps(row["args"])), "finality": self._finality(row["block"])}

    def _query_blocks(self, before: int | None) -> Iterable[Record]:
        return [dict(vars(block)) for block in reversed(self._blocks) if before is None or block.number < before]

    def _query_marks(self) -> Iterable[Record]:
        return [{"name": name, "value": value} for name, value in sorted(self._marks.items())]

    def _finality(self, number: int) -> str:
        for name in ("finalized", "safe"):
            if number <= int(self._marks.get(name, -1)):
                return name
        return "included"

    def _place(self, row: Record) -> Record:
        place = {name: row[name] for name in ("block", "timestamp", "tx_hash")}
        return place | {"finality": self._finality(row["block"])}

    def _of(self, table: str, **wanted: Any) -> list[Record]:
        return list(_matching(self._tables[table], **wanted))


def _best(row: Record, bids: list[Record], changes: list[Record], closing: Record) -> tuple[Any, Any]:
    """Who leads, or holds the lease, and the price that it would be paid now; None for nobody."""
    if row["auction"] == AuctionKind.BATCH:
        return closing.get("provider"), closing.get("price")
    if row["auction"] == AuctionKind.SEALED:
        shown = sorted((c for c in changes if c["change"] == "revealed"), key=lambda c: (c["amount"], *_when(c)))
        if not shown:
            return None, None
        return shown[0]["bidder"], shown[1]["amount"] if len(shown) > 1 else row["max_price"]
    withdrawn = max((_when(c) for c in changes if c["change"] == "withdrawn"), default=(-1, -1))
    if not bids or _when(bids[-1]) < withdrawn:
        return None, None
    return bids[-1]["provider"], bids[-1]["price"]


def _when(row: Record) -> tuple[int, int]:
    return row["block"], row["log_index"]


def _closes(row: Record, reveal_window: int, closed: int | None) -> Record:
    """When bids and reveals close. A transaction closes the reveals where there are any, else the bids."""
    posted, window = row["timestamp"], row["bidding_window"]
    if row["auction"] == AuctionKind.BATCH:
        bids = (posted // window + 1) * window
    elif row["auction"] == AuctionKind.SEALED:
        bids = posted + window
    else:
        bids = posted + window if closed is None else closed
        return {"bids_close_at": bids, "reveals_close_at": bids}
    return {"bids_close_at": bids, "reveals_close_at": bids + reveal_window if closed is None else closed}


def _standing(changes: list[Record]) -> int:
    """Sealed bids neither withdrawn, shown nor forfeited."""
    return sum(1 if change["change"] == "committed" else -1 for change in changes)


def _matching(rows: Iterable[Record], **wanted: Any) -> Iterable[Record]:
    """Rows in which every wanted column, None aside, has that value."""
    filters = [(name, value) for name, value in wanted.items() if value is not None]
    return [row for row in rows if all(row[name] == value for name, value in filters)]


def _cell(value: Any) -> Any:
    if isinstance(value, (dict, list)):
        return json.dumps(value)
    return str(value) if isinstance(value, int) and abs(value) >= 2**63 else value
