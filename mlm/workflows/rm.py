"""`mlm rm`: take files out of the index, and out of the working tree where nothing is lost by it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mlm.core.errors import NotFound, StateConflict, UsageError
from mlm.ports.repo import FILE, FOLDER, FileStat, Repo
from mlm.workflows.repository import (
    check_seen,
    check_stored,
    commit_files,
    covers,
    head_commit,
    is_same,
    shown_path,
    staged_file,
)


@dataclass(frozen=True)
class Removed:
    """The files that are no longer staged: those that are gone, or those that the working tree keeps."""

    removed: tuple[str, ...]
    unstaged: tuple[str, ...]


def rm(
    repo: Repo, paths: Sequence[str], *, cached: bool = False, recursive: bool = False, force: bool = False
) -> Removed:
    """Unstage files and, unless `cached`, remove them; the next commit lacks them. All or nothing.

    Raises NotFound for a path that nothing staged has, UsageError for a folder without `recursive`, StateConflict for
    a file whose content is neither in the last commit nor elsewhere, InvalidData or NotFound where what is stored of it
    is not whole: `force` removes it too.
    """
    with repo.refs.hold(), repo.index.edit() as entries:
        head = head_commit(repo)
        committed = {} if head is None else commit_files(repo, head[1])
        chosen: set[str] = set()
        for path in paths:
            below = [known for known in entries if covers(path, known)]
            if not below:
                raise NotFound(
                    f"nothing staged has the path {shown_path(path)}", hint="`mlm status` shows what there is."
                )
            if path not in entries and not recursive:
                raise UsageError(
                    f"not removing the folder {shown_path(path) or '.'} without -r", hint="mlm rm -r removes folders."
                )
            chosen.update(below)
        seen: dict[str, FileStat | None] = {}
        for path in sorted(chosen):
            staged, stat = entries[path], repo.tree.stat(path)
            seen[path] = stat
            if stat is not None and stat.kind not in (FILE, FOLDER) and not cached:
                raise StateConflict(f"{path} is no longer a regular file", hint="Use --cached to only unstage it.")
            if force or stat is None or stat.kind == FOLDER:
                continue
            file = staged_file(staged)
            same_as_head = committed.get(path) == file
            same_as_file = is_same(repo, staged, file, stat)
            if cached and not (same_as_head or same_as_file):
                what = "what is staged is neither the last commit's nor the file's"
            elif not cached and not same_as_file:
                what = "it has changes that are not staged"
            elif not cached and not same_as_head:
                what = "it has staged changes that no commit holds"
            else:
                continue
            raise StateConflict(
                f"not removing {path}: {what}", hint="--cached keeps the file, --force removes it all the same."
            )
        going = {} if cached else {path: stat for path, stat in seen.items() if stat is not None and stat.kind == FILE}
        if not force:
            for path in going:
                check_stored(repo, path, entries[path].cid)
        for path, stat in going.items():
            check_seen(repo, path, stat)
            repo.tree.remove(path)
        # The index comes last: the same command finds what a kill has left.
        for path in chosen:
            del entries[path]
    gone = tuple(sorted(chosen))
    return Removed((), gone) if cached else Removed(gone, ())
