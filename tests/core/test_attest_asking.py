"""Who asks an attester: a header of anybody, read field by field and held against who is asked, signed, and sent."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest

from mlm.adapters.chain import typed
from mlm.core import served
from mlm.core.attest_asking import TYPES, Asking, check_asking, check_body
from mlm.core.attesting import eip712_domain
from mlm.core.errors import InvalidData, VerificationFailed

BODY, KEY = b'{"job": 1}', b"\x07" * 32
DOMAIN = eip712_domain(31337, "0x" + "11" * 20)
ATTESTER, OTHER = "0x" + "Aa" * 20, "0x" + "bb" * 20


def signed(key: bytes = KEY, **changed: Any) -> Asking:
    """By the provider whose key it is."""
    probe = Asking("0x" + "22" * 32, ATTESTER.lower(), "0x" + "00" * 20, sha256(BODY).digest())
    signature = typed.sign(key, DOMAIN, TYPES, probe.message)
    made = replace(probe, provider=typed.recover(DOMAIN, TYPES, probe.message, signature))
    return replace(made, signature=typed.sign(key, DOMAIN, TYPES, made.message), **changed)


def signer(asking: Asking) -> str:
    return typed.recover(DOMAIN, TYPES, asking.message, asking.signature)


def test_a_header_survives_and_is_its_providers() -> None:
    asking = signed()
    assert Asking.from_header(asking.to_header()) == asking and not asking.of_key
    check_asking(asking, ATTESTER, signer(asking))
    check_body(asking, BODY)
    assert replace(asking, job_id="0x" + "00" * 32).of_key


def test_a_request_is_bound_to_job_attester_body_and_provider() -> None:
    changes: dict[str, Any] = {"job_id": "0x" + "33" * 32, "attester": OTHER, "provider": OTHER, "body": b"\1" * 32}
    for name, value in changes.items():
        asking = signed(**{name: value})
        with pytest.raises(VerificationFailed, match="is signed by"):
            check_asking(asking, asking.attester, signer(asking))
    with pytest.raises(VerificationFailed, match=f"asks the attester {ATTESTER.lower()}: expected {OTHER}"):
        check_asking(signed(), OTHER, signer(signed()))
    with pytest.raises(InvalidData, match="the body: expected sha256"):
        check_body(signed(), BODY + b" ")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("job", "0x12"), ("job", 5), ("attester", "0x" + "zz" * 20), ("provider", None), ("body", "0x" + "11" * 31),
        ("signature", "0x" + "11" * 64), ("signature", []), ("more", 1),
    ],
)  # fmt: skip
def test_headers_of_anybody(field: str, value: Any) -> None:
    whole = served.from_header(signed().to_header(), "a header")
    with pytest.raises(InvalidData, match="the header Mlm-Attest-Request"):
        Asking.from_header(served.header(whole | {field: value}))


def test_what_is_no_header() -> None:
    for text in ("", "!", "e30", "W10", "a" * 5000):
        with pytest.raises(InvalidData, match="the header Mlm-Attest-Request"):
            Asking.from_header(text)
