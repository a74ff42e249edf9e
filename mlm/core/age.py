"""What mlm says to age: a 32-byte content key as an X25519 identity, spelled as age spells secrets. Pure.

Sources: https://age-encryption.org/v1 and BIP 173 (Bech32). The encryption itself is the Sealing port's.
"""

from __future__ import annotations

from mlm.core.errors import InvalidData

KEY_BYTES = 32
# An age file of mlm: a header with one stanza for its recipient and perhaps one of grease, a nonce, and 64 KiB chunks.
MAX_HEADER = 2048
CHUNK, TAG = 65_536, 16

_PREFIX = "age-secret-key-"
_ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)


def identity(key: bytes) -> str:
    """The age identity, `AGE-SECRET-KEY-1…`, whose X25519 secret the 32 bytes are."""
    if len(key) != KEY_BYTES:
        raise ValueError(f"a content key has {KEY_BYTES} bytes, found {len(key)}")
    data = _words(key)
    expanded = [ord(char) >> 5 for char in _PREFIX] + [0] + [ord(char) & 31 for char in _PREFIX]
    check = _polymod(expanded + data + [0] * 6) ^ 1
    data += [check >> 5 * (5 - place) & 31 for place in range(6)]
    return f"{_PREFIX}1{''.join(_ALPHABET[word] for word in data)}".upper()


def check_size(plain: int, sealed: int) -> None:
    """Raise InvalidData unless an age file of `sealed` bytes can hold just `plain` bytes.

    age compresses nothing: whatever else is claimed is a lie, or more than anybody agreed to unpack.
    """
    body = plain + TAG * max(1, -(-plain // CHUNK)) + 16  # the nonce
    if not body < sealed <= body + MAX_HEADER:
        raise InvalidData(
            f"expected a sealed file of {body} bytes and a header for {plain} bytes of plaintext, found {sealed}"
        )


def _words(key: bytes) -> list[int]:
    """Groups of 5 bits, the last filled up with zeros."""
    number = int.from_bytes(key, "big") << 4  # 256 bits are 51 groups and one bit
    return [number >> 5 * place & 31 for place in range(51, -1, -1)]


def _polymod(values: list[int]) -> int:
    check = 1
    for value in values:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for place, generator in enumerate(_GENERATOR):
            check ^= generator if top >> place & 1 else 0
    return check
