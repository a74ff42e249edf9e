"""bubblewrap: a child in namespaces of its own, which sees no other process, no network, and no file but these."""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import sys
import time
from functools import cache
from pathlib import PurePath

from mlm.adapters.sandbox.policy import CGROUPS, PLAIN_DEVICES, Policy, python_paths

_PATIENCE_S = 10.0  # for what takes milliseconds


def command(program: str, policy: Policy, argv: list[str], cwd: str, info: int | None = None) -> list[str]:
    """`argv` in a sandbox; bubblewrap writes the child's process id to the file descriptor `info`.

    Its exit code is the child's, or 128 and the signal that ended it.
    """
    made = [program, "--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL", "--proc", "/proc"]
    made += ["--info-fd", str(info)] if info is not None else []
    bound: set[str] = set()
    for path in sorted(policy.readable):  # a folder before what lies in it, which is there then
        if path.startswith(("/proc/", CGROUPS)):  # it has a /proc and a group of its own
            continue
        if not any(str(above) in bound for above in PurePath(path).parents):
            bound.add(path)
            made += ["--ro-bind-try", path, path]
    for path in (*PLAIN_DEVICES, *policy.devices):
        made += ["--dev-bind-try", path, path]
    for path in policy.writable:
        made += ["--bind", path, path]
    return [*made, "--remount-ro", "/", "--chdir", cwd, "--", *argv]


@cache
def probe() -> tuple[str, str]:
    """(the program, "") when it works here; else ("", why not). Asked once: it starts a process."""
    program = shutil.which("bwrap")
    if program is None:
        return "", "bwrap is not on PATH"
    nothing = Policy(python_paths("mlm"), ())
    try:
        done = subprocess.run(
            command(program, nothing, [sys.executable, "-I", "-S", "-c", ""], "/"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=_PATIENCE_S,
            env={"LC_ALL": "C.UTF-8"},
        )
    except (OSError, subprocess.SubprocessError) as error:
        return "", f"{program} does not run: {error}"
    if done.returncode:
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines() or [f"exit code {done.returncode}"]
        return "", f"{program} does not work here: {lines[-1][:200]}"
    return program, ""


def child_pid(pipe: int) -> int | None:
    """The first process of the sandbox, as this end names it; None when bubblewrap gave up, or was too slow."""
    data, deadline = b"", time.monotonic() + _PATIENCE_S
    while select.select([pipe], [], [], max(0.0, deadline - time.monotonic()))[0]:
        piece = os.read(pipe, 4096)
        if not piece:
            return None
        data += piece
        try:
            return int(json.loads(data)["child-pid"])
        except ValueError:  # not whole yet
            continue
    return None
