"""A Ray cluster as this process uses it: orders go to a driver process (driver.py), from any thread."""

from __future__ import annotations

import itertools
import re
import socket
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import Future
from concurrent.futures import TimeoutError as Late
from functools import cache
from multiprocessing.connection import Connection
from typing import Any

from mlm.adapters.ray.driver import Order
from mlm.core.errors import ClusterLost, MlmError, UsageError

_JOINING_S = 90.0  # for what takes 3 s, on a machine that has nothing else to do
_GRACE_S = 30.0
_ENDING_S = 5.0
_LOG_TAIL = 4096
# What Ray says before it ends a process, as error or fatal: "[date time E pid tid] file.cc:1: This. And its causes."
_COMPLAINT = re.compile(
    r"^\[[^\]]* [EFC] [^\]]*\] \w+\.(?:cc|h):\d+: (?!:info_message:)(.*?)(?:\. |\.?$)", re.MULTILINE
)
_lock = threading.Lock()


class Cluster:
    """The cluster at `address` (HOST:PORT). Its driver starts with the first order, and again after it was lost."""

    def __init__(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        if not (host and port.isdigit() and 0 < int(port) < 1 << 16):
            raise UsageError(
                f"runner.ray_address: expected the HOST:PORT of a Ray cluster, found {address!r}",
                hint="`ray start --head` prints it; put it into MLM_HOME/config.toml.",
            )
        self._address = address
        self._starting = threading.Lock()
        self._driver: _Driver | None = None

    def perform(self, order: Order) -> Any:
        """What the task returns; raises what it raises, ClusterLost when it comes to nothing, ToolMissing."""
        with self._starting:
            if self._driver is None or self._driver.ended:
                self._driver = _Driver(self._address)
            driver = self._driver
        return driver.perform(order)

    def close(self) -> None:
        """End the driver; orders that are under way are lost."""
        with self._starting:
            if self._driver is not None:
                self._driver.close()
            self._driver = None


@cache
def _known(address: str) -> Cluster:
    return Cluster(address)


def cluster(address: str) -> Cluster:
    """This process's one end of a cluster, whatever thread asks. Raises UsageError."""
    with _lock:
        return _known(address)


class _Driver:
    def __init__(self, address: str) -> None:
        self._lock = threading.Lock()  # of what is under way
        self._sending = threading.Lock()
        self._end: MlmError | None = None
        self._numbers = itertools.count(1)
        self._waiting: dict[int, Future[Any]] = {0: Future()}
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  # for as long as the driver writes
        ours, theirs = socket.socketpair()
        with theirs:
            argv = [sys.executable, "-P", "-m", "mlm.adapters.ray.driver", str(theirs.fileno()), address]
            self._process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=subprocess.STDOUT,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,  # Ctrl-C reaches the parent only
            )
        self._link = Connection(ours.detach())
        joined = self._waiting[0]
        threading.Thread(target=self._listen, name="mlm ray", daemon=True).start()
        try:
            self._wait(joined, _JOINING_S, f"the Ray cluster at {address} was not joined")
        except BaseException:
            self.close()
            raise

    @property
    def ended(self) -> bool:
        return self._process.poll() is not None

    def perform(self, order: Order) -> Any:
        number = next(self._numbers)
        future: Future[Any] = Future()
        with self._lock:
            if self._end is not None:
                raise self._end
            self._waiting[number] = future
        try:
            self._send(number, order)
            return self._wait(future, order.seconds + _GRACE_S, "the Ray cluster's driver gave no answer")
        finally:
            with self._lock:
                left = self._waiting.pop(number, None)
            if left is not None:  # Ctrl-C, or too late
                self._send(number, None)

    def close(self) -> None:
        """End the process: it does so by itself once its socket is closed at this end."""
        self._process.terminate()
        try:
            self._process.wait(_ENDING_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _wait(self, future: Future[Any], seconds: float, otherwise: str) -> Any:
        try:
            outcome = future.result(seconds)
        except Late:
            raise ClusterLost(f"{otherwise} in {seconds:.0f} s", hint="`ray status` shows its nodes.") from None
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def _send(self, number: int, order: Order | None) -> None:
        try:
            with self._sending:
                self._link.send((number, order))
        except OSError:  # it has ended: the listener tells everybody who waits
            pass

    def _listen(self) -> None:
        """Hand each answer to whom it is for; at the driver's end, tell those that still wait."""
        while True:
            try:
                number, outcome = self._link.recv()
            except (EOFError, OSError):
                break
            with self._lock:
                future = self._waiting.pop(number, None)
            if future is not None:
                future.set_result(outcome)
        self._process.wait()
        lost = self._lost()
        with self._lock:
            self._end = lost
            waiting, self._waiting = list(self._waiting.values()), {}
        for future in waiting:
            future.set_result(lost)

    def _lost(self) -> MlmError:
        self._log.seek(0, 2)
        self._log.seek(max(0, self._log.tell() - _LOG_TAIL))
        said = _COMPLAINT.findall(self._log.read().decode("utf-8", "replace"))
        told = "".join(letter if letter.isprintable() else "?" for letter in f": {said[-1][:200]}") if said else ""
        return ClusterLost(f"the Ray cluster was lost{told}", hint="`ray status` shows its nodes; run it again then.")
