"""To whom a key goes that cannot be taken back."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from mlm.memory.state import MemoryState
from mlm.ports.bundle import Ports
from mlm.workflows import licence_deliver
from tests.ports.test_state import ANN, BOB, EVE, chain_of, created


def test_a_new_owner_is_one_once_its_transfer_is_deep_enough() -> None:
    state = MemoryState()
    given = ("AssetRegistry", "Transfer", {"from": ANN, "to": BOB, "tokenId": 41})
    state.ingest(*chain_of([[created(41, ANN, "ann", "digits")], [given]]))

    def found(depth: str, me: str) -> list[str]:
        chain, sender = SimpleNamespace(depth=depth), SimpleNamespace(address=me.upper().replace("0X", "0x"))
        ports: Any = SimpleNamespace(state=state, chain=chain, sender=sender)
        return licence_deliver._new_owner(cast(Ports, ports), 41)

    assert found("included", ANN) == found("included", EVE) == [BOB]
    assert found("included", BOB) == []  # it answers itself nothing
    assert found("finalized", ANN) == []
    state.mark(safe=2, finalized=1)
    assert found("safe", ANN) == [BOB] and found("finalized", ANN) == []
    state.mark(safe=2, finalized=2)
    assert found("finalized", ANN) == [BOB]
