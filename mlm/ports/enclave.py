"""Running a model inside a trusted execution environment."""

from dataclasses import dataclass, field
from typing import Protocol

from mlm.core.tee import Statement, Task


@dataclass(frozen=True)
class Enclosed:
    """What a run in an enclave gave: the block of its outputs, and evidence of them.

    `quote` signs the statement's report data, `collateral` is what the vendor says of the platform. `simulated`: it is
    the simulated vendor's, whose keys everybody knows. `provider` is ONNX Runtime's, e.g. CPUExecutionProvider.
    """

    outputs: bytes = field(repr=False)
    statement: Statement
    quote: bytes = field(repr=False)
    collateral: bytes = field(repr=False)
    simulated: bool
    provider: str
    seconds: float


class Enclave(Protocol):
    def run(self, onnx: bytes, inputs: bytes, task: Task, at: int) -> Enclosed:
        """Run a model on a block of tensors; the enclave itself digests what it loaded and what came out.

        `at`: the time, in seconds, at which the evidence is to be valid. Raises InvalidData for a model or an input
        that it cannot run, ToolMissing where there is no enclave, or no collateral, with what to do.
        """
