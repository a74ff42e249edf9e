"""Work in a child process with limits on memory, time and files: both ends of it. Knows nothing of the work.

For libraries that read hostile files, hold the GIL, ignore Ctrl-C or end the whole process. A crash, a hang and a bomb
end the child only. What code that takes a child over can reach is the matter of mlm.adapters.sandbox.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NoReturn

from mlm.adapters.sandbox.policy import PACKAGE_PARENT
from mlm.adapters.sandbox.seal import seal_calls, seal_files
from mlm.core.errors import InvalidData, MlmError, ProverError, ToolMissing, UsageError, VerificationFailed

if TYPE_CHECKING:
    from mlm.adapters.sandbox.launch import Child
    from mlm.adapters.sandbox.watch import Watch

Request = dict[str, Any]
Answer = dict[str, Any]

_RESPONSE_LIMIT = 64 << 20
_LOG_TAIL = 4096
_STALE_S = 86_400  # far longer than any child may take
_LONGEST_S = 1 << 30  # what alarm(2) takes everywhere
# The errors that a child may raise in its parent's process, by code; any other is the worker's own.
_CODES = {kind.code: kind for kind in (InvalidData, ProverError, ToolMissing, UsageError, VerificationFailed)}
# What Rust, Python, the loader, numpy and C++ print when the address space is used up.
_NO_MEMORY = (
    "memory allocation of",
    "MemoryError",
    "Cannot allocate memory",
    "failed to map segment",
    "Memory allocation still failed",  # OpenBLAS
    "bad_alloc",
    "bad allocation",
    "Failed to allocate memory",  # ONNX Runtime
)


@dataclass(frozen=True)
class Limits:
    """`memory_mb` bounds the child's address space (Linux; macOS does not enforce it), `timeout_s` its wall time.

    `sandbox` is the setting runner.sandbox: which tier confines the child.
    """

    memory_mb: int
    timeout_s: float
    sandbox: str = "auto"


@dataclass(frozen=True)
class Worker:
    """A module whose __main__ calls `serve`. `error` is what a crash or a passed limit becomes.

    `settings` is the table of mlm.toml that holds the limits; `environment` is what this child sees besides; `smaller`
    what a person may give less of. A file that it writes has at most `file_bytes`, all together twice that. `gpu`: it
    may use one, where there is one; `code`: it compiles.
    """

    module: str
    settings: str
    error: type[MlmError]
    file_bytes: int
    gpu: bool = False
    code: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)
    smaller: str = "model"


# The parent's end


def private_folder(parent: Path) -> Path:
    """A new folder (mode 0700) in `parent`, which must exist; what processes that are gone left there is removed.

    The caller removes it. Raises OSError.
    """
    import tempfile

    for path in parent.iterdir():
        try:
            stale = time.time() - path.stat().st_mtime > _STALE_S and not _lives(path.name.partition("-")[0])
        except FileNotFoundError:  # its owner has just finished
            continue
        if stale:
            shutil.rmtree(path, ignore_errors=True)
    return Path(tempfile.mkdtemp(dir=parent, prefix=f"{os.getpid()}-"))


def _lives(pid: str) -> bool:
    """Whether a process of this name is there: the child of a worker stays for days."""
    try:
        os.kill(int(pid), 0)
    except (ValueError, OverflowError, ProcessLookupError):
        return False
    except PermissionError:
        return True
    return True


def ask(
    worker: Worker,
    step: str,
    request: Request,
    *,
    what: str,
    folder: Path,
    limits: Limits,
    readable: Sequence[Path] = (),
) -> Answer:
    """Have a child do `step` in `folder` (private to this call) and return its answer; it is dead when this returns.

    It reads `readable` besides; `what` begins every message. Raises what the child raises, if it is one of the errors
    above, else `worker.error`; ToolMissing when the sandbox asked for is not there.
    """
    from mlm.adapters.sandbox.watch import Watch

    response = folder / "response.json"
    response.unlink(missing_ok=True)
    started = time.monotonic()
    with (folder / "log.txt").open("w+b") as log:
        watch = Watch(folder, 2 * worker.file_bytes)
        child = start(worker, {"step": step, "request": request}, folder, limits, readable, log)
        try:
            code = _watched(child, watch, worker, what, started + limits.timeout_s, limits)
        finally:
            child.end()
        if code != 0 or not response.exists():
            raise crashed(worker, what, code, log, limits, time.monotonic() - started)
    return read_answer(worker, what, response)


def start(
    worker: Worker,
    task: Request,
    folder: Path,
    limits: Limits,
    readable: Sequence[Path],
    log: BinaryIO,
    stdin: int | None = None,
) -> Child:
    """A child at its first task, {step, request}, in the tier that the limits name.

    With a socket as `stdin` it stays: mlm/adapters/held.py.
    """
    from mlm.adapters.sandbox.launch import Child
    from mlm.adapters.sandbox.policy import policy
    from mlm.adapters.sandbox.tiers import choose

    tier = choose(limits.sandbox)
    environment = _environment(folder) | dict(worker.environment)
    libraries = environment.get("LD_LIBRARY_PATH", "") if worker.gpu else None
    allowed = policy(worker.module, folder, readable=readable, gpu_libraries=libraries, code=worker.code)
    task = task | {"memory_mb": limits.memory_mb, "seconds": limits.timeout_s, "stays": stdin is not None}
    task |= {"parent": None if tier.bubblewrap else os.getpid(), "file_bytes": worker.file_bytes}
    task["sandbox"] = {"landlock": tier.landlock, "seccomp": tier.seccomp, "policy": allowed.as_json()}
    (folder / "task.json").write_text(json.dumps(task))
    argv = [sys.executable, "-P", "-m", worker.module]
    stdin = subprocess.DEVNULL if stdin is None else stdin
    return Child(argv, tier, allowed, cwd=folder, env=environment, log=log, stdin=stdin)


def _watched(child: Child, watch: Watch, worker: Worker, what: str, deadline: float, limits: Limits) -> int:
    """The child's exit code; raises `worker.error` when it passes a bound that only its parent sees."""
    from mlm.adapters.sandbox.watch import INTERVAL_S

    while (code := child.wait(INTERVAL_S)) is None:
        if passed := watch.passed(child.pid):
            raise worker.error(f"{what} passed {passed}", hint=f"Use a smaller {worker.smaller}.")
        if time.monotonic() > deadline:
            raise too_long(worker, what, limits)
    return code


def too_long(worker: Worker, what: str, limits: Limits) -> MlmError:
    """The error of a child that passed its time."""
    return worker.error(
        f"{what} passed its time limit of {limits.timeout_s:g} s",
        hint=f"Raise the limit ({worker.settings}.timeout in MLM_HOME/config.toml) or use a smaller {worker.smaller}.",
    )


def read_file(path: Path, most: int, error: type[MlmError], what: str) -> bytes:
    """What a child wrote; raises `error` unless it is an ordinary file of at most `most` bytes.

    A child that was taken over may have left a pipe, which would never end, or a link.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as refused:
        raise error(f"{what} left no readable {path.name}: {refused.strerror}") from refused
    with open(handle, "rb") as file:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode) or found.st_size > most:
            raise error(f"{what} answered with {found.st_size} bytes, more than the limit of {most}")
        return file.read(most)


def _environment(folder: Path) -> dict[str, str]:
    """All that any child sees: nothing of the caller's environment, so that a result cannot depend on it."""
    return {
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "PATH": os.defpath,
        "PYTHONPATH": str(PACKAGE_PARENT),
        # glibc reserves 64 MiB of address space for each arena: with many threads that alone passes a small limit.
        "MALLOC_ARENA_MAX": "2",
        "OPENBLAS_NUM_THREADS": "1",
        "LC_ALL": "C.UTF-8",
    }


def read_answer(worker: Worker, what: str, response: Path) -> Answer:
    """The child's answer, or the error that stands in it, raised."""
    data = read_file(response, _RESPONSE_LIMIT, worker.error, what)
    try:
        answer = json.loads(data)
        error = answer.get("error")
        if error is not None:
            kind, message, hint = _CODES.get(error["code"], worker.error), str(error["message"]), str(error["hint"])
    except (ValueError, RecursionError, AttributeError, KeyError, TypeError) as nonsense:
        raise worker.error(f"{what} gave an answer that cannot be read") from nonsense
    if error is not None:
        raise kind(message, hint=hint)
    found: Answer = answer
    return found


def _tail(log: BinaryIO) -> str:
    log.seek(max(0, os.fstat(log.fileno()).st_size - _LOG_TAIL))
    return log.read(_LOG_TAIL).decode("utf-8", "replace")


def crashed(worker: Worker, what: str, code: int, file: BinaryIO, limits: Limits, seconds: float) -> MlmError:
    """The error of a child that ended with `code`, as its log explains it."""
    log = _tail(file)
    if code == -signal.SIGKILL or any(sign in log for sign in _NO_MEMORY):
        return worker.error(
            f"{what} ran out of its memory limit of {limits.memory_mb} MB after {seconds:.0f} s",
            hint=f"Raise the limit ({worker.settings}.memory_mb in MLM_HOME/config.toml) "
            f"or use a smaller {worker.smaller}.",
        )
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    last = lines[-1][:300] if lines else "no message"
    shown = "".join(letter if letter.isprintable() else "?" for letter in last)  # nothing that a terminal would obey
    how = f"signal {-code}" if code < 0 else f"exit code {code}"
    return worker.error(f"{what} ended with {how}: {shown}")


# The child's end


def serve(
    answer: Callable[[str, Request], Answer],
    *,
    modules: Callable[[str], Sequence[str]] = lambda step: (),
    bounds_memory: Callable[[str, Request], bool] = lambda step, request: True,
) -> NoReturn:
    """Do the task of the working folder and end this process.

    Reads task.json and writes response.json: what `answer` returns, or the MlmError it raises. A child that stays does
    so again for each request.json, until its stdin ends. Any other traceback goes to the log, whose last line the
    parent reads. `modules` names what a step imports: once the process is sealed, no machine code can be loaded.
    `bounds_memory` says, before anything hostile is read, whether memory is bounded; where it is not, a GPU is used.
    """
    task = json.loads(Path("task.json").read_bytes())
    confine(task["parent"], task["seconds"], task["file_bytes"])
    step, request, sandbox = task["step"], task["request"], task["sandbox"]
    seal_files(sandbox)
    bounded = bounds_memory(step, request)
    if bounded:
        bound_memory(task["memory_mb"])
    for name in modules(step):
        try:
            import_module(name)
        except ImportError as error:  # `answer` meets it again, and says so as an error for people
            if out_of_memory(error):
                raise
    seal_calls(sandbox, gpu=not bounded)
    _respond(answer, step, request)
    while task["stays"] and os.write(0, b".") and os.read(0, 1):
        signal.alarm(_backstop(task["seconds"]))
        request = json.loads(Path("request.json").read_bytes())
        _respond(answer, step, request)
    os._exit(0)  # without waiting for a library's thread pool


def _respond(answer: Callable[[str, Request], Answer], step: str, request: Request) -> None:
    try:
        done = answer(step, request)
    except MlmError as error:
        done = {"error": {"code": error.code, "message": str(error), "hint": error.hint}}
    Path("response.json").write_text(
        json.dumps(done)
    )  # the parent reads it once it was told, or this process has ended
    signal.alarm(0)


def _backstop(seconds: float) -> int:
    return min(int(seconds), _LONGEST_S) + 5


def out_of_memory(error: BaseException) -> bool:
    """Whether the address space was used up, whatever kind of error a library made of it."""
    found: BaseException | None = error
    while found is not None:
        if isinstance(found, MemoryError) or any(sign in str(found) for sign in _NO_MEMORY):
            return True
        found = found.__cause__
    return False


def confine(parent: int | None, seconds: float, file_bytes: int) -> None:
    """Limit this process: no core file, size of a file, wall time (the parent's backstop).

    It dies with `parent`; with None, bubblewrap sees to that.
    """
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, file_bytes))
    signal.alarm(_backstop(seconds))  # the default action ends the process, even while Rust holds the GIL
    if sys.platform == "linux" and parent is not None:
        from mlm.adapters.sandbox import kernel

        kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before the line above
            os._exit(1)


def bound_memory(memory_mb: int) -> None:
    """Limit this process's address space (Linux: macOS does not enforce it)."""
    import resource

    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (memory_mb << 20, memory_mb << 20))
