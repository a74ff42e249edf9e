"""Run mlm commands, each in a forked process of its own, and kill them by SIGKILL after a time or at a step.

One JSON object a line on stdin: {"args": […], "cwd": PATH, "after": SECONDS or null, "step": NUMBER or null}; one line
back: {"code", "out", "seconds", "steps", "first"} (seconds until the first step). Forking saves the seconds in which
Python loads mlm; what runs, dies and leaves its files is a real process. A step is a name that comes, goes or changes
in the file system.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
import time
from contextlib import redirect_stdout
from importlib import import_module
from io import StringIO
from typing import Any

NOW = 1 << 33  # seconds: a clock that makes commits repeatable, and everything on this disk old
STEPS = ("os.rename", "os.remove", "os.mkdir", "os.rmdir")
# Everything that a command imports, so that a kill meets it at work and not while it loads.
MODULES = """
mlm.cli.app mlm.cli.repo mlm.cli.history mlm.cli.upkeep mlm.cli.execute mlm.cli.wiring mlm.adapters.repo
mlm.adapters.journal mlm.adapters.system mlm.adapters.files mlm.adapters.blocks.collect mlm.adapters.blocks.examine
mlm.workflows.add mlm.workflows.commit mlm.workflows.checkout mlm.workflows.branch mlm.workflows.tag mlm.workflows.rm
mlm.cli.merge mlm.workflows.merge
mlm.workflows.restore mlm.workflows.gc mlm.workflows.fsck mlm.workflows.status mlm.workflows.log rich.console rich.table
"""


def child(order: dict[str, Any], out: int, steps: int) -> None:
    """The command; never returns."""
    os.dup2(out, 1)
    os.dup2(out, 2)
    os.chdir(order["cwd"])
    os.environ["PWD"] = order["cwd"]
    seen, first = 0, 0.0

    def count(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal seen, first
        if event in STEPS:
            seen += 1
            first = first or time.perf_counter()
            os.pwrite(steps, b"%d %f" % (seen, first), 0)
            if seen == order["step"]:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)
    from mlm.cli.app import main

    main(order["args"])


def run(order: dict[str, Any]) -> dict[str, Any]:
    """Fork, wait, kill; what came of it."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as steps:
        started = time.perf_counter()
        pid = os.fork()
        if pid == 0:
            try:
                child(order, out.fileno(), steps.fileno())
            finally:  # SystemExit is how a command ends; nothing of the driver may run on in the child
                error = sys.exc_info()[1]
                code = error.code if isinstance(error, SystemExit) else 99
                import atexit

                atexit._run_exitfuncs()
                sys.stdout.flush()
                os._exit(int(code or 0))
        if order["after"] is not None:
            time.sleep(order["after"])
            os.kill(pid, signal.SIGKILL)  # not waited for yet, so the number is still its own
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        seconds = time.perf_counter() - started
        out.seek(0)
        steps.seek(0)
        count, _, first = steps.read().partition(b" ")
        return {
            "code": code,
            "out": out.read().decode(errors="replace"),
            "seconds": seconds,
            "steps": int(count or 0),
            "first": float(first or started) - started,
        }


def _build() -> None:
    """The command tree, made once: to make it takes longer than most commands do, and no file is touched by it."""
    from mlm.cli import app

    made, root = {name: app.load(name) for name in app.COMMANDS if app.COMMANDS[name].panel == app.LOCAL}, app.root()
    app.load = made.__getitem__  # type: ignore[method-assign,assignment]
    app.root = lambda: root  # type: ignore[assignment]
    try:
        with redirect_stdout(StringIO()):
            app.main(["status", "--json"])  # outside a project: what the parser loads when it is first used
    except SystemExit as end:
        assert end.code == 12


def serve() -> None:
    """Take orders until stdin ends."""
    for name in MODULES.split():
        import_module(name)
    from mlm.adapters.system import OsSystem

    OsSystem.now = lambda self: NOW  # type: ignore[method-assign]
    _build()
    for line in sys.stdin:
        answer = json.dumps(run(json.loads(line)))
        sys.__stdout__.write(answer + "\n")  # type: ignore[union-attr]
        sys.__stdout__.flush()  # type: ignore[union-attr]


if __name__ == "__main__":
    serve()
