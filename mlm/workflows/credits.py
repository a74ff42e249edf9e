"""What contracts owe an account, and how it is drawn: one table (core/credits.py) for whoever shows or withdraws it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from mlm.core.credits import CREDITING
from mlm.core.money import Amount
from mlm.core.plan import Call, Tx
from mlm.ports.chain import Chain
from mlm.workflows.standing import standing


def credits(chain: Chain, account: str, *kinds: str) -> dict[str, Amount]:
    """What each contract that credits something of these kinds (of all, where none is named) owes an account.

    An older deployment lacks some of them: they owe nothing.
    """
    stand = standing(chain, CREDITING)
    wanted = (contract for contract, kind in CREDITING.items() if not kinds or kind in kinds)
    return {name: Amount(chain.call(name, "creditOf", account) if name in stand else 0) for name in wanted}


def by_kind(amounts: Iterable[tuple[str, int]]) -> dict[str, Amount]:
    """Amounts of contracts, added up by what they are owed for; each kind has one."""
    found = {kind: Amount(0) for kind in CREDITING.values()}
    for contract, amount in amounts:
        found[CREDITING[contract]] = Amount(found[CREDITING[contract]] + amount)
    return found


def withdrawals(owed: Mapping[str, Amount]) -> tuple[Tx, ...]:
    """A transaction for each contract that owes something."""
    return tuple(
        Tx(f"withdraw {amount} of {CREDITING[contract]} ({contract})", Call(contract, "withdraw"))
        for contract, amount in owed.items()
        if amount
    )
