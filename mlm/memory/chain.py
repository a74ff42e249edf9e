"""A chain and senders in memory: answers and effects are written by the test, blocks and nonces behave as a node's."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import Any

from mlm.core.errors import ChainError, NotFound, Reverted
from mlm.core.plan import NOTHING, Call
from mlm.memory.script import Emitted, ScriptedChain
from mlm.ports.chain import Receipt

Key = tuple[str, str]  # contract, function
Effect = Callable[..., Sequence[Emitted]]  # (sender's address, *args) -> events; may raise Reverted

GAS = 50_000  # what every transaction here uses


class MemoryChain(ScriptedChain):
    """The Chain port. `answers` says what `call` returns: a value, or a function of the arguments (which may raise).

    `effects` says what a transaction does; one without an effect emits nothing. `calls` and `sent` record both.
    """

    def __init__(self, answers: Mapping[Key, Any] | None = None, effects: Mapping[Key, Effect] | None = None) -> None:
        super().__init__()
        self.answers: dict[Key, Any] = dict(answers or {})
        self.effects: dict[Key, Effect] = dict(effects or {})
        self.balances: dict[str, int] = {}
        self.calls: list[tuple[str, str, tuple[Any, ...]]] = []
        self.sent: list[tuple[str, Call]] = []
        self.receipts: dict[str, Receipt] = {}
        self._inputs: dict[str, bytes] = {}

    def call(self, contract: str, function: str, *args: Any, block: int | None = None) -> Any:
        """The scripted answer, the same at every block; raises ChainError where the test wrote none."""
        self.address_of(contract)
        if block is not None:
            self.block(block)
        self.calls.append((contract, function, args))
        if (contract, function) not in self.answers:
            raise ChainError(f"no answer was written for {contract}.{function}")
        answer = self.answers[contract, function]
        return answer(*args) if callable(answer) else answer

    def balance(self, address: str) -> int:
        """Wei, 0 unless the test says otherwise."""
        return self.balances.get(address.lower(), 0)

    def transaction_input(self, tx_hash: str) -> bytes:
        """What `MemorySender.encode` made of the call."""
        if tx_hash not in self._inputs:
            raise NotFound(f"no transaction {tx_hash}")
        return self._inputs[tx_hash]

    def address_of(self, contract: str) -> str:
        """An address for each contract of the deployment and each that the test gives answers or effects for."""
        try:
            return super().address_of(contract)
        except NotFound:
            if contract in {name for name, _ in (*self.answers, *self.effects)}:
                return "0x" + sha256(contract.encode()).hexdigest()[:40]
            raise

    def try_effect(self, sender: str, call: Call) -> Sequence[Emitted]:
        """What the call would emit; raises Reverted when its effect does. NOTHING emits nothing."""
        if call == NOTHING:
            return ()
        self.address_of(call.contract)
        effect = self.effects.get((call.contract, call.function))
        return effect(sender, *call.args) if effect else ()

    def include(self, sender: str, call: Call, tx_hash: str, data: bytes) -> None:
        """Mine the transaction in a block of its own; one whose effect now reverts is included and failed."""
        self.sent.append((sender, call))
        try:
            events, ok = list(self.try_effect(sender, call)), True
        except Reverted:
            events, ok = [], False
        block = self.mine(events)
        logs = tuple(log._replace(tx_hash=tx_hash) for log in self._logs if log.block_number == block.number)
        self._logs = [log for log in self._logs if log.block_number != block.number] + list(logs)
        self._inputs[tx_hash] = data
        self.receipts[tx_hash] = Receipt(tx_hash, block.number, block.hash, ok, GAS, 1, logs)
