"""What a gateway offers, and to whom: open blocks to everybody, a sealed file's to whoever is entitled. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from mlm.core.cid import Cid
from mlm.core.errors import NotFound


@dataclass
class Shelf:
    """Blocks by who may have them. A block of an open asset is everybody's, whatever else it is part of.

    `sealed` names, for each block of a sealed file, the assets of which a licence (or the token) entitles to it.
    """

    open: set[Cid] = field(default_factory=set)
    sealed: dict[Cid, frozenset[int]] = field(default_factory=dict)

    def offer(self, cids: Iterable[Cid]) -> None:
        """To everybody."""
        self.open.update(cids)

    def seal(self, cids: Iterable[Cid], token_id: int) -> None:
        """To whoever may use this asset."""
        for cid in cids:
            self.sealed[cid] = self.sealed.get(cid, frozenset()) | {token_id}

    def readers(self, cid: Cid) -> frozenset[int] | None:
        """The assets that entitle to a block; None: anybody may have it. Raises NotFound for what is not offered."""
        if cid in self.open:
            return None
        found = self.sealed.get(cid)
        if found is None:
            raise NotFound(f"no block {cid} is offered here")
        return found
