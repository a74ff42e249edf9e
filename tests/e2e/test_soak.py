"""The short form of `make soak`: few jobs, and much that is killed."""

from __future__ import annotations

from pathlib import Path

from tests.soak import soak


def test_a_market_under_fire_explains_every_balance(tmp_path: Path) -> None:
    told = soak(tmp_path, jobs=8, seed=7, violence=3.0)
    assert told.startswith("8 jobs: ") and "of worker" in told, told
