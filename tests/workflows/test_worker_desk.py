"""Where a worker computes: what hangs or lies there must hold up and show nothing of anybody else's."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from mlm.adapters.onnx.tensors import NumpyTensorCodec
from mlm.core.job import Tier
from mlm.memory.system import MemorySystem
from mlm.memory.works import MemoryWorks
from mlm.ports.bundle import Ports
from mlm.ports.runner import Run
from mlm.workflows import inputs, worker_desk
from mlm.workflows.worker_desk import Desk, Finished


def ended(desk: Desk, seconds: float = 5.0) -> list[Finished]:
    """What ended within so many seconds."""
    found: list[Finished] = []
    until = time.monotonic() + seconds
    while not found and time.monotonic() < until:
        found = desk.finished()
        time.sleep(0.01)
    return found


def test_models_that_hang_while_they_are_learned_hold_up_no_lease() -> None:
    """Anybody can post jobs of a hundred such models; each would take the runner's time limit."""
    released, learning = threading.Event(), threading.Semaphore(0)

    class Index:
        def query(self, name: str, /, **parameters: Any) -> list[dict[str, Any]]:
            if name == "versions":  # a model that hangs
                learning.release()
                released.wait(20)
            return []

    desk = Desk(lambda: Ports(state=Index), 1)
    for number in range(100):
        desk.learn(f"0x{number:064x}", Tier.NONE)
    assert learning.acquire(timeout=5)
    try:
        desk.compute("0x" + "11" * 32, "0x" + "22" * 32, Tier.NONE)
        (done,) = ended(desk)
        assert (done.what, done.name) == ("compute", "0x" + "11" * 32)
        assert desk.busy <= 2, "what promises most is found anew at each look"
    finally:
        released.set()


@dataclass
class Mixing:
    """A model that gives each batch what all of them had: its publisher has a job among them."""

    together: list[int] = field(default_factory=list)

    def run(self, onnx: bytes, batch: Any) -> Run:
        return Run({"y": batch["x"]}, "CPUExecutionProvider", 0.0)

    def run_many(self, onnx: bytes, batches: Any) -> list[Run]:
        self.together.append(len(batches))
        return [self.run(onnx, {"x": sum(batch["x"] for batch in batches)}) for _ in batches]


@pytest.mark.parametrize(("private", "together"), [((True, False), []), ((True, False, False), [2])])
def test_a_private_input_is_never_run_with_others(private: tuple[bool, ...], together: list[int]) -> None:
    runner = Mixing()
    ports = Ports(
        runner=lambda: runner, system=lambda: MemorySystem(seed=1), works=MemoryWorks, tensors=NumpyTensorCodec
    )
    works: list[Any] = [
        SimpleNamespace(
            job=SimpleNamespace(job_id=f"0x{number:064x}", tier=Tier.NONE),
            model=SimpleNamespace(onnx=b""),
            input=inputs.Received({"x": np.full((1, 1), 10.0**number, np.float32)}, hidden),
        )
        for number, hidden in enumerate(private)
    ]
    done = worker_desk._computed(ports, works)
    assert [each.error for each in done] == [None] * len(works) and runner.together == together
    from mlm.core.kept_work import KeptWork

    for work in works:
        kept = KeptWork.from_bytes(ports.works.find(f"result-{work.job.job_id}") or b"")
        if kept.private:
            np.testing.assert_array_equal(ports.tensors.from_block(kept.outputs)["y"], work.input.tensors["x"])
