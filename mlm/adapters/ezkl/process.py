"""One step of ezkl in a confined child process. Knows nothing of circuits.

ezkl holds the GIL, ignores Ctrl-C, panics with a BaseException and aborts the process on some bad keys
(a 137 GB allocation): so no step runs in the caller's process.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mlm.adapters import confine
from mlm.adapters.confine import Limits
from mlm.core.errors import ProverError

__all__ = ["Limits", "run_step"]

_CHILD = "mlm.adapters.ezkl.child"
_LARGEST_FILE = 4 << 30  # bytes; the proving key of the largest circuit that is allowed has less than 2 GiB


def run_step(
    step: str, request: dict[str, Any], *, folder: Path, readable: Sequence[Path], limits: Limits
) -> dict[str, Any]:
    """Run `step` in `folder` (private to this call) and return its answer; the child is dead when this returns.

    It reads `readable` besides. EZKL_REPO_PATH, where ezkl may write what it likes, is `folder` too.
    Raises InvalidData, VerificationFailed or ToolMissing as the child reports them, ProverError for everything else.
    """
    environment = {"EZKL_REPO_PATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    worker = confine.Worker(_CHILD, "prover", ProverError, _LARGEST_FILE, environment=environment)
    what = f"the proving step {step!r}"
    return confine.ask(worker, step, request, what=what, folder=folder, limits=limits, readable=readable)
