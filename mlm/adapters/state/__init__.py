"""The State port over DuckDB: one file, short connections, named SQL."""

from mlm.adapters.state.duckdb import DuckState
from mlm.adapters.state.remembered import RememberedState

__all__ = ["DuckState", "RememberedState"]
