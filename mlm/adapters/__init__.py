"""Implementations of the ports over real things: nodes, files, processes."""
