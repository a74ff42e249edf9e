"""The two sides of a diff, as Git has them: commits, the index, the working tree."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from mlm.core import unixfs
from mlm.core.cid import RAW, Cid
from mlm.core.content import Content, of_file
from mlm.core.errors import InvalidData, NotFound, StateConflict, UsageError
from mlm.ports.repo import FILE, FileStat, Repo, Staged
from mlm.workflows import repository
from mlm.workflows.repository import Progress, commit_files, quiet, read_commit, resolve, shown_path, staged_file

MAX_REFS = 2


class Damaged(InvalidData):
    """A block of the repository is damaged, which is no fault of the file that it belongs to."""


@dataclass(frozen=True)
class File:
    """A file of one side: `open` gives its content by range; whether its owner may run it."""

    cid: Cid
    executable: bool
    size: Callable[[], int]
    open: Callable[[], Content]


@dataclass(frozen=True)
class Side:
    """A name for people, the files by path, and what of the working tree is no file any more, and why."""

    name: str
    files: Mapping[str, File]
    odd: tuple[tuple[str, str], ...] = ()


class Watch:
    """Tells `progress` how many of `total` bytes are done."""

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress, self._total, self._done = progress, total, 0

    def tell(self, count: int, what: str) -> None:
        """So many more are done, of `what`."""
        self.reach(self._done + count, what)

    def reach(self, done: int, what: str) -> None:
        """So many are done in all."""
        self._done = done
        if done < self._total:
            self._progress(done, self._total, what)

    def end(self) -> None:
        """All are done."""
        self._progress(self._total, self._total, "")


def sides(
    repo: Repo, words: Sequence[str], inside: Callable[[str], str], staged: bool, progress: Progress = quiet
) -> tuple[Side, Side]:
    """What `words`, refs and then paths, compare: the index with the working tree, a commit with it, or two commits;

    with `staged` a commit (HEAD) with the index. `inside` makes a path from the project's root of what was typed.
    Raises NotFound for a word that is neither, UsageError for one that is both, StateConflict before the first commit.
    """
    index = repo.index.load()
    if words and re.fullmatch(r"[^./].*[^/]\.\.([^./].*)?", words[0]) and not _is_tracked(inside, words[0], index):
        old_ref, _, new_ref = words[0].partition("..")  # as `git diff A..B`: no name of a ref holds ".."
        words = [old_ref, new_ref or "HEAD", *words[1:]]
    refs, paths = _parse(repo, words, inside, 1 if staged else MAX_REFS, index)
    chosen = _Chosen(tuple(paths.items()))
    commits = [_commit(repo, ref, chosen) for ref in refs]
    if staged and not commits:
        head = repo.refs.head().commit
        commits = [Side("nothing yet", {}) if head is None else _commit(repo, "HEAD", chosen)]
    if staged:
        old, new = commits[0], _index(repo, index, chosen)
    elif len(commits) == MAX_REFS:
        old, new = commits
    else:
        new = _worktree(repo, index, chosen, progress)
        old = commits[0] if commits else _index(repo, index, chosen)
    chosen.check(old, new)
    return old, new


@dataclass(frozen=True)
class _Chosen:
    """The paths that were asked for, files and folders, each with why it is no ref; none means all."""

    paths: tuple[tuple[str, str], ...]

    def has(self, path: str) -> bool:
        return not self.paths or any(_below(path, chosen) for chosen, _ in self.paths)

    def check(self, old: Side, new: Side) -> None:
        """Raise NotFound for a path that neither side has."""
        for chosen, why in self.paths:
            if not any(_below(path, chosen) for side in (old, new) for path in side.files):
                raise NotFound(
                    f"no tracked file {shown_path(chosen) or '.'} in {old.name} or {new.name}; {why}",
                    hint="`mlm log` lists the commits, `mlm status` the files.",
                )


def _below(path: str, folder: str) -> bool:
    return not folder or path == folder or path.startswith(f"{folder}/")


def _parse(
    repo: Repo, words: Sequence[str], inside: Callable[[str], str], most: int, index: Mapping[str, Staged]
) -> tuple[list[str], dict[str, str]]:
    """Refs, and paths with why each is no ref. Refs come first; a word with a dot or a slash in front is a path."""
    refs: list[str] = []
    paths: dict[str, str] = {}
    for at, word in enumerate(words):
        why = f"expected at most {most} refs, before any path"
        if not paths and at < most:
            is_file = _is_tracked(inside, word, index)
            explicit = not word or word.startswith((".", "/"))
            why = "it is a path" if explicit else _why_no_ref(repo, word, is_file)
            if not why and is_file:
                raise UsageError(f"{word!r} is both a ref and a tracked file", hint=f"Type ./{word} for the file.")
        if why:
            paths[inside(word)] = why
        else:
            refs.append(word)
    return refs, paths


def _why_no_ref(repo: Repo, word: str, is_file: bool) -> str:
    """Why a word is no ref; empty if it is one.

    Raises StateConflict for HEAD before the first commit, UsageError for a prefix that fits several commits.
    """
    try:
        resolve(repo, word)
    except NotFound as error:
        return str(error)
    except UsageError as error:
        if is_file:
            return str(error)
        raise
    return ""


def _is_tracked(inside: Callable[[str], str], word: str, index: Mapping[str, Staged]) -> bool:
    try:
        path = inside(word)
    except UsageError:
        return False
    return any(_below(known, path) for known in index)


def _commit(repo: Repo, ref: str, chosen: _Chosen) -> Side:
    cid = resolve(repo, ref)
    files = commit_files(repo, read_commit(repo, cid))
    found = {path: _stored(repo, file) for path, file in files.items() if chosen.has(path)}
    return Side(f"commit {cid}", found)


def _index(repo: Repo, index: Mapping[str, Staged], chosen: _Chosen) -> Side:
    return Side("index", {path: _stored(repo, staged_file(entry)) for path, entry in index.items() if chosen.has(path)})


def _stored(repo: Repo, file: repository.File) -> File:
    def get(at: Cid) -> bytes:
        try:
            return repo.objects.get(at)
        except InvalidData as error:
            raise Damaged(str(error), hint=error.hint) from error

    return File(*file, lambda: unixfs.file_size(get, file.cid), lambda: of_file(get, file.cid))


def _worktree(repo: Repo, index: Mapping[str, Staged], chosen: _Chosen, progress: Progress) -> Side:
    """Tracked files as they are now; those whose stat is the staged one are not read."""
    files: dict[str, File] = {}
    odd: list[tuple[str, str]] = []
    changed: list[FileStat] = []
    # One walk is faster than a look at each path; what is ignored but tracked is looked at all the same.
    found = {} if chosen.paths else {stat.path: stat for stat in repo.tree.scan()}
    for path, entry in index.items():
        if not chosen.has(path):
            continue
        stat = found.get(path) or repo.tree.stat(path)
        if stat is None:
            continue
        if stat.kind != FILE:
            odd.append((path, f"expected a file, found a {stat.kind}"))
        elif entry.is_unchanged(stat):
            files[path] = _stored(repo, staged_file(entry))
        else:
            changed.append(stat)
    watch = Watch(progress, sum(stat.size for stat in changed))
    for stat in changed:
        files[stat.path] = _changed(repo, stat, watch)
    watch.end()
    return Side("working tree", files, tuple(odd))


def _changed(repo: Repo, stat: FileStat, watch: Watch) -> File:
    """A file of the working tree, read once for its CID; whoever compares it reads again what is needed."""
    leaves: list[tuple[Cid, int]] = []

    def emit(cid: Cid, block: bytes) -> None:
        if cid.codec == RAW:
            watch.tell(len(block), stat.path)
            leaves.append((cid, len(block)))

    entry = unixfs.file_of(((cid, data) for _, cid, data in repo.tree.leaves([stat])), emit)

    def load(at: int) -> bytes:
        piece = next(iter(repo.tree.read(stat, at * unixfs.CHUNK)), b"")
        if Cid.of(RAW, piece) != leaves[at][0]:
            raise StateConflict(f"{stat.path} changed while it was read", hint="Run the command again.")
        return piece

    return File(entry.cid, stat.executable, lambda: entry.size, lambda: Content(leaves, load))
