"""`mlm checkout`: working tree, index and HEAD of another commit; and writing a whole tree out as files.

1. What differs between the commit that is left and the one that is gone to is decided by their trees alone.
2. Every path that differs must be, in the index and in the working tree, as one of the two has it, or nothing is done.
3. What goes is stored, sound: its blocks are read. Files are removed and written, each whole or not at all, and each
   only if nobody has changed it meanwhile; then the index; then HEAD.

So the same command completes what a kill has cut: each file is then as the one or the other commit has it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache, partial

from mlm.core import unixfs
from mlm.core.cid import Cid, is_cid
from mlm.core.errors import NotFound, StateConflict
from mlm.core.history import Commit, check_ref
from mlm.core.paths import check_path
from mlm.core.staging import Staging
from mlm.ports.blocks import Blocks
from mlm.ports.repo import FILE, FOLDER, FileStat, Folder, Repo, Staged
from mlm.workflows.repository import (
    File,
    Progress,
    check_seen,
    check_stored,
    commit_files,
    covers,
    file_entry,
    head_commit,
    is_ancestor,
    is_same,
    obstacle,
    quiet,
    resolve_commit,
    stage,
    staged_file,
    write_file,
)
from mlm.workflows.restore import check_whole, unread

_SHOWN = 3  # paths in a message


@dataclass(frozen=True)
class Written:
    """What was written: how many files and bytes, and what each file is then."""

    files: int
    bytes: int
    stats: tuple[FileStat, ...] = field(default=(), repr=False, compare=False)


@dataclass(frozen=True)
class CheckedOut:
    """What is checked out. `branch` is None for a commit by itself: a commit made there is on no branch.

    `made_from` is the remote branch that a branch of its name was made at; `left` is a commit that was checked out and
    is on no branch and under no tag, with the command that keeps it.
    """

    branch: str | None
    commit: Cid
    written: tuple[str, ...]
    removed: tuple[str, ...]
    made_from: str = field(default="", metadata={"quiet": ""})
    left: str = field(default="", metadata={"quiet": ""})


def write_tree(objects: Blocks, root: Cid, tree: Folder, executable: Iterable[str] = ()) -> Written:
    """Write every file below a directory, each whole or not at all. Paths and sizes are checked before bytes.

    Raises InvalidData for a hostile tree, StorageError where a link or a folder stands in a file's place.
    """
    size_of = cache(partial(unixfs.file_size, objects.get))
    files = [(path, cid, size_of(cid)) for path, cid in unixfs.walk(objects.get, root)]
    budget = unixfs.Budget()
    may_run = frozenset(executable)
    stats = tuple(
        tree.write(path, unixfs.read(objects.get, cid, max_bytes=size, budget=budget), executable=path in may_run)
        for path, cid, size in files
    )
    return Written(len(files), sum(size for _, _, size in files), stats)


def checkout(repo: Repo, ref: str = "HEAD", *, make: str = "", progress: Progress = quiet) -> CheckedOut:
    """Go to a branch, or to the commit that a tag or CID names; with `make` to a new branch there.

    A name that only one remote has as a branch becomes a branch here, at that commit. What is changed and the same in
    both commits is taken along. Raises NotFound, StateConflict when a file that
    differs has changes of its own, or an untracked one stands in its place: then nothing has been written.
    """
    if make:
        check_ref(f"heads/{make}")
    with repo.refs.hold():
        tracked = "" if make else _only_remote(repo, ref)
        make, ref = (ref, tracked) if tracked else (make, ref)
        try:
            cid, commit = resolve_commit(repo, ref)
        except NotFound as error:
            if ref in repo.index.load():
                error.hint = f"{ref} is a file: `mlm restore {ref}` brings it back as it was staged."
            raise
        branch = make or (ref if f"heads/{ref}" in repo.refs.all() and not is_cid(ref) else None)
        # A branch at this commit is what a run of the same command that was killed has left.
        if make and repo.refs.all().get(f"heads/{make}", cid) != cid:
            raise StateConflict(f"there is a branch {make} already", hint=f"`mlm checkout {make}` goes to it.")
        written, removed = switch(repo, commit, progress)
        if make and f"heads/{make}" not in repo.refs.all():
            repo.refs.set(f"heads/{make}", cid, None)
        left = _left(repo, cid)
        repo.refs.set_head(cid if branch is None else branch)
    return CheckedOut(branch, cid, written, removed, tracked, left)


def _left(repo: Repo, going_to: Cid) -> str:
    """What is said of a commit that only HEAD leads to."""
    head = repo.refs.head()
    if head.branch is not None or head.commit is None or is_ancestor(repo, head.commit, going_to):
        return ""
    if is_ancestor(repo, head.commit, *repo.refs.all().values()):
        return ""
    return f"{head.commit} is on no branch; `mlm branch NAME {str(head.commit)[:16]}` keeps it"


def _only_remote(repo: Repo, name: str) -> str:
    """REMOTE/NAME, where nothing here is called `name` and one remote has such a branch; else empty."""
    refs = repo.refs.all()
    if any(f"{kind}/{name}" in refs for kind in ("heads", "tags", "remotes")):
        return ""
    found = [ref for ref in refs if ref.startswith("remotes/") and ref.split("/", 2)[2:] == [name]]
    return found[0].removeprefix("remotes/") if len(found) == 1 else ""


def switch(
    repo: Repo, commit: Commit, progress: Progress, left: Commit | None = None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Bring files and index from the commit that is checked out, or `left`, to another, steps 1 to 3 but for HEAD.

    Paths written and removed; raises StateConflict as `checkout` does. The caller holds the refs, and moves HEAD.
    """
    if left is None and (head := head_commit(repo)) is not None:
        left = head[1]
    old = {} if left is None else commit_files(repo, left)
    new = old if left is not None and left.manifest == commit.manifest else commit_files(repo, commit)
    # (1) What differs.
    differs = what_differs(old, new)
    if not differs:
        return (), ()
    with repo.index.edit() as entries:
        # (2) Nothing that is nowhere else may be lost.
        stats = check_kept(repo, entries, old, new)
        removed = [path for path in differs if path not in new and path in entries and _is_file(stats[path])]
        coming = [path for path in differs if path in new]
        written = [path for path in coming if not is_same(repo, entries.get(path), new[path], stats[path])]
        for path in written:
            check_whole(repo, new[path].cid)
        for path in (*removed, *written):
            if _is_file(stats[path]) and path in old:
                check_stored(repo, path, old[path].cid)
        sizes = {path: unixfs.file_size(repo.objects.get, new[path].cid) for path in written}
        # (3) Files, index.
        for path in written:
            below = [other for other in differs if other not in new and covers(path, other)]
            _clear(repo, path, stats, {other: other in removed for other in below}, old)
        for path in removed:
            if repo.tree.stat(path) is not None:  # where a file comes it is gone
                check_seen(repo, path, stats[path])
            repo.tree.remove(path)
        came: list[FileStat] = []
        done, total = 0, sum(sizes.values())
        for path in written:
            progress(done, total, path)
            seen = stats[path] if _is_file(stats[path]) else None
            came.append(write_file(repo, path, new[path], partial(check_seen, repo, path, seen)))
            done += sizes[path]
        progress(total, total, "")
        for path in differs:
            if path not in new:
                entries.pop(path, None)
            elif path not in entries or staged_file(entries[path]) != new[path]:
                entries[path] = _restaged(repo, path, new[path])
        entries.update(staged_as_written(repo, came, new))
    return tuple(written), tuple(removed)


def what_differs(old: Mapping[str, File], new: Mapping[str, File]) -> list[str]:
    """Paths that are not the same in two commits, in order."""
    return [path for path in sorted(old.keys() | new.keys()) if old.get(path) != new.get(path)]


def check_kept(
    repo: Repo, entries: Staging, old: Mapping[str, File], new: Mapping[str, File], doing: str = "checking out"
) -> dict[str, FileStat | None]:
    """The stats of all paths that differ; raises StateConflict where something that is nowhere else would be lost."""
    stats = {path: repo.tree.stat(path) for path in what_differs(old, new)}
    theirs = _changed(repo, entries, old, new, stats) + _in_the_way(repo, entries, new, stats)
    if theirs:
        more = f" and {len(theirs) - _SHOWN} more" if len(theirs) > _SHOWN else ""
        raise StateConflict(
            f"{doing} would overwrite changes of {', '.join(theirs[:_SHOWN])}{more}",
            hint="Commit them, or give them up with `mlm restore` (untracked files: move them away).",
        )
    return stats


def _is_file(stat: FileStat | None) -> bool:
    return stat is not None and stat.kind == FILE


def _clear(
    repo: Repo, path: str, stats: dict[str, FileStat | None], below: dict[str, bool], old: dict[str, File]
) -> None:
    """Make room for a file where a folder is: what is tracked in it goes. What is ignored stays, and stops this.

    `below` are the tracked files, and whether each is there: the folder of one that is gone may be.
    """
    stat = stats[path]
    if stat is None or stat.kind != FOLDER:
        return
    for file, there in below.items():
        if there:
            check_seen(repo, file, stats[file])
    for file, there in below.items():
        if there or repo.tree.stat(file) is None:
            repo.tree.remove(file)
    if repo.tree.stat(path) is None:
        return
    for file in (file for file, there in below.items() if there):
        write_file(repo, file, old[file])
    raise StateConflict(
        f"cannot write {path}: the folder there holds what is not tracked", hint="Move it away, then try again."
    )


def staged_as_written(repo: Repo, stats: Iterable[FileStat], files: Mapping[str, File]) -> dict[str, Staged]:
    """The entries of files that were written just now, from their stats: none has to be read again."""
    clock = repo.index.clock()
    return {stat.path: stage(stat, clock, file_entry(repo.objects.get, files[stat.path].cid)) for stat in stats}


def _restaged(repo: Repo, path: str, file: File) -> Staged:
    """The entry of a file that is there now and was not written by us: it is looked at once more."""
    stat = repo.tree.stat(path)
    if stat is None or stat.kind != FILE:
        return unread(repo, path, file)
    return stage(stat, 0, file_entry(repo.objects.get, file.cid))


def _changed(
    repo: Repo,
    entries: Staging,
    old: Mapping[str, File],
    new: Mapping[str, File],
    stats: dict[str, FileStat | None],
) -> list[str]:
    """Paths whose staged or own content neither commit has: it would be lost."""
    found = []
    for path, stat in stats.items():
        staged = entries.get(path)
        known = [file for file in (old.get(path), new.get(path)) if file is not None]
        if staged is not None:
            kept = stat is None or stat.kind == FOLDER or any(is_same(repo, staged, file, stat) for file in known)
            if staged_file(staged) not in known or not kept:
                found.append(path)
        elif path in new and _is_file(stat):  # untracked: it stays where the new commit has none
            if not is_same(repo, None, new[path], stat):
                found.append(path)
        elif path in new and path in old:
            found.append(path)  # its removal is staged
    return found


def _in_the_way(repo: Repo, entries: Staging, new: Mapping[str, File], stats: dict[str, FileStat | None]) -> list[str]:
    """Untracked things that stand where a file or a folder has to come."""
    going = {path for path in stats if path not in new and path in entries}
    found = []
    for path, stat in stats.items():
        if path not in new:
            continue
        check_path(path)
        if stat is not None and stat.kind == FOLDER:
            files = (below.path for below in repo.tree.scan(path) if below.kind != FOLDER)
            found += [below for below in files if below not in going][:1]
        elif stat is not None and stat.kind != FILE:
            found.append(path)
        elif (parent := obstacle(repo, path)) and parent not in going:
            found.append(parent)
    return list(dict.fromkeys(found))
