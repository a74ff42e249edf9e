"""Writing a tree out as files. The command `checkout` comes with branches; clones and tests need this already."""

from __future__ import annotations

from dataclasses import dataclass

from mlm.core import unixfs
from mlm.core.cid import Cid
from mlm.ports.blocks import Blocks
from mlm.ports.repo import Worktree


@dataclass(frozen=True)
class Written:
    files: int
    bytes: int


def write_tree(objects: Blocks, root: Cid, tree: Worktree) -> Written:
    """Write every file below a directory, each whole or not at all. Paths and sizes are checked before bytes.

    Raises InvalidData for a hostile tree, StorageError where a link or a folder stands in a file's place.
    """
    files = [(path, cid, unixfs.file_size(objects.get, cid)) for path, cid in unixfs.walk(objects.get, root)]
    for path, cid, size in files:
        tree.write(path, unixfs.read(objects.get, cid, max_bytes=size))
    return Written(len(files), sum(size for _, _, size in files))
