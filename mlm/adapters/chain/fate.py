"""What has become of a signed transaction. The answer may lead to signing anew, so it is proved, never guessed.

A missing receipt proves nothing: nodes drop old ones. Only the transaction that took the nonce, found in its block,
shows that ours never counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mlm.adapters.chain.read import EthChain, receipt_from
from mlm.adapters.chain.rpc import Rpc, RpcError, hex_data, quantity
from mlm.adapters.chain.tx import call_fields
from mlm.core.errors import ChainError
from mlm.ports.chain import Receipt
from mlm.ports.signer import Fate, Outcome, Signed


def receipt_of(rpc: Rpc, signed: Sequence[Signed]) -> Receipt | None:
    """The receipt of the one that is included, or None. Raises ChainError for a receipt of anything else."""
    answers = rpc.batch([("eth_getTransactionReceipt", (entry.tx_hash,)) for entry in signed])
    for entry, found in zip(signed, answers, strict=True):
        if isinstance(found, Mapping) and found.get("blockNumber") is not None:
            receipt = receipt_from(found)
            if receipt.tx_hash != entry.tx_hash:
                raise ChainError(f"the node answered with the receipt of another transaction than {entry.tx_hash}")
            return receipt
    return None


def fate(chain: EthChain, address: str, signed: Sequence[Signed]) -> Outcome:
    """The fate of transactions of `address` that share a nonce, of which one at most is ever included."""
    nonce = signed[-1].nonce
    receipt = receipt_of(chain.rpc, signed)
    if receipt is not None:
        known = Fate.INCLUDED if receipt.ok else Fate.FAILED
        return Outcome(known, receipt.tx_hash, _stands(chain, receipt, chain.heads().safe), receipt)
    if _count(chain.rpc, address, "latest") <= nonce:
        return Outcome(Fate.WAITING)
    safe = chain.heads().safe
    try:
        if _count(chain.rpc, address, hex(safe)) <= nonce:
            return Outcome(Fate.CONTESTED)
        taker = _taker(chain, address, nonce, safe)
    except RpcError:  # the node keeps no state so old
        return Outcome(Fate.CONTESTED)
    if taker is None:
        return Outcome(Fate.CONTESTED)
    tx_hash = hex_data(taker.get("hash"), "a transaction's hash", 32)
    if tx_hash not in {entry.tx_hash for entry in signed} and not any(_same_call(taker, entry) for entry in signed):
        return Outcome(Fate.DISPLACED, tx_hash, safe=True)
    receipt = receipt_of(chain.rpc, (Signed(b"", tx_hash, nonce),))
    failed = receipt is not None and not receipt.ok
    return Outcome(Fate.FAILED if failed else Fate.INCLUDED, tx_hash, safe=True, receipt=receipt)


def settled(chain: EthChain, receipt: Receipt, depth: str) -> bool:
    """Whether a receipt's block is as settled as `depth` says, and is the chain's own."""
    if depth == "included":
        return True
    heads = chain.heads()
    return _stands(chain, receipt, heads.safe if depth == "safe" else heads.finalized)


def _stands(chain: EthChain, receipt: Receipt, head: int) -> bool:
    # Receipt and heads may come from two forks, or from two endpoints: the block's hash decides.
    return receipt.block_number <= head and chain.block(receipt.block_number).hash == receipt.block_hash


def _taker(chain: EthChain, address: str, nonce: int, safe: int) -> Mapping[str, Any] | None:
    """The transaction that took `nonce` up to the block `safe`.

    Its block is found by steps backwards that double, and bisection: most nodes keep the newest states only.
    """
    low, high, step = safe, safe, 1  # the count is above `nonce` at `high`
    while low > chain.first_block and _count(chain.rpc, address, hex(low)) > nonce:
        high, low, step = low, max(chain.first_block, low - step), step * 2
    while low < high:
        middle = (low + high) // 2
        if _count(chain.rpc, address, hex(middle)) > nonce:
            high = middle
        else:
            low = middle + 1
    block = chain.rpc.call("eth_getBlockByNumber", hex(high), True)
    transactions = block.get("transactions") if isinstance(block, Mapping) else None
    for entry in transactions if isinstance(transactions, list) else []:
        if (
            isinstance(entry, Mapping)
            and hex_data(entry.get("from"), "a sender", 20) == address.lower()
            and quantity(entry.get("nonce"), "a nonce") == nonce
        ):
            return entry
    return None


def _same_call(taker: Mapping[str, Any], signed: Signed) -> bool:
    """Whether it sends the same value and data to the same address: those three follow each other in signed bytes."""
    to = hex_data(taker.get("to") or "0x", "a receiver")
    data = hex_data(taker.get("input"), "a transaction's input")
    return call_fields(to, quantity(taker.get("value"), "a value"), bytes.fromhex(data[2:])) in signed.raw


def _count(rpc: Rpc, address: str, block: str) -> int:
    return quantity(rpc.call("eth_getTransactionCount", address, block), "a nonce")
