"""The confined child process by itself: what it sees, what ends it, and what the parent believes of its answer."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from mlm.adapters import confine
from mlm.core.errors import ModelStopped, ToolMissing

WORKER = confine.Worker(
    "tests.adapters.confined_worker", "runner", ModelStopped, 128 << 20, environment={"GIVEN": "yes"}
)
LIMITS = confine.Limits(512, 20)


UNSEALED = confine.Limits(512, 20, "none")  # what a sandboxed child could not do


def _ask(folder: Path, step: str, limits: confine.Limits = LIMITS, **request: Any) -> dict[str, Any]:
    return confine.ask(WORKER, step, request, what="the test", folder=folder, limits=limits)


def test_the_callers_environment_is_not_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLM_PASSWORD_FILE", "/secret")
    monkeypatch.setenv("PYTHONSTARTUP", "/secret")
    monkeypatch.setenv("LD_LIBRARY_PATH", "/secret")
    found = _ask(tmp_path, "environment")
    assert "/secret" not in json.dumps(found)
    assert set(found["environment"]) <= {
        *("HOME", "TMPDIR", "PATH", "PYTHONPATH", "MALLOC_ARENA_MAX", "OPENBLAS_NUM_THREADS", "LC_ALL", "GIVEN"),
        "__CF_USER_TEXT_ENCODING",  # macOS
        "PWD",  # bubblewrap
    }
    assert found["folder"] == str(tmp_path.resolve())
    assert "" not in found["path"] and found["folder"] not in found["path"], "a file left there could be imported"


@pytest.mark.skipif(sys.platform != "linux", reason="macOS does not bound the address space")
def test_memory_is_bounded(tmp_path: Path) -> None:
    assert _ask(tmp_path, "memory", bytes=64 << 20) == {"bytes": 64 << 20}
    with pytest.raises(ModelStopped, match="^the test ran out of its memory limit of 512 MB") as caught:
        _ask(tmp_path, "memory", bytes=600 << 20)
    assert "runner.memory_mb" in caught.value.hint


def test_a_files_size_is_bounded(tmp_path: Path) -> None:
    with pytest.raises(ModelStopped, match="File too large"):
        _ask(tmp_path, "file", bytes=(128 << 20) + 1)
    assert (tmp_path / "large").stat().st_size <= 128 << 20


def test_errors_come_back_as_they_are(tmp_path: Path) -> None:
    with pytest.raises(ToolMissing, match="^no such tool$") as caught:
        _ask(tmp_path, "missing")
    assert caught.value.hint == "Install it."
    with pytest.raises(ModelStopped, match="^nothing here$"):  # no error that a worker's caller expects
        _ask(tmp_path, "another")


@pytest.mark.parametrize(
    ("step", "says"),
    [
        ("segfault", f"ended with signal {int(signal.SIGSEGV)}: no message"),
        ("escape", r"ended with exit code 3: \?\[2Jcleared$"),
        ("silent", "ended with exit code 0: no message"),
    ],
)
def test_a_crash_is_one_line(tmp_path: Path, step: str, says: str) -> None:
    with pytest.raises(ModelStopped, match=says) as caught:
        _ask(tmp_path, step)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("step", "request_"),
    [
        ("pipe", {}),
        ("link", {"to": "/dev/zero"}),
        ("raw", {"text": ""}),
        ("raw", {"text": "[]"}),
        ("raw", {"text": "[" * 100_000}),
        ("raw", {"text": '{"error": 5}'}),
        ("raw", {"text": '{"error": {"code": "invalid_data"}}'}),
        ("raw", {"text": '{"error": {"code": [], "message": "", "hint": ""}}'}),
        ("many", {"bytes": 65 << 20}),
    ],
    ids=str,
)
def test_an_answer_of_nonsense_is_refused(tmp_path: Path, step: str, request_: dict[str, Any]) -> None:
    started = time.monotonic()
    with pytest.raises(ModelStopped, match="^the test "):
        _ask(tmp_path, step, UNSEALED, **request_)
    assert time.monotonic() - started < 10


@pytest.mark.parametrize("sandbox", ["auto", "none"])
def test_a_child_ends_with_its_parent(tmp_path: Path, sandbox: str) -> None:
    """A parent that is killed cannot end its child: the kernel does (Linux)."""
    if sys.platform != "linux":
        pytest.skip("macOS has no PR_SET_PDEATHSIG: the alarm ends the child")
    code = (
        "import sys, pathlib; from mlm.adapters import confine\n"
        "from tests.adapters.test_confine import WORKER\n"
        "limits = confine.Limits(512, 60, sys.argv[2])\n"
        "confine.ask(WORKER, 'sleep', {}, what='x', folder=pathlib.Path(sys.argv[1]), limits=limits)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code, str(tmp_path), sandbox], cwd=Path(__file__).parents[2])
    deadline = time.monotonic() + 30
    while not (tmp_path / "asleep").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert inside(tmp_path)
    parent.kill()
    parent.wait(10)
    while inside(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not inside(tmp_path)


def inside(folder: Path) -> list[int]:
    """The processes whose working folder is this one, in whatever namespace; what has ended has none."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if os.readlink(entry / "cwd") == str(folder.resolve()):
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def test_private_folders_are_private_and_old_ones_are_swept(tmp_path: Path) -> None:
    """Those of processes that are gone: a worker's children stay for days."""
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    old, living = tmp_path / f"{ended.pid}-old", tmp_path / f"{os.getpid()}-old"
    for path in (old, living):
        path.mkdir()
        os.utime(path, (time.time() - 2 * 86_400,) * 2)
    made = confine.private_folder(tmp_path)
    assert set(tmp_path.iterdir()) == {living, made} and made.stat().st_mode & 0o777 == 0o700
