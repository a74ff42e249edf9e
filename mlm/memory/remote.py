"""A remote in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mlm.core import remote
from mlm.core.cid import Cid
from mlm.core.errors import NotFound, StateConflict
from mlm.core.history import check_ref
from mlm.memory.blocks import MemoryBlocks
from mlm.ports.remote import About, Remote


class MemoryRemote(MemoryBlocks):
    """Implements ports.Remote over dicts, which tests may damage."""

    def __init__(self, name: str = "memory") -> None:
        super().__init__()
        self.dropped: Mapping[str, str] = {}
        self.about = About(name, remote.FOLDER, "memory", writes=True, names=True)
        self.pins: dict[Cid, str] = {}
        self._names: dict[str, dict[str, Cid]] = {}

    def stream(self, root: Cid) -> None:
        return None

    def missing(self, cids: Sequence[Cid]) -> list[Cid]:
        return [cid for cid in cids if not self.has(cid)]

    def pin(self, root: Cid, name: str) -> str:
        self.pins[root] = name
        return "kept"

    def names(self, repository: str) -> dict[str, Cid]:
        return dict(self._names.get(remote.check_repository(repository), {}))

    def set_name(self, repository: str, name: str, new: Cid | None, expected: Cid | None) -> None:
        check_ref(name)
        names = self._names.setdefault(remote.check_repository(repository), {})
        if (found := names.get(name)) != expected:
            raise StateConflict(f"{name} is at {found or 'nothing'}, expected {expected or 'nothing'}")
        if new is None:
            names.pop(name, None)
        else:
            names[name] = new


class MemoryRemotes:
    """Implements ports.Remotes over remotes in memory, the first of which is the default."""

    def __init__(self, *remotes: MemoryRemote, services: Mapping[str, Remote] | None = None) -> None:
        self._remotes = {each.about.name: each for each in remotes}
        self._services = services or {}

    def all(self) -> tuple[About, ...]:
        return tuple(each.about for each in self._remotes.values())

    def open(self, name: str = "") -> Remote:
        found = self._remotes.get(name or next(iter(self._remotes), ""))
        if found is None:
            raise NotFound(f"no remote is called {name!r}")
        return found

    def pinning(self) -> Mapping[str, Remote]:
        return self._services
