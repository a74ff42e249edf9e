"""The Exact port in a child: the Tracer's numbers, one process for a model, and no answer believed unchecked."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import numpy as np
import pytest

from bench.exact_models import classifier, resnet
from mlm.adapters import confine
from mlm.adapters.exact import confined
from mlm.adapters.exact.confined import ConfinedExact
from mlm.adapters.exact.emit import to_onnx
from mlm.adapters.exact.trace import Tracer
from mlm.core.errors import InvalidData, ModelStopped
from tests.exact.models import feed, random_inputs

MODEL = classifier(resnet(7, (4, 6), stem=3, blocks=1))
ONNX = to_onnx(MODEL)
GIVEN = feed(MODEL, random_inputs(MODEL, 1))


@pytest.fixture
def exact(tmp_path: Path) -> Iterator[ConfinedExact]:
    made = ConfinedExact(folder=tmp_path, threads=1, sandbox="auto")
    yield made
    made.close()


def test_it_gives_the_tracers_numbers(exact: ConfinedExact) -> None:
    own = Tracer(MODEL).run(GIVEN, keep=True)
    kept, dropped = (exact.run(ONNX, GIVEN, keep=keep) for keep in (True, False))
    assert kept.trace.roots == dropped.trace.roots == own.trace.roots
    assert kept.trace.data == own.trace.data and dropped.trace.data == ()
    np.testing.assert_array_equal(kept.outputs["scores"], own.outputs["scores"])
    assert exact.graph(ONNX).key == MODEL.graph.key
    assert exact.parameters(ONNX) == {root: value.tobytes() for root, value in MODEL.parameters.items()}
    assert [each.root for each in exact.inputs(ONNX, GIVEN)] == list(own.trace.roots[:1])


def test_one_child_describes_a_model_and_runs_it(exact: ConfinedExact, tmp_path: Path) -> None:
    other = classifier(resnet(5, (4,), stem=3, blocks=1))
    with mock.patch.object(confine, "start", side_effect=confine.start) as start:
        for _ in range(3):
            exact.inputs(ONNX, GIVEN)
            exact.run(ONNX, GIVEN)
        assert start.call_count == 1
        with pytest.raises(InvalidData, match="finite"):
            exact.run(ONNX, {"image": np.full_like(GIVEN["image"], np.nan)})
        exact.run(ONNX, GIVEN)
        assert start.call_count == 1, "a refused input is no reason to start another"
        exact.run(to_onnx(other), feed(other, random_inputs(other, 1)))
        assert start.call_count == 2, "and another model's child is another"
    folders = list((tmp_path / "tmp").iterdir())
    assert len(folders) == 1, "the first model's child has ended"
    assert not {"inputs.npz", "outputs.npz", "trace.bin"} & {path.name for path in folders[0].iterdir()}


def test_what_stays_ends_with_whoever_has_it(tmp_path: Path) -> None:
    """Commands that are run one after the other in one process leave no children behind."""
    made = ConfinedExact(folder=tmp_path, threads=1, sandbox="auto")
    made.graph(ONNX)
    assert len(list((tmp_path / "tmp").iterdir())) == 1
    del made
    gc.collect()
    assert list((tmp_path / "tmp").iterdir()) == []


LIES = (
    "another graph", "no description", "other parameters", "a root less", "roots that are short", "roots of nothing",
    "another trace", "a trace cut short", "no outputs", "a link for outputs", "silence",
)  # fmt: skip


@pytest.mark.parametrize("lie", LIES)
def test_a_child_that_was_taken_over_is_not_believed(lie: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confined, "_CHILD", "tests.exact.hostile_child")
    exact = ConfinedExact(folder=tmp_path, threads=1, sandbox="auto")
    try:
        with pytest.raises(ModelStopped, match=confined._RUNNING):
            exact.parameters(f"{lie}\n".encode() + ONNX)
            exact.run(f"{lie}\n".encode() + ONNX, GIVEN, keep=True)
        assert not list((tmp_path / "tmp").iterdir()), "it is not asked again"
    finally:
        exact.close()
