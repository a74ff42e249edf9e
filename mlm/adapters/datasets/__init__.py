"""The Datasets port over DuckDB and numpy, in a confined child: a dataset comes from anybody."""
