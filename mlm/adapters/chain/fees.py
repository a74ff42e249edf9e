"""What a transaction costs besides its gas: EIP-1559 fees under a cap, and a rollup's price for publishing its data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mlm.adapters.chain.rpc import Rpc, RpcError, hex_data, quantity
from mlm.adapters.chain.tx import Transaction
from mlm.core.errors import ChainError

GWEI = 10**9
# OP stack: the GasPriceOracle predeploy, getL1Fee(bytes) of an unsigned transaction: wei, charged beside the gas.
# docs.optimism.io, "Transaction fees".
ORACLE, _GET_L1_FEE = "0x420000000000000000000000000000000000000f", "49948e0e"
# Arbitrum: NodeInterface, gasEstimateL1Component(address,bool,bytes): gas, which eth_estimateGas counts already and a
# simulation does not. docs.arbitrum.io, "How to estimate gas".
NODE_INTERFACE, _L1_COMPONENT = "0x00000000000000000000000000000000000000c8", "77d488a2"
_ROOM = 20  # per cent by which the parent chain's price may rise until the transaction is included
_WIDE = (1 << 64) - 1  # stands for numbers that are not known yet: a transaction is never longer than with these


@dataclass(frozen=True)
class Fees:
    """Wei for a unit of gas: what the block's maker gets, and the most that is paid in all."""

    priority: int
    most: int


@dataclass(frozen=True)
class Publishing:
    """What a rollup charges for publishing one transaction to its parent chain: gas on top of what running it takes
    (Arbitrum), or wei beside all gas (OP stack). Both are 0 on other chains."""

    gas: int = 0
    wei: int = 0


class FeeMarket:
    """The fees that one chain's node reports. It may lie: neither fee nor tip ever passes its cap."""

    def __init__(self, rpc: Rpc, max_fee: int, max_tip: int = 5 * GWEI) -> None:
        """Caps in wei for a unit of gas."""
        self._rpc, self._max_fee, self._max_tip = rpc, max_fee, max_tip
        self._kind: str | None = None  # op, arbitrum or none; not known before the first look

    def now(self) -> Fees:
        """Twice the base fee and the tip, never above the caps.

        Raises ChainError when the base fee passes the cap, and for a chain without EIP-1559: the contracts need
        Cancun's rules, which such a chain does not have either.
        """
        head, tip = self._rpc.batch([("eth_getBlockByNumber", ("latest", False)), ("eth_maxPriorityFeePerGas", ())])
        if not isinstance(head, Mapping):
            raise ChainError(f"the node answered nonsense: expected a block, found {str(head)[:40]!r}")
        if head.get("baseFeePerGas") is None:
            raise ChainError(
                f"the chain at {self._rpc.where} has no EIP-1559 fees: expected baseFeePerGas in its newest block",
                hint="The contracts need the rules of Cancun: choose another network.",
            )
        base = quantity(head["baseFeePerGas"], "the base fee")
        priority = min(quantity(tip, "the priority fee"), self._max_tip)
        if base > self._max_fee:
            raise ChainError(
                f"gas costs {base / GWEI:g} gwei now, expected at most {self._max_fee / GWEI:g}",
                hint="Wait, or raise chain.max_fee_gwei.",
            )
        most = min(2 * base + priority, self._max_fee)
        return Fees(min(priority, most), most)

    def publishing(self, request: Mapping[str, str]) -> Publishing:
        """What publishing a request {to, data, value} costs at most, soon; asked of the chain where it is a rollup."""
        if self._kind == "none":
            return Publishing()
        oracle, node_interface = self._ask(request)
        if oracle:
            self._kind = "op"
            return Publishing(wei=_with_room(oracle))
        if node_interface:
            self._kind = "arbitrum"
            return Publishing(gas=_with_room(node_interface))
        # A rollup may publish for nothing at the moment: only the absence of both contracts says that it is none.
        self._kind = self._kind or ("none" if oracle is None and node_interface is None else None)
        return Publishing()

    def _ask(self, request: Mapping[str, str]) -> tuple[int | None, int | None]:
        """The first word of either contract's answer; None where nobody stands there."""
        data, to = bytes.fromhex(request.get("data", "0x")[2:]), request.get("to")
        value = int(request.get("value", "0x0"), 16)
        unsigned = Transaction(_WIDE, _WIDE, _WIDE, _WIDE, _WIDE, to, value, data).unsigned()
        receiver = bytes.fromhex(to[2:] if to else "00" * 20).rjust(32, b"\0")
        calls = {
            ORACLE: _GET_L1_FEE + (_word(32) + _tail(unsigned)).hex(),
            NODE_INTERFACE: _L1_COMPONENT + (receiver + _word(0 if to else 1) + _word(96) + _tail(data)).hex(),
        }
        asked = [("eth_call", ({"to": to, "data": "0x" + data}, "latest")) for to, data in calls.items()]
        try:
            answers = self._rpc.batch(asked)
        except RpcError:
            return None, None  # something else stands there, and refuses
        oracle, node_interface = (bytes.fromhex(hex_data(answer, "a data fee")[2:])[:32] for answer in answers)
        return _number(oracle), _number(node_interface)


def _number(word: bytes) -> int | None:
    return int.from_bytes(word, "big") if len(word) == 32 else None


def _with_room(amount: int) -> int:
    return amount + amount * _ROOM // 100


def _word(number: int) -> bytes:
    return number.to_bytes(32, "big")


def _tail(data: bytes) -> bytes:
    return _word(len(data)) + data.ljust(-(-len(data) // 32) * 32, b"\0")
