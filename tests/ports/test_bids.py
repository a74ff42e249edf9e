"""One suite over both implementations of the Bids port, and what only a file can suffer."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from mlm.adapters.bids import FileBids
from mlm.core.auctions.kept import KeptBid
from mlm.core.auctions.sealed import commitment
from mlm.core.errors import InvalidData, StorageError
from mlm.memory.bids import MemoryBids
from mlm.ports.bids import Bids

BID = KeptBid(31337, "0x" + "11" * 20, "0x" + "22" * 32, "0x" + "Aa" * 20, 2**127, b"\x07" * 32)


@pytest.fixture(params=["file", "memory"])
def bids(request: pytest.FixtureRequest, tmp_path: Path) -> Bids:
    return FileBids(tmp_path / "home" / "bids") if request.param == "file" else MemoryBids()


def test_a_bid_is_found_by_its_commitment(bids: Bids) -> None:
    other = KeptBid(BID.chain_id, BID.market, BID.job_id, BID.bidder, 5, BID.salt)
    assert bids.find(BID.commitment) is None
    bids.keep(BID)
    bids.keep(BID)
    bids.keep(other)
    assert bids.find(BID.commitment) == BID and bids.find(other.commitment) == other
    assert bids.find(b"\x01" * 32) is None


def test_the_commitment_is_the_contracts() -> None:
    given = (BID.chain_id, BID.market, BID.job_id, BID.bidder, BID.price, BID.salt)
    assert BID.commitment == commitment(*given)
    assert str(BID.price) not in repr(BID) and "\\x07" not in repr(BID)


def test_nobody_else_can_read_it(tmp_path: Path) -> None:
    folder = tmp_path / "home" / "bids"
    before = os.umask(0)
    try:
        FileBids(folder).keep(BID)
    finally:
        os.umask(before)
    (file,) = folder.iterdir()
    assert file.name == f"{BID.commitment.hex()}.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600 and stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_it_is_on_the_disk_before_keep_returns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file, and its name in the folder."""
    synced: list[bool] = []
    monkeypatch.setattr(os, "fsync", lambda handle: synced.append(stat.S_ISDIR(os.fstat(handle).st_mode)))
    FileBids(tmp_path / "bids").keep(BID)
    assert synced[-2:] == [False, True]


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"x" * 5000,
        b"[" * 4000,
        {"chain": float("inf")},
        {"format": "mlm/sealed-bid/2"},
        {"price": "5"},
        {"price": None},
        {"salt": "0x07"},
        {"salt": "zz"},
        {"job": 7},
    ],
)
def test_a_damaged_file_opens_nothing(tmp_path: Path, damage: Any) -> None:
    bids = FileBids(tmp_path)
    bids.keep(BID)
    (file,) = tmp_path.iterdir()
    changed = damage if isinstance(damage, bytes) else json.dumps(json.loads(file.read_bytes()) | damage).encode()
    file.write_bytes(changed)
    with pytest.raises((InvalidData, StorageError)):
        bids.find(BID.commitment)


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    (tmp_path / "bids").write_bytes(b"")  # a file where the folder should be
    with pytest.raises(StorageError, match="cannot keep the sealed bid"):
        FileBids(tmp_path / "bids").keep(BID)
