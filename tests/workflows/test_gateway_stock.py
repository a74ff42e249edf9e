"""What a gateway offers when an asset that it is asked to offer names the files of another."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from mlm.core.cid import DAG_CBOR, DAG_PB, RAW, Cid
from mlm.core.errors import NotFound
from mlm.core.manifest import FileRef, Manifest
from mlm.core.manifest.manifest import FORMAT_3
from mlm.core.manifest.sealed import Sealed
from mlm.memory.blocks import MemoryBlocks
from mlm.ports.bundle import Ports
from mlm.workflows import gateway
from mlm.workflows.gateway import Stored, stock

SECRET = b"the weights"
PLAIN = Cid.of(RAW, SECRET)
# A UnixFS folder with one file, `w`.
LINK = b"\x0a" + bytes([len(bytes(PLAIN))]) + bytes(PLAIN) + b"\x12\x01w\x18\x0b"
FOLDER = b"\x12" + bytes([len(LINK)]) + LINK + b"\n\x02\x08\x01"
TREE = Cid.of(DAG_PB, FOLDER)
OWNER, MALLORY = "0x" + "a" * 40, "0x" + "b" * 40


class Shelf:
    """Versions as they were published, one after the other, of assets that belong to OWNER by now."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.blocks, self.rows = MemoryBlocks(), list[dict[str, Any]]()
        self.blocks.put([(TREE, FOLDER), (PLAIN, SECRET)])
        state = SimpleNamespace(query=self.query)
        self.ports = cast(Ports, SimpleNamespace(state=state, sender=SimpleNamespace(address=OWNER)))
        monkeypatch.setattr(gateway, "sync", lambda ports: None)
        monkeypatch.setattr(gateway.lookup, "version_by_id", self.version)

    def publish(self, publisher: str, access: str, version: str = "1.0.0", sealed: Cid | None = None) -> Cid:
        more: dict[str, Any] = {}
        if sealed is not None:
            commit = Cid.of(DAG_CBOR, b"\xa0")
            more = {"sealed": Sealed(sealed, 1 + 16 + 16 + 100, 1), "commit": commit, "format": FORMAT_3}
        files = {"w": FileRef(PLAIN, len(SECRET))}
        made = Manifest("model", "net", version, TREE, 1, len(SECRET), "MIT", files, access=access, **more)
        cid, block = made.to_block()
        self.blocks.put([(cid, block)])
        self.rows.insert(
            0,
            {
                "token_id": f"0x{len(self.rows) + 1:064x}",
                "version_id": str(len(self.rows)),
                "publisher": publisher,
                "manifest": "0x" + cid.digest.hex(),
                "cid": cid,
            },
        )
        return cid

    def query(self, name: str, token_id: int | None = None, offset: int = 0, **filters: Any) -> list[dict[str, Any]]:
        return [row for row in self.rows if token_id is None or int(row["token_id"], 16) == token_id][offset:]

    def version(self, ports: Ports, version_id: str) -> Any:
        (row,) = [row for row in self.rows if row["version_id"] == version_id]
        return SimpleNamespace(asset=f"a/{version_id}", manifest=row["cid"])

    def offers(self, cid: Cid) -> bool:
        found, _ = stock(self.ports, Stored(self.blocks, None), ())
        try:
            found.readers(cid)
        except NotFound:
            return False
        return True


def test_files_that_are_kept_back_are_not_served_as_somebody_elses_open_asset(monkeypatch: pytest.MonkeyPatch) -> None:
    shelf = Shelf(monkeypatch)
    kept = shelf.publish(OWNER, "compute-only")
    shelf.publish(MALLORY, "open", "2.0.0")
    assert shelf.offers(kept) and not shelf.offers(PLAIN) and not shelf.offers(TREE)


def test_nor_as_its_sealed_file(monkeypatch: pytest.MonkeyPatch) -> None:
    shelf = Shelf(monkeypatch)
    shelf.publish(OWNER, "compute-only")
    shelf.publish(MALLORY, "licensed", "2.0.0", sealed=TREE)
    assert not shelf.offers(PLAIN) and not shelf.offers(TREE)


def test_what_its_publisher_opens_is_open(monkeypatch: pytest.MonkeyPatch) -> None:
    shelf = Shelf(monkeypatch)
    shelf.publish(OWNER, "compute-only")
    shelf.publish(OWNER, "open", "2.0.0")
    assert shelf.offers(PLAIN)
