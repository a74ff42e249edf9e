"""What a benchmark is, and how its figure becomes a row of the table and of bench/latest.json."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any


@dataclass(frozen=True)
class Figure:
    """What was measured, and between which values it lay."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Figure:
        """The median of repeated measurements."""
        return cls(median(values), min(values), max(values))

    @classmethod
    def best(cls, seconds: Sequence[float]) -> Figure:
        """The shortest of repeated times, since whatever else the machine did only made them longer."""
        return cls(min(seconds), min(seconds), max(seconds))

    @classmethod
    def exact(cls, value: float) -> Figure:
        """A figure that does not vary: bytes, gas."""
        return cls(value, value, value)


@dataclass(frozen=True)
class Benchmark:
    """One figure. `most` or `least` is its target; `peer` says what it is compared with, where it is a ratio."""

    name: str
    unit: str
    measure: Callable[[], Figure]
    peer: str = ""
    most: float | None = None
    least: float | None = None

    @property
    def target(self) -> str:
        """The target in words; empty without one."""
        return f"<= {self.most:,}" if self.most is not None else f">= {self.least:,}" if self.least is not None else ""

    def holds(self, value: float) -> bool | None:
        """Whether a value meets the target; None without one."""
        if self.most is None and self.least is None:
            return None
        return (self.most is None or value <= self.most) and (self.least is None or value >= self.least)

    def row(self, figure: Figure, commit: str) -> dict[str, Any]:
        """The row, with three significant digits of what varies."""
        value = figure.value if figure.low == figure.high else float(f"{figure.value:.3g}")
        return {
            "name": self.name,
            "value": value,
            "unit": self.unit,
            "peer": self.peer,
            "target": self.target,
            "holds": self.holds(value),
            "commit": commit,
        }
