"""docs/history.md against the code: fields, formats and numbers that somebody else would implement from."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mlm.adapters.blocks import collect, pack_index
from mlm.core import dagcbor, history
from mlm.core import staging as index
from mlm.core.cid import DAG_CBOR, DAG_PB, Cid
from mlm.core.history import Commit
from mlm.workflows import gc


@pytest.fixture
def page(root: Path) -> str:
    return (root / "docs" / "history.md").read_text(encoding="utf-8")


def test_the_fields_of_a_commit(page: str) -> None:
    table = page.split("**A commit**")[1].split("Its CID is its name")[0]
    rows = re.findall(r"^\| `([a-z]+)` \| (.+?) \| (.+?) \|$", table, re.MULTILINE)
    tree, manifest = Cid.of(DAG_PB, b"\n\x02\x08\x01"), Cid.of(DAG_CBOR, b"\xa0")
    value = dagcbor.decode(Commit(tree, manifest, (), "alice", 1, "m").to_block()[1])
    assert isinstance(value, dict)
    assert {name for name, _, _ in rows} == set(value)
    limits = {name: limit for name, _, limit in rows}
    assert limits["format"] == f"`{history.FORMAT}`"
    assert limits["parents"] == str(history.MAX_PARENTS)
    assert limits["author"] == f"{history.MAX_AUTHOR} characters"
    assert limits["message"] == f"{history.MAX_MESSAGE} characters"


def test_formats_and_numbers(page: str) -> None:
    assert f"{gc.GRACE} seconds" in page
    assert f"packs under {collect.SMALL >> 20} MiB" in page
    (index_record,) = re.findall(r"a record of (\d+) bytes\s+for each", page)
    assert int(index_record) == index._RECORD.size
    (pack_record,) = re.findall(r"records of (\d+) bytes sorted by CID", page)
    assert int(pack_record) == pack_index._RECORD
    for magic in (index._MAGIC, pack_index._MAGIC):
        assert f"`{magic.decode().strip()}` and a newline" in page


def test_every_root_of_a_collection_is_told(page: str) -> None:
    told = re.findall(r"^(\d)\. ", page.split("## gc")[1].split("What was fetched")[0], re.MULTILINE)
    in_code = re.findall(r"^(\d)\. ", gc.__doc__ or "", re.MULTILINE)
    assert told[: len(in_code)] == in_code == ["1", "2", "3", "4"]
    assert told[len(in_code) :] == ["5", "6"]  # the store's own: mlm/adapters/blocks/using.py
