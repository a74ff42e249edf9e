"""A chain that a test writes block by block, with reorganisations and a node's usual refusals. It runs no contracts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

from mlm.core.errors import ChainError, NotFound
from mlm.core.events import emitters
from mlm.core.events.table import DECLARATIONS, Spec, parse
from mlm.ports.chain import Block, Log

Emitted = tuple[str, str, Mapping[str, Any]]  # contract, event, arguments as eth_abi takes them


class ScriptedChain:
    """The Chain port over scripted blocks.

    `max_range` and `max_logs` make `logs` refuse as public nodes do; `asked` records the ranges asked for.
    """

    def __init__(self, *, max_range: int | None = None, max_logs: int | None = None) -> None:
        self.max_range = max_range
        self.max_logs = max_logs
        self.asked: list[tuple[int, int]] = []
        self.first_block = 0
        self.depth = "included"
        self.finality = {"safe": 0, "finalized": 0}
        self._salt = 0
        self._blocks: list[Block] = []
        self._logs: list[Log] = []
        self.mine()

    def mine(self, *transactions: list[Emitted], seconds: int = 12) -> Block:
        """Append a block holding the events of each transaction."""
        number = len(self._blocks)
        parent = self._blocks[-1] if self._blocks else None
        parent_hash = parent.hash if parent else "0x" + "0" * 64
        block = Block(
            number, _hash(parent_hash, self._salt), parent_hash, (parent.timestamp if parent else 10**9) + seconds
        )
        self._blocks.append(block)
        index = 0
        for position, transaction in enumerate(transactions):
            tx_hash = _hash(block.hash, position)
            for contract, event, args in transaction:
                topics, data = encode_event(contract, event, args)
                self._logs.append(Log(self.address_of(contract), topics, data, number, block.hash, tx_hash, index))
                index += 1
        return block

    def reorganise(self, number: int) -> None:
        """Drop every block >= number; blocks mined from now on have other hashes."""
        self._salt += 1
        self._blocks = self._blocks[:number]
        self._logs = [log for log in self._logs if log.block_number < number]

    def chain_id(self) -> int:
        """The devnet's."""
        return 31337

    def block(self, tag: int | str = "latest") -> Block:
        """A block by number or tag."""
        number = len(self._blocks) - 1 if tag == "latest" else self.finality[tag] if isinstance(tag, str) else tag
        if not 0 <= number < len(self._blocks):
            raise NotFound(f"no block {number}, the chain ends at {len(self._blocks) - 1}")
        return self._blocks[number]

    def blocks(self, numbers: Sequence[int]) -> list[Block]:
        """Blocks by number."""
        return [self.block(number) for number in numbers]

    def call(self, contract: str, function: str, *args: Any, block: int | None = None) -> Any:
        """There are no contracts behind the events."""
        raise ChainError(f"a scripted chain has no code to run {contract}.{function}")

    def logs(self, from_block: int, to_block: int) -> list[Log]:
        """Logs of a range, unless a limit is passed."""
        self.asked.append((from_block, to_block))
        found = [log for log in self._logs if from_block <= log.block_number <= to_block]
        if self.max_range is not None and to_block - from_block + 1 > self.max_range:
            raise ChainError(f"block range too large: at most {self.max_range}")
        if self.max_logs is not None and len(found) > self.max_logs:
            raise ChainError(f"query returned more than {self.max_logs} results")
        return found

    def balance(self, address: str) -> int:
        """Nobody owns coins here."""
        return 0

    def transaction_input(self, tx_hash: str) -> bytes:
        """Transactions have no calldata here."""
        raise NotFound(f"no transaction {tx_hash}")

    def address_of(self, contract: str) -> str:
        """An address for each contract that has events."""
        if contract not in emitters():
            raise NotFound(f"no contract named {contract}")
        return f"0x{emitters().index(contract) + 1:040x}"


def encode_event(contract: str, event: str, args: Mapping[str, Any]) -> tuple[tuple[str, ...], bytes]:
    """Topics and data of an event. Structs may be dicts in the order of their fields; bytes32 may be 0x-hex."""
    from eth_abi import encode

    spec, topic = _spec(contract, event)
    topics = [topic]
    rest: list[tuple[str, Any]] = []
    for field in spec.fields:
        value = _plain(args[field.name], field.type.name)
        if field.indexed:
            topics.append("0x" + encode([field.type.name], [value]).hex())
        else:
            rest.append((field.type.name, value))
    return tuple(topics), encode([name for name, _ in rest], [value for _, value in rest])


def _spec(contract: str, event: str) -> tuple[Spec, str]:
    for owner, declaration, topic in DECLARATIONS:
        if owner == contract and declaration.startswith(event + "("):
            return parse(owner, declaration), topic
    raise NotFound(f"no event {contract}.{event}")


def _plain(value: Any, kind: str) -> Any:
    if isinstance(value, Mapping):
        return tuple(_plain(item, "") for item in value.values())
    if isinstance(value, (list, tuple)):
        return [_plain(item, "") for item in value]
    if isinstance(value, str) and value.startswith("0x") and len(value) == 66:
        return bytes.fromhex(value[2:])
    return value


def _hash(*parts: object) -> str:
    return "0x" + sha256(repr(parts).encode()).hexdigest()
