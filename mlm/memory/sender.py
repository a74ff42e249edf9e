"""Sending into a MemoryChain, with the nonces, repeats and failures of a real node."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from hashlib import sha256
from typing import Any

from mlm.core.eip712 import Signable
from mlm.core.errors import ChainError, Reverted, StateConflict
from mlm.core.plan import NOTHING, Call
from mlm.memory.chain import GAS, MemoryChain
from mlm.ports.chain import Receipt
from mlm.ports.signer import Fate, Outcome, Signed, Simulated


class MemorySender:
    """The Sender port of one address. No real signatures: `sign_typed` gives 65 bytes that depend on its input."""

    def __init__(self, chain: MemoryChain, address: str) -> None:
        self._chain, self._address = chain, address
        self._nonce = 0
        self.safe = True  # whether blocks count as settled at once
        self._signed: dict[str, Call] = {}
        self._encoded: dict[bytes, Call] = {}
        self._known: set[str] = set()

    @property
    def address(self) -> str:
        return self._address

    def encode(self, call: Call) -> bytes:
        """Bytes that depend on the whole call; no ABI."""
        if not call.function:
            return bytes(call.args[0])
        data = repr((call.contract, call.function, call.args)).encode()
        self._encoded[data] = call
        return data

    def _named(self, call: Call) -> Call:
        return call if call.function or call == NOTHING else self._encoded[call.args[0]]

    def simulate(self, calls: tuple[Call, ...]) -> list[Simulated]:
        """Every call alone: effects here do not build on each other."""
        for call in calls:
            self._chain.try_effect(self._address, self._named(call))
        number = self._chain.block().number
        return [Simulated(GAS, GAS, number) for _ in calls]

    def turn(self) -> AbstractContextManager[None]:
        """Nobody else signs here."""
        return nullcontext()

    def sign(self, call: Call, replaces: Signed | None = None) -> Signed:
        call = self._named(call)
        self._chain.try_effect(self._address, call)
        nonce, fee = (self._nonce, 1) if replaces is None else (replaces.nonce, replaces.max_fee + 1)
        raw = f"{self._address} {nonce} {fee} ".encode() + self.encode(call)
        signed = Signed(raw, "0x" + sha256(raw).hexdigest(), nonce, fee, fee)
        self._signed[signed.tx_hash] = call
        return signed

    def broadcast(self, signed: Signed) -> None:
        if signed.tx_hash in self._known:
            return
        if signed.nonce < self._nonce:
            raise StateConflict(f"nonce {signed.nonce} was used for another transaction than {signed.tx_hash}")
        self._known.add(signed.tx_hash)
        self._nonce = signed.nonce + 1
        self._chain.include(self._address, self._signed[signed.tx_hash], signed.tx_hash, signed.raw.split(b" ", 3)[3])

    def wait(self, *signed: Signed, timeout: float | None = None) -> Receipt:
        receipt = self._receipt(signed)
        if receipt is None:
            raise ChainError(f"transaction {signed[-1].tx_hash} was not included within {timeout or 0:g} s")
        if not receipt.ok:
            raise Reverted("Unexplained", {"transaction": receipt.tx_hash})
        return receipt

    def fate(self, *signed: Signed) -> Outcome:
        receipt = self._receipt(signed)
        if receipt is not None:
            return Outcome(Fate.INCLUDED if receipt.ok else Fate.FAILED, receipt.tx_hash, self.safe, receipt)
        displaced = signed[-1].nonce < self._nonce
        return Outcome(Fate.DISPLACED, safe=True) if displaced else Outcome(Fate.WAITING)

    def _receipt(self, signed: tuple[Signed, ...]) -> Receipt | None:
        return next((self._chain.receipts[s.tx_hash] for s in signed if s.tx_hash in self._chain.receipts), None)

    def sign_typed(self, domain: dict[str, Any], types: dict[str, Any], message: dict[str, Any]) -> bytes:
        half = sha256(repr((self._address, domain, types, message)).encode()).digest()
        return half + sha256(half).digest() + b"\x1b"

    def sign_members(self, signable: Signable, members: bytes) -> bytes:
        return self.sign_typed({}, {}, {"digest": signable.digest(members)})
