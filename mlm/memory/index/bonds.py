"""Stake behind what is served, and accusations of payees."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from mlm.core.events.bonds import COLUMNS
from mlm.core.events.queries import REASONS
from mlm.memory.index.facts import Facts, Record, matching

_SAID = tuple(name for name in COLUMNS["accusations"] if name != "statement")


class BondQueries(Facts):
    """The named queries about bonds of payees."""

    def _query_bond_changes(self, **filters: Any) -> Iterable[Record]:
        for row in matching(self._tables["bond_changes"], **filters):
            yield {name: row[name] for name in COLUMNS["bond_changes"]} | self._place(row)

    def _accusation(self, row: Record) -> Record:
        """With the first ending behind it."""
        at = (row["block"], row["log_index"])
        endings = self._of("accusation_endings", accusation_id=row["accusation_id"])
        end: Record = next((each for each in endings if (each["block"], each["log_index"]) > at), {})
        last = max(row["block"], end.get("block", 0))
        return (
            {name: row[name] for name in _SAID}
            | {"statement": json.loads(row["statement"])}
            | {"ended_at": end.get("timestamp"), "ending": end.get("change")}
            | {name: end.get(name) for name in ("job_id", "output_commitment", "slashed")}
            | {"last_block": last}
            | self._place(row)
            | {"finality": self._finality(last)}
        )

    def _contradiction(self, end: Record) -> Record:
        """What convicted without an accusation before it."""
        said: Record = dict.fromkeys((*_SAID, "statement"))
        named = ("accusation_id", "version_id", "payee", "payer", "job_id", "output_commitment", "slashed")
        told = {name: end[name] for name in named} | {"ended_at": end["timestamp"], "ending": end["change"]}
        return said | told | {"last_block": end["block"]} | self._place(end)

    def _accusations(self) -> list[Record]:
        """The newest first."""
        found = [((row["block"], row["log_index"]), self._accusation(row)) for row in self._tables["accusations"]]
        for end in self._of("accusation_endings", change="proven"):
            at = (end["block"], end["log_index"])
            made = self._of("accusations", accusation_id=end["accusation_id"])
            if not any((row["block"], row["log_index"]) < at for row in made):
                found.append((at, self._contradiction(end)))
        return [row for _, row in sorted(found, key=lambda pair: pair[0], reverse=True)]

    def _query_accusations(self, ended: bool | None, **filters: Any) -> Iterable[Record]:
        for found in matching(self._accusations(), **filters):
            if ended is None or ended == (found["ended_at"] is not None):
                yield found

    def _query_accusation_prefix(self, prefix: str) -> Iterable[Record]:
        ids = sorted({row["accusation_id"] for row in self._accusations()})
        return [{"accusation_id": found} for found in ids if found.startswith(prefix)]

    def _query_accused_inputs(self, **filters: Any) -> Iterable[Record]:
        for row in matching(reversed(self._tables["accused_inputs"]), **filters):
            told = {name: row[name] for name in ("accusation_id", "version_id", "exact_input")}
            yield told | {"inputs": json.loads(row["inputs"])} | self._place(row)

    def _query_accusation_endings(self, **filters: Any) -> Iterable[Record]:
        for row in matching(reversed(self._tables["accusation_endings"]), **filters):
            yield {name: row[name] for name in COLUMNS["accusation_endings"]} | self._place(row)

    def _query_bond_credits(self, **filters: Any) -> Iterable[Record]:
        for row in matching(self._tables["bond_credits"], **filters):
            yield {name: row[name] for name in COLUMNS["bond_credits"]} | self._place(row)


def bonded(tables: Mapping[str, Sequence[Record]], account: str) -> Iterator[tuple[Record, str, int, str | None]]:
    """What moved an account's bonds, and what accusations brought it: row, ledger, change, reason."""
    for row in matching(tables["bond_changes"], account=account):
        if row["change"] != "unbonding":
            deposited = row["change"] == "deposited"
            yield row, "bond", row["amount"] if deposited else -row["amount"], "deposit" if deposited else "withdrawal"
    for row in matching(tables["accusation_endings"], payee=account, change="proven"):
        yield row, "bond", -row["slashed"], "slash"
    for row in matching(tables["bond_credits"], account=account):
        yield row, "accusation", row["amount"], REASONS[row["reason"]] if row["reason"] < len(REASONS) else None
    for row in matching(tables["bond_withdrawals"], account=account):
        yield row, "accusation", -row["amount"], "withdrawal"
