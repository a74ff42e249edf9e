"""A result of the tier tee, off the chain: the block that is handed over, and what a provider keeps. Pure.

Both are DAG-CBOR; the first comes from anybody, the second from one's own disk.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from mlm.core import dagcbor
from mlm.core.clock import LAST
from mlm.core.errors import InvalidData
from mlm.core.fields import Fields

RESULT = "mlm/tee-result/1"
WORK = "mlm/tee-work/1"
MAX_EVIDENCE = 1 << 18  # bytes of a quote, and of its collateral: the block travels as one
MAX_OUTPUTS = 1 << 16  # of the outputs' block, encrypted or not


@dataclass(frozen=True)
class Handed:
    """The block that a submission names: `outputs` is the block of tensors, encrypted where the job is private."""

    quote: bytes = field(repr=False)
    collateral: bytes = field(repr=False)
    outputs: bytes = field(repr=False)

    def to_block(self) -> bytes:
        """Its canonical bytes."""
        value: dagcbor.Value = {
            "format": RESULT,
            "quote": self.quote,
            "collateral": self.collateral,
            "outputs": self.outputs,
        }
        return dagcbor.encode(value)

    @classmethod
    def from_block(cls, block: bytes) -> Handed:
        """A provider's block; raises InvalidData."""
        top = Fields.of(dagcbor.decode(block), "a result of the tier tee")
        top.format(RESULT)
        found = cls(_bytes(top, "quote"), _bytes(top, "collateral"), _bytes(top, "outputs", MAX_OUTPUTS))
        top.finish()
        return found


@dataclass(frozen=True)
class Evidence:
    """What an enclave gave for a job, with what the outputs are encrypted under: `salt` is empty where they are not.

    `at`: when it was checked here, in seconds of the chain's clock; attesters are asked about that instant.
    """

    quote: bytes = field(repr=False)
    collateral: bytes = field(repr=False)
    simulated: bool
    at: int
    salt: bytes = field(repr=False)

    def to_bytes(self) -> bytes:
        """As it is kept."""
        value: dagcbor.Value = {
            "format": WORK,
            "quote": self.quote,
            "collateral": self.collateral,
            "simulated": self.simulated,
            "at": self.at,
            "salt": self.salt,
        }
        return dagcbor.encode(value)

    @classmethod
    def from_bytes(cls, data: bytes) -> Evidence:
        """The inverse; raises InvalidData."""
        top = Fields.of(dagcbor.decode(data), "kept evidence of an enclave")
        top.format(WORK)
        simulated = top.take("simulated")
        found = cls(
            _bytes(top, "quote"),
            _bytes(top, "collateral"),
            simulated is True,
            top.integer("at", 0, LAST),
            _bytes(top, "salt", 32),
        )
        top.finish()
        if not isinstance(simulated, bool):
            raise InvalidData(f"'simulated' of {top.where}: expected true or false, found otherwise")
        return found


def _bytes(fields: Fields, name: str, most: int = MAX_EVIDENCE) -> bytes:
    value = fields.take(name)
    if not isinstance(value, bytes) or len(value) > most:
        raise InvalidData(f"{name!r} of {fields.where}: expected at most {most} bytes, found otherwise")
    return value
