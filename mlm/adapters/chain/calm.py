"""Importing libraries that change the interpreter for everybody."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def calm_imports() -> Iterator[None]:
    """Undo what an import does to the recursion limit.

    py_ecc (under eth_account and eth_keyfile) raises it to 100,000: from then on a deeply nested hostile JSON file ends
    the process by a stack overflow instead of a RecursionError.
    """
    limit = sys.getrecursionlimit()
    try:
        yield
    finally:
        sys.setrecursionlimit(limit)
