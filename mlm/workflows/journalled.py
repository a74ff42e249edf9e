"""What the journal says of an operation: how far each step came, and which outcomes end it.

Entries of a step: `signed` (several share a nonce: replacements), `included`, `failed` and `displaced` (what was signed
before never counts), `stored`, `moved`, `kept`, `undoing`, `cancelling` (a transaction that takes the nonce),
`cancelled`, `taken_back`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from mlm.core.errors import InvalidData, NotFound
from mlm.ports.journal import DONE, ENDED, SUPERSEDED, UNDONE, Journal
from mlm.ports.signer import Outcome, Signed

__all__ = [
    "DONE",
    "SUPERSEDED",
    "UNDONE",
    "Progress",
    "ended",
    "find",
    "included_entry",
    "progress",
    "signed_entry",
    "spent",
]


@dataclass(frozen=True)
class Progress:
    """How far one step came. `signed` may be waiting: at most one of them is ever included."""

    signed: tuple[Signed, ...] = ()
    included: str = ""  # transaction hash
    local: str = ""  # CID of what was stored, or of the commit that a name was moved to, or a kept bid's commitment
    undoing: bool = False  # the operation is being given up: nobody resumes it
    cancelling: tuple[Signed, ...] = ()
    cancelled: bool = False  # or taken back

    @property
    def done(self) -> bool:
        """Whether the step was done, as far as the journal knows."""
        return bool(self.included or self.local) and not self.cancelled

    @property
    def given_up(self) -> bool:
        """Whether undoing has begun."""
        return self.undoing or self.cancelled or bool(self.cancelling)

    @property
    def state(self) -> str:
        """planned, signed (its bytes may have been sent), done or cancelled."""
        if self.done:
            return "done"
        return "cancelled" if self.cancelled else "signed" if self.signed else "planned"

    @property
    def reference(self) -> str:
        """Transaction hash or CID."""
        return self.included or self.local or (self.signed[-1].tx_hash if self.signed else "")


def progress(entries: Iterable[Mapping[str, Any]]) -> dict[int, Progress]:
    """The progress of each step that has any, from the journal's entries; raises InvalidData for foreign ones."""
    found: dict[int, Progress] = {}
    try:
        for line in entries:
            found[line["step"]] = _after(found.get(line["step"], Progress()), line["entry"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InvalidData(f"the journal holds an entry that mlm did not write: {error}") from error
    return found


def _after(before: Progress, entry: Mapping[str, Any]) -> Progress:
    if "signed" in entry:
        return replace(before, signed=(*before.signed, _signed(entry["signed"])))
    if "included" in entry:
        # Journals of version 0.1 do not name the transaction: there was only one.
        return replace(before, included=entry["included"].get("tx_hash") or before.signed[-1].tx_hash)
    if "failed" in entry or "displaced" in entry:
        return Progress(undoing=before.undoing)
    for name in ("stored", "moved", "kept"):
        if name in entry:
            return replace(before, local=entry[name] or "nothing")
    if "undoing" in entry:
        return replace(before, undoing=True)
    if "cancelling" in entry:
        return replace(before, cancelling=(*before.cancelling, _signed(entry["cancelling"])))
    return replace(before, cancelled=before.cancelled or "cancelled" in entry or "taken_back" in entry)


def signed_entry(signed: Signed) -> dict[str, Any]:
    """A signed transaction as the journal keeps it."""
    return {
        "raw": signed.raw.hex(),
        "tx_hash": signed.tx_hash,
        "nonce": signed.nonce,
        "priority_fee": signed.priority_fee,
        "max_fee": signed.max_fee,
        "gas": signed.gas,
    }


def _signed(entry: Mapping[str, Any]) -> Signed:
    fees = entry.get("priority_fee", 0), entry.get("max_fee", 0), entry.get("gas", 0)
    return Signed(bytes.fromhex(entry["raw"]), entry["tx_hash"], entry["nonce"], *fees)


def included_entry(found: Outcome) -> dict[str, Any]:
    """Where a transaction stands, as the journal keeps it."""
    if found.receipt is None:
        return {"tx_hash": found.tx_hash}
    where = {"block": found.receipt.block_number, "hash": found.receipt.block_hash}
    return {**where, "tx_hash": found.tx_hash, "fee": found.receipt.fee}


def spent(entries: Iterable[Mapping[str, Any]]) -> list[tuple[int, int]]:
    """When an operation's steps were last heard of, in seconds, and what each took in wei.

    What was signed counts at its most until its receipt is known: it may be included by now.
    """
    steps: dict[int, tuple[int, int, int]] = {}  # when, what was paid, what may be paid yet
    for line in entries:
        _, paid, most = steps.get(line["step"], (0, 0, 0))
        entry = line["entry"]
        if "signed" in entry:
            signed = _signed(entry["signed"])
            most = max(most, signed.gas * signed.max_fee)
        for name in ("included", "failed"):
            if name in entry:
                paid, most = paid + entry[name].get("fee", most), 0
        if "displaced" in entry:
            most = 0
        steps[line["step"]] = line["at"], paid, most
    return [(at, paid + most) for at, paid, most in steps.values()]


def find(journal: Journal, op: str) -> dict[str, Any]:
    """The journal's summary of an operation; raises NotFound."""
    for summary in journal.operations(op=op):
        return summary
    raise NotFound(f"no operation {op}", hint="`mlm op log` lists them.")


def ended(outcome: str | None) -> bool:
    """Whether an operation with this outcome has nothing left to resume."""
    return outcome is not None and outcome.partition(" ")[0] in ENDED
