"""A store of content-addressed blocks: local objects, and remotes that hold the same."""

from collections.abc import Iterable, Iterator
from typing import Protocol

from mlm.core.cid import Cid


class Blocks(Protocol):
    """`get` verifies the bytes against the CID: a damaged block raises InvalidData, a missing one NotFound."""

    def has(self, cid: Cid) -> bool: ...

    def get(self, cid: Cid) -> bytes: ...

    def put(self, blocks: Iterable[tuple[Cid, bytes]]) -> int:
        """Store blocks durably (all or none visible after a kill); returns how many were new."""

    def cids(self) -> Iterator[Cid]: ...
