"""`mlm add`: stage files. Their bytes are stored now, so that a commit holds what was added, whatever happens after."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter

from mlm.core import dag, unixfs
from mlm.core.cid import Cid
from mlm.core.errors import InvalidData, NotFound, UsageError
from mlm.core.paths import check_path
from mlm.core.staging import Staging
from mlm.ports.repo import FILE, FOLDER, SYMLINK, FileStat, Repo, Staged
from mlm.workflows.repository import Progress, counted, quiet, shown_path, stage


@dataclass(frozen=True)
class Added:
    """What `add` staged: files whose content was read, files that are gone, and the blocks that were new.

    `left_out` are the empty folders that were met: a commit holds files, as Git's does.
    """

    staged: tuple[str, ...]
    removed: tuple[str, ...]
    left_out: tuple[str, ...]
    new_blocks: int
    bytes: int


def add(repo: Repo, paths: Sequence[str], progress: Progress = quiet) -> Added:
    """Stage files and folders by path from the project's root ("" is the root); deletions below them too.

    A file that is named is read though it is known, and stored again where its blocks are damaged; so is one whose
    blocks are gone. All or nothing: raises NotFound for a path that is not there, UsageError for an ignored one,
    InvalidData for a symbolic link, a device or an unsafe name, StateConflict when a file changes while it is read.
    """
    repo.refs.head()
    clock = repo.index.clock()
    index = repo.index.load()
    chosen: dict[str, FileStat] = {}
    removed: set[str] = set()
    for path in paths:
        _choose(repo, index, path, chosen, removed)
    empty = tuple(sorted(f"{path}/" for path, stat in chosen.items() if stat.kind == FOLDER))
    files = [stat for _, stat in sorted(chosen.items()) if stat.kind != FOLDER]
    links = [stat.path for stat in files if stat.kind == SYMLINK]
    if len(links) > 1:
        raise InvalidData(
            f"{len(links)} symbolic links, {shown_path(links[0])} the first: expected files",
            hint="Copy the files they point to, or add the links to .mlmignore.",
        )
    for stat in files:
        check_file(stat)
    named = frozenset(paths)
    changed = [
        stat
        for stat in files
        if stat.path in named or not index.is_unchanged(stat) or not _is_here(repo, index[stat.path].cid)
    ]
    staged: dict[str, Staged] = {}

    def blocks() -> Iterator[tuple[Cid, bytes]]:
        for number, leaves in groupby(counted(repo.tree, changed, progress), key=itemgetter(0)):
            entry = yield from unixfs.file_blocks((cid, data) for _, cid, data in leaves)
            staged[changed[number].path] = stage(changed[number], clock, entry)

    new = repo.objects.put(blocks())
    if staged or removed:
        with repo.index.edit() as entries:
            _update(entries, staged, removed)
    different = [
        path
        for path, entry in staged.items()
        if path not in index or index[path].cid != entry.cid or index[path].stat.executable != entry.stat.executable
    ]
    size = sum(stat.size for stat in changed)
    return Added(tuple(sorted(different)), tuple(sorted(removed)), empty, new, size)


def _is_here(repo: Repo, cid: Cid) -> bool:
    """Whether every block of a staged file is here: one that was damaged may have been taken out."""
    try:
        return all(repo.objects.has(block) for block in dag.dag(repo.objects, cid))
    except (NotFound, InvalidData):
        return False


def _choose(repo: Repo, index: Staging, path: str, chosen: dict[str, FileStat], removed: set[str]) -> None:
    """Add to `chosen` the files and empty folders that `path` means, and to `removed` the staged ones that are gone."""
    stat = repo.tree.stat(path) if path else None
    below = [known for known in index if not path or known == path or known.startswith(f"{path}/")]
    if path and stat is None and not below:
        raise NotFound(f"no such file: {shown_path(path)}", hint="`mlm status` shows what there is to add.")
    if stat is not None and stat.kind != FOLDER:
        if path not in index and repo.tree.ignores(path):
            raise UsageError(f"{path} is ignored by .mlmignore", hint="Change .mlmignore to add it.")
        chosen[path] = stat
    elif not path or stat is not None:
        if path and repo.tree.ignores(path) and not below:
            raise UsageError(f"{path} is ignored by .mlmignore", hint="Change .mlmignore to add it.")
        chosen.update((found.path, found) for found in repo.tree.scan(path, index))
    for known in below:
        # What is tracked stays so, even where .mlmignore would now leave it out.
        if known not in chosen:
            found = repo.tree.stat(known)
            if found is not None and found.kind == FILE:
                chosen[known] = found
            else:
                removed.add(known)


def check_file(stat: FileStat) -> None:
    """Raise InvalidData for what no tree holds: a symbolic link, a device, a name that is unsafe somewhere."""
    try:
        check_path(stat.path)
    except InvalidData as error:
        raise InvalidData(str(error), hint="Rename it, or add it to .mlmignore.") from error
    if stat.kind == SYMLINK:
        raise InvalidData(
            f"{stat.path} is a symbolic link: expected a file",
            hint="Copy the file it points to, or add it to .mlmignore.",
        )
    if stat.kind != FILE:
        raise InvalidData(f"{stat.path} is no regular file", hint="Add it to .mlmignore.")


def _update(entries: Staging, staged: dict[str, Staged], removed: set[str]) -> None:
    """Put what was staged into the index; an entry that is now a folder, or lies below what is now a file, goes."""
    for path in removed:
        entries.pop(path, None)
    folders = {path[:at] for path in staged for at, char in enumerate(path) if char == "/"}
    for path in list(entries):
        parents = (path[:at] for at, char in enumerate(path) if char == "/")
        if path in folders or any(parent in staged for parent in parents):
            del entries[path]
    entries.update(staged)
