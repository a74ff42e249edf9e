"""A repository on disk: `.mlm/` beside mlm.toml, and the files around it."""

from __future__ import annotations

from pathlib import Path

from mlm.adapters.blocks.packs import PackStore
from mlm.adapters.disk import refuse_links
from mlm.adapters.repo.index import FileIndex
from mlm.adapters.repo.refs import FileRefs
from mlm.adapters.repo.worktree import DiskTree
from mlm.core.paths import PRIVATE
from mlm.ports.repo import Repo


def open_repo(root: Path) -> Repo:
    """The ports of the repository whose `.mlm` stands, or is to stand, in `root`. Nothing is made yet.

    Raises InvalidData when a part of it is a symbolic link.
    """
    private = root / PRIVATE
    refuse_links(private)
    return Repo(PackStore(private / "objects"), FileIndex(private), FileRefs(private), DiskTree(root))
