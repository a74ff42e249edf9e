"""Content addressing at the speed of the hash: CIDs and archives of a file of 1 GiB, and `status` of an unchanged tree.

Peers: OpenSSL's sha256 of the same bytes, npm's ipfs-car, and git.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from bench.benchmark import Benchmark, Figure
from bench.timing import MLM, ROOT, Took, by_turns, clean, command, ratio

SIZE = 1 << 30  # bytes of the file
FILES, EACH = 10_000, 1 << 20  # of the tree: 10 GiB, of which the first bytes are no zeros
REPEAT = 5
OPENSSL = "openssl dgst -sha256"
IPFS_CAR = ROOT / "tests/ipfs/node_modules/.bin/ipfs-car"

Measured = tuple[list[Took], ...]


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="mlm-bench-") as name:
        yield Path(name)


def _random_file(path: Path) -> None:
    with path.open("wb") as file:
        for _ in range(SIZE >> 24):
            file.write(os.urandom(1 << 24))


def _fresh(path: Path, words: Sequence[str]) -> Took:
    """A command that writes `path`, which is not there before it and goes after it."""
    took = command(words, path.parent)
    path.unlink()
    return took


def _peak() -> Figure:
    """The most memory that `mlm hash` of ten sparse gibibytes holds, in MB."""
    with _folder() as folder:
        with (folder / "sparse").open("wb") as file:
            file.truncate(10 * SIZE)
        process = subprocess.Popen([*MLM, "hash", "sparse"], cwd=folder, env=clean({}), stdout=subprocess.DEVNULL)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise RuntimeError(f"mlm hash ended with {process.returncode}")
        return Figure.exact(used.ru_maxrss * 1024 // 1_000_000)


@cache
def _file() -> Measured:
    """By turns: OpenSSL, mlm's start-up, `mlm hash`, `mlm car pack`, ipfs-car pack."""
    if not IPFS_CAR.exists():
        raise FileNotFoundError("run `make test` once: it installs ipfs-car")
    with _folder() as folder:
        _random_file(folder / "big")
        (folder / "small").write_bytes(b"x")
        return tuple(
            by_turns(
                REPEAT,
                lambda: command(["openssl", "dgst", "-sha256", "big"], folder),
                lambda: command([*MLM, "hash", "small"], folder),
                lambda: command([*MLM, "hash", "big"], folder),
                lambda: _fresh(folder / "mlm.car", [*MLM, "car", "pack", "big", "-o", "mlm.car"]),
                lambda: _fresh(folder / "npm.car", [str(IPFS_CAR), "pack", "big", "--no-wrap", "-o", "npm.car"]),
            )
        )


@cache
def _tree() -> Measured:
    """By turns: `mlm status` and `git status` of the tree, and of a repository with one file."""
    with _folder() as folder:
        big, small = folder / "big", folder / "small"
        for root, count in ((big, FILES), (small, 1)):
            root.mkdir()
            _make_tree(root, count)
            for words in (["init"], ["add", "."], ["commit", "-m", "all", "--author", "bench"], ["status"], ["status"]):
                command([*MLM, *words], root)
            command(["git", "init", "-q"], root)
            (root / ".git" / "info" / "exclude").write_text(".mlm\n")
            command(["git", "-c", "core.compression=1", "add", "."], root)
            command(["git", "-c", "user.name=bench", "-c", "user.email=@", "commit", "-qm", "all"], root)
        try:
            return tuple(
                by_turns(
                    2 * REPEAT,
                    lambda: command([*MLM, "status"], big),
                    lambda: command([*MLM, "status"], small),
                    lambda: command(["git", "status"], big),
                    lambda: command(["git", "status"], small),
                )
            )
        finally:
            shutil.rmtree(big)


def _make_tree(root: Path, count: int) -> None:
    """Files in folders of a hundred; sixteen contents, so that the objects stay small."""
    (root / "mlm.toml").write_text('[asset]\nname = "bench"\nversion = "1.0.0"\nkind = "dataset"\n')
    for number in range(count):
        path = root / f"{number // 100:03}" / f"{number:05}.bin"
        path.parent.mkdir(exist_ok=True)
        with path.open("wb") as file:
            file.write(b"%d" % (number % 16))
            file.truncate(EACH)


def _of_file(
    ours: int, theirs: int, what: str, less: int | None = None, *, inverse: bool = False
) -> Callable[[], Figure]:
    """The ratio of two of `_file`'s commands, in `cpu` or `wall` seconds; of ours without the command `less`."""

    def measure() -> Figure:
        measured = _file()
        mine, peer = ([getattr(took, what) for took in measured[at]] for at in (ours, theirs))
        if less is not None:
            mine = [one - getattr(took, what) for one, took in zip(mine, measured[less], strict=True)]
        return ratio(peer, mine) if inverse else ratio(mine, peer)

    return measure


def _status(what: str) -> Callable[[], Figure]:
    def measure() -> Figure:
        mlm, mlm_start, git, git_start = ([getattr(took, what) for took in each] for each in _tree())
        # The least counts: a processor's seconds of so short a command are mostly what else the machine did.
        return Figure.exact((min(mlm) - min(mlm_start)) / (min(git) - min(git_start)))

    return measure


_START, _HASH, _PACK, _NPM = 1, 2, 3, 4
BENCHMARKS = (
    Benchmark("objects: mlm hash, 1 GiB, processor", "x", _of_file(_HASH, 0, "cpu"), OPENSSL, most=1.15),
    Benchmark("objects: mlm hash, 1 GiB, processor, start-up apart", "x", _of_file(_HASH, 0, "cpu", _START), OPENSSL),
    Benchmark("objects: mlm hash, 1 GiB, wall", "x", _of_file(_HASH, 0, "wall"), OPENSSL, most=1.15),
    Benchmark("objects: mlm car pack, 1 GiB, processor", "x", _of_file(_PACK, 0, "cpu"), OPENSSL, most=1.7),
    Benchmark("objects: mlm car pack, 1 GiB, wall", "x", _of_file(_PACK, 0, "wall"), OPENSSL, most=1.7),
    Benchmark(
        "objects: mlm car pack, times faster, processor",
        "x",
        _of_file(_PACK, _NPM, "cpu", inverse=True),
        "ipfs-car pack",
        least=3,
    ),
    Benchmark(
        "objects: mlm car pack, times faster, wall",
        "x",
        _of_file(_PACK, _NPM, "wall", inverse=True),
        "ipfs-car pack",
        least=3,
    ),
    Benchmark(
        "objects: mlm status, 10,000 files, processor", "x", _status("cpu"), "git status, start-up apart", most=3
    ),
    Benchmark("objects: mlm status, 10,000 files, wall", "x", _status("wall"), "git status, start-up apart", most=3),
    Benchmark("objects: mlm hash, 10 GiB, most memory", "MB", _peak, most=100),
)
