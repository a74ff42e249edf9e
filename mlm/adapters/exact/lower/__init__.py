"""From a float ONNX model to an exact graph: `lower.py` is the way in.

simplify -> match (regions, unary chains) -> calibrate -> build node by node -> report.
"""
