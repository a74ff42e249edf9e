"""A repository: its working tree, the staging index, and its refs. Objects are ports.Blocks."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from mlm.core.cid import Cid
from mlm.core.staging import FILE, FOLDER, GONE, IGNORED, OTHER, SYMLINK, FileStat, Staged, Staging

if TYPE_CHECKING:
    from mlm.ports.blocks import LocalBlocks

__all__ = [
    "FILE",
    "FOLDER",
    "GONE",
    "Folder",
    "HEAD",
    "IGNORED",
    "OTHER",
    "SYMLINK",
    "FileStat",
    "Head",
    "Index",
    "Refs",
    "Repo",
    "Staged",
    "Worktree",
]

HEAD = "HEAD"  # what is checked out: a branch, or a commit by itself


@dataclass(frozen=True)
class Head:
    """What is checked out: a branch (whose commit may not exist yet), or a commit by itself."""

    branch: str | None
    commit: Cid | None


class Index(Protocol):
    """The staging index, by path."""

    def clock(self) -> int:
        """The file system's own clock, nanoseconds: what a file written now would get as its time.

        0 where nothing can be written: every file is then taken for one that has just changed.
        """

    def load(self) -> Staging:
        """Raises InvalidData when the file is damaged."""

    def edit(self, timeout: float = 10.0) -> AbstractContextManager[Staging]:
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

    def all(self, damaged: dict[str, str] | None = None) -> dict[str, Cid]:
        """Every branch and tag. Raises InvalidData for a damaged one, or puts it into `damaged` with the reason."""

    def set(self, name: str, new: Cid | None, expected: Cid | None) -> None:
        """Move, make (`expected` None) or delete (`new` None) a ref; raises StateConflict if it is not as expected.

        HEAD can be moved where no branch is checked out. Raises StateConflict for a name that is another's folder.
        """

    def hold(self) -> AbstractContextManager[None]:
        """Hold the repository's lock over several changes of refs and index; no other process changes them meanwhile.

        Raises StateConflict when another process holds it for too long.
        """


class Folder(Protocol):
    """A folder that files are written to. Paths are checked: none leads outside, and no symbolic link is followed."""

    def write(
        self,
        path: str,
        pieces: Iterable[bytes],
        *,
        executable: bool = False,
        last: Callable[[], object] = lambda: None,
    ) -> FileStat:
        """Write a file whole or not at all, with its folders; what it is then.

        `last` is called when nothing is left to do but to give the file its name: what it raises stops that.
        """

    def remove(self, path: str) -> None:
        """Remove a file, and folders that are empty then."""

    def make_folder(self, path: str) -> None:
        """Make an empty folder, with those above it; one that is there stays."""


class Worktree(Folder, Protocol):
    """The files beside .mlm, read as checked as they are written."""

    def scan(self, under: str = "", tracked: Container[str] = (), *, ignored: bool = False) -> Iterator[FileStat]:
        """Every entry below a folder that is no folder, or an empty one, and that .mlmignore does not leave out.

        An entry that is `tracked` is not left out, unless a folder above it is. With `ignored` what is left out comes
        too, of kind IGNORED: a folder as one entry, and repositories' own folders.
        """

    def changes(self, staged: Staging) -> Iterator[FileStat]:
        """Of all that `scan` finds, what is not known to be as it was staged; also staged files that are GONE."""

    def stat(self, path: str) -> FileStat | None:
        """None when there is nothing; what lies behind a symbolic link is one itself."""

    def ignores(self, path: str) -> bool: ...

    def read(self, file: FileStat, start: int = 0) -> Iterator[bytes]:
        """Pieces of unixfs.CHUNK bytes from the byte `start` on.

        Raises StateConflict when the file is not, or does not stay, as `file` says.
        """

    def leaves(self, files: Sequence[FileStat]) -> Iterator[tuple[int, Cid, bytes]]:
        """The files in order, in the pieces of `read`: number of the file, the piece's CID as a leaf, its bytes.

        An empty file is one empty piece. Pieces are read and hashed ahead in threads, a bounded number of them.
        Raises as `read` does.
        """


@dataclass(frozen=True)
class Repo:
    """The ports of one repository."""

    objects: LocalBlocks
    index: Index
    refs: Refs
    tree: Worktree
