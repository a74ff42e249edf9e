"""A result of the tier tee, off the chain: the block that is handed over, and what a provider keeps. Pure.

Both are DAG-CBOR; the first comes from anybody, the second from one's own disk.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from mlm.core import dagcbor
from mlm.core.clock import LAST
from mlm.core.fields import Fields

RESULT = "mlm/tee-result/1"
WORK, SIGNED_WORK = "mlm/tee-work/1", "mlm/tee-signed-work/1"
MAX_EVIDENCE = 1 << 18  # bytes of a quote, and of its collateral: the block travels as one
MAX_OUTPUTS = 1 << 16  # of the outputs' block, encrypted or not
_WORD = 32


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
        found = cls(
            top.data("quote", MAX_EVIDENCE), top.data("collateral", MAX_EVIDENCE), top.data("outputs", MAX_OUTPUTS)
        )
        top.finish()
        return found


@dataclass(frozen=True)
class KeySigned:
    """That a session key signed a result: the name of its registration, its point, and r and s over the report data."""

    registration: bytes
    x: int
    y: int
    signature: bytes = field(repr=False)


@dataclass(frozen=True)
class Evidence:
    """What an enclave gave for a job, with what the outputs are encrypted under: `salt` is empty where they are not.

    The quote is of the run; where a session key has `signed` the run, of the key's registration. `at`: when it was
    checked here, in seconds of the chain's clock; attesters are asked about that instant.
    """

    quote: bytes = field(repr=False)
    collateral: bytes = field(repr=False)
    simulated: bool
    at: int
    salt: bytes = field(repr=False)
    signed: KeySigned | None = None

    def to_bytes(self) -> bytes:
        """As it is kept."""
        value: dict[str, dagcbor.Value] = {
            "format": WORK,
            "quote": self.quote,
            "collateral": self.collateral,
            "simulated": self.simulated,
            "at": self.at,
            "salt": self.salt,
        }
        if (signed := self.signed) is not None:
            value["format"] = SIGNED_WORK
            value["x"], value["y"] = (number.to_bytes(_WORD, "big") for number in (signed.x, signed.y))
            value["registration"], value["signature"] = signed.registration, signed.signature
        return dagcbor.encode(value)

    @classmethod
    def from_bytes(cls, data: bytes) -> Evidence:
        """The inverse; raises InvalidData."""
        top = Fields.of(dagcbor.decode(data), "kept evidence of an enclave")
        by_key = top.format(WORK, SIGNED_WORK) == SIGNED_WORK
        found = cls(
            top.data("quote", MAX_EVIDENCE),
            top.data("collateral", MAX_EVIDENCE),
            top.flag("simulated"),
            top.integer("at", 0, LAST),
            top.data("salt", 32),
            _signed(top) if by_key else None,
        )
        top.finish()
        return found


def _signed(top: Fields) -> KeySigned:
    x, y = (int.from_bytes(top.binary(name, _WORD), "big") for name in ("x", "y"))
    return KeySigned(top.binary("registration", _WORD), x, y, top.binary("signature", 2 * _WORD))
