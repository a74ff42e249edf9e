"""`python -m mlm.adapters.exact.child`: reads or runs the exact model of the working folder, confined."""

from __future__ import annotations

from base64 import b64encode
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from mlm.adapters import confine
from mlm.adapters.confine import Answer, Request
from mlm.adapters.exact.model import ExactModel
from mlm.core import dagcbor
from mlm.core.errors import MlmError

if TYPE_CHECKING:
    from mlm.adapters.exact.trace import Tracer

MODEL, PARAMETERS, INPUTS, OUTPUTS, TRACE = "model.onnx", "parameters.bin", "inputs.npz", "outputs.npz", "trace.bin"
FILES = (PARAMETERS, INPUTS, OUTPUTS, TRACE)  # what is of one task


def read(request: Request) -> Answer:
    """Check the file and say what it executes; parameters.bin holds the parameters, in the order of their roots."""
    from mlm.adapters.exact.emit import description

    model = _model()
    if request["parameters"]:
        roots = sorted(model.parameters)
        Path(PARAMETERS).write_bytes(b"".join(model.parameters[root].tobytes() for root in roots))
    return {"description": b64encode(dagcbor.encode(description(model))).decode()}


def run(request: Request) -> Answer:
    """Run it on inputs.npz; outputs.npz holds what comes out, trace.bin every node's tensor where that is asked for."""
    from mlm.adapters.onnx.tensors import read_numbered, write_numbered

    inputs = read_numbered(Path(INPUTS).read_bytes(), request["names"])
    traced = _tracer(request["threads"]).run(inputs, keep=request["keep"])
    if request["keep"]:
        Path(TRACE).write_bytes(b"".join(traced.trace.data))
    names = write_numbered(Path(OUTPUTS), traced.outputs)
    return {"names": names, "roots": [root.hex() for root in traced.trace.roots]}


# A child that stays reads and loads its model once.
@cache
def _tracer(threads: int) -> Tracer:
    from mlm.adapters.exact.trace import Tracer

    return Tracer(_model(), threads=threads)


@cache
def _model() -> ExactModel:
    from mlm.adapters.exact.read import from_onnx

    return from_onnx(Path(MODEL).read_bytes())


STEP = "model"  # a child that stays has one step: its requests name the task
TASKS = {"read": read, "run": run}
# With what these load later by themselves: once the process is sealed, no machine code can be loaded.
# Whatever it is asked first, it may be asked for the other next.
MODULES = (
    *("zipfile", "unicodedata", "numpy", "onnx", "onnxruntime", "sha3"),
    *("mlm.adapters.exact.read", "mlm.adapters.exact.trace"),
)


def answer(step: str, request: Request) -> Answer:
    """The task's answer. Raises InvalidData or ToolMissing, and MemoryError when that was the reason."""
    try:
        return TASKS[request["task"]](request)
    except MlmError as error:
        if confine.out_of_memory(error):
            raise MemoryError(str(error)) from error
        raise


if __name__ == "__main__":
    confine.serve(answer, modules=lambda step: MODULES, bounds_memory=lambda step, request: True)
