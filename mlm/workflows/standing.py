"""Which contracts a deployment has: an older one lacks those that came later, and works without them."""

from __future__ import annotations

from collections.abc import Iterable

from mlm.core.errors import NotFound
from mlm.ports.chain import Chain


def standing(chain: Chain, contracts: Iterable[str]) -> dict[str, str]:
    """Those of these contracts that stand, each with its address in lower case. Raises NotFound where none does."""
    found, missing = {}, None
    for name in contracts:
        try:
            found[name] = chain.address_of(name).lower()
        except NotFound as error:
            missing = error
    if missing is not None and not found:
        raise missing
    return found
