"""Stopping processes by an id that a held lock vouches for (home.py)."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from mlm.adapters.devnet.home import is_held
from mlm.core.errors import StateConflict


def holder(lock: Path) -> int | None:
    """The process that holds `lock`, as it wrote there itself; None when nobody holds it.

    A new holder empties the file before it writes: two equal readings cannot both be its forerunner's.
    Raises StateConflict when the holder has not written its id within two seconds.
    """
    before = ""
    for _ in range(200):
        if not is_held(lock):
            return None
        text = lock.read_text().strip()
        if text.isdigit() and text == before:
            return int(text)
        before = text
        time.sleep(0.01)
    raise StateConflict(f"a process holds {lock} without saying which", hint="Find it with `fuser` or `lsof`.")


def kill_holder(lock: Path, what: str, grace: float = 0.0) -> bool:
    """End the holder of `lock`: SIGTERM and `grace` seconds first, then SIGKILL. False when there was none.

    Raises StateConflict when it does not go.
    """
    pid = holder(lock)
    if pid is None:
        return False
    if grace > 0:
        _signal(pid, signal.SIGTERM)
        if _released(lock, grace):
            return True
    _signal(pid, signal.SIGKILL)
    if _released(lock, 10.0):
        return True
    raise StateConflict(f"{what} (process {pid}) does not end", hint=f"End it yourself: kill -9 {pid}")


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass  # it is ending; its lock is about to go


def _released(lock: Path, patience: float) -> bool:
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        if not is_held(lock):
            return True
        time.sleep(0.01)
    return False
