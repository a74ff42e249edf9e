"""What only pack stores do: files on disk, damage to them, and writers killed at any instant."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import pytest

from mlm.adapters.blocks import pack_index
from mlm.adapters.blocks.packs import PackStore
from mlm.adapters.remotes.folder import FolderRemote
from mlm.core import car
from mlm.core.cid import RAW, Cid
from mlm.core.errors import InvalidData, StorageError

# Puts batches of three blocks for ever and says which number is durable.
WRITER = """
import sys
from pathlib import Path
from mlm.adapters.blocks.packs import PackStore
from mlm.core.cid import RAW, Cid
store = PackStore(Path(sys.argv[1]))
for number in range(int(sys.argv[2]), 10**9):
    batch = [(b"%d-%d " % (number, part)) * 20000 for part in range(3)]
    store.put((Cid.of(RAW, data), data) for data in batch)
    print(number, flush=True)
"""


def batch(number: int) -> list[bytes]:
    return [(b"%d-%d " % (number, part)) * 20000 for part in range(3)]


def one(data: bytes) -> tuple[Cid, bytes]:
    return Cid.of(RAW, data), data


def test_a_writer_killed_at_any_instant_leaves_a_store_that_works(tmp_path: Path) -> None:
    folder = tmp_path / "objects"
    generator = random.Random(7)
    environment = {"PYTHONPATH": os.pathsep.join(sys.path), "PATH": os.environ["PATH"]}
    durable = 0
    for _ in range(30):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(folder), str(durable)],
            stdout=subprocess.PIPE,
            env=environment,
        )
        assert writer.stdout is not None
        try:
            # From its first durable batch on, so that the kill meets it at work.
            durable = max(durable, int(writer.stdout.readline()) + 1)
            time.sleep(generator.random() * 0.03)
        finally:
            os.kill(writer.pid, signal.SIGKILL)
            said = writer.stdout.read().split()
            writer.stdout.close()
            writer.wait(10)
        # What was reported is there, whole; what was not is there whole or not at all.
        durable = max([durable, *(int(number) + 1 for number in said)])
        store = PackStore(folder)
        seen = set(store.cids())
        assert all(store.get(cid) for cid in seen)
        for number in range(durable + 2):
            present = [Cid.of(RAW, data) in seen for data in batch(number)]
            assert all(present) if number < durable else len(set(present)) == 1
    assert PackStore(folder).put([one(b"after all of that")]) == 1
    for path in folder.glob("*.car"):
        with path.open("rb") as file:
            assert len(list(car.Reader(file.read))) in (1, 3)


def test_what_killed_writers_left_is_swept_away(tmp_path: Path) -> None:
    store = PackStore(tmp_path)
    store.put([one(b"a")])
    old, young = tmp_path / "tmp-old", tmp_path / "tmp-young"
    old.write_bytes(b"half a pack")
    young.write_bytes(b"half a pack")
    os.utime(old, (0, 0))
    store.put([one(b"b")])
    assert not old.exists()
    assert young.exists()


@pytest.mark.parametrize("defect", ["missing", "truncated", "bit flipped"])
def test_a_damaged_index_is_rebuilt_from_its_pack(tmp_path: Path, defect: str) -> None:
    PackStore(tmp_path).put([one(b"a"), one(b"b")])
    (index,) = tmp_path.glob("*.idx")
    content = index.read_bytes()
    if defect == "missing":
        index.unlink()
    else:
        index.write_bytes(content[:-5] if defect == "truncated" else content[:40] + b"?" + content[41:])
    assert PackStore(tmp_path).get(Cid.of(RAW, b"a")) == b"a"
    assert index.read_bytes() == content


def test_the_same_blocks_in_another_order_are_another_pack(tmp_path: Path) -> None:
    """Two writers at once, neither of which sees the other's pack, and a reader who has listed the first."""
    blocks = [one(b"a" * 5), one(b"b" * 70), one(b"c" * 900)]
    PackStore(tmp_path / "objects").put(blocks)
    reader = PackStore(tmp_path / "objects")
    assert reader.get(blocks[0][0]) == blocks[0][1]
    PackStore(tmp_path / "other").put(reversed(blocks))
    for path in sorted((tmp_path / "other").glob("pack-*")):
        path.replace(tmp_path / "objects" / path.name)
    for store in (reader, PackStore(tmp_path / "objects")):
        assert all(store.get(cid) == data for cid, data in blocks)
    assert len(list((tmp_path / "objects").glob("*.car"))) == 2
    assert not [found for found in PackStore(tmp_path / "objects").examine() if found.fault]


def foreign_index(folder: Path) -> list[tuple[Cid, bytes]]:
    """A pack with the index of another one, of the same blocks, as a kill between two renames left it."""
    blocks = [one(bytes([number]) * (number * 10 + 1)) for number in range(9)]
    PackStore(folder).put(blocks)
    PackStore(folder.parent / "other").put(reversed(blocks))
    (index,), (other,) = folder.glob("*.idx"), (folder.parent / "other").glob("*.idx")
    other.replace(index)
    return blocks


def test_an_index_of_another_layout_is_made_anew(tmp_path: Path) -> None:
    blocks = foreign_index(tmp_path / "objects")
    store = PackStore(tmp_path / "objects")
    assert all(store.get(cid) == data for cid, data in blocks)
    assert not [found for found in store.examine() if found.fault]


def test_blocks_are_not_taken_for_damaged_where_only_the_index_is(tmp_path: Path) -> None:
    blocks = foreign_index(tmp_path / "objects")
    store = PackStore(tmp_path / "objects")
    faults = [(found.cid, found.place[-4:]) for found in store.examine() if found.fault]
    assert faults == [(None, ".idx")]
    assert store.drop_damaged() == 0
    assert all(PackStore(tmp_path / "objects").get(cid) == data for cid, data in blocks)


def test_a_reader_looks_again_where_a_pack_has_another_layout_now(tmp_path: Path) -> None:
    """As earlier versions wrote them: one name for the same blocks in any order."""
    folder, blocks = tmp_path / "objects", [one(b"a"), one(b"b" * 9)]
    PackStore(folder).put(blocks)
    reader = PackStore(folder)
    assert reader.get(blocks[1][0])
    PackStore(tmp_path / "other").put(reversed(blocks))
    for suffix in ("idx", "car"):
        (mine,), (theirs,) = folder.glob(f"*.{suffix}"), (tmp_path / "other").glob(f"*.{suffix}")
        theirs.replace(mine)
    assert [reader.get(cid) for cid, _ in blocks] == [data for _, data in blocks]


def test_a_damaged_block_is_stored_again_and_read_from_there(tmp_path: Path) -> None:
    store = PackStore(tmp_path)
    store.put([one(b"a" * 99), one(b"b")])
    (pack,) = tmp_path.glob("*.car")
    pack.write_bytes(pack.read_bytes().replace(b"aaa", b"axa", 1))
    with pytest.raises(InvalidData, match="damaged"):
        store.get(one(b"a" * 99)[0])
    assert store.put([one(b"b")]) == 0
    for writer in (store, PackStore(tmp_path)):
        assert writer.put([one(b"b"), one(b"a" * 99)]) == (writer is store)
    for reader in (store, PackStore(tmp_path)):
        assert reader.get(one(b"a" * 99)[0]) == b"a" * 99


def test_a_sparse_index_is_not_held(tmp_path: Path) -> None:
    """The file costs those who send it nothing: neither may it cost those who open it."""
    PackStore(tmp_path).put([one(b"a")])
    (index,) = tmp_path.glob("*.idx")
    (pack,) = tmp_path.glob("*.car")
    os.truncate(index, 1 << 29)
    for size in (None, 1 << 33):
        if size is not None:
            os.truncate(pack, size)
        tracemalloc.start()
        try:
            assert pack_index.read(pack) is None
            assert tracemalloc.get_traced_memory()[1] < 8 << 20
        finally:
            tracemalloc.stop()


def test_a_pack_that_is_cut_off_while_it_is_examined(tmp_path: Path) -> None:
    script = (
        "import os, sys; from pathlib import Path; from mlm.adapters.blocks.packs import PackStore\n"
        "from mlm.core.cid import RAW, Cid\n"
        "store = PackStore(Path(sys.argv[1])); data = [b'%6d' % n * 2000 for n in range(600)]\n"
        "store.put((Cid.of(RAW, each), each) for each in data); found = store.examine(); next(found)\n"
        "(pack,) = Path(sys.argv[1]).glob('*.car'); os.truncate(pack, 50000)\n"
        "print(sum(bool(each.fault) for each in found))\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "objects")]
    environment = {"PYTHONPATH": os.pathsep.join(sys.path)}
    ran = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=30, check=False)
    assert ran.returncode == 0 and int(ran.stdout) > 300, ran


def test_a_truncated_pack_without_index_is_named(tmp_path: Path) -> None:
    PackStore(tmp_path).put([one(b"a"), one(b"b")])
    (pack,) = tmp_path.glob("*.car")
    pack.write_bytes(pack.read_bytes()[:-1])
    pack.with_suffix(".idx").unlink()
    with pytest.raises(InvalidData, match="cut off"):
        PackStore(tmp_path).has(Cid.of(RAW, b"a"))


def test_a_full_disk_leaves_the_store_as_it_was(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    store = PackStore(tmp_path / "objects")
    store.put([one(b"a")])
    before = sorted(path.name for path in (tmp_path / "objects").iterdir())
    # A limit on file sizes stands for a full disk: the write fails in the middle.
    script = (
        "import resource, signal, sys; from pathlib import Path; from mlm.adapters.blocks.packs import PackStore\n"
        "from mlm.core.cid import RAW, Cid; from mlm.core.errors import StorageError\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (3000000, 3000000))\n"
        "data = [bytes([n]) * 1000000 for n in range(9)]\n"
        "try:\n    PackStore(Path(sys.argv[1])).put((Cid.of(RAW, d), d) for d in data)\n"
        "except StorageError as error:\n    print(error)\n"
    )
    environment = {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", script, str(tmp_path / "objects")]
    found = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=30, check=True)
    assert "cannot write a pack: File too large" in found.stdout
    assert sorted(path.name for path in (tmp_path / "objects").iterdir()) == before


def test_two_writers_at_once(tmp_path: Path) -> None:
    script = WRITER.replace("10**9", "int(sys.argv[2]) + 15")
    environment = {"PYTHONPATH": os.pathsep.join(sys.path)}
    writers = [
        subprocess.Popen([sys.executable, "-c", script, str(tmp_path), "0"], stdout=subprocess.DEVNULL, env=environment)
        for _ in range(2)
    ]
    assert [writer.wait(30) for writer in writers] == [0, 0]
    store = PackStore(tmp_path)
    assert sorted(store.cids()) == sorted(Cid.of(RAW, data) for number in range(15) for data in batch(number))
    assert not list(tmp_path.glob("tmp-*"))


def test_a_folder_of_something_else_is_no_remote(tmp_path: Path) -> None:
    (tmp_path / "thesis.pdf").write_bytes(b"%PDF")
    with pytest.raises(InvalidData, match="not a remote"):
        FolderRemote(tmp_path).put([one(b"a")])


def test_a_remote_of_a_later_format_is_refused(tmp_path: Path) -> None:
    FolderRemote(tmp_path).put([one(b"a")])
    (tmp_path / "mlm-remote").write_bytes(b"mlm/remote/9\n")
    with pytest.raises(InvalidData, match="mlm/remote/1"):
        FolderRemote(tmp_path).has(one(b"a")[0])


def test_a_remote_on_a_disk_that_is_not_mounted(tmp_path: Path) -> None:
    remote = FolderRemote(tmp_path / "mnt" / "remote")
    assert not remote.has(one(b"a")[0])
    with pytest.raises(StorageError, match="does not exist"):
        remote.put([one(b"a")])
