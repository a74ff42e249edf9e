"""Remotes: where blocks are exchanged with others. All of it may be hostile, slow or dead."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from mlm.core.cid import Cid


@dataclass(frozen=True)
class About:
    """A remote as it is shown. `where` has no path, query or user: those of a URL often hold a key.

    `writes`: blocks can be put; `names`: it keeps branches and tags; `trusted`: the user has named it, not only a
    project's file.
    """

    name: str
    kind: str
    where: str
    writes: bool
    names: bool
    origin: str = ""  # the settings file or variable that names it
    trusted: bool = True


class Remote(Protocol):
    """One remote, or several that are asked in turn. Safe to share between threads.

    Raises StorageError, naming the remote, where it is dead, slow or answers nonsense, and for what it cannot do.
    """

    about: About
    dropped: Mapping[str, str]  # of several: those that are asked no more, by name, and what each did

    def get(self, cid: Cid) -> bytes:
        """A block, verified: raises NotFound where there is none, InvalidData for bytes of another CID."""

    def stream(self, root: Cid) -> Iterator[tuple[Cid, bytes]] | None:
        """Everything below `root` in one answer, each block verified, parents first; None where it has no such answer.

        Raises as `get` does, while it is read.
        """

    def missing(self, cids: Sequence[Cid]) -> list[Cid]:
        """Those that it lacks, in their order. The first stands above the others."""

    def put(self, blocks: Iterable[tuple[Cid, bytes]]) -> int:
        """Store blocks that hold what their CIDs say; returns how many were new.

        Also without any: what an earlier `put` that was killed has stored is then shown to all readers.
        """

    def pin(self, root: Cid, name: str) -> str:
        """Have everything below `root` kept; returns what became of it: kept, pinned, queued or pinning."""

    def names(self, repository: str) -> dict[str, Cid]:
        """Branches and tags of a repository: `heads/NAME`, `tags/NAME`. Raises InvalidData for damaged ones."""

    def set_name(self, repository: str, name: str, new: Cid | None, expected: Cid | None) -> None:
        """Move, make (`expected` None) or delete (`new` None) a name; raises StateConflict if it is not as expected."""


class Remotes(Protocol):
    """The remotes of the settings."""

    def all(self) -> tuple[About, ...]:
        """Each that is configured, the default first."""

    def open(self, name: str = "") -> Remote:
        """A remote by name, or the default.

        Raises NotFound, and UsageError for one that only a project's file names.
        """

    def pinning(self) -> Mapping[str, Remote]:
        """The pinning services that the user has named."""
