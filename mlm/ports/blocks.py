"""A store of content-addressed blocks: local objects, and remotes that hold the same."""

from collections.abc import Callable, Iterable, Iterator
from collections.abc import Set as AbstractSet
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from mlm.core.cid import Cid


class Blocks(Protocol):
    """`get` verifies the bytes against the CID: a damaged block raises InvalidData, a missing one NotFound."""

    def has(self, cid: Cid) -> bool: ...

    def get(self, cid: Cid) -> bytes: ...

    def size(self, cid: Cid) -> int:
        """The bytes of a block that is not read; raises NotFound."""

    def put(self, blocks: Iterable[tuple[Cid, bytes]]) -> int:
        """Store blocks durably (all or none visible after a kill); returns how many were new."""

    def cids(self) -> Iterator[Cid]: ...


Reach = Callable[[Iterable[Cid]], AbstractSet[Cid]]  # what is needed now, and what the given blocks lead to


@dataclass(frozen=True)
class Volume:
    """How much a store holds: different blocks, bytes on disk, packs."""

    blocks: int
    bytes: int
    packs: int


@dataclass(frozen=True)
class Examined:
    """A block that was read, with its bytes where it has links, or what is wrong with it or with its file.

    `cid` is None for a file as a whole; `fault` is empty for what is sound; `place` names the file.
    """

    cid: Cid | None
    data: bytes
    size: int
    place: str
    fault: str = ""


class LocalBlocks(Blocks, Protocol):
    """Blocks that can be collected and checked. What `has` says is there stays as long as its process lives."""

    def collect(self, reach: Reach, before: int, alone: AbstractContextManager[None]) -> tuple[Volume, Volume]:
        """Remove every block that `reach` does not name, older than `before` (seconds since 1970); join small packs.

        What was stored or asked for since, or by a process that still lives, and what that leads to, stays. `reach` is
        asked several times, the last time within `alone`, in which the repository does not change. Safe beside readers
        and writers, and against kills. Returns what there was, and what there is. Raises InvalidData for a damaged
        block that is needed: nothing is removed then.
        """

    def examine(self) -> Iterator[Examined]:
        """Read every block there is, and say of each whether it is sound; never stops at the first fault."""

    def drop_damaged(self) -> int:
        """Take damaged blocks out, so that they can be stored again; returns how many. What is intact stays."""
