"""What the journal says of fees: by receipts where they are known, else the most that what was signed may take."""

from __future__ import annotations

from typing import Any

from mlm.workflows.journalled import spent


def signed(gas: int, price: int, nonce: int = 0) -> dict[str, Any]:
    entry = {"raw": "00", "tx_hash": f"0x{gas}{price}", "nonce": nonce, "priority_fee": 1, "max_fee": price}
    return {"signed": {**entry, "gas": gas}}


def lines(*entries: tuple[int, int, dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"step": step, "at": at, "entry": entry} for step, at, entry in entries]


def test_what_was_signed_counts_at_its_most_until_its_receipt_is_known() -> None:
    begun = (0, 100, signed(10, 7))
    assert spent(lines(begun)) == [(100, 70)]
    assert spent(lines(begun, (0, 130, {"included": {"tx_hash": "0x107", "fee": 31}}))) == [(130, 31)]
    assert spent(lines(begun, (0, 130, {"included": {"tx_hash": "0x107"}}))) == [(130, 70)], "the node lost the receipt"


def test_a_replacement_counts_once_and_what_failed_is_paid_beside_what_follows() -> None:
    twice = lines((0, 1, signed(10, 7)), (0, 2, signed(10, 9)))
    assert spent(twice) == [(2, 90)], "one of the two is included at most"
    failed = (0, 3, {"failed": {"nonce": 0, "tx_hash": "0x107", "fee": 40}})
    assert spent([*twice, *lines(failed, (0, 4, signed(5, 8, 1)))]) == [(4, 80)]
    displaced = (0, 3, {"displaced": {"nonce": 0, "tx_hash": ""}})
    assert spent([*twice, *lines(displaced)]) == [(3, 0)], "another's transaction took the nonce"


def test_each_step_counts_and_what_is_stored_costs_nothing() -> None:
    stored = (0, 1, {"stored": "bafy"})
    paid = [(1, 2, signed(10, 7)), (1, 3, {"included": {"tx_hash": "0x107", "fee": 5}}), (2, 9, signed(1, 1))]
    assert spent(lines(stored, *paid)) == [(1, 0), (3, 5), (9, 1)]
