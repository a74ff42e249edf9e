"""Sealed bids in files of the user's own folder, one for each commitment, which is its name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mlm.adapters.disk import read_regular, replace_file, storage_errors, sync_folder
from mlm.core.auctions.kept import KeptBid
from mlm.core.errors import InvalidData

FORMAT = "mlm/sealed-bid/1"
MAX_BYTES = 4096


class FileBids:
    """The Bids port over `folder`: files of mode 0600 in a folder of mode 0700."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, bid: KeptBid) -> None:
        """Written whole or not at all, and on the disk when this returns."""
        record = {
            "format": FORMAT,
            "chain": bid.chain_id,
            "market": bid.market,
            "job": bid.job_id,
            "bidder": bid.bidder,
            "price": str(bid.price),
            "salt": "0x" + bid.salt.hex(),
        }
        with storage_errors("cannot keep the sealed bid"):
            if not self._folder.is_dir():
                self._folder.mkdir(parents=True, mode=0o700)
                sync_folder(self._folder.parent)
            replace_file(self._path(bid.commitment), [json.dumps(record).encode() + b"\n"], mode=0o600)

    def find(self, commitment: bytes) -> KeptBid | None:
        """The file's bid, if it opens the commitment that the file is named for."""
        path = self._path(commitment)
        with storage_errors("cannot read the sealed bid"):
            try:
                data = read_regular(path, MAX_BYTES)
            except FileNotFoundError:
                return None
        try:
            found = _read(json.loads(data))
            opens = found.commitment
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
            raise _damaged(path, str(error)) from error
        if opens != commitment:
            raise _damaged(path, f"it opens 0x{opens.hex()}")
        return found

    def _path(self, commitment: bytes) -> Path:
        return self._folder / f"{commitment.hex()}.json"


def _read(record: dict[str, Any]) -> KeptBid:
    if record["format"] != FORMAT:
        raise ValueError(f"expected format {FORMAT!r}")
    return KeptBid(
        chain_id=int(record["chain"]),
        market=record["market"],
        job_id=record["job"],
        bidder=record["bidder"],
        price=int(record["price"]),
        salt=bytes.fromhex(record["salt"].removeprefix("0x")),
    )


def _damaged(path: Path, why: str) -> InvalidData:
    return InvalidData(
        f"{path} is damaged: expected what opens a sealed bid, found otherwise: {why[:80]}",
        hint="The key finds the salt again: give the price that you bid, `mlm job reveal JOB --price PRICE`.",
    )
