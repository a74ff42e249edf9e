"""Calls that wait for a model, run together: while it runs, those that come meanwhile gather for the next batch."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlm.adapters.onnx.together import run_together
from mlm.core.errors import InvalidData, MlmError, ModelStopped
from mlm.core.serving import Limits, Refusal, Status

if TYPE_CHECKING:
    from mlm.ports.runner import ModelInfo, Run, Runner, Tensors

_CHECKED_EVERY = 64  # batches: how often the first of one also runs alone


@dataclass
class _Waiting:
    tensors: Tensors
    done: asyncio.Future[Run]


class _Known:
    """A runner of one model of which it is known what it says of itself: to ask anew costs a digest of the model."""

    def __init__(self, runner: Runner, info: ModelInfo) -> None:
        self._runner, self._info = runner, info

    def inspect(self, onnx: bytes) -> ModelInfo:
        return self._info

    def run(self, onnx: bytes, inputs: Tensors) -> Run:
        return self._runner.run(onnx, inputs)

    def run_many(self, onnx: bytes, batches: Sequence[Tensors]) -> list[Run]:
        return self._runner.run_many(onnx, batches)


class Batches:
    """One model, run by `lanes` threads. Used from one event loop.

    A batch in which any call fails is run call by call, so that one bad input spoils nobody else's answer.
    """

    def __init__(self, runner: Runner, onnx: bytes, info: ModelInfo, limits: Limits, lanes: int) -> None:
        self._runner, self._onnx, self._limits = _Known(runner, info), onnx, limits
        self._lanes = self._free = lanes
        self._pool = ThreadPoolExecutor(lanes, thread_name_prefix="mlm serve")
        self._waiting: deque[_Waiting] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._count = 0
        self._mixes = False
        self.calls = self.batches = 0  # so far

    @property
    def waiting(self) -> int:
        """Calls that wait."""
        return len(self._waiting)

    @property
    def running(self) -> int:
        """Lanes that run."""
        return self._lanes - self._free

    async def run(self, tensors: Tensors) -> Run:
        """Run a call's tensors, checked before, in a batch or alone.

        Raises Refusal: BUSY where too many wait, MALFORMED for an input that the model refuses, FAILED for a model that
        passed its limits or crashed.
        """
        if len(self._waiting) >= self._limits.queue:
            raise Refusal(Status.BUSY, f"{self._limits.queue} calls wait already", retry_after=1)
        waiting = _Waiting(tensors, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        self._begin()
        try:
            return await waiting.done
        except ModelStopped as error:
            raise Refusal(Status.FAILED, f"the model did not end well on this input: {error}") from error
        except InvalidData as error:
            raise Refusal(Status.MALFORMED, str(error)) from error
        except Exception as error:  # a full disk, a package that is gone, a bug
            what = str(error) if isinstance(error, MlmError) else type(error).__name__
            raise Refusal(Status.FAILED, f"the model cannot be run: {what}") from error

    async def warm(self, zeros: Tensors) -> None:
        """Start the children, so that no caller waits for it. Raises ModelStopped, ToolMissing.

        A model may refuse zeros: it was loaded all the same.
        """
        loop = asyncio.get_running_loop()
        every = [loop.run_in_executor(self._pool, self._runner.run, self._onnx, zeros) for _ in range(self._lanes)]
        for came in await asyncio.gather(*every, return_exceptions=True):
            refused = isinstance(came, InvalidData) and not isinstance(came, ModelStopped)
            if isinstance(came, BaseException) and not refused:
                raise came

    async def close(self) -> None:
        """End the threads once what runs has ended."""
        await asyncio.to_thread(self._pool.shutdown, wait=True, cancel_futures=True)

    def _begin(self) -> None:
        while self._free and self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), self._limits.batch))]
            batch = [each for each in batch if not each.done.done()]  # its client is gone
            if batch:
                self._free -= 1
                task = asyncio.get_running_loop().create_task(self._lane(batch))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def _lane(self, batch: list[_Waiting]) -> None:
        self._count += 1
        check = self._count % _CHECKED_EVERY == 1
        try:
            found = await asyncio.get_running_loop().run_in_executor(self._pool, self._run, batch, check)
        except Exception as error:  # noqa: BLE001  # whatever it is, nobody may wait for ever
            found = [error] * len(batch)
        finally:
            self._free += 1
        self.batches += 1
        self.calls += len(batch)
        self._begin()  # first: it runs beside what the calls of this one do with their answers
        for each, came in zip(batch, found, strict=True):
            if each.done.done():
                continue
            if isinstance(came, BaseException):
                each.done.set_exception(came)
            else:
                each.done.set_result(came)

    def _run(self, batch: list[_Waiting], check: bool) -> Sequence[Run | BaseException]:
        """In a thread: what came of each."""
        if len(batch) > 1 and not self._mixes:
            try:
                return run_together(
                    self._runner, self._onnx, [each.tensors for each in batch], check=check, mixes=self._mix
                )
            except Exception:  # noqa: BLE001  # one of them is to blame, and fails alone
                return [self._alone(each) for each in batch]
        return [self._alone(each) for each in batch]

    def _mix(self) -> None:
        self._mixes = True

    def _alone(self, each: _Waiting) -> Run | BaseException:
        try:
            try:
                return self._runner.run(self._onnx, each.tensors)
            except ConnectionError:  # its child had ended before: this input has nothing to do with it
                return self._runner.run(self._onnx, each.tensors)
        except Exception as error:  # noqa: BLE001  # its call hears of it
            return error
