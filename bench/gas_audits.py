"""Audits, as transactions on the devnet of bench/gas_steps.py: what does not hang on the hash of a block.

Committing, opening and claiming need a result that was drawn: devnet/test/AuditRewards.t.sol measures them.
"""

from __future__ import annotations

from bench.gas_chain import CONSUMER, FIRST, ONE, GasChain

LONG_AGO = 1  # a period of 1970, whose number costs the same whenever this is measured


def audits(chain: GasChain) -> None:
    """Fund the pool, and draw for a period."""
    chain.paying("audit, fund: the first, with a permit", CONSUMER, "AuditRewards", "fund", (ONE,), ONE)
    chain.paying("audit, fund: another, with a permit", CONSUMER, "AuditRewards", "fund", (ONE,), ONE)
    chain.do("audit, begin a draw", FIRST, "AuditRewards", "beginDraw", LONG_AGO)
    chain.do("audit, end a draw", FIRST, "AuditRewards", "endDraw", LONG_AGO)
