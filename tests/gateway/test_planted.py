"""A stranger's open asset that names the plain files of a licensed one: its CIDs are in the sealed manifest."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mlm.core import dag, unixfs
from mlm.core.cid import RAW, Cid
from mlm.core.errors import NotFound
from mlm.core.history import Commit
from mlm.core.manifest import FORMAT_3, FileRef, Manifest, Sealed
from mlm.core.refs import AssetRef
from mlm.memory.blocks import MemoryBlocks
from mlm.ports.bundle import Ports
from mlm.workflows import gateway, lookup

ALICE, EVE = "0x" + "a1" * 20, "0x" + "e5" * 20
SECRET = b"what only licence holders read"


def project(objects: MemoryBlocks, data: dict[str, bytes], access: str) -> Manifest:
    """The manifest of a commit of these files, whose blocks are in `objects`."""

    def emit(cid: Cid, block: bytes) -> None:
        objects.put([(cid, block)])

    files = {name: unixfs.file([content], emit) for name, content in data.items()}
    tree = unixfs.tree(files, emit).cid
    listed = {name: FileRef(entry.cid, entry.size) for name, entry in files.items()}
    size = sum(map(len, data.values()))
    draft = Manifest("dataset", "words", "1.0.0", tree, len(files), size, "MIT", listed, access=access)
    cid, block = draft.to_block()
    emit(cid, block)
    commit, block = Commit(tree, cid, (), "somebody", 1, "first").to_block()
    emit(commit, block)
    return replace(draft, commit=commit)


class Index:
    """Answers what the index knows of two assets of this account's."""

    def __init__(self, versions: dict[int, tuple[str, Cid]]) -> None:
        self.versions = versions

    def query(self, name: str, token_id: int = 0, **wanted: Any) -> list[dict[str, Any]]:
        if name == "assets":
            return [{"token_id": f"0x{token:x}"} for token in self.versions]
        return [{"version_id": f"0x{token_id:064x}", "publisher": self.versions[token_id][0]}]


class Me:
    address = ALICE


def test_a_strangers_asset_that_names_licensed_files_gives_none_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever reads the sealed manifest publishes an open one of the same CIDs and transfers the asset to the owner."""
    objects = MemoryBlocks()
    licensed = project(objects, {"secret.bin": SECRET, "LICENSE": b"MIT"}, "licensed")
    sealed = unixfs.file([b"ciphertext" * 100], lambda cid, block: objects.put([(cid, block)]) and None)
    closed = replace(licensed, sealed=Sealed(sealed.cid, sealed.size, 500), format=FORMAT_3)
    # Eve has no plain block: the names are enough.
    planted = replace(licensed, access="open", description="eve's")
    own = project(objects, {"LICENSE": b"MIT", "open.bin": b"open"}, "open")
    manifests = {1: (ALICE, closed), 2: (EVE, planted), 3: (ALICE, own)}
    for _, manifest in manifests.values():
        objects.put([manifest.to_block()])
    known = {token: (who, manifest.to_block()[0]) for token, (who, manifest) in manifests.items()}
    index = Index(known)

    def version(ports: Ports, version_id: str) -> lookup.Version:
        token = int(version_id, 16)
        return lookup.Version(AssetRef("alice", f"a{token}", "1.0.0"), token, version_id, known[token][1])

    monkeypatch.setattr(lookup, "version_by_id", version)
    monkeypatch.setattr(gateway, "sync", lambda ports: None)
    ports = Ports(state=lambda: index, sender=Me)
    shelf, _ = gateway.stock(ports, gateway.Stored(objects, None), ())
    secret, licence = (Cid.of(RAW, data) for data in (SECRET, b"MIT"))
    for cid in (secret, licensed.tree, licensed.commit):
        assert cid is not None and cid in set(dag.dag(objects, known[2][1]))
        with pytest.raises(NotFound):
            shelf.readers(cid)
    # What the account itself published as open is everybody's, also where it is part of what is not.
    assert shelf.readers(licence) is None and shelf.readers(own.tree) is None
    assert shelf.readers(sealed.cid) == frozenset({1})
