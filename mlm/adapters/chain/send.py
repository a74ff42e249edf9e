"""Sending as one account (ports.signer.Sender): simulate, sign, broadcast, wait.

Nonces: the node's pending count, or one more than the highest this sender has broadcast and not yet seen included.
A transaction that was signed but never broadcast takes no nonce: broadcast one before signing the next.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from mlm.adapters.chain import abi, errors, typed
from mlm.adapters.chain.fees import GWEI, FeeMarket
from mlm.adapters.chain.read import EthChain, receipt_from
from mlm.adapters.chain.rpc import RpcError, hex_data, quantity
from mlm.adapters.chain.tx import Transaction, address_of_key
from mlm.core.errors import ChainError, InsufficientFunds, Reverted, StateConflict
from mlm.core.plan import Call
from mlm.ports.chain import Receipt
from mlm.ports.signer import Signed, Simulated

GAS_MARGIN_PERCENT = 20  # an estimate is for one block's state, inclusion happens on another's
_POLL_FIRST, _POLL_MOST = 0.02, 1.0  # seconds between looks at a receipt
_REBROADCAST = 5.0  # seconds after which a transaction that the node forgot is sent again
_KNOWN = ("already known", "already imported", "known transaction", "alreadyknown")
_NONCE_USED = ("nonce too low", "nonce is too low", "underpriced")


class EthSender:
    """One account on one chain. The key stays in this object and is never shown."""

    def __init__(self, chain: EthChain, key: bytes, max_fee: int = 200 * GWEI, patience: float = 60.0) -> None:
        """`max_fee` is the most ever offered for a unit of gas, in wei; `patience` bounds `wait`, in seconds."""
        self._patience = patience
        self._chain, self._rpc = chain, chain.rpc
        self._key, self._fees = key, FeeMarket(chain.rpc, max_fee)
        self._address = address_of_key(key)
        self._in_flight: dict[int, Signed] = {}

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

        A node without eth_simulateV1 simulates the first call only: the others come back with gas None.
        """
        number = self._chain.block("latest").number
        if not calls:
            return []
        requests = [self._request(call) for call in calls]
        most = self._fees.now().most
        data_fees = [self._fees.data_fee(bytes.fromhex(request["data"][2:])) for request in requests]
        try:
            gas: list[int | None] = list(self._simulate_v1(requests))
        except RpcError as error:
            if not error.unsupported:
                raise errors.explain(error) from error
            gas = [self._estimate(requests[0])] + [None] * (len(calls) - 1)
        return [
            Simulated(used, None if used is None else used * most + data_fee, number)
            for used, data_fee in zip(gas, data_fees, strict=True)
        ]

    def sign(self, call: Call) -> Signed:
        """Simulate on the pending state, then sign; raises Reverted or InsufficientFunds when it would fail."""
        chain_id = self._chain.chain_id()
        request = self._request(call)
        return self.sign_request(request, chain_id)

    def sign_request(self, request: Mapping[str, str], chain_id: int) -> Signed:
        """Sign a request {to, data, value} (no `to`: a contract's creation) with an estimate of its gas."""
        gas = self._estimate(request)
        fees = self._fees.now()
        value, data = int(request.get("value", "0x0"), 16), bytes.fromhex(request.get("data", "0x")[2:])
        self._affordable(gas * fees.most + self._fees.data_fee(data) + value)
        transaction = Transaction(
            chain_id,
            self._nonce(),
            fees.priority,
            fees.most,
            gas,
            request.get("to"),
            value,
            data,
        )
        return transaction.sign(self._key)

    def broadcast(self, signed: Signed) -> None:
        """Idempotent. Raises StateConflict when another transaction has used the nonce."""
        try:
            self._rpc.call("eth_sendRawTransaction", "0x" + signed.raw.hex())
        except RpcError as error:
            text = error.rpc_message.lower()
            known = any(word in text for word in _KNOWN)
            if not known and not self._known(signed):
                if any(word in text for word in _NONCE_USED):
                    raise self._replaced(signed) from error
                raise errors.explain(error) from error
        self._in_flight[signed.nonce] = signed

    def wait(self, signed: Signed, timeout: float | None = None) -> Receipt:
        """Raises Reverted when it failed, StateConflict when it was replaced, ChainError when time ran out."""
        timeout = self._patience if timeout is None else timeout
        deadline = time.monotonic() + timeout
        pause, again = _POLL_FIRST, time.monotonic() + _REBROADCAST
        while True:
            found = self._rpc.call("eth_getTransactionReceipt", signed.tx_hash)
            if isinstance(found, Mapping) and found.get("blockNumber") is not None:
                break
            if time.monotonic() >= again:
                self._again(signed)
                again = time.monotonic() + _REBROADCAST
            if time.monotonic() + pause > deadline:
                raise ChainError(
                    f"transaction {signed.tx_hash} was not included within {timeout:g} s",
                    hint="It may still be: `mlm op resume` waits on. The same command again could pay twice.",
                )
            time.sleep(pause)
            pause = min(pause * 1.5, _POLL_MOST)
        self._in_flight.pop(signed.nonce, None)
        receipt = receipt_from(found)
        if receipt.tx_hash != signed.tx_hash:
            raise ChainError(f"the node answered with the receipt of another transaction than {signed.tx_hash}")
        if not receipt.ok:
            raise self._why(signed, receipt)
        return receipt

    def sign_typed(self, domain: dict[str, Any], types: dict[str, Any], message: dict[str, Any]) -> bytes:
        """EIP-712 signature, 65 bytes r‖s‖v."""
        return typed.sign(self._key, domain, types, message)

    def _request(self, call: Call) -> dict[str, str]:
        data = self.encode(call)
        to = self._chain.address_of(call.contract)
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

    def _estimate(self, request: Mapping[str, str]) -> int:
        """Gas with a margin. The pending state counts, so that a call may follow one still in flight."""
        try:
            estimate = self._rpc.call("eth_estimateGas", {**request, "from": self._address}, "pending")
        except RpcError as error:
            raise errors.explain(error) from error
        return _with_margin(quantity(estimate, "a gas estimate"))

    def _nonce(self) -> int:
        pending = quantity(self._rpc.call("eth_getTransactionCount", self._address, "pending"), "a nonce")
        # Whatever the chain has already counted is no longer in flight, whoever waited for it.
        self._in_flight = {nonce: signed for nonce, signed in self._in_flight.items() if nonce >= pending}
        return max([pending, *(nonce + 1 for nonce in self._in_flight)])

    def _affordable(self, most: int) -> None:
        balance = self._chain.balance(self._address)
        if balance < most:
            raise InsufficientFunds(
                f"{self._address} cannot pay for gas: expected {most} wei at most, found {balance}",
                hint="Send it some ETH; on the devnet run `mlm wallet faucet`.",
            )

    def _known(self, signed: Signed) -> bool:
        return isinstance(self._rpc.call("eth_getTransactionByHash", signed.tx_hash), Mapping)

    def _again(self, signed: Signed) -> None:
        """Send again what the node may have dropped; fails when the nonce went to another transaction."""
        if not self._known(signed):
            self.broadcast(signed)

    def _replaced(self, signed: Signed) -> StateConflict:
        return StateConflict(
            f"{self._address} has already used nonce {signed.nonce} for another transaction than {signed.tx_hash}",
            hint="Another process sent with this account: run the command again.",
        )

    def _why(self, signed: Signed, receipt: Receipt) -> Reverted:
        """Decode a revert after inclusion: from the node's trace, else by replaying on the state before the block."""
        try:
            trace = self._rpc.call("debug_traceTransaction", signed.tx_hash, {"tracer": "callTracer"})
            if isinstance(trace, Mapping) and isinstance(trace.get("output"), str):
                return errors.decode(bytes.fromhex(hex_data(trace["output"], "a trace's output")[2:]))
            if isinstance(trace, Mapping) and "gas" in str(trace.get("error", "")).lower():
                return Reverted("OutOfGas", {"gas": receipt.gas_used}, hint=errors.HINTS["OutOfGas"])
        except ChainError:
            pass  # few public nodes offer traces: replay instead
        found = self._rpc.call("eth_getTransactionByHash", signed.tx_hash)
        if isinstance(found, Mapping):
            request = {key: found[key] for key in ("from", "to", "value", "input", "gas") if found.get(key) is not None}
            try:
                self._rpc.call("eth_call", request, hex(receipt.block_number - 1))
            except RpcError as error:
                explained = errors.explain(error)
                if isinstance(explained, Reverted):
                    return explained
        return Reverted("Unexplained", {"transaction": signed.tx_hash}, hint="The node cannot say why.")


def _with_margin(gas: int) -> int:
    return gas + gas * GAS_MARGIN_PERCENT // 100
