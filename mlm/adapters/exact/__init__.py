"""Exact graphs executed: in numpy (the reference), and by ONNX Runtime, with commitments to every tensor in between.

What a graph is and what its cells are stands in mlm/core/exact/; docs/fault-proofs.md specifies both.
"""
