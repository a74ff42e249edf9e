"""Cloning over HTTP beside git, what a cut transfer sends again, and what other chunks would save between versions.

The web server is one for both sides, in this process: its processor time is nobody's. Files are random bytes, as
weights are to zlib.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from bench.benchmark import Benchmark, Figure
from bench.timing import MLM, Took, by_turns, clean, command, cpu, ratio
from tests.exchange import servers

SIZE = 128 << 20  # bytes of the cloned file
REPEAT = 3
TOML = '[asset]\nname = "data"\nversion = "1.0.0"\nkind = "dataset"\nlicence = "MIT"\n'


@contextmanager
def _served(size: int) -> Iterator[tuple[Path, dict[str, str], servers.Server]]:
    """A folder, an environment, and a server over it: `origin` holds the project `data`, `git` the same for git."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        home = {"MLM_HOME": f"{name}/home", "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_TERMINAL_PROMPT": "0"}
        for folder in (root / "data", root / "plain"):
            folder.mkdir()
            (folder / "mlm.toml").write_text(TOML)
            (folder / "big.bin").write_bytes(random.Random(1).randbytes(size))
        for words in (["init", "."], ["add", "."], ["commit", "-m", "1"], ["remote", "add", "there", "../origin"]):
            command([*MLM, *words], root / "data", home)
        command([*MLM, "push", "main", "there"], root / "data", home)
        who = ["-c", "user.name=x", "-c", "user.email=x@x"]
        for words in (["init", "-q"], ["add", "."], [*who, "commit", "-qm", "1"]):
            command(["git", *words], root / "plain", home)
        command(["git", "clone", "-q", "--bare", "plain", "git"], root, home)
        command(["git", "update-server-info"], root / "git", home)
        with servers.serve(servers.files(root)) as server:
            command([*MLM, "remote", "add", "web", f"{server.url}/origin"], root, home)
            yield root, home, server


@cache
def _clones() -> list[list[Took]]:
    with _served(SIZE) as (root, home, server):

        def fresh(words: list[str]) -> Callable[[], Took]:
            def run() -> Took:
                shutil.rmtree(root / "made", ignore_errors=True)
                return command(words, root, home)

            return run

        ours = fresh([*MLM, "clone", "data", "made", "--from", "web"])
        theirs = fresh(["git", "clone", "-q", f"{server.url}/git", "made"])
        return by_turns(REPEAT, ours, theirs)


def _again() -> Figure:
    """Bytes that travel a second time, percent of all, when a clone is killed in the middle and run again."""
    with _served(SIZE) as (root, home, server):
        words = [*MLM, "clone", "data", "made", "--from", "web"]
        process = subprocess.Popen(
            words, cwd=root, env=clean(home), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        while process.poll() is None and server.sent < SIZE // 2:
            time.sleep(0.005)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        time.sleep(1)
        command(words, root, home)
        return Figure.exact(round(100 * (server.sent - SIZE) / SIZE, 1))


# What other chunks would save. Three versions of a model as a safetensors file has them: a header, then tensors.

TENSORS, WIDTH = 48, 512  # matrices of WIDTH x WIDTH in half precision: 24 MiB
CHUNK = 1 << 20
AVERAGE = 1 << 18  # bytes of a content-defined chunk: smaller ones find more
WINDOW = 32  # bytes that decide where one ends

Tensors = dict[str, bytes]


def _file(tensors: Tensors) -> tuple[bytes, list[int]]:
    """The file's bytes, and where its parts begin."""
    at, header, starts = 0, {}, []
    for name, data in tensors.items():
        header[name] = {"dtype": "F16", "shape": [WIDTH, WIDTH], "data_offsets": [at, at + len(data)]}
        starts.append(at)
        at += len(data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    body = len(text).to_bytes(8, "little") + text
    return body + b"".join(tensors.values()), [0, *(len(body) + start for start in starts)]


@cache
def _versions() -> dict[str, Tensors]:
    """A model; all of its weights trained a little further; its last layers only; and one tensor more in the middle."""
    import numpy as np

    rng = np.random.default_rng(1)
    weights = {f"layer.{i:02}.weight": rng.normal(0, 0.02, (WIDTH, WIDTH)).astype(np.float16) for i in range(TENSORS)}
    tuned = {name: (w + rng.normal(0, 2e-4, w.shape)).astype(np.float16) for name, w in weights.items()}
    last = {name: tuned[name] if i >= TENSORS - 2 else w for i, (name, w) in enumerate(weights.items())}
    more = dict(weights)
    more[f"layer.{TENSORS // 2 - 1:02}.weight.lora"] = tuned["layer.00.weight"]
    named = {"before": weights, "full": tuned, "last layers": last, "inserted": dict(sorted(more.items()))}
    return {name: {key: w.tobytes() for key, w in version.items()} for name, version in named.items()}


def _fixed(data: bytes, starts: list[int]) -> list[bytes]:
    return [data[at : at + CHUNK] for at in range(0, len(data), CHUNK)]


def _by_tensor(data: bytes, starts: list[int]) -> list[bytes]:
    ends = [*starts[1:], len(data)]
    return [
        data[at : min(at + CHUNK, end)]
        for start, end in zip(starts, ends, strict=True)
        for at in range(start, end, CHUNK)
    ]


def _by_content(data: bytes, starts: list[int]) -> list[bytes]:
    """Chunks that end where the gear hash of WINDOW bytes has its low bits zero (FastCDC, USENIX ATC 2016)."""
    import numpy as np

    gear = np.random.default_rng(2).integers(0, 1 << 32, 256, dtype=np.uint32)[np.frombuffer(data, np.uint8)]
    sums = np.zeros_like(gear)
    for step in range(WINDOW):
        sums[step:] += gear[: len(gear) - step] << np.uint32(step)
    ends = np.flatnonzero(sums >> np.uint32(32 - AVERAGE.bit_length() + 1) == 0) + 1
    chunks, start = [], 0
    for end in [*map(int, ends), len(data)]:
        while end - start > 4 * AVERAGE:
            chunks.append(data[start : start + 4 * AVERAGE])
            start += 4 * AVERAGE
        if end - start >= AVERAGE // 4 or end == len(data):
            chunks.append(data[start:end])
            start = end
    return chunks


CHUNKERS = {"fixed 1 MiB": _fixed, "content-defined": _by_content, "by tensor": _by_tensor}


def _new(version: str, chunker: str) -> Figure:
    """Bytes of the new version, percent of all, in chunks that the old one has not."""
    old, new = (CHUNKERS[chunker](*_file(_versions()[name])) for name in ("before", version))
    held = set(old)
    return Figure.exact(round(100 * sum(len(chunk) for chunk in new if chunk not in held) / sum(map(len, new)), 1))


BENCHMARKS = (
    Benchmark(
        "exchange: mlm clone of 128 MiB over HTTP",
        "x",
        lambda: ratio(cpu(_clones()[0]), cpu(_clones()[1])),
        peer="git clone of the same from the same server",
    ),
    Benchmark(
        "exchange: the same on the wall",
        "x",
        lambda: ratio([took.wall for took in _clones()[0]], [took.wall for took in _clones()[1]]),
        peer="git clone of the same from the same server",
    ),
    Benchmark("exchange: sent again after kill -9 at half", "%", _again, most=30),
    *(
        Benchmark(
            f"exchange: new bytes, {version}, {chunker}",
            "%",
            lambda version=version, chunker=chunker: _new(version, chunker),  # type: ignore[misc]
        )
        for version in ("full", "last layers", "inserted")
        for chunker in CHUNKERS
    ),
)
