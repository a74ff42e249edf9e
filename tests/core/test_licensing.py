"""Licences and orders against the vectors that Solidity is held to."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mlm.core import licensing
from mlm.core.errors import InvalidData, UsageError
from mlm.core.key_exchange import Point
from mlm.core.licensing import LicenceKind, LicenceTerms, Order, OrderState

VECTORS = json.loads((Path(__file__).resolve().parent.parent / "vectors" / "licences.json").read_text())


def number(text: str) -> int:
    return int(text, 16)


def raw(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))


def terms_of(case: dict[str, str]) -> LicenceTerms:
    return LicenceTerms(
        number(case["tokenId"]), LicenceKind(number(case["kind"])), number(case["period"]),
        bool(number(case["transferable"])), number(case["resaleBps"]), number(case["notice"]), number(case["refund"]),
        raw(case["text"]),
    )  # fmt: skip


@pytest.mark.parametrize("case", VECTORS["classes"], ids=lambda case: case["id"][:10])
def test_a_class_is_the_contracts(case: dict[str, str]) -> None:
    terms = terms_of(case)
    found = terms.class_id(VECTORS["chainId"], VECTORS["licences"])
    assert found == number(case["classId"])
    assert licensing.licence_id(found, number(case["expiresAt"])) == number(case["id"])
    assert licensing.split_id(number(case["id"])) == (found, number(case["expiresAt"]))
    assert LicenceTerms.of(terms.args()) == terms


@pytest.mark.parametrize("case", VECTORS["orders"], ids=lambda case: case["orderId"][:10])
def test_an_order_has_the_contracts_id(case: dict[str, Any]) -> None:
    order = Order(
        number(case["classId"]), raw(case["versionId"]), case["buyer"], number(case["units"]), number(case["price"]),
        number(case["delivery"]), Point(number(case["readerX"]), number(case["readerY"])), number(case["treasuryBps"]),
        number(case["stakersBps"]), tuple(case["payees"]), tuple(case["bps"]), number(case["nonce"]),
    )  # fmt: skip
    assert order.order_id(VECTORS["chainId"], VECTORS["shop"]) == raw(case["orderId"])
    assert replace(order, units=order.units + 1).order_id(VECTORS["chainId"], VECTORS["shop"]) != raw(case["orderId"])


@pytest.mark.parametrize("row", VECTORS["states"], ids=str)
def test_an_orders_state(row: list[int]) -> None:
    *facts, expected = row
    assert licensing.state_at(*facts) == OrderState(expected)


@pytest.mark.parametrize("row", VECTORS["entitlements"], ids=str)
def test_who_is_entitled(row: list[int]) -> None:
    *facts, expected = row
    assert licensing.holds(*facts) == bool(expected)


@pytest.mark.parametrize(
    ("changed", "match"),
    [
        ({"period": 59}, "--days: expected 60 to"),
        ({"period": 10**9}, "--days"),
        ({"kind": LicenceKind.UNLIMITED}, "--days: expected 0 to 0"),
        ({"resale_bps": 1001}, "--resale-bps: expected 0 to 1000"),
        ({"transferable": False}, "--resale-bps: expected 0 to 0"),
        ({"notice": 10**9}, "--notice"),
        ({"notice": 0}, "--refund: expected 0 to 0"),
        ({"refund": 1 << 128}, "--refund"),
    ],
)
def test_terms_out_of_bounds_are_refused(changed: dict[str, Any], match: str) -> None:
    terms = LicenceTerms(1, LicenceKind.PERIOD, 86_400, True, 500, 3_600, 7, bytes(32))
    assert licensing.check_terms(terms) == terms
    with pytest.raises(UsageError, match=match):
        licensing.check_terms(replace(terms, **changed))


def test_an_event_without_a_field_is_refused() -> None:
    with pytest.raises(InvalidData, match="LicenceOrdered"):
        Order.from_event({"classId": 1})
