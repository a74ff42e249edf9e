"""The hash of a job's terms, against eth_abi; test_sync_anvil.py compares it with the contract's."""

from __future__ import annotations

from dataclasses import replace

import pytest
from eth_abi import encode

from mlm.core.digest import keccak256
from mlm.core.terms import Request, Snapshot, Terms, terms_hash

TYPE = (
    "((bytes32,uint8,uint8,uint8,bytes32,bytes32,uint128,uint128,uint128,uint32,uint32,uint32,uint32,uint32,bytes32,uint96,bytes32),"
    "(address,bytes32,uint128,uint16,uint16,uint16,uint16,address,uint128,uint128,uint128,address[],uint16[]))"
)


def _terms(payees: int) -> Terms:
    ids = ["0x" + bytes([i] * 32).hex() for i in range(6)]
    accounts = ["0x" + bytes([0xA0 + i] * 20).hex() for i in range(18)]
    return Terms(
        Request(ids[0], 1, 2, 1, ids[1], ids[2], 2**128 - 1, 3, 4, 60, 0, 61, 62, 2**32 - 1, ids[4], 2**96 - 1, ids[5]),
        Snapshot(
            *(accounts[16], ids[3], 7, 8, 9, 5_000, 3_000, accounts[17], 10, 11, 12),
            tuple(accounts[:payees]),
            tuple(range(payees)),
        ),
    )


@pytest.mark.parametrize("payees", [0, 1, 3, 16])
def test_terms_hash_is_that_of_the_abi_encoding(payees: int) -> None:
    terms = _terms(payees)
    assert terms_hash(terms) == keccak256(encode([TYPE], [terms.as_args()]))


def test_every_field_counts() -> None:
    terms = _terms(2)
    for changed in (
        replace(terms, request=replace(terms.request, verification_window=1)),
        replace(terms, request=replace(terms.request, requirements="0x" + "ff" * 32)),
        replace(terms, request=replace(terms.request, value_at_risk=1)),
        replace(terms, request=replace(terms.request, policy="0x" + "ff" * 32)),
        replace(terms, snapshot=replace(terms.snapshot, stakers_bps=1)),
        replace(terms, snapshot=replace(terms.snapshot, bps=(0, 2))),
    ):
        assert terms_hash(changed) != terms_hash(terms)
