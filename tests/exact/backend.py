"""ONNX's own tests of single operators, which its package brings along."""

from __future__ import annotations

import warnings
from functools import cache
from importlib import import_module
from typing import Any


@cache
def cases(operator: str) -> tuple[Any, ...]:
    """Those of one operator, without its expansions into others; all of them at once take half a minute to make."""
    from onnx.backend.test.case import node

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import_module(f"onnx.backend.test.case.node.{_FILES.get(operator, operator.lower())}")
    kept = [case for case in node._NodeTestCases if [each.op_type for each in case.model.graph.node] == [operator]]
    return tuple(case for case in kept if not case.name.endswith("_expanded"))


_FILES = {"BatchNormalization": "batch_normalization"}
