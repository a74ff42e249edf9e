"""`mlm status`: what differs between the last commit, the index and the working tree. Unchanged files are not read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from mlm.core import unixfs
from mlm.core.cid import Cid
from mlm.core.errors import StateConflict, StorageError
from mlm.ports.repo import FILE, FOLDER, FileStat, Repo, Staged
from mlm.workflows.repository import discard, head_commit, is_unchanged, shown_path, stage, staged_tree, tree_files

NEW, MODIFIED, DELETED, UNTRACKED = "new", "modified", "deleted", "untracked"


@dataclass(frozen=True)
class Change:
    """A path, and what happened to it; a folder that holds nothing tracked ends with "/"."""

    what: str
    path: str


@dataclass(frozen=True)
class Status:
    """`staged` is what the next commit changes, `changed` what `add` would stage."""

    branch: str | None
    commit: Cid | None
    clean: bool
    staged: tuple[Change, ...]
    changed: tuple[Change, ...]
    untracked: tuple[Change, ...]


def status(repo: Repo) -> Status:
    """Compare commit, index and working tree. Files whose stat is the staged one are taken as unchanged."""
    head = repo.refs.head()
    clock = repo.tree.clock()
    index = repo.index.load()
    changed: list[Change] = []
    untracked: list[str] = []
    refreshed: dict[str, Staged] = {}
    seen: set[str] = set()

    def compare(staged: Staged, stat: FileStat | None) -> None:
        if stat is None or stat.kind == FOLDER:
            changed.append(Change(DELETED, staged.stat.path))
        elif not is_unchanged(staged, stat):
            again = _read_again(repo, staged, stat, clock)
            if again is None:
                changed.append(Change(MODIFIED, stat.path))
            else:
                refreshed[stat.path] = again

    for stat in repo.tree.scan():
        if stat.path in index:
            seen.add(stat.path)
            compare(index[stat.path], stat)
        else:
            untracked.append(stat.path)
    for path in index.keys() - seen:
        compare(index[path], repo.tree.stat(path))
    _save(repo, index, refreshed)
    staged_changes = _staged(repo, index)
    left = tuple(Change(UNTRACKED, path) for path in _folded(untracked, index))
    return Status(
        branch=head.branch,
        commit=head.commit,
        clean=not (staged_changes or changed or left),
        staged=staged_changes,
        changed=tuple(sorted(changed, key=lambda change: change.path)),
        untracked=left,
    )


def compare_trees(old: dict[str, Cid], new: dict[str, Cid]) -> tuple[Change, ...]:
    """What leads from one tree's files to another's, in order of paths."""
    changes = []
    for path in sorted(old.keys() | new.keys()):
        if path not in old:
            changes.append(Change(NEW, path))
        elif path not in new:
            changes.append(Change(DELETED, path))
        elif old[path] != new[path]:
            changes.append(Change(MODIFIED, path))
    return tuple(changes)


def _read_again(repo: Repo, staged: Staged, stat: FileStat, clock: int) -> Staged | None:
    """The entry with its new stat when the content is the staged one; None when it is not."""
    if stat.kind != FILE or stat.size != staged.stat.size:
        return None
    entry = unixfs.file(repo.tree.read(stat), discard)
    return stage(repo, stat, clock, entry) if entry.cid == staged.cid else None


def _save(repo: Repo, index: dict[str, Staged], refreshed: dict[str, Staged]) -> None:
    """Remember the new stats, so that the next status need not read these files. Only saves time: may be left out."""
    useful = {path: entry for path, entry in refreshed.items() if entry != index[path]}
    if not useful:
        return
    try:
        with repo.index.edit(timeout=0) as entries:
            for path, entry in useful.items():
                if entries.get(path) == index[path]:
                    entries[path] = entry
    except (StateConflict, StorageError):
        return


def _staged(repo: Repo, index: dict[str, Staged]) -> tuple[Change, ...]:
    """The index against the last commit: equal root CIDs settle it without reading a directory."""
    found = head_commit(repo)
    if found is None:
        return tuple(Change(NEW, path) for path in sorted(index))
    if index and staged_tree(index).cid == found[1].tree:
        return ()
    return compare_trees(tree_files(repo, found[1].tree), {path: entry.cid for path, entry in index.items()})


def _folded(paths: Iterable[str], index: dict[str, Staged]) -> list[str]:
    """Untracked paths, each folder without anything tracked as one."""
    tracked = {path[:at] for path in index for at, char in enumerate(path) if char == "/"}
    found: set[str] = set()
    for path in paths:
        folders = (path[:at] for at, char in enumerate(path) if char == "/")
        top = next((folder for folder in folders if folder not in tracked), None)
        found.add(shown_path(path if top is None else f"{top}/"))
    return sorted(found)
