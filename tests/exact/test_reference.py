"""The reference executor beside the specification, cell by cell, over random nodes of every operator."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from mlm.adapters.exact.reference import run_graph, run_node
from mlm.core.errors import InvalidData
from mlm.core.exact.node import Op
from tests.exact.fitting import fitted
from tests.exact.models import arrays
from tests.exact.sampling import sample
from tests.exact.test_graph import OPERATORS, graph_of


@pytest.mark.parametrize("op", OPERATORS, ids=lambda op: op.name)
def test_a_whole_tensor_is_its_cells(op: Op) -> None:
    random = Random(op + 300)
    for _ in range(25):
        made = fitted(op, random).sample
        found = run_node(made.node, arrays(made))
        assert found.dtype == np.int8 and found.shape == made.node.output.shape
        cells = range(made.node.output.elements)
        for index in random.sample(cells, min(len(cells), 150)):
            assert found.flat[index] == made.output(index), (made.node, index)


def test_a_graph_is_its_nodes() -> None:
    made = sample(Op.CONV, Random(5))
    graph, values = graph_of(made), arrays(made)
    parameters = {o.source: v for o, v in zip(made.node.operands, values, strict=True) if isinstance(o.source, bytes)}
    image, result = run_graph(graph, parameters, values[:1])
    np.testing.assert_array_equal(image, values[0])
    np.testing.assert_array_equal(result, run_node(made.node, values))
    for inputs, held in (
        ([], parameters),
        ([values[0].astype(np.int16)], parameters),
        ([values[0][..., :-1]], parameters),
        (values[:1], {}),
    ):
        with pytest.raises(InvalidData, match="expected"):
            run_graph(graph, held, inputs)
