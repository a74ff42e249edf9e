"""seccomp: which system calls a confined child may make, as a program for the kernel's BPF machine (Linux).

A list of what is allowed, not of what is forbidden: a call that is not named here, or that Linux gets tomorrow, fails.
`program` is pure; `install` binds every thread of this process, for good.
"""

from __future__ import annotations

import ctypes
import errno
import os

from mlm.adapters.sandbox import kernel
from mlm.adapters.sandbox.syscalls import ARCHITECTURES, CONDITIONAL, PLAIN

Instruction = tuple[int, int, int, int]  # code, jump if true, jump if false, operand (linux/filter.h)

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCHITECTURE = 0, 4  # offsets in struct seccomp_data; arguments follow from 16, eight bytes each
_KILL, _ALLOW, _ERRNO = 0x80000000, 0x7FFF0000, 0x00050000
_X32 = 0x40000000  # calls of x86-64's second ABI have this bit
_NEWEST = 462  # the newest call that these tables were made from: what came later is unknown to a library too
_SET_FILTER, _ALL_THREADS = 1, 1

_EXECUTABLE = 0x4  # PROT_EXEC
_TMPFILE = 0o20000000  # O_TMPFILE's own bit: such a file is disk that no folder shows
_OWNERS_RIGHTS = (0o400, 0o200, 0o100)  # of a folder: its owner can look into it, and remove it
_CLONE_THREAD = 0x00010000
_CLONE_NAMESPACES = 0x7E020080  # NEWTIME, NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET
# F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL, locks of records, F_DUPFD_CLOEXEC: not F_SETOWN and F_SETSIG, which send
# signals to others, and not F_SETPIPE_SZ.
_FCNTL = (0, 1, 2, 3, 4, 5, 6, 7, 36, 37, 38, 1030)
_IOCTL = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)  # TCGETS TIOCGWINSZ FIONREAD FIONBIO FIONCLEX FIOCLEX
_AF_UNIX, _STREAMS = 1, (0x1, 0x801, 0x80001, 0x80801)  # SOCK_STREAM, with SOCK_NONBLOCK, SOCK_CLOEXEC, or both
_ITIMER_REAL = 0
_PRCTL = (3, 15, 16, 0x53564D41)  # PR_GET_DUMPABLE, PR_SET_NAME, PR_GET_NAME, PR_SET_VMA


def program(machine: str, pid: int, *, code: bool = False, devices: bool = False) -> list[Instruction]:
    """The filter for a process `pid` of an architecture. `code` lets memory become executable, `devices` any ioctl.

    Raises KeyError for an architecture that has no table.
    """
    column, audit = ARCHITECTURES[machine]
    refuse, unknown = _ERRNO | errno.EPERM, _ERRNO | errno.ENOSYS
    allow = [_returns(_ALLOW)]
    rules = dict.fromkeys(PLAIN, allow)
    own = _only(0, (pid,))
    rules |= {
        "clone": [
            _argument(0),
            _jump(_ANY_BIT, _CLONE_THREAD, 1, 0),
            _returns(refuse),
            *_without(0, _CLONE_NAMESPACES),
        ],
        "open": _without(1, _TMPFILE),
        "openat": _without(2, _TMPFILE),
        "fcntl": _only(1, _FCNTL),
        "ioctl": allow if devices else _only(1, _IOCTL),
        "mmap": allow if code else _without(2, _EXECUTABLE),
        "mprotect": allow if code else _without(2, _EXECUTABLE),
        # Limits may be read, of this process: not set, and not those of others.
        "prlimit64": [*_zero(0), *_null(2), _returns(_ALLOW)],
        # What asyncio wakes itself with: two ends of one stream, which reach nothing else.
        "socketpair": [_argument(0), _jump(_EQUAL, _AF_UNIX, 1, 0), _returns(refuse), *_only(1, _STREAMS)],
        "sendto": [*_null(4), _returns(_ALLOW)],
        "recvfrom": allow,
        "mkdir": _with(1, _OWNERS_RIGHTS),
        "mkdirat": _with(2, _OWNERS_RIGHTS),
        "prctl": _only(0, _PRCTL),
        "kill": own,
        "tgkill": own,
        "sched_setaffinity": _only(0, (0,)),
        "setitimer": _only(0, (_ITIMER_REAL,)),  # alarm(3), where there is no such call: a child's own limit of time
        # Their arguments lie in memory, where no filter sees them; libc then takes clone and openat.
        "clone3": [_returns(unknown)],
        "openat2": [_returns(unknown)],
    }
    made = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        _jump(_EQUAL, audit, 1, 0),
        _returns(_KILL),
        (_LOAD, 0, 0, _NUMBER),
        _jump(_AT_LEAST, _X32, 0, 1),
        _returns(refuse),
        _jump(_AT_LEAST, _NEWEST + 1, 0, 1),
        _returns(unknown),
    ]
    for name, block in rules.items():
        number = (PLAIN | CONDITIONAL)[name][column]
        if number is not None:  # every block returns
            made += [_jump(_EQUAL, number, 0, len(block)), *block]
    return [*made, _returns(refuse)]


def install(machine: str, instructions: list[Instruction]) -> None:
    """Bind every thread of this process; raises OSError where the kernel refuses."""

    class Filter(ctypes.Structure):
        _fields_ = [("code", ctypes.c_uint16), ("jt", ctypes.c_uint8), ("jf", ctypes.c_uint8), ("k", ctypes.c_uint32)]

    class Program(ctypes.Structure):
        _fields_ = [("length", ctypes.c_uint16), ("filter", ctypes.POINTER(Filter))]

    filters = (Filter * len(instructions))(*(Filter(*instruction) for instruction in instructions))
    given = Program(len(instructions), filters)
    column, _ = ARCHITECTURES[machine]
    number = CONDITIONAL["seccomp"][column]
    assert number is not None, "every architecture has seccomp"
    unbound = kernel.call(number, _SET_FILTER, _ALL_THREADS, ctypes.byref(given))
    if unbound:
        raise OSError(errno.ESRCH, f"thread {unbound} of process {os.getpid()} could not be bound")


def available(machine: str) -> bool:
    """Whether the kernel has seccomp, and these tables this architecture."""
    try:
        return machine in ARCHITECTURES and kernel.prctl(kernel.PR_GET_SECCOMP) >= 0
    except OSError:
        return False


def _returns(value: int) -> Instruction:
    return (_RETURN, 0, 0, value)


def _jump(code: int, value: int, true: int, false: int) -> Instruction:
    return (code, true, false, value)


def _argument(index: int, *, high: bool = False) -> Instruction:
    """Load half of an argument: both architectures put the lower half first."""
    return (_LOAD, 0, 0, 16 + 8 * index + 4 * high)


def _only(index: int, values: tuple[int, ...]) -> list[Instruction]:
    """Allow when the argument, of 32 bits, is one of these."""
    tests = [_jump(_EQUAL, value, len(values) - at, 0) for at, value in enumerate(values)]
    return [_argument(index), *tests, _returns(_ERRNO | errno.EPERM), _returns(_ALLOW)]


def _without(index: int, bits: int) -> list[Instruction]:
    """Allow when the argument has none of these bits."""
    return [_argument(index), _jump(_ANY_BIT, bits, 0, 1), _returns(_ERRNO | errno.EPERM), _returns(_ALLOW)]


def _zero(index: int, *, high: bool = False) -> list[Instruction]:
    """Go on when this half of an argument is zero."""
    return [_argument(index, high=high), _jump(_EQUAL, 0, 1, 0), _returns(_ERRNO | errno.EPERM)]


def _null(index: int) -> list[Instruction]:
    """Go on when an argument, a pointer, is null."""
    return [*_zero(index), *_zero(index, high=True)]


def _with(index: int, bits: tuple[int, ...]) -> list[Instruction]:
    """Allow when the argument has each of these bits."""
    tests = [_jump(_ANY_BIT, bit, 0, len(bits) - at) for at, bit in enumerate(bits)]
    return [_argument(index), *tests, _returns(_ALLOW), _returns(_ERRNO | errno.EPERM)]
