"""keccak256, and the words of the Solidity ABI that digests are made of.

pysha3 does it on Linux: 1 to 3 microseconds a call, where pycryptodome takes 8 and lets go of the interpreter's lock
four times. Elsewhere there are no wheels of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from typing import Any


@cache  # only commands that digest pay for the import
def _keccak() -> Callable[[bytes], Any]:
    try:
        import sha3
    except ImportError:
        from Crypto.Hash import keccak

        return lambda data: keccak.new(data=data, digest_bits=256)
    found: Callable[[bytes], Any] = sha3.keccak_256
    return found


def keccak256(data: bytes) -> bytes:
    """Ethereum's keccak256 (the original padding, not SHA3-256): 32 bytes."""
    digest: bytes = _keccak()(data).digest()
    return digest


@cache  # there are a few dozen of them
def domain(name: str) -> bytes:
    """The domain of a digest, e.g. `mlm/in/1`: its keccak256, as the contracts have it."""
    return keccak256(name.encode())


def word(value: int | bytes) -> bytes:
    """One 32-byte ABI word: an unsigned number, or exactly 32 bytes. Raises ValueError for anything else."""
    if isinstance(value, bytes):
        if len(value) != 32:
            raise ValueError(f"a bytes32 has 32 bytes, found {len(value)}")
        return value
    if not 0 <= value < 1 << 256:
        raise ValueError(f"a uint256 lies in [0, 2^256), found {value}")
    return value.to_bytes(32, "big")


def words(values: Iterable[int | bytes]) -> bytes:
    """abi.encode of static values, which is also abi.encodePacked of a uint256[]."""
    return b"".join(map(word, values))
