"""Signed access: spelling, audience and time; what is hostile is refused by name."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from mlm.core import access
from mlm.core.access import Access, Challenge
from mlm.core.errors import InvalidData

HERE = access.audience("http://127.0.0.1:8080")
NOW = 1_700_000_000
FOUND = Access("0x" + "a1" * 20, 2**256 - 1, 7, HERE, NOW + 120)
SIGNATURE = bytes(range(65))


def spelt(change: dict[str, Any]) -> str:
    text = access.to_header(FOUND, SIGNATURE)
    value = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))) | change
    value = {name: each for name, each in value.items() if each is not None}
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def test_a_statement_travels() -> None:
    assert access.from_header(access.to_header(FOUND, SIGNATURE)) == (FOUND, SIGNATURE)
    assert len(access.to_header(FOUND, SIGNATURE)) < access.MAX_HEADER
    assert access.from_header(spelt({})) == (FOUND, SIGNATURE)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x" * 2_049, "at most 2048"),
        ("ä", "unpadded base64url"),
        ("e30", "expected the texts"),
        ("W10", "expected the texts"),
        ("[" * 900, "unpadded base64url"),
        (spelt({"more": "1"}), "and no more"),
        (spelt({"licence": 1}), "and no more"),
        (spelt({"audience": None}), "expected the texts"),
        (spelt({"licence": "01"}), "licence is not a decimal number"),
        (spelt({"licence": str(2**256)}), "licence is not a decimal number below 2^256"),
        (spelt({"expiresAt": str(2**64)}), "expiresAt is not"),
        (spelt({"tokenId": "-1"}), "tokenId is not"),
        (spelt({"account": "0x" + "A1" * 20}), "account is not"),
        (spelt({"signature": "0x00"}), "signature is not"),
        (spelt({"audience": "0x" + "0" * 63}), "audience is not"),
    ],
)
def test_other_spellings_are_refused(text: str, words: str) -> None:
    with pytest.raises(InvalidData, match="Mlm-Access: ") as caught:
        access.from_header(text)
    assert words in str(caught.value)


def test_a_statement_is_of_one_gateway_and_a_few_minutes() -> None:
    access.check(FOUND, audience=HERE, now=NOW)
    access.check(FOUND, audience=HERE, now=NOW + 119)
    access.check(FOUND, audience=HERE, now=NOW + 120 - access.LONGEST)
    for now, words in ((NOW + 120, "expired"), (NOW + 119 - access.LONGEST, "holds for 601 seconds")):
        with pytest.raises(InvalidData, match=words):
            access.check(FOUND, audience=HERE, now=now)
    with pytest.raises(InvalidData, match="another gateway"):
        access.check(FOUND, audience=access.audience("https://127.0.0.1:8080"), now=NOW)


def test_origins() -> None:
    for url, origin in (
        ("http://127.0.0.1:8080/some/path?key=1", "http://127.0.0.1:8080"),
        ("https://user:key@Models.Example:443", "https://models.example"),
        ("http://models.example:80/", "http://models.example"),
        ("http://models.example:443/", "http://models.example:443"),
        ("http://[::1]:9/", "http://[::1]:9"),
    ):
        assert access.origin_of(url) == origin


def test_challenges() -> None:
    found = Challenge(31337, "0x" + "5e" * 20, 2**255)
    assert Challenge.read(json.loads(json.dumps(found.value()))) == found
    for wrong in (None, [], {}, found.value() | {"chainId": True}, found.value() | {"tokenId": "0x1"}):
        with pytest.raises(InvalidData, match="expected chainId"):
            Challenge.read(wrong)
