"""Who and what is found: providers by what they have and have earned, jobs by what they ask for, assets by name."""

from __future__ import annotations

from typing import Any

import pytest

from mlm.core.attributes import word_of
from mlm.core.errors import UsageError
from mlm.core.job import AuctionKind, Kind
from mlm.core.requirements import made
from mlm.workflows.job_show import JobList
from mlm.workflows.provider import ProviderList, find
from mlm.workflows.search import search
from tests.jobs.market import ANN, BOB, CID, DAN, JOB, TOKEN, VERSION, World


@pytest.fixture
def world() -> World:
    """bob has earned 3 tokens and says nothing, cid 1 and says a lot, dan says a lot and has earned nothing."""
    world = World(AuctionKind.FIXED, made([], deny=[DAN]))
    world.chain.answers["Providers", "qualifies"] = lambda who, data: who != DAN
    asset = {"tokenId": VERSION.token_id, "owner": ANN, "handle": "ann", "name": "digits", "kind": 0}
    version = {"versionId": VERSION.version_id, "publisher": ANN, "version": "1.0.0", "manifest": "0x" + "11" * 32}
    story: list[tuple[str, str, dict[str, Any]]] = [
        ("AssetRegistry", "AssetCreated", asset),
        ("AssetRegistry", "VersionPublished", {"tokenId": 1, **version, "licence": "MIT", "parents": []}),
    ]
    for who, points in ((BOB, 3 * TOKEN), (CID, TOKEN)):
        told = {"jobId": "0x" + who[2:4] * 32, "provider": who, "outcome": 0, "price": 9, "points": points}
        story.append(("Reputation", "JobRecorded", told))
    for who in (CID, DAN):
        said = {"provider": who, "name": word_of("gpu.memory"), "value": word_of(80)}
        story.append(("Providers", "ProviderDeclared", said))
    world.chain.mine(story)
    return world


def test_providers_come_by_what_they_have_earned(world: World) -> None:
    """Words are free: whoever has a thousand accounts cannot push the others off the first page."""
    listed = [(row.provider, row.reputation, row.attributes) for row in find(world.ports(ANN)).providers]
    said = "gpu.memory=80"
    assert listed == [(BOB, 3 * TOKEN, ""), (CID, TOKEN, said), (DAN, 0, said)]


@pytest.mark.parametrize(
    ("rules", "who"),
    [
        (["reputation>=1"], [BOB, CID]),
        (["reputation>=1.5"], [BOB]),
        (["gpu.memory>=80"], [CID, DAN]),
        (["gpu.memory>=80", "reputation>=0.1"], [CID]),
        ([f"deny={BOB}; reputation>=1"], [CID]),
        (["gpu.memory>=81"], []),
    ],
)
def test_providers_by_requirement_and_reputation(world: World, rules: list[str], who: list[str]) -> None:
    found = search(world.ports(ANN), rules=rules)
    assert isinstance(found, ProviderList) and [row.provider for row in found.providers] == who


def test_the_jobs_that_suit_this_account(world: World) -> None:
    found = search(world.ports(BOB), suiting=True)
    assert isinstance(found, JobList) and [row.job for row in found.jobs] == [JOB]
    assert search(world.ports(BOB), "DIGITS", suiting=True) == found
    for nothing in (search(world.ports(BOB), "resnet", suiting=True), search(world.ports(DAN), suiting=True)):
        assert nothing == JobList((), 1, False)


def test_what_does_not_go_together(world: World) -> None:
    ports = world.ports(BOB)
    with pytest.raises(UsageError, match="QUERY: --require finds providers"):
        search(ports, "digits", rules=["ram>=1"])
    with pytest.raises(UsageError, match="--suiting: --require finds providers"):
        search(ports, suiting=True, rules=["ram>=1"])
    with pytest.raises(UsageError, match="--kind: --suiting finds jobs"):
        search(ports, suiting=True, kind=Kind.MODEL)
