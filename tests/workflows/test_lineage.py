"""`mlm asset lineage` over a scripted chain: shares, generations, circles, and parents nobody knows by name."""

from __future__ import annotations

from typing import Any

import pytest

from mlm.core.cid import DAG_CBOR, Cid
from mlm.core.errors import UsageError
from mlm.memory.chain import MemoryChain
from mlm.memory.state import MemoryState
from mlm.memory.system import MemorySystem
from mlm.ports.bundle import Ports
from mlm.workflows import lineage

ANN = "0x" + "a" * 40
TOKENS = {name: number for number, name in enumerate(("base", "data", "tuned", "merged"), start=1)}


def word(number: int) -> str:
    return f"0x{number:064x}"


def manifest(version_id: int) -> Cid:
    return Cid.of(DAG_CBOR, str(version_id).encode())


def created(name: str) -> Any:
    args = {"tokenId": TOKENS[name], "owner": ANN, "handle": "ann", "name": name, "kind": 0}
    return ("AssetRegistry", "AssetCreated", args)


def published(name: str, version_id: int, version: str, parents: dict[str, int]) -> Any:
    args = {
        "tokenId": TOKENS[name],
        "versionId": word(version_id),
        "publisher": ANN,
        "version": version,
        "manifest": "0x" + manifest(version_id).digest.hex(),
        "licence": "MIT",
        "parents": [{"tokenId": TOKENS[parent], "bps": bps} for parent, bps in parents.items()],
    }
    return ("AssetRegistry", "VersionPublished", args)


@pytest.fixture
def ports() -> Ports:
    chain = MemoryChain()
    versions = {"base": 10, "data": 20, "tuned": 30, "merged": 40}
    chain.mine([created("base"), published("base", 10, "1.0.0", {})])
    chain.mine([created("data"), published("data", 20, "1.0.0", {})])
    chain.mine([created("tuned"), published("tuned", 30, "1.0.0", {"base": 2_500, "data": 1})])
    chain.mine([created("merged"), published("merged", 40, "1.0.0", {"tuned": 3_000, "base": 500})])
    by_token = {TOKENS[name]: number for name, number in versions.items()}
    chain.answers |= {
        ("AssetRegistry", "tokenIdOf"): lambda handle, name: TOKENS[name],
        ("AssetRegistry", "versionNamed"): lambda token, version: bytes.fromhex(word(by_token[token])[2:]),
        ("AssetRegistry", "versionOf"): lambda version_id: (
            next(token for token, number in by_token.items() if number == int.from_bytes(version_id, "big")),
            manifest(int.from_bytes(version_id, "big")).digest,
        ),
    }
    return Ports(chain=lambda: chain, state=MemoryState, system=MemorySystem)


def test_a_tree_of_parents_with_their_shares(ports: Ports) -> None:
    found = lineage.show(ports, "ann/merged", depth=8)
    assert found.tree == (
        "ann/merged",
        f"├─ ann/base  5 %  {ANN}",
        f"└─ ann/tuned  30 %  {ANN}",
        f"   ├─ ann/base  25 %  {ANN}",
        f"   └─ ann/data  0.01 %  {ANN}",
    )
    assert [(edge.depth, edge.child, edge.parent, edge.bps) for edge in found.ancestors] == [
        (1, "ann/merged", "ann/base", 500),
        (1, "ann/merged", "ann/tuned", 3_000),
        (2, "ann/tuned", "ann/base", 2_500),
        (2, "ann/tuned", "ann/data", 1),
    ]


def test_generations_are_as_many_as_asked_for(ports: Ports) -> None:
    assert len(lineage.show(ports, "ann/merged", depth=1).tree) == 3
    for depth in (0, lineage.MAX_DEPTH + 1, -1):
        with pytest.raises(UsageError, match="--depth: expected 1 to 32"):
            lineage.show(ports, "ann/merged", depth=depth)


def test_an_original_has_no_ancestors(ports: Ports) -> None:
    assert lineage.show(ports, "ann/data", depth=8) == lineage.Lineage("ann/data@1.0.0", (), ("ann/data",))


def test_a_circle_is_told_once(ports: Ports) -> None:
    """The newest base descends from merged, whose parent it is: each edge is drawn, and it ends."""
    chain: Any = ports.chain
    chain.mine([published("base", 11, "2.0.0", {"merged": 100})])
    found = lineage.show(ports, "ann/merged", depth=32)
    assert found.tree[1:3] == (f"├─ ann/base  5 %  {ANN}", f"│  └─ ann/merged  1 %  {ANN} …")
    assert len(found.tree) == 6
