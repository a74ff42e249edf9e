"""`mlm serve` that lies: `python lying_server.py [--profile] serve …`. Each output is turned by one place.

With --profile it tells the truth, and signs a profile that opens to nothing. All else is as it ships: it is paid, it
signs what it says, and writes it down.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from mlm.adapters.serving import batch
from mlm.cli.app import main
from mlm.ports.runner import Run
from mlm.workflows import serve_profile


class Lying(batch._Known):
    """Whole numbers times the scale, as an honest answer has them, in other places."""

    def run(self, onnx: bytes, inputs: dict[str, np.ndarray]) -> Run:
        """One run, and the lie."""
        return turned(super().run(onnx, inputs))

    def run_many(self, onnx: bytes, batches: Sequence[dict[str, np.ndarray]]) -> list[Run]:
        """The same of several."""
        return [turned(each) for each in super().run_many(onnx, batches)]


def turned(ran: Run) -> Run:
    """The lie about a run."""
    return replace(ran, outputs={name: np.roll(array, 1) for name, array in ran.outputs.items()})


if __name__ == "__main__":
    words = sys.argv[1:]
    if words[0] == "--profile":
        words = words[1:]
        serve_profile.exact_profile = lambda given, said: "0x" + "5e" * 32
    else:
        batch._Known = Lying  # type: ignore[misc]
    main(words)
