"""Running commands and functions by turns, so that what else the machine does falls on both alike."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from bench.benchmark import Figure

ROOT = Path(__file__).resolve().parent.parent
PYTHON = (sys.executable,)
MLM = (sys.executable, "-m", "mlm")


def command(
    words: Sequence[str], folder: Path = ROOT, environment: Mapping[str, str] | None = None, codes: Sequence[int] = (0,)
) -> float:
    """Run a command to its end; its wall time in seconds. Raises RuntimeError for another exit code."""
    started = time.perf_counter()
    done = subprocess.run(
        words, cwd=folder, env=clean(environment or {}), stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    seconds = time.perf_counter() - started
    if done.returncode not in codes:
        raise RuntimeError(f"{' '.join(words)} ended with {done.returncode}: {done.stderr[-500:]}{done.stdout[-500:]}")
    return seconds


def clean(own: Mapping[str, str]) -> dict[str, str]:
    """The environment of a command: nothing of the settings of whoever measures."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    return {**kept, "PYTHONPATH": str(ROOT), **own}


def cpu(run: Callable[[], object]) -> float:
    """Seconds of processor time that the children of one call took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def by_turns(repeat: int, *calls: Callable[[], float]) -> list[list[float]]:
    """Each call `repeat` times, in turn, after one round that warms up: what each returned."""
    rounds = [[call() for call in calls] for _ in range(repeat + 1)][1:]
    return [list(values) for values in zip(*rounds, strict=True)]


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> Figure:
    """The median of the ratios of each turn."""
    return Figure.of([mine / peer for mine, peer in zip(ours, theirs, strict=True)])
