"""EIP-712: digests and signatures against eth_account's, on the standard's own example and on random types."""

from __future__ import annotations

from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import _hash_eip191_message, encode_typed_data
from hypothesis import given
from hypothesis import strategies as st

from mlm.adapters.chain.typed import digest, sign
from mlm.adapters.wallet import devnet
from mlm.core.errors import UsageError

ADDRESS = "0x" + "cc" * 20
# The example of EIP-712 itself, and the digest that it gives.
MAIL_DOMAIN = {"name": "Ether Mail", "version": "1", "chainId": 1, "verifyingContract": ADDRESS}
MAIL_TYPES = {
    "Person": [{"name": "name", "type": "string"}, {"name": "wallet", "type": "address"}],
    "Mail": [
        {"name": "from", "type": "Person"},
        {"name": "to", "type": "Person"},
        {"name": "contents", "type": "string"},
    ],
}
MAIL = {
    "from": {"name": "Cow", "wallet": "0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826"},
    "to": {"name": "Bob", "wallet": "0xbBbBBBBbbBBBbbbBbbBbbbbBBbBbbbbBbBbbBBbB"},
    "contents": "Hello, Bob!",
}

ATOMS: dict[str, st.SearchStrategy[Any]] = {
    "uint256": st.integers(0, 2**256 - 1),
    "uint8": st.integers(0, 255),
    "int24": st.integers(-(2**23), 2**23 - 1),
    "bool": st.booleans(),
    "address": st.binary(min_size=20, max_size=20).map(lambda raw: "0x" + raw.hex()),
    "bytes32": st.binary(min_size=32, max_size=32),
    "bytes": st.binary(max_size=70),
    "string": st.text(max_size=40),
}


def _lists(kind: str, values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    if kind.endswith("[2]"):
        return st.lists(values, min_size=2, max_size=2)
    return st.lists(values, max_size=3) if kind.endswith("[]") else values


def _value(kind: str, types: dict[str, Any]) -> st.SearchStrategy[Any]:
    base = kind.partition("[")[0]
    if base in types:
        inner = st.fixed_dictionaries({field["name"]: _value(field["type"], types) for field in types[base]})
    else:
        inner = ATOMS[base]
    return _lists(kind, inner)


@st.composite
def cases(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, Any]]:
    """Types in which each struct may hold the ones after it, and a message of the first."""
    names = ["Order", "Asset", "Leg"][: draw(st.integers(1, 3))]
    types: dict[str, Any] = {}
    for i, name in enumerate(names):
        kinds = draw(st.lists(st.tuples(st.sampled_from([*ATOMS, *names[i + 1 :]]), _suffixes), min_size=1, max_size=4))
        held = [(names[i + 1], "")] if names[i + 1 :] else []  # so that the first is the one that no other holds
        types[name] = [{"name": f"f{j}", "type": kind + suffix} for j, (kind, suffix) in enumerate([*kinds, *held])]
    return types, draw(_value("Order", types))


_suffixes = st.sampled_from(["", "", "[]", "[2]"])


def test_the_example_of_the_standard() -> None:
    assert digest(MAIL_DOMAIN, MAIL_TYPES, MAIL).hex() == (
        "be609aee343fb3c4b28e1df9e632fca64fcfaede20f02e86244efddf30957bd2"
    )


@given(cases(), st.sets(st.sampled_from(["name", "version", "chainId", "verifyingContract", "salt"]), min_size=1))
def test_digests_and_signatures_are_eth_accounts(case: tuple[dict[str, Any], dict[str, Any]], kept: set[str]) -> None:
    types, message = case
    domain = {name: value for name, value in {**MAIL_DOMAIN, "salt": b"\7" * 32}.items() if name in kept}
    theirs = encode_typed_data(domain, types, message)
    assert digest(domain, types, message) == bytes(_hash_eip191_message(theirs))
    key = devnet.key("consumer")
    assert sign(key, domain, types, message) == bytes(Account.sign_typed_data(key, domain, types, message).signature)


@pytest.mark.parametrize(
    ("kind", "value"),
    [("uint8", 256), ("uint8", "1"), ("address", "0x12"), ("bytes32", b"x"), ("bool", 1), ("uint256[2]", [1]),
     ("uint256[]", 5), ("Missing", 1), ("uint9", 1), ("string", b"x")],
)  # fmt: skip
def test_values_that_do_not_fit_are_usage_errors(kind: str, value: object) -> None:
    with pytest.raises(UsageError, match="typed data"):
        digest(MAIL_DOMAIN, {"Note": [{"name": "value", "type": kind}]}, {"value": value})


def test_a_message_with_other_fields_is_refused() -> None:
    types = {"Note": [{"name": "value", "type": "uint8"}]}
    for message in ({}, {"value": 1, "more": 2}):
        with pytest.raises(UsageError, match="fields"):
            digest(MAIL_DOMAIN, types, message)
