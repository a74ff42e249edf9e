"""The process that talks to Ray for one mlm process, over a socket: it takes orders, and gives back what came of them.

A process of its own, since Ray ends the one that has lost its cluster, takes over its signals, and prints. It ends when
its parent does; then the cluster ends the tasks that it had asked for.
"""

from __future__ import annotations

import os
import socket
import threading
from collections import OrderedDict
from dataclasses import dataclass
from hashlib import sha256
from multiprocessing.connection import Connection
from typing import Any

from mlm.adapters.ray.task import Task, perform
from mlm.core.errors import ClusterLost, MlmError, ToolMissing

RETRIES = 3  # times that a task is begun again after its process or its node has died
KEPT = 64  # models and SRS files that stay in the object store for the next order
_PROBE_S = 5.0
_START = "Start it with `ray start --head`, and `ray start --address=HOST:PORT` here; see docs/worker.md."


@dataclass(frozen=True)
class Order:
    """A task, how many CPUs of a node it takes, and in how many seconds it must have come to something."""

    task: Task
    model: bytes | None
    cpus: float
    seconds: float


class Driver:
    """Orders from `link` as Ray tasks, each watched by a thread of its own."""

    def __init__(self, link: Connection, address: str) -> None:
        self._link = link
        self._sending = threading.Lock()
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, Any] = OrderedDict()
        self._running: dict[int, Any] = {}
        _connect(address)
        import ray

        self._ray = ray
        # Only the death of a process or a node is tried again: an error of mlm comes back as a value.
        self._perform = ray.remote(max_retries=RETRIES, retry_exceptions=False, scheduling_strategy="SPREAD")(perform)

    def serve(self) -> None:
        """Take orders until the parent is gone."""
        self._send(0, None)
        while True:
            try:
                number, order = self._link.recv()
            except EOFError:
                return
            if order is None:
                self._cancel(number)
            else:
                threading.Thread(target=self._do, args=(number, order), daemon=True).start()

    def _do(self, number: int, order: Order) -> None:
        try:
            outcome = self._result(number, order)
        except MlmError as error:
            outcome = error
        except Exception as error:  # noqa: BLE001  # it is raised where it can be told
            outcome = RuntimeError(f"{type(error).__name__}: {error}")
        with self._lock:
            self._running.pop(number, None)
        self._send(number, outcome)

    def _result(self, number: int, order: Order) -> object:
        from ray import exceptions as lost

        task, model, srs = order.task, None, []
        if order.model is not None:
            model = self._put(sha256(order.model).hexdigest(), order.model)
        if task.srs is not None:
            srs = [self._put(task.srs.digest, task.srs.path.read_bytes)]
        reference = self._perform.options(num_cpus=order.cpus, name=f"mlm {task.method}").remote(task, model, srs)
        with self._lock:
            self._running[number] = reference
        try:
            return self._ray.get(reference, timeout=order.seconds)
        except lost.GetTimeoutError:
            self._cancel(number)
            raise ClusterLost(
                f"the Ray cluster gave no answer in {order.seconds:.0f} s",
                hint=f"`ray status` shows whether a node with {order.cpus:g} CPUs is there and free.",
            ) from None
        except lost.RayTaskError as error:
            told = str(error).strip().splitlines()[-1]
            if "mlm" in told and ("ModuleNotFoundError" in told or "failed to import" in str(error)):
                hint = "Install the same version of mlm on every node."
                raise ToolMissing(f"a node of the Ray cluster has no mlm: {told[:200]}", hint=hint) from error
            raise
        except lost.RayError as error:
            why = " ".join(str(error).split())[:200]
            raise ClusterLost(
                f"the Ray cluster lost the task {task.method}: {why}",
                hint="`ray status` shows the nodes that are there.",
            ) from error

    def _put(self, digest: str, data: Any) -> Any:
        """A reference to bytes, or to what a function reads, in the object store: put there once."""
        with self._lock:
            found = self._kept.pop(digest, None)
            if found is None:
                found = self._ray.put(data if isinstance(data, bytes) else data())
                while len(self._kept) >= KEPT:
                    self._kept.popitem(last=False)
            self._kept[digest] = found
            return found

    def _cancel(self, number: int) -> None:
        with self._lock:
            reference = self._running.get(number)
        if reference is not None:
            self._ray.cancel(reference, force=True)

    def _send(self, number: int, outcome: object) -> None:
        with self._sending:
            self._link.send((number, outcome))


def reach(address: str) -> None:
    """Raise ClusterLost when nothing listens at a cluster's address: Ray itself would knock for minutes."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), _PROBE_S).close()
    except OSError as error:
        raise ClusterLost(f"no Ray cluster answers at {address}: {error.strerror or error}", hint=_START) from error


def _connect(address: str) -> None:
    """Join the cluster as its driver. Raises ClusterLost, ToolMissing."""
    try:
        import ray
    except ImportError as error:
        from mlm.adapters.extras import unavailable

        raise unavailable("tasks on more than one machine", "ray", error, "'mlm[ray]'") from error
    reach(address)
    try:
        ray.init(address=address, log_to_driver=False, configure_logging=False, include_dashboard=False)
    except (RuntimeError, OSError, ValueError, ray.exceptions.RayError) as error:
        why = " ".join(str(error).split())[:200]
        raise ClusterLost(f"the Ray cluster at {address} cannot be joined from here: {why}", hint=_START) from error


def main(handle: int, address: str) -> None:
    """Serve on the socket `handle`; the first answer says that the cluster is joined, or why it cannot be."""
    link = Connection(handle)
    try:
        driver = Driver(link, address)
    except MlmError as error:
        link.send((0, error))
        return
    driver.serve()


if __name__ == "__main__":
    import sys

    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    main(int(sys.argv[1]), sys.argv[2])
    os._exit(0)  # the raylet sees it, and ends our tasks; Ray's own farewell waits for those that never answer
