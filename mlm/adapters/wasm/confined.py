"""ConfinedAlgorithms: the Algorithms port in child processes: WebAssembly confines a module, but not its compiler."""

from __future__ import annotations

import math
import shutil
from pathlib import Path

from mlm.adapters import confine
from mlm.adapters.confine import Limits
from mlm.adapters.disk import storage_errors
from mlm.adapters.wasm.child import INPUT, MODULE, OUTPUT
from mlm.adapters.wasm.engine import MAX_OUTPUT
from mlm.core.errors import InvalidData, ModelStopped
from mlm.ports.algorithms import Computation

_RUNNING = "running the module"
MAX_MODULE = 64 << 20  # bytes
# Python, the compiler and what it makes of the largest module, beside the module's own memory.
_OVERHEAD_MB = 1024
_WORKER = confine.Worker("mlm.adapters.wasm.child", "runner", ModelStopped, MAX_OUTPUT, code=True, smaller="module")


class ConfinedAlgorithms:
    """Each call runs in a process of its own, in a private folder under `folder`.

    A module's memory has at most `memory_mb`; `fuel` bounds its instructions, `timeout_s` compiling and all else.
    """

    def __init__(
        self,
        *,
        folder: Path,
        fuel: int = 10**10,
        memory_mb: int = 4096,
        timeout_s: float = 120.0,
        sandbox: str = "auto",
    ) -> None:
        self._folder, self._fuel, self._memory_mb = folder.absolute(), fuel, memory_mb
        self._limits = Limits(memory_mb + _OVERHEAD_MB, timeout_s, sandbox)

    def run(self, module: bytes, data: bytes) -> Computation:
        """Write both for the child, have it run, and remove them."""
        if len(module) > MAX_MODULE:
            raise InvalidData(f"expected a module of at most {MAX_MODULE} bytes, found {len(module)}")
        with storage_errors("the folder of algorithms cannot be written"):
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            folder = confine.private_folder(self._folder)
        try:
            with storage_errors("the module's input cannot be written"):
                (folder / MODULE).write_bytes(module)
                (folder / INPUT).write_bytes(data)
            request = {"fuel": self._fuel, "memory_bytes": self._memory_mb << 20}
            answer = confine.ask(_WORKER, "run", request, what=_RUNNING, folder=folder, limits=self._limits)
            output = confine.read_file(folder / OUTPUT, MAX_OUTPUT, ModelStopped, _RUNNING)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        try:
            fuel, seconds = int(answer["fuel"]), float(answer["seconds"])
            if not (0 <= fuel <= self._fuel and math.isfinite(seconds) and seconds >= 0):
                raise ValueError(f"{fuel} in {seconds} s")
        except (KeyError, TypeError, ValueError, OverflowError) as error:  # a child that was taken over
            raise ModelStopped(f"{_RUNNING} gave an answer that cannot be read") from error
        return Computation(output, fuel, seconds)
