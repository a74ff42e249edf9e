"""Running commands and functions by turns, so that what else the machine does falls on both alike."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

from bench.benchmark import Figure

ROOT = Path(__file__).resolve().parent.parent
PYTHON = (sys.executable,)
T = TypeVar("T")
MLM = (sys.executable, "-m", "mlm")


class Took(NamedTuple):
    """Seconds that a process and its children took: on the wall, and of a processor, as on an idle one."""

    wall: float
    cpu: float


def command(words: Sequence[str], folder: Path = ROOT, environment: Mapping[str, str] | None = None) -> Took:
    """Run a command to its end. Raises RuntimeError for another exit code than 0."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        words, cwd=folder, env=clean(environment or {}), stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise RuntimeError(f"{' '.join(words)} ended with {done.returncode}: {done.stderr[-500:]}{done.stdout[-500:]}")
    return Took(wall, after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)


def clean(own: Mapping[str, str]) -> dict[str, str]:
    """The environment of a command: nothing of the settings of whoever measures."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    return {**kept, "PYTHONPATH": str(ROOT), **own}


def by_turns(repeat: int, *calls: Callable[[], T]) -> list[list[T]]:
    """Each call `repeat` times, in turn, after one round that warms up: what each returned."""
    rounds = [[call() for call in calls] for _ in range(repeat + 1)][1:]
    return [list(values) for values in zip(*rounds, strict=True)]


def cpu(took: Sequence[Took]) -> list[float]:
    """Processor seconds."""
    return [one.cpu for one in took]


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> Figure:
    """The median of the ratios of each turn."""
    return Figure.of([mine / peer for mine, peer in zip(ours, theirs, strict=True)])
