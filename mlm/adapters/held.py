"""A confined child that stays for more than one task of a kind: what it has loaded is loaded once.

What takes it over with one task can spoil the next ones, and see them: it is held for one model only.
"""

from __future__ import annotations

import json
import select
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from mlm.adapters import confine
from mlm.adapters.confine import Answer, Limits, Request, Worker
from mlm.adapters.disk import storage_errors

if TYPE_CHECKING:
    from mlm.adapters.sandbox.launch import Child
    from mlm.adapters.sandbox.watch import Watch


class Held:
    """A child of `worker` in `folder`, which is its own; started with the first task. One thread at a time asks it.

    It ends at the latest with this process. After an error that is not the task's own it is `dead`.
    """

    def __init__(self, worker: Worker, what: str, folder: Path, limits: Limits) -> None:
        self.folder, self.dead = folder, False
        self._worker, self._what, self._limits = worker, what, limits
        self._child: Child | None = None
        self._socket: socket.socket
        self._log: BinaryIO
        self._watch: Watch
        self._started = 0.0

    def ask(self, step: str, request: Request) -> Answer:
        """Have it do a task, bounded as if it were its only one. Raises as `confine.ask` does."""
        try:
            self._send(step, request)
            self._wait()
        except BaseException:
            self.end()
            raise
        return confine.read_answer(self._worker, self._what, self.folder / "response.json")

    def end(self) -> None:
        """Kill it, if it runs."""
        self.dead = True
        if self._child is not None:
            self._child.end()
            self._child = None
            self._socket.close()
            self._log.close()

    def _send(self, step: str, request: Request) -> None:
        from mlm.adapters.sandbox.watch import Watch

        self._started = time.monotonic()
        if self._child is not None:
            with storage_errors("the child's folder cannot be written"):
                path = self.folder / "request.json"
                path.unlink(missing_ok=True)
                with path.open("x") as file:  # never through a link or into a pipe that the child has put there
                    json.dump(request, file)
            self._socket.send(b".")
            return
        self._log = (self.folder / "log.txt").open("w+b")
        self._socket, theirs = socket.socketpair()
        with theirs:
            self._watch = Watch(self.folder, 2 * self._worker.file_bytes)
            task = {"step": step, "request": request}
            self._child = confine.start(
                self._worker, task, self.folder, self._limits, (), self._log, stdin=theirs.fileno()
            )

    def _wait(self) -> None:
        """Until it says that it has answered."""
        from mlm.adapters.sandbox.watch import INTERVAL_S

        assert self._child is not None
        while True:
            if select.select([self._socket], [], [], INTERVAL_S)[0]:
                if self._heard():
                    return
                code = self._child.wait(1.0)
                seconds = time.monotonic() - self._started
                raise confine.crashed(
                    self._worker, self._what, -9 if code is None else code, self._log, self._limits, seconds
                )
            if passed := self._watch.passed(self._child.pid):
                raise self._worker.error(f"{self._what} passed {passed}", hint=f"Use a smaller {self._worker.smaller}.")
            if time.monotonic() - self._started > self._limits.timeout_s:
                raise confine.too_long(self._worker, self._what, self._limits)

    def _heard(self) -> bool:
        try:
            return self._socket.recv(1) == b"."
        except ConnectionError:
            return False
