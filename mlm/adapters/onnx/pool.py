"""Confined children that have a model loaded: one for each task, or some that stay for the next task of their model."""

from __future__ import annotations

import shutil
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from mlm.adapters import confine
from mlm.adapters.confine import Answer, Limits, Request, Worker
from mlm.adapters.held import Held
from mlm.adapters.onnx.folder import given, made
from mlm.core.errors import InvalidData, ModelStopped

Ask = Callable[[str, Request], Answer]


class Pool:
    """Children of `worker` in private folders under `folder`, of which `stay` at most wait for their model's next task.

    `what` begins the message of one that crashes or passes its limits. Threads may share a pool: each is given a child
    of its own. What stays ends with the pool, when nobody has it any more, or with this process.
    """

    def __init__(self, worker: Worker, what: str, folder: Path, limits: Limits, stay: int) -> None:
        self._worker, self._what, self._folder, self._limits, self._stay = worker, what, folder, limits, stay
        self._idle: list[tuple[bytes, Held]] = []  # the one that ran last comes last
        self._lock, self._latest = threading.Lock(), (b"", b"")
        if stay:
            weakref.finalize(self, _end, self._idle)

    def digest(self, onnx: bytes) -> bytes:
        """The model's sha256."""
        with self._lock:
            model, digest = self._latest
        if model is not onnx:  # one model runs again and again: the same object needs no second hash
            digest = sha256(onnx).digest()
            with self._lock:
                self._latest = onnx, digest
        return digest

    @contextmanager
    def child(self, onnx: bytes) -> Iterator[tuple[Path, Ask]]:
        """A child's folder, in which the model is, and what has it do a task; it may have done tasks of it before."""
        with self._staying(onnx) if self._stay else self._passing(onnx) as found:
            yield found

    def close(self) -> None:
        """End the children that stay."""
        with self._lock:
            idle = self._idle.copy()
            self._idle.clear()
        _end(idle)

    @contextmanager
    def _passing(self, onnx: bytes) -> Iterator[tuple[Path, Ask]]:
        with given(self._folder, onnx) as folder:
            yield (
                folder,
                lambda step, request: confine.ask(
                    self._worker, step, request, what=self._what, folder=folder, limits=self._limits
                ),
            )

    @contextmanager
    def _staying(self, onnx: bytes) -> Iterator[tuple[Path, Ask]]:
        digest = self.digest(onnx)
        with self._lock:
            at = next((n for n, (model, _) in enumerate(self._idle) if model == digest), None)
            child = None if at is None else self._idle.pop(at)[1]
        if child is None:
            child = Held(self._worker, self._what, made(self._folder, onnx), self._limits)
        try:
            yield child.folder, child.ask
        except BaseException as error:
            if not isinstance(error, InvalidData) or isinstance(error, ModelStopped):
                child.end()  # only after a refused input it is known to be sound
            raise
        finally:
            with self._lock:
                self._idle.append((digest, child))
                dead = [held for held in self._idle if held[1].dead]
                dead += [held for held in self._idle if not held[1].dead][: -self._stay]
                self._idle[:] = [held for held in self._idle if held not in dead]
            _end(dead)


def _end(children: list[tuple[bytes, Held]]) -> None:
    for _, child in children:
        _remove(child)


def _remove(child: Held) -> None:
    child.end()
    shutil.rmtree(child.folder, ignore_errors=True)
