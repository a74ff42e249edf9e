"""`mlm run`: one execution of a model, or of an algorithm, on this machine; no chain is needed for a local file."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path

from mlm.core import unixfs
from mlm.core.errors import InvalidData
from mlm.core.manifest import Manifest
from mlm.ports.bundle import Ports
from mlm.workflows import lookup, source, using
from mlm.workflows import model as published
from mlm.workflows.objects import fetch, read_file

MAX_MODULE_BYTES = 64 << 20


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


@dataclass(frozen=True)
class Computed:
    """What an algorithm gave: its output's size and digest, and the file it was written to. `fuel` is instructions."""

    algorithm: str
    fuel: int
    seconds: float
    bytes: int
    sha256: str
    written: str | None


def run(ports: Ports, model: str, input: Path, output: Path | None, *, redeem: bool = False) -> Ran | Computed:
    """Run `model` on the tensors of `input`; write the outputs to `output` when given.

    A file whose name ends in .wasm is an algorithm, and so is the one of a published asset of that kind: it runs on
    the bytes of `input` as they are. Raises NotLicensed, NotRedeemed for a licensed asset without the right to run it;
    `redeem` uses up a unit of a per-use licence for it.
    """
    if Path(model).suffix == ".wasm":
        return _compute(ports, model, ports.files.read(Path(model), MAX_MODULE_BYTES), input, output)
    if source.is_local(ports, model):
        found = source.load(ports, model)
    else:
        version = lookup.version(ports, model)
        manifest = published.manifest(ports, version.manifest)
        if manifest.kind == "algorithm":
            published.open_files(ports, version, manifest)
            using.run(ports, version, manifest, input, redeem=redeem)
            return _compute(ports, str(version.asset), _module(ports, manifest), input, output)
        found = source.published(ports, version)
        using.run(ports, version, manifest, input, redeem=redeem)
    inputs = source.read_inputs(ports, input, source.names(found))
    done = ports.runner.run(found.onnx, inputs)
    if output:
        ports.files.write(output, ports.tensors.encode(done.outputs, output.suffix))
    return Ran(
        found.name, done.provider, round(done.seconds, 6), describe(done.outputs), str(output) if output else None
    )


def _module(ports: Ports, manifest: Manifest) -> bytes:
    """The module of a published algorithm: its only file whose name ends in .wasm. Raises InvalidData, NotFound."""
    files = manifest.files or dict.fromkeys(path for path, _ in unixfs.walk(partial(fetch, ports), manifest.tree))
    modules = sorted(path for path in files if path.endswith(".wasm"))
    name = f"{manifest.name}@{manifest.version}"
    if len(modules) != 1:
        shown = ", ".join(modules[:4]) if modules else "none"
        raise InvalidData(
            f"expected one .wasm file in the algorithm {name}, found {shown if not modules[4:] else len(modules)}",
            hint="Clone it, and name the file: `mlm run FILE.wasm INPUT`." if modules else "",
        )
    file = manifest.file(partial(fetch, ports), modules[0])
    return read_file(ports, file.cid, max_bytes=MAX_MODULE_BYTES)


def _compute(ports: Ports, name: str, code: bytes, input: Path, output: Path | None) -> Computed:
    done = ports.algorithms.run(code, ports.files.read(input, source.MAX_INPUT_BYTES))
    if output:
        ports.files.write(output, done.output)
    digest, written = sha256(done.output).hexdigest(), str(output) if output else None
    return Computed(name, done.fuel, round(done.seconds, 6), len(done.output), digest, written)


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
