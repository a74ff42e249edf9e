"""Moving blocks: into the local objects, to the remote that others read, and back; verified block by block."""

from __future__ import annotations

from mlm.core import dag, unixfs
from mlm.core.cid import Cid
from mlm.core.errors import NotFound
from mlm.core.plan import Store
from mlm.ports.bundle import Ports


def store(ports: Ports, step: Store) -> None:
    """Execute a Store step. Blocks that are already there are not sent again, so a rerun continues."""
    ports.objects.put(step.blocks)
    if step.push:
        dag.copy(ports.objects, ports.remote, step.root)


class Fetching:
    """Reads a block from the local objects, else from the remote, verified; what was fetched is kept."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports

    def get(self, cid: Cid) -> bytes:
        """The block's bytes; raises NotFound when neither side has it."""
        objects = self._ports.objects
        if objects.has(cid):
            return objects.get(cid)
        try:
            data = self._ports.remote.get(cid)
        except NotFound as error:
            raise NotFound(
                f"block {cid} is neither here nor on the remote", hint="Ask its owner to push it, or set `remote`."
            ) from error
        objects.put([(cid, data)])
        return data


def fetch(ports: Ports, cid: Cid) -> bytes:
    """One block."""
    return Fetching(ports).get(cid)


def fetch_dag(ports: Ports, root: Cid) -> None:
    """Bring every block under `root` into the local objects; only what is missing travels."""
    dag.copy(ports.remote, ports.objects, root)


def read_file(ports: Ports, cid: Cid, *, max_bytes: int) -> bytes:
    """The bytes of a UnixFS file, at most `max_bytes` (InvalidData above)."""
    return b"".join(unixfs.read(Fetching(ports).get, cid, max_bytes=max_bytes))
