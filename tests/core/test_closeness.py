"""How far outputs lie apart, in every type, and what cannot be compared."""

from __future__ import annotations

from math import inf

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mlm.core import closeness
from mlm.core.closeness import Apart, largest
from mlm.core.errors import UsageError
from mlm.core.tensors import ITEM_BYTES, Tensor


def tensor(values: np.ndarray, name: str = "out") -> Tensor:
    return Tensor(name, str(values.dtype), values.shape, values.tobytes())


@pytest.mark.parametrize("dtype", ITEM_BYTES)
def test_each_type_is_compared(dtype: str) -> None:
    left, right = np.zeros((2, 3), dtype), np.zeros((2, 3), dtype)
    assert largest([tensor(left)], [tensor(right)]) == Apart("out", 0, 0.0)
    right[1, 2] = 1
    assert largest([tensor(left)], [tensor(right)]) == Apart("out", 5, 1.0)


@given(st.data())
def test_it_is_numpys_largest_difference(data: st.DataObject) -> None:
    floats = st.floats(-(2.0**60), 2.0**60, width=32)
    left, right = (data.draw(hnp.arrays(np.float32, (7,), elements=floats)) for _ in range(2))
    found = largest([tensor(left)], [tensor(right)])
    assert isinstance(found, Apart)
    assert found.difference == np.abs(left.astype(np.float64) - right.astype(np.float64)).max()


def test_what_is_no_number_is_infinitely_far() -> None:
    left, right = np.array([np.nan, np.inf, 1, -np.inf], np.float32), np.array([np.nan, np.inf, 1, np.inf], np.float32)
    assert largest([tensor(left)], [tensor(right)]) == Apart("out", 3, inf)
    assert largest([tensor(left)], [tensor(left.copy())]) == Apart("out", 0, 0.0)
    one = left.copy()
    one[0] = 5
    assert largest([tensor(one)], [tensor(left)]) == Apart("out", 0, inf)


@pytest.mark.parametrize(
    "other", [np.zeros((3, 2), np.float32), np.zeros((2, 3), np.float64), np.zeros((6,), np.float32)]
)
def test_what_has_another_form_is_not_compared(other: np.ndarray) -> None:
    found = largest([tensor(np.zeros((2, 3), np.float32))], [tensor(other)])
    assert isinstance(found, str) and "the other" in found
    assert isinstance(largest([], [tensor(other)]), str)
    assert largest([], []) == Apart("", 0, 0.0)


@pytest.mark.parametrize("tolerance", [0.0, 1e-45, 2**-149, 1e-3, 0.5, 1.0, 3.4028234663852886e38])
def test_a_stated_tolerance_travels_as_a_float32(tolerance: float) -> None:
    word = closeness.tolerance_word(tolerance)
    assert len(word) == 32 and not any(word[:28])
    assert closeness.stated_tolerance(word) == np.float32(tolerance)


@pytest.mark.parametrize("tolerance", [-1.0, -0.0001, float("nan"), float("inf"), 3.5e38, 1e300, 1e-60])
def test_what_no_float32_holds_is_no_tolerance(tolerance: float) -> None:
    with pytest.raises(UsageError, match="--tolerance: expected a number from 0"):
        closeness.tolerance_word(tolerance)
