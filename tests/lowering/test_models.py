"""Whole models keep their accuracy when they are lowered: those of tests/models.toml."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.lowering import row
from mlm.adapters.exact.emit import to_onnx, to_proto, traced_name
from mlm.adapters.exact.lower.report import lowered
from mlm.adapters.exact.lower.simplify import session
from mlm.adapters.exact.model import quantised
from mlm.adapters.exact.read import from_onnx
from mlm.adapters.exact.reference import run_graph
from mlm.core.errors import InvalidData
from mlm.core.exact.graph import EXACT_LIMIT
from mlm.ports.lowering import PROFILES, Report, Samples
from tests.lowering.digits import split
from tests.lowering.packaged import DATA, MODELS, REFUSED, read, samples, shapes

FUZZ = os.environ.get("HYPOTHESIS_PROFILE") == "fuzz"
PAGE = Path(__file__).resolve().parents[2] / "docs" / "lowering.md"
COMPARED = 50  # test samples whose outputs the profiles are compared on


def _parameter(model: dict[str, Any]) -> Any:
    marks = [pytest.mark.registry] if "package" in model else []
    if model.get("long") and not FUZZ:
        marks.append(pytest.mark.skip(reason="minutes: `make fuzz` runs it"))
    return pytest.param(model, id=model["name"], marks=marks)


@pytest.mark.parametrize("model", [_parameter(model) for model in MODELS])
def test_model_keeps_its_accuracy(
    model: dict[str, Any], request: pytest.FixtureRequest, tmp_path: Path, record_property: Any
) -> None:
    """And ONNX Runtime gives the reference's numbers at every node, in each profile, and so the same outputs.

    The file is read back as what it claims to be.
    """
    assert request.config.cache is not None
    onnx, wheel = read(model, request.config.cache.mkdir("models"))
    given = samples(model, wheel)
    test = given.test[""]
    assert len(test) >= model["samples"] >= 500
    done = lowered(onnx, given, tmp_path)
    report = done.report
    record_property("report", str(report))
    assert report.accuracy_before is not None and report.accuracy_after is not None
    lost = 100 * (report.accuracy_before - report.accuracy_after)
    assert lost <= model["points_lost"], report
    assert report.accuracy_before > 0.85, "the data are not what the model reads"
    assert report.accumulator < EXACT_LIMIT

    _as_the_page_says(model, report)

    exact = from_onnx(done.onnx)
    graph = exact.graph
    assert graph.key == done.key
    port = exact.inputs[0]
    batches = [{port.name: test[at : at + 1].astype(port.dtype)} for at in range(COMPARED)]
    first = [quantised(port, graph.nodes[0].output, batches[0][port.name])]
    expected = run_graph(graph, exact.parameters, first)
    outputs = []
    for profile in PROFILES:
        model = replace(exact, profile=profile)
        traced = session(to_proto(model, traced=True).SerializeToString())
        found = traced.run([traced_name(at) for at in range(len(graph.nodes))], batches[0])
        for at, (ours, reference) in enumerate(zip(found, expected, strict=True)):
            assert np.array_equal(ours, reference), f"node {at} ({graph.nodes[at].op.name}) in {profile}"
        plain = session(to_onnx(model))
        outputs.append([plain.run(None, batch)[0] for batch in batches])
    np.testing.assert_array_equal(*outputs, strict=True)


def _as_the_page_says(model: dict[str, Any], report: Report) -> None:
    """Sizes to the digit. Another processor rounds otherwise when it calibrates; `files` are the environment's."""
    found = row(model, report)
    rows = [
        line.strip("| ").split(" | ") for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")
    ]
    (said,) = [tuple(cells) for cells in rows if cells[0] == model["title"]]
    assert found[:3] == said[:3]
    off = [
        abs(float(ours.rstrip(" %")) - float(theirs.rstrip(" %")))
        for ours, theirs in zip(found[3:], said[3:], strict=True)
    ]
    assert max(off) <= (3 if model["data"] == "files" else 0.4), f"{found}, the page says {said}"


@pytest.mark.parametrize("model", [_parameter(model) for model in REFUSED])
def test_what_cannot_be_lowered_says_why(model: dict[str, Any], request: pytest.FixtureRequest, tmp_path: Path) -> None:
    assert request.config.cache is not None
    onnx, _ = read(model, request.config.cache.mkdir("models"))
    with pytest.raises(InvalidData) as caught:
        lowered(onnx, Samples(shapes=shapes(model)), tmp_path)
    assert str(caught.value) == model["why"]


def test_the_templates_samples_are_those_that_did_not_train_it() -> None:
    (images, _), (test, labels) = split()
    calibration, found, answers = DATA["digits_template"](None)
    np.testing.assert_array_equal(calibration[:, 0], images[: len(calibration)])
    np.testing.assert_array_equal(found[:, 0], test)
    np.testing.assert_array_equal(answers, labels)
