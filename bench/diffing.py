"""`mlm diff` of two versions of a model of 256 MiB, beside plain numpy that computes the same of the two files.

`python -m bench.diffing OLD NEW` is the peer: it maps both files and prints the numbers of each tensor that differs.
"""

from __future__ import annotations

import atexit
import json
import shutil
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from bench.benchmark import Benchmark, Figure
from bench.timing import MLM, PYTHON, Took, by_turns, command, cpu, ratio

REPEAT = 5
TENSORS, SIDE = 64, 1024  # 64 tensors of 1024 x 1024 float32
MODEL = "model.safetensors"
# What OpenBLAS's threads spend on waiting for each other would count against numpy.
ALONE = {"OPENBLAS_NUM_THREADS": "1"}
PEER = "python: numpy.memmap of both files, the same numbers"
PROJECT = '[asset]\nname = "x"\nversion = "1.0.0"\nkind = "dataset"\n'


def compare(old: Path, new: Path) -> None:
    """The numbers of `mlm diff`, as anybody would compute them with numpy: a tensor at once, in 64 bits."""
    import numpy as np

    def tensors(path: Path) -> dict[str, Any]:
        file = np.memmap(path, np.uint8, "r")
        start = 8 + int.from_bytes(file[:8].tobytes(), "little")
        header = json.loads(file[8:start].tobytes())
        return {
            name: file[start + entry["data_offsets"][0] : start + entry["data_offsets"][1]].view(np.float32)
            for name, entry in header.items()
        }

    before, after = tensors(old), tensors(new)
    for name in before:
        if np.array_equal(before[name], after[name]):
            continue
        a, b = before[name].astype(np.float64), after[name].astype(np.float64)
        difference = b - a
        finite = np.isfinite(difference)
        assert finite.all()
        relative = np.linalg.norm(difference) / np.linalg.norm(a)
        print(name, np.abs(difference).max(), relative, np.count_nonzero(difference) / difference.size)


@cache
def _project(changed: int) -> Path:
    """A project of two commits of a model, of which the first `changed` tensors differ."""
    import numpy as np

    folder = Path(tempfile.mkdtemp(prefix="mlm-bench-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    mlm = lambda *words: command([*MLM, *words], folder, {"MLM_HOME": str(folder / "home")})  # noqa: E731
    mlm("init")
    (folder / "mlm.toml").write_text(PROJECT)
    (folder / ".mlmignore").write_text("home/\nold\n")
    rng = np.random.default_rng(1)
    weights = rng.normal(size=(TENSORS, SIDE, SIDE)).astype(np.float32)
    _write(folder / MODEL, weights)
    shutil.copy(folder / MODEL, folder / "old")
    for message in ("first", "second"):
        mlm("add", ".")
        mlm("commit", "-m", message)
        weights[:changed] += rng.normal(size=weights[:changed].shape).astype(np.float32) / 100
        if message == "first":
            _write(folder / MODEL, weights)
    return folder


def _write(path: Path, weights: Any) -> None:
    size = SIDE * SIDE * 4
    header = json.dumps(
        {
            f"layers.{at}.weight": {"dtype": "F32", "shape": [SIDE, SIDE], "data_offsets": [at * size, (at + 1) * size]}
            for at in range(TENSORS)
        }
    ).encode()
    with path.open("wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        file.write(memoryview(weights).cast("B"))


@cache
def _times(changed: int) -> list[list[Took]]:
    folder = _project(changed)
    home = {"MLM_HOME": str(folder / "home")}
    ours = [*MLM, "diff", "HEAD~1", "HEAD", "--json"]
    theirs = [*PYTHON, "-m", "bench.diffing", str(folder / "old"), str(folder / MODEL)]
    return by_turns(REPEAT, lambda: command(ours, folder, home), lambda: command(theirs, environment=ALONE))


def _both(name: str, changed: int, most: float | None) -> tuple[Benchmark, Benchmark]:
    title = f"diff: 256 MiB of tensors, {name} changed"
    return (
        Benchmark(title, "x", lambda: ratio(*map(cpu, _times(changed))), peer=PEER, most=most),
        Benchmark(f"{title}, seconds", "s", lambda: Figure.best(cpu(_times(changed)[0]))),
    )


BENCHMARKS = (*_both("all", TENSORS, 1.5), *_both("one in 64", 1, None))

if __name__ == "__main__":
    compare(Path(sys.argv[1]), Path(sys.argv[2]))
