"""Accounts' balances and why they changed: wallet, credit and stake together, fees apart."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from mlm.core.job import Role
from mlm.core.money import Amount, Wei
from mlm.ports.bundle import Ports
from mlm.workflows.credits import credits
from mlm.workflows.sync import sync


@dataclass(frozen=True)
class Holdings:
    """What an account has: tokens in its wallet, credited and staked; the chain's own coin in wei."""

    tokens: Amount
    coin: Wei


@dataclass(frozen=True)
class Balance:
    """An account before and after."""

    account: str
    tokens_before: Amount
    tokens_after: Amount
    coin_before: Wei
    coin_after: Wei


@dataclass(frozen=True)
class BalanceChange:
    """What one reason did to one account: tokens of all its ledgers together, and the chain's own coin."""

    account: str
    why: str
    tokens: Amount
    coin: Wei


# Between an account's own wallet, credit and stake: these cancel out.
_INTERNAL = frozenset({"stake", "deposit", "withdrawal", "unstake"})


# Accounts that are pools: what a settlement credits to them is theirs, the tokens that lie there are other people's.
STAKERS, BURNED = "stakers", "burned"
_POOLS = frozenset({STAKERS, BURNED})
_POOLED = ("JobMarket", "PaymentChannels")  # whose fees they share


def balance(ports: Ports, name: str, address: str) -> Holdings:
    """An account's holdings now."""
    chain = ports.chain
    owed = credits(chain, address)
    if name in _POOLS:
        return Holdings(Amount(sum(owed[each] for each in _POOLED)), Wei(chain.balance(address)))
    tokens = chain.call("MarketToken", "balanceOf", address) + sum(owed.values())
    tokens += sum(chain.call("StakeVault", "stakeOf", address, int(role))[0] for role in Role)
    return Holdings(Amount(tokens), Wei(chain.balance(address)))


def changes(
    ports: Ports, accounts: Mapping[str, str], after: int, fees: Mapping[str, int]
) -> tuple[BalanceChange, ...]:
    """Why the accounts (name -> address) changed in the blocks after `after`; `fees` is the gas paid, in wei, by name.

    The tokens of an account's rows sum to its change, and so do the coins.
    """
    sync(ports)
    rows = []
    for name, address in accounts.items():
        sums: dict[str, int] = defaultdict(int)
        for row in ports.state.query("account_history", account=address, limit=1_000_000):
            if row["block"] > after and (name not in _POOLS or row["ledger"] == "credit"):
                sums["" if row["reason"] in _INTERNAL else row["reason"]] += row["change"]
        rows += [
            BalanceChange(name, why or "own ledgers", Amount(total), Wei(0)) for why, total in sums.items() if total
        ]
        if fees.get(name):
            rows.append(BalanceChange(name, "gas", Amount(0), Wei(-fees[name])))
    return tuple(rows)
