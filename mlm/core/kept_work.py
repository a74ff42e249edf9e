"""A result in hand: run and proved by a lease holder, and not handed in yet. Kept, a kill costs no second proof."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Self

from mlm.core import dagcbor
from mlm.core.errors import InvalidData

FORMAT = "mlm/work/1"
WORD = DIGEST = 32


@dataclass(frozen=True)
class KeptWork:
    """A job's execution: a proof and its instances in the tier zk, in the tier none the block of the output tensors.

    `private`: the input travelled encrypted, and so must the outputs. `execution_provider` is where ONNX Runtime ran
    it, `seconds` what all of it took.
    """

    job_id: str
    private: bool
    execution_provider: str | None
    seconds: float = 0.0
    proof: bytes = b""
    instances: tuple[int, ...] = ()
    outputs: bytes = b""

    def to_bytes(self) -> bytes:
        """DAG-CBOR, behind its sha256: a proof that a disk has spoiled must not be handed in."""
        body = dagcbor.encode(
            {
                "format": FORMAT,
                "job": bytes.fromhex(self.job_id[2:]),
                "private": self.private,
                "proof": self.proof,
                "outputs": self.outputs,
                "instances": [word.to_bytes(WORD, "big") for word in self.instances],
                "executionProvider": self.execution_provider,
                "milliseconds": round(self.seconds * 1000),
            }
        )
        return sha256(body).digest() + body

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """The inverse; raises InvalidData for what a disk has spoiled."""
        try:
            if sha256(data[DIGEST:]).digest() != data[:DIGEST]:
                raise ValueError("its digest is another")
            found: Any = dagcbor.decode(data[DIGEST:])
            if found["format"] != FORMAT:
                raise ValueError(f"format {found['format']!r}")
            return cls(
                job_id="0x" + found["job"].hex(),
                private=found["private"],
                proof=bytes(found["proof"]),
                outputs=bytes(found["outputs"]),
                instances=tuple(int.from_bytes(word, "big") for word in found["instances"]),
                execution_provider=found["executionProvider"],
                seconds=found["milliseconds"] / 1000,
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InvalidData(f"expected a result that mlm kept, found otherwise: {str(error)[:80]}") from error
