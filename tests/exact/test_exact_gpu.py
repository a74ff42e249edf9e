"""Exact models on CUDA beside the CPU. `make gpu` runs it; elsewhere it says that it was skipped.

CUDA stays off for the optimistic tier until this has shown no difference on the provider's own device.
"""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from bench.exact_models import classifier, large, small
from mlm.adapters.exact.model import ExactModel
from mlm.adapters.exact.trace import Tracer
from mlm.core.exact.node import Op
from tests.adapters.test_gpu import MISSING
from tests.exact.models import feed, model_of, random_inputs, transformer
from tests.exact.sampling import sample
from tests.exact.test_graph import OPERATORS

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(bool(MISSING), reason=MISSING)]


def _differences(model: ExactModel, seeds: int) -> list[str]:
    cpu, cuda = Tracer(model), Tracer(model, provider="cuda")
    found = []
    for seed in range(seeds):
        given = feed(model, random_inputs(model, seed))
        for at, (here, there) in enumerate(zip(cpu.execute(given)[1:], cuda.execute(given)[1:], strict=True)):
            if not np.array_equal(here, there):
                found.append(f"node {at} ({model.graph.nodes[at].op.name}): {np.count_nonzero(here != there)} cells")
    return found


@pytest.mark.parametrize(
    "model",
    [lambda: classifier(small()), lambda: classifier(large()), transformer],
    ids=["cnn-27M", "cnn-645M", "transformer"],
)
def test_cuda_computes_the_cells_of_the_cpu(model) -> None:  # type: ignore[no-untyped-def]
    assert not _differences(model(), 3)


@pytest.mark.parametrize("op", OPERATORS, ids=lambda op: op.name)
def test_cuda_computes_every_operator_as_the_cpu_does(op: Op) -> None:
    random = Random(op + 800)
    for _ in range(10):
        model, _ = model_of(sample(op, random), random)
        assert not _differences(model, 1)
