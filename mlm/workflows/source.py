"""Where a model comes from: an ONNX file, a project's folder, or a published asset; with its circuit settings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mlm.core import project as project_file
from mlm.core.errors import InvalidData, NotFound
from mlm.ports.bundle import Ports
from mlm.ports.runner import ModelInfo
from mlm.workflows import lookup, model

if TYPE_CHECKING:
    from mlm.ports.tensors import Tensors

MAX_INPUT_BYTES = 2**30


@dataclass(frozen=True)
class Source:
    """A model to run or prove. `calibration` is a local file; `settings` stand in a published manifest."""

    name: str
    onnx: bytes
    info: ModelInfo
    settings: bytes | None = None
    calibration: Path | None = None
    published: tuple[model.Model, lookup.Version] | None = None


def load(ports: Ports, text: str) -> Source:
    """A path if it exists, otherwise a published asset. Raises NotFound, InvalidData, UsageError."""
    path = Path(text)
    if ports.files.is_folder(path):
        return _project(ports, path)
    if is_local(ports, text):
        onnx = ports.files.read(path, model.MAX_MODEL_BYTES)
        return Source(str(path), onnx, ports.runner.inspect(onnx))
    return published(ports, lookup.version(ports, text))


def is_local(ports: Ports, text: str) -> bool:
    """Whether a file or folder is meant, not a published asset."""
    path = Path(text)
    return ports.files.is_folder(path) or ports.files.exists(path) or path.suffix == ".onnx"


def published(ports: Ports, version: lookup.Version) -> Source:
    """A published model. Raises InvalidData for what is none, NotFound."""
    found = model.load(ports, version)
    return Source(
        str(version.asset), found.onnx, ports.runner.inspect(found.onnx), found.settings, published=(found, version)
    )


def _project(ports: Ports, folder: Path) -> Source:
    file = folder / project_file.FILE
    if not ports.files.exists(file):
        raise NotFound(f"no {project_file.FILE} in {folder}", hint="Name an ONNX file, or run `mlm init`.")
    project = project_file.parse(project_file.read_toml(ports.files.read(file, 2**20), str(file)))
    if project.model is None:
        raise InvalidData(f"{file} names no model", hint='[model]\nfile = "model.onnx"')
    onnx = ports.files.read(folder / project.model, model.MAX_MODEL_BYTES)
    calibration = folder / project.calibration if project.calibration else None
    return Source(f"{project.name}@{project.version}", onnx, ports.runner.inspect(onnx), calibration=calibration)


def check_key(ports: Ports, source: Source) -> None:
    """Raise VerificationFailed when a published model's circuit here is not the one on chain, as under another SRS."""
    if source.published is not None and source.settings is not None:
        model.check_key(ports, *source.published)


def names(source: Source) -> tuple[str, ...]:
    """The names of a model's inputs, in its order."""
    return tuple(spec.name for spec in source.info.inputs)


def read_inputs(ports: Ports, path: Path, names: tuple[str, ...]) -> Tensors:
    """The tensors of a file; an unnamed one takes the only name of a model's inputs."""
    return ports.tensors.decode(ports.files.read(path, MAX_INPUT_BYTES), path.suffix, names)


def settings(ports: Ports, source: Source, calibration: Path | None, inputs: Tensors) -> bytes:
    """Circuit settings: the published ones, else calibrated on a file of real inputs, else on the inputs themselves."""
    if source.settings is not None:
        return source.settings
    chosen = calibration or source.calibration
    sample = read_inputs(ports, chosen, names(source)) if chosen else inputs
    return ports.prover.settings(source.onnx, sample)
