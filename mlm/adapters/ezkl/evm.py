"""What the verifier contract takes: the verifying key artefact (VKA) and its SRS points. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from mlm.core.errors import InvalidData

MAX_WORDS = 4096
# Positions in the artefact, in words; the contract has the same (ezkl 23.0.5's reusable verifier).
_INSTANCES = 2
_EVALUATIONS = 3
_POINTS = slice(16, 24)
_CHALLENGES = 33


def parse_vka(data: bytes) -> tuple[int, ...]:
    """The words of a `vka.bin`: a little-endian u64 count, then 32-byte big-endian words. Raises InvalidData."""
    count = int.from_bytes(data[:8], "little")
    if len(data) < 8 or count > MAX_WORDS or len(data) != 8 + 32 * count:
        raise InvalidData(f"a verifying key artefact says {count} words but has {len(data)} bytes")
    return tuple(int.from_bytes(data[i : i + 32], "big") for i in range(8, len(data), 32))


def srs_points(vka: Sequence[int]) -> tuple[int, ...]:
    """(G2, -tau*G2), words 16 to 23: they must equal the deployment's, or the key's owner could forge proofs."""
    if len(vka) < _POINTS.stop:
        raise InvalidData(f"a verifying key artefact has at least {_POINTS.stop} words, found {len(vka)}")
    return tuple(vka[_POINTS])


def proof_length(vka: Sequence[int]) -> int:
    """Bytes of a proof under this key: the points of each phase, the evaluations, two opening points.

    ezkl and its contract ignore what follows a proof, so its length must be checked apart. Raises InvalidData.
    """
    length = 0
    try:
        at = _CHALLENGES
        word = vka[at]
        more, word = word & 0xFF, word >> 8
        for _ in range(more):
            while word:
                length += word & 0xFFFF
                word >>= 24
            at += 1
            word = vka[at]
        return length + vka[_EVALUATIONS] * 32 + 128
    except IndexError:
        raise InvalidData(f"a verifying key artefact of {len(vka)} words ends too early") from None


def instance_count(vka: Sequence[int]) -> int:
    """Instances of a proof under this key."""
    if len(vka) <= _INSTANCES:
        raise InvalidData(f"a verifying key artefact of {len(vka)} words ends too early")
    return vka[_INSTANCES]


def field_element(little_endian: str) -> int:
    """An instance as ezkl writes it: 32 little-endian bytes in hex."""
    raw = bytes.fromhex(little_endian)
    if len(raw) != 32:
        raise InvalidData(f"an instance has 32 bytes, found {len(raw)}")
    return int.from_bytes(raw, "little")


def little_endian(value: int) -> str:
    """A field element as ezkl reads it."""
    return value.to_bytes(32, "little").hex()
