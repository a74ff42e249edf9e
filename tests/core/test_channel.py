"""Vouchers: the vectors that forge runs too, the header both ways, and what is refused in it."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlm.adapters.chain import typed
from mlm.core.channel import (
    MAX_AMOUNT,
    MAX_CALLS,
    TYPES,
    Channel,
    ChannelState,
    ChannelTerms,
    SignedVoucher,
    Voucher,
    channel_id,
    decode_header,
    domain,
    encode_header,
    message,
    next_voucher,
    request_digest,
    terms_from_event,
)
from mlm.core.eip712 import Signable
from mlm.core.errors import InvalidData, MlmError

CASES: list[dict[str, Any]] = json.loads((Path(__file__).parents[1] / "vectors" / "channels.json").read_text())["cases"]
ID = "0x" + "6c" * 32
VOUCHER = Voucher(ID, 12, 3, "0x" + "0a" * 32)
SIGNED = SignedVoucher(VOUCHER, b"\x07" * 65)
VOUCHERS = st.builds(
    SignedVoucher,
    st.builds(
        Voucher,
        st.binary(min_size=32, max_size=32).map(lambda raw: "0x" + raw.hex()),
        st.integers(1, MAX_AMOUNT),
        st.integers(1, MAX_CALLS),
        st.binary(min_size=32, max_size=32).map(lambda raw: "0x" + raw.hex()),
    ),
    st.binary(min_size=1, max_size=200),
)


def terms_of(case: dict[str, Any]) -> ChannelTerms:
    numbers = {"nonce": int(case["terms"]["nonce"]), "usePrice": int(case["terms"]["usePrice"])}
    return terms_from_event(case["terms"] | numbers)


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["case"]))
def test_ids_digests_and_signatures_are_the_contracts(case: dict[str, Any]) -> None:
    terms, calls = terms_of(case), int(case["calls"])
    found = channel_id(case["chainId"], case["contract"], terms)
    assert found == case["channelId"]
    request = request_digest(found, calls, terms.version_id, case["inputCommitment"])
    assert request == case["request"]
    voucher = Voucher(found, int(case["amount"]), calls, request)
    where = domain(case["chainId"], case["contract"])
    assert "0x" + typed.digest(where, TYPES, message(voucher)).hex() == case["digest"]
    assert "0x" + Signable(where, TYPES).digest(voucher.members).hex() == case["digest"]
    key = bytes.fromhex(case["key"][2:])
    assert "0x" + typed.sign(key, where, TYPES, message(voucher)).hex() == case["signature"]


def test_terms_without_a_field_are_refused() -> None:
    values = dict(CASES[0]["terms"])
    del values["payee"]
    with pytest.raises(InvalidData, match="the terms of a channel without payee"):
        terms_from_event(values)


def test_the_state_follows_from_facts_and_clock() -> None:
    terms = terms_of(CASES[0])
    channel = Channel(ID, terms, deposit=10, claimed=4, claimed_calls=1, expires_at=100)
    assert (channel.state(99), channel.state(100), channel.left) == (ChannelState.OPEN, ChannelState.EXPIRED, 6)
    ended = Channel(ID, terms, 10, 4, 1, 100, ChannelState.CLOSED)
    assert (ended.state(1), ended.left) == (ChannelState.CLOSED, 0)


def test_a_payers_next_voucher_pays_for_every_number_up_to_its_own() -> None:
    request = VOUCHER.request
    first = next_voucher(ID, None, price=5, request=request)
    assert (first.amount, first.calls) == (5, 1)
    assert next_voucher(ID, first, price=5, request=request).amount == 10
    ahead = Voucher(ID, 100, 4, request)
    assert next_voucher(ID, ahead, price=5, request=request) == Voucher(ID, 100, 5, request)
    assert next_voucher(ID, ahead, price=5, request=request, calls=2).calls == 2


@given(VOUCHERS)
def test_a_header_reads_back(signed: SignedVoucher) -> None:
    text = encode_header(signed)
    assert decode_header(text) == signed
    assert "=" not in text and text.isascii()


@given(
    st.one_of(st.text(max_size=600), st.binary(max_size=400).map(lambda raw: base64.urlsafe_b64encode(raw).decode()))
)
def test_rubbish_is_refused_in_one_way(text: str) -> None:
    with pytest.raises(MlmError):
        decode_header(text)


def made(**changes: Any) -> str:
    record = json.loads(base64.urlsafe_b64decode(encode_header(SIGNED) + "=="))
    return spelt(json.dumps({name: value for name, value in (record | changes).items() if value is not ...}))


def twice(name: str, other: Any = "1") -> str:
    """A good voucher behind another value of one of its fields."""
    whole = base64.urlsafe_b64decode(encode_header(SIGNED) + "==").decode()
    return spelt(whole.replace("{", json.dumps({name: other})[:-1] + ",", 1))


def spelt(text: str | bytes) -> str:
    raw = text.encode() if isinstance(text, str) else text
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def test_spaces_and_order_do_not_matter() -> None:
    record = json.loads(base64.urlsafe_b64decode(encode_header(SIGNED) + "=="))
    assert decode_header(spelt(json.dumps(dict(reversed(record.items())), indent=2))) == SIGNED


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "expected base64url of a JSON object"),
        ("a" * 4097, "4097 characters, more than the limit"),
        (encode_header(SIGNED) + "=", "other characters"),
        (encode_header(SIGNED) + "\n", "other characters"),
        (encode_header(SIGNED).replace("e", "+", 1), "other characters"),
        (spelt(b"\xff\xfe"), "expected base64url of a JSON object"),
        (spelt("[]"), "an object with the fields"),
        (spelt("null"), "an object with the fields"),
        (spelt("[" * 2000), "expected base64url of a JSON object"),
        (twice("channel"), "a field is there twice"),
        (twice("amount", 1), "a field is there twice"),
        (twice("signature", None), "a field is there twice"),
        (made(extra="1"), "an object with the fields"),
        (made(signature=...), "an object with the fields"),
        (made(amount=12), "a decimal string"),
        (made(amount="012"), "a decimal string"),
        (made(amount="-1"), "a decimal string"),
        (made(amount="+1"), "a decimal string"),
        (made(amount="1e3"), "a decimal string"),
        (made(amount="١"), "a decimal string"),
        (made(amount="1\n"), "a decimal string"),
        (made(amount="0"), "expected 1 to"),
        (made(amount=str(2**128)), "expected 1 to"),
        (made(amount="9" * 40), "a decimal string"),
        (made(calls="0"), "expected 1 to"),
        (made(calls=str(2**64)), "expected 1 to"),
        (made(calls=None), "a decimal string"),
        (made(channel="0x" + "6C" * 32), "small hex digits"),
        (made(channel="6c" * 32), "small hex digits"),
        (made(channel=ID + "00"), "small hex digits"),
        (made(request=["0x"]), "small hex digits"),
        (made(request=1), "small hex digits"),
        (made(signature=None), "small hex digits"),
        (made(signature="0x 00"), "small hex digits"),
        (made(signature="0x"), "expected 1 to 1024 bytes"),
        (made(signature="0x7"), "small hex digits"),
        (made(signature="0x" + "00" * 1025), "expected 1 to 1024 bytes"),
    ],
)
def test_what_is_no_voucher_is_named(text: str, told: str) -> None:
    with pytest.raises(InvalidData, match=told.replace("(", r"\(")):
        decode_header(text)
