"""Numbers of the system calls that a confined child may make: x86-64's, then those of 64-bit ARM (None: it has none).

From the kernel's asm/unistd_64.h and asm-generic/unistd.h; a test compares them with the headers where there are some.
"""

from __future__ import annotations

# machine -> (column of the tables below, AUDIT_ARCH of linux/audit.h)
ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}

Numbers = tuple[int | None, int | None]

# Allowed whatever their arguments: files already open or that Landlock lets be opened, memory, threads' waiting, time.
# fmt: off
PLAIN: dict[str, Numbers] = {
    "read": (0, 63), "write": (1, 64), "pread64": (17, 67), "pwrite64": (18, 68), "readv": (19, 65),
    "writev": (20, 66), "preadv": (295, 69), "pwritev": (296, 70), "lseek": (8, 62), "close": (3, 57),
    "fstat": (5, 80), "newfstatat": (262, 79), "stat": (4, None), "lstat": (6, None), "statx": (332, 291),
    "access": (21, None), "faccessat": (269, 48), "faccessat2": (439, 439), "readlink": (89, None),
    "readlinkat": (267, 78), "getdents64": (217, 61), "getcwd": (79, 17), "statfs": (137, 43), "fstatfs": (138, 44),
    "ftruncate": (77, 46), "fallocate": (285, 47), "fsync": (74, 82), "fdatasync": (75, 83), "fadvise64": (221, 223),
    "dup": (32, 23), "dup2": (33, None), "dup3": (292, 24),
    "flock": (73, 32), "pipe": (22, None), "pipe2": (293, 59), "eventfd2": (290, 19),
    "poll": (7, None), "ppoll": (271, 73), "select": (23, None), "pselect6": (270, 72), "epoll_create1": (291, 20),
    "epoll_ctl": (233, 21), "epoll_wait": (232, None), "epoll_pwait": (281, 22), "sendfile": (40, 71),
    "copy_file_range": (326, 285), "munmap": (11, 215), "mremap": (25, 216), "madvise": (28, 233), "brk": (12, 214),
    "mincore": (27, 232), "msync": (26, 227), "membarrier": (324, 283), "futex": (202, 98),
    "set_robust_list": (273, 99), "rseq": (334, 293), "set_tid_address": (218, 96), "gettid": (186, 178),
    "getpid": (39, 172), "getppid": (110, 173), "sched_yield": (24, 124), "sched_getaffinity": (204, 123),
    "sched_getparam": (143, 121), "sched_getscheduler": (145, 120), "sched_get_priority_max": (146, 125),
    "sched_get_priority_min": (147, 126), "getcpu": (309, 168), "get_mempolicy": (239, 236),
    "clock_gettime": (228, 113), "clock_getres": (229, 114), "clock_nanosleep": (230, 115), "nanosleep": (35, 101),
    "gettimeofday": (96, 169), "time": (201, None), "times": (100, 153), "getrusage": (98, 165),
    "rt_sigaction": (13, 134), "rt_sigprocmask": (14, 135), "rt_sigreturn": (15, 139), "rt_sigpending": (127, 136),
    "sigaltstack": (131, 132), "getrandom": (318, 278), "uname": (63, 160), "sysinfo": (99, 179),
    "getuid": (102, 174), "geteuid": (107, 175), "getgid": (104, 176), "getegid": (108, 177), "getrlimit": (97, 163),
    "exit": (60, 93), "exit_group": (231, 94), "restart_syscall": (219, 128), "arch_prctl": (158, None),
    "alarm": (37, None),
}

# Allowed, or asked for, by their arguments.
CONDITIONAL: dict[str, Numbers] = {
    "open": (2, None), "openat": (257, 56), "fcntl": (72, 25), "ioctl": (16, 29), "clone": (56, 220),
    "clone3": (435, 435), "openat2": (437, 437), "mmap": (9, 222), "mprotect": (10, 226), "prlimit64": (302, 261),
    "mkdir": (83, None), "mkdirat": (258, 34),
    "socketpair": (53, 199), "sendto": (44, 206), "recvfrom": (45, 207),
    "prctl": (157, 167), "tgkill": (234, 131), "kill": (62, 129), "sched_setaffinity": (203, 122),
    "seccomp": (317, 277), "setitimer": (38, 103),
}
# fmt: on
