"""The Sealing port in memory: a keystream by SHA-256 and a keyed digest at the end, of age's sizes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from hashlib import sha256
from itertools import count

from mlm.core import age
from mlm.core.errors import InvalidData, VerificationFailed

_MAGIC = b"age-encryption.org/memory\n"
_TAG = 32


class MemorySealing:
    """A twin for tests: `salts` counts files, so that no two are the same."""

    def __init__(self) -> None:
        self._salts = count(1)

    def seal(self, key: bytes, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """As age does: another file each time."""
        salt = next(self._salts).to_bytes(16, "big")
        plain = b"".join(pieces)
        chunks = max(1, -(-len(plain) // age.CHUNK))
        body = _streamed(key, salt, plain)
        padding = bytes(age.TAG * chunks + 16 - 16 - _TAG + 256)  # of age's size, with a header of 256 bytes
        yield _MAGIC + salt
        yield body
        yield padding[len(_MAGIC) :] + _tag(key, salt, body)

    def open(self, key: bytes, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """Whole or not at all, which is more than age promises."""
        data = b"".join(pieces)
        if not data.startswith(_MAGIC):
            raise InvalidData(f"expected an age file (age-encryption.org/v1), found one that begins {data[:24]!r}")
        rest = data[len(_MAGIC) :]
        salt, rest, tag = rest[:16], rest[16:-_TAG], rest[-_TAG:]
        for chunks in range(1, len(rest) // age.CHUNK + 2):
            size = len(rest) - (age.TAG * chunks + 256 - _TAG - len(_MAGIC))
            if size >= 0 and max(1, -(-size // age.CHUNK)) == chunks and tag == _tag(key, salt, rest[:size]):
                yield _streamed(key, salt, rest[:size])
                return
        raise VerificationFailed("the content key does not open the sealed file, or its bytes were changed or cut off")


def _streamed(key: bytes, salt: bytes, data: bytes) -> bytes:
    blocks = (sha256(key + salt + at.to_bytes(8, "big")).digest() for at in range(-(-len(data) // 32)))
    stream = b"".join(blocks)[: len(data)]
    return (int.from_bytes(data, "big") ^ int.from_bytes(stream, "big")).to_bytes(len(data), "big")


def _tag(key: bytes, salt: bytes, body: bytes) -> bytes:
    return sha256(b"tag" + key + salt + body).digest()
