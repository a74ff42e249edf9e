"""Which reports are made about what attesters signed, and what they are committed to by."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from eth_abi import encode

from mlm.core.attesting import Attestation
from mlm.core.digest import keccak256
from mlm.core.reporting import Kind, Report, Statement, commitment, exclude, kind_of, pairs, reports

BASE = Attestation("0x" + "01" * 32, b"\2" * 32, b"\3" * 32, b"\4" * 32, "sgx", "UpToDate", True, 100)
ANN, BOB, CID = ("0x" + digit * 40 for digit in "abc")
STAKES = {ANN: 10, BOB: 20, CID: 30}
CONTRADICTED, BROKEN = 4, 6


def said(number: int = 0, *signers: str, **changes: Any) -> Statement:
    """A statement of its own about the same quote."""
    facts = {name: changes.pop(name) for name in list(changes) if hasattr(BASE, name)}
    signatures = {account: bytes([number + 1]) * 65 for account in signers}
    return Statement(replace(BASE, **facts), bytes([number]) * 32, signatures, **changes)


def told(found: tuple[Report, ...]) -> list[tuple[str, int, tuple[str, ...]]]:
    return [(each.kind.value, each.statement.digest[0], each.losing) for each in found]


@pytest.mark.parametrize(
    ("changes", "excluded"),
    [
        ({}, False),
        ({"report_data": b"\7" * 32}, True),
        ({"measurement": b"\7" * 32}, True),
        ({"kind": "tdx"}, True),
        ({"simulated": False}, True),
        ({"status": "OutOfDate"}, True),
        ({"status": "OutOfDate", "checked_at": 101}, False),  # the vendor may say another thing later
        ({"checked_at": 101}, False),
        ({"job_id": "0x" + "09" * 32}, False),  # no fact of the quote's bytes
        ({"quote": b"\7" * 32, "measurement": b"\7" * 32}, False),
    ],
)
def test_what_excludes_each_other(changes: dict[str, Any], excluded: bool) -> None:
    other = replace(BASE, **changes)
    assert exclude(BASE, other) is exclude(other, BASE) is excluded


def test_what_is_true_is_not_reported() -> None:
    assert reports((said(0, ANN, BOB),), STAKES) == ()


def test_a_contradiction_is_shown_without_a_bond_and_a_broken_link_with_one() -> None:
    assert told(reports((said(0, ANN, BOB, fault=CONTRADICTED),), STAKES)) == [("contradiction", 0, (ANN, BOB))]
    assert told(reports((said(0, BOB, ANN, fault=BROKEN),), STAKES)) == [("falseChain", 0, (ANN, BOB))]
    assert (kind_of(5), kind_of(6)) == (Kind.CONTRADICTION, Kind.FALSE_CHAIN)


def test_a_signature_is_brought_of_whoever_has_something_to_lose() -> None:
    false = said(0, ANN, BOB, fault=CONTRADICTED)
    assert told(reports((false,), {ANN: 0, BOB: 1})) == [("contradiction", 0, (BOB,))]
    assert reports((false,), {}) == ()


def test_what_a_job_rests_on_is_disproved_though_nobody_has_anything_to_lose() -> None:
    resting = said(0, ANN, fault=CONTRADICTED, rests=True)
    assert told(reports((resting,), {})) == [("contradiction", 0, ())]
    assert reports((replace(resting, shown_by=CID),), {}) == ()
    assert told(reports((replace(resting, shown_by=CID),), STAKES)) == [("contradiction", 0, (ANN,))]


def test_an_equivocation_convicts_without_the_quote_each_who_signed_both() -> None:
    first, second = said(0, ANN, BOB, CID), said(1, BOB, ANN, status="OutOfDate")
    found = reports((first, second), STAKES)
    assert told(found) == [("equivocation", 0, (ANN,)), ("equivocation", 0, (BOB,))]
    assert pairs((first, second)) == ((first, second),)
    assert found[0].subject == found[1].subject == keccak256(first.digest + second.digest)
    assert found[0].salted != found[1].salted, "a commitment is opened once"
    assert found[1].args(b"", b"\6" * 32) == (
        *(first.attestation.as_args(), b"\1" * 65),
        *(second.attestation.as_args(), b"\2" * 65),
        b"\6" * 32,
    )


def test_nobody_equivocates_by_what_another_signed() -> None:
    assert reports((said(0, ANN), said(1, BOB, status="OutOfDate")), STAKES) == ()


def test_the_cheapest_reports_are_made() -> None:
    """An equivocation before a proof, unless something rests on what the proof shows false; nobody is slashed twice."""
    false = said(0, ANN, BOB, fault=BROKEN)
    other = said(1, ANN, status="OutOfDate")
    assert told(reports((false, other), STAKES)) == [("equivocation", 0, (ANN,)), ("falseChain", 0, (BOB,))]
    assert told(reports((false, other), {ANN: 1})) == [("equivocation", 0, (ANN,))]
    assert told(reports((replace(false, rests=True), other), STAKES)) == [("falseChain", 0, (ANN, BOB))]


def test_a_commitment_is_what_the_contract_hashes() -> None:
    """Reports.sol: keccak256(abi.encode(domain, chainid, this, sender, subject, salt))."""
    subject, salt = b"\5" * 32, b"\6" * 32
    expected = encode(
        ["bytes32", "uint256", "address", "address", "bytes32", "bytes32"],
        [keccak256(b"mlm/tee-report/1"), 31337, ANN, BOB, subject, salt],
    )
    assert commitment(31337, ANN, BOB, subject, salt) == keccak256(expected)
