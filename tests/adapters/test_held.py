"""A confined child that stays: one process for many tasks, each bounded as if it were the only one."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.throughput import mlp
from circuits.make_fixtures import tiny_input, tiny_model
from mlm.adapters import confine
from mlm.adapters.held import Held
from mlm.adapters.onnx.confined import ConfinedRunner
from mlm.adapters.onnx.run import OnnxRunner
from mlm.adapters.onnx.tensors import write_numbered
from mlm.core.errors import InvalidData, ModelStopped, ToolMissing
from tests.adapters.test_confine import WORKER
from tests.command_line import ROOT


@pytest.fixture
def held(tmp_path: Path) -> Iterator[Held]:
    child = Held(WORKER, "the test", tmp_path, confine.Limits(512, 3))
    yield child
    child.end()


def ask(held: Held, step: str, **request: Any) -> dict[str, Any]:
    return held.ask("any", {"step": step, **request})


def test_one_process_does_many_tasks(held: Held) -> None:
    answers = [ask(held, "pid", number=number) for number in range(5)]
    assert len({answer["pid"] for answer in answers}) == 1
    assert [answer["asked"]["number"] for answer in answers] == list(range(5))


def test_a_refusal_of_the_task_leaves_it_alive(held: Held) -> None:
    before = ask(held, "pid")["pid"]
    with pytest.raises(ToolMissing, match="no such tool"):
        ask(held, "missing")
    assert ask(held, "pid")["pid"] == before and not held.dead


@pytest.mark.parametrize(
    ("step", "request_", "words"),
    [
        ("memory", {"bytes": 600 << 20}, "memory limit of 512 MB"),
        ("segfault", {}, "ended with signal 11|ended with exit code"),
        ("silent", {}, "exit code 0"),
        ("sleep", {}, "time limit of 3 s"),
    ],
)
def test_what_ends_it_ends_it_at_any_task(held: Held, step: str, request_: dict[str, Any], words: str) -> None:
    ask(held, "pid")
    with pytest.raises(ModelStopped, match=words):
        ask(held, step, **request_)
    assert held.dead


def test_time_between_tasks_does_not_count(held: Held) -> None:
    before = ask(held, "pid")["pid"]
    time.sleep(3.5)
    assert ask(held, "pid")["pid"] == before


def test_each_task_has_an_alarm_of_its_own(held: Held) -> None:
    """Sealed as it is: where it could not set it anew, the first task's would end it in the middle of a later one."""
    first = ask(held, "alarm", seconds=1)
    time.sleep(1.2)  # what the task has left behind is not to go off between two
    second = ask(held, "alarm", seconds=1)
    assert second["pid"] == first["pid"]
    assert 7 <= second["left"] <= 8, "the limit of 3 seconds, and 5 more in which its parent ends it first"


HOLDER = """
import sys, time
from pathlib import Path
from mlm.adapters import confine
from mlm.adapters.held import Held
from tests.adapters.test_confine import WORKER
from tests.command_line import ROOT
child = Held(WORKER, "the test", Path(sys.argv[1]), confine.Limits(512, 20, "landlock"))
print(child.ask("any", {"step": "pid"})["pid"], flush=True)
time.sleep(60)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="asks for Landlock, and reads /proc")
def test_it_ends_with_who_holds_it(tmp_path: Path) -> None:
    """The kernel sees to it: nothing is left of a worker that was killed."""
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    pid = int(holder.stdout.readline())
    assert Path(f"/proc/{pid}").exists()
    holder.kill()
    holder.wait()
    for _ in range(100):
        if not Path(f"/proc/{pid}").exists():
            return
        time.sleep(0.05)
    raise AssertionError(f"process {pid} is left")


@pytest.mark.parametrize("step", ["plant", "plant a pipe"])
def test_nothing_is_written_through_what_a_child_has_planted(tmp_path: Path, step: str) -> None:
    """A tier without Landlock lets a child make links and pipes: its parent follows none."""
    (tmp_path / "child").mkdir()
    mine = tmp_path / "mine"
    mine.write_text("mine")
    held = Held(WORKER, "the test", tmp_path / "child", confine.Limits(512, 3, "none"))
    try:
        ask(held, step, **{"to": str(mine), "as": "request.json"})
        assert ask(held, "pid", number=1)["asked"]["number"] == 1
    finally:
        held.end()
    assert mine.read_text() == "mine"
    (tmp_path / "inputs.npz").symlink_to(mine)
    with pytest.raises(FileExistsError):
        write_numbered(tmp_path / "inputs.npz", tiny_input(1))
    assert mine.read_text() == "mine"


def test_a_child_that_stays_has_no_input_of_the_run_before(tmp_path: Path) -> None:
    runner = ConfinedRunner(folder=tmp_path, provider="cpu", stay=1)
    runner.run(tiny_model(1), tiny_input(3))
    (folder,) = (tmp_path / "tmp").iterdir()
    assert not list(folder.glob("*.npz"))
    runner.close()


def test_a_model_that_mixes_rows_is_run_row_by_row(tmp_path: Path) -> None:
    """A free first axis promises nothing: what others are given with it must not change a result."""
    from onnx import TensorProto, helper

    node = helper.make_node("Softmax", ["x"], ["y"], axis=0)
    shape: list[int | str] = ["n", 4]
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in "xy")
    graph = helper.make_graph([node], "mixing", [x], [y])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9).SerializeToString()
    plain, staying = OnnxRunner(provider="cpu"), ConfinedRunner(folder=tmp_path, provider="cpu", stay=1)
    batches = [{"x": np.full((1, 4), n, np.float32)} for n in range(3)]
    for runner in (plain, staying, staying):  # one that was found out is not believed the next time either
        for batch, ran in zip(batches, runner.run_many(model, batches), strict=True):
            np.testing.assert_array_equal(ran.outputs["y"], plain.run(model, batch).outputs["y"])
    staying.close()


def test_a_runners_children_stay_by_model_and_go_when_there_are_too_many(tmp_path: Path) -> None:
    runner = ConfinedRunner(folder=tmp_path, provider="cpu", stay=1)
    first, second = tiny_model(1), tiny_model(2)
    for model in (first, first, second, first):
        alone = OnnxRunner(provider="cpu").run(model, tiny_input(3))
        np.testing.assert_array_equal(runner.run(model, tiny_input(3)).outputs["y"], alone.outputs["y"])
        assert len(list((tmp_path / "tmp").iterdir())) == 1
    with pytest.raises(InvalidData, match="NaN"):
        runner.run(first, {"x": np.full((1, 16), np.nan, np.float32)})
    runner.run(first, tiny_input(4))
    runner.close()
    assert not list((tmp_path / "tmp").iterdir())


def test_many_batches_run_as_one_where_the_first_axis_is_free(tmp_path: Path) -> None:
    runner, model = ConfinedRunner(folder=tmp_path, provider="cpu", stay=1), mlp(64)
    batches = [{"x": np.random.default_rng(n).normal(size=(n + 1, 64)).astype(np.float32)} for n in range(4)]
    together = runner.run_many(model, batches)
    for batch, ran in zip(batches, together, strict=True):
        alone = OnnxRunner(provider="cpu").run(model, batch)
        assert list(ran.outputs) == list(alone.outputs)
        for name, value in alone.outputs.items():
            np.testing.assert_allclose(ran.outputs[name], value, rtol=1e-5, atol=1e-6)
    fixed = [tiny_input(n) for n in range(3)]
    alone = [runner.run(tiny_model(1), each).outputs["y"] for each in fixed]
    for ran, expected in zip(runner.run_many(tiny_model(1), fixed), alone, strict=True):
        np.testing.assert_array_equal(ran.outputs["y"], expected)
    runner.close()


@pytest.mark.parametrize("value", [-1.0, 0.0])
def test_one_callers_nan_or_infinity_parts_nobody_else(value: float) -> None:
    """Who sends what a model makes NaN or infinite of would otherwise end batches for everybody, for good."""
    from onnx import TensorProto, helper

    from mlm.adapters.onnx.together import run_together

    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 2]) for name in "xy")
    graph = helper.make_graph([helper.make_node("Log", ["x"], ["y"])], "logarithm", [x], [y])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    batches = [{"x": np.array([[value, 2.0]], np.float32)}, {"x": np.ones((1, 2), np.float32)}]
    parted: list[bool] = []
    runs = run_together(
        OnnxRunner(provider="cpu"), model.SerializeToString(), batches, mixes=lambda: parted.append(True)
    )
    assert not np.isfinite(runs[0].outputs["y"][0, 0]) and not parted
