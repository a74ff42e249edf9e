"""A token that exists already: its unit, and whether transfers move exactly what they say, tried in a simulation.

What no simulation shows: a fee that is switched on later, one that spares the accounts tried, a balance that only
another's transaction changes (stETH's daily report), a list of blocked accounts. The market's own check at each
deposit stays: InexactTransfer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mlm.adapters.chain import abi, errors
from mlm.adapters.chain.read import TRANSFER, EthChain
from mlm.adapters.chain.rpc import RpcError, hex_data, quantity
from mlm.core.digest import keccak256, word
from mlm.core.errors import ChainError, Reverted, UsageError
from mlm.core.money import MAX_DECIMALS, Unit, is_symbol

TOKEN = "MarketToken"
HOLDERS = 4  # accounts whose tokens are moved; one of them alone may be spared a fee
DEPOSITS = 8  # of amounts that differ by one unit: a token that counts shares rounds some of them
LATER = 30 * 86_400  # seconds: a balance that grows by itself has grown by then
_BLOCKS = 2_000  # newest ones that are looked through for holders
_LOOKED_AT = 40  # of their accounts
_GAS = hex(500_000)  # for each call


def unit_of(chain: EthChain) -> Unit:
    """Symbol and decimals as the token says them; raises UsageError for decimals that it does not, or too many.

    A symbol that could mislead at a terminal, or that is none, is replaced by the beginning of the address.
    """
    address = chain.address_of(TOKEN)
    try:
        decimals = chain.call(TOKEN, "decimals")
    except (Reverted, ChainError) as error:
        raise UsageError(f"--token: {address} is no ERC-20 that says its decimals") from error
    if decimals > MAX_DECIMALS:
        raise UsageError(f"--token: expected 0 to {MAX_DECIMALS} decimals, found {decimals} at {address}")
    try:
        symbol = str(chain.call(TOKEN, "symbol"))
    except (Reverted, ChainError):  # some old tokens have a bytes32 there
        symbol = ""
    return Unit(symbol if is_symbol(symbol) else address[:10].lower(), decimals)


def examine(chain: EthChain, account: str) -> str:
    """Move the token to and fro in a simulation; says in a few words what was tried, or why nothing could be.

    Raises UsageError when less arrives than was sent, when a transfer returns false, when every transfer fails, or
    when a balance changes by the mere passing of time.
    """
    held = _holders(chain, account)
    if not held:
        return "no transfer was tried: no holder was found"
    failed: list[Reverted] = []
    for holder, balance in held:
        try:
            _Trial(chain, holder, balance).hold()
        except Reverted as error:  # this holder may be blocked
            failed.append(error)
        except RpcError as error:
            if error.unsupported:
                return "no transfer was tried: the node has no eth_simulateV1"
            raise errors.explain(error) from error
    if len(failed) == len(held):
        raise UsageError(
            f"--token: every transfer of {chain.address_of(TOKEN)} that was tried fails: {failed[0]}",
            hint="It may be paused, or transfers restricted: a market cannot be paid in it.",
        )
    return f"its transfers were tried with {len(held) - len(failed)} of its holders"


def _holders(chain: EthChain, account: str) -> list[tuple[str, int]]:
    """Who holds some of the token, and how much: the account itself, then receivers of the newest transfers."""
    found = [account.lower()]
    head = chain.block("latest").number
    query = {
        "fromBlock": hex(max(0, head - _BLOCKS)),
        "toBlock": hex(head),
        "address": chain.address_of(TOKEN),
        "topics": [TRANSFER],
    }
    try:
        logs = chain.rpc.call("eth_getLogs", query)
    except ChainError:  # too many for this node: the account alone, then
        logs = []
    for log in reversed(logs if isinstance(logs, list) else []):
        topics = log.get("topics") if isinstance(log, Mapping) else None
        if isinstance(topics, list) and len(topics) > 2 and len(found) < _LOOKED_AT:
            found.append("0x" + hex_data(topics[2], "a topic", 32)[-40:])
    balances = [(holder, chain.call(TOKEN, "balanceOf", holder)) for holder in dict.fromkeys(found) if int(holder, 16)]
    return [(holder, balance) for holder, balance in balances if balance][:HOLDERS]


@dataclass(frozen=True)
class _Made:
    """A simulated call: what it returned, or why it failed."""

    data: bytes
    problem: Reverted | None


class _Trial:
    """One holder's tokens, moved as the market moves them: pulled in, counted, paid out, and counted 30 days later."""

    def __init__(self, chain: EthChain, holder: str, balance: int) -> None:
        self._chain, self._holder, self._balance = chain, holder, balance
        self._token = chain.address_of(TOKEN)
        # Accounts that nobody has, so that nothing is there before.
        self._market, self._payee = ("0x" + keccak256(name + bytes.fromhex(holder[2:])).hex()[-40:] for name in _ROLES)

    def hold(self) -> None:
        """Raises UsageError for a token that is refused, Reverted where this holder's transfers fail."""
        count = min(DEPOSITS, self._balance)
        least = max(1, self._balance // (2 * DEPOSITS) - DEPOSITS)
        amounts = [least + i for i in range(count)] if (least + count) * count <= self._balance else [1] * count
        calls = [self._call(self._holder, "approve", self._market, sum(amounts))]
        for amount in amounts:
            calls += [
                self._call(self._market, "transferFrom", self._holder, self._market, amount),
                self._call(self._market, "balanceOf", self._market),
            ]
        out = amounts[0]
        calls += [
            self._call(self._market, "transfer", self._payee, out),
            self._call(self._market, "balanceOf", self._market),
            self._call(self._market, "balanceOf", self._payee),
            self._call(self._market, "balanceOf", self._holder),
        ]
        later = [self._call(self._market, "balanceOf", self._market)]
        made, last = self._simulate(calls, later)
        done, arrived, total = iter(made), 0, sum(amounts)
        self._moved(next(done), "approve")
        for amount in amounts:
            self._moved(next(done), "transferFrom")
            before, arrived = arrived, self._number(next(done))
            self._same(amount, arrived - before, "arrive")
        self._moved(next(done), "transfer")
        rest, paid, kept = (self._number(each) for each in done)
        self._same(out, paid, "arrive")
        self._same(total - out, rest, "stay")
        self._same(self._balance - total, kept, "stay with the sender")
        self._same(rest, self._number(last[0]), f"be there {LATER // 86_400} days later")

    def _moved(self, made: _Made, function: str) -> None:
        """An ERC-20's function succeeds by returning true or, as USDT's, nothing."""
        if made.problem is not None:
            raise made.problem
        if made.data and made.data != word(1):
            raise UsageError(
                f"--token: {self._token} says by its return value that {function} failed, and does not revert",
                hint="A market takes no such token.",
            )

    def _same(self, expected: int, actual: int, what: str) -> None:
        if expected != actual:
            raise UsageError(
                f"--token: expected {expected} base units to {what}, found {actual}, in a simulated transfer of "
                f"{self._token}",
                hint="A token that charges for transfers, or whose balances move by themselves, is refused: what the "
                "market owes would not be covered. Use a wrapped form with fixed balances (wstETH for stETH).",
            )

    def _number(self, made: _Made) -> int:
        if made.problem is not None or len(made.data) != 32:
            raise UsageError(f"--token: {self._token} is no ERC-20: balanceOf fails or answers nonsense")
        return int.from_bytes(made.data, "big")

    def _call(self, sender: str, function: str, *args: Any) -> dict[str, str]:
        data = abi.load(TOKEN).encode_call(function, args)
        return {"from": sender, "to": self._token, "data": "0x" + data.hex(), "gas": _GAS}

    def _simulate(self, now: Sequence[Any], later: Sequence[Any]) -> tuple[list[_Made], list[_Made]]:
        """Two blocks by eth_simulateV1, the second LATER; nobody's signature is needed there."""
        head = self._chain.block("latest")
        blocks = [{"calls": now}, {"blockOverrides": {"time": hex(head.timestamp + LATER)}, "calls": later}]
        answer = self._chain.rpc.call("eth_simulateV1", {"blockStateCalls": blocks, "validation": False}, "latest")
        found = [
            [_made(result) for result in block.get("calls") or ()]
            for block in (answer if isinstance(answer, list) else ())
            if isinstance(block, Mapping)
        ]
        if [len(calls) for calls in found] != [len(now), len(later)]:
            raise ChainError(f"eth_simulateV1: expected {len(now)} and {len(later)} results, found {str(answer)[:60]}")
        return found[0], found[1]


_ROLES = (b"mlm/trial/market", b"mlm/trial/payee")


def _made(result: Any) -> _Made:
    if not isinstance(result, Mapping):
        raise ChainError(f"eth_simulateV1: expected a call's result, found {str(result)[:60]!r}")
    data = bytes.fromhex(hex_data(result.get("returnData") or "0x", "return data")[2:])
    if quantity(result.get("status"), "a simulated call's status") == 1:
        return _Made(data, None)
    return _Made(data, errors.decode(data or errors.revert_data(result.get("error")) or b""))
