"""numpy as `mlm diff` loads it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="the system does not list threads")
def test_no_threads_are_started_for_numbers() -> None:
    """OpenBLAS starts one for each processor when it is loaded, unless it is told not to; and others are not told."""
    code = (
        "import os, sys; from mlm.cli.numbers import load_numpy; before = dict(os.environ)\n"
        "load_numpy()\n"
        "assert 'numpy' in sys.modules and before == dict(os.environ)\n"
        "print(len(os.listdir('/proc/self/task')))"
    )
    environment = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=60, check=True
    )
    assert done.stdout == "1\n"
