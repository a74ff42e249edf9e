"""`mlm car`: a file or folder as a CARv1 archive, and back, outside any project."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

from mlm.core import unixfs
from mlm.core.cid import Cid
from mlm.core.errors import StorageError, UsageError
from mlm.ports.archives import Archive
from mlm.ports.bundle import Ports
from mlm.ports.repo import FILE, FOLDER
from mlm.workflows.hash import Place, blocks_of, listed
from mlm.workflows.repository import Progress, quiet


@dataclass(frozen=True)
class Packed:
    """An archive that was written. `size` is that of the content, `archive_size` of the CAR, in bytes.

    `left_out` are the entries that .mlmignore left out, and repositories' own folders.
    """

    root: Cid
    archive: str
    files: int
    blocks: int
    size: int
    archive_size: int
    left_out: tuple[str, ...]


@dataclass(frozen=True)
class Entry:
    """A file or folder in an archive; `size` is a file's."""

    path: str
    kind: str
    size: int | None
    cid: Cid


@dataclass(frozen=True)
class Listing:
    """What an archive holds. `size` is that of the files, in bytes; a file alone has no entries."""

    root: Cid
    archive: str
    kind: str
    blocks: int
    files: int
    size: int
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class Unpacked:
    """What was written, and where."""

    root: Cid
    output: str
    files: int
    size: int


def pack(ports: Ports, place: Place, archive: Path, progress: Progress = quiet) -> Packed:
    """Write a place's blocks; its root comes last. Raises as `mlm hash` does, and StorageError."""
    files, empty, left_out = listed(place)
    roots: list[Cid] = []

    def blocks() -> Iterator[tuple[Cid, bytes]]:
        roots.append((yield from blocks_of(place, files, empty, progress)).cid)

    count, size = ports.archives.write(archive, blocks())
    content = sum(stat.size for stat in files)
    return Packed(roots[0], str(archive), len(files), count, content, size, tuple(left_out))


def ls(ports: Ports, archive: Path) -> Listing:
    """The entries of an archive. Its directories are checked; the files' bytes are when they are unpacked.

    Raises NotFound, InvalidData.
    """
    with ports.archives.open(archive) as found:
        if not unixfs.is_directory(found.get, found.root):
            size = unixfs.file_size(found.get, found.root)
            return Listing(found.root, str(archive), FILE, len(found), 1, size, ())
        size_of = cache(partial(unixfs.file_size, found.get))
        entries = tuple(
            Entry(path, FOLDER if folder else FILE, None if folder else size_of(cid), cid)
            for path, cid, folder in unixfs.entries(found.get, found.root)
        )
        files = [entry.size for entry in entries if entry.size is not None]
        return Listing(found.root, str(archive), FOLDER, len(found), len(files), sum(files), entries)


def unpack(ports: Ports, archive: Path, output: Path, progress: Progress = quiet) -> Unpacked:
    """Write an archive's folder, or its file, whole or not at all; every block is checked against its CID.

    Raises NotFound, also for a block that is missing, InvalidData, StateConflict when something is in its place,
    StorageError, before anything is written, where there is no room for it.
    """
    with ports.archives.open(archive) as found:
        if not unixfs.is_directory(found.get, found.root):
            if ports.files.is_folder(output):
                raise UsageError(f"the archive holds a file, and {output} is a folder", hint="Name the file: -o FILE.")
            size = unixfs.file_size(found.get, found.root)
            _check_room(ports, output, size)
            report = _reporting(progress, size)
            ports.files.write_pieces(output, report(found.root, found, size, str(output)))
            progress(size, size, "")
            return Unpacked(found.root, str(output), 1, size)
        entries = list(unixfs.entries(found.get, found.root))
        size_of = cache(partial(unixfs.file_size, found.get))
        files = [(path, cid, size_of(cid)) for path, cid, folder in entries if not folder]
        total = sum(size for _, _, size in files)
        _check_room(ports, output, total)
        report = _reporting(progress, total)
        with ports.files.new_folder(output) as folder:
            for path, _, is_folder in entries:
                if is_folder:
                    folder.make_folder(path)
            for path, cid, size in files:
                folder.write(path, report(cid, found, size, path))
        progress(total, total, "")
        return Unpacked(found.root, str(output), len(files), total)


def _check_room(ports: Ports, output: Path, size: int) -> None:
    """Raise StorageError before anything is written: a small archive may name one block as often as it likes."""
    if size > (free := ports.files.free(output)):
        raise StorageError(
            f"the archive holds files of {size} bytes, {free} are free at {output}", hint="`mlm car ls` shows them."
        )


def _reporting(progress: Progress, total: int) -> Callable[[Cid, Archive, int, str], Iterator[bytes]]:
    """A reader of files that tells how far all of them have come."""
    done = 0
    budget = unixfs.Budget()

    def read(cid: Cid, archive: Archive, size: int, path: str) -> Iterator[bytes]:
        nonlocal done
        for piece in unixfs.read(archive.get, cid, max_bytes=size, budget=budget):
            yield piece
            done += len(piece)
            progress(done, total, path)

    return read
