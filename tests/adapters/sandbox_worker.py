"""A worker of mlm.adapters.confine that has been taken over: each step mounts one attack, as hostile code would.

It answers {"got": what it got} or {"refused": the error}. All it needs is imported before the process is sealed.
"""

from __future__ import annotations

import _ctypes
import ctypes
import errno
import mmap
import os
import platform
import shutil
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Any

from mlm.adapters import confine
from mlm.adapters.confine import Answer, Request

LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.syscall.restype = ctypes.c_long
X86 = platform.machine() == "x86_64"
# Calls that change or see more than this process: number on x86-64, on 64-bit ARM, arguments.
CALLS: dict[str, tuple[int, int, tuple[int, ...]]] = {
    "mount": (165, 40, (0, 0, 0, 0, 0)),
    "unshare": (272, 97, (0x10000000,)),  # CLONE_NEWUSER
    "setns": (308, 268, (0, 0)),
    "keyctl": (250, 219, (0, -3, 1)),  # the id of the session's keyring
    "bpf": (321, 280, (0, 0, 0)),
    "userfaultfd": (323, 282, (1,)),
    "io_uring_setup": (425, 425, (8, 0)),
    "perf_event_open": (298, 241, (0, 0, -1, -1, 0)),
    "memfd_create": (319, 279, (0, 0)),
    "setsid": (112, 157, ()),
    "personality": (135, 92, (0x0400000,)),  # READ_IMPLIES_EXEC
    "pidfd_open": (434, 434, (1, 0)),
    "seccomp": (317, 277, (1, 0, 0)),
    "umask": (95, 166, (0,)),
}


def call(number: int, *args: Any) -> int:
    """One system call, as assembler would make it."""
    result = int(LIBC.syscall(ctypes.c_long(number), *[ctypes.c_long(a) if isinstance(a, int) else a for a in args]))
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def system_call(request: Request) -> Any:
    x86, arm, args = CALLS[request["name"]]
    return call(x86 if X86 else arm, *args)


def read(request: Request) -> Any:
    return Path(request["path"]).read_text()


def listing(request: Request) -> Any:
    return os.listdir(request["path"])


def stat(request: Request) -> Any:
    return os.stat(request["path"]).st_size


def write(request: Request) -> Any:
    return Path(request["path"]).write_text("overwritten")


def create(request: Request) -> Any:
    return (Path(request["path"]).parent / "created").write_text("")


CHANGES = {
    "chmod": lambda path: os.chmod(path, 0o777),
    "utime": lambda path: os.utime(path, (0, 0)),
    "truncate": lambda path: os.truncate(path, 0),
    "unlink": os.unlink,
    "rename": lambda path: os.rename(path, f"{path}.moved"),
    "link": lambda path: os.link(path, "linked"),
    "symlink": lambda path: os.symlink(path, "linked"),
    "mkdir": lambda path: os.mkdir(f"{path}.folder"),
    "fifo": lambda path: os.mkfifo("fifo"),
    "mount point": lambda path: os.chroot(os.path.dirname(path)),
}


def change(request: Request) -> Any:
    CHANGES[request["name"]](request["path"])
    return "changed"


def connect(request: Request) -> Any:
    family, kind, address = request["family"], request["kind"], request["address"]
    with socket.socket(family, kind) as client:
        client.settimeout(2)
        client.connect(tuple(address) if isinstance(address, list) else address)
        return client.send(b"stolen")


def listen(request: Request) -> Any:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def datagram_pair(request: Request) -> Any:
    """A pair needs no address; its ends of datagrams could be sent to one all the same."""
    one, _ = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    return one.sendto(b"stolen", request["address"])


def stream_pair(request: Request) -> Any:
    one, _ = socket.socketpair()
    return one.sendto(b"stolen", request["address"])


def fork(request: Request) -> Any:
    pid = os.fork()
    if not pid:
        os._exit(0)
    return os.waitpid(pid, 0)[1]


def fork_bomb(request: Request) -> Any:
    """Every way of making a process, again and again; one fork where nothing stops it (vfork by ctypes would crash)."""
    made, last = 0, 0
    every = (57, 58, 56, 435) if X86 else (220, 435)
    for number in every if request["many"] else every[:1]:
        for _ in range(200 if request["many"] else 1):
            pid = int(LIBC.syscall(ctypes.c_long(number), *[ctypes.c_long(17 if number in (56, 220) else 0)] * 2))
            if pid == 0:
                LIBC._exit(0)
            made, last = made + (pid > 0), last if pid > 0 else ctypes.get_errno()
    if not made:
        raise OSError(last, "no process was made")
    return made


def thread_bomb(request: Request) -> Any:
    threading.stack_size(64 << 10)
    for _ in range(20_000):
        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
    return "20,000 threads"


def execute(request: Request) -> Any:
    os.execv("/bin/sh", ["sh", "-c", 'echo \'{"got": "a shell"}\' > response.json'])


def spawn(request: Request) -> Any:
    return os.posix_spawn(sys.executable, [sys.executable, "-c", ""], {})


def one_file(request: Request) -> Any:
    with open("filler", "wb") as file:
        while True:
            file.write(bytes(1 << 16))


def many_files(request: Request) -> Any:
    for number in range(100_000):
        Path(f"filler-{number}").write_bytes(bytes(request["bytes"]))
        time.sleep(request["pause"])
    return "all of them"


def hidden_file(request: Request) -> Any:
    """Disk that no folder shows."""
    with open("hidden", "wb") as file:
        os.unlink("hidden")
        return file.write(bytes(1 << 16))


def nameless_file(request: Request) -> Any:
    return os.open(".", os.O_TMPFILE | os.O_WRONLY)


def closed_folder(request: Request) -> Any:
    return os.mkdir("closed", 0o300)


def large_file_anywhere(request: Request) -> Any:
    """Memory that is a file: a bound of the address space does not count it."""
    for folder in ("/dev/shm", "/tmp", "/run", "/", "/var/tmp"):
        try:
            path = Path(folder, f"mlm-test-{os.getpid()}")
            path.write_bytes(b"x")
            return str(path)
        except OSError:
            continue
    raise OSError(errno.EACCES, "nowhere")


def memory(request: Request) -> Any:
    kept = []
    while True:
        kept.append(bytearray(32 << 20))


def send_signal(request: Request) -> Any:
    os.kill(request["pid"], 0)
    return "it could be ended"


def own_signal(request: Request) -> Any:
    """By way of a pipe whose reader is told: no call of kill."""
    import fcntl

    reader, _ = os.pipe()
    return fcntl.fcntl(reader, 8, request["pid"])  # F_SETOWN


def trace(request: Request) -> Any:
    pid = request["pid"]
    call(101 if X86 else 117, 0x4206, pid, 0, 0)  # PTRACE_SEIZE
    return "attached"


def read_memory(request: Request) -> Any:
    """The other process's memory, at an address that both have."""
    buffer = ctypes.create_string_buffer(8)
    pair = (ctypes.c_size_t * 2)(ctypes.addressof(buffer), 8)
    there = (ctypes.c_size_t * 2)(request["address"], 8)
    return call(310 if X86 else 270, request["pid"], pair, 1, there, 1, 0)


def limit_other(request: Request) -> Any:
    limit = (ctypes.c_uint64 * 2)(1 << 62, 1 << 62)
    return call(302 if X86 else 261, request["pid"], 4, None, ctypes.byref(limit))  # RLIMIT_CORE, read


def pin_other(request: Request) -> Any:
    os.sched_setaffinity(request["pid"], os.sched_getaffinity(0))
    return "pinned"


def environment(request: Request) -> Any:
    return Path(f"/proc/{request['pid']}/environ").read_text()


def load_library(request: Request) -> Any:
    shutil.copyfile(_ctypes.__file__, "evil.so")
    return str(ctypes.CDLL(os.path.abspath("evil.so")))


def custom_operators(request: Request) -> Any:
    import onnxruntime

    shutil.copyfile(_ctypes.__file__, "evil.so")
    try:
        onnxruntime.SessionOptions().register_custom_ops_library(os.path.abspath("evil.so"))
    except Exception as error:
        raise OSError(errno.EPERM, str(error)) from error


def external_data(request: Request) -> Any:
    """The model as a file, so that ONNX Runtime follows its paths; mlm never gives it one."""
    import onnxruntime

    try:
        session = onnxruntime.InferenceSession("model.onnx", providers=["CPUExecutionProvider"])
        return bytes(session.run(None, {})[0]).decode("latin1")
    except Exception as error:
        raise OSError(errno.EACCES, str(error)) from error


def machine_code(request: Request) -> Any:
    return len(mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC))


def make_executable(request: Request) -> Any:
    page = mmap.mmap(-1, 4096)
    address = ctypes.addressof(ctypes.c_char.from_buffer(page))
    if LIBC.mprotect(ctypes.c_void_p(address), ctypes.c_size_t(4096), 5):
        raise OSError(ctypes.get_errno(), "mprotect")
    return "executable"


def sleep(request: Request) -> Any:
    Path("asleep").touch()
    time.sleep(60)


ATTACKS = {
    name: attack
    for name, attack in globals().items()
    if callable(attack) and getattr(attack, "__module__", "") == __name__ and name not in ("call", "answer")
}


def answer(step: str, request: Request) -> Answer:
    """What the attack got, or what refused it."""
    try:
        return {"got": ATTACKS[step](request)}
    except OSError as error:
        return {"refused": f"{errno.errorcode.get(error.errno or 0, '?')}: {error}"}


if __name__ == "__main__":
    using = ("custom_operators", "external_data")
    confine.serve(answer, modules=lambda step: ("fcntl", *(("onnxruntime",) if step in using else ())))
