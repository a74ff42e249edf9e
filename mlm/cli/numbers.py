"""How numpy is loaded for the numbers of `mlm diff`: without the threads that its linear algebra would start."""

from __future__ import annotations

import os

_THREADS = "OPENBLAS_NUM_THREADS"


def load_numpy() -> None:
    """Load numpy with an OpenBLAS of one thread: the meter's blocks are too small for more.

    Children do not inherit this, and a user's own choice stands.
    """
    given = os.environ.get(_THREADS)
    os.environ.setdefault(_THREADS, "1")
    try:
        import numpy  # noqa: F401 - to have it loaded
    finally:
        if given is None:
            del os.environ[_THREADS]
