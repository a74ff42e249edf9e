"""The most memory that a process of Python holds."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.command_line import ROOT

# A process that executes another hands its own peak on, and pytest's is large: so a small one stands between.
BETWEEN = """
import os, sys
pid = os.spawnv(os.P_NOWAIT, sys.executable, [sys.executable, *sys.argv[1:]])
_, status, used = os.wait4(pid, 0)
print(used.ru_maxrss)
sys.exit(os.waitstatus_to_exitcode(status))
"""


def peak(folder: Path, *arguments: str, variables: Mapping[str, str] | None = None) -> int:
    """The most bytes that `python ARGUMENTS` has held; raises CalledProcessError where it failed."""
    environment = {"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"], **(variables or {})}
    command = [sys.executable, "-c", BETWEEN, *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, stdout=subprocess.PIPE, check=True, text=True)
    return int(done.stdout.split()[-1]) * (1 if sys.platform == "darwin" else 1024)
