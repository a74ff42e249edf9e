"""SimulatedEnclave: the Enclave port where there is none. Its evidence convinces nobody, and says so."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from mlm.adapters.enclave import child
from mlm.adapters.enclave.keyed import Keyed
from mlm.adapters.extras import unavailable
from mlm.core.attestation import SGX, UP_TO_DATE
from mlm.core.tee import Task
from mlm.ports.attestation import MAX_BYTES
from mlm.ports.enclave import Enclosed

# Nothing is measured: whoever runs this can change it, and measure what it likes.
REGISTERS = {
    "mr_enclave": sha256(b"mlm simulated enclave").digest(),
    "mr_signer": sha256(b"mlm simulated enclave's signer").digest(),
}


class SimulatedEnclave(Keyed):
    """A confined child that does what an enclave does, and has the simulated vendor sign; `options` are Keyed's.

    `status` and `advisories` are that vendor's word on the platform; `debug`: a debugger could open the enclave.
    """

    simulated = True

    def __init__(
        self,
        *,
        kind: str = SGX,
        registers: Mapping[str, bytes] = REGISTERS,
        status: str = UP_TO_DATE,
        advisories: tuple[str, ...] = (),
        debug: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self._said = {
            "kind": kind,
            "registers": {name: value.hex() for name, value in registers.items()},
            "status": status,
            "advisories": list(advisories),
            "debug": debug,
        }

    def run(self, onnx: bytes, inputs: bytes, task: Task, at: int) -> Enclosed:
        """Have the child load, run and sign."""
        with self._inside.ran(child.SIMULATE, onnx, inputs, task, at=at, **self._said) as ran:
            quote, collateral = (ran.left(name, MAX_BYTES) for name in (child.QUOTE, child.COLLATERAL))
            return Enclosed(ran.outputs, ran.statement, quote, collateral, True, ran.provider, ran.seconds)

    def _check_there(self) -> None:
        """Any machine is one."""

    def _vouch(self, data: bytes, at: int) -> tuple[bytes, bytes]:
        try:
            return child.simulated(self._said | {"at": at}, data)
        except ImportError as error:
            missing = (error.name or "cryptography").partition(".")[0]
            raise unavailable("simulated evidence", missing, error, "'mlm[tee]'") from error
