"""Files in a dict, for ports.files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from mlm.core.errors import InvalidData, NotFound, StateConflict
from mlm.memory.repo import MemoryTree
from mlm.ports.repo import FILE


class MemoryFiles:
    """`contents` is open to tests."""

    def __init__(self, contents: dict[Path, bytes] | None = None) -> None:
        self.contents = contents or {}
        self.room = 1 << 40

    def read(self, path: Path, max_bytes: int, inside: Path | None = None) -> bytes:
        """The whole file; there are no links here."""
        if path not in self.contents:
            raise NotFound(f"no such file: {path}")
        if len(self.contents[path]) > max_bytes:
            raise InvalidData(f"expected at most {max_bytes} bytes, {path} has {len(self.contents[path])}")
        return self.contents[path]

    def write(self, path: Path, data: bytes) -> None:
        """Keep the bytes."""
        self.contents[path] = data

    def write_pieces(self, path: Path, pieces: Iterable[bytes]) -> None:
        """Keep the bytes."""
        self.contents[path] = b"".join(pieces)

    @contextmanager
    def new_folder(self, path: Path) -> Iterator[MemoryTree]:
        """Its files are kept at the end."""
        if self.exists(path):
            raise StateConflict(f"{path} is there already")
        made = MemoryTree()
        yield made
        self.contents.update({path / stat.path: b"".join(made.read(stat)) for stat in made.scan() if stat.kind == FILE})

    def free(self, path: Path) -> int:
        """What tests say."""
        return self.room

    def is_folder(self, path: Path) -> bool:
        """Whether something lies below."""
        return any(path in other.parents for other in self.contents)

    def exists(self, path: Path) -> bool:
        """Whether anything is there."""
        return path in self.contents or self.is_folder(path)
