"""Running a model inside a trusted execution environment, and keys that sign what ran there."""

from dataclasses import dataclass, field
from typing import Protocol

from mlm.core.tee import SessionKey, Statement, Task

SIGNATURE_BYTES = 64  # of a session key: r and s


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


@dataclass(frozen=True)
class HeldKey:
    """A session key that the enclave made and holds: all but its secret, which does not leave it.

    `quote` signs the key's report data, `collateral` is what the vendor says of the platform, both valid `at`, in
    seconds. `simulated` as above.
    """

    key: SessionKey
    quote: bytes = field(repr=False)
    collateral: bytes = field(repr=False)
    simulated: bool
    at: int


@dataclass(frozen=True)
class SignedRun:
    """What a run gave that a session key signed: `signature` is r and s, 32 bytes each, over the report data of the

    statement, which names the key; s lies in the lower half of the order. `provider` as above.
    """

    outputs: bytes = field(repr=False)
    statement: Statement
    signature: bytes = field(repr=False)
    provider: str
    seconds: float


class Enclave(Protocol):
    def run(self, onnx: bytes, inputs: bytes, task: Task, at: int) -> Enclosed:
        """Run a model on a block of tensors; the enclave itself digests what it loaded and what came out.

        `at`: the time, in seconds, at which the evidence is to be valid. Raises InvalidData for a model or an input
        that it cannot run, ToolMissing where there is no enclave, or no collateral, with what to do.
        """

    def make_key(self, wanted: SessionKey, at: int) -> HeldKey:
        """Make a key, its point in place of that of `wanted`, bind it in a quote and keep it.

        Keys of the same market that have ended `at` are removed. Raises ToolMissing as `run`, StorageError.
        """

    def held(self) -> tuple[HeldKey, ...]:
        """The keys that it holds, the newest first; one that a disk has spoiled is none."""

    def run_signed(self, onnx: bytes, inputs: bytes, task: Task, key: SessionKey) -> SignedRun:
        """Run as `run` does, and sign what was digested with a key that the enclave holds.

        Raises as `run`, NotFound for a key that it does not hold, VerificationFailed for one that is of another model,
        provider or market.
        """
