"""Views, layouts and whole-number weights: what the lowering of every operator stands on."""

from __future__ import annotations

from math import prod

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mlm.adapters.exact.lower.calibrate import Statistics, best_units
from mlm.adapters.exact.lower.graph import Value
from mlm.adapters.exact.lower.layout import natural, row_major
from mlm.adapters.exact.lower.quantise import columns
from mlm.adapters.exact.lower.report import shown
from mlm.core.exact.graph import EXACT_LIMIT

SIZES = st.lists(st.integers(1, 4), min_size=1, max_size=5)


@given(SIZES, st.data())
def test_views_move_as_numpy_does(sizes: list[int], data: st.DataObject) -> None:
    """Transposes, slices and reshapes, in any order, of a tensor that lies row-major."""
    array = np.arange(prod(sizes))
    view, expected = row_major(sizes).view(len(sizes)), array.reshape(sizes)
    for _ in range(data.draw(st.integers(1, 4))):
        move = data.draw(st.sampled_from(("transpose", "slice", "reshape")))
        if move == "transpose":
            order = data.draw(st.permutations(range(expected.ndim)))
            view, expected = view.transposed(order), expected.transpose(order)
        elif move == "slice":
            axis = data.draw(st.integers(0, expected.ndim - 1))
            start = data.draw(st.integers(0, expected.shape[axis] - 1))
            count = data.draw(st.integers(1, expected.shape[axis] - start))
            made = view.sliced(axis, start, count)
            if made is None:
                continue
            view, expected = made, np.take(expected, range(start, start + count), axis)
        else:
            shape = data.draw(st.sampled_from([(expected.size,), (1, *expected.shape), expected.shape[::-1]]))
            made = view.reshaped(shape)
            if made is None:
                continue
            view, expected = made, expected.reshape(shape)
        assert view.shape == expected.shape
        assert np.array_equal(shown(Value(0, view, 1.0), array), expected)


@given(SIZES.filter(lambda sizes: len(sizes) <= 4), st.data())
def test_a_layout_that_is_found_is_where_the_numbers_lie(sizes: list[int], data: st.DataObject) -> None:
    order = data.draw(st.permutations(range(len(sizes))))
    layout = row_major(sizes)
    view = layout.view(len(sizes)).transposed(order)
    found = natural(view, layout.shape)
    assert found is not None and found.shape == layout.shape
    assert found.view(len(sizes)) == view


@given(st.integers(1, 6), st.integers(1, 300), st.floats(1e-6, 1e3), st.floats(0, 1e4), st.integers(0, 1 << 30))
def test_accumulators_stay_below_the_limit(count: int, depth: int, size: float, offset: float, seed: int) -> None:
    """Whatever the weights: dead channels, huge ones, biases beyond all range."""
    random = np.random.default_rng(seed)
    weights = random.normal(0, size, (count, depth)) * random.choice([0, 1e-6, 1], (count, 1))
    bias = random.normal(0, offset, count)
    made = columns(weights, bias, means=random.normal(0, 3, (1, depth)), offset=float(random.integers(-128, 128)))
    reach = np.abs(made.weights.astype(np.int64)).sum(axis=1) * 128 + np.abs(made.bias.astype(np.int64))
    assert reach.max() < EXACT_LIMIT and made.largest == reach.max()
    assert made.shifts.min() >= 0 and made.shifts.max() <= 31


def test_weights_and_bias_are_what_they_were() -> None:
    random = np.random.default_rng(1)
    weights, bias = random.normal(0, 0.05, (8, 200)), random.normal(0, 20, 8)
    made = columns(weights, bias, means=np.full((1, 200), 100.0), offset=-100.0, target=-50.0)
    unit = np.exp2(made.shifts.astype(float))
    x = random.integers(-128, 128, (200, 50)).astype(float)
    exact = (made.weights @ x + made.bias[:, None]) / unit[:, None] + 50.0
    wanted = weights @ (x + 100.0) + bias[:, None]
    assert np.abs(exact - wanted).max() < 4 and abs((exact - wanted).mean()) < 0.05


def test_a_zero_point_doubles_the_steps_of_one_sided_numbers() -> None:
    values = np.abs(np.random.default_rng(1).normal(0, 1, 4000))
    known = Statistics(float(values.min()), float(values.max()), values, values)
    plain, moved = best_units(known), best_units(known, offset=True)
    assert plain.zero == 0 and moved.zero == -128 and moved.scale < 0.6 * plain.scale
    known = Statistics(-float(values.max()), float(values.max()), values, values)
    assert best_units(known, offset=True).zero == 0, "numbers of both signs need none"
