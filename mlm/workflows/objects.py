"""Moving blocks, into the local objects, to the remote that others read, and back, verified."""

from __future__ import annotations

from mlm.core import unixfs
from mlm.core.cid import Cid
from mlm.core.errors import NotFound
from mlm.core.plan import Store
from mlm.ports.bundle import Ports
from mlm.workflows.transfer import receive, send


def store(ports: Ports, step: Store) -> None:
    """Execute a Store step. Blocks that are already there are not sent again, so a rerun continues.

    What is stored for others is kept where it was pushed to; if the step says so, by every pinning service too.
    """
    ports.objects.put(step.blocks)
    if step.push:
        send(ports.objects, ports.remote, step.root)
        ports.remote.pin(step.root, step.title)
        for service in ports.remotes.pinning().values() if step.pin else ():
            service.pin(step.root, step.title)


def bring(ports: Ports, root: Cid, max_bytes: int | None = None) -> None:
    """Bring every block under `root` into the local objects; only what is missing travels, at most `max_bytes`.

    Raises NotFound, InvalidData.
    """
    try:
        receive(ports.remote, ports.objects, root, max_bytes=max_bytes)
    except NotFound as error:
        raise NotFound(
            f"not all of {root} is here or on the remote: {error}",
            hint="Ask its owner to push it, or `mlm remote add` the remote that holds it.",
        ) from error


def fetch(ports: Ports, cid: Cid) -> bytes:
    """One block's bytes, from here or from the remote; what was fetched is kept. Raises NotFound."""
    if not ports.objects.has(cid):
        try:
            ports.objects.put([(cid, ports.remote.get(cid))])
        except NotFound as error:
            raise NotFound(
                f"block {cid} is neither here nor on the remote",
                hint="Ask its owner to push it, or `mlm remote add` the remote that holds it.",
            ) from error
    return ports.objects.get(cid)


def read_file(ports: Ports, cid: Cid, *, max_bytes: int) -> bytes:
    """The bytes of a UnixFS file, at most `max_bytes` (InvalidData above)."""
    if (size := unixfs.file_size(lambda block: fetch(ports, block), cid)) <= max_bytes:
        # A root may claim a small file and lead to everything that the remote holds.
        bring(ports, cid, blocks_of(size))
    return b"".join(unixfs.read(ports.objects.get, cid, max_bytes=max_bytes))


def blocks_of(size: int, files: int = 1) -> int:
    """What the blocks of so many files with `size` bytes of content may take together, nodes and folders included."""
    return 2 * size + 4096 * files + (1 << 22)
