"""How good an exact model is, beside the float model that it was made of, on data that did not calibrate it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlm.adapters.exact.emit import to_onnx, to_proto, traced_name
from mlm.adapters.exact.lower.calibrate import batches, synthetic, with_outputs
from mlm.adapters.exact.lower.graph import Value
from mlm.adapters.exact.lower.lower import LoweredGraph, lower, prepare
from mlm.adapters.exact.lower.simplify import Source, session
from mlm.core.errors import InvalidData
from mlm.core.exact.graph import Graph
from mlm.core.exact.node import Op
from mlm.ports.lowering import PROFILES, Clipped, Layer, Lowered, Report, Samples

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]

_EVERY = 4  # one sample of so many is held out where no test data are given
_LAYER_SAMPLES = 8
_SHOWN = 5
_LEAST_SHARE = 1e-3  # of numbers beyond a tensor's range, to be told
_MOST_DB = 999.0  # where nothing differs


def lowered(
    data: bytes, samples: Samples, scratch: Path, *, precise: bool = False, profile: str = PROFILES[0]
) -> Lowered:
    """Lower a model and report: the Lowerer port; `scratch` is a folder for what is on its way. Raises InvalidData."""
    source = prepare(data, scratch, samples.shapes)
    calibration, test, names = _data(source, samples)
    found = lower(source, calibration, padding=precise, profile=profile)
    file = to_onnx(found.model)
    tests = list(batches(source, test))
    _check_labels(samples, source, tests)
    before, after = (_outputs(each, source, tests) for each in (source.model.SerializeToString(), file))
    answers = [_answers(each) for each in (before, after)]
    truth = list(samples.labels) or None
    accuracies = [None if truth is None else _share(each, truth) for each in answers]
    report = Report(
        nodes=len(found.model.graph.nodes),
        macs=macs(found.model.graph),
        parameters=sum(value.size for value in found.model.parameters.values()),
        accumulator=found.largest,
        calibrated_on=names[0],
        tested_on=names[1],
        accuracy_before=accuracies[0],
        accuracy_after=accuracies[1],
        same_answer=_share(answers[0], answers[1]),
        cosine=_cosine(before, after),
        worst=layers(found, tests[:_LAYER_SAMPLES])[:_SHOWN],
        clipped=clipped(found)[:_SHOWN],
    )
    return Lowered(file, found.model.graph.key, report)


def _data(source: Source, samples: Samples) -> tuple[Mapping[str, Array], Mapping[str, Array], tuple[str, str]]:
    """What calibrates, what tests, and both in words."""
    calibration, test = samples.calibration, samples.test
    words = "samples that were given"
    if not calibration:
        drawn = synthetic(source, samples.low, samples.high)
        words = f"synthetic samples, even from {samples.low:g} to {samples.high:g}"
        if test:
            return drawn, test, (_counted(source, drawn, words), _counted(source, test, "samples that were given"))
        calibration = drawn
    elif test:
        return calibration, test, (_counted(source, calibration, words), _counted(source, test, words))
    whole = list(batches(source, calibration))
    if len(whole) < 2:
        raise InvalidData(f"expected 2 or more calibration samples, or test data, found {len(whole)}")
    held = whole[_EVERY - 1 :: _EVERY] or whole[-1:]
    kept = [each for each in whole if not any(each is other for other in held)]
    parts = tuple({name: _joined(part, name) for name in source.inputs} for part in (kept, held))
    return parts[0], parts[1], (_counted(source, parts[0], words), _counted(source, parts[1], f"{words}, held out"))


def _joined(parts: Sequence[Mapping[str, Array]], name: str) -> Array:
    import numpy as np

    return np.concatenate([part[name] for part in parts])


def _counted(source: Source, data: Mapping[str, Array], words: str) -> str:
    return f"{sum(1 for _ in batches(source, data))} {words}"


def _check_labels(samples: Samples, source: Source, tests: Sequence[Any]) -> None:
    rows = source.shapes[source.outputs[0]]
    if samples.labels and (len(rows) != 2 or len(samples.labels) != len(tests) * rows[0]):
        raise InvalidData(
            f"expected a label for each of {len(tests) * rows[0]} test samples and an output of [samples, classes], "
            f"found {len(samples.labels)} labels and {list(rows)}"
        )


def _outputs(data: bytes, source: Source, tests: Sequence[Mapping[str, Array]]) -> list[Array]:
    """The first output, for each batch."""
    running = session(data)
    return [running.run([source.outputs[0]], dict(batch))[0] for batch in tests]


def _answers(outputs: Sequence[Array]) -> list[int]:
    """Where the largest number is, along the last axis."""
    return [int(index) for each in outputs for index in each.argmax(axis=-1).ravel()]


def _share(found: Sequence[int], expected: Sequence[int]) -> float:
    return sum(one == other for one, other in zip(found, expected, strict=True)) / len(expected)


def _cosine(before: Sequence[Array], after: Sequence[Array]) -> float:
    """Of the outputs of all samples together."""
    import numpy as np

    a, b = (np.concatenate([each.ravel() for each in outputs]).astype(np.float64) for outputs in (before, after))
    return float(a @ b) / max(float(np.linalg.norm(a) * np.linalg.norm(b)), 1e-300)


def macs(graph: Graph) -> int:
    """Multiplications of its CONV and MATMUL nodes."""
    total = 0
    for node in graph.nodes:
        if node.op is Op.CONV:
            total += node.output.elements * prod(node.operands[1].kind.shape[1:])
        elif node.op is Op.MATMUL:
            total += node.output.elements * node.operands[0].kind.shape[3]
    return total


def shown(value: Value, numbers: Array) -> Array:
    """A logical tensor as floats, out of the whole numbers of its node."""
    import numpy as np

    places = np.array(value.view.offset)
    for axis in value.view.axes:
        for factor in axis:
            places = places[..., None] + np.arange(factor.size) // factor.every * factor.step
    found = numbers.ravel()[places].reshape(value.shape)
    return (found.astype(np.float64) - value.zero) * value.scale


def layers(found: LoweredGraph, tests: Sequence[Mapping[str, Array]]) -> tuple[Layer, ...]:
    """The signal-to-noise ratio of every node that stands for a tensor of the float model, the worst first."""
    import numpy as np

    floats = {name for node in found.source.model.graph.node for name in node.output}
    of_node = {value.node: name for name, value in found.values.items() if name in floats}
    names, nodes = list(of_node.values()), found.model.graph.nodes
    wanted = [traced_name(node) for node in of_node]
    before = session(with_outputs(found.source.model, names))
    after = session(to_proto(found.model, traced=True).SerializeToString())
    signal, noise = np.zeros(len(names)), np.zeros(len(names))
    for batch in tests:
        exact = after.run(wanted, dict(batch))
        for at, (name, real) in enumerate(zip(names, before.run(names, dict(batch)), strict=True)):
            signal[at] += np.square(real, dtype=np.float64).sum()
            noise[at] += np.square(shown(found.values[name], exact[at]) - real).sum()
    with np.errstate(divide="ignore"):
        ratios = np.minimum(10 * np.log10(np.maximum(signal, 1e-300) / np.maximum(noise, 1e-300)), _MOST_DB)
    made = [
        Layer(name, nodes[node].op.name, round(float(ratio), 1))
        for (node, name), ratio in zip(of_node.items(), ratios, strict=True)
    ]
    return tuple(sorted(made, key=lambda layer: layer.sqnr_db))


def clipped(found: LoweredGraph) -> tuple[Clipped, ...]:
    """Layers whose weights or numbers do not all fit int8, the most first."""
    weights = dict(found.clipped)
    makers = {step.output: step.name for step in found.source.steps}
    shares: dict[str, float] = {}
    for name, value in found.values.items():
        known = found.statistics.get(name)
        if known is not None and name in makers:
            numbers = known.values / value.scale + value.zero
            shares[makers[name]] = float(((numbers < -128.5) | (numbers > 127.5)).mean())
    made = [
        Clipped(name, round(shares.get(name, 0.0), 4), weights.get(name, 0))
        for name in {*weights, *(name for name, share in shares.items() if share >= _LEAST_SHARE)}
    ]
    return tuple(sorted(made, key=lambda each: (-each.activations, -each.weights, each.layer)))
