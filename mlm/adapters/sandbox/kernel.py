"""System calls that Python's standard library lacks, by libc's `syscall`. Linux only."""

from __future__ import annotations

import ctypes
import os
from functools import cache
from typing import Any

PR_SET_PDEATHSIG = 1
PR_GET_SECCOMP = 21
PR_SET_NO_NEW_PRIVS = 38
CAPSET = {"x86_64": 126, "aarch64": 91}
_CAPABILITY_VERSION_3 = 0x20080522


@cache
def libc() -> ctypes.CDLL:
    """The C library, its functions returning longs."""
    library = ctypes.CDLL(None, use_errno=True)
    library.syscall.restype = ctypes.c_long
    return library


def call(number: int, *args: Any) -> int:
    """One system call; a refusal raises OSError. Integers are passed as longs."""
    words = [ctypes.c_long(arg) if isinstance(arg, int) else arg for arg in args]
    result = int(libc().syscall(ctypes.c_long(number), *words))
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def prctl(option: int, value: int = 0) -> int:
    """prctl(2); a refusal raises OSError."""
    result = int(libc().prctl(option, ctypes.c_ulong(value), *[ctypes.c_ulong(0)] * 3))
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def drop_privileges(machine: str) -> None:
    """Gain nothing by exec, and give up every capability: root then is an ordinary user with root's files."""
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    none = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable, for two words of capabilities
    call(CAPSET[machine], ctypes.byref(header), ctypes.byref(none))


def threads(pid: str = "self") -> int:
    """How many threads a process has; raises OSError when it is gone."""
    with open(f"/proc/{pid}/stat", "rb") as file:
        return int(file.read().rpartition(b")")[2].split()[17])
