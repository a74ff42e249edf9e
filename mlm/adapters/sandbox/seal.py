"""What a child does to itself: gives up files before it imports anything, system calls before it reads anything."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from typing import Any

from mlm.adapters.sandbox.policy import Policy

_OPEN_FILES = 512


def of_task(tier: Mapping[str, Any]) -> Policy:
    """The policy that the parent wrote into task.json."""
    return Policy.from_json(tier["policy"])


def seal_files(tier: Mapping[str, Any]) -> None:
    """Give up every privilege, and every file that the policy does not name. Raises OSError: then nothing is read."""
    import resource

    from mlm.adapters.sandbox import kernel, landlock

    if not (tier["landlock"] or tier["seccomp"]):
        return
    resource.setrlimit(resource.RLIMIT_NOFILE, (_OPEN_FILES, _OPEN_FILES))
    kernel.drop_privileges(platform.machine())
    if tier["landlock"]:
        landlock.restrict(of_task(tier), tier["landlock"])


def seal_calls(tier: Mapping[str, Any], *, gpu: bool) -> None:
    """Give up every system call but those of seccomp.py. `gpu`: its driver gets any ioctl and executable memory."""
    if not tier["seccomp"]:
        return
    from mlm.adapters.sandbox import seccomp

    machine, code = platform.machine(), of_task(tier).code
    seccomp.install(machine, seccomp.program(machine, os.getpid(), code=code or gpu, devices=gpu))
