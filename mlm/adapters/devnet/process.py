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

    Raises StateConflict when the holder has not written its id within a second.
    """
    for _ in range(50):
        if not is_held(lock):
            return None
        text = lock.read_text().strip()
        if text.isdigit():
            return int(text)
        time.sleep(0.02)
    raise StateConflict(f"a process holds {lock} without saying which", hint="Find it with `fuser` or `lsof`.")


def kill_holder(lock: Path, what: str, grace: float = 0.0) -> bool:
    """End the holder of `lock`: SIGTERM and `grace` seconds first, then SIGKILL. False when there was none.

    Raises StateConflict when it does not go.
    """
    pid = holder(lock)
    if pid is None:
        return False
    for number, patience in ((signal.SIGTERM, grace), (signal.SIGKILL, 10.0)):
        if patience <= 0:
            continue
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass  # it is ending; its lock is about to go
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            if not is_held(lock):
                return True
            time.sleep(0.02)
    raise StateConflict(f"{what} (process {pid}) does not end", hint=f"End it yourself: kill -9 {pid}")
