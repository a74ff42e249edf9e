"""What a worker brings for a while: bounded, the least recently used goes first, and never what is needed."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from mlm.adapters.blocks.shelf import FolderShelf
from mlm.core.cid import RAW, Cid
from mlm.core.errors import InvalidData, NotFound, UsageError
from mlm.memory.blocks import MemoryBlocks
from mlm.memory.remote import MemoryRemote
from mlm.ports.bundle import Ports
from mlm.workflows import objects

SIZE = 10_000


def block(number: int, size: int = SIZE) -> tuple[Cid, bytes]:
    data = number.to_bytes(4, "big") * (size // 4)
    return Cid.of(RAW, data), data


def bring(shelf: FolderShelf, *numbers: int) -> None:
    """Each in a group of its own, one after the other."""
    for number in numbers:
        with shelf.group(f"model-{number}") as blocks:
            blocks.put([block(number)])


def here(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_was_used_least_recently_goes_first(tmp_path: Path) -> None:
    shelf = FolderShelf(tmp_path, 3 * SIZE + SIZE // 2)
    bring(shelf, 1, 2, 3)
    with shelf.group("model-1") as blocks:
        assert blocks.get(block(1)[0]) == block(1)[1]
    bring(shelf, 4)
    assert here(tmp_path) == ["model-1", "model-3", "model-4"]
    again = FolderShelf(tmp_path, SIZE)  # a lower bound, after a restart
    bring(again, 5)
    assert here(tmp_path) == [] or here(tmp_path) == ["model-5"]


def test_what_is_needed_or_in_use_stays(tmp_path: Path) -> None:
    shelf = FolderShelf(tmp_path, SIZE + SIZE // 2)
    shelf.keep({"model-1"})
    bring(shelf, 1, 2)
    assert here(tmp_path) == ["model-1"], "what nobody holds a lease on goes, though it came last"
    inside, leave = threading.Event(), threading.Event()

    def use() -> None:
        with shelf.group("model-3") as blocks:
            blocks.put([block(3)])
            inside.set()
            leave.wait(10)

    thread = threading.Thread(target=use)
    thread.start()
    assert inside.wait(10)
    bring(shelf, 4)
    assert here(tmp_path) == ["model-1", "model-3"]
    leave.set()
    thread.join()
    shelf.keep(set())
    bring(shelf, 5)
    assert here(tmp_path) == ["model-5"]


def test_what_a_kill_left_half_removed_goes(tmp_path: Path) -> None:
    shelf = FolderShelf(tmp_path, SIZE * 2)
    bring(shelf, 1)
    (tmp_path / "model-1").rename(tmp_path / "gone-model-1")
    bring(shelf, 2)
    assert here(tmp_path) == ["model-2"]
    for name in ("", "../x", "gone-x", "a/b"):
        with pytest.raises(UsageError, match="expected a name"), shelf.group(name):
            pass


def test_a_group_takes_what_is_brought_and_objects_what_is_ours(tmp_path: Path) -> None:
    shelf, own, remote = FolderShelf(tmp_path, 3 * SIZE), MemoryBlocks(), MemoryRemote()
    ports = Ports(shelf=lambda: shelf, objects=lambda: own, remote=lambda: remote)
    theirs, ours, large = block(1), block(2), block(3, 4 * SIZE)
    remote.put([theirs, large])
    own.put([ours])
    with objects.group(ports, "model"):
        assert objects.fetch(ports, theirs[0]) == theirs[1] == objects.read_file(ports, theirs[0], max_bytes=SIZE)
        assert objects.fetch(ports, ours[0]) == ours[1]
    with objects.group(ports, "large"), pytest.raises(InvalidData):  # larger than all that may be kept
        objects.read_file(ports, large[0], max_bytes=1 << 30)
    with objects.group(ports, "model"):
        objects.fetch(ports, theirs[0])
    assert not own.has(theirs[0]) and here(tmp_path) == ["model"]
    with objects.group(ports, "other"), pytest.raises(NotFound):
        objects.here(ports).get(theirs[0])
    objects.fetch(ports, theirs[0])  # outside of a group: ours
    assert own.has(theirs[0])
    plain = Ports(objects=lambda: own)
    with objects.group(plain, "any"):
        assert plain.shelf is None and objects.here(plain) is own
