"""The part that all runs in enclaves share: a confined child that loads, digests and runs. On a CPU alone."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from mlm.adapters import confine
from mlm.adapters.confine import Limits, Request
from mlm.adapters.disk import storage_errors
from mlm.adapters.enclave import child
from mlm.adapters.onnx.folder import given, readable
from mlm.adapters.onnx.run import CPU, NO_TELEMETRY
from mlm.core.errors import ModelStopped
from mlm.core.tee import Statement, Task
from mlm.core.tensors import MAX_BYTES

_WHAT = "running the model in the enclave"


@dataclass(frozen=True)
class Ran:
    """What the child did, and the folder in which it left its files."""

    statement: Statement
    outputs: bytes
    provider: str
    seconds: float
    folder: Path

    def left(self, name: str, most: int) -> bytes:
        """A file of at most `most` bytes that the child wrote."""
        return confine.read_file(self.folder / name, most, ModelStopped, _WHAT)


class Inside:
    """Each call runs in a process of its own, in a private folder under `folder`."""

    def __init__(
        self, *, folder: Path, threads: int = 0, memory_mb: int = 4096, timeout_s: float = 120.0, sandbox: str = "auto"
    ) -> None:
        self._folder, self._threads = folder.absolute(), threads
        self._limits = Limits(memory_mb, timeout_s, sandbox)
        self._worker = confine.Worker(
            "mlm.adapters.enclave.child", "runner", ModelStopped, MAX_BYTES, environment=dict([NO_TELEMETRY])
        )

    @contextmanager
    def ran(self, step: str, onnx: bytes, inputs: bytes, task: Task, **more: Any) -> Iterator[Ran]:
        """What came of it, until the block ends. Raises InvalidData, ModelStopped, ToolMissing."""
        request: Request = {
            name: value.hex() if isinstance(value, bytes) else value for name, value in asdict(task).items()
        }
        with given(self._folder, onnx) as folder:
            with storage_errors("the enclave's folder cannot be written"):
                (folder / child.INPUT).write_bytes(inputs)
            answer = confine.ask(
                self._worker,
                step,
                request | {"threads": self._threads} | more,
                what=_WHAT,
                folder=folder,
                limits=self._limits,
            )
            outputs = confine.read_file(folder / child.OUTPUT, MAX_BYTES, ModelStopped, _WHAT)
            with readable(_WHAT):
                names = ("model", "input_commitment", "output_commitment")
                model, given_input, came = (bytes.fromhex(answer[name]) for name in names)
                provider, seconds = str(answer["provider"]), float(answer["seconds"])
                if provider != CPU or not (math.isfinite(seconds) and seconds >= 0):
                    raise ValueError(f"{provider!r} after {seconds} s")
            # What it says is not needed to know it: a child that says otherwise was taken over.
            statement = Statement(task.chain_id, task.market, task.job_id, model, given_input, came, task.provider)
            if statement != task.statement(sha256(onnx).digest(), inputs, outputs):
                raise ModelStopped(f"{_WHAT} gave other digests than those of what it was given")
            yield Ran(statement, outputs, provider, seconds, folder)
