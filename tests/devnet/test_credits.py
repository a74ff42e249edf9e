"""The table of contracts that owe accounts something names every one that the devnet has, and no other."""

from __future__ import annotations

from mlm.adapters.chain import abi
from mlm.core.credits import CREDITING
from mlm.core.events.table import DECLARATIONS
from mlm.resources import path as resource


def test_the_table_is_the_contracts_that_credit_accounts() -> None:
    names = [file.stem for file in (resource("devnet") / "artifacts").glob("*.json")]
    found = {name for name in names if {"creditOf", "withdraw"} <= set(abi.load(name).functions)}
    assert found == set(CREDITING)


def test_each_tells_what_it_has_paid_out() -> None:
    """`mlm wallet withdraw` reads it in the receipts."""
    declared = {(contract, text) for contract, text, _ in DECLARATIONS}
    withdrawn = "Withdrawn(address indexed account, uint256 amount)"
    assert {contract for contract, text in declared if text == withdrawn} == set(CREDITING)
