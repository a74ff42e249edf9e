"""A real Ray cluster on 127.0.0.1 for the session: a head that only keeps the books, and two worker nodes."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from mlm.adapters.ray.cluster import cluster
from mlm.adapters.ray.nodes import Nodes

_NODE: dict[str, Any] = {
    "node_ip_address": "127.0.0.1",
    "include_dashboard": False,
    "object_store_memory": 80_000_000,  # bytes; Ray wants 75 MB
}
# A dead node is noticed in seconds, not in half a minute.
_QUICK = {"health_check_initial_delay_ms": 500, "health_check_period_ms": 500, "health_check_timeout_ms": 2000}


class RayNodes:
    """The cluster, whose head has a CPU only when it is alone.

    `address` spells 127.0.0.1 otherwise: Ray takes that one for the machine's outer address.
    """

    def __init__(self, folder: Path, workers: int = 2) -> None:
        from ray.cluster_utils import Cluster

        self.folder = folder  # what mlm keeps on its nodes, which are one machine here
        head = {"num_cpus": 0 if workers else 1, "_system_config": _QUICK}
        self._cluster = Cluster(initialize_head=True, head_node_args={**head, **_NODE})
        self.address = self._cluster.address.replace("127.0.0.1", "[::ffff:127.0.0.1]")
        self.workers = [self.add() for _ in range(workers)]

    def nodes(self, part: str = "") -> Nodes:
        """What adapters are given; `part`: as machines that have made nothing yet."""
        return Nodes(cluster(self.address), str(self.folder / part), 1.0)

    def add(self) -> Any:
        """One more worker node, of one CPU."""
        return self._cluster.add_node(num_cpus=1, **_NODE)

    def kill(self, node: Any) -> None:
        """SIGKILL to all processes of a worker node; another takes its place."""
        self.workers.remove(node)
        for pid in descendants(raylet(node)):
            os.kill(pid, signal.SIGKILL)
        self._cluster.remove_node(node, allow_graceful=False)

    def kill_head(self) -> None:
        """SIGKILL to what keeps the books."""
        for info in self._cluster.head_node.all_processes["gcs_server"]:
            os.kill(info.process.pid, signal.SIGKILL)

    def shutdown(self) -> None:
        """End every process of the cluster, and the driver of this one."""
        cluster(self.address).close()
        self._cluster.shutdown()


def raylet(node: Any) -> int:
    """The process that a node is."""
    found: int = node.all_processes["raylet"][0].process.pid
    return found


def descendants(pid: int) -> list[int]:
    """A process, its children, theirs, and so on."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:  # it has just ended
                continue
    found = [pid]
    for each in found:
        found += [child for child, parent in parents.items() if parent == each]
    return found


def command(pid: int) -> str:
    """A process's command line; empty when it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


@contextmanager
def started(folder: Path, workers: int = 2) -> Iterator[RayNodes]:
    """A cluster that is gone afterwards, with Ray's own folder."""
    temporary = Path(tempfile.mkdtemp(prefix="mlm-ray-"))  # short: a socket's path has at most 107 bytes
    nodes = None
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("RAY_USAGE_STATS_ENABLED", "0")
        environment.setenv(
            "RAY_TMPDIR", str(temporary)
        )  # nothing that a cluster of the person who runs this has written
        try:
            nodes = RayNodes(folder, workers)
            yield nodes
        finally:
            if nodes is not None:
                nodes.shutdown()
            shutil.rmtree(temporary, ignore_errors=True)


@pytest.fixture(scope="session")
def ray_nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RayNodes]:
    """Two worker nodes; skipped where Ray has no wheel."""
    pytest.importorskip("ray", reason="Ray has no wheel for this platform")
    with started(tmp_path_factory.mktemp("ray")) as nodes:
        yield nodes
