"""The nodes of a cluster, as the two ports ask them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlm.adapters.ray.cluster import Cluster
from mlm.adapters.ray.driver import RETRIES, Order
from mlm.adapters.ray.task import Srs, Task

_OVERHEAD_S = 60.0  # of a try besides its steps: a process is started, files travel, a dead node is noticed


@dataclass(frozen=True)
class Nodes:
    """`folder` is where each node keeps what it made, `cpus` what one task takes of a node."""

    cluster: Cluster
    folder: str
    cpus: float

    def ask(
        self,
        port: str,
        method: str,
        options: Mapping[str, Any],
        *arguments: Any,
        model: bytes | None = None,
        srs: Srs | None = None,
        steps: int = 1,
    ) -> Any:
        """What `method` of the port returns, or raises, on some node: the time of all tries of its `steps` bounds it.

        Raises ClusterLost besides when no node could do it, ToolMissing where mlm or ray is not installed.
        """
        task = Task(port, method, arguments, self.folder, options, srs)
        seconds = (RETRIES + 1) * (steps * options["timeout_s"] + _OVERHEAD_S)
        return self.cluster.perform(Order(task, model, self.cpus, seconds))
