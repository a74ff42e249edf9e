"""A server's own licence, as it asks for it: what lets it serve, what ends it, and a chain that says nothing."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from mlm.core.cid import DAG_CBOR, Cid
from mlm.core.errors import ChainError, NotLicensed
from mlm.core.licensing import NEVER, LicenceKind, LicenceTerms, licence_id
from mlm.core.refs import AssetRef
from mlm.memory.system import MemorySystem
from mlm.ports.bundle import Ports
from mlm.workflows import entitlement
from mlm.workflows.lookup import Version
from mlm.workflows.serve_licence import SILENT_S, ServingRight

START, TOKEN, CLASS = 1_800_000_000, 7, 5 << 40
ME, OTHER = "0x" + "11" * 20, "0x" + "22" * 20
VERSION = Version(AssetRef("alice", "digits", "1.0.0"), TOKEN, "0x" + "ab" * 32, Cid(DAG_CBOR, bytes(32)))


class World:
    """One licence of one account, on a chain that makes a block whenever something changes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, kind: LicenceKind, expires_at: int = NEVER) -> None:
        self.kind, self.units, self.valid, self.owner, self.finality = kind, 1, True, OTHER, "finalized"
        self.licence, self.system, self.block, self.dead, self.asked = licence_id(CLASS, expires_at), None, 0, False, 0
        self.system = MemorySystem(START)
        chain = SimpleNamespace(depth="finalized", block=self.head, call=self.call)
        state = SimpleNamespace(query=self.query)
        sender = SimpleNamespace(address=ME)
        monkeypatch.setattr(entitlement, "sync", lambda ports: None)
        self.ports = cast(Ports, SimpleNamespace(chain=chain, state=state, system=self.system, sender=sender))

    def head(self) -> Any:
        if self.dead:
            raise ChainError("the node is down")
        return SimpleNamespace(hash=f"0x{self.block}", timestamp=START)

    def change(self, **facts: Any) -> None:
        self.__dict__.update(facts)
        self.block += 1

    def call(self, contract: str, function: str, *args: Any) -> Any:
        self.asked += 1
        terms = LicenceTerms(TOKEN, self.kind, 60, True, 0, 0, 0, bytes(32))
        return {
            "ownerOf": self.owner,
            "balanceOf": self.units,
            "entitles": self.valid,
            "termsOf": (terms.token_id, int(terms.kind), 60, True, 0, 0, 0, bytes(32)),
        }[function]

    def query(self, name: str, **where: Any) -> list[dict[str, Any]]:
        row = {"class_id": hex(CLASS), "token_id": hex(TOKEN)}
        return [row | {"licence_id": hex(self.licence), "finality": self.finality}]


@pytest.mark.parametrize("kind", list(LicenceKind))
def test_which_licences_let_their_holder_serve(monkeypatch: pytest.MonkeyPatch, kind: LicenceKind) -> None:
    """A unit of a per-use licence is one use: a server's calls would be uses that nobody counts."""
    world = World(monkeypatch, kind)
    right = ServingRight(world.ports, VERSION)
    if kind is LicenceKind.PER_USE:
        with pytest.raises(
            NotLicensed, match="no licence of it that lets it serve it, for a period or unlimited, that is valid"
        ):
            right.check()
    else:
        right.check()
    world.change(owner=ME)
    right.check()  # the owner needs none


def test_a_licence_that_is_sold_on_is_found_gone_with_the_next_block(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, LicenceKind.UNLIMITED)
    right = ServingRight(world.ports, VERSION)
    right.check()
    asked = world.asked
    assert right.look() == "" and world.asked == asked  # the same block says the same
    world.change(units=0, valid=False)
    words = right.look()
    assert "alice/digits@1.0.0 is licensed" in words and isinstance(right.lost, NotLicensed)
    world.change(units=1, valid=True)
    assert right.look() == "" and right.lost is not None  # it is told once, and the server ends


def test_a_period_ends_by_the_clock_without_a_block(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, LicenceKind.PERIOD, START + 100)
    right = ServingRight(world.ports, VERSION)
    right.check()
    world.system.advance(99)
    assert right.look() == "" and right.lost is None
    world.system.advance(1)
    assert right.look() and isinstance(right.lost, NotLicensed)


def test_a_unit_that_a_stranger_sends_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its block is not final yet: a gateway would not count the holding, a server goes on by the head."""
    world = World(monkeypatch, LicenceKind.UNLIMITED)
    right = ServingRight(world.ports, VERSION)
    world.change(units=2, finality="included")
    right.check()
    assert entitlement.entitled(world.ports, TOKEN, ME) is None


def test_a_chain_that_says_nothing_ends_the_right_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, LicenceKind.UNLIMITED)
    right = ServingRight(world.ports, VERSION)
    right.check()
    world.dead = True
    world.system.advance(SILENT_S - 1)
    with pytest.raises(ChainError, match="the node is down"):
        right.look()
    world.dead = False
    assert right.look() == ""  # heard of it: the time begins again
    world.dead = True
    world.system.advance(SILENT_S - 1)
    with pytest.raises(ChainError):
        right.look()
    assert right.lost is None
    world.system.advance(1)
    assert "for 300 s the chain has not said" in right.look() and "the node is down" in str(right.lost)
    assert isinstance(right.lost, ChainError) and right.lost.exit_code == 6
