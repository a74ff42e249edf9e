"""What a worker remembers of a job is what stands on the branch that the chain has."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from mlm.adapters.wallet import devnet
from mlm.memory.state import MemoryState
from mlm.memory.system import MemorySystem
from mlm.ports.bundle import Ports
from mlm.ports.chain import Block
from mlm.workflows import lookup
from mlm.workflows.worker_look import Look, Memory
from tests.workflows.test_private import PROVIDER, World

ME, NOBODY = devnet.address(PROVIDER), "0x" + "00" * 20
BEFORE, BID = (Block(number, f"0x{number:064x}", f"0x{number - 1:064x}", number) for number in (1, 2))
AGAIN = replace(BID, hash="0x" + "ab" * 32)  # the same transaction, in another block of the same number


class Chain:
    """A job on a chain, and a worker's reading of it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        won = World().job
        self.won, self.lost = won, replace(won, record=replace(won.record, provider=NOBODY))
        assert (self.won.provider, self.lost.provider) == (ME, None)
        self.now: Any = self.lost
        self.state, self.memory = MemoryState(), Memory()
        self.ports = Ports(
            state=lambda: self.state,
            system=lambda: MemorySystem(seed=1),
            sender=lambda: SimpleNamespace(address=ME),
        )
        monkeypatch.setattr(lookup, "read_job", lambda ports, job_id: self.now)

    def read(self, last: Block, provider: str | None) -> lookup.Job:
        """What a look takes the job to be, whose row was last changed in `last`."""
        row = {"job_id": self.won.job_id, "last_block": last.number, "tx_hash": "0x01", "finality": "head"}
        row |= {"bid_count": int(provider is not None), "commitments": 0, "provider": provider}
        self.memory.follow(self.state)
        look = Look(self.ports, self.memory, None, None)  # type: ignore[arg-type]
        return look._read(row).job


def test_the_same_bid_in_another_block_of_the_same_number_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    chain = Chain(monkeypatch)
    chain.state.ingest([BEFORE, BID], [])
    chain.now = chain.won
    assert chain.read(BID, ME).record.price == chain.won.record.price
    chain.now = replace(chain.won, record=replace(chain.won.record, price=chain.won.record.price + 1))
    assert chain.read(BID, ME).record.price == chain.won.record.price, "what the index has nothing new of is read once"
    chain.state.rewind(BID.number)
    chain.state.ingest([AGAIN], [], after=BEFORE.hash)
    assert chain.read(BID, ME).record.price == chain.now.record.price


@pytest.mark.parametrize("indexed", [None, ME])
def test_what_contradicts_the_index_is_not_remembered(monkeypatch: pytest.MonkeyPatch, indexed: str | None) -> None:
    """A reorganisation between the index and the reading: the mark of the one says nothing of the other."""
    chain = Chain(monkeypatch)
    chain.state.ingest([BEFORE, BID], [])
    wrong, right = (chain.lost, chain.won) if indexed else (chain.won, chain.lost)
    chain.now = wrong
    assert chain.read(BID, indexed) is wrong
    chain.now = right
    assert chain.read(BID, indexed) is right
    chain.now = wrong
    assert chain.read(BID, indexed) is right, "what agrees is read once"
