"""UnixFS against the shared vectors: what npm ipfs-car and kubo make of the same bytes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from hashlib import sha256, shake_128
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlm.core import dagpb, hamt, unixfs
from mlm.core.cid import DAG_PB, RAW, Cid
from mlm.core.errors import InvalidData
from mlm.core.paths import owner
from mlm.core.unixfs import CHUNK, Entry

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "car.json").read_text())
GOLDEN = VECTORS["kubo_golden_unixfs_v1_2025"]

ODD_NAMES = [
    "日本語.txt",
    "naïve.bin",
    "Zürich/ß.txt",
    "emoji-🤖.json",
    "a.b",
    "a-b",
    "a/x",
    "B",
    "b",
    "%41.txt",
    "𐍈.txt",
    "ﬀ.txt",
]


def discard(cid: Cid, block: bytes) -> None:
    pass


def labelled(count: int, label: str = "") -> bytes:
    return shake_128(b"mlm-car-v1:" + label.encode()).digest(count)


@cache
def big() -> bytes:
    """All the generated files are prefixes of this one."""
    return labelled(300 * 2**20)


def pieces(data: bytes) -> Iterator[bytes]:
    view = memoryview(data)
    return (view[at : at + CHUNK] for at in range(0, len(data), CHUNK))  # type: ignore[misc]  # hashed, not kept


def file_of(data: bytes) -> Entry:
    return unixfs.file(pieces(data), discard)


def tree_of(name: str) -> dict[str, bytes]:
    if name == "treeA":
        return {
            "README.md": b"# model\n",
            "empty": b"",
            "a/b/c/deep.bin": labelled(1_500_000, "deep"),
            "a/config.json": b'{"x":1}',
            "weights/model.safetensors": labelled(3 * 2**20 + 17, "model"),
        }
    if name == "treeB":
        return {path: f"name={path}".encode() for path in [*ODD_NAMES, " space name.txt"]}
    return {f"f{number:05d}.txt": f"file {number}\n".encode() for number in range({"treeC": 2000, "treeD": 6000}[name])}


@pytest.mark.parametrize("vector", VECTORS["vectors"], ids=lambda vector: f"{vector['name']}-{vector['wrap']}")
def test_shared_vectors(vector: Mapping[str, Any]) -> None:
    name = vector["name"]
    if name.startswith("tree"):
        entry = unixfs.tree({path: file_of(data) for path, data in tree_of(name).items()}, discard)
    else:
        entry = file_of(big()[: int(name[1:])])
        if vector["wrap"]:
            entry = unixfs.directory({f"{name}.bin": entry}, discard)
    assert str(entry.cid) == vector["v1_2025_root"]
    assert (str(entry.cid) == vector["ipfs_car_root"]) == vector["ipfs_car_equals_v1_2025"]


def keystream(seed: str, count: int) -> Iterator[bytes]:
    """ChaCha20 with key sha256(seed) and nonce 0, as kubo's own tests generate files; in chunks."""
    from Crypto.Cipher import ChaCha20

    cipher = ChaCha20.new(key=sha256(seed.encode()).digest(), nonce=bytes(12))
    zeros = bytes(CHUNK)
    for at in range(0, count, CHUNK):
        yield cipher.encrypt(zeros[: min(CHUNK, count - at)])


@pytest.mark.parametrize("count", [2**20, 2**20 + 1])
def test_kubo_golden_files(count: int) -> None:
    entry = unixfs.file(keystream("chunk-v1-seed", count), discard)
    assert str(entry.cid) == GOLDEN[f"{count} B seed chunk-v1-seed"]


def test_kubo_golden_files_of_one_and_two_levels() -> None:
    """1 GiB is 1024 leaves, all that one node holds; a byte more makes a second level. Hashed in one pass."""
    leaves = [unixfs.leaf(piece) for piece in keystream("v1-2025-seed", 2**30 + 1)]
    assert str(unixfs.balance(leaves[:-1], discard).cid) == GOLDEN["1 GiB seed v1-2025-seed"]
    assert str(unixfs.balance(leaves, discard).cid) == GOLDEN["1 GiB+1 seed v1-2025-seed"]


@pytest.mark.parametrize(
    ("last", "name"),
    [(21, "dir basic 4766 (11/21) seed hamt-unixfs-v1-2025"), (22, "dir hamt 4766 (11/22)")],
)
def test_kubo_golden_directories_at_the_threshold(last: int, name: str) -> None:
    """4766 names of 11 characters, the last of 21 or 22, make a flat block of 262,144 bytes or of one more."""
    letters = "abcdefghijklmnopqrstuvwxyz01234567890-_"  # kubo's test alphabet, its second zero included
    text = "".join(letters[byte % len(letters)] for byte in next(keystream("hamt-unixfs-v1-2025", CHUNK)))
    names = [text[at * 11 : at * 11 + 11] for at in range(4765)]
    names.append(text[4765 * 11 : 4765 * 11 + last])
    assert str(unixfs.directory(dict.fromkeys(names, unixfs.leaf(b"x")), discard).cid) == GOLDEN[name]


def test_kubo_golden_hello_world() -> None:
    assert str(file_of(b"hello world").cid) == GOLDEN["small 'hello world'"]


class Store:
    """Blocks by CID, as `emit` gives them."""

    def __init__(self) -> None:
        self.blocks: dict[Cid, bytes] = {}

    def emit(self, cid: Cid, block: bytes) -> None:
        cid.verify(block)
        self.blocks[cid] = bytes(block)

    def get(self, cid: Cid) -> bytes:
        return self.blocks[cid]


NAMES = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc",), exclude_characters="/\\"), min_size=1, max_size=8
)
TREES = st.dictionaries(
    st.lists(NAMES.filter(lambda name: name not in (".", "..") and not owner(name)), min_size=1, max_size=3).map(
        "/".join
    ),
    st.binary(max_size=20),
    max_size=12,
)


@given(files=TREES)
def test_what_is_written_is_read(files: dict[str, bytes]) -> None:
    folders = {path[:at] for path in files for at, char in enumerate(path) if char == "/"}
    store = Store()
    entries = {path: unixfs.file([data] if data else [], store.emit) for path, data in files.items()}
    if folders & files.keys():
        with pytest.raises(InvalidData, match="both"):
            unixfs.tree(entries, store.emit)
        return
    root = unixfs.tree(entries, store.emit)
    found = {path: b"".join(unixfs.read(store.get, cid)) for path, cid in unixfs.walk(store.get, root.cid)}
    assert found == files
    assert list(found) == sorted(found, key=lambda path: path.split("/"))
    assert root.size == sum(map(len, files.values()))


def test_sharded_directory_is_read() -> None:
    store = Store()
    entry = unixfs.file([b"x"], store.emit)
    names = {f"a file with quite a long name, number {number:06d}" for number in range(4000)}
    root = unixfs.directory(dict.fromkeys(names, entry), store.emit)
    assert len(store.blocks) > 2
    assert unixfs.listing(store.get, root.cid).keys() == names
    with pytest.raises(InvalidData, match="at most 10 entries"):
        unixfs.listing(store.get, root.cid, max_entries=10)


def test_directory_is_sharded_when_its_block_passes_the_limit() -> None:
    entry = Entry(Cid.of(RAW, b""), 0, 0)
    size = len(dagpb.encode_link(b"0000" + b"x" * 200, entry.cid, 0))
    most = (unixfs.SHARD_ABOVE - 4) // size
    for count, blocks in ((most, 1), (most + 1, 2)):
        store = Store()
        unixfs.directory({f"{number:04d}" + "x" * 200: entry for number in range(count)}, store.emit)
        assert (len(store.blocks) >= blocks) and (len(store.blocks) == 1) == (blocks == 1)


def directory(*links: tuple[str, Cid]) -> tuple[Store, Cid]:
    store = Store()
    block = dagpb.encode([dagpb.Link(name, cid, 0) for name, cid in links], b"\x08\x01")
    root = Cid.of(DAG_PB, block)
    store.emit(root, block)
    return store, root


EMPTY = Cid.of(RAW, b"")


@pytest.mark.parametrize(
    "name", ["..", ".", "", "a/b", "a\\b", "a\0b", "a\nb", "x" * 256, "/etc/passwd", ".mlm", ".MLM"]
)
def test_climbing_and_broken_names_are_refused(name: str) -> None:
    store, root = directory((name, EMPTY))
    with pytest.raises(InvalidData):
        list(unixfs.walk(store.get, root))


def test_repeated_name_is_refused() -> None:
    store, root = directory(("a", EMPTY), ("a", EMPTY))
    with pytest.raises(InvalidData, match="twice"):
        list(unixfs.walk(store.get, root))


def test_tower_of_directories_is_refused() -> None:
    store, root = directory(("leaf", EMPTY))
    for _ in range(100):
        block = dagpb.encode([dagpb.Link("d", root, 0)], b"\x08\x01")
        root = Cid.of(DAG_PB, block)
        store.emit(root, block)
    with pytest.raises(InvalidData, match="at most"):
        list(unixfs.walk(store.get, root))


def test_tower_of_file_nodes_is_refused() -> None:
    store = Store()
    root = EMPTY
    store.emit(root, b"")
    for _ in range(100):
        block = dagpb.encode([dagpb.Link("", root, 0)], b"\x08\x02\x18\x00\x20\x00")
        root = Cid.of(DAG_PB, block)
        store.emit(root, block)
    with pytest.raises(InvalidData, match="levels"):
        list(unixfs.read(store.get, root))


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (b"\x08\x02\x18\x05\x20\x04", "claims 5"),
        (b"\x08\x02\x18\x09\x20\x09", "expected 9 bytes"),
        (b"\x08\x02\x18\x00", "1 links and 0 sizes"),
        (b"\x08\x02\x18\x04\x20\x04\x18\x04", "twice"),
        (b"\x08\x01", "expected a UnixFS file"),
        (b"\x18\x04\x20\x04", "type"),
    ],
    ids=["sizes do not add up", "child is shorter", "no sizes", "repeated field", "a directory", "no type"],
)
def test_lying_file_nodes_are_refused(data: bytes, match: str) -> None:
    store = Store()
    leaf = unixfs.file([b"four"], store.emit)
    block = dagpb.encode([dagpb.Link("", leaf.cid, 4)], data)
    store.emit(Cid.of(DAG_PB, block), block)
    with pytest.raises(InvalidData, match=match):
        list(unixfs.read(store.get, Cid.of(DAG_PB, block)))


def test_read_stops_at_the_limit() -> None:
    store = Store()
    entry = unixfs.file(pieces(bytes(3 * CHUNK)), lambda cid, block: store.emit(cid, bytes(block)))
    with pytest.raises(InvalidData, match="at most"):
        list(unixfs.read(store.get, entry.cid, max_bytes=3 * CHUNK - 1))
    assert sum(map(len, unixfs.read(store.get, entry.cid, max_bytes=3 * CHUNK))) == 3 * CHUNK


def test_misplaced_shard_entry_is_refused() -> None:
    store = Store()
    cid, _ = hamt.build({"name": (EMPTY, 0)}, store.emit)
    node = dagpb.decode(store.blocks[cid])
    forged = dagpb.encode([dagpb.Link(node.links[0].name[:2] + "other", EMPTY, 0)], node.data)
    store.emit(Cid.of(DAG_PB, forged), forged)
    with pytest.raises(InvalidData, match="does not lead"):
        unixfs.listing(store.get, Cid.of(DAG_PB, forged))


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        node = dagpb.decode(data)
    except InvalidData:
        return
    assert dagpb.encode(node.links, node.data) == data
