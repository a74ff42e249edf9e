"""The working tree on disk. No symbolic link is followed below the root, neither to read nor to write."""

from __future__ import annotations

import os
import stat as modes
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from pathlib import Path

from mlm.adapters.disk import open_regular, read_at, storage_errors
from mlm.adapters.repo import inside, reading
from mlm.core import ignore
from mlm.core.cid import Cid
from mlm.core.errors import StateConflict, StorageError
from mlm.core.paths import PRIVATE, check_path
from mlm.core.staging import Staging
from mlm.core.unixfs import CHUNK
from mlm.ports.repo import FILE, FOLDER, GONE, IGNORED, OTHER, SYMLINK, FileStat

_KINDS = {modes.S_IFREG: FILE, modes.S_IFDIR: FOLDER, modes.S_IFLNK: SYMLINK}
_KIND, _MODE = 0o170000, 0o7777  # the bits of st_mode
_Todo = list[tuple[str, list[ignore.Rules]]]  # folders to list, each ended by "/", and the rules above them


class DiskTree:
    """Implements ports.repo.Worktree."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._private = root / PRIVATE

    def scan(self, under: str = "", tracked: Container[str] = (), *, ignored: bool = False) -> Iterator[FileStat]:
        todo: _Todo = [(f"{under}/" if under else "", self._rules_above(under))]
        for prefix, stack, entries in self._folders(todo):
            if not entries and prefix.removesuffix("/") != under:
                yield FileStat(prefix.removesuffix("/"), 0, 0, 0, 0, 0, FOLDER)
            for entry in entries:
                path = prefix + entry.name
                is_folder = entry.is_dir(follow_symlinks=False)
                if _is_left_out(stack, entry.name, path, is_folder, tracked):
                    if ignored:
                        yield FileStat(f"{path}/" if is_folder else path, 0, 0, 0, 0, 0, IGNORED)
                elif is_folder:
                    todo.append((f"{path}/", stack))
                elif found := _look(entry):
                    yield _stat(path, found)

    def changes(self, staged: Staging) -> Iterator[FileStat]:
        left = staged.records()
        todo: _Todo = [("", [])]
        for prefix, stack, entries in self._folders(todo):
            for entry in entries:
                path = prefix + entry.name
                record = left.pop(path, None)
                is_folder = record is None and entry.is_dir(follow_symlinks=False)
                if record is None and _is_left_out(stack, entry.name, path, is_folder, staged):
                    continue
                if is_folder:
                    todo.append((f"{path}/", stack))
                    continue
                try:
                    found = entry.stat(follow_symlinks=False)
                except FileNotFoundError:  # removed since its folder was listed
                    if record is not None:
                        left[path] = record
                    continue
                # What is done here for an unchanged file is most of what `mlm status` does.
                mode = found.st_mode
                size, mtime, ctime = found.st_size, found.st_mtime_ns, found.st_ctime_ns
                same = record is not None and (size, mtime, ctime, found.st_ino, mode & _MODE) == record[:5]
                if same and record[6] and mode & _KIND == modes.S_IFREG:  # type: ignore[index]  # `same` says so
                    continue
                yield _stat(path, found)
                if mode & _KIND == modes.S_IFDIR:
                    todo.append((f"{path}/", stack))
        for path in sorted(left):  # gone, or below a folder that is left out now
            at = self.stat(path)
            if at is None:
                yield FileStat(path, 0, 0, 0, 0, 0, GONE)
            elif not staged.is_unchanged(at):
                yield at

    def _folders(self, todo: _Todo) -> Iterator[tuple[str, list[ignore.Rules], list[os.DirEntry[str]]]]:
        """What is in each folder of `todo`, with the rules that hold there. Whoever iterates adds those below.

        Without recursion: a tree may be deeper than Python's stack.
        """
        while todo:
            prefix, stack = todo.pop()
            entries = self._listing(prefix)
            if ignore.FILE in [entry.name for entry in entries]:
                stack = [*stack, *self._rules(prefix.removesuffix("/"), prefix.count("/"))]
            yield prefix, stack, entries

    def stat(self, path: str) -> FileStat | None:
        with storage_errors("cannot look at a file"):
            try:
                link = self._link_above(path)
                return _stat(path, os.lstat(self._root / path if link is None else link))
            except (FileNotFoundError, NotADirectoryError):
                return None

    def ignores(self, path: str) -> bool:
        names = path.split("/")
        stack: list[ignore.Rules] = []
        for depth in range(1, len(names) + 1):
            stack = [*stack, *self._rules("/".join(names[: depth - 1]), depth - 1)]
            part = "/".join(names[:depth])
            if ignore.is_ignored(stack, part, depth < len(names) or (self._root / part).is_dir()):
                return True
        return False

    def read(self, file: FileStat, start: int = 0) -> Iterator[bytes]:
        with storage_errors("cannot read a file"):
            handle = self._open(file)
            try:
                _expect(file, handle)
                at = start
                while piece := read_at(handle, at, CHUNK):
                    at += len(piece)
                    yield piece
                # Bytes of two versions must not become one file.
                _expect(file, handle)
            finally:
                os.close(handle)

    def leaves(self, files: Sequence[FileStat]) -> Iterator[tuple[int, Cid, bytes]]:
        return reading.leaves(files, self._open, _expect)

    def write(
        self,
        path: str,
        pieces: Iterable[bytes],
        *,
        executable: bool = False,
        last: Callable[[], object] = lambda: None,
    ) -> FileStat:
        check_path(path)
        # Staged in .mlm where there is one: what a kill leaves is then no file of the tree.
        staging = self._private if self._private.is_dir() else None
        mode = 0o755 if executable else 0o644
        with storage_errors("cannot write a file"):
            return _stat(path, inside.write(self._root, path, pieces, mode, staging, last))

    def remove(self, path: str) -> None:
        check_path(path)
        with storage_errors("cannot remove a file"):
            inside.remove(self._root, path)

    def make_folder(self, path: str) -> None:
        check_path(path)
        with storage_errors("cannot make a folder"), inside.folders(self._root, path.split("/"), make=True):
            pass

    def _open(self, file: FileStat) -> int:
        self._check_folders(file.path)
        return os.open(self._root / file.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)

    def _check_folders(self, path: str) -> None:
        """Raise StorageError when the way to `path` leads over a symbolic link."""
        if link := self._link_above(path):
            raise StorageError(f"{path} lies behind the symbolic link {link}: mlm does not follow it")

    def _link_above(self, path: str) -> Path | None:
        folder = self._root
        for name in path.split("/")[:-1]:
            folder = folder / name
            if folder.is_symlink():
                return folder
        return None

    def _rules(self, folder: str, depth: int) -> list[ignore.Rules]:
        path = self._root / folder / ignore.FILE
        with storage_errors("cannot read the ignore file"):
            if path.is_symlink() or not path.is_file():
                return []
            # One byte more than is allowed tells that it is too large, and no more of it is held.
            with open(open_regular(path), "rb") as file:
                text = file.read(ignore.MAX_BYTES + 1)
        rules = ignore.parse(text, depth, f"{folder}/{ignore.FILE}".lstrip("/"))
        return [rules] if rules.rules else []

    def _rules_above(self, under: str) -> list[ignore.Rules]:
        """The ignore files of the folders above `under`, whose own is read by the scan."""
        names = under.split("/") if under else []
        above = ["/".join(names[:depth]) for depth in range(len(names))]
        return [rules for depth, folder in enumerate(above) for rules in self._rules(folder, depth)]

    def _listing(self, prefix: str) -> list[os.DirEntry[str]]:
        with storage_errors("cannot list a folder"):
            try:
                with os.scandir(self._root / prefix) as entries:
                    return list(entries)
            except FileNotFoundError:
                return []


def _is_left_out(stack: list[ignore.Rules], name: str, path: str, is_folder: bool, tracked: Container[str]) -> bool:
    return name in ignore.ALWAYS or bool(stack and path not in tracked and ignore.is_ignored(stack, path, is_folder))


def _look(entry: os.DirEntry[str]) -> os.stat_result | None:
    """None for an entry that was removed since its folder was listed."""
    try:
        return entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        return None


def _stat(path: str, found: os.stat_result) -> FileStat:
    mode = found.st_mode
    times = found.st_mtime_ns, found.st_ctime_ns
    return FileStat(path, found.st_size, *times, found.st_ino, mode & _MODE, _KINDS.get(mode & _KIND, OTHER))


def _expect(file: FileStat, handle: int) -> None:
    if _stat(file.path, os.fstat(handle)) != file:
        raise StateConflict(
            f"{file.path} changed while it was read", hint="Wait until it is written, then run the command again."
        )
