"""One suite over every Meter: an element at a time in Python, and numpy in blocks."""

from __future__ import annotations

from collections.abc import Iterator
from math import inf, nan, sqrt
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from mlm.adapters.meter import NumpyMeter
from mlm.core import float8
from mlm.memory.meter import MemoryMeter
from mlm.ports.meter import ITEM_BYTES, Distance, Meter


@pytest.fixture(params=[MemoryMeter, NumpyMeter])
def meter(request: pytest.FixtureRequest) -> Meter:
    made: Meter = request.param()
    return made


def numpy_type(name: str) -> Any:
    return np.dtype(getattr(ml_dtypes, name, name))


def pairs(old: np.ndarray, new: np.ndarray, size: int) -> Iterator[tuple[bytes, bytes]]:
    for at in range(0, old.size, size):
        yield old[at : at + size].tobytes(), new[at : at + size].tobytes()


def measure(meter: Meter, old: list[Any], new: list[Any], dtype: str = "float32", to: str = "") -> Distance:
    a, b = np.array(old, numpy_type(dtype)), np.array(new, numpy_type(to or dtype))
    return meter.measure(dtype, to or dtype, pairs(a, b, 3))


def test_a_known_distance(meter: Meter) -> None:
    found = measure(meter, [3, 4, 0, 1, 1], [3, 4.5, -1, 1, 1])
    assert (found.elements, found.changed, found.apart, found.largest) == (5, 2, 0, 1.0)
    assert found.relative == pytest.approx(sqrt(0.25 + 1) / sqrt(9 + 16 + 1 + 1), rel=1e-15)


def test_nothing_changed(meter: Meter) -> None:
    assert measure(meter, [1, 2, 3, 4], [1, 2, 3, 4]) == Distance(4, 0, 0, 0.0, 0.0, 30.0)
    assert measure(meter, [], []) == Distance(0, 0, 0, 0.0, 0.0, 0.0)
    assert measure(meter, [], []).relative == 0.0


def test_from_zero_there_is_no_relative_distance(meter: Meter) -> None:
    assert measure(meter, [0, 0], [0, 0]).relative == 0.0
    assert measure(meter, [0, 0], [0, 1]).relative is None


def test_zeros_of_both_signs_are_equal(meter: Meter) -> None:
    assert measure(meter, [0.0, 1], [-0.0, 1]).changed == 0


def test_nan_and_infinity_are_counted_and_spoil_no_sum(meter: Meter) -> None:
    found = measure(meter, [nan, 1, nan, inf, inf, 2, 3, 5], [nan, nan, 1, inf, -inf, inf, 4, 5])
    assert (found.elements, found.changed, found.apart) == (8, 5, 4)
    assert (found.largest, found.squares, found.base) == (1.0, 1.0, 9.0 + 25.0)


def test_nan_alone(meter: Meter) -> None:
    assert measure(meter, [nan, nan], [nan, nan]) == Distance(2, 0, 0, 0.0, 0.0, 0.0)
    assert measure(meter, [nan, inf], [1, nan]) == Distance(2, 2, 2, 0.0, 0.0, 0.0)


def test_a_difference_that_overflows_is_no_number(meter: Meter) -> None:
    found = measure(meter, [1.5e308, 1], [-1.5e308, 1.5], "float64")
    assert (found.changed, found.apart, found.largest) == (2, 1, 0.5)


def test_whole_numbers_beyond_what_floating_point_holds(meter: Meter) -> None:
    found = measure(meter, [2**60, 7], [2**60 + 1, 7], "int64")
    assert (found.changed, found.largest) == (1, 0.0)
    found = measure(meter, [0, 2**64 - 1], [2**64 - 1, 2**64 - 2], "uint64")
    assert (found.changed, found.largest) == (2, float(2**64))


def test_signs_do_not_wrap_round(meter: Meter) -> None:
    assert measure(meter, [-128], [127], "int8").largest == 255
    assert measure(meter, [0, 255], [255, 0], "uint8").largest == 255
    assert measure(meter, [True, False], [False, False], "bool") == Distance(2, 1, 0, 1.0, 1.0, 1.0)


def test_between_dtypes(meter: Meter) -> None:
    found = measure(meter, [1.0, 0.1], [1.0, 0.1], "float32", "bfloat16")
    assert found.changed == 1
    assert found.largest == pytest.approx(abs(float(np.float32(0.1)) - float(ml_dtypes.bfloat16(0.1))), rel=1e-12)
    assert measure(meter, [1, 2, 200], [1, 2, 200], "uint8", "float64").changed == 0


@pytest.mark.parametrize("dtype", ITEM_BYTES)
def test_every_dtype_against_numpy(meter: Meter, dtype: str) -> None:
    """Random bytes, NaN and infinities among them, in pieces; the expected values come from whole arrays."""
    random = np.random.default_rng(len(dtype))
    raw = random.integers(0, 256, (2, 1000 * ITEM_BYTES[dtype]), np.uint8)
    if dtype == "bool":
        raw &= 1
    raw[1, : raw.shape[1] // 2] = raw[0, : raw.shape[1] // 2]
    a, b = (row.view(numpy_type(dtype)) for row in raw)
    with np.errstate(all="ignore"):
        wide_a, wide_b = a.astype(np.float64), b.astype(np.float64)
        difference = wide_b - wide_a
        differs = (a != b) if dtype.startswith(("int", "uint")) else (wide_a != wide_b)
        differs &= ~(np.isnan(wide_a) & np.isnan(wide_b))
        finite = np.isfinite(difference)
        expected = (
            *(1000, int(differs.sum()), int((differs & ~finite).sum())),
            *(np.abs(difference[finite]).max(), (difference[finite] ** 2).sum(), (wide_a[finite] ** 2).sum()),
        )
    found = meter.measure(dtype, dtype, pairs(a, b, 300))
    assert (found.elements, found.changed, found.apart) == expected[:3]
    for value, wanted in zip((found.largest, found.squares, found.base), expected[3:], strict=True):
        assert value == pytest.approx(wanted, rel=1e-9) or (np.isinf(wanted) and not np.isfinite(value))


@pytest.mark.parametrize("dtype", float8.NAMES)
def test_float8_against_ml_dtypes(dtype: str) -> None:
    expected = np.arange(256, dtype=np.uint8).view(numpy_type(dtype)).astype(np.float64)
    np.testing.assert_array_equal([float8.decode(dtype, byte) for byte in range(256)], expected)
