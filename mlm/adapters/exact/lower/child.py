"""`python -m mlm.adapters.exact.lower.child`: lowers the model of the working folder, under limits set before."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from mlm.adapters import confine
from mlm.adapters.confine import Answer, Request
from mlm.core.errors import MlmError


def answer(step: str, request: Request) -> Answer:
    """lowered.onnx holds the exact model. Raises InvalidData or ToolMissing, MemoryError when that was the reason."""
    from mlm.adapters.exact.lower.report import lowered
    from mlm.adapters.onnx.tensors import read_numbered
    from mlm.ports.lowering import Samples

    read = {
        name: read_numbered(Path(f"{name}.npz").read_bytes(), request[name]) if request[name] else {}
        for name in ("calibration", "test")
    }
    try:
        done = lowered(
            Path("model.onnx").read_bytes(),
            Samples(
                calibration=read["calibration"],
                test=read["test"],
                labels=tuple(request["labels"]),
                low=request["low"],
                high=request["high"],
                shapes={name: tuple(shape) for name, shape in request["shapes"].items()},
            ),
            Path.cwd(),
            precise=request["precise"],
            profile=request["profile"],
        )
    except MlmError as error:
        if confine.out_of_memory(error):  # it is neither the model's fault nor a package's
            raise MemoryError(str(error)) from error
        raise
    Path("lowered.onnx").write_bytes(done.onnx)
    return {"key": done.key.hex(), "report": asdict(done.report)}


# With what these load later by themselves: once the process is sealed, no machine code can be loaded.
_MODULES = (
    *("zipfile", "unicodedata", "numpy", "numpy.random", "onnx", "onnxruntime", "onnx.reference.ops"),
    *("sha3", "mlm.adapters.exact.lower.report"),
)


def _modules(step: str) -> tuple[str, ...]:
    return _MODULES


def _bounds_memory(step: str, request: Request) -> bool:
    return True


if __name__ == "__main__":
    confine.serve(answer, modules=_modules, bounds_memory=_bounds_memory)
