"""However large a file is, the memory that hashing and packing it take is bounded."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests import peak as processes

MOST = 100  # MB
MIB = 1 << 20


def peak(folder: Path, *words: str) -> float:
    """The most memory that a command of mlm has held, in MB."""
    home = {"MLM_HOME": str(folder.parent / "home")}
    return processes.peak(folder, "-m", "mlm", *words, variables=home) / 1e6


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A sparse file of 2 GiB, which takes no disk, and one of different blocks."""
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(2048 * MIB)
    block = bytearray(random.Random(1).randbytes(MIB))
    with (tmp_path / "random").open("wb") as file:
        for number in range(256):
            block[:2] = number.to_bytes(2, "big")
            file.write(block)
    return tmp_path


@pytest.mark.parametrize(
    "words",
    ["hash sparse", "hash random", "car pack sparse -o x.car", "car pack random -o x.car"],
)
def test_memory_is_bounded(words: str, folder: Path) -> None:
    assert peak(folder, *words.split()) < MOST


def test_memory_of_staging_and_unpacking(folder: Path) -> None:
    (folder / "project").mkdir()
    (folder / "random").rename(folder / "project" / "random")
    for words in ("init", "add .", "status"):
        assert peak(folder / "project", *words.split()) < MOST, words
    assert peak(folder, "car", "pack", "project", "-o", "x.car") < MOST
    assert peak(folder, "car", "unpack", "x.car", "-o", "copy") < MOST
