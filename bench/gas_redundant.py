"""Replicas and the beacon, as transactions on the devnet of bench/gas_steps.py: what no block's hash decides.

Drawing, and what follows it, needs a seed: devnet/test/Replication.t.sol measures them.
"""

from __future__ import annotations

from bench.gas_chain import CONSUMER, FIRST, ONE, SALT, SECOND, GasChain

LONG_AGO = 1  # a round of 1970, whose number costs the same whenever this is measured


def redundant(chain: GasChain) -> None:
    """Join and leave, and a round of the beacon in which nobody takes part."""
    stake = chain.chain.call("Replication", "stake")
    chain.paying("replica, join: the first, with a permit", FIRST, "Replication", "join", (), stake)
    chain.paying("replica, join: another, with a permit", SECOND, "Replication", "join", (), stake)
    chain.do("replica, leave", FIRST, "Replication", "leave")
    running = chain.chain.block().timestamp // chain.chain.call("CommitRevealBeacon", "length")
    chain.paying("beacon, commit: with a permit", CONSUMER, "CommitRevealBeacon", "commit", (running, SALT), ONE)
    chain.do("beacon, close a round", FIRST, "CommitRevealBeacon", "close", LONG_AGO)
    chain.do("beacon, finish a round without commitments", FIRST, "CommitRevealBeacon", "finish", LONG_AGO)
