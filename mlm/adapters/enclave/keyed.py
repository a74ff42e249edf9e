"""What all enclaves do alike with session keys: make one, have it vouched for, sign with it what ran."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any, ClassVar

from mlm.adapters.enclave import child
from mlm.adapters.enclave.confined import Inside
from mlm.adapters.enclave.keys import SealedKeys
from mlm.core.errors import VerificationFailed
from mlm.core.tee import SessionKey, Task
from mlm.ports.enclave import HeldKey, SignedRun


class Keyed(ABC):
    """An enclave whose keys lie in `keys`; `options` are Inside's.

    SAFETY: the child that reads a model never has a key. What is signed are digests that were taken here, of what the
    child was given and what it left, and that it has to have found too: nobody hands them in.
    """

    simulated: ClassVar[bool]

    def __init__(self, *, keys: Path, **options: Any) -> None:
        self._inside, self._keys = Inside(**options), SealedKeys(keys)

    @abstractmethod
    def _check_there(self) -> None:
        """Raise ToolMissing where this machine is not the enclave."""

    @abstractmethod
    def _vouch(self, data: bytes, at: int) -> tuple[bytes, bytes]:
        """A quote that signs 32 bytes, and its collateral. Raises ToolMissing."""

    def make_key(self, wanted: SessionKey, at: int) -> HeldKey:
        """Make a key, and keep it once it is vouched for."""
        self._check_there()
        key, secret = self._keys.draw(wanted)
        held = HeldKey(key, *self._vouch(key.report_data, at), self.simulated, at)
        self._keys.keep(held, secret)
        return held

    def held(self) -> tuple[HeldKey, ...]:
        """The keys in the folder."""
        return self._keys.held()

    def run_signed(self, onnx: bytes, inputs: bytes, task: Task, key: SessionKey) -> SignedRun:
        """Have the child load and run, and sign what was digested."""
        self._check_there()
        if not key.signs(task, model := sha256(onnx).digest()):
            raise VerificationFailed(
                f"the session key 0x{key.x:064x} signs runs of the model {key.model.hex()} for {key.provider} on the "
                f"market {key.market}, found {model.hex()} for {task.provider} on {task.market}"
            )
        with self._inside.ran(child.RUN, onnx, inputs, task) as ran:
            said = replace(ran.statement, x=key.x, y=key.y)
            signature = self._keys.sign(key, said.report_data)
            return SignedRun(ran.outputs, said, signature, ran.provider, ran.seconds)
