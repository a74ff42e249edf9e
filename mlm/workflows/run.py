"""`mlm run`: one execution of a model on this machine; no chain is needed for a local file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mlm.ports.bundle import Ports
from mlm.workflows import source


@dataclass(frozen=True)
class Output:
    """One output tensor; `values` are its first numbers."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    values: tuple[float, ...]
    argmax: int | None  # of the last axis of a single row: the class of a classifier


@dataclass(frozen=True)
class Ran:
    """What a run gave, where it ran, and the file the outputs were written to."""

    model: str
    execution_provider: str
    seconds: float
    outputs: tuple[Output, ...]
    written: str | None


def run(ports: Ports, model: str, input: Path, output: Path | None) -> Ran:
    """Run `model` on the tensors of `input`; write the outputs to `output` when given."""
    found = source.load(ports, model)
    inputs = source.read_inputs(ports, input, source.names(found))
    done = ports.runner.run(found.onnx, inputs)
    if output:
        ports.files.write(output, ports.tensors.encode(done.outputs, output.suffix))
    return Ran(
        found.name, done.provider, round(done.seconds, 6), describe(done.outputs), str(output) if output else None
    )


def describe(outputs: object) -> tuple[Output, ...]:
    """Output tensors as people read them: shape and the first ten values."""
    described = []
    for name, array in outputs.items():  # type: ignore[attr-defined]  # a mapping of arrays
        flat = array.ravel()
        row = flat.size == array.shape[-1] if array.ndim else False
        described.append(
            Output(
                name=name,
                dtype=array.dtype.name,
                shape=tuple(int(axis) for axis in array.shape),
                values=tuple(round(float(value), 6) for value in flat[:10]),
                argmax=int(flat.argmax()) if row and flat.size > 1 else None,
            )
        )
    return tuple(described)
