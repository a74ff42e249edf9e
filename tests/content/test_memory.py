"""However large a file is, the memory that hashing and packing it take is bounded."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests.command_line import ROOT

MOST = 100  # MB
MIB = 1 << 20


# A process that executes another hands its own peak on, and pytest's is large: so a small one stands between.
BETWEEN = """
import os, sys
pid = os.spawnv(os.P_NOWAIT, sys.executable, [sys.executable, "-m", "mlm", *sys.argv[1:]])
_, status, used = os.wait4(pid, 0)
print(used.ru_maxrss)
sys.exit(os.waitstatus_to_exitcode(status))
"""


def peak(folder: Path, *arguments: str) -> float:
    """The most memory that a command has held, in MB."""
    environment = {"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"], "MLM_HOME": str(folder.parent / "home")}
    command = [sys.executable, "-c", BETWEEN, *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, stdout=subprocess.PIPE, check=True, text=True)
    unit = 1 if sys.platform == "darwin" else 1024
    return int(done.stdout.split()[-1]) * unit / 1e6


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
