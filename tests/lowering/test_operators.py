"""Every operator that can be lowered, on random data; and the errors of those that cannot."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mlm.adapters.exact.emit import to_onnx, to_proto, traced_name
from mlm.adapters.exact.lower.lower import LoweredGraph, lower, prepare
from mlm.adapters.exact.lower.simplify import session
from mlm.adapters.exact.model import quantised
from mlm.adapters.exact.reference import run_graph
from mlm.core.errors import InvalidData
from mlm.ports.lowering import PROFILES
from tests.lowering.graphs import CASES, REFUSED, Maker

SAMPLES = 16


def data(shape: tuple[int, ...], seed: int) -> np.ndarray:
    """Stacked inputs that no zero is the middle of."""
    return np.random.default_rng(seed).normal(0.3, 1, (SAMPLES * shape[0], *shape[1:])).astype(np.float32)


def made(shape: tuple[int, ...], make: object, scratch: Path, padding: bool) -> tuple[bytes, LoweredGraph]:
    """The float model and the exact one."""
    maker = Maker(shape)
    onnx = maker.model(make(maker))  # type: ignore[operator]
    return onnx, lower(prepare(onnx, scratch), {"x": data(shape, 1)}, padding=padding)


@pytest.mark.parametrize("padding", [False, True], ids=["", "padding"])
@pytest.mark.parametrize("name", CASES)
def test_operator_keeps_its_signal(name: str, padding: bool, tmp_path: Path) -> None:
    """And ONNX Runtime gives the reference's whole numbers at every node, in each profile."""
    shape, make, least = CASES[name]
    onnx, found = made(shape, make, tmp_path, padding)
    before, after = session(onnx), session(to_onnx(found.model))
    graph, port = found.model.graph, found.model.outputs[0]
    signal = noise = 0.0
    fresh = data(shape, 2)
    for at in range(SAMPLES):
        x = fresh[at * shape[0] : (at + 1) * shape[0]]
        (expected,) = before.run(None, {"x": x})
        (output,) = after.run([port.name], {"x": x})
        assert output.shape == expected.shape
        signal += float(np.square(expected).sum())
        noise += float(np.square(output - expected).sum())
    ratio = 10 * np.log10(signal / max(noise, 1e-30))
    assert ratio >= least, f"{ratio:.1f} dB with {len(graph.nodes)} nodes"

    x = fresh[: shape[0]]
    references = run_graph(graph, found.model.parameters, [quantised(found.model.inputs[0], graph.nodes[0].output, x)])
    for profile in PROFILES:
        traced = session(to_proto(replace(found.model, profile=profile), traced=True).SerializeToString())
        exact = traced.run([traced_name(index) for index in range(len(graph.nodes))], {"x": x})
        for index, (ours, reference) in enumerate(zip(exact, references, strict=True)):
            assert np.array_equal(ours, reference), f"node {index} ({graph.nodes[index].op.name}) in {profile}"


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_lowered_is_named(name: str, tmp_path: Path) -> None:
    shape, make, message = REFUSED[name]
    with pytest.raises(InvalidData, match=message) as caught:
        made(shape, make, tmp_path, False)
    assert "\n" not in str(caught.value)
