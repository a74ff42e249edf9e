"""age identities, against the library's, and the sizes that a sealed file can have."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlm.core import age
from mlm.core.errors import InvalidData


@given(st.binary(min_size=32, max_size=32))
def test_an_identity_is_spelled_as_age_spells_it(key: bytes) -> None:
    from pyrage import x25519

    assert str(x25519.Identity.from_str(age.identity(key))) == age.identity(key)


def test_the_key_is_the_secret_itself() -> None:
    """Its public key is X25519's of another library; age spells it in Bech32 too."""
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
    from pyrage import x25519

    secret = bytes(range(32))
    public = str(x25519.Identity.from_str(age.identity(secret)).to_public())
    number = 0
    for char in public.removeprefix("age1")[:52]:
        number = number << 5 | "qpzry9x8gf2tvdw0s3jn54khce6mua7l".index(char)
    expected = X25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw()
    assert (number >> 4).to_bytes(32, "big") == expected


def test_a_key_has_32_bytes() -> None:
    with pytest.raises(ValueError, match="32 bytes, found 31"):
        age.identity(b"k" * 31)


@pytest.mark.parametrize("plain", [0, 1, 65_535, 65_536, 65_537, 10**12])
def test_what_a_sealed_file_may_hold(plain: int) -> None:
    body = plain + 16 * max(1, -(-plain // 65_536)) + 16
    age.check_size(plain, body + 200)
    for wrong in (body, body - 1, body + 2049):
        with pytest.raises(InvalidData, match="expected a sealed file"):
            age.check_size(plain, wrong)
