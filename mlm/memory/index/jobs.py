"""Jobs, bids and rounds."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from mlm.core.events.facts import COLUMNS
from mlm.memory.index import batches, leases
from mlm.memory.index.assets import AssetQueries
from mlm.memory.index.facts import Record, matching


class JobQueries(AssetQueries):
    """The named queries about jobs."""

    def _job(self, row: Record) -> Record:
        def one(table: str) -> Record:
            return next(iter(self._of(table, job_id=row["job_id"])), {})

        version = next((self._version(v) for v in self._of("versions", version_id=row["version_id"])), {})
        bids, changes = (self._of(table, job_id=row["job_id"]) for table in ("bids", "bid_changes"))
        moved = self._of("extensions", job_id=row["job_id"])
        auction = one("auctions")
        closing, accepted, submitted, settled = map(one, ("closings", "acceptances", "submissions", "settlements"))
        complaints = (said for said in self._of("complaints", job_id=row["job_id"]) if said["change"] != "paid")
        games = (*self._of("convictions", job_id=row["job_id"]), *self._of("games", job_id=row["job_id"]))
        moves = self._of("game_moves", job_id=row["job_id"])
        known = (row, *bids, *changes, *complaints, *games, *moves, closing, accepted, submitted, settled)
        last = max(fact.get("block", 0) for fact in known)
        provider, price = leases.best(row, bids, changes, closing)
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
            | leases.closes(row, auction.get("reveal_window") or 0, closing.get("timestamp"), moved)
            | {"awarded_at": closing.get("timestamp"), "awarded_tx": closing.get("tx_hash")}
            | {"accepted_at": accepted.get("timestamp"), "accepted_tx": accepted.get("tx_hash")}
            | {"submitted_at": submitted.get("timestamp"), "submitted_tx": submitted.get("tx_hash")}
            | {"settled_at": settled.get("timestamp"), "settled_tx": settled.get("tx_hash")}
            | {"provider": provider, "price": price}
            | {"bid_count": len(bids) + sum(change["change"] == "committed" for change in changes)}
            | {"commitments": leases.standing(row, changes)}
            | {"output_commitment": submitted.get("output_commitment"), "result": submitted.get("result")}
            | {"settled_state": settled.get("state"), "settled_price": settled.get("price")}
            | {"cancelled": settled.get("state") == 10}
            | {"verified": settled.get("state") == 7 and settled.get("tx_hash") == submitted.get("tx_hash")}
            | {"posted_tx": row["tx_hash"], "last_block": last}
            | self._place(row)
            | {"finality": self._finality(last)}
        )

    def _query_jobs(self, open_at: int | None, settled: bool | None, nonce: Any, **filters: Any) -> Iterable[Record]:
        rows = matching(reversed(self._tables["jobs"]), nonce=nonce)
        for job in matching([self._job(row) for row in rows], **filters):
            done = job["settled_at"] is not None
            if settled is not None and done != settled:
                continue
            if open_at is None or (not done and job["posted_at"] <= open_at < job["bids_close_at"]):
                yield job

    def _query_job(self, job_id: str) -> Iterable[Record]:
        names = ["job_id", "terms", "result", "submitted_tx", "block", "timestamp", "tx_hash", "finality"]
        return [{name: job[name] for name in names} for job in map(self._job, self._of("jobs", job_id=job_id))]

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

    def _query_input_keys(self, job_id: str) -> Iterable[Record]:
        for position, row in enumerate(self._of("input_keys", job_id=job_id), 1):
            yield {"position": position, "provider": row["provider"], "wrapped": row["wrapped"]} | self._place(row)

    def _query_traces(self, job_id: str) -> Iterable[Record]:
        return self._said_of(job_id, "traces", "provider graph_root inputs outputs tensor_roots")

    def _query_convictions(self, job_id: str) -> Iterable[Record]:
        return self._said_of(job_id, "convictions", "challenger prover fault node place expected claimed")

    def _query_games(self, job_id: str | None, challenger: str | None) -> Iterable[Record]:
        for row in matching(self._tables["games"], job_id=job_id, challenger=challenger):
            yield {name: row[name] for name in COLUMNS["games"]} | self._place(row)

    def _query_game_moves(self, job_id: str) -> Iterable[Record]:
        moves = self._said_of(job_id, "game_moves", "game_id account change position shown deadline")
        return [{"position_in_job": at} | move for at, move in enumerate(moves, 1)]

    def _query_audits(self, job_id: str | None, account: str | None) -> Iterable[Record]:
        for row in matching(self._tables["audits"], job_id=job_id, account=account):
            yield {name: row[name] for name in COLUMNS["audits"]} | self._place(row)

    def _query_audit_draws(self, period: int | None) -> Iterable[Record]:
        for row in matching(reversed(self._tables["audit_draws"]), period=period):
            yield {name: row[name] for name in COLUMNS["audit_draws"]} | self._place(row)

    def _query_audit_fundings(self, account: str | None) -> Iterable[Record]:
        for row in matching(self._tables["audit_fundings"], account=account):
            yield {name: row[name] for name in COLUMNS["audit_fundings"]} | self._place(row)

    def _query_beacon_rounds(self, round: int | None, account: str | None) -> Iterable[Record]:
        for row in matching(self._tables["beacon_rounds"], round=round, account=account):
            yield {name: row[name] for name in COLUMNS["beacon_rounds"]} | self._place(row)

    def _query_replicas(self, job_id: str | None, account: str | None) -> Iterable[Record]:
        for row in matching(self._tables["replicas"], job_id=job_id, account=account):
            yield {name: row[name] for name in COLUMNS["replicas"]} | self._place(row)

    def _query_replica_withdrawals(self, account: str | None) -> Iterable[Record]:
        for row in matching(self._tables["replica_withdrawals"], account=account):
            yield {name: row[name] for name in COLUMNS["replica_withdrawals"]} | self._place(row)

    def _said_of(self, job_id: str, table: str, columns: str) -> Iterable[Record]:
        return [
            {name: row[name] for name in columns.split()} | self._place(row) for row in self._of(table, job_id=job_id)
        ]

    def _query_complaints(self, job_id: str) -> Iterable[Record]:
        for position, row in enumerate(self._of("complaints", job_id=job_id), 1):
            told = {name: row[name] for name in ("account", "change", "answer_by", "salt", "outputs")}
            yield {"position": position} | told | self._place(row)

    def _query_offers(self, batch_id: str) -> Iterable[Record]:
        return [found | self._place(row) for found, row in batches.offers(self._of, batch_id)]

    def _query_entries(self, batch_id: str) -> Iterable[Record]:
        return [found | self._place(row) for found, row in batches.entries(self._of, batch_id)]

    def _query_batch(self, job_id: str) -> Iterable[Record]:
        return [found | self._place(row) for found, row in batches.batch_of(self._of, job_id)]
