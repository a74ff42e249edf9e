"""What a transaction costs besides its gas: EIP-1559 fees under a cap, and a rollup's fee for publishing its data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mlm.adapters.chain.rpc import Rpc, quantity
from mlm.core.errors import ChainError

GWEI = 10**9


@dataclass(frozen=True)
class Fees:
    """Wei for a unit of gas: what the block's maker gets, and the most that is paid in all."""

    priority: int
    most: int


class FeeMarket:
    """The fees that one node reports, never above `max_fee` wei for a unit of gas."""

    def __init__(self, rpc: Rpc, max_fee: int) -> None:
        self._rpc, self._max_fee = rpc, max_fee

    def now(self) -> Fees:
        """Twice the base fee and the tip, never above the cap. Raises ChainError when the base fee passes the cap."""
        head, tip = self._rpc.batch([("eth_getBlockByNumber", ("latest", False)), ("eth_maxPriorityFeePerGas", ())])
        base = quantity(head.get("baseFeePerGas") if isinstance(head, Mapping) else None, "the base fee")
        priority = quantity(tip, "the priority fee")
        if base > self._max_fee:
            raise ChainError(
                f"gas costs {base / GWEI:g} gwei now, expected at most {self._max_fee / GWEI:g}",
                hint="Wait, or raise chain.max_fee_gwei.",
            )
        most = min(2 * base + priority, self._max_fee)
        return Fees(min(priority, most), most)

    def data_fee(self, data: bytes) -> int:
        """Wei that a rollup charges, on top of gas, for publishing `data` to its parent chain; 0 on other chains."""
        return 0
