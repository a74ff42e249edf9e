"""Lowering a float model to an exact one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from mlm.ports.tensors import Tensors

# By which operators an exact model's file computes its graph: of floats, or of int8. The first is meant where a file
# names none.
PROFILES = ("ivf32", "qop-s8s8")


@dataclass(frozen=True)
class Samples:
    """Inputs stacked along their first axes, and what is known of them.

    `calibration` may be empty: then numbers are drawn evenly from `low` to `high`. `test` is what the report is about;
    where it is empty, every fourth sample of the calibration data, which then does not calibrate. `labels` are the
    test samples' classes, or empty. `shapes`: of inputs with free axes.
    """

    calibration: "Tensors" = field(default_factory=dict)
    test: "Tensors" = field(default_factory=dict)
    labels: tuple[int, ...] = ()
    low: float = -1.0
    high: float = 1.0
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Layer:
    """How far a node's numbers are from the float model's: signal over noise, in decibels."""

    layer: str
    operator: str
    sqnr_db: float


@dataclass(frozen=True)
class Clipped:
    """What an exact tensor cannot hold: the share of the float model's numbers, or how many of a layer's weights."""

    layer: str
    activations: float
    weights: int


@dataclass(frozen=True)
class Report:
    """What became of a model. Accuracies are None where no labels are known; `same_answer` compares largest numbers.

    `accumulator`: the largest that any input can lead to; below 2^24 floats compute it exactly.
    """

    nodes: int
    macs: int
    parameters: int
    accumulator: int
    calibrated_on: str
    tested_on: str
    accuracy_before: float | None
    accuracy_after: float | None
    same_answer: float
    cosine: float
    worst: tuple[Layer, ...]
    clipped: tuple[Clipped, ...]


@dataclass(frozen=True)
class Lowered:
    """The exact model's file, and the key that a version registers for it."""

    onnx: bytes = field(repr=False)
    key: bytes
    report: Report


class Lowerer(Protocol):
    def lower(self, onnx: bytes, samples: Samples, *, precise: bool = False, profile: str = PROFILES[0]) -> Lowered:
        """Lower a model; raises InvalidData, naming the node that cannot be lowered.

        `precise`: with a node more before padded windows where their input then has finer steps. `profile`: one of
        PROFILES; the key is the same under each.
        """
