"""What tiers differ in, for those who post, bid, execute and read: one object for each, and this table of them."""

from __future__ import annotations

from mlm.core.errors import UsageError
from mlm.core.job import Tier
from mlm.workflows.tiers.rules import Rules
from mlm.workflows.tiers.unverified import Unverified
from mlm.workflows.tiers.zk import Zk

RULES: dict[Tier, Rules] = {Tier.ZK: Zk(), Tier.NONE: Unverified()}


def of(tier: Tier) -> Rules:
    """The rules of a tier. Raises UsageError for one that no market has yet."""
    if tier not in RULES:
        offered = " or ".join(f"--tier {each}" for each in RULES)
        raise UsageError(f"the tier {tier} is not available yet", hint=f"Use {offered}.")
    return RULES[tier]
