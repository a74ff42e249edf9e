"""The State port over DuckDB: one file, short connections, named SQL."""

from mlm.adapters.state.duckdb import DuckState

__all__ = ["DuckState"]
