"""One step of ezkl in a confined child process. Knows nothing of circuits.

ezkl holds the GIL, ignores Ctrl-C, panics with a BaseException and aborts the process on some bad keys
(a 137 GB allocation): so no step runs in the caller's process.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mlm.adapters import confine
from mlm.adapters.confine import Limits
from mlm.core.errors import ProverError

__all__ = ["Limits", "run_step"]

_CHILD = "mlm.adapters.ezkl.child"


def run_step(step: str, request: dict[str, Any], *, folder: Path, repo: Path, limits: Limits) -> dict[str, Any]:
    """Run `step` in `folder` (private to this call) and return its answer; the child is dead when this returns.

    `repo` becomes EZKL_REPO_PATH: ezkl writes there, and nowhere else.
    Raises InvalidData, VerificationFailed or ToolMissing as the child reports them, ProverError for everything else.
    """
    environment = {"EZKL_REPO_PATH": str(repo), "HOME": str(repo), "PYTHONDONTWRITEBYTECODE": "1"}
    worker = confine.Worker(_CHILD, "prover", ProverError, environment)
    return confine.ask(worker, step, request, what=f"the proving step {step!r}", folder=folder, limits=limits)
