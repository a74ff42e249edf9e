"""A repository: its working tree, the staging index, and its refs. Objects are ports.Blocks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from mlm.core.cid import Cid

if TYPE_CHECKING:
    from mlm.ports.blocks import Blocks

HEAD = "HEAD"  # what is checked out: a branch, or a commit by itself
FILE, FOLDER, SYMLINK, OTHER = "file", "folder", "symlink", "other"


@dataclass(frozen=True, slots=True)
class FileStat:
    """What the file system says of an entry of the working tree. Times in nanoseconds; `path` is relative, with "/"."""

    path: str
    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    mode: int
    kind: str = FILE


@dataclass(frozen=True, slots=True)
class Staged:
    """A staged file. `stat` was taken before its bytes were read.

    `settled`: the file's last change is older than the file system's clock was before the file was read, so that any
    later change shows in its stat. Otherwise it must be read again to know (the "racy Git" problem).
    """

    cid: Cid
    tsize: int  # bytes of all its blocks
    stat: FileStat
    settled: bool


@dataclass(frozen=True)
class Head:
    """What is checked out: a branch (whose commit may not exist yet), or a commit by itself."""

    branch: str | None
    commit: Cid | None


class Index(Protocol):
    """The staging index, by path."""

    def load(self) -> dict[str, Staged]:
        """Raises InvalidData when the file is damaged."""

    def edit(self, timeout: float = 10.0) -> AbstractContextManager[dict[str, Staged]]:
        """Change the entries under the repository's lock; saved, whole or not at all, unless an exception leaves.

        Raises StateConflict when another process holds the lock for longer than `timeout` seconds.
        """


class Refs(Protocol):
    """Names of commits: `heads/NAME`, `tags/NAME`, and HEAD. Every change is atomic, under the repository's lock."""

    def create(self, branch: str) -> bool:
        """Make an empty repository on `branch`; False when there is one already."""

    def head(self) -> Head: ...

    def set_head(self, target: str | Cid) -> None:
        """Check out a branch by name, or a commit."""

    def all(self) -> dict[str, Cid]: ...

    def set(self, name: str, new: Cid | None, expected: Cid | None) -> None:
        """Move, make (`expected` None) or delete (`new` None) a ref; raises StateConflict if it is not as expected.

        HEAD can be moved where no branch is checked out.
        """


class Worktree(Protocol):
    """The files beside .mlm. Paths are checked: none leads outside, and no symbolic link is followed."""

    def clock(self) -> int:
        """The file system's own clock, nanoseconds: what a file written now would get as its time.

        0 where nothing can be written: every file is then taken for one that has just changed.
        """

    def scan(self, under: str = "") -> Iterator[FileStat]:
        """Every entry below a folder that is neither a folder nor ignored by .mlmignore."""

    def stat(self, path: str) -> FileStat | None:
        """None when there is nothing; what lies behind a symbolic link is one itself."""

    def ignores(self, path: str) -> bool: ...

    def read(self, file: FileStat, start: int = 0) -> Iterator[bytes]:
        """Pieces of unixfs.CHUNK bytes from the byte `start`; raises StateConflict when the file is not, or does not

        stay, as `file` says.
        """

    def write(self, path: str, pieces: Iterable[bytes]) -> None:
        """Write a file whole or not at all, with its folders."""

    def remove(self, path: str) -> None:
        """Remove a file, and folders that are empty then."""


@dataclass(frozen=True)
class Repo:
    """The ports of one repository."""

    objects: Blocks
    index: Index
    refs: Refs
    tree: Worktree
