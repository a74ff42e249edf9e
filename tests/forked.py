"""`python -m mlm` in processes that are forked from one that has already loaded mlm: both ends of it.

To load mlm takes a third of a second of a processor, longer than most commands do, and tests start hundreds. What runs
here, is interrupted, killed and leaves its files is a process of its own: with its own arguments, environment, working
folder and streams, and it ends as Python ends any other. It shares with its siblings what was there before the fork:
loaded modules, the seed of Python's hashes. No thread is running then (held before each fork), and no
file is open but the streams. What a command loads, and how it starts, is for tests that start Python themselves.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from importlib import import_module
from io import StringIO
from pathlib import Path
from pkgutil import walk_packages
from typing import Any, NoReturn

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("mlm.cli", "mlm.workflows", "mlm.adapters")
LIBRARIES = ("numpy", "duckdb", "coincurve", "orjson", "sha3", "rich.console", "rich.table")
READ_AT_START = ("PYTHON", "LC_", "LANG", "TZ", "OPENBLAS")  # by Python and libraries: each set has its own server
_ORDER = 1 << 20  # bytes at most


class Popen(subprocess.Popen[str]):
    """A forked command, as subprocess.Popen gives it: `mlm` and these words, with text streams.

    `killer` has it die around its n-th event (tests/e2e/killer.py): (n, "before" or "after").
    """

    def __init__(
        self,
        words: Sequence[str],
        *,
        cwd: Path,
        env: Mapping[str, str],
        killer: tuple[int, str] | None = None,
        stdin: Any = subprocess.DEVNULL,
        stdout: Any = subprocess.PIPE,
        stderr: Any = subprocess.PIPE,
    ) -> None:
        self._early = {name: value for name, value in env.items() if name.startswith(READ_AT_START)}
        self._order: dict[str, Any] = {
            "words": [_bytes(word) for word in words],
            "cwd": _bytes(str(cwd)),
            "env": {_bytes(name): _bytes(value) for name, value in env.items()},
            "killer": killer,
        }
        self._status, self._read = -1, b""
        command = [sys.executable, "-m", "mlm", *words]
        super().__init__(command, stdin=stdin, stdout=stdout, stderr=stderr, text=True)

    def _execute_child(self, *given: Any) -> None:
        """Instead of fork and exec; `given` has at 10 to 15 the ends of the pipes for stdin, stdout and stderr."""
        pipes = given[10:16]
        ends = [end if end >= 0 else number for number, end in enumerate((pipes[0], pipes[3], pipes[5]))]
        self._status, there = os.pipe()
        try:
            server(self._early).send(self._order, [*ends, there])
        finally:
            os.close(there)
        self._close_pipe_fds(*pipes)  # type: ignore[attr-defined]
        while b"\n" not in self._read:
            part = os.read(self._status, 64)
            assert part, "the server of forked commands has ended"
            self._read += part
        pid, _, self._read = self._read.partition(b"\n")
        self.pid = int(pid)
        self._child_created = True
        os.set_blocking(self._status, False)

    def _try_wait(self, wait_flags: int) -> tuple[int, int]:
        """As waitpid: (0, 0) while it runs. The server has waited for it, and says what came of it."""
        os.set_blocking(self._status, not wait_flags & os.WNOHANG)
        try:
            while b"\n" not in self._read:
                part = os.read(self._status, 64)
                assert part, "who waited for a forked command was killed"
                self._read += part
        except BlockingIOError:
            return 0, 0
        os.close(self._status)
        return self.pid, int(self._read)

    def _internal_poll(self, *_: Any, **__: Any) -> int | None:
        if self.returncode is None and self._waitpid_lock.acquire(False):  # type: ignore[attr-defined]
            try:
                pid, status = self._try_wait(os.WNOHANG)
                if pid == self.pid:
                    self._handle_exitstatus(status)  # type: ignore[attr-defined]
            finally:
                self._waitpid_lock.release()  # type: ignore[attr-defined]
        return self.returncode


def run(
    words: Sequence[str], *, cwd: Path, env: Mapping[str, str], timeout: float, killer: tuple[int, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """As subprocess.run: `mlm` and these words, its streams captured, without a stdin."""
    with Popen(words, cwd=cwd, env=env, killer=killer) as process:
        try:
            out, err = process.communicate(timeout=timeout)
        except BaseException:
            process.kill()
            raise
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


class Server:
    """The tests' end of a server; it ends when this does."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._socket, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
        threads = {"OPENBLAS_NUM_THREADS": "1"}  # OpenBLAS starts threads when it is loaded
        with there:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "tests.forked", str(there.fileno())],
                cwd=ROOT,
                env={**kept, **threads, **environment, "PYTHONPATH": str(ROOT)},
                stdin=subprocess.DEVNULL,
                pass_fds=[there.fileno()],
            )

    def send(self, order: dict[str, Any], files: Sequence[int]) -> None:
        """Order a command, with the ends of its streams and of the pipe that tells what came of it."""
        socket.send_fds(self._socket, [json.dumps(order).encode()], list(files))

    def close(self) -> None:
        """End the server; commands that run still go on."""
        self._socket.close()
        self._process.wait(30)


_servers: dict[tuple[int, frozenset[tuple[str, str]]], Server] = {}


def server(early: Mapping[str, str]) -> Server:
    """This process's for commands that have these of READ_AT_START, started when it is first needed."""
    early = {name: value for name, value in early.items() if name != "PYTHONPATH"}
    key = os.getpid(), frozenset(early.items())
    if key not in _servers:
        _servers[key] = Server(early)
        atexit.register(_servers[key].close)
    return _servers[key]


def _bytes(text: str) -> str:
    """What the system is given for it, in JSON: the server may decode bytes in another way."""
    return os.fsencode(text).decode("latin-1")


# The server's end


def _text(text: str) -> str:
    return os.fsdecode(text.encode("latin-1"))


def load() -> None:
    """Import what commands import."""
    for package in PACKAGES:
        for module in walk_packages(import_module(package).__path__, f"{package}."):
            import_module(module.name)
    for library in LIBRARIES:
        import_module(library)
    from mlm.cli import app, context

    os.chdir("/")
    try:
        with redirect_stdout(StringIO()):
            app.main(["status", "--json"])  # outside a project: what the parser loads when it is first used
    except SystemExit as end:
        assert end.code == 12, end.code
    for made in (app.load, app.root, context.shared_options):
        made.cache_clear()  # a command's help depends on what else has been made of the tree


def become(order: dict[str, Any], files: Sequence[int]) -> None:
    """In the child: the streams, environment, folder and words of a command that Python has just been started for."""
    for number, file in enumerate(files):
        os.dup2(file, number)
        if file > 2:
            os.close(file)
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        former = getattr(sys, f"__{name}__")
        errors, buffered = former.errors, name == "stderr" or os.isatty(number)
        made = open(number, mode, encoding=former.encoding, errors=errors, closefd=False)  # noqa: SIM115
        made.reconfigure(line_buffering=buffered)
        setattr(sys, name, made)
        setattr(sys, f"__{name}__", made)
    os.environ.clear()
    os.environ.update({_text(name): _text(value) for name, value in order["env"].items()})
    os.chdir(_text(order["cwd"]))
    sys.argv = [str(ROOT / "mlm" / "__main__.py"), *map(_text, order["words"])]
    sys.path[0:0] = [_text(order["cwd"])]  # as `python -m` puts it
    tempfile.tempdir = None
    signal.signal(signal.SIGINT, signal.default_int_handler)


def command(order: dict[str, Any]) -> NoReturn:
    """Run it, and end as Python does, but without taking apart what the server has loaded, which takes as long."""
    from mlm.cli.app import main

    try:
        if order["killer"] is None:
            main()
        else:
            from tests.e2e import killer

            killer.run(*order["killer"], sys.argv[1:])
    except SystemExit as end:
        assert isinstance(end.code, int), end.code
        threading._shutdown()  # type: ignore[attr-defined]  # waits for threads that are no daemons
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(end.code)
    raise AssertionError("a command ends its process")


def attend(order: dict[str, Any], files: Sequence[int]) -> NoReturn:
    """Between server and command: fork it, tell its number, wait for it, and tell what it came to."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    *streams, told = files
    child = os.fork()
    if child == 0:
        os.close(told)
        become(order, streams)
        command(order)
    for file in streams:
        os.close(file)
    os.write(told, b"%d\n" % child)
    status = os.waitpid(child, 0)[1]
    try:
        os.write(told, b"%d\n" % status)
    except BrokenPipeError:
        pass  # nobody asks any more
    os._exit(0)


def serve(orders: socket.socket) -> NoReturn:
    """Take orders until the tests' end is closed."""
    load()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # who waits for a command is nobody's child to wait for
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C at the tests is theirs
    gc.collect()
    gc.freeze()  # a collection in a child looks at what is the child's: to look at the rest would copy it
    threads = Path("/proc/self/task")
    while True:
        message, files, _, _ = socket.recv_fds(orders, _ORDER, 4)
        if not message:
            os._exit(0)  # nothing is left to end
        assert not threads.exists() or len(list(threads.iterdir())) == 1, "a thread is running"
        if os.fork() == 0:
            orders.close()
            attend(json.loads(message), files)
        for file in files:
            os.close(file)


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
