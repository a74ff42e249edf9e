"""What tiers differ in, for those who post, bid, execute and read: one object for each, and this table of them."""

from __future__ import annotations

from mlm.core.errors import StateConflict, UsageError
from mlm.core.job import Tier
from mlm.workflows.tiers.optimistic import Optimistic
from mlm.workflows.tiers.redundant import Redundant
from mlm.workflows.tiers.rules import Delivering, Rules
from mlm.workflows.tiers.tee import Tee
from mlm.workflows.tiers.unverified import Unverified
from mlm.workflows.tiers.zk import Zk

RULES: dict[Tier, Rules] = {
    Tier.ZK: Zk(),
    Tier.OPTIMISTIC: Optimistic(),
    Tier.REDUNDANT: Redundant(),
    Tier.TEE: Tee(),
    Tier.NONE: Unverified(),
}


def of(tier: Tier) -> Rules:
    """The rules of a tier. Raises UsageError for one that no market has yet."""
    if tier not in RULES:
        offered = " or ".join(f"--tier {each}" for each in RULES)
        raise UsageError(f"the tier {tier} is not available yet", hint=f"Use {offered}.")
    return RULES[tier]


def delivering(tier: Tier) -> Delivering:
    """The rules of a tier whose outputs are handed over off chain. Raises StateConflict for any other."""
    rules = of(tier)
    if not isinstance(rules, Delivering):
        raise StateConflict(f"results of the tier {tier} stand on chain: nothing is handed over")
    return rules
