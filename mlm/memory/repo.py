"""A repository in memory: working tree, index and refs, for tests and templates."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from mlm.core import ignore
from mlm.core.cid import Cid
from mlm.core.errors import NotFound, StateConflict, StorageError
from mlm.core.history import check_ref
from mlm.core.paths import check_path
from mlm.core.unixfs import CHUNK
from mlm.memory.blocks import MemoryBlocks
from mlm.ports.repo import FILE, FOLDER, HEAD, FileStat, Head, Repo, Staged


def memory_repo() -> Repo:
    """A repository that is not created yet (`refs.create`)."""
    return Repo(MemoryBlocks(), MemoryIndex(), MemoryRefs(), MemoryTree())


class MemoryIndex:
    """Implements ports.repo.Index over a dict."""

    def __init__(self) -> None:
        self._entries: dict[str, Staged] = {}
        self._held = False

    def load(self) -> dict[str, Staged]:
        return dict(self._entries)

    @contextmanager
    def edit(self, timeout: float = 10.0) -> Iterator[dict[str, Staged]]:
        if self._held:
            raise StateConflict(f"the index has been held for {timeout:g} s")
        self._held = True
        try:
            entries = self.load()
            yield entries
            self._entries = entries
        finally:
            self._held = False


class MemoryRefs:
    """Implements ports.repo.Refs over a dict."""

    def __init__(self) -> None:
        self._refs: dict[str, Cid] = {}
        self._head: str | Cid | None = None

    def create(self, branch: str) -> bool:
        check_ref(f"heads/{branch}")
        if self._head is not None:
            return False
        self._head = branch
        return True

    def head(self) -> Head:
        if self._head is None:
            raise StateConflict("there is no repository: it has no HEAD", hint="Run `mlm init`.")
        if isinstance(self._head, Cid):
            return Head(None, self._head)
        return Head(self._head, self._refs.get(f"heads/{self._head}"))

    def set_head(self, target: str | Cid) -> None:
        if isinstance(target, str):
            check_ref(f"heads/{target}")
        self._head = target

    def all(self) -> dict[str, Cid]:
        return dict(sorted(self._refs.items()))

    def set(self, name: str, new: Cid | None, expected: Cid | None) -> None:
        if name == HEAD:
            if new is None or not isinstance(self._head, Cid) or self._head != expected:
                raise StateConflict(f"HEAD is at {self._head}, expected {expected}")
            self._head = new
            return
        check_ref(name)
        found = self._refs.get(name)
        if found != expected:
            raise StateConflict(f"the ref {name} is at {found or 'nothing'}, expected {expected or 'nothing'}")
        if new is not None:
            self._refs[name] = new
        elif found is None:
            raise NotFound(f"no ref {name}")
        else:
            del self._refs[name]


class MemoryTree:
    """Implements ports.repo.Worktree over a dict. Its clock ticks at every look, so that nothing is racy."""

    def __init__(self, files: dict[str, bytes] | None = None) -> None:
        self._files: dict[str, tuple[bytes, FileStat]] = {}
        self._now = 1_000
        for path, content in (files or {}).items():
            self.write(path, [content])

    def clock(self) -> int:
        self._now += 1
        return self._now

    def scan(self, under: str = "") -> Iterator[FileStat]:
        prefix = f"{under}/" if under else ""
        found = [stat for path, (_, stat) in self._files.items() if path.startswith(prefix)]
        return (stat for stat in found if not self.ignores(stat.path))

    def stat(self, path: str) -> FileStat | None:
        if path in self._files:
            return self._files[path][1]
        if not path or any(other.startswith(f"{path}/") for other in self._files):
            return FileStat(path, 0, 0, 0, 0, 0, FOLDER)
        return None

    def ignores(self, path: str) -> bool:
        names = path.split("/")
        stack: list[ignore.Rules] = []
        for depth in range(1, len(names) + 1):
            own = "/".join([*names[: depth - 1], ignore.FILE])
            if own in self._files:
                stack.append(ignore.parse(self._files[own][0], depth - 1))
            part = "/".join(names[:depth])
            stat = self.stat(part)
            if ignore.is_ignored(stack, part, depth < len(names) or (stat is not None and stat.kind == FOLDER)):
                return True
        return False

    def read(self, file: FileStat) -> Iterator[bytes]:
        if file.path not in self._files or self._files[file.path][1] != file:
            raise StateConflict(f"{file.path} changed while it was read")
        content = self._files[file.path][0]
        return (content[at : at + CHUNK] for at in range(0, len(content), CHUNK))

    def write(self, path: str, pieces: Iterable[bytes]) -> None:
        check_path(path)
        content = b"".join(pieces)
        found = self.stat(path)
        if found is not None and found.kind != FILE:
            raise StorageError(f"cannot write {path}: a folder is there")
        now = self.clock()
        self._files[path] = (content, FileStat(path, len(content), now, now, now, 0o644))

    def remove(self, path: str) -> None:
        check_path(path)
        self._files.pop(path, None)


class MemoryOrigin:
    """Implements ports.Origin."""

    def __init__(self) -> None:
        self._text = ""

    def read(self) -> str:
        return self._text

    def write(self, text: str) -> None:
        self._text = text
