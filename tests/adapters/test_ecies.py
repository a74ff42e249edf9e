"""Encryption by eciespy: what one account wrapped another opens, and nothing else does; against an independent peer."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from coincurve import PrivateKey, PublicKey
from Crypto.Cipher import AES
from hypothesis import given
from hypothesis import strategies as st

from mlm.adapters.ecies import Ecies
from mlm.core.errors import InvalidData, VerificationFailed

ANN, BOB = bytes(31) + b"\x01", bytes(31) + b"\x02"
BYTES = st.binary(max_size=200)
cipher = Ecies()


def test_the_public_key_is_the_compressed_point() -> None:
    # SEC 2, section 2.4.1: 1 times the generator
    assert cipher.public_key(ANN).hex() == "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"


@given(BYTES)
def test_only_the_reader_unwraps(data: bytes) -> None:
    wrapped = cipher.wrap(cipher.public_key(ANN), data)
    assert cipher.unwrap(ANN, wrapped) == data
    with pytest.raises(VerificationFailed, match="not for this account"):
        cipher.unwrap(BOB, wrapped)


@given(st.integers(0, 60), st.integers(0, 7))
def test_a_changed_byte_is_found(at: int, bit: int) -> None:
    wrapped = bytearray(cipher.wrap(cipher.public_key(ANN), b""))
    wrapped[at] ^= 1 << bit
    with pytest.raises(VerificationFailed):
        cipher.unwrap(ANN, bytes(wrapped))


@given(BYTES)
def test_rubbish_is_refused_in_one_line(rubbish: bytes) -> None:
    with pytest.raises(VerificationFailed, match="wrapped bytes"):
        cipher.unwrap(ANN, rubbish)
    if len(rubbish) != 33:
        with pytest.raises(InvalidData, match="compressed point"):
            cipher.wrap(rubbish, b"data")


def test_a_point_off_the_curve_is_no_key() -> None:
    with pytest.raises(InvalidData, match="compressed point"):
        cipher.wrap(b"\x02" + bytes(31) + b"\x05", b"data")


def test_the_wrapping_is_what_the_page_says() -> None:
    """docs/privacy.md: ephemeral point, nonce, tag, ciphertext; HKDF-SHA256 of both points; opened without eciespy."""
    wrapped = cipher.wrap(cipher.public_key(BOB), b"a message")
    point, nonce, tag, ciphertext = wrapped[:33], wrapped[33:45], wrapped[45:61], wrapped[61:]
    shared = PublicKey(point).multiply(BOB).format(compressed=True)
    extracted = hmac.digest(bytes(32), point + shared, hashlib.sha256)
    key = hmac.digest(extracted, b"\x01", hashlib.sha256)
    assert AES.new(key, AES.MODE_GCM, nonce=nonce).decrypt_and_verify(ciphertext, tag) == b"a message"
    assert PrivateKey(BOB).secret == BOB


@given(BYTES, BYTES)
def test_a_content_key_opens_what_it_closed(data: bytes, bound: bytes) -> None:
    closed = cipher.encrypt(b"k" * 32, data, bound)
    assert len(closed) == len(data) + 16
    assert cipher.decrypt(b"k" * 32, closed, bound) == data
    for key, what, about in (
        (b"l" * 32, closed, bound),
        (b"k" * 32, closed, bound + b"."),
        (b"k" * 32, closed[:-1], bound),
        (b"k" * 32, bytes([closed[0] ^ 1]) + closed[1:], bound),
        (b"k" * 32, b"", bound),
    ):
        with pytest.raises(VerificationFailed, match="does not open"):
            cipher.decrypt(key, what, about)
