"""Commands that die (killer.py), each in a process forked from one that has already loaded mlm: both ends of it.

To load mlm takes longer than most commands do. What runs, is killed and leaves its files is a process of its own, with
its own environment, working folder and streams, and it ends as any other. It shares with its siblings what was there
before the fork: loaded modules, the command tree, the seed of Python's hashes. No thread is running then (held before
each fork), nothing is connected, and no file is open but the streams.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from tempfile import TemporaryDirectory
from typing import Any

from tests.command_line import ROOT, Person, Ran
from tests.e2e import killer

PACKAGES = ("mlm.cli", "mlm.workflows", "mlm.adapters")
LIBRARIES = ("numpy", "duckdb", "coincurve", "orjson", "Crypto.Hash.keccak", "rich.console", "rich.table")
SECONDS = 120  # that a command may take
AFRESH = (3, "before")  # this kill, which every operation has, meets a process that loads everything itself


class Warm:
    """The tests' end: a server for a file of tests."""

    def __init__(self) -> None:
        self._folder = TemporaryDirectory(prefix="mlm-warm-")
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
        self._server = subprocess.Popen(
            [sys.executable, "-P", "-m", "tests.e2e.warm"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**kept, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"},  # OpenBLAS starts threads when loaded
        )

    def killed(self, person: Person, at: int, when: str, *arguments: str) -> Ran:
        """As `Person.killed`: in a forked process, but AFRESH."""
        if (at, when) == AFRESH:
            return person.killed(at, when, *arguments)
        assert self._server.stdin is not None and self._server.stdout is not None
        out, err = Path(self._folder.name, "out"), Path(self._folder.name, "err")
        order = {
            "at": at,
            "when": when,
            "args": arguments,
            "cwd": str(person.folder),
            "env": {**person.environment, "PYTHONPATH": str(ROOT)},
            "streams": [os.devnull, str(out), str(err)],
        }
        self._server.stdin.write(json.dumps(order) + "\n")
        self._server.stdin.flush()
        answer = self._server.stdout.readline()
        assert answer, f"the server of forked commands has ended: {self._server.wait(10)}"
        return Ran(arguments, int(answer), out.read_text(), err.read_text())

    def close(self) -> None:
        """End the server, which has no children then."""
        assert self._server.stdin is not None and self._server.stdout is not None
        self._server.stdin.close()
        self._server.stdout.close()
        self._server.wait(10)
        self._folder.cleanup()


# The server's end


def become(order: dict[str, Any]) -> None:
    """In the child: the streams, environment and folder of a command of its own, and an end that it cannot pass."""
    flags = (os.O_RDONLY, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for number, (path, flag) in enumerate(zip(order["streams"], flags, strict=True)):
        opened = os.open(path, flag, 0o600)
        os.dup2(opened, number)
        os.close(opened)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115 - without what the server has read ahead
    os.environ.clear()
    os.environ.update(order["env"])
    os.chdir(order["cwd"])
    signal.alarm(SECONDS)


def load() -> None:
    """Import what commands import, and make their tree."""
    for package in PACKAGES:
        for module in walk_packages(import_module(package).__path__, f"{package}."):
            import_module(module.name)
    for library in LIBRARIES:
        import_module(library)
    from mlm.cli import app

    for name in app.COMMANDS:
        app.load(name)
    app.root()


def serve() -> None:
    """Take orders until stdin ends, one JSON object a line; answer each with the exit code of its command."""
    load()
    threads = Path("/proc/self/task")
    for line in sys.stdin:
        order = json.loads(line)
        assert not threads.exists() or len(list(threads.iterdir())) == 1, "a thread is running"
        child = os.fork()
        if child == 0:
            become(order)
            killer.run(order["at"], order["when"], order["args"])
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


if __name__ == "__main__":
    serve()
