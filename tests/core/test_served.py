"""Signed results, terms and the 402: their bytes, and everything that is not them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from hypothesis import given
from hypothesis import strategies as st

from mlm.adapters.chain import typed
from mlm.core import served
from mlm.core.eip712 import Signable
from mlm.core.errors import InvalidData, VerificationFailed
from mlm.core.evidence import Evidence
from mlm.core.served import ServedResult, Terms, check_result, from_header, header, payment_required
from tests.serving import client_payers as payers

KEY = b"\x11" * 32
WORD = st.binary(min_size=32, max_size=32).map(lambda raw: "0x" + raw.hex())
RESULTS = st.builds(
    ServedResult, WORD, st.integers(0, 2**64 - 1), WORD, WORD, WORD, WORD, WORD, st.integers(0, 2**64 - 1),
    st.binary(min_size=65, max_size=65),
)  # fmt: skip
ONE = ServedResult(*["0x" + "11" * 32], 7, *["0x" + f"{n:02x}" * 32 for n in range(2, 7)], 1_800_000_000, bytes(65))


@given(RESULTS)
def test_a_result_survives_its_header(result: ServedResult) -> None:
    assert ServedResult.from_json(from_header(header(result.to_json()), "a result")) == result


def test_a_result_is_signed_as_eth_account_signs_it() -> None:
    domain = served.domain(31337, payers.CONTRACT)
    peer = Account.sign_message(encode_typed_data(domain, dict(served.TYPES), ONE.message), KEY)
    ours = typed.sign(KEY, domain, served.TYPES, ONE.message)
    assert ours == bytes(peer.signature)
    assert typed.sign_digest(KEY, Signable(domain, served.TYPES).digest(ONE.members)) == ours
    assert typed.recover(domain, served.TYPES, ONE.message, ours) == Account.from_key(KEY).address.lower()


@pytest.mark.parametrize(
    "signature",
    [b"", bytes(64), bytes(65), b"\x01" * 64 + b"\x00", b"\xff" * 64 + b"\x1b", b"\x01" * 32 + b"\xff" * 32 + b"\x1b"],
)
def test_what_is_no_signature_is_nobodys(signature: bytes) -> None:
    with pytest.raises(InvalidData, match="not a signature of anybody"):
        typed.recover(served.domain(1, payers.CONTRACT), served.TYPES, ONE.message, signature)


def test_a_signature_has_one_spelling() -> None:
    """EIP-2: the other s is refused, though it recovers to the same key."""
    domain = served.domain(31337, payers.CONTRACT)
    good = typed.sign(KEY, domain, served.TYPES, ONE.message)
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    other = (order - int.from_bytes(good[32:64], "big")).to_bytes(32, "big")
    with pytest.raises(InvalidData, match="upper half"):
        typed.recover(domain, served.TYPES, ONE.message, good[:32] + other + bytes([27 + 28 - good[64]]))


@pytest.mark.parametrize(
    "changed",
    [
        {"channel": None}, {"channel": "0x11"}, {"channel": 5}, {"call": -1}, {"call": str(2**64)}, {"call": True},
        {"call": "1.5"}, {"call": "٣"}, {"signature": "0x00"}, {"signature": "0x" + "zz" * 65}, {"more": 1},
        {"servedAt": []}, {"profile": {}},
    ],
)  # fmt: skip
def test_results_that_are_none_are_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(InvalidData, match="signed result"):
        ServedResult.from_json({**ONE.to_json(), **changed})


@pytest.mark.parametrize("text", ["", "e30=", "!!!!", "W10", "eyJhIjo", "A" * 5000, "e30\n"])
def test_headers_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(InvalidData, match="a result"):
        from_header(text, "a result")


@pytest.mark.parametrize("name", ["channel", "call", "request", "version_id", "input_commitment", "output_commitment"])
def test_a_result_of_anything_else_is_not_what_was_paid_for(name: str) -> None:
    other = replace(ONE, **{name: 8 if name == "call" else "0x" + "99" * 32})
    check_result(ONE, replace(ONE, served_at=1, profile="0x" + "98" * 32), "0xAB", "0xab")
    with pytest.raises(VerificationFailed, match="expected .*, found "):
        check_result(other, ONE, "0xab", "0xab")
    with pytest.raises(VerificationFailed, match="expected of the payee"):
        check_result(ONE, ONE, "0xcd", "0xab")


def test_terms_survive_and_are_checked() -> None:
    terms = payers.terms()
    assert Terms.from_json({**terms.to_json(), "later": "field"}) == terms
    for name in terms.to_json():
        with pytest.raises(InvalidData, match="the server's terms"):
            Terms.from_json({**terms.to_json(), name: "nonsense"})


def test_a_402_is_an_x402_document_with_a_scheme_of_ours() -> None:
    """The fields that the x402 library's PaymentRequired (2.25.0) and PaymentRequirements demand, and their types."""
    terms = payers.terms()
    body = payment_required(terms, "http://127.0.0.1:1/v2/models/m/infer", "pay")
    assert (body["x402Version"], body["error"]) == (2, "pay")
    assert body["resource"]["url"].startswith("http://")
    (asked,) = body["accepts"]
    assert asked == {
        "scheme": "mlm-channel",
        "network": "eip155:31337",
        "asset": terms.token,
        "amount": "1000",
        "payTo": terms.payee,
        "maxTimeoutSeconds": 60,
        "extra": terms.to_json(),
    }
    assert Terms.from_json(body["mlm"]) == terms


def test_evidence_survives_its_file_and_nothing_else_is_evidence() -> None:
    far = payers.server()
    with payers.payer(payers.ports(), far) as ours:
        paid = ours.infer(payers.x(3))
    evidence = Evidence(far.terms, paid.voucher, paid.result, paid.input_block, paid.output_block)
    data = evidence.to_bytes()
    assert Evidence.from_bytes(data) == evidence
    for broken in (b"", data[:-1], data + b"\0", data.replace(b"mlm/call/1", b"mlm/call/2"), b"\xa0"):
        with pytest.raises(InvalidData):
            Evidence.from_bytes(broken)
