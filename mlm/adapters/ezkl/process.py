"""Runs one step of ezkl in a child process with limits on memory and time. Knows nothing of circuits.

ezkl holds the GIL, ignores Ctrl-C, panics with a BaseException and aborts the process on some bad keys
(a 137 GB allocation): so no step runs in the caller's process.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlm.core.errors import InvalidData, MlmError, ProverError, ToolMissing, VerificationFailed

_RESPONSE_LIMIT = 64 << 20
_LOG_TAIL = 4096
_KINDS: dict[str, type[MlmError]] = {
    "invalid": InvalidData,
    "prover": ProverError,
    "missing": ToolMissing,
    "verification": VerificationFailed,
}
# What Rust, Python, the loader and numpy print when the address space is used up.
_NO_MEMORY = (
    "memory allocation of",
    "MemoryError",
    "Cannot allocate memory",
    "failed to map segment",
    "Memory allocation still failed",  # OpenBLAS
)
_CHILD = "mlm.adapters.ezkl.child"
_PACKAGE_PARENT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class Limits:
    """`memory_mb` bounds the child's address space (Linux; macOS does not enforce it), `timeout_s` its wall time."""

    memory_mb: int
    timeout_s: float


def run_step(step: str, request: dict[str, Any], *, folder: Path, repo: Path, limits: Limits) -> dict[str, Any]:
    """Run `step` in `folder` (private to this call) and return its answer; the child is dead when this returns.

    `repo` becomes EZKL_REPO_PATH: ezkl writes there, and nowhere else.
    Raises InvalidData, VerificationFailed or ToolMissing as the child reports them, ProverError for everything else.
    """
    task = {"step": step, "parent": os.getpid(), "memory_mb": limits.memory_mb, "seconds": limits.timeout_s}
    (folder / "task.json").write_text(json.dumps(task | {"request": request}))
    response = folder / "response.json"
    response.unlink(missing_ok=True)
    started = time.monotonic()
    with (folder / "log.txt").open("wb") as log:
        child = subprocess.Popen(
            [sys.executable, "-P", "-m", _CHILD],
            cwd=folder,
            env=_environment(repo),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C reaches the parent only, which then ends the child at once
        )
        try:
            code = child.wait(limits.timeout_s)
        except subprocess.TimeoutExpired:
            raise ProverError(
                f"the proving step {step!r} passed its time limit of {limits.timeout_s:g} s",
                hint="Raise the limit (`mlm config set prover.timeout`) or use a smaller model.",
            ) from None
        finally:
            if child.poll() is None:
                child.kill()
                child.wait()
    if code == 0 and response.exists():
        return _answer(response)
    raise _crashed(step, code, _tail(folder / "log.txt"), limits, time.monotonic() - started)


def _environment(repo: Path) -> dict[str, str]:
    """All the child sees: nothing of the caller's environment, so that a result cannot depend on it."""
    return {
        "EZKL_REPO_PATH": str(repo),
        "HOME": str(repo),
        "PATH": os.defpath,
        "PYTHONPATH": str(_PACKAGE_PARENT),
        "PYTHONDONTWRITEBYTECODE": "1",
        # glibc reserves 64 MiB of address space for each arena: with many threads that alone passes a small limit.
        "MALLOC_ARENA_MAX": "2",
        "OPENBLAS_NUM_THREADS": "1",
        "LC_ALL": "C.UTF-8",
    }


def _answer(path: Path) -> dict[str, Any]:
    size = path.stat().st_size
    if size > _RESPONSE_LIMIT:
        raise ProverError(f"the prover's answer has {size} bytes, more than the limit of {_RESPONSE_LIMIT}")
    answer: dict[str, Any] = json.loads(path.read_bytes())
    error = answer.get("error")
    if error is not None:
        raise _KINDS[error["kind"]](error["message"], hint=error.get("hint", ""))
    return answer


def _tail(path: Path) -> str:
    with path.open("rb") as log:
        log.seek(max(0, path.stat().st_size - _LOG_TAIL))
        return log.read().decode("utf-8", "replace")


def _crashed(step: str, code: int, log: str, limits: Limits, seconds: float) -> ProverError:
    if code == -9 or any(sign in log for sign in _NO_MEMORY):
        return ProverError(
            f"the proving step {step!r} ran out of its memory limit of {limits.memory_mb} MB after {seconds:.0f} s",
            hint="Raise the limit (`mlm config set prover.memory_mb`) or use a smaller model.",
        )
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    last = lines[-1][:300] if lines else "no message"
    how = f"signal {-code}" if code < 0 else f"exit code {code}"
    return ProverError(f"the proving step {step!r} ended with {how}: {last}")
