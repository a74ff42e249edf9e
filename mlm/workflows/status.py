"""`mlm status`: what differs between the last commit, the index and the working tree. Unchanged files are not read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from mlm.core.cid import Cid
from mlm.core.errors import StateConflict, StorageError
from mlm.core.staging import Staging
from mlm.ports.repo import FILE, FOLDER, GONE, FileStat, Head, Repo, Staged
from mlm.workflows.repository import (
    Progress,
    commit_files,
    quiet,
    read_commit,
    read_files,
    shown_path,
    stage,
    staged_files,
)

NEW, MODIFIED, DELETED, UNTRACKED = "new", "modified", "deleted", "untracked"


@dataclass(frozen=True)
class Change:
    """A path, and what happened to it; a folder that holds nothing tracked ends with "/"."""

    what: str
    path: str


@dataclass(frozen=True)
class Status:
    """`staged` is what the next commit changes, `changed` what `add` would stage.

    `detached`: a commit by itself is checked out, and the next one will be on no branch.
    """

    branch: str | None
    commit: Cid | None
    clean: bool
    staged: tuple[Change, ...]
    changed: tuple[Change, ...]
    untracked: tuple[Change, ...]
    detached: bool = field(default=False, metadata={"quiet": False})


def status(repo: Repo, progress: Progress = quiet) -> Status:
    """Compare commit, index and working tree. Files whose stat is the staged one are taken as unchanged."""
    head = repo.refs.head()
    index = repo.index.load()
    changed: list[Change] = []
    untracked: list[str] = []
    doubtful: list[FileStat] = []
    known = len(index)  # by their stat
    for stat in repo.tree.changes(index):
        if stat.path not in index:
            untracked.append(stat.path)
            continue
        known -= 1
        if stat.kind in (GONE, FOLDER):
            changed.append(Change(DELETED, stat.path))
        else:
            doubtful.append(stat)
    refreshed = _read_again(repo, index, doubtful, progress) if doubtful else {}
    changed += [Change(MODIFIED, stat.path) for stat in doubtful if stat.path not in refreshed]
    staged, same = _staged(repo, head, index, known > 0)
    _save(repo, index, refreshed, head.commit if same else None)
    left = tuple(Change(UNTRACKED, path) for path in _folded(untracked, index)) if untracked else ()
    return Status(
        branch=head.branch,
        commit=head.commit,
        clean=not (staged or changed or left),
        staged=staged,
        changed=tuple(sorted(changed, key=lambda change: change.path)),
        untracked=left,
        detached=head.branch is None,
    )


def compare_trees(old: Mapping[str, object], new: Mapping[str, object]) -> tuple[Change, ...]:
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


def _read_again(repo: Repo, index: Staging, doubtful: list[FileStat], progress: Progress) -> dict[str, Staged]:
    """Of the files whose stat is another one, those that are as they were staged, with their new stat."""
    clock = repo.index.clock()
    alike = [stat for stat in doubtful if _may_be_same(index[stat.path], stat)]
    same: dict[str, Staged] = {}
    files = alike
    while files:
        done = 0
        try:
            for stat, entry in read_files(repo.tree, files, progress=progress):
                done += 1
                if entry.cid == index[stat.path].cid:
                    same[stat.path] = stage(stat, clock, entry)
        except StateConflict:
            done += 1  # a file that changes while it is read is another one
        files = files[done:]
    return same


def _may_be_same(staged: Staged, stat: FileStat) -> bool:
    return stat.kind == FILE and stat.size == staged.stat.size and stat.executable == staged.stat.executable


def _save(repo: Repo, index: Staging, refreshed: dict[str, Staged], commit: Cid | None) -> None:
    """Remember what was found out, so that the next status need not. Only saves time: may be left out."""
    useful = {path: entry for path, entry in refreshed.items() if entry != index[path]}
    if not useful and index.commit == commit:
        return
    try:
        with repo.index.edit(timeout=0) as entries:
            if entries == index:
                entries.update(useful)
                entries.commit = commit
    except (StateConflict, StorageError):
        return


def _staged(repo: Repo, head: Head, index: Staging, ours: bool) -> tuple[tuple[Change, ...], bool]:
    """The index against the last commit, and whether it is the same: an index that is `ours` may know from before."""
    if head.commit is None:
        return tuple(Change(NEW, path) for path in sorted(index)), False
    if ours and index.commit == head.commit:
        return (), True
    found = compare_trees(commit_files(repo, read_commit(repo, head.commit)), staged_files(index))
    return found, not found


def _folded(paths: Iterable[str], index: Staging) -> list[str]:
    """Untracked paths, each folder without anything tracked as one."""
    tracked = {path[:at] for path in index for at, char in enumerate(path) if char == "/"}
    found: set[str] = set()
    for path in paths:
        folders = (path[:at] for at, char in enumerate(path) if char == "/")
        top = next((folder for folder in folders if folder not in tracked), None)
        found.add(shown_path(path if top is None else f"{top}/"))
    return sorted(found)
