"""The order in which batches run and calls hear of them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from threading import Event
from typing import TYPE_CHECKING

import numpy as np

from mlm.adapters.serving.batch import Batches
from mlm.core.serving import Limits
from mlm.ports.runner import ModelInfo, Run, TensorSpec

if TYPE_CHECKING:
    from mlm.ports.runner import Tensors

SPEC = TensorSpec("x", "float32", (1,))
INFO = ModelInfo((SPEC,), (SPEC,), 17, 0, ())


class Held:
    """Gives back what it gets; the first run waits until `go`, the second says that it has begun."""

    def __init__(self) -> None:
        self.go, self.second, self.runs = Event(), Event(), 0

    def inspect(self, onnx: bytes) -> ModelInfo:
        return INFO

    def run(self, onnx: bytes, inputs: Tensors) -> Run:
        self.runs += 1
        if self.runs > 1:
            self.second.set()
        elif not self.go.wait(10):
            raise TimeoutError
        return Run(dict(inputs), "CPUExecutionProvider", 0.0)

    def run_many(self, onnx: bytes, batches: Sequence[Tensors]) -> list[Run]:
        return [self.run(onnx, inputs) for inputs in batches]


def test_a_model_does_not_wait_for_what_calls_do_with_their_answers() -> None:
    async def play() -> list[float]:
        runner = Held()
        batches = Batches(runner, b"", INFO, Limits(), 1)

        async def call(number: int) -> float:
            found = (await batches.run({"x": np.full(1, number, np.float32)})).outputs["x"]
            if number == 0:  # it keeps the event loop, as signing and writing does
                assert runner.second.wait(10), "the next batch has not begun"
            return float(found[0])

        calls = [asyncio.create_task(call(number)) for number in range(2)]
        while not batches.waiting:
            await asyncio.sleep(0)
        runner.go.set()
        try:
            return await asyncio.gather(*calls)
        finally:
            await batches.close()

    assert asyncio.run(play()) == [0.0, 1.0]
