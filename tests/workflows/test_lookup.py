"""From a name to the thing on chain, over a scripted chain and the in-memory index."""

from __future__ import annotations

from typing import Any

import pytest

from mlm.core.cid import DAG_CBOR, Cid
from mlm.core.errors import NotFound, StateConflict, UsageError
from mlm.core.job import AuctionKind, State, Tier
from mlm.core.terms import terms_from_event, terms_hash
from mlm.memory.chain import MemoryChain
from mlm.memory.state import MemoryState
from mlm.memory.system import MemorySystem
from mlm.ports.bundle import Ports
from mlm.workflows import lookup

ANN, BOB, ZERO = "0x" + "a" * 40, "0x" + "b" * 40, "0x" + "0" * 40
TOKENS = {("ann", "digits"): 0xAB << 248 | 1, ("ann", "words"): 0xAB << 248 | 2, ("bob", "digits"): 0xCD << 248}
JOBS = (0x1111 << 240 | 1, 0x1111 << 240 | 2, 0x2222 << 240)


def word(number: int) -> str:
    return f"0x{number:064x}"


def manifest(name: str) -> Cid:
    return Cid.of(DAG_CBOR, name.encode())


def published(handle: str, name: str, version: str, *, first: bool = True) -> list[Any]:
    token = TOKENS[handle, name]
    created = {"tokenId": token, "owner": ANN, "handle": handle, "name": name, "kind": 0}
    title = f"{handle}/{name}@{version}"
    found = {
        "tokenId": token,
        "versionId": word(sum(title.encode())),
        "publisher": ANN,
        "version": version,
        "manifest": "0x" + manifest(title).digest.hex(),
        "licence": "MIT",
        "parents": [],
    }
    events = [("AssetRegistry", "VersionPublished", found)]
    return [("AssetRegistry", "AssetCreated", created), *events] if first else events


def terms() -> dict[str, Any]:
    request = {
        "versionId": word(sum(b"ann/digits@1.0.0")),
        "tier": int(Tier.ZK),
        "auction": int(AuctionKind.REVERSE),
        "scheme": 1,
        "inputCommitment": word(7),
        "input": word(8),
        "maxPrice": 5,
        "startPrice": 0,
        "priceStep": 0,
        "biddingWindow": 60,
        "revealWindow": 0,
        "deliveryWindow": 60,
        "executionWindow": 60,
        "verificationWindow": 60,
        "requirements": word(0),
        "valueAtRisk": 0,
        "policy": word(0),
    }
    snapshot = {
        "verifier": ANN,
        "key": word(9),
        "usePrice": 1,
        "ownerBps": 500,
        "protocolFeeBps": 100,
        "treasuryBps": 5_000,
        "stakersBps": 3_000,
        "treasury": BOB,
        "lock": 10,
        "undeliveredFee": 1,
        "gasCompensation": 1,
        "payees": [ANN],
        "bps": [10_000],
    }
    return {"request": request, "snapshot": snapshot}


def posted(job: int) -> list[Any]:
    args = {"jobId": word(job), "versionId": terms()["request"]["versionId"], "consumer": BOB, "nonce": job}
    return [("JobMarket", "JobPosted", {**args, "terms": terms()})]


def record(provider: str = ZERO) -> tuple[Any, ...]:
    head = (
        terms_hash(terms_from_event(terms())),
        b"\x02" * 32,
        BOB,
        100,
        160,
        provider,
        0,
        0,
        5,
        3,
        1,
        10,
        ANN,
        0,
        60,
        60,
        60,
    )
    return (*head, 1, False, False, 0, bytes(32), 0, 0, bytes(32))


TITLES = ("ann/digits@1.0.0", "ann/digits@1.1.0", "ann/words@0.1.0", "bob/digits@2.0.0")


def _title(token: int, version: str | None) -> bytes:
    (name,) = (f"{handle}/{name}" for (handle, name), known in TOKENS.items() if known == token)
    return f"{name}@{version}".encode()


def version_of(version_id: bytes) -> tuple[int, bytes]:
    (title,) = (title for title in TITLES if bytes.fromhex(word(sum(title.encode()))[2:]) == version_id)
    handle, _, name = title.partition("@")[0].partition("/")
    return TOKENS[handle, name], manifest(title).digest


@pytest.fixture
def ports() -> Ports:
    chain = MemoryChain(
        {
            ("AssetRegistry", "tokenIdOf"): lambda handle, name: TOKENS.get((handle, name), 0),
            ("AssetRegistry", "versionNamed"): lambda token, version: bytes.fromhex(
                word(sum(_title(token, version)))[2:]
            ),
            ("AssetRegistry", "versionOf"): version_of,
            ("JobMarket", "jobOf"): record(),
            ("JobMarket", "stateOf"): int(State.OPEN),
        }
    )
    chain.mine(published("ann", "digits", "1.0.0"))
    chain.mine(published("ann", "words", "0.1.0"), published("bob", "digits", "2.0.0"))
    chain.mine(published("ann", "digits", "1.1.0", first=False))
    chain.mine(*(posted(job) for job in JOBS))
    state, system = MemoryState(), MemorySystem()
    return Ports(chain=lambda: chain, state=lambda: state, system=lambda: system)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ann/digits", "ann/digits@1.1.0"),  # the newest
        ("ann/digits@1.0.0", "ann/digits@1.0.0"),
        ("mlm://31337/ann/digits@1.0.0", "ann/digits@1.0.0"),
        ("mlm://31337/bob/digits", "bob/digits@2.0.0"),
        (f"asset/{word(TOKENS['ann', 'words'])}", "ann/words@0.1.0"),
        ("asset/0xcd00", "bob/digits@2.0.0"),
        (str(manifest("ann/digits@1.0.0")), "ann/digits@1.0.0"),
    ],
)
def test_version(ports: Ports, text: str, expected: str) -> None:
    found = lookup.version(ports, text)
    assert str(found.asset) == expected and found.manifest == manifest(expected)
    assert found.token_id == TOKENS[found.asset.handle, found.asset.name]
    assert lookup.version_by_id(ports, found.version_id) == found


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("ann/nothing", NotFound),
        ("ann/digits@3.0.0", NotFound),
        ("asset/0xab00", NotFound),  # two start so
        ("asset/0xef00", NotFound),
        (str(manifest("elsewhere")), NotFound),
        ("mlm://1/ann/digits", UsageError),  # another chain
        ("job/0x1111", UsageError),
        ("ann", UsageError),
    ],
)
def test_no_such_version(ports: Ports, text: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        lookup.version(ports, text)


@pytest.mark.parametrize("text", ["2222", "0x2222", "job/2222", f"job/{word(JOBS[2])}"])
def test_job(ports: Ports, text: str) -> None:
    found = lookup.job(ports, text)
    assert found.job_id == word(JOBS[2]) and found.state is State.OPEN and found.provider is None
    assert (found.tier, found.auction) == (Tier.ZK, AuctionKind.REVERSE)
    assert found.terms.snapshot.payees == (ANN,) and found.posted_block == 4 and found.submit_tx is None
    assert ("JobMarket", "stateOf", (bytes.fromhex(found.job_id[2:]),)) in ports.chain.calls  # type: ignore[attr-defined]


def test_job_has_its_provider_from_the_contract(ports: Ports) -> None:
    ports.chain.answers["JobMarket", "jobOf"] = record(ANN)  # type: ignore[attr-defined]
    assert lookup.job(ports, "2222").provider == ANN


@pytest.mark.parametrize(("text", "error"), [("1111", UsageError), ("3333", NotFound), ("xyz", UsageError)])
def test_no_such_job(ports: Ports, text: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        lookup.job(ports, text)


def test_a_prefix_is_found_right_after_it_was_posted(ports: Ports) -> None:
    """Every lookup syncs first."""
    lookup.job(ports, "2222")
    ports.chain.mine(posted(0x3333 << 240))  # type: ignore[attr-defined]
    assert lookup.job(ports, "3333").posted_block == 5


def test_an_index_that_lies_about_terms_spends_no_money(ports: Ports) -> None:
    """A project's .mlm may come from somebody else: its index points to things, the contract says what they are."""
    ports.chain.answers["JobMarket", "jobOf"] = (b"\x01" * 32, *record()[1:])  # type: ignore[attr-defined]
    with pytest.raises(StateConflict, match="the local index says otherwise of the terms"):
        lookup.job(ports, "2222")


@pytest.mark.parametrize(
    ("function", "answer"), [("versionNamed", bytes(32)), ("versionOf", (TOKENS["ann", "digits"], bytes(32)))]
)
def test_an_index_that_lies_about_a_version(ports: Ports, function: str, answer: object) -> None:
    ports.chain.answers["AssetRegistry", function] = answer  # type: ignore[attr-defined]
    with pytest.raises(StateConflict, match=r"the local index says otherwise of ann/digits@1\.1\.0"):
        lookup.version(ports, "ann/digits")


@pytest.mark.parametrize(
    ("depth", "safe", "finalized", "refused"),
    [
        ("included", 0, 0, ""),
        ("safe", 0, 0, "is included, expected it safe"),
        ("safe", 4, 0, ""),
        ("finalized", 4, 0, "is safe, expected it finalized"),
        ("finalized", 4, 4, ""),
    ],
)
def test_money_follows_a_job_only_when_its_block_is_settled(
    ports: Ports, depth: str, safe: int, finalized: int, refused: str
) -> None:
    chain: Any = ports.chain
    chain.depth, chain.finality = depth, {"safe": safe, "finalized": finalized}
    name = word(JOBS[0])
    if refused:
        with pytest.raises(StateConflict, match=refused):
            lookup.settled_job(ports, name)
    else:
        assert lookup.settled_job(ports, name) == lookup.job(ports, name)
