"""Sending as one account (ports.signer.Sender): simulate, sign, broadcast, wait.

Nonces: the node's pending count, or one more than the highest this sender has broadcast and not yet seen included.
A transaction that was signed but never broadcast takes no nonce: broadcast one before signing the next.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mlm.adapters.chain import abi, errors, typed
from mlm.adapters.chain.fate import fate, receipt_of, settled
from mlm.adapters.chain.fees import GWEI, FeeMarket, Fees
from mlm.adapters.chain.read import EthChain
from mlm.adapters.chain.rpc import RpcError, hex_data, quantity
from mlm.adapters.chain.tx import Transaction, address_of_key
from mlm.adapters.disk import locked, storage_errors
from mlm.core.eip712 import Signable
from mlm.core.errors import ChainError, InsufficientFunds, Reverted, StateConflict
from mlm.core.plan import Call
from mlm.ports.chain import Receipt
from mlm.ports.signer import Outcome, Signed, Simulated

GAS_MARGIN_PERCENT = 20  # an estimate is for one block's state, inclusion happens on another's
_POLL_FIRST, _POLL_MOST = 0.02, 1.0  # seconds between looks at a receipt
_REBROADCAST = 5.0  # seconds after which a transaction that the node forgot is sent again
_MOST_PENDING = 64  # transactions of one account; a node that claims more invents them
_KNOWN = ("already known", "already imported", "alreadyknown")
_NONCE_USED = ("nonce too low", "nonce is too low")
_NONCE_WAITS = ("replacement", "could not replace")
_FEE_TOO_LOW = ("underpriced", "less than block base fee", "fee too low", "price too low", "feecap")


class EthSender:
    """One account on one chain. The key stays in this object and is never shown."""

    def __init__(
        self,
        chain: EthChain,
        key: bytes,
        max_fee: int = 200 * GWEI,
        max_tip: int = 5 * GWEI,
        patience: float = 60.0,
        depth: str = "included",
        turn: Path | None = None,
    ) -> None:
        """`max_fee` is the most ever offered for a unit of gas, in wei, `max_tip` the most of it for the block's maker.

        `patience` bounds `wait`, in seconds.

        `depth` is how settled a block must be before `wait` returns: included, safe or finalized. `turn` is a file
        whose lock this account's senders take from the choice of a nonce to the broadcast.
        """
        self._patience, self._depth, self._turn = patience, depth, turn
        self._max_fee, self._max_tip = max_fee, max_tip
        self._chain, self._rpc = chain, chain.rpc
        self._key, self._fees = key, FeeMarket(chain.rpc, max_fee, max_tip)
        self._address = address_of_key(key)
        self._in_flight: dict[int, Signed] = {}
        self._included: set[int] = set()  # nonces of those that were seen in a block

    def __repr__(self) -> str:
        return f"EthSender({self._address})"

    @property
    def address(self) -> str:
        """Checksummed."""
        return self._address

    def encode(self, call: Call) -> bytes:
        """Calldata of a call, calls within it encoded first; raises UsageError for arguments that do not fit."""
        if not call.function:
            return bytes(call.args[0])
        return abi.load(call.contract).encode_call(call.function, self._plain(call.args))

    def _plain(self, value: Any) -> Any:
        if isinstance(value, Call):
            return self.encode(value)
        return tuple(map(self._plain, value)) if isinstance(value, tuple) else value

    def simulate(self, calls: tuple[Call, ...]) -> list[Simulated]:
        """Simulate in order, each on top of the ones before it; raises Reverted for the first that would fail.

        InsufficientFunds: the account cannot pay for all of them. A node without eth_simulateV1 simulates the first
        call only: the others come back with gas None.
        """
        number = self._chain.block("latest").number
        if not calls:
            return []
        requests = [self._request(call) for call in calls]
        most = self._fees.now().most
        published = [self._fees.publishing(request) for request in requests]
        try:
            simulated = self._simulate_v1(requests)
            gas: list[int | None] = [used + data.gas for used, data in zip(simulated, published, strict=True)]
        except RpcError as error:
            if not error.unsupported:
                raise errors.explain(error) from error
            gas = [self._estimate(requests[0])] + [None] * (len(calls) - 1)
        found = [
            Simulated(used, None if used is None else used * most + data.wei, number, data.gas * most + data.wei)
            for used, data in zip(gas, published, strict=True)
        ]
        # Before anything is begun: who cannot pay for the last step shall not have paid for the first.
        self._affordable(sum((each.fee or 0) + call.value for each, call in zip(found, calls, strict=True)))
        return found

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Among all processes that use the same `turn` file; the lock ends with its process."""
        if self._turn is None:
            yield
            return
        with storage_errors("cannot take the account's turn"):
            self._turn.parent.mkdir(parents=True, exist_ok=True)
        with locked(self._turn, self._patience):
            yield

    def sign(self, call: Call, replaces: Signed | None = None) -> Signed:
        """Simulate on the pending state, then sign; raises Reverted or InsufficientFunds when it would fail.

        With `replaces` its nonce is taken again, with fees that nodes accept for a replacement; then the simulation
        starts from the newest block, since the pending state may hold what is replaced.
        """
        chain_id = self._chain.chain_id()
        request = self._request(call)
        return self.sign_request(request, chain_id, replaces)

    def sign_request(self, request: Mapping[str, str], chain_id: int, replaces: Signed | None = None) -> Signed:
        """Sign a request {to, data, value} (no `to`: a contract's creation) with an estimate of its gas."""
        gas = self._estimate(request, "latest" if replaces else "pending")
        fees = self._fees.now()
        if replaces is not None:
            fees = self._above(replaces, fees)
        value, data = int(request.get("value", "0x0"), 16), bytes.fromhex(request.get("data", "0x")[2:])
        self._affordable(gas * fees.most + self._fees.publishing(request).wei + value)
        transaction = Transaction(
            chain_id,
            self._nonce() if replaces is None else replaces.nonce,
            fees.priority,
            fees.most,
            gas,
            request.get("to"),
            value,
            data,
        )
        return transaction.sign(self._key)

    def broadcast(self, signed: Signed) -> None:
        """Idempotent. Raises StateConflict when another transaction has used the nonce, or waits with it."""
        try:
            self._rpc.call("eth_sendRawTransaction", "0x" + signed.raw.hex())
        except RpcError as error:
            text = error.rpc_message.lower()
            known = any(word in text for word in _KNOWN)
            if not known and not self._known(signed):
                if any(word in text for word in _NONCE_USED):
                    raise self._displaced(signed) from error
                if any(word in text for word in _NONCE_WAITS):
                    raise StateConflict(
                        f"another transaction of {self._address} waits with nonce {signed.nonce}",
                        hint="Another program sends with this account: resume when its transaction is through.",
                    ) from error
                if any(word in text for word in _FEE_TOO_LOW):
                    raise self._too_cheap(signed) from error
                raise errors.explain(error) from error
        self._in_flight[signed.nonce] = signed

    def wait(self, *signed: Signed, timeout: float | None = None) -> Receipt:
        """Raises Reverted when it failed, StateConflict when it was displaced, ChainError when time ran out."""
        timeout = self._patience if timeout is None else timeout
        deadline = time.monotonic() + timeout
        pause, again = _POLL_FIRST, time.monotonic() + _REBROADCAST
        while True:
            receipt = receipt_of(self._rpc, signed)
            if receipt is not None and (not receipt.ok or settled(self._chain, receipt, self._depth)):
                self._included.add(signed[-1].nonce)
                break
            if receipt is None and time.monotonic() >= again:
                self._again(signed)
                again = time.monotonic() + _REBROADCAST
            if time.monotonic() + pause > deadline:
                raise self._late(signed[-1], receipt, timeout)
            time.sleep(pause)
            pause = min(pause * 1.5, _POLL_MOST)
        if not receipt.ok:
            raise self._why(receipt)
        return receipt

    def fate(self, *signed: Signed) -> Outcome:
        """INCLUDED also when the node has lost the receipt; CONTESTED when it cannot prove who took the nonce."""
        return fate(self._chain, self._address, signed)

    def sign_typed(self, domain: dict[str, Any], types: dict[str, Any], message: dict[str, Any]) -> bytes:
        """EIP-712 signature, 65 bytes r‖s‖v."""
        return typed.sign(self._key, domain, types, message)

    def sign_members(self, signable: Signable, members: bytes) -> bytes:
        """EIP-712 signature of a struct of single words, 65 bytes r‖s‖v."""
        return typed.sign_digest(self._key, signable.digest(members))

    def _request(self, call: Call) -> dict[str, str]:
        data = self.encode(call)
        to = self._chain.address_of(call.contract) if call.contract else self._address
        return {"from": self._address, "to": to, "data": "0x" + data.hex(), "value": hex(call.value)}

    def _simulate_v1(self, requests: list[dict[str, str]]) -> list[int]:
        """eth_simulateV1 (geth, nethermind, anvil): each call in a block of its own, as they will be sent."""
        payload = {"blockStateCalls": [{"calls": [request]} for request in requests], "validation": False}
        answer = self._rpc.call("eth_simulateV1", payload, "latest")
        blocks = answer if isinstance(answer, list) else []
        results = [call for block in blocks if isinstance(block, Mapping) for call in block.get("calls") or ()]
        if len(results) != len(requests):
            raise ChainError(f"eth_simulateV1: expected {len(requests)} results, found {str(answer)[:60]!r}")
        gas = []
        for result in results:
            if not isinstance(result, Mapping):
                raise ChainError(f"eth_simulateV1: expected a call's result, found {str(result)[:60]!r}")
            if quantity(result.get("status"), "a simulated call's status") != 1:
                returned = result.get("returnData") or "0x"
                problem = result.get("error")
                found = errors.revert_data(problem) if returned == "0x" else None
                raise errors.decode(found or bytes.fromhex(hex_data(returned, "return data")[2:]))
            gas.append(_with_margin(quantity(result.get("gasUsed"), "gas used")))
        return gas

    def _estimate(self, request: Mapping[str, str], block: str = "pending") -> int:
        """Gas with a margin. The pending state counts, so that a call may follow one still in flight."""
        try:
            estimate = self._rpc.call("eth_estimateGas", {**request, "from": self._address}, block)
        except RpcError as error:
            raise errors.explain(error) from error
        return _with_margin(quantity(estimate, "a gas estimate"))

    def _nonce(self) -> int:
        asked = [("eth_getTransactionCount", (self._address, block)) for block in ("latest", "pending")]
        latest, pending = (quantity(answer, "a nonce") for answer in self._rpc.batch(asked))
        if pending > latest + _MOST_PENDING:
            raise ChainError(
                f"{self._rpc.where} says that {pending - latest} transactions of {self._address} wait, "
                f"expected at most {_MOST_PENDING}",
                hint="A transaction behind them would wait as long: ask another node.",
            )
        # Whatever the chain has already counted is no longer in flight, whoever waited for it; nor is what was in a
        # block that a reorganisation took back: with its nonce left out, all that follow would wait for ever.
        self._in_flight = {
            nonce: signed
            for nonce, signed in self._in_flight.items()
            if nonce >= pending and (nonce not in self._included or self._known(signed))
        }
        self._included &= self._in_flight.keys()
        return max([pending, *(nonce + 1 for nonce in self._in_flight)])

    def _affordable(self, most: int) -> None:
        balance = self._chain.balance(self._address)
        if balance < most:
            raise InsufficientFunds(
                f"{self._address} cannot pay for gas: expected {most} wei at most, found {balance}",
                hint="Send it some ETH; on the devnet run `mlm wallet faucet`.",
            )

    def _above(self, old: Signed, now: Fees) -> Fees:
        """Fees that nodes take for a replacement: both an eighth above the old ones (geth asks for a tenth)."""
        fees = Fees(max(now.priority, old.priority_fee * 9 // 8 + 1), max(now.most, old.max_fee * 9 // 8 + 1))
        for offered, most, name in ((fees.most, self._max_fee, "fee"), (fees.priority, self._max_tip, "tip")):
            if offered > most:
                raise ChainError(
                    f"a replacement must offer a {name} of {offered / GWEI:g} gwei, expected at most {most / GWEI:g}",
                    hint=f"Wait, or raise chain.max_{name}_gwei.",
                )
        return Fees(min(fees.priority, fees.most), fees.most)

    def _late(self, signed: Signed, receipt: Receipt | None, timeout: float) -> ChainError:
        """Why it takes so long, as far as the node tells."""
        if receipt is not None:
            return ChainError(
                f"transaction {signed.tx_hash} is in block {receipt.block_number}, "
                f"which was not {self._depth} within {timeout:g} s",
                hint="Resuming waits on; chain.wait says how long, chain.finality for what.",
            )
        head = self._rpc.call("eth_getBlockByNumber", "latest", False)
        base = quantity(head.get("baseFeePerGas", "0x0") if isinstance(head, Mapping) else None, "the base fee")
        if 0 < signed.max_fee < base:
            return self._too_cheap(signed, f"gas costs {base / GWEI:g}")
        return ChainError(
            f"transaction {signed.tx_hash} was not included within {timeout:g} s",
            hint="It may still be included: resuming waits on, --faster pays more.",
        )

    def _too_cheap(self, signed: Signed, found: str = "the node takes more") -> ChainError:
        return ChainError(
            f"transaction {signed.tx_hash} offers {signed.max_fee / GWEI:g} gwei for gas, {found}",
            hint="Wait and resume; or resume with --faster, which pays more.",
        )

    def _known(self, signed: Signed) -> bool:
        return isinstance(self._rpc.call("eth_getTransactionByHash", signed.tx_hash), Mapping)

    def _again(self, signed: Sequence[Signed]) -> None:
        """Send again what the node may have dropped; fails when the nonce went to another transaction."""
        if not any(map(self._known, signed)):
            self.broadcast(signed[-1])

    def _displaced(self, signed: Signed) -> StateConflict:
        return StateConflict(
            f"{self._address} has already used nonce {signed.nonce} for another transaction than {signed.tx_hash}",
            hint="Another program sends with this account; resuming takes a new nonce when that is safe.",
        )

    def _why(self, receipt: Receipt) -> Reverted:
        """Decode a revert after inclusion: from the node's trace, else by replaying on the state before the block."""
        try:
            trace = self._rpc.call("debug_traceTransaction", receipt.tx_hash, {"tracer": "callTracer"})
            if isinstance(trace, Mapping) and isinstance(trace.get("output"), str):
                return errors.decode(bytes.fromhex(hex_data(trace["output"], "a trace's output")[2:]))
            if isinstance(trace, Mapping) and "gas" in str(trace.get("error", "")).lower():
                return Reverted("OutOfGas", {"gas": receipt.gas_used}, hint=errors.HINTS["OutOfGas"])
        except ChainError:
            pass  # few public nodes offer traces: replay instead
        found = self._rpc.call("eth_getTransactionByHash", receipt.tx_hash)
        if isinstance(found, Mapping):
            request = {key: found[key] for key in ("from", "to", "value", "input", "gas") if found.get(key) is not None}
            try:
                self._rpc.call("eth_call", request, hex(receipt.block_number - 1))
            except RpcError as error:
                explained = errors.explain(error)
                if isinstance(explained, Reverted):
                    return explained
        return Reverted("Unexplained", {"transaction": receipt.tx_hash}, hint="The node cannot say why.")


def _with_margin(gas: int) -> int:
    return gas + gas * GAS_MARGIN_PERCENT // 100
