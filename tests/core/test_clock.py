"""Seconds as people read them, and as JSON counts them."""

from __future__ import annotations

import json

import pytest

from mlm.core.clock import LAST, Duration, Instant


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "never"),
        (1, "1970-01-01T00:00:01Z"),
        (1_795_400_329, "2026-11-23T02:18:49Z"),
        (LAST * 9, "9999-12-31T23:59:59Z"),
    ],
)
def test_an_instant_is_a_date(seconds: int, text: str) -> None:
    assert str(Instant(seconds)) == text
    assert json.dumps(Instant(seconds)) == str(seconds)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (-90, "-1 min 30 s"),
        (59, "59 s"),
        (60, "1 min"),
        (3598, "59 min 58 s"),
        (90_061, "1 d 1 h"),
        (29 * 86_400, "29 d"),
    ],
)
def test_a_duration_has_at_most_two_units(seconds: int, text: str) -> None:
    assert str(Duration(seconds)) == text
