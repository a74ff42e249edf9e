"""A traced run holds no more memory than follows from its graph, before and after the first run."""

from __future__ import annotations

from math import prod
from pathlib import Path

import numpy as np
import pytest

from bench.exact_models import Network, classifier, resnet
from mlm.adapters.exact.trace import Tracer, trace_bytes
from mlm.core.exact.graph import Graph
from mlm.core.exact.node import Op
from mlm.core.exact.tensor import DType, TensorType
from mlm.ports.lowering import PROFILES
from tests.peak import peak

# Bytes for each of a trace: its own, those of the floats that it comes from, what ONNX Runtime's allocator rounds up.
# Beside them lie one image's windows, where a kernel lays them out (im2col). Few of many are floats at once.
MOST = {"deep": 5, "wide": 10, "windows": 10}
RUNS = """
import sys
import numpy as np
from dataclasses import replace
from bench.exact_models import classifier
from mlm.adapters.exact.trace import Tracer
from tests.exact.test_memory import NETWORKS

name, profile, runs = sys.argv[1:]
model = replace(classifier(NETWORKS[name]()), profile=profile)
tracer = Tracer(model, threads=1)
given = {"image": np.ones(model.inputs[0].shape, np.float32)}
for run in range(int(runs)):
    tracer.run(given, keep=run == 1)
"""


def wide() -> Network:
    """Most of the trace is one tensor."""
    net = Network("image", TensorType(DType.I8, (8, 224, 224, 3)), 1)
    net.classes(net.pool(net.pool(net.pool(net.conv(0, 64, 3, 2)))), 10)
    return net


def windows() -> Network:
    """Of much larger windows than tensors."""
    net = Network("image", TensorType(DType.I8, (1, 128, 128, 16)), 1)
    net.classes(net.pool(net.conv(net.conv(0, 16, 7), 16, 7)), 10)
    return net


NETWORKS = {"deep": lambda: resnet(64, (16, 32, 64), stem=3, batch=16), "wide": wide, "windows": windows}


def laid_out(graph: Graph) -> int:
    """Bytes of the windows of one image, of the convolution that has the most."""
    sizes = []
    for node in graph.nodes:
        if node.op is Op.CONV:
            _, height, width, _ = node.output.shape
            sizes.append(height * width * prod(node.operands[1].kind.shape[1:]) * node.attribute("groups"))
    return max(sizes)


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("name", NETWORKS)
def test_runs_take_no_more_memory_than_follows_from_the_graph(name: str, profile: str, tmp_path: Path) -> None:
    """A run whose tensors are dropped, one whose tensors are kept, and another: beside the same model, loaded."""
    graph = classifier(NETWORKS[name]()).graph
    loaded, ran = (peak(tmp_path, "-c", RUNS, name, profile, runs) for runs in ("0", "3"))
    stated = trace_bytes(graph)
    assert stated < ran - loaded < MOST[name] * stated + laid_out(graph)


def test_the_tensors_that_are_stated_are_those_of_a_run() -> None:
    model = classifier(NETWORKS["windows"]())
    values = Tracer(model).execute({"image": np.ones(model.inputs[0].shape, np.float32)})
    assert sum(value.nbytes for value in values[len(model.outputs) :]) == trace_bytes(model.graph)
