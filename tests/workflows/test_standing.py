"""Contracts that a deployment has, of those that this release knows."""

from __future__ import annotations

import pytest

from mlm.core.errors import NotFound
from mlm.memory.chain import MemoryChain
from mlm.workflows.standing import standing


def test_an_older_deployment_lacks_some() -> None:
    chain = MemoryChain()
    assert standing(chain, ("JobMarket", "NotYetThought")) == {"JobMarket": chain.address_of("JobMarket").lower()}


def test_a_network_without_contracts_says_so() -> None:
    with pytest.raises(NotFound, match="no contract named NorThis"):
        standing(MemoryChain(), ("NotYetThought", "NorThis"))
