"""From a float ONNX model to an exact graph of profile ivf32: `lower.py` is the way in.

simplify -> match (regions, unary chains) -> calibrate -> build node by node -> report.
"""
