"""`mlm restore`: bring files back, from the index or a commit; or the index, from a commit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mlm.core import dag
from mlm.core.cid import Cid
from mlm.core.errors import NotFound, StateConflict
from mlm.core.paths import check_path
from mlm.core.staging import EXECUTABLE, Staging
from mlm.ports.repo import FILE, FOLDER, FileStat, Repo, Staged
from mlm.workflows.repository import (
    File,
    check_stored,
    commit_files,
    covers,
    file_entry,
    head_commit,
    is_same,
    obstacle,
    resolve_commit,
    shown_path,
    staged_file,
    staged_files,
    write_file,
)


@dataclass(frozen=True)
class Restored:
    """What was brought back, in the index when `staged`, else in the working tree; from the index or a commit."""

    source: str
    staged: bool
    restored: tuple[str, ...]
    removed: tuple[str, ...]


def restore(repo: Repo, paths: Sequence[str], *, staged: bool = False, source: str = "") -> Restored:
    """Files from the index, or from the commit `source`; with `staged` the index, from HEAD or `source`.

    What is tracked and not in the source goes. Changes that are not staged are lost: that is what it is for. All is
    decided before the first write. Raises NotFound for a path that neither source nor index has, StateConflict where a
    folder or a link stands in a file's place.
    """
    with repo.refs.hold(), repo.index.edit() as entries:
        wanted, name = _source(repo, entries, staged, source)
        chosen: set[str] = set()
        for path in paths:
            below = {known for known in (*wanted, *entries) if covers(path, known)}
            if not below:
                there = not source and not staged and (head := head_commit(repo)) and commit_files(repo, head[1])
                hint = f"`mlm restore --source HEAD {shown_path(path)}` brings the last commit's."
                is_there = there and any(covers(path, known) for known in there)
                raise NotFound(
                    f"nothing in {name} has the path {shown_path(path)}",
                    hint=hint if is_there else "`mlm status` shows paths.",
                )
            chosen |= below
        for path in chosen:
            check_path(path)
        act = _index if staged else _files
        restored, removed = act(repo, entries, {path: wanted.get(path) for path in sorted(chosen)})
    return Restored(name, staged, restored, removed)


def _source(repo: Repo, entries: Staging, staged: bool, source: str) -> tuple[dict[str, File], str]:
    """The files to take from, by path, and what to call them."""
    if source:
        cid, commit = resolve_commit(repo, source)
        return commit_files(repo, commit), str(cid)
    if not staged:
        return staged_files(entries), "index"
    head = head_commit(repo)  # before the first commit nothing was staged
    return ({}, "HEAD") if head is None else (commit_files(repo, head[1]), str(head[0]))


def _index(repo: Repo, entries: Staging, chosen: dict[str, File | None]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    now = {path: staged_file(entries[path]) for path in chosen if path in entries}
    changed = {path: file for path, file in chosen.items() if file != now.get(path)}
    for path, file in changed.items():
        if file is None:
            del entries[path]
        else:
            entries[path] = unread(repo, path, file)
    return _split(changed)


def _files(repo: Repo, entries: Staging, chosen: dict[str, File | None]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    changed: dict[str, File | None] = {}
    going = {path for path, file in chosen.items() if file is None and _is_file(repo, path)}
    for path, file in chosen.items():
        if file is not None and (there := _in_the_way(repo, path, going)):
            raise StateConflict(f"cannot restore {path}: {there}", hint="Move it away, then run the command again.")
        if path in going if file is None else not is_same(repo, entries.get(path), file, repo.tree.stat(path)):
            changed[path] = file
    for file in filter(None, changed.values()):
        check_whole(repo, file.cid)
    for path in changed:
        stat, staged = repo.tree.stat(path), entries.get(path)
        if staged is not None and is_same(repo, staged, staged_file(staged), stat):
            check_stored(repo, path, staged.cid)
    for path, file in changed.items():
        if file is None:
            repo.tree.remove(path)
    for path, file in changed.items():
        if file is not None:
            write_file(repo, path, file)
    return _split(changed)


def _in_the_way(repo: Repo, path: str, going: set[str]) -> str:
    """What stands where a file has to come, in words; empty when nothing does that stays."""
    stat, above = repo.tree.stat(path), obstacle(repo, path)
    if stat is not None and stat.kind == FOLDER:
        stays = [below.path for below in repo.tree.scan(path) if below.path not in going]
        return "a folder is there" if stays else ""
    if above is not None:
        return "" if above in going else f"{above} is no folder"
    return "" if stat is None or stat.kind == FILE else f"a {stat.kind} is there"


def _is_file(repo: Repo, path: str) -> bool:
    stat = repo.tree.stat(path)
    return stat is not None and stat.kind == FILE


def unread(repo: Repo, path: str, file: File) -> Staged:
    """The index entry of a stored file that nothing is known of in the working tree: it is read at the next look."""
    entry = file_entry(repo.objects.get, file.cid)
    stat = FileStat(path, entry.size, 0, 0, 0, EXECUTABLE if file.executable else 0)
    return Staged(file.cid, entry.tsize, stat, settled=False)


def check_whole(repo: Repo, cid: Cid) -> None:
    """Raise NotFound unless every block of a stored file is here: nothing is written before that is known."""
    for block in dag.dag(repo.objects, cid):
        if not repo.objects.has(block):
            raise NotFound(f"no block {block} of {cid} here", hint="`mlm fsck` names what is missing.")


def _split(changed: Mapping[str, File | None]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return (
        tuple(path for path, file in changed.items() if file is not None),
        tuple(path for path, file in changed.items() if file is None),
    )
