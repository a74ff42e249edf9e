"""Moving blocks, into the local objects, to the remote that others read, and back, verified."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from itertools import chain

from mlm.core import unixfs
from mlm.core.cid import Cid
from mlm.core.errors import NotFound
from mlm.core.plan import Store
from mlm.ports.blocks import Blocks
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


@contextmanager
def group(ports: Ports, name: str) -> Iterator[None]:
    """What is brought until the block ends belongs together, and may go together: on a shelf, where there is one."""
    with nullcontext() if ports.shelf is None else ports.shelf.group(name):
        yield


class _Both:
    """The local objects, and a group of the shelf, which takes what is brought."""

    def __init__(self, objects: Blocks, shelf: Blocks) -> None:
        self._objects, self._shelf = objects, shelf

    def has(self, cid: Cid) -> bool:
        return self._shelf.has(cid) or self._objects.has(cid)

    def get(self, cid: Cid) -> bytes:
        return self._of(cid).get(cid)

    def size(self, cid: Cid) -> int:
        return self._of(cid).size(cid)

    def put(self, blocks: Iterable[tuple[Cid, bytes]]) -> int:
        return self._shelf.put(blocks)

    def cids(self) -> Iterator[Cid]:
        return chain(self._shelf.cids(), self._objects.cids())

    def _of(self, cid: Cid) -> Blocks:
        return self._shelf if self._shelf.has(cid) else self._objects


def here(ports: Ports) -> Blocks:
    """Where blocks are looked for, and put when they are brought."""
    shelf = None if ports.shelf is None else ports.shelf.current()
    return ports.objects if shelf is None else _Both(ports.objects, shelf)


def bring(ports: Ports, root: Cid, max_bytes: int | None = None) -> None:
    """Bring every block under `root` here; only what is missing travels, at most `max_bytes`.

    Raises NotFound, InvalidData.
    """
    try:
        receive(ports.remote, here(ports), root, max_bytes=max_bytes)
    except NotFound as error:
        raise NotFound(
            f"not all of {root} is here or on the remote: {error}",
            hint="Ask its owner to push it, or `mlm remote add` the remote that holds it.",
        ) from error


def fetch(ports: Ports, cid: Cid) -> bytes:
    """One block's bytes, from here or from the remote; what was fetched is kept. Raises NotFound."""
    place = here(ports)
    if not place.has(cid):
        try:
            place.put([(cid, ports.remote.get(cid))])
        except NotFound as error:
            raise NotFound(
                f"block {cid} is neither here nor on the remote",
                hint="Ask its owner to push it, or `mlm remote add` the remote that holds it.",
            ) from error
    return place.get(cid)


def read_file(ports: Ports, cid: Cid, *, max_bytes: int) -> bytes:
    """The bytes of a UnixFS file, at most `max_bytes` (InvalidData above), and no more than a shelf takes."""
    most = max_bytes if ports.shelf is None else min(max_bytes, ports.shelf.limit)
    if (size := unixfs.file_size(lambda block: fetch(ports, block), cid)) <= most:
        # A root may claim a small file and lead to everything that the remote holds.
        bring(ports, cid, blocks_of(size))
    return b"".join(unixfs.read(here(ports).get, cid, max_bytes=most))


def blocks_of(size: int, files: int = 1) -> int:
    """What the blocks of so many files with `size` bytes of content may take together, nodes and folders included."""
    return 2 * size + 4096 * files + (1 << 22)
