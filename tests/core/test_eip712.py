"""Digests of structs of single words, against eth_account's and the general encoder's."""

from __future__ import annotations

from typing import Any

import pytest
from eth_account.messages import _hash_eip191_message, encode_typed_data
from hypothesis import given
from hypothesis import strategies as st

from mlm.adapters.chain import typed
from mlm.core.digest import words
from mlm.core.eip712 import Signable

KINDS = {
    "bytes32": st.binary(min_size=32, max_size=32),
    **{f"uint{bits}": st.integers(0, 2**bits - 1) for bits in (8, 64, 128, 256)},
}
CONTRACT = "0x" + "11" * 20


@st.composite
def cases(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    kinds = draw(st.lists(st.sampled_from(sorted(KINDS)), min_size=1, max_size=9))
    types = {"Said": [{"name": f"m{i}", "type": kind} for i, kind in enumerate(kinds)]}
    message = {f"m{i}": draw(KINDS[kind]) for i, kind in enumerate(kinds)}
    domain = {
        "name": draw(st.text(max_size=20)),
        "version": draw(st.text(max_size=3)),
        "chainId": draw(st.integers(0, 2**64)),
        "verifyingContract": "0x" + draw(st.binary(min_size=20, max_size=20)).hex(),
    }
    return domain, types, message


@given(cases())
def test_digests_are_eth_accounts_and_the_general_encoders(
    case: tuple[dict[str, Any], dict[str, Any], dict[str, Any]],
) -> None:
    domain, types, message = case
    found = Signable(domain, types).digest(words(message.values()))
    assert found == bytes(_hash_eip191_message(encode_typed_data(domain, types, message)))
    assert found == typed.digest(domain, types, message)


def test_a_member_too_few_is_refused() -> None:
    domain = {"name": "a", "version": "1", "chainId": 1, "verifyingContract": CONTRACT}
    made = Signable(domain, {"Said": [{"name": "m", "type": "uint256"}]})
    with pytest.raises(ValueError, match="expected 32 bytes of members, found 31"):
        made.digest(bytes(31))
