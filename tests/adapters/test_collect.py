"""Collecting packs beside other processes: readers, writers, those who only asked, and those who were killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from contextlib import contextmanager, nullcontext
from pathlib import Path

import pytest

from mlm.adapters.blocks import collect as collecting
from mlm.adapters.blocks.packs import PackStore
from mlm.core.cid import RAW, Cid
from mlm.core.errors import StateConflict
from tests.ports.test_local_blocks import ALWAYS, block, held, only

# Another process: it stores `new`, asks for `asked`, and says so; then it waits.
OTHER = """
import sys
from pathlib import Path
from mlm.adapters.blocks.packs import PackStore
from mlm.core.cid import RAW, Cid
store = PackStore(Path(sys.argv[1]))
asked, new = sys.argv[2].encode(), sys.argv[3].encode()
if asked:
    assert store.has(Cid.of(RAW, asked))
if new:
    store.put([(Cid.of(RAW, new), new)])
print("ready", flush=True)
sys.stdin.read()
"""


@contextmanager
def other(folder: Path, asked: bytes = b"", new: bytes = b"") -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-c", OTHER, str(folder), asked.decode(), new.decode()],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert process.stdin is not None and process.stdout is not None
    try:
        assert process.stdout.readline() == b"ready\n"
        yield process
    finally:
        process.stdin.close()
        process.wait(10)
        process.stdout.close()


def collect(folder: Path, *needed: bytes) -> set[bytes]:
    """What is left after a collection that takes everything for old."""
    PackStore(folder).collect(only(*needed), ALWAYS, nullcontext())
    return held(PackStore(folder))


def test_what_a_living_process_has_stored_or_asked_for_stays(tmp_path: Path) -> None:
    for data in (b"needed", b"asked", b"garbage"):
        PackStore(tmp_path).put([block(data)])
    with other(tmp_path, b"asked", b"new"):
        assert collect(tmp_path, b"needed") == {b"needed", b"asked", b"new"}
        assert collect(tmp_path, b"needed") == {b"needed", b"asked", b"new"}
    assert collect(tmp_path, b"needed") == {b"needed"}
    assert not list(tmp_path.glob("using-*")), "a process that has ended still says that it uses the folder"


def test_what_a_killed_process_said_ends_with_it(tmp_path: Path) -> None:
    PackStore(tmp_path).put([block(b"needed")])
    with other(tmp_path, new=b"new") as process:
        os.kill(process.pid, signal.SIGKILL)
        process.wait(10)
        (mark,) = tmp_path.glob("using-*")
        # Just made and not held: it might belong to a process that is about to hold it.
        assert collect(tmp_path, b"needed") == {b"needed", b"new"}
        os.utime(mark, (time.time() - 100, time.time() - 100))
        assert collect(tmp_path, b"needed") == {b"needed"}
    assert not list(tmp_path.glob("using-*"))


def test_what_is_asked_for_is_as_young_as_if_just_stored(tmp_path: Path) -> None:
    PackStore(tmp_path).put([block(b"asked")])
    time.sleep(1.1)
    instant = int(time.time())
    with other(tmp_path, asked=b"asked"):
        pass
    PackStore(tmp_path).collect(only(), instant, nullcontext())
    assert held(PackStore(tmp_path)) == {b"asked"}
    time.sleep(1.1)
    assert PackStore(tmp_path).get(Cid.of(RAW, b"asked")) == b"asked"  # reading alone does not make it younger
    PackStore(tmp_path).collect(only(), int(time.time()), nullcontext())
    assert held(PackStore(tmp_path)) == set()


def test_a_store_that_listed_the_packs_before_reads_on(tmp_path: Path) -> None:
    store = PackStore(tmp_path)
    for data in (b"a", b"b", b"garbage"):
        PackStore(tmp_path).put([block(data)])
    readers = [PackStore(tmp_path) for _ in range(3)]
    assert all(set(reader.cids()) for reader in readers)
    assert collect(tmp_path, b"a", b"b") == {b"a", b"b"}
    assert readers[0].get(Cid.of(RAW, b"a")) == b"a"
    assert readers[1].has(Cid.of(RAW, b"b")) and not readers[1].has(Cid.of(RAW, b"garbage"))
    # What is gone is stored again, though the writer had seen it.
    assert readers[2].put([block(b"garbage"), block(b"b")]) == 1
    assert held(store) == {b"a", b"b", b"garbage"}


def test_what_a_killed_collection_left_is_swept_away_and_nothing_else(tmp_path: Path) -> None:
    PackStore(tmp_path / "tmp-abcdefgh", collected=False).put([block(b"a")])
    (tmp_path / "tmp-abcdefgh" / "tmp-abcdefgh").write_bytes(b"half a pack")
    (tmp_path / "tmp-thesis").mkdir()
    (tmp_path / "tmp-thesis" / "thesis.pdf").write_bytes(b"%PDF")
    (tmp_path / "tmp-linked1").symlink_to(tmp_path / "tmp-thesis")
    assert collect(tmp_path) == set()
    assert {path.name for path in tmp_path.glob("tmp-*")} == {"tmp-thesis", "tmp-linked1"}
    assert (tmp_path / "tmp-thesis" / "thesis.pdf").read_bytes() == b"%PDF"


def test_one_collection_at_a_time(tmp_path: Path) -> None:
    PackStore(tmp_path).put([block(b"a")])

    def reach(young: Iterable[Cid]) -> AbstractSet[Cid]:
        with pytest.raises(StateConflict, match="another mlm"):
            collect(tmp_path, b"a")
        return only(b"a")(young)

    PackStore(tmp_path).collect(reach, ALWAYS, nullcontext())


def test_large_packs_without_garbage_stay_as_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collecting, "SMALL", 1000)
    PackStore(tmp_path).put([block(b"x" * 2000)])
    (large,) = tmp_path.glob("*.car")
    for data in (b"a", b"b", b"c"):
        PackStore(tmp_path).put([block(data)])
    before = large.stat()
    assert collect(tmp_path, b"x" * 2000, b"a", b"b", b"c") == {b"x" * 2000, b"a", b"b", b"c"}
    after = large.stat()
    # Not the time of access: a collector reads the pack.
    assert (after.st_ino, after.st_size, after.st_mtime_ns) == (before.st_ino, before.st_size, before.st_mtime_ns)
    assert len(list(tmp_path.glob("*.car"))) == 2


# Writers that each store a block, and need those that they stored last; a collector beside them.
WRITER = """
import random, sys
from pathlib import Path
from mlm.adapters.blocks.packs import PackStore
from mlm.core.cid import RAW, Cid
folder, seed = Path(sys.argv[1]), int(sys.argv[2])
generator = random.Random(seed)
store = PackStore(folder)
data = [b"%d" % number for number in range(40)]  # shared by all, so that one stores what the other collects
held = set()
for _ in range(150):
    chosen = generator.sample(data, 3)
    store.put((Cid.of(RAW, each), each) for each in chosen)
    held.update(chosen)
    for each in held:
        assert store.get(Cid.of(RAW, each)) == each
"""


def test_writers_and_a_collector_that_needs_nothing_of_theirs(tmp_path: Path) -> None:
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path), str(seed)],
            stderr=subprocess.PIPE,
            env={"PYTHONPATH": os.pathsep.join(sys.path)},
        )
        for seed in (1, 2)
    ]
    rounds = 0
    while any(writer.poll() is None for writer in writers):
        PackStore(tmp_path).collect(only(), ALWAYS, nullcontext())
        rounds += 1
    for writer in writers:
        error = writer.stderr.read() if writer.stderr else b""
        assert writer.returncode == 0, error.decode()
        assert writer.stderr is None or writer.stderr.close() is None
    assert rounds > 3
    assert collect(tmp_path) == set()
