"""Evidence of a run in an enclave, format `mlm/enclosed/1`: the task, both blocks of tensors, quote and collateral.

One DAG-CBOR block, so that whoever holds it can check what ran, on what, and what came out. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from mlm.core import dagcbor
from mlm.core.clock import LAST
from mlm.core.fields import Fields
from mlm.core.tee import Statement, Task

FORMAT = "mlm/enclosed/1"
SUFFIX = ".tee"
MAX_BYTES = 1 << 30
MAX_QUOTE = 1 << 20  # bytes, and of the collateral
_SIZE = 32
_ADDRESS = 20


@dataclass(frozen=True)
class EnclosedFile:
    """`inputs` and `outputs` are blocks `mlm/tensors/1`, `model` is the sha256 of the ONNX bytes.

    `at`: when it was made, in seconds, by whoever made it: nobody vouches for it but the collateral's own dates.
    """

    task: Task
    model: bytes
    inputs: bytes = field(repr=False)
    outputs: bytes = field(repr=False)
    quote: bytes = field(repr=False)
    collateral: bytes = field(repr=False)
    simulated: bool
    at: int

    @property
    def statement(self) -> Statement:
        """What the quote must have signed."""
        return self.task.statement(self.model, self.inputs, self.outputs)

    def to_bytes(self) -> bytes:
        """The file's content."""
        task = self.task
        return dagcbor.encode(
            {
                "format": FORMAT,
                "task": {
                    "chain": task.chain_id,
                    "market": bytes.fromhex(task.market[2:]),
                    "job": bytes.fromhex(task.job_id[2:]),
                    "version": bytes.fromhex(task.version_id[2:]),
                    "provider": bytes.fromhex(task.provider[2:]),
                    "inputSalt": task.input_salt,
                    "outputSalt": task.output_salt,
                },
                "model": self.model,
                "inputs": self.inputs,
                "outputs": self.outputs,
                "quote": self.quote,
                "collateral": self.collateral,
                "simulated": self.simulated,
                "at": self.at,
            }
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> EnclosedFile:
        """A file of anybody; raises InvalidData unless it is exactly what `to_bytes` writes."""
        top = Fields.of(dagcbor.decode(data), "evidence of an enclave")
        top.format(FORMAT)
        told = top.record("task")

        def number(name: str, size: int = _SIZE) -> str:
            return "0x" + told.binary(name, size).hex()

        chain, market, job = told.integer("chain", 0, (1 << 63) - 1), number("market", _ADDRESS), number("job")
        version, provider = number("version"), number("provider", _ADDRESS)
        given, came = (told.binary(name, _SIZE) for name in ("inputSalt", "outputSalt"))
        told.finish()
        found = cls(
            task=Task(chain, market, job, version, provider, given, came),
            model=top.binary("model", _SIZE),
            inputs=top.data("inputs", MAX_BYTES),
            outputs=top.data("outputs", MAX_BYTES),
            quote=top.data("quote", MAX_QUOTE),
            collateral=top.data("collateral", MAX_QUOTE),
            simulated=top.flag("simulated"),
            at=top.integer("at", 0, LAST),
        )
        top.finish()
        return found
