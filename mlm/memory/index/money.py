"""Credits, balances and stakes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from mlm.core.events.queries import REASONS, SALE_REASONS
from mlm.memory.index.bonds import bonded
from mlm.memory.index.facts import Facts, Record, matching
from mlm.memory.index.standings import rewarded, standings

_NOBODY = "0x" + "0" * 40
_BURN = "0x" + "dead".rjust(40, "0")


class MoneyQueries(Facts):
    """The named queries about money."""

    def _query_credits(self, job_id: str | None, account: str | None) -> Iterable[Record]:
        for row in matching(self._tables["credits"], job_id=job_id, account=account):
            yield {name: row[name] for name in ("job_id", "account", "reason", "amount")} | self._place(row)

    def _query_account_history(self, account: str) -> Iterable[Record]:
        addresses = {row["contract"]: row["address"] for row in self._tables["events"]}
        names = ("JobMarket", "StakeVault", "AssetSale", "Unverified", "DisputeGame", "PaymentChannels", "LicenceShop")
        market, vault, sale, unverified, game, channels, shop = map(addresses.get, names)
        licences, audits = map(addresses.get, ("LicenceToken", "AuditRewards"))
        attesters, tee = map(addresses.get, ("AttesterSet", "TeeVerifier"))
        replication, beacon, bonds = map(addresses.get, ("Replication", "CommitRevealBeacon", "ServingBonds"))
        found: list[tuple[Record, Record]] = []

        def add(row: Record, ledger: str, change: int, reason: str | None, job_id: str | None = None) -> None:
            found.append((row, {"ledger": ledger, "change": change, "reason": reason, "job_id": job_id}))

        for row in self._tables["transfers"]:
            sent = {
                channels: "channel",
                shop: "licence",
                licences: "licence",
                market: "escrow",
                vault: "stake",
                sale: "sale bid",
                unverified: "complaint",
                game: "dispute",
                audits: "audit",
                attesters: "attester",
                tee: "tee",
                replication: "replica",
                beacon: "beacon",
                bonds: "bond",
                _NOBODY: "burn",
            }
            received = {
                channels: "withdrawal",
                shop: "withdrawal",
                licences: "withdrawal",
                market: "withdrawal",
                vault: "unstake",
                sale: "withdrawal",
            }
            received |= {unverified: "complaint", game: "dispute", audits: "audit", _NOBODY: "mint"}
            received |= {attesters: "attester", tee: "tee"}
            received |= {replication: "replica", beacon: "beacon", bonds: "bond"}
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
        for row in self._of("channel_credits", account=account):
            named = REASONS[row["reason"]] if row["reason"] < len(REASONS) else None
            add(row, "channel", row["amount"], named)
        for row in self._of("channel_withdrawals", account=account):
            add(row, "channel", -row["amount"], "withdrawal")
        for row, ledger, change, why in bonded(self._tables, account):
            add(row, ledger, change, why)
        for row in self._of("game_credits", account=account):
            named = REASONS[row["reason"]] if row["reason"] < len(REASONS) else None
            add(row, "dispute", row["amount"], named)
        for row in self._of("game_withdrawals", account=account):
            add(row, "dispute", -row["amount"], "withdrawal")
        for row in self._of("licence_credits", account=account):
            named = REASONS[row["reason"]] if row["reason"] < len(REASONS) else None
            add(row, "licence", row["amount"], named)
        for row in self._of("licence_revocations", account=account):
            if row["refund"]:
                add(row, "licence", row["refund"], "revocation")
        for row in self._of("licence_withdrawals", account=account):
            add(row, "licence", -row["amount"], "withdrawal")
        for row, change, why in _reported(self._tables, account):
            add(row, "report", change, why)
        stake_reasons = {"deposited": (1, "deposit"), "withdrawn": (-1, "withdrawal"), "slashed": (-1, "slash")}
        for row in self._of("stake_changes", account=account):
            if row["change"] in stake_reasons:
                sign, why = stake_reasons[row["change"]]
                add(row, "stake", sign * row["amount"], why, row["job_id"])
        for row in self._of("attester_stakes", account=account):
            if row["change"] in stake_reasons:
                sign, why = stake_reasons[row["change"]]
                add(row, "attester", sign * row["amount"], why)
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
        for row in matching(self._tables["stake_changes"], account=account):
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
        return matching(standings(self._tables["outcomes"], self._tables["ratings"]), provider=provider)

    def _query_ratings(self, provider: str | None, job_id: str | None) -> Iterable[Record]:
        for row in matching(reversed(self._tables["ratings"]), provider=provider, job_id=job_id):
            points = next((outcome["points"] for outcome in self._of("outcomes", job_id=row["job_id"])), None)
            told = {name: row[name] for name in ("job_id", "provider", "consumer", "stars")}
            yield told | {"points": points} | self._place(row)


def _reported(tables: Mapping[str, Sequence[Record]], account: str) -> Iterator[tuple[Record, int, str]]:
    """What reports of attesters brought an account, and what it drew of that: row, change, reason."""
    for row in tables["attester_stakes"]:
        if row["change"] != "slashed":
            continue
        if row["reporter"] == account:
            yield row, row["reward"], "reward"
        if account == _BURN:
            yield row, row["amount"] - row["reward"], "burn"
    for row in tables["chain_reports"]:
        if row["change"] == "returned" and row["reporter"] == account:
            yield row, row["bond"], "bond"
        if row["change"] == "burned" and account == _BURN:
            yield row, row["bond"], "burn"
    for table in ("attester_withdrawals", "tee_withdrawals"):
        for row in tables[table]:
            if row["account"] == account:
                yield row, -row["amount"], "withdrawal"
