"""Landlock: this process, and every thread it will have, opens no file but these (Linux 5.13 and newer).

Constants: the kernel's include/uapi/linux/landlock.h, explained in its Documentation/userspace-api/landlock.rst.
"""

from __future__ import annotations

import ctypes
import os
import stat
from collections.abc import Iterable

from mlm.adapters.sandbox import kernel
from mlm.adapters.sandbox.policy import PLAIN_DEVICES, Policy

_CREATE, _ADD, _RESTRICT = 444, 445, 446  # the same numbers on every architecture
_VERSION_FLAG, _PATH_BENEATH = 1, 1

WRITE_FILE, READ_FILE, READ_DIR = 1 << 1, 1 << 2, 1 << 3
MAKE_DIR, MAKE_REG = 1 << 7, 1 << 8
TRUNCATE, IOCTL_DEV = 1 << 14, 1 << 15
_OF_A_FILE = 1 << 0 | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV  # the rest are rights of folders

# ABI version -> the rights of files that it knows. 2 added links and renames across folders, 3 truncation, 5 ioctl.
_FILE_RIGHTS = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1, 5: (1 << 16) - 1}
_NET, _NET_ABI = 0b11, 4  # bind and connect by TCP
_SCOPES, _SCOPES_ABI = 0b11, 6  # abstract UNIX sockets, signals

# EXECUTE is given for nothing, and nothing can be removed: an unlinked file that is still open is disk nobody sees.
_READ = READ_FILE | READ_DIR
_WRITE = _READ | WRITE_FILE | MAKE_DIR | MAKE_REG | TRUNCATE
_DEVICE = READ_FILE | WRITE_FILE | READ_DIR | IOCTL_DEV

_held: list[int] = []


class _Ruleset(ctypes.Structure):
    _fields_ = [("fs", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64)]


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _layout_ = "ms"
    _fields_ = [("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32)]


def abi() -> int:
    """The version of Landlock's ABI that the kernel offers; 0 when it has none, or it is switched off."""
    try:
        return kernel.call(_CREATE, None, 0, _VERSION_FLAG)
    except (OSError, AttributeError):
        return 0


def restrict(policy: Policy, found: int) -> None:
    """Leave this process no more than the policy, by what ABI `found` has.

    It must have one thread, since others would go free. Raises OSError where the kernel refuses.
    """
    if kernel.threads() != 1:
        raise OSError("Landlock would not bind the threads that run already")
    handled = _FILE_RIGHTS[max(1, min(found, 5))]
    rules = _Ruleset(handled, _NET if found >= _NET_ABI else 0, _SCOPES if found >= _SCOPES_ABI else 0)
    ruleset = kernel.call(_CREATE, ctypes.byref(rules), ctypes.sizeof(rules), 0)
    try:
        for paths, rights in (
            (policy.readable, _READ),
            (policy.writable, _WRITE),
            ((*PLAIN_DEVICES, *policy.devices), _DEVICE),
        ):
            for handle in _allow(ruleset, paths, rights & handled):
                os.close(handle)
        # Held open for good: a forgotten entry of /proc would come back as another file, which no rule names.
        own = ("/proc/self",) if policy.devices else ("/proc/self/cgroup",)
        _held.extend(_allow(ruleset, own, _READ & handled))
        kernel.call(_RESTRICT, ruleset, 0)
    finally:
        os.close(ruleset)


def _allow(ruleset: int, paths: Iterable[str], rights: int) -> list[int]:
    """Add a rule for each path that exists; returns the handles, still open."""
    handles = []
    for path in paths:
        try:
            handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except FileNotFoundError:  # then there is nothing to allow
            continue
        handles.append(handle)
        folder = stat.S_ISDIR(os.fstat(handle).st_mode)
        rule = _PathBeneath(rights if folder else rights & _OF_A_FILE, handle)
        kernel.call(_ADD, ruleset, _PATH_BENEATH, ctypes.byref(rule), 0)
    return handles
