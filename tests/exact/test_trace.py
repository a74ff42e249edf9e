"""Traces: roots of every node's tensor, whichever way they were computed; what is kept, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

import numpy as np
import pytest

from bench.exact_models import classifier, resnet
from mlm.adapters.exact import trace
from mlm.adapters.exact.reference import run_graph
from mlm.adapters.exact.trace import PROVIDERS, Tracer, trace_bytes
from mlm.core import merkle
from mlm.core.errors import InvalidData, ToolMissing, UsageError
from mlm.core.exact.tensor import tensor_root
from mlm.ports.lowering import PROFILES
from tests.exact.models import feed, random_inputs, transformer

MODELS = {"cnn": classifier(resnet(13, (8, 12), stem=5)), "transformer": transformer()}


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("which", MODELS)
def test_a_trace_commits_to_what_the_reference_computes(which: str, profile: str) -> None:
    model = replace(MODELS[which], profile=profile)
    inputs = random_inputs(model, 1)
    values = [value.tobytes() for value in run_graph(model.graph, model.parameters, inputs)]
    roots = tuple(
        tensor_root(node.output, merkle.tree_over(value).root)
        for node, value in zip(model.graph.nodes, values, strict=True)
    )
    tracer = Tracer(model)
    dropped, kept = (tracer.run(feed(model, inputs), keep=keep) for keep in (False, True))
    assert dropped.trace.roots == kept.trace.roots == roots
    assert dropped.trace.data == () and kept.trace.data == tuple(values)
    assert kept.trace.root == merkle.tree_of(roots).root
    assert kept.trace.inputs_root == sha256(roots[0]).digest()
    assert kept.trace.outputs_root == sha256(roots[-1]).digest()
    assert list(kept.outputs) == [model.outputs[0].name]
    assert trace_bytes(model.graph) == sum(map(len, values))


def test_a_profile_changes_neither_the_key_nor_the_trace() -> None:
    model = MODELS["cnn"]
    given = feed(model, random_inputs(model, 4))
    floats, integers = (Tracer(replace(model, profile=profile)).run(given, keep=True) for profile in PROFILES)
    assert floats.trace == integers.trace
    np.testing.assert_array_equal(floats.outputs["scores"], integers.outputs["scores"], strict=True)


def test_another_input_is_another_trace() -> None:
    model = MODELS["cnn"]
    tracer = Tracer(model)
    inputs = random_inputs(model, 2)
    first = tracer.run(feed(model, inputs)).trace
    inputs[0][0, 3, 3, 1] ^= 1
    second = tracer.run(feed(model, inputs)).trace
    assert first.root != second.root and first.inputs_root != second.inputs_root
    assert first.graph.key == second.graph.key


@pytest.mark.parametrize("which", MODELS)
def test_a_run_leaves_nothing_of_the_one_before_it(which: str) -> None:
    """Runs that keep no tensors write them to the same memory: also after one that failed."""
    model = MODELS[which]
    tracer, outputs = Tracer(model), []
    for seed in (5, 6, 5):
        given = feed(model, random_inputs(model, seed))
        name = next(iter(given))
        found = tracer.run({**given, name: given[name].transpose().copy().transpose()})
        expected = Tracer(model).run(given, keep=True)
        assert found.trace.roots == expected.trace.roots
        outputs.append((found.outputs, expected.outputs))
        if given[name].dtype.kind == "f":
            with pytest.raises(InvalidData):
                tracer.run({**given, name: np.full_like(given[name], np.nan)})
    for given, wanted in outputs:  # what a user was given stays as it was
        for name, value in wanted.items():
            np.testing.assert_array_equal(given[name], value, strict=True)


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
def test_numbers_that_are_none_are_refused(value: float) -> None:
    model = MODELS["cnn"]
    given = feed(model, random_inputs(model, 3))
    given["image"][0, 0, 0, 0] = value
    with pytest.raises(InvalidData, match="finite"):
        Tracer(model).run(given)


@pytest.mark.parametrize("profile", PROFILES)
def test_what_lies_beyond_int8_is_the_nearest_of_it(profile: str) -> None:
    model = replace(MODELS["cnn"], profile=profile)
    given = feed(model, random_inputs(model, 3))
    given["image"][0, 0, 0, :2] = 1e38, -1e38
    kept = Tracer(model).run(given, keep=True).trace.data[0]
    assert (kept[0], kept[3]) == (127, 256 - 128)


@pytest.mark.parametrize("profile", PROFILES)
def test_token_numbers_beyond_32_bits_are_the_nearest(profile: str) -> None:
    model = replace(MODELS["transformer"], profile=profile)
    given = feed(model, random_inputs(model, 3))
    given["words"][0, :3] = 1 << 40, -(1 << 40), 5
    kept = Tracer(model).run(given, keep=True).trace.data[0]
    assert np.frombuffer(kept, "<i4")[:3].tolist() == [(1 << 31) - 1, -(1 << 31), 5]


def test_a_trace_that_is_too_large_is_refused_before_it_is_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    model = MODELS["cnn"]
    monkeypatch.setattr(trace, "MAX_TRACE_BYTES", trace_bytes(model.graph) - 1)
    with pytest.raises(InvalidData, match="expected a trace of at most"):
        Tracer(model)


def test_only_the_cpu_is_used_unless_another_is_asked_for() -> None:
    tracer = Tracer(MODELS["cnn"])
    assert tracer.providers == ["CPUExecutionProvider"]
    with pytest.raises(UsageError, match="expected a provider among cpu, cuda"):
        Tracer(MODELS["cnn"], provider="xnnpack")
    assert PROVIDERS["cuda"][1]["use_tf32"] == "0"


def test_cuda_that_is_not_there_is_not_replaced_in_silence() -> None:
    import onnxruntime

    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this onnxruntime has CUDA")
    with pytest.raises(ToolMissing, match="cuda was asked for"):
        Tracer(MODELS["cnn"], provider="cuda")
