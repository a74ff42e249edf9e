"""`mlm lower`: a float model as an exact one, on this machine; no chain is needed for a local file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from mlm.core.errors import InvalidData, UsageError
from mlm.ports.bundle import Ports
from mlm.ports.lowering import PROFILES, Clipped, Layer, Samples
from mlm.workflows import source, using
from mlm.workflows.model import MAX_MODEL_BYTES

if TYPE_CHECKING:
    from mlm.ports.tensors import Tensors

UNNAMED = ""  # a tensor of a .npy file: the model's only input


@dataclass(frozen=True)
class Params:
    """`calibration` and `test`: files of stacked inputs; `labels`: of the test's classes. `shapes` by input."""

    model: str
    output: Path
    profile: str = PROFILES[0]
    calibration: tuple[Path, ...] = ()
    test: Path | None = None
    labels: Path | None = None
    range: tuple[float, float] = (-1.0, 1.0)
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    precise: bool = False


@dataclass(frozen=True)
class Lowered:
    """What became of a model: the report of the Lowerer port, the key that a version registers, and the file."""

    model: str
    profile: str
    accuracy_before: float | None
    accuracy_after: float | None
    same_answer: float
    cosine: float
    tested_on: str
    calibrated_on: str
    nodes: int
    macs: int
    parameters: int
    accumulator: int
    key: bytes
    written: str
    worst: tuple[Layer, ...]
    clipped: tuple[Clipped, ...]


def lower(ports: Ports, params: Params) -> Lowered:
    """Lower a model and write its exact file. Raises UsageError, and InvalidData that names what cannot be lowered."""
    if params.profile not in PROFILES:
        raise UsageError(f"expected a profile among {', '.join(PROFILES)}, found {params.profile!r}")
    if params.labels is not None and params.test is None:
        raise UsageError("--labels are those of the samples of --test, which is not given")
    name, onnx, known = _model(ports, params.model)
    calibration = params.calibration or ((known,) if known else ())
    test = _tensors(ports, params.test) if params.test else {}
    samples = Samples(
        calibration=ports.tensors.join([_tensors(ports, path) for path in calibration]) if calibration else {},
        test=test,
        labels=_labels(ports, params.labels, params.test) if params.labels and params.test else (),
        low=params.range[0],
        high=params.range[1],
        shapes=params.shapes,
    )
    done = ports.lowerer.lower(onnx, samples, precise=params.precise, profile=params.profile)
    ports.files.write(params.output, done.onnx)
    report = done.report
    return Lowered(
        model=name,
        profile=params.profile,
        accuracy_before=_rounded(report.accuracy_before),
        accuracy_after=_rounded(report.accuracy_after),
        same_answer=round(report.same_answer, 4),
        cosine=round(report.cosine, 6),
        tested_on=report.tested_on,
        calibrated_on=report.calibrated_on,
        nodes=report.nodes,
        macs=report.macs,
        parameters=report.parameters,
        accumulator=report.accumulator,
        key=done.key,
        written=str(params.output),
        worst=report.worst,
        clipped=report.clipped,
    )


def _model(ports: Ports, text: str) -> tuple[str, bytes, Path | None]:
    """Name, file and calibration data of a model. A local file is not inspected: it may hold an infinity (load)."""
    path = Path(text)
    if source.is_local(ports, text) and not ports.files.is_folder(path):
        return text, ports.files.read(path, MAX_MODEL_BYTES), None
    found = source.load(ports, text)
    if found.published is not None:  # what is written is the model, in other numbers
        using.files(ports, found.published[1], found.published[0].manifest)
    return found.name, found.onnx, found.calibration


def _tensors(ports: Ports, path: Path) -> Tensors:
    return source.read_inputs(ports, path, (UNNAMED,))


def _labels(ports: Ports, path: Path, test: Path) -> tuple[int, ...]:
    """Classes, from a file that holds them alone or by the test file's name."""
    found = source.read_inputs(ports, path, (UNNAMED,))
    value = found.get(test.name, next(iter(found.values())) if len(found) == 1 else None)
    if value is None:
        raise InvalidData(f"expected labels for {test.name} in {path}, found those of {', '.join(sorted(found))[:200]}")
    numbers: Sequence[float] = value.ravel().tolist()
    if any(number != int(number) or number < 0 for number in numbers):
        raise InvalidData(f"expected whole numbers as labels in {path}")
    return tuple(int(number) for number in numbers)


def _rounded(share: float | None) -> float | None:
    return None if share is None else round(share, 4)
