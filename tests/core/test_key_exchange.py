"""The key exchange against the vectors that Solidity is held to, and against ecrecover's own arithmetic."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlm.adapters.ecies import Ecies
from mlm.core import key_exchange as kx
from mlm.core.errors import InvalidData, VerificationFailed
from mlm.core.key_exchange import Point

VECTORS = json.loads((Path(__file__).resolve().parent.parent / "vectors" / "key_exchange.json").read_text())


def raw(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))


@pytest.mark.parametrize("case", VECTORS["exchanges"], ids=lambda case: case["wrapped"][:10])
def test_an_exchange_is_the_contracts(case: dict[str, Any]) -> None:
    encryption = Ecies()
    reader = Point(int(case["readerX"], 16), int(case["readerY"], 16))
    point = Point(int(case["x"], 16), int(case["y"], 16))
    assert kx.from_bytes(encryption.multiply(raw(case["secret"]))) == kx.check_point(reader)
    assert kx.from_bytes(encryption.multiply(raw(case["ephemeral"]))) == kx.check_point(point)
    for secret, other in ((case["ephemeral"], reader), (case["secret"], point)):
        shared = kx.address_of(kx.from_bytes(encryption.multiply(raw(secret), kx.to_bytes(other))))
        assert shared == raw(case["shared"])
    pad = kx.pad(raw(case["shared"]), raw(case["versionId"]), raw(case["account"]), raw(case["ref"]))
    assert pad == raw(case["pad"])
    assert kx.xor(raw(case["key"]), pad) == raw(case["wrapped"])
    assert kx.xor(raw(case["wrapped"]), pad) == raw(case["key"])
    assert kx.digest_of(raw(case["key"])) == raw(case["keyDigest"])
    assert kx.check_key(raw(case["key"]), raw(case["keyDigest"]), "x") == raw(case["key"])
    with pytest.raises(VerificationFailed, match="is wrong"):
        kx.check_key(raw(case["wrapped"]), raw(case["keyDigest"]), "x")


@pytest.mark.parametrize("case", VECTORS["points"], ids=lambda case: case["name"])
def test_which_points_are_taken(case: dict[str, Any]) -> None:
    point = Point(int(case["x"], 16), int(case["y"], 16))
    if case["valid"]:
        assert kx.check_point(point) == point
    else:
        with pytest.raises(InvalidData, match="point of secp256k1"):
            kx.check_point(point)


@pytest.mark.parametrize("case", VECTORS["products"], ids=lambda case: case["address"][:10])
def test_a_product_has_the_address_that_ecrecover_gives(case: dict[str, Any]) -> None:
    scalar = int(case["k"], 16) % kx.ORDER
    if scalar == 0:
        assert int(case["address"], 16) == 0
        return
    point = kx.to_bytes(Point(int(case["x"], 16), int(case["y"], 16)))
    found = Ecies().multiply(scalar.to_bytes(32, "big"), point)
    assert kx.address_of(kx.from_bytes(found)) == raw(case["address"])


def test_what_is_no_point_is_not_multiplied() -> None:
    for noise in (bytes(64), b"\1" * 64, b"\1" * 63):
        with pytest.raises(InvalidData, match="point of secp256k1"):
            Ecies().multiply(b"\1" * 32, noise)


@settings(max_examples=25)
@given(st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32))
def test_secrets_are_scalars_and_differ_by_purpose(secret: bytes, salt: bytes) -> None:
    nonce = int.from_bytes(salt, "big")
    found = {kx.order_secret(secret, nonce), kx.request_secret(secret, salt), kx.content_key(secret, nonce, "1.0.0")}
    assert len(found | {kx.content_key(secret, nonce, "1.0.1")}) == 4
    assert all(0 < int.from_bytes(each, "big") < kx.ORDER for each in sorted(found)[:2] if each)


def test_extreme_bytes_give_scalars() -> None:
    for noise in (bytes(32), b"\xff" * 32, (kx.ORDER - 1).to_bytes(32, "big"), kx.ORDER.to_bytes(32, "big")):
        assert 0 < int.from_bytes(kx.ephemeral_secret(noise), "big") < kx.ORDER
