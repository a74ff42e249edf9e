"""The staging index: its bytes, what an earlier format meant, and what it forgets when."""

from __future__ import annotations

import struct
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlm.core.cid import DAG_CBOR, RAW, Cid
from mlm.core.errors import InvalidData
from mlm.core.staging import FILE, FOLDER, FileStat, Staged, Staging

COMMIT = Cid.of(DAG_CBOR, b"commit")
TIMES = st.integers(-(2**63), 2**63 - 1)
COUNTS = st.integers(0, 2**64 - 1)
STATS = st.builds(FileStat, st.just(""), COUNTS, TIMES, TIMES, COUNTS, st.integers(0, 0o7777), st.just(FILE))
ENTRIES = st.builds(Staged, st.binary(max_size=4).map(lambda data: Cid.of(RAW, data)), COUNTS, STATS, st.booleans())
NAMES = st.text(st.characters(codec="utf-8", exclude_categories=("Cc",), exclude_characters="/\\."), min_size=1)
PATHS = st.lists(NAMES.map(lambda name: name[:9].replace("~", "")).filter(bool), min_size=1, max_size=3).map("/".join)


def staged(data: bytes = b"x", mode: int = 0o644, mtime: int = 5) -> Staged:
    return Staged(Cid.of(RAW, data), 1, FileStat("a", 1, mtime, 6, 7, mode), True)


@given(st.dictionaries(PATHS, ENTRIES, max_size=6), st.booleans())
def test_bytes_are_read_as_they_were_written(entries: dict[str, Staged], known: bool) -> None:
    entries = {path: entry._replace(stat=entry.stat._replace(path=path)) for path, entry in entries.items()}
    index = Staging()
    index.update(entries)
    index.commit = COMMIT if known else None
    found = Staging.from_bytes(index.to_bytes())
    assert found == index == entries
    assert found.commit == index.commit


def test_the_first_format_is_read() -> None:
    record = struct.Struct(">QqqQIQ?36s").pack(1, 5, 6, 7, 0o644, 1, True, bytes(staged().cid))
    content = b"mlm/index/1\n" + (1).to_bytes(8, "big") + record + b"a\0"
    found = Staging.from_bytes(content + sha256(content).digest())
    assert found == {"a": staged()} and found.commit is None


@pytest.mark.parametrize("path", ["../id_rsa", "/etc/passwd", ".mlm/HEAD", "a\x1b[2J"])
def test_a_path_that_no_tree_holds_is_refused(path: str) -> None:
    """An index of others would have `status` open files outside."""
    index = Staging()
    index["a"] = index[path] = staged()
    with pytest.raises(InvalidData, match="unsafe path"):
        Staging.from_bytes(index.to_bytes())


def test_the_commit_is_forgotten_when_anything_changes() -> None:
    def index() -> Staging:
        made = Staging()
        made["a"] = staged()
        made.commit = COMMIT
        return made

    kept = index()
    kept["a"] = staged()
    assert kept.commit == COMMIT
    for path, entry in (("a", staged(b"y")), ("a", staged(mtime=99)), ("a", staged(mode=0o755)), ("b", staged())):
        changed = index()
        changed[path] = entry
        assert changed.commit is None
    removed = index()
    del removed["a"]
    assert removed.commit is None


def test_what_is_known_to_be_unchanged() -> None:
    index = Staging()
    index["a"] = staged()
    stat = staged().stat
    assert index.is_unchanged(stat)
    for other in (
        stat._replace(size=2),
        stat._replace(mtime_ns=4),
        stat._replace(ctime_ns=4),
        stat._replace(inode=4),
        stat._replace(mode=0o755),
        stat._replace(kind=FOLDER),
        stat._replace(path="b"),
    ):
        assert not index.is_unchanged(other)
    index["a"] = staged()._replace(settled=False)
    assert not index.is_unchanged(stat)


def signed(content: bytes) -> bytes:
    return content + sha256(content).digest()


HEAD = b"mlm/index/2\n" + bytes(36)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"mlm/index/2\n",
        signed(b"mlm/index/2\n"),
        signed(b"mlm/index/3\n" + bytes(60)),
        HEAD + bytes(40),
        signed(HEAD + (9).to_bytes(8, "big")),
        signed(HEAD + (2**60).to_bytes(8, "big") + bytes(200)),
        signed(HEAD + (1).to_bytes(8, "big") + bytes(85) + b"\xff\0"),
        signed(HEAD + (1).to_bytes(8, "big") + bytes(85) + b"a\0b\0"),
        signed(b"mlm/index/2\n" + b"\7" * 36 + bytes(8)),
    ],
    ids=["empty", "cut", "short", "later", "checksum", "count", "huge", "utf-8", "more paths", "commit"],
)
def test_a_damaged_or_hostile_index_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidData):
        Staging.from_bytes(content)
