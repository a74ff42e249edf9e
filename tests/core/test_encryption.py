"""Keys, their derivation and the block of an encrypted message: known answers, and hostile blocks."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlm.core import dagcbor, encryption
from mlm.core.encryption import Encrypted
from mlm.core.errors import InvalidData, VerificationFailed

SECRET, SALT, JOB = b"s" * 32, b"t" * 32, b"j" * 32


def _hkdf(secret: bytes, salt: bytes, context: bytes) -> bytes:
    """RFC 5869, one block of output."""
    return hmac.digest(hmac.digest(salt or bytes(32), secret, hashlib.sha256), context + b"\x01", hashlib.sha256)


def test_keys_are_derived_as_the_page_says() -> None:
    key = encryption.content_key(SECRET, SALT)
    assert key == _hkdf(SECRET, SALT, b"mlm/content-key/1")
    assert encryption.root_salt(key) == _hkdf(key, b"", b"mlm/root-salt/1")


def test_other_secrets_and_salts_give_other_keys() -> None:
    keys = {encryption.content_key(secret, salt) for secret in (SECRET, SALT) for salt in (SALT, JOB)}
    assert len(keys) == 4


def test_a_wrapped_key_is_of_its_job() -> None:
    wrapped = encryption.key_for(JOB, SECRET)
    assert encryption.key_from(JOB, wrapped) == SECRET
    for job, data in (
        (SALT, wrapped),
        (JOB, wrapped[:-1]),
        (JOB, wrapped + b"."),
        (JOB, b""),
        (JOB, b"x" + wrapped[1:]),
    ):
        with pytest.raises(VerificationFailed, match="not of job 0x"):
            encryption.key_from(job, data)


@given(st.binary(max_size=99), st.binary(max_size=99))
def test_a_message_and_its_block(data: bytes, wrapped: bytes) -> None:
    message = Encrypted(SALT, data, wrapped)
    assert encryption.read(message.to_block()) == message
    assert data.hex() not in repr(message) or not data


def test_blocks_of_other_formats_are_not_encrypted() -> None:
    for document in ({"format": "mlm/tensors/1", "tensors": []}, [], "mlm/encrypted/1", {"salt": SALT}):
        assert encryption.read(dagcbor.encode(document)) is None


@pytest.mark.parametrize(
    "change",
    [{"salt": b"short"}, {"salt": "text"}, {"data": None}, {"wrapped": 1}, {"more": b""}, {"wrapped": None}],
    ids=str,
)
def test_hostile_blocks(change: dict[str, object]) -> None:
    document = {"format": encryption.FORMAT, "salt": SALT, "data": b"", "wrapped": b"", **change}
    with pytest.raises(InvalidData, match="mlm/encrypted/1"):
        encryption.read(dagcbor.encode(document))  # type: ignore[arg-type]


def test_a_missing_field_is_a_hostile_block() -> None:
    with pytest.raises(InvalidData, match="mlm/encrypted/1"):
        encryption.read(dagcbor.encode({"format": encryption.FORMAT, "salt": SALT, "data": b""}))


def test_too_much_is_said_so() -> None:
    with pytest.raises(InvalidData, match="at most 2097152 bytes"):
        Encrypted(SALT, bytes(1 << 21)).to_block()
