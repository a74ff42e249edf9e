"""UnixFS files and directories in the profile `unixfs-v1-2025`: building their blocks, and reading blocks of others.

Source: https://specs.ipfs.tech/unixfs/ and IPIP-499. CIDv1, sha2-256, raw leaves of 1 MiB, balanced trees of 1024
links, a directory sharded when its flat block passes 262,144 bytes. The same bytes give the CID that kubo gives.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from mlm.core import dagpb, hamt
from mlm.core.cid import DAG_PB, RAW, Cid
from mlm.core.errors import InvalidData
from mlm.core.paths import MAX_DEPTH, check_name, check_path

PROFILE = "unixfs-v1-2025"
CHUNK = 1024 * 1024  # bytes of a leaf
WIDTH = 1024  # links of a file's node
SHARD_ABOVE = 262_144  # bytes of a flat directory block

_TYPE_RAW, _TYPE_DIRECTORY, _TYPE_FILE = 0, 1, 2
_FOREIGN = {3: "metadata", 4: "a symbolic link"}  # types that others write, and no tree of ours holds
_MAX_LEVELS = 16  # of a file's tree: foreign writers use narrower ones than ours
MAX_ENTRIES = 1_000_000  # of one tree
MAX_LEAVES = 262_144  # of a file whose leaves are listed: 256 GiB of ours
_FEW = 65_536  # blocks that a file may have however small it is
_LEAST = 64  # bytes that a block of a larger file holds on average: ours hold CHUNK
_PER_SIZE = 16  # bytes that a node may take to say how large one of its parts is
_MAX_MESSAGE = 256  # bytes of a directory node beside its links: kind, bit field, hash, mode, time

Emit = Callable[[Cid, bytes], None]
Get = Callable[[Cid], bytes]


@dataclass(frozen=True, slots=True)
class Entry:
    """A file or directory: its CID, the bytes of all its blocks (`tsize`) and of its content (`size`)."""

    cid: Cid
    tsize: int
    size: int


def leaf(chunk: bytes | memoryview) -> Entry:
    """The entry of at most CHUNK bytes, which are the block themselves."""
    return Entry(Cid.of(RAW, chunk), len(chunk), len(chunk))


def balance(leaves: Sequence[Entry], emit: Emit) -> Entry:
    """The file over its leaves: one leaf stands alone, more get nodes of WIDTH links, level by level."""
    level = list(leaves)
    while len(level) > 1:
        level = [_file_node(level[start : start + WIDTH], emit) for start in range(0, len(level), WIDTH)]
    return level[0]


def _file_node(children: Sequence[Entry], emit: Emit) -> Entry:
    size = sum(child.size for child in children)
    sizes = b"".join(b"\x20" + dagpb.varint(child.size) for child in children)
    links = b"".join(dagpb.encode_link(b"", child.cid, child.tsize) for child in children)
    block = links + dagpb.field(1, b"\x08\x02\x18" + dagpb.varint(size) + sizes)
    cid = Cid.of(DAG_PB, block)
    emit(cid, block)
    return Entry(cid, len(block) + sum(child.tsize for child in children), size)


def file_blocks(leaves: Iterable[tuple[Cid, bytes]]) -> Generator[tuple[Cid, bytes], None, Entry]:
    """The blocks of a file over its leaves, which have CHUNK bytes but for the last: leaves first, then the nodes.

    No leaf is an empty file. The generator returns the file's entry.
    """
    entries: list[Entry] = []
    for cid, data in leaves:
        if len(data) > CHUNK or (entries and entries[-1].size != CHUNK):
            raise ValueError(f"every piece but the last has {CHUNK} bytes")
        yield cid, data
        entries.append(Entry(cid, len(data), len(data)))
    if not entries:
        entries.append(leaf(b""))
        yield entries[0].cid, b""
    nodes: list[tuple[Cid, bytes]] = []
    entry = balance(entries, lambda cid, block: nodes.append((cid, block)))
    yield from nodes
    return entry


def file(chunks: Iterable[bytes], emit: Emit) -> Entry:
    """Emit the blocks of a file that is read in pieces of CHUNK bytes, as `file_blocks` yields them."""
    return file_of(((Cid.of(RAW, chunk), chunk) for chunk in chunks), emit)


def file_of(leaves: Iterable[tuple[Cid, bytes]], emit: Emit) -> Entry:
    """Emit the blocks of a file over its leaves, as `file_blocks` yields them."""
    blocks = file_blocks(leaves)
    try:
        while True:
            emit(*next(blocks))
    except StopIteration as end:
        entry: Entry = end.value
        return entry


def directory(entries: Mapping[str, Entry], emit: Emit) -> Entry:
    """Emit the block, or the shards, of one directory over its entries by name."""
    size = sum(entry.size for entry in entries.values())
    ordered = sorted((name.encode("utf-8"), entry) for name, entry in entries.items())
    block = b"".join(dagpb.encode_link(name, entry.cid, entry.tsize) for name, entry in ordered)
    block += dagpb.field(1, b"\x08\x01")
    if len(block) > SHARD_ABOVE:
        cid, tsize = hamt.build({name: (entry.cid, entry.tsize) for name, entry in entries.items()}, emit)
        return Entry(cid, tsize, size)
    cid = Cid.of(DAG_PB, block)
    emit(cid, block)
    return Entry(cid, len(block) + sum(entry.tsize for entry in entries.values()), size)


def tree(files: Mapping[str, Entry], emit: Emit, empty: Iterable[str] = ()) -> Entry:
    """Emit the directories over files given by path, and over `empty` ones, deepest first.

    Raises InvalidData for unsafe or clashing paths.
    """
    children: dict[str, dict[str, Entry]] = {"": {}}
    for path, entry in files.items():
        check_path(path)
        parent, _, name = path.rpartition("/")
        if parent not in children:
            _add_directory(children, parent)
        children[parent][name] = entry
    for path in empty:
        _add_directory(children, check_path(path))
    for path in sorted(children, key=lambda path: -path.count("/") if path else 1):
        if not path:
            continue
        parent, _, name = path.rpartition("/")
        if name in children[parent]:
            raise InvalidData(f"{path!r} is both a file and a directory")
        children[parent][name] = directory(children[path], emit)
    return directory(children[""], emit)


def _add_directory(children: dict[str, dict[str, Entry]], path: str) -> None:
    """With those above it."""
    while path not in children:
        children[path] = {}
        path = path.rpartition("/")[0]


@dataclass(frozen=True, slots=True)
class _Data:
    """The message inside a UnixFS node."""

    type: int
    data: bytes
    size: int | None
    sizes: tuple[int, ...]
    hash_type: int | None
    fanout: int | None


def _data(raw: bytes) -> _Data:
    found: dict[int, int | bytes] = {}
    sizes: list[int] = []
    for number, value in dagpb.fields(raw):
        if number == 4 and isinstance(value, int):
            sizes.append(value)
        elif number in found or isinstance(value, bytes) != (number in (2, 8)) or not 1 <= number <= 8:
            raise InvalidData(f"expected a UnixFS message, found field {number} of the wrong kind or twice")
        else:
            found[number] = value
    if not isinstance(kind := found.get(1), int):
        raise InvalidData("expected a UnixFS type, found none")
    data, size, hash_type, fanout = (found.get(number) for number in (2, 3, 5, 6))
    return _Data(
        kind,
        data if isinstance(data, bytes) else b"",
        size if isinstance(size, int) else None,
        tuple(sizes),
        hash_type if isinstance(hash_type, int) else None,
        fanout if isinstance(fanout, int) else None,
    )


def _named(kind: int) -> str:
    return _FOREIGN.get(kind, f"type {kind}")


def is_directory(get: Get, cid: Cid) -> bool:
    """Whether a CID names a directory, flat or sharded."""
    return cid.codec == DAG_PB and _data(dagpb.decode(get(cid)).data).type in (_TYPE_DIRECTORY, hamt.TYPE)


class Budget:
    """How many parts the files of one tree may have between them: a few, and as many as their bytes need.

    A few blocks that name each other often are files of more parts than anybody can read.
    """

    def __init__(self) -> None:
        self.parts = self.bytes = 0

    def take(self, parts: int, size: int, cid: Cid) -> None:
        """Count parts, and bytes that came; raises InvalidData, naming `cid`, for too many parts."""
        self.parts += parts
        self.bytes += size
        if self.parts > _FEW + self.bytes // _LEAST:
            raise InvalidData(
                f"expected parts of {_LEAST} bytes or more in {cid}, found {self.parts} in {self.bytes} bytes"
            )


def _parts(get: Get, cid: Cid, budget: Budget, max_bytes: int | None) -> Iterator[tuple[Cid, int | None, bytes | None]]:
    """The parts of a file in order: CID, size, and the bytes where a node holds them itself; a raw leaf is not read.

    Whoever reads a leaf holds it to its size, which is None for a file that is one leaf.
    """
    stack: list[tuple[Cid, int | None, int]] = [(cid, None, 0)]
    done = 0
    while stack:
        at, expected, level = stack.pop()
        if at.codec == RAW:
            yield at, expected, None
            done += expected or 0
            budget.take(0, expected or 0, cid)
            continue
        if at.codec != DAG_PB or level >= _MAX_LEVELS:
            raise InvalidData(f"expected a file's node of at most {_MAX_LEVELS} levels, found {at} at level {level}")
        node = dagpb.decode(get(at))
        data = _data(node.data)
        if data.type not in (_TYPE_FILE, _TYPE_RAW):
            raise InvalidData(f"expected a UnixFS file at {at}, found {_named(data.type)}")
        if len(data.sizes) != len(node.links):
            raise InvalidData(f"the file node {at} has {len(node.links)} links and {len(data.sizes)} sizes")
        size = len(data.data) + sum(data.sizes)
        if data.size is not None and data.size != size:
            raise InvalidData(f"the file node {at} claims {data.size} bytes, its parts have {size}")
        if expected is not None and size != expected:
            raise InvalidData(f"expected {expected} bytes under {at}, found {size}")
        if max_bytes is not None and done + size > max_bytes:
            raise InvalidData(f"expected a file of at most {max_bytes} bytes, {at} holds {size}")
        # Before they are remembered, and whatever else the node holds, which has to be read too.
        ignored = len(node.data) - len(data.data) - _PER_SIZE * len(data.sizes)
        budget.take(len(node.links) + max(0, ignored) // _LEAST, len(data.data), cid)
        if data.data:
            yield at, len(data.data), data.data
            done += len(data.data)
        below = zip(reversed(node.links), reversed(data.sizes), strict=True)
        stack.extend((link.cid, part, level + 1) for link, part in below)


def read(get: Get, cid: Cid, *, max_bytes: int | None = None, budget: Budget | None = None) -> Iterator[bytes]:
    """The content of a file in pieces; sizes that nodes claim must hold: raises InvalidData, also past `max_bytes`.

    Files that are read together share a `budget`.
    """
    done = 0
    for at, expected, held in _parts(get, cid, budget or Budget(), max_bytes):
        piece = get(at) if held is None else held
        if expected is not None and len(piece) != expected:
            raise InvalidData(f"expected {expected} bytes under {at}, found {len(piece)}")
        done += len(piece)
        if max_bytes is not None and done > max_bytes:
            raise InvalidData(f"expected a file of at most {max_bytes} bytes, found more in {cid}")
        if piece:
            yield piece


def file_size(get: Get, cid: Cid) -> int:
    """The size that a file's root block gives; `read` holds the rest of the file to it."""
    block = get(cid)
    if cid.codec == RAW:
        return len(block)
    data = _data(dagpb.decode(block).data)
    if data.type not in (_TYPE_FILE, _TYPE_RAW):
        raise InvalidData(f"expected a UnixFS file at {cid}, found {_named(data.type)}")
    return len(data.data) + sum(data.sizes)


def check_file(get: Get, size: Callable[[Cid], int], cid: Cid, budget: Budget | None = None) -> int:
    """Hold every size that a file's nodes claim to what its leaves have; returns the file's size in bytes.

    `size` says how many bytes a leaf has, which is not read. Raises InvalidData as `read` does; NotFound.
    """
    done = 0
    for at, expected, held in _parts(get, cid, budget or Budget(), None):
        found = size(at) if held is None else len(held)
        if expected is not None and found != expected:
            raise InvalidData(f"expected {expected} bytes under {at}, found {found}")
        done += found
    return done


def leaves(get: Get, cid: Cid) -> Iterator[tuple[Cid, int, bytes | None]]:
    """The parts of a file in order: CID, size, and the bytes where a node holds them itself.

    No raw leaf but a file's only one is read: whoever reads it holds it to its size. Raises InvalidData as `read` does.
    """
    for number, (at, expected, held) in enumerate(_parts(get, cid, Budget(), None)):
        if number >= MAX_LEAVES:
            raise InvalidData(f"expected at most {MAX_LEAVES} parts in {cid}, found more")
        block = get(at) if expected is None and held is None else held
        yield at, len(block) if block is not None else expected or 0, block


def listing(get: Get, cid: Cid, *, max_entries: int = MAX_ENTRIES) -> dict[str, Cid]:
    """The entries of one directory by name, flat or sharded; raises InvalidData for unsafe or repeated names."""
    found: dict[str, Cid] = {}
    stack: list[tuple[Cid, bytes]] = [(cid, b"")]
    while stack:
        at, place = stack.pop()
        if at.codec != DAG_PB:
            raise InvalidData(f"expected a UnixFS directory at {at}, found a file")
        node = dagpb.decode(get(at))
        data = _data(node.data)
        sharded = data.type == hamt.TYPE
        if not sharded and (data.type != _TYPE_DIRECTORY or place):
            raise InvalidData(f"expected a UnixFS directory at {at}, found {_named(data.type)}")
        if len(node.data) > _MAX_MESSAGE or (data.data and not sharded):
            # It would be read anew for every name that leads here.
            raise InvalidData(f"expected links alone in the directory {at}, found {len(node.data)} bytes of data")
        if sharded:
            hamt.check_shard(node.links, data.data, data.fanout, data.hash_type)
            # Every shard but the root leads to an entry, whose hash is in one place only: so none is read twice.
            if place and not node.links:
                raise InvalidData(f"expected entries in the HAMT shard {at}, found none")
        for link in node.links:
            name = link.name
            if sharded:
                below = place + bytes((int(name[:2], 16),))
                name = name[2:]
                if not name and len(below) < 8:
                    stack.append((link.cid, below))
                    continue
                hamt.check_place(name, below)
            if check_name(name) in found:
                raise InvalidData(f"the directory {cid} holds {name!r} twice")
            found[name] = link.cid
            if len(found) > max_entries:
                raise InvalidData(f"expected at most {max_entries} entries, found more in the directory {cid}")
    return found


def walk(get: Get, root: Cid, *, max_entries: int = MAX_ENTRIES) -> Iterator[tuple[str, Cid]]:
    """Every file below a directory: safe relative path and CID, in order of paths. Raises InvalidData."""
    return ((path, cid) for path, cid, folder in entries(get, root, max_entries=max_entries) if not folder)


def entries(get: Get, root: Cid, *, max_entries: int = MAX_ENTRIES) -> Iterator[tuple[str, Cid, bool]]:
    """Every entry below a directory: safe relative path, CID, whether it is a directory. Raises InvalidData.

    In order of paths, each directory before what is in it.
    """
    stack: list[tuple[str, Cid]] = [("", root)]
    seen = 0
    folders: dict[Cid, bool] = {}
    while stack:
        path, cid = stack.pop()
        if (known := folders.get(cid)) is None:
            known = folders[cid] = is_directory(get, cid)
        folder = not path or known
        if path:
            yield check_path(path), cid, folder
        if not folder:
            continue
        if path.count("/") >= MAX_DEPTH:
            raise InvalidData(f"a path has at most {MAX_DEPTH} names, {path[:40]!r}… has more")
        found = listing(get, cid, max_entries=max_entries)
        seen += len(found)
        if seen > max_entries:
            raise InvalidData(f"expected at most {max_entries} entries, found more below {root}")
        stack.extend((f"{path}/{name}" if path else name, found[name]) for name in sorted(found, reverse=True))
