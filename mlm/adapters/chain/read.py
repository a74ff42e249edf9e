"""Reading one deployment on one chain (ports.chain.Chain over JSON-RPC)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Any

from mlm.adapters.chain import abi, errors
from mlm.adapters.chain.deployment import Deployment
from mlm.adapters.chain.endpoint import MAX_RESPONSE
from mlm.adapters.chain.finality import Heads
from mlm.adapters.chain.rpc import Identity, Rpc, RpcError, TooLarge, hex_data, quantity
from mlm.core.errors import ChainError, NotFound
from mlm.ports.chain import Block, Log, Receipt

_WORDS = re.compile("0x[0-9a-f]{40}(?:,0x[0-9a-f]{64})*")
TRANSFER = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"  # Transfer(address,address,uint256)
_RANGE = 50_000  # blocks in one eth_getLogs; a refusal halves it
MOST_DATA = MAX_RESPONSE // 2  # bytes that logs of several answers hold, before whoever asked has to ask for less


class EthChain:
    """A chain as seen through one node; the first call checks that it is the deployment's chain."""

    def __init__(self, rpc: Rpc, deployment: Deployment, depth: str = "included") -> None:
        self.rpc, self.deployment, self.depth = rpc, deployment, depth
        self.first_block = deployment.block
        self._checked = False

    def chain_id(self) -> int:
        self._check()
        return self.deployment.chain_id

    def block(self, tag: int | str = "latest") -> Block:
        self._check()
        name = hex(tag) if isinstance(tag, int) else tag
        found = self.rpc.call("eth_getBlockByNumber", name, False)
        if found is None:
            raise NotFound(f"block {tag} does not exist on {self.rpc.where}")
        return block_from(found)

    def blocks(self, numbers: Sequence[int]) -> list[Block]:
        self._check()
        answers = self.rpc.batch([("eth_getBlockByNumber", (hex(number), False)) for number in numbers])
        for number, found in zip(numbers, answers, strict=True):
            if found is None:
                raise NotFound(f"block {number} does not exist on {self.rpc.where}")
        return [block_from(found) for found in answers]

    def heads(self) -> Heads:
        """Block numbers of the chain's heads; a node that knows no safe or finalized block reports block 0."""
        self._check()
        latest = self.block("latest").number
        later = []
        for tag in ("safe", "finalized"):
            try:
                later.append(self.block(tag).number)
            except (NotFound, RpcError):
                later.append(0)
        return Heads(latest, min(later[0], latest), min(later[1], later[0], latest))

    def call(self, contract: str, function: str, *args: Any, block: int | None = None) -> Any:
        self._check()
        tag = "latest" if block is None else hex(block)
        interface = abi.load(contract)
        data = interface.encode_call(function, args)
        request = {"to": self.deployment.address(contract), "data": "0x" + data.hex()}
        try:
            answer = self.rpc.call("eth_call", request, tag)
        except RpcError as error:
            raise errors.explain(error) from error
        if answer == "0x" and self.rpc.call("eth_getCode", request["to"], tag) == "0x":
            raise ChainError(
                f"expected a contract {contract} at {request['to']}, found none there",
                hint="Correct the network's deployment file: see `mlm network show`.",
            )
        return interface.decode_output(function, len(args), bytes.fromhex(hex_data(answer, "eth_call")[2:]))

    def logs(self, from_block: int, to_block: int) -> list[Log]:
        self._check()
        filters = self._filters()
        found: list[Log] = []
        start, width, size = from_block, _RANGE, 0
        while start <= to_block:
            end = min(start + width - 1, to_block)
            span = {"fromBlock": hex(start), "toBlock": hex(end)}
            try:
                answers = [self.rpc.call("eth_getLogs", {**span, **each}) for each in filters]
            except (RpcError, TooLarge):
                # Nodes limit blocks, results or bytes, each in words of its own: ask for less, down to one block.
                if width <= 1:
                    raise
                width = max(1, (end - start + 1) // 8)
                continue
            part = _logs(answers, {address for each in filters for address in each["address"]}, start, end)
            found, size, start = found + part, size + sum(len(log.data) for log in part), end + 1
            if size > MOST_DATA and start <= to_block:
                raise TooLarge(
                    f"the logs of blocks {from_block} to {end} hold {size} bytes, expected at most {MOST_DATA}",
                    hint="Ask for fewer blocks.",
                )
        return found

    def _filters(self) -> list[dict[str, Any]]:
        """What logs to ask for: all of the contracts; of a token that others use too, transfers to and from them."""
        foreign = self.deployment.foreign
        ours = sorted({entry.address for entry in self.deployment.contracts.values()} - {foreign})
        if not foreign:
            return [{"address": ours}]
        transfer, parties = TRANSFER, ["0x" + address[2:].rjust(64, "0") for address in ours]
        sides = ([transfer, parties], [transfer, None, parties])
        return [{"address": ours}, *({"address": [foreign], "topics": topics} for topics in sides)]

    def balance(self, address: str) -> int:
        self._check()
        return quantity(self.rpc.call("eth_getBalance", address, "latest"), "a balance")

    def transaction_input(self, tx_hash: str) -> bytes:
        self._check()
        found = self.rpc.call("eth_getTransactionByHash", tx_hash)
        if not isinstance(found, Mapping) or found.get("blockNumber") is None:
            raise NotFound(f"{self.rpc.where} knows no mined transaction {tx_hash}")
        if hex_data(found.get("hash"), "a transaction's hash", 32) != tx_hash.lower():
            raise ChainError(f"{self.rpc.where} answered with another transaction than {tx_hash}")
        return bytes.fromhex(hex_data(found.get("input"), "a transaction's input")[2:])

    def address_of(self, contract: str) -> str:
        return self.deployment.address(contract)

    def _check(self) -> None:
        """Once: chain id and genesis are the deployment's, so that nothing is read or sent elsewhere by mistake."""
        if self._checked:
            return
        expected = Identity(self.deployment.chain_id, self.deployment.genesis_hash)
        expected.check(self.rpc.identity(), self.rpc.where)
        self._checked = True


def block_from(value: Any) -> Block:
    """Check and read a block object."""
    if not isinstance(value, Mapping):
        raise ChainError(f"the node answered nonsense: expected a block, found {str(value)[:40]!r}")
    return Block(
        quantity(value.get("number"), "a block's number"),
        hex_data(value.get("hash"), "a block's hash", 32),
        hex_data(value.get("parentHash"), "a block's parent", 32),
        quantity(value.get("timestamp"), "a block's timestamp"),
        quantity(value.get("gasLimit") or "0x0", "a block's gas limit"),
    )


def receipt_from(value: Any) -> Receipt:
    """Check and read a receipt object."""
    if not isinstance(value, Mapping):
        raise ChainError(f"the node answered nonsense: expected a receipt, found {str(value)[:40]!r}")
    logs = value.get("logs")
    if not isinstance(logs, list):
        raise ChainError("the node answered nonsense: expected a receipt's logs, found none")
    return Receipt(
        hex_data(value.get("transactionHash"), "a transaction's hash", 32),
        quantity(value.get("blockNumber"), "a block's number"),
        hex_data(value.get("blockHash"), "a block's hash", 32),
        quantity(value.get("status"), "a receipt's status") == 1,
        quantity(value.get("gasUsed"), "gas used"),
        quantity(value.get("effectiveGasPrice", "0x0"), "a gas price"),
        tuple(log_from(entry) for entry in logs),
        quantity(value.get("l1Fee") or "0x0", "a data fee"),  # chains of the OP stack
    )


def log_from(value: Any) -> Log:
    """Check and read a log object."""
    if not isinstance(value, dict) or not isinstance(value.get("topics"), list) or value.get("removed"):
        raise ChainError(f"the node answered nonsense: expected a log, found {str(value)[:40]!r}")
    words = [value.get("address"), value.get("blockHash"), value.get("transactionHash"), *value["topics"]]
    if not _spelt_as_usual(words):
        words = [hex_data(words[0], "an address", 20), *(hex_data(word, "a hash or topic", 32) for word in words[1:])]
    address, block_hash, tx_hash, *topics = words
    return Log(
        address,
        tuple(topics),
        raw_data(value.get("data"), "a log's data"),
        quantity(value.get("blockNumber"), "a block's number"),
        block_hash,
        tx_hash,
        quantity(value.get("logIndex"), "a log's index"),
    )


def _spelt_as_usual(words: list[Any]) -> bool:
    """Whether an address, hashes and topics are lower-case hex of their lengths: in one look, since there are many."""
    try:
        text = ",".join(words)
    except TypeError:
        return False
    return len(text) == 42 + 67 * (len(words) - 1) and _WORDS.fullmatch(text) is not None


def raw_data(value: Any, what: str) -> bytes:
    """Read 0x-prefixed hex; raises ChainError naming `what` otherwise."""
    try:
        data = bytes.fromhex(value[2:])
    except (TypeError, ValueError):
        data = b""
    if isinstance(value, str) and value[:2] == "0x" and len(value) == 2 + 2 * len(data):
        return data
    return bytes.fromhex(hex_data(value, what)[2:])


def _logs(answers: Sequence[Any], addresses: set[str], start: int, end: int) -> list[Log]:
    """The logs of several answers, in chain order; one that answers two questions counts once."""
    for answer in answers:
        if not isinstance(answer, list):
            raise ChainError(f"the node answered nonsense: expected logs, found {str(answer)[:40]!r}")
    logs = [log_from(entry) for answer in answers for entry in answer]
    if len(answers) > 1:
        logs = list(dict.fromkeys(logs))
    for log in logs:
        if log.address not in addresses or not start <= log.block_number <= end:
            where = f"{log.address} in block {log.block_number}"
            raise ChainError(f"the node answered nonsense: a log that nobody asked for, of {where}")
    return sorted(logs, key=attrgetter("block_number", "log_index"))
