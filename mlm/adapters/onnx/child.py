"""`python -m mlm.adapters.onnx.child`: inspects or runs the model of the working folder, under limits set before."""

from __future__ import annotations

from dataclasses import asdict
from functools import cache
from pathlib import Path

from mlm.adapters import confine
from mlm.adapters.confine import Answer, Request
from mlm.adapters.onnx.run import CUDA, OnnxRunner
from mlm.core.errors import MlmError

# What exists where an NVIDIA driver does: Linux, and Windows' Linux.
_DEVICES = (Path("/dev/nvidiactl"), Path("/dev/dxg"))


def bounds_memory(step: str, request: Request) -> bool:
    """False where CUDA is used: it maps far more address space than it uses, so only the time is bounded there."""
    if step != "run" or request["provider"] == "cpu":
        return True
    if request["provider"] == "cuda":
        return False
    if not any(device.exists() for device in _DEVICES):
        return True
    try:
        import onnxruntime
    except ImportError:
        return True
    return CUDA not in onnxruntime.get_available_providers()


def step_inspect(onnx: bytes, request: Request) -> Answer:
    """Check and describe the model. ONNX Runtime is not needed."""
    from mlm.adapters.onnx.inspect import inspect, load

    return asdict(inspect(load(onnx)))


def step_run(onnx: bytes, request: Request) -> Answer:
    """Run it on inputs.npz; outputs.npz holds what comes out."""
    from mlm.adapters.onnx.tensors import read_numbered, write_numbered

    inputs = read_numbered(Path("inputs.npz").read_bytes(), request["names"])
    ran = _runner(request["provider"], request["threads"]).run(onnx, inputs)
    return {"names": write_numbered(Path("outputs.npz"), ran.outputs), "provider": ran.provider, "seconds": ran.seconds}


# A child that stays loads its model once.
@cache
def _runner(provider: str, threads: int) -> OnnxRunner:
    return OnnxRunner(provider=provider, threads=threads)


@cache
def _model() -> bytes:
    return Path("model.onnx").read_bytes()


STEPS = {"inspect": step_inspect, "run": step_run}
_INSPECTING = ("zipfile", "numpy", "onnx", "mlm.adapters.onnx.inspect")
MODULES = {"inspect": _INSPECTING, "run": (*_INSPECTING, "onnxruntime")}


def answer(step: str, request: Request) -> Answer:
    """The step's answer. Raises InvalidData or ToolMissing, and MemoryError when that was the reason."""
    try:
        return STEPS[step](_model(), request)
    except MlmError as error:
        if confine.out_of_memory(error):  # it is neither the model's fault nor a package's
            raise MemoryError(str(error)) from error
        raise


if __name__ == "__main__":
    confine.serve(answer, modules=MODULES.__getitem__, bounds_memory=bounds_memory)
