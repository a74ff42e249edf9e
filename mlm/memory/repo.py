"""A repository in memory: working tree, index and refs, for tests and templates."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from contextlib import contextmanager

from mlm.core import ignore
from mlm.core.cid import RAW, Cid
from mlm.core.errors import NotFound, StateConflict, StorageError
from mlm.core.history import check_free, check_ref
from mlm.core.paths import check_path
from mlm.core.staging import Staging
from mlm.core.unixfs import CHUNK
from mlm.memory.blocks import MemoryBlocks
from mlm.ports.repo import FILE, FOLDER, GONE, HEAD, IGNORED, FileStat, Head, Repo


def memory_repo() -> Repo:
    """A repository that is not created yet (`refs.create`)."""
    tree = MemoryTree()
    return Repo(MemoryBlocks(), MemoryIndex(tree.tick), MemoryRefs(), tree)


class MemoryIndex:
    """Implements ports.repo.Index. `clock` is the working tree's."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self.clock = clock
        self._entries = Staging()
        self._held = False

    def load(self) -> Staging:
        return self._entries.copy()

    @contextmanager
    def edit(self, timeout: float = 10.0) -> Iterator[Staging]:
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

    def all(self, damaged: dict[str, str] | None = None) -> dict[str, Cid]:
        return dict(sorted(self._refs.items()))

    @contextmanager
    def hold(self) -> Iterator[None]:
        yield

    def set(self, name: str, new: Cid | None, expected: Cid | None) -> None:
        if name == HEAD:
            if new is None or not isinstance(self._head, Cid) or self._head != expected:
                raise StateConflict(f"HEAD is at {self._head}, expected {expected}")
            self._head = new
            return
        check_ref(name)
        if new is not None:
            check_free(name, self._refs)
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
        self._folders: set[str] = set()
        self._now = 1_000
        for path, content in (files or {}).items():
            self.write(path, [content])

    def tick(self) -> int:
        self._now += 1
        return self._now

    def scan(self, under: str = "", tracked: Container[str] = (), *, ignored: bool = False) -> Iterator[FileStat]:
        prefix = f"{under}/" if under else ""
        for path, (_, stat) in list(self._files.items()):
            folder = path.rpartition("/")[0]
            left_out = bool(folder) and self.ignores(folder) if path in tracked else self.ignores(path)
            if path.startswith(prefix) and not left_out:
                yield stat
            elif path.startswith(prefix) and ignored:
                yield stat._replace(kind=IGNORED)
        for path in sorted(self._folders):
            if path.startswith(prefix) and not any(other.startswith(f"{path}/") for other in self._files):
                yield FileStat(path, 0, 0, 0, 0, 0, FOLDER)

    def changes(self, staged: Staging) -> Iterator[FileStat]:
        found = {stat.path: stat for stat in self.scan(tracked=staged) if stat.kind != FOLDER}
        for path in staged:
            if path not in found:
                found[path] = self.stat(path) or FileStat(path, 0, 0, 0, 0, 0, GONE)
        return (stat for stat in found.values() if not staged.is_unchanged(stat))

    def stat(self, path: str) -> FileStat | None:
        if path in self._files:
            return self._files[path][1]
        if not path or any(
            other.startswith(f"{path}/") for other in (*self._files, *(f"{one}/" for one in self._folders))
        ):
            return FileStat(path, 0, 0, 0, 0, 0, FOLDER)
        return None

    def ignores(self, path: str) -> bool:
        names = path.split("/")
        stack: list[ignore.Rules] = []
        for depth in range(1, len(names) + 1):
            own = "/".join([*names[: depth - 1], ignore.FILE])
            if own in self._files:
                stack.append(ignore.parse(self._files[own][0], depth - 1, own))
            part = "/".join(names[:depth])
            stat = self.stat(part)
            if ignore.is_ignored(stack, part, depth < len(names) or (stat is not None and stat.kind == FOLDER)):
                return True
        return False

    def read(self, file: FileStat, start: int = 0) -> Iterator[bytes]:
        if file.path not in self._files or self._files[file.path][1] != file:
            raise StateConflict(f"{file.path} changed while it was read")
        content = self._files[file.path][0]
        return (content[at : at + CHUNK] for at in range(start, len(content), CHUNK))

    def leaves(self, files: Sequence[FileStat]) -> Iterator[tuple[int, Cid, bytes]]:
        for number, file in enumerate(files):
            for piece in [*self.read(file)] or [b""]:
                yield number, Cid.of(RAW, piece), piece

    def write(
        self,
        path: str,
        pieces: Iterable[bytes],
        *,
        executable: bool = False,
        last: Callable[[], object] = lambda: None,
    ) -> FileStat:
        check_path(path)
        content = b"".join(pieces)
        found = self.stat(path)
        if found is not None and found.kind != FILE:
            raise StorageError(f"cannot write {path}: a folder is there")
        last()
        now = self.tick()
        stat = FileStat(path, len(content), now, now, now, 0o755 if executable else 0o644)
        self._files[path] = content, stat
        return stat

    def remove(self, path: str) -> None:
        check_path(path)
        self._files.pop(path, None)

    def make_folder(self, path: str) -> None:
        self._folders.add(check_path(path))


class MemoryOrigin:
    """Implements ports.Origin."""

    def __init__(self) -> None:
        self._text = ""

    def read(self) -> str:
        return self._text

    def write(self, text: str) -> None:
        self._text = text
