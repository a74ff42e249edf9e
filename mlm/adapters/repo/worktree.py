"""The working tree on disk. No symbolic link is followed below the root, neither to read nor to write."""

from __future__ import annotations

import os
import stat as modes
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from mlm.adapters.disk import replace_file, storage_errors, temporary
from mlm.core import ignore
from mlm.core.errors import StateConflict, StorageError
from mlm.core.paths import PRIVATE, check_path
from mlm.core.unixfs import CHUNK
from mlm.ports.repo import FILE, FOLDER, OTHER, SYMLINK, FileStat

_KINDS = {modes.S_IFREG: FILE, modes.S_IFDIR: FOLDER, modes.S_IFLNK: SYMLINK}


class DiskTree:
    """Implements ports.repo.Worktree."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._private = root / PRIVATE

    def clock(self) -> int:
        try:
            with temporary(self._private) as (handle, _):
                return os.fstat(handle).st_mtime_ns
        except OSError:
            return 0

    def scan(self, under: str = "") -> Iterator[FileStat]:
        stack = self._rules_above(under)
        return self._scan(self._root / under if under else self._root, f"{under}/" if under else "", stack)

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
            self._check_folders(file.path)
            handle = os.open(self._root / file.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
            try:
                _expect(file, handle)
                os.lseek(handle, start, os.SEEK_SET)
                while piece := _exactly(handle, CHUNK):
                    yield piece
                # Bytes of two versions must not become one file.
                _expect(file, handle)
            finally:
                os.close(handle)

    def write(self, path: str, pieces: Iterable[bytes]) -> None:
        check_path(path)
        with storage_errors("cannot write a file"):
            target = self._root / path
            self._make_folders(path)
            if target.is_dir() and not target.is_symlink():
                raise StorageError(f"cannot write {path}: a folder is there")
            # Staged in .mlm where there is one: what a kill leaves is then no file of the tree.
            staging = self._private if self._private.is_dir() else None
            replace_file(target, pieces, durable=False, staging=staging)

    def remove(self, path: str) -> None:
        check_path(path)
        with storage_errors("cannot remove a file"):
            self._check_folders(path)
            (self._root / path).unlink(missing_ok=True)
            for folder in [self._root / parent for parent in Path(path).parents][:-1]:
                if folder.exists():
                    if any(folder.iterdir()):
                        break
                    folder.rmdir()

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

    def _make_folders(self, path: str) -> None:
        folder = self._root
        for name in path.split("/")[:-1]:
            folder = folder / name
            folder.mkdir(exist_ok=True)
            if folder.is_symlink():
                raise StorageError(f"cannot write {path}: {folder} is a symbolic link")

    def _rules(self, folder: str, depth: int) -> list[ignore.Rules]:
        path = self._root / folder / ignore.FILE
        with storage_errors("cannot read the ignore file"):
            if path.is_symlink() or not path.is_file():
                return []
            return [ignore.parse(path.read_bytes(), depth)]

    def _rules_above(self, under: str) -> list[ignore.Rules]:
        """The ignore files of the folders above `under`, whose own is read by the scan."""
        names = under.split("/") if under else []
        above = ["/".join(names[:depth]) for depth in range(len(names))]
        return [rules for depth, folder in enumerate(above) for rules in self._rules(folder, depth)]

    def _scan(self, folder: Path, prefix: str, stack: list[ignore.Rules]) -> Iterator[FileStat]:
        # Without recursion: a tree may be deeper than Python's stack.
        todo = [(folder, prefix, stack)]
        while todo:
            folder, prefix, stack = todo.pop()
            stack = [*stack, *self._rules(prefix.removesuffix("/"), prefix.count("/"))]
            with _listing(folder) as entries:
                for entry in entries:
                    path = prefix + entry.name
                    is_folder = entry.is_dir(follow_symlinks=False)
                    if ignore.is_ignored(stack, path, is_folder):
                        continue
                    if is_folder:
                        todo.append((folder / entry.name, f"{path}/", stack))
                        continue
                    try:
                        found = entry.stat(follow_symlinks=False)
                    except FileNotFoundError:
                        continue  # removed since the folder was listed
                    yield _stat(path, found)


@contextmanager
def _listing(folder: Path) -> Iterator[Iterator[os.DirEntry[str]]]:
    with storage_errors("cannot list a folder"):
        try:
            entries = os.scandir(folder)
        except FileNotFoundError:
            yield iter(())
            return
        with entries:
            yield entries


def _stat(path: str, found: os.stat_result) -> FileStat:
    kind = _KINDS.get(modes.S_IFMT(found.st_mode), OTHER)
    times = (found.st_mtime_ns, found.st_ctime_ns)
    return FileStat(path, found.st_size, *times, found.st_ino, modes.S_IMODE(found.st_mode), kind)


def _expect(file: FileStat, handle: int) -> None:
    if _stat(file.path, os.fstat(handle)) != file:
        raise StateConflict(
            f"{file.path} changed while it was read", hint="Wait until it is written, then run the command again."
        )


def _exactly(handle: int, count: int) -> bytes:
    """`count` bytes, or what is left."""
    data = os.read(handle, count)
    while len(data) < count and (more := os.read(handle, count - len(data))):
        data += more
    return data
