"""What a remote that can only be read says to those who would write."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType

from mlm.core import remote
from mlm.core.cid import Cid
from mlm.core.errors import StorageError
from mlm.ports.remote import About

_KINDS = {remote.HTTP: "an http remote", remote.GATEWAY: "a gateway", remote.PINNING: "a pinning service"}


class ReadOnly:
    """The half of ports.Remote that has no meaning there."""

    about: About
    dropped: Mapping[str, str] = MappingProxyType({})

    def stream(self, root: Cid) -> Iterator[tuple[Cid, bytes]] | None:
        return None

    def missing(self, cids: Sequence[Cid]) -> list[Cid]:
        raise self._cannot("takes no blocks")

    def put(self, blocks: Iterable[tuple[Cid, bytes]]) -> int:
        raise self._cannot("takes no blocks")

    def pin(self, root: Cid, name: str) -> str:
        raise self._cannot("pins nothing")

    def names(self, repository: str) -> dict[str, Cid]:
        raise self._cannot("keeps no branches and tags")

    def set_name(self, repository: str, name: str, new: Cid | None, expected: Cid | None) -> None:
        raise self._cannot("keeps no branches and tags")

    def _cannot(self, what: str) -> StorageError:
        about, kind = self.about, _KINDS.get(self.about.kind, self.about.kind)
        return StorageError(
            f"the remote {about.name} ({about.where}), {kind}, {what}",
            hint="`mlm remote list` shows what each remote can do; what a web server serves is pushed into its folder.",
        )
