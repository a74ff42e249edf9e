"""What a look at an index without rows takes, in milliseconds of a processor: `python -m bench.looks`, for decision 36.

Each query as it is, and where the file is attached anew for it, as after another process has written.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from mlm.adapters.state import DuckState, attached

REPEATS, TIMES = 15, 10
JOB = "0x" + "00" * 32
QUERIES: dict[str, dict[str, object]] = {"marks": {}, "job": {"job_id": JOB}, "jobs": {"job_id": JOB}, "versions": {}}


def took(look: Callable[[], object], before: Callable[[], object] = lambda: None) -> float:
    """Milliseconds of one look, the median of the repetitions; what is done `before` each counts."""
    found = []
    for _ in range(REPEATS):
        began = time.process_time()
        for _ in range(TIMES):
            before()
            look()
        found.append((time.process_time() - began) / TIMES * 1e3)
    return statistics.median(found)


def main() -> None:
    """Print both columns."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "state.duckdb"
        state = DuckState(path)
        state.mark(value=1)

        def anew() -> None:
            """The file is let go of; the instance stays."""
            found = attached.kept(path)
            found.write(lambda: None)
            found.rest()

        idle = took(anew)
        print(f"{'query':10} {'stays':>7} {'anew':>7}  ms of a processor")
        for name, wanted in QUERIES.items():

            def look(name: str = name, wanted: dict[str, object] = wanted) -> object:
                return state.query(name, **wanted)

            print(f"{name:10} {took(look):7.2f} {took(look, anew) - idle:7.2f}")


if __name__ == "__main__":
    main()
