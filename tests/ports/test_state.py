"""One suite over both implementations of the State port, and each against the other on random histories."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlm.adapters.state import DuckState, RememberedState
from mlm.core.attributes import word_of
from mlm.core.errors import InvalidData, StateConflict, UsageError
from mlm.core.events.queries import QUERIES
from mlm.memory.state import MemoryState
from mlm.ports.chain import Block, Log
from mlm.ports.state import SQL_ROWS, Event, State

NOBODY = "0x" + "0" * 40
ADDRESSES = {
    name: f"0x{number:040x}"
    for number, name in enumerate(
        ("MarketToken", "AssetRegistry", "StakeVault", "JobMarket", "BatchAuction", "Reputation", "FeeShares")
        + ("Providers", "AssetSale", "Unverified", "DisputeGame", "Delivery", "EncryptionKeys", "PaymentChannels")
        + ("ContentKeys", "LicenceToken", "LicenceShop", "AuditRewards", "AttesterSet", "TeeVerifier")
        + ("CommitRevealBeacon", "Replication", "ServingBonds"),
        1,
    )
}
ANN, BOB, EVE = ("0x" + letter * 40 for letter in "abe")
BIG = 2**127 - 1  # the most that any supply could be


def word(number: int) -> str:
    return f"0x{number:064x}"


def block(number: int, fork: int = 0) -> Block:
    return Block(number, word(number + (fork << 32)), word(number - 1), 1_000 + 10 * number)


Call = tuple[str, str, dict[str, Any]]


def chain_of(script: list[list[Call]], first: int = 1, fork: int = 0) -> tuple[list[Block], list[Event]]:
    """One block for each list of events, two events to a transaction."""
    blocks, events = [], []
    for number, emitted in enumerate(script, first):
        blocks.append(block(number, fork))
        for index, (contract, name, args) in enumerate(emitted):
            tx_hash = word(number * 1000 + index // 2)
            log = Log(ADDRESSES[contract], (), b"", number, blocks[-1].hash, tx_hash, index)
            events.append(Event(contract, name, args, log))
    return blocks, events


def terms(version: str, price: int = 100, auction: int = 1) -> dict[str, Any]:
    request = {
        "versionId": version,
        "tier": 1, "auction": auction, "scheme": 1, "inputCommitment": word(77), "input": word(78),
        "maxPrice": price, "startPrice": 11, "priceStep": 2**128 - 1, "biddingWindow": 60, "revealWindow": 25,
        "deliveryWindow": 61, "executionWindow": 62, "verificationWindow": 63, "requirements": word(79),
        "valueAtRisk": 9, "policy": word(80),
    }  # fmt: skip
    snapshot = {
        "verifier": EVE, "key": word(5), "usePrice": 2**128 - 1, "ownerBps": 10, "protocolFeeBps": 20,
        "treasuryBps": 30, "stakersBps": 40, "treasury": EVE, "lock": 7, "undeliveredFee": 1, "gasCompensation": 2,
        "payees": [ANN, BOB], "bps": [0, 5],
    }  # fmt: skip
    return {"request": request, "snapshot": snapshot}


def posted(job: int, version: int, consumer: str, nonce: int, price: int = 100, auction: int = 1) -> Call:
    ids = {"jobId": word(job), "versionId": word(version), "consumer": consumer, "nonce": nonce}
    return ("JobMarket", "JobPosted", {**ids, "terms": terms(word(version), price, auction)})


def job_event(name: str, job: int, **args: Any) -> Call:
    return ("JobMarket", name, {"jobId": word(job), "versionId": word(50), **args})


def sale_event(name: str, sale: int, **args: Any) -> Call:
    return ("AssetSale", name, {"saleId": word(sale), **args})


def opened(
    sale: int,
    seller: str,
    token: int,
    reserve: int = 5,
    collection: str = ADDRESSES["AssetRegistry"],
    *,
    units: int = 0,
    start: int = 0,
    expires_at: int = 2**40 - 1,
) -> Call:
    offer = {"collection": collection, "tokenId": token, "units": units, "startPrice": start, "reserve": reserve}
    offer |= {"minStepBps": 500, "duration": 100, "extension": 60}
    where = {"collection": collection, "nonce": 2**255, "escrow": EVE, "expiresAt": expires_at}
    return sale_event("SaleOpened", sale, seller=seller, offer=offer, **where)


def once_opened(sale: int, seller: str, token: int, collection: str) -> Call:
    """As contracts said it that sold only tokens, to the highest bidder."""
    terms = {"nonce": 2**255, "reserve": 5, "minStepBps": 500, "duration": 100, "extension": 60, "escrow": EVE}
    return sale_event("SaleOpened", sale, seller=seller, tokenId=token, collection=collection, **terms)


def channel_event(name: str, channel: int, **args: Any) -> Call:
    return ("PaymentChannels", name, {"channelId": word(channel), **args})


def channel_opened(channel: int, payer: str, payee: str, deposit: int, nonce: int = 2**255) -> Call:
    terms = {
        "payer": payer, "signer": EVE, "payee": payee, "nonce": nonce, "versionId": word(50), "usePrice": 2**128 - 1,
        "ownerBps": 10, "treasuryBps": 30, "stakersBps": 40, "payees": [ANN, BOB], "bps": [0, 5],
    }  # fmt: skip
    return channel_event(
        "ChannelOpened", channel, versionId=word(50), payee=payee, terms=terms, deposit=deposit, expiresAt=5_000
    )


CLASS = 7 << 40


def order_event(name: str, number: int, buyer: str = BOB, **args: Any) -> Call:
    return ("LicenceShop", name, {"orderId": word(number), "classId": CLASS, "buyer": buyer, **args})


def ordered(order: int, buyer: str, seller: str, price: int = 30) -> Call:
    told = {
        "classId": CLASS, "versionId": word(100), "buyer": buyer, "units": 3, "price": price, "delivery": 60,
        "reader": {"x": 2**255, "y": 2}, "treasuryBps": 1, "stakersBps": 2, "payees": [seller], "bps": [0],
        "nonce": 2**255,
    }  # fmt: skip
    return order_event("LicenceOrdered", order, buyer, order=told)


def licence_moved(sender: str, recipient: str, *pairs: tuple[int, int]) -> Call:
    where = {"operator": EVE, "from": sender, "to": recipient}
    if len(pairs) == 1:
        return ("LicenceToken", "TransferSingle", {**where, "id": pairs[0][0], "value": pairs[0][1]})
    ids, values = ([pair[at] for pair in pairs] for at in (0, 1))
    return ("LicenceToken", "TransferBatch", {**where, "ids": ids, "values": values})


def game_events(rng: random.Random, who: str, other: str, amount: int, job: int) -> list[Call]:
    """What is said of results in the optimistic tier."""
    at = {"jobId": word(job), "gameId": word(rng.randrange(3))}
    big = 1 << 200
    said: list[tuple[str, dict[str, Any]]] = [
        (
            "TraceCommitted",
            {"provider": who, "graphRoot": word(5), "inputs": 1, "outputs": big, "tensorRoots": [word(6)]},
        ),
        (
            "ProviderConvicted",
            {"challenger": who, "prover": other, "fault": 0, "node": 1, "index": big, "expected": -1, "claimed": 3},
        ),
        ("GameOpened", {"challenger": who, "node": 3, "outputType": big, "tensorRoot": word(6), "deadline": 9}),
        ("HashesPosted", {"account": who, "position": 0, "hashes": [word(1), word(2)], "deadline": 9}),
        ("HashPicked", {"challenger": who, "position": 1, "deadline": 9}),
        ("LeafPosted", {"account": who, "position": 1, "data": "0x00ff", "deadline": 9}),
        ("GameEnded", {"challenger": who, "end": rng.randrange(5)}),
        ("GameCredited", {"account": who, "reason": rng.randrange(9), "amount": amount}),
        ("Withdrawn", {"account": who, "amount": amount}),
        ("ComplaintFiled", {"consumer": who, "answerBy": rng.randrange(2**48)}),
        ("OutputsShown", {"provider": who, "typeWords": [big], "outputs": ["0x01"]}),
        ("DepositPaid", {"account": who}),
    ]
    return [("DisputeGame", name, at | args) for name, args in said]


def tee_events(rng: random.Random, who: str, other: str, amount: int, job: int) -> list[Call]:
    """What is said of attesters, of what they signed, and of who lied."""
    digest, at = {"attestationDigest": word(rng.randrange(3))}, {"jobId": word(job)}
    attestation = {
        "jobId": word(job), "reportData": word(5), "quoteDigest": word(rng.choice([5, 6])), "measurement": word(7),
        "kind": 1, "status": 0, "simulated": True, "checkedAt": rng.randrange(2**64),
    }  # fmt: skip
    signed = {"attestation": attestation, "signatures": ["0x01", "0x02"]}
    key = {"provider": who, "modelDigest": word(8), "x": 2**255, "y": 1, "expiresAt": rng.randrange(2**48)}
    stakes: list[tuple[str, dict[str, Any]]] = [
        ("AttesterStaked", {"amount": amount}),
        ("AttesterUrlSet", {"url": "https://attester.example"}),
        ("AttesterAdmitted", {"activeFrom": rng.randrange(2**48)}),
        ("AttesterRemoved", {}),
        ("AttesterUnbonding", {"amount": amount, "releaseAt": rng.randrange(2**48)}),
        ("AttesterWithdrawn", {"amount": amount}),
        ("AttesterSlashed", {"reporter": other, "amount": amount, "reward": amount // 2}),
        ("ThresholdSet", {"threshold": 2, "activeFrom": rng.randrange(2**48)}),
        ("Withdrawn", {"account": who, "amount": amount}),
    ]
    said: list[tuple[str, dict[str, Any]]] = [
        ("ResultAttested", {"provider": who, **at, **digest, **signed}),
        ("SessionKeyRegistered", {"provider": who, "key": key, **digest, **signed}),
        ("ComplaintFiled", {"consumer": who, "answerBy": rng.randrange(2**48), **at}),
        ("AttestedShown", {"provider": who, "salt": word(1), "outputs": "0x01", "quote": "0x02", **at}),
        ("DepositPaid", {"account": who, **at}),
        ("AttestationDisproved", {"reporter": who, "fault": rng.randrange(11), **digest}),
        ("EquivocationShown", {"attester": who, "reporter": other, "first": word(1), "second": word(2)}),
        ("BondReturned", {"reporter": who, "bond": amount, **digest}),
        ("ChainUpheld", {"reporter": who, "bond": amount, **digest}),
        ("Withdrawn", {"account": who, "amount": amount}),
    ]
    staked = [("AttesterSet", name, {"attester": who} | args) for name, args in stakes]
    return [*staked, *(("TeeVerifier", name, args) for name, args in said)]


def bond_event(name: str, who: str, **args: Any) -> Call:
    return ("ServingBonds", name, {"versionId": word(100), "payee": who, **args})


def accused(accusation: int, payee: str, payer: str, given: int = 7) -> Call:
    statement = {
        "channelId": word(80), "call": 2**64 - 1, "request": word(1), "versionId": word(100),
        "inputCommitment": word(2), "outputCommitment": word(3), "servedAt": 5, "exactInput": word(given),
        "exactOutput": word(8), "signature": "0x01",
    }  # fmt: skip
    shown = {"statement": statement, "typeWords": [2**255], "inputs": ["0x00ff"], "lapsesAt": 2**48 - 1}
    return bond_event("PayeeAccused", payee, accusationId=word(accusation), payer=payer, **shown)


def bond_events(rng: random.Random, who: str, other: str, amount: int) -> list[Call]:
    """What is said of bonds of payees. An accusation that has ended can be made again."""
    at = {"accusationId": word(rng.randrange(3))}
    proof = {"payer": other, "jobId": word(rng.randrange(2)), "outputCommitment": word(9), "slashed": amount}
    credit = {"account": other, "reason": rng.randrange(9), "amount": amount}
    return [
        bond_event("BondDeposited", who, amount=amount),
        bond_event("BondUnbonding", who, amount=amount, releaseAt=rng.randrange(2**48)),
        bond_event("BondWithdrawn", who, amount=amount),
        accused(rng.randrange(3), who, other, rng.choice([7, 8])),
        bond_event("PayeeConvicted", who, **at, **proof),
        bond_event("AccusationLapsed", who, **at),
        ("ServingBonds", "BondCredited", at | credit),
        ("ServingBonds", "Withdrawn", {"account": who, "amount": amount}),
    ]


def audit_events(rng: random.Random, who: str, amount: int, job: int) -> list[Call]:
    """What is said of audits."""
    at, period = {"jobId": word(job)}, rng.randrange(3)
    said: list[tuple[str, dict[str, Any]]] = [
        ("PoolFunded", {"account": who, "amount": amount}),
        ("DrawBegun", {"period": period, "account": who, "blockNumber": rng.randrange(2**40)}),
        ("DrawEnded", {"period": period, "account": who, "seed": word(7)}),
        ("AuditCommitted", {"auditor": who, "root": word(8), "weight": amount}),
        ("AuditOpened", {"auditor": who}),
        ("AuditPaid", {"auditor": who, "amount": amount}),
        ("AuditReleased", {"amount": amount}),
    ]
    return [("AuditRewards", name, at | args) for name, args in said]


def replica_events(rng: random.Random, who: str, other: str, amount: int, job: int) -> list[Call]:
    """What is said of the beacon, of slots, and of the replicas of results."""
    at, turn = {"jobId": word(job)}, {"round": rng.randrange(3), "account": who}
    rounds: list[tuple[str, dict[str, Any]]] = [
        ("RoundCommitted", {"commitment": word(1)}),
        ("RoundClosed", {"blockNumber": rng.randrange(2**40)}),
        ("RoundRevealed", {"secret": word(2)}),
        ("RoundFinished", {"seed": word(3), "commitments": 2, "reveals": 1, "burned": amount}),
        ("Withdrawn", {"amount": amount}),
    ]
    said: list[tuple[str, dict[str, Any]]] = [
        ("SlotJoined", {"account": who, "place": 1, "stake": amount}),
        ("SlotLeft", {"account": who, "exitAt": rng.randrange(2**40)}),
        ("SlotExited", {"account": who, "stake": amount}),
        ("ReplicasFunded", {"consumer": who, "wanted": 2, "fee": amount}),
        ("ReplicasDrawn", {"round": rng.randrange(3), "seed": word(4), "replicas": [who, other]}),
        ("ReplicaCommitted", {"replica": who, "commitment": word(5)}),
        ("ReplicaRevealed", {"replica": who, "traceRoot": word(6), "equal": rng.choice([True, False])}),
        ("ReplicaSettled", {"replica": who, "end": rng.randrange(7), "paid": amount, "slashed": 1}),
        ("ReplicasSettled", {"consumer": who, "refund": amount, "burned": 2}),
        ("Withdrawn", {"account": who, "amount": amount}),
    ]
    return [
        *(("CommitRevealBeacon", name, turn | args) for name, args in rounds),
        *(("Replication", name, at | args) for name, args in said),
    ]


def licence_events(rng: random.Random, who: str, other: str, amount: int, version: int) -> list[Call]:
    """What licences and their keys tell."""
    number, at = CLASS + rng.choice([7, 8]), {"versionId": word(version), "account": who}
    offer = {"versionId": word(version), "price": amount, "stock": 2**64 - 1, "delivery": 60}
    return [
        ("ContentKeys", "ContentKeyCommitted", {"versionId": word(version), "owner": who, "keyDigest": word(3)}),
        ("ContentKeys", "ContentKeyRequested", {**at, "x": amount, "y": 2**255}),
        ("ContentKeys", "ContentKeyGranted", {**at, "from": other, "x": 1, "y": 2, "wrapped": word(amount)}),
        ("LicenceToken", "LicenceDefined", {"classId": CLASS, "tokenId": 1, "terms": {"kind": 1, "refund": amount}}),
        ("LicenceShop", "LicenceOffered", {"classId": CLASS, "tokenId": 1, "seller": who, **offer}),
        ("LicenceShop", "LicenceCredited", {"orderId": word(1), "account": who, "reason": 1, "amount": amount}),
        ("LicenceShop", "Withdrawn", {"account": who, "amount": amount}),
        ("LicenceToken", "Withdrawn", {"account": who, "amount": amount}),
        licence_moved(who, other, (number, amount)),
        licence_moved(NOBODY, other, (number, amount), (CLASS + 9, 1)),
        ("LicenceToken", "LicenceRedeemed", {"id": number, "holder": who, "purpose": word(1), "units": amount}),
        (
            "LicenceToken",
            "LicenceRevoked",
            {"id": number, "holder": who, "units": 1, "refund": amount, "until": 9},
        ),
    ]


def created(token: int, owner: str, handle: str, name: str, kind: int = 0) -> Call:
    return (
        "AssetRegistry",
        "AssetCreated",
        {"tokenId": token, "owner": owner, "handle": handle, "name": name, "kind": kind},
    )


def published(token: int, version: int, name: str, licence: str = "MIT", parents: tuple[int, ...] = ()) -> Call:
    args = {
        "tokenId": token,
        "versionId": word(version),
        "publisher": ANN,
        "version": name,
        "manifest": word(version + 1),
    }
    listed = [{"tokenId": parent, "bps": 100 + parent} for parent in parents]
    return ("AssetRegistry", "VersionPublished", {**args, "licence": licence, "parents": listed})


def stake(name: str, account: str, amount: int, **more: Any) -> Call:
    return ("StakeVault", name, {"account": account, "role": 0, "amount": amount, **more})


def said(name: str, provider: str, what: str, value: int | str, **more: Any) -> Call:
    words = {"name": "0x" + word_of(what).hex(), "value": "0x" + word_of(value).hex()}
    return ("Providers", name, {"provider": provider, **words, **more})


def moved(sender: str, recipient: str, value: int) -> Call:
    return ("MarketToken", "Transfer", {"from": sender, "to": recipient, "value": value})


MARKET, VAULT = ADDRESSES["JobMarket"], ADDRESSES["StakeVault"]

STORY: list[list[Call]] = [
    [moved(NOBODY, ANN, BIG), ("AssetRegistry", "HandleClaimed", {"handleId": word(1), "owner": ANN, "handle": "ann"})],
    [
        created(40, ANN, "ann", "base", 1),
        published(40, 48, "0.1.0"),
        created(41, ANN, "ann", "digits"),
        published(41, 50, "1.0.0", "Apache-2.0", (40,)),
        ("AssetRegistry", "PriceSet", {"versionId": word(50), "usePrice": 2**128 - 1, "ownerBps": 30}),
        ("AssetRegistry", "KeySet", {"versionId": word(50), "tier": 1, "key": word(5)}),
    ],
    [
        ("AssetRegistry", "PriceSet", {"versionId": word(50), "usePrice": 9, "ownerBps": 31}),
        ("AssetRegistry", "Transfer", {"from": ANN, "to": BOB, "tokenId": 41}),
    ],
    [stake("StakeDeposited", EVE, 1000), moved(EVE, VAULT, 1000)],
    [posted(7, 50, BOB, 2**256 - 1), moved(BOB, MARKET, 100)],
    [job_event("BidPlaced", 7, provider=ANN, price=90), stake("StakeLocked", ANN, 7, jobId=word(7))],
    [job_event("BidPlaced", 7, provider=EVE, price=80), stake("StakeLocked", EVE, 7, jobId=word(7))],
    [job_event("BidsClosed", 7, provider=EVE, price=80)],
    [job_event("InputAccepted", 7, provider=EVE)],
    [
        job_event("ResultSubmitted", 7, provider=EVE, outputCommitment=word(90), result=word(91)),
        job_event("JobSettled", 7, consumer=BOB, provider=EVE, state=7, price=80),
        ("JobMarket", "Credited", {"jobId": word(7), "account": EVE, "reason": 0, "amount": 70}),
        ("JobMarket", "Credited", {"jobId": word(7), "account": BOB, "reason": 3, "amount": 20}),
    ],
    [("JobMarket", "Withdrawn", {"account": EVE, "amount": 70}), moved(MARKET, EVE, 70)],
    [stake("UnbondingStarted", EVE, 300, releaseAt=5000), stake("StakeSlashed", EVE, 2, jobId=word(7))],
    [stake("StakeWithdrawn", EVE, 300), moved(VAULT, EVE, 300)],
    [posted(8, 50, BOB, 3), ("JobMarket", "Paused", {"until": 9})],
]  # fmt: skip


@pytest.fixture(params=["duckdb", "memory", "remembered"])
def state(request: pytest.FixtureRequest, tmp_path: Path) -> State:
    if request.param == "remembered":
        return RememberedState(MemoryState())
    return DuckState(tmp_path / "state.duckdb") if request.param == "duckdb" else MemoryState()


@pytest.fixture
def told(state: State) -> State:
    state.ingest(*chain_of(STORY))
    return state


class Counting(MemoryState):
    asked = 0

    def query(self, name: str, /, **parameters: Any) -> list[dict[str, Any]]:
        self.asked += 1
        return super().query(name, **parameters)


def test_what_is_remembered_is_asked_once_until_something_is_written() -> None:
    inner = Counting()
    state = RememberedState(inner)
    state.ingest(*chain_of(STORY[:-1]))
    page = state.query("jobs", settled=True)
    row = state.query("job", job_id=page[0]["job_id"])  # known from the page
    assert row == inner.query("job", job_id=page[0]["job_id"]) and inner.asked == 2
    row[0].clear()  # the caller's own
    assert state.query("jobs", settled=True) == page and inner.asked == 2
    assert state.head() == inner.head()
    blocks, events = chain_of(STORY[-1:], first=len(STORY))
    with pytest.raises(StateConflict):
        state.ingest(blocks, events, after=word(99))
    assert state.query("jobs", settled=True) == page and inner.asked == 3, "a write that failed forgets too"
    head = state.head()
    state.ingest(blocks, events, after=head.hash if head else None)
    assert state.query("jobs") == inner.query("jobs") and len(state.query("jobs")) == len(page) + 1
    assert state.head() == blocks[-1]
    state.rewind(len(STORY))
    assert state.head() == head and len(state.query("jobs", settled=True)) == len(page)


def test_an_empty_index(state: State) -> None:
    assert state.head() is None
    assert state.block_hash(1) is None
    for name, parameters in QUERIES.items():
        given_ = {
            key: "0x00"
            for key, default in parameters.items()
            if default not in (None, "") and not isinstance(default, int)
        }
        assert state.query(name, **given_) == []


def test_head_and_hashes(told: State) -> None:
    assert told.head() == block(len(STORY))
    assert told.block_hash(3) == word(3)
    assert told.block_hash(99) is None
    assert [row["number"] for row in told.query("blocks", before=4)] == [3, 2, 1]
    kept = ("number", "hash", "parent_hash", "timestamp")
    assert told.query("blocks", limit=1) == [{name: getattr(block(len(STORY)), name) for name in kept}]


def test_assets_and_versions(told: State) -> None:
    digits, base = told.query("assets")
    assert (digits["handle"], digits["name"], digits["kind"]) == ("ann", "digits", 0)
    assert digits["token_id"] == word(41) and digits["owner"] == BOB and digits["creator"] == ANN
    assert base["owner"] == ANN
    assert told.query("assets", owner=BOB.upper().replace("0X", "0x")) == [digits]
    assert told.query("assets", token_id=41) == told.query("assets", handle="ann", name="digits") == [digits]
    (moved,) = told.query("asset_transfers", sender=ANN.upper().replace("0X", "0x"))
    assert (moved["token_id"], moved["recipient"], moved["finality"]) == (word(41), BOB, "included")
    assert told.query("asset_transfers", token_id=41) == [moved] and not told.query("asset_transfers", sender=BOB)
    (version,) = told.query("versions", token_id=word(41))
    assert (version["version"], version["licence"], version["use_price"], version["owner_bps"]) == (
        "1.0.0",
        "Apache-2.0",
        9,
        31,
    )
    assert version["owner"] == BOB and version["publisher"] == ANN and version["manifest"] == word(51)
    assert told.query("versions", manifest=bytes.fromhex(word(51)[2:])) == [version]
    assert told.query("versions", token_id=41, version="2.0.0") == []
    assert [key["key"] for key in told.query("keys", version_id=word(50))] == [word(5)]
    assert told.query("handle", handle="ann")[0]["owner"] == ANN
    assert told.query("handle", handle="bob") == []
    assert told.query("asset_prefix", prefix=word(41)[2:]) == [{"token_id": word(41)}]
    assert [row["token_id"] for row in told.query("asset_prefix", prefix="0x00")] == [word(40), word(41)]
    assert told.query("asset_prefix", prefix="f") == []


def test_sales(told: State) -> None:
    head = told.head()
    assert head
    sale = ADDRESSES["AssetSale"]
    story = [
        [
            opened(70, BOB, 41, 2**128 - 1, units=2**128 - 1, start=2**127, expires_at=9),
            once_opened(71, BOB, 41, EVE),
        ],
        [moved(ANN, sale, 9), sale_event("SaleBidPlaced", 70, bidder=ANN, amount=9, endsAt=head.timestamp + 500)],
        [
            sale_event("SaleCredited", 70, account=BOB, reason=1, amount=9),
            sale_event("SaleClosed", 70, to=ANN, state=5, price=9),
            ("AssetSale", "Withdrawn", {"account": BOB, "amount": 9}),
        ],
    ]
    told.ingest(*chain_of(story, head.number + 1), after=head.hash)
    other, first = told.query("sales", seller=BOB)
    assert (first["handle"], first["name"], first["token_id"]) == ("ann", "digits", word(41))
    assert (other["handle"], other["bidder"], other["bid_count"], other["closed_state"]) == (None, None, 0, None)
    assert (first["reserve"], first["bidder"], first["price"], first["bid_count"]) == (2**128 - 1, ANN, 9, 1)
    assert (first["units"], first["start_price"], first["expires_at"]) == (2**128 - 1, 2**127, 9)
    assert (other["units"], other["start_price"], other["expires_at"]) == (0, 0, 2**40 - 1)
    assert (first["closed_state"], first["recipient"], first["ends_at"]) == (5, ANN, head.timestamp + 500)
    assert other["ends_at"] == other["opened_at"] + 100
    assert told.query("sales", open_at=other["opened_at"]) == [other]
    assert told.query("sales", open_at=other["ends_at"]) == []
    assert told.query("sales", collection=EVE) == [other] == told.query("sales", sale_id=word(71))
    assert [row["sale_id"] for row in told.query("sale_prefix", prefix="00")] == [word(70), word(71)]
    assert [(row["bidder"], row["amount"]) for row in told.query("sale_bids", sale_id=word(70))] == [(ANN, 9)]
    assert [row["amount"] for row in told.query("sale_credits", account=BOB)] == [9]
    ledger = [row for row in told.query("account_history", account=BOB) if row["ledger"] == "sale"]
    assert [(row["change"], row["reason"]) for row in ledger] == [(9, "proceeds"), (-9, "withdrawal")]
    assert told.query("account_history", account=ANN)[-1]["reason"] == "sale bid"


def test_channels(told: State) -> None:
    head = told.head()
    assert head
    channels = ADDRESSES["PaymentChannels"]
    story = [
        [channel_opened(80, ANN, BOB, 2**128 - 1), moved(ANN, channels, 9), channel_opened(81, EVE, BOB, 6)],
        [channel_event("ChannelToppedUp", 81, amount=4, deposit=10, expiresAt=6_000)],
        [
            channel_event("VoucherClaimed", 81, amount=3, calls=2**64 - 1, paid=3),
            channel_event("ChannelCredited", 81, account=BOB, reason=0, amount=3),
            channel_event("VoucherClaimed", 81, amount=7, calls=4, paid=4),
            channel_event("ChannelEnded", 81, ending=3, left=3),
            ("PaymentChannels", "Withdrawn", {"account": BOB, "amount": 2}),
        ],
    ]
    told.ingest(*chain_of(story, head.number + 1), after=head.hash)
    ended, first = told.query("channels", payee=BOB)
    assert (first["deposit"], first["claimed"], first["claimed_calls"], first["ending"]) == (2**128 - 1, 0, 0, None)
    assert (first["nonce"], first["signer"], first["terms"]["payees"]) == (2**255, EVE, [ANN, BOB])
    assert (ended["deposit"], ended["expires_at"], ended["claimed"]) == (10, 6_000, 7)
    assert (ended["claimed_calls"], ended["ending"], ended["refunded"]) == (2**64 - 1, 3, 3)
    assert told.query("channels", ended=False) == [first] == told.query("channels", payer=ANN)
    assert told.query("channels", ended=True) == [ended] == told.query("channels", channel_id=word(81))
    assert [row["channel_id"] for row in told.query("channel_prefix", prefix="00")] == [word(80), word(81)]
    assert [row["amount"] for row in told.query("channel_credits", account=BOB)] == [3]
    ledger = [row for row in told.query("account_history", account=BOB) if row["ledger"] == "channel"]
    assert [(row["change"], row["reason"]) for row in ledger] == [(3, "payment"), (-2, "withdrawal")]
    assert told.query("account_history", account=ANN)[-1]["reason"] == "channel"


def test_bonds_and_accusations(told: State) -> None:
    head = told.head()
    assert head
    bonds = ADDRESSES["ServingBonds"]
    proof = {"accusationId": word(90), "payer": ANN, "jobId": word(60), "outputCommitment": word(9), "slashed": 6}
    story = [
        [
            moved(BOB, bonds, 9),
            bond_event("BondDeposited", BOB, amount=9),
            accused(90, BOB, ANN),
            accused(91, BOB, EVE),
        ],
        [bond_event("AccusationLapsed", BOB, accusationId=word(91)), accused(91, BOB, EVE)],
        [
            bond_event("PayeeConvicted", BOB, **proof),
            ("ServingBonds", "BondCredited", {"accusationId": word(90), "account": ANN, "reason": 7, "amount": 3}),
            ("ServingBonds", "Withdrawn", {"account": ANN, "amount": 2}),
            bond_event("BondUnbonding", BOB, amount=1, releaseAt=77),
            bond_event("BondWithdrawn", BOB, amount=1),
        ],
    ]
    told.ingest(*chain_of(story, head.number + 1), after=head.hash)
    again, lapsed, proven = told.query("accusations", payee=BOB)
    assert (again["accusation_id"], again["ending"], again["payer"]) == (word(91), None, EVE)
    assert (lapsed["accusation_id"], lapsed["ending"], lapsed["slashed"]) == (word(91), "lapsed", None)
    assert (proven["ending"], proven["job_id"], proven["slashed"], proven["call"]) == ("proven", word(60), 6, 2**64 - 1)
    assert proven["statement"]["exactOutput"] == word(8) and proven["lapses_at"] == 2**48 - 1
    assert told.query("accusations", ended=False) == [again] and told.query("accusations", payer=ANN) == [proven]
    assert [row["accusation_id"] for row in told.query("accusation_prefix", prefix="00")] == [word(90), word(91)]
    shown = told.query("accused_inputs", exact_input=word(7), version_id=word(100))
    assert [row["inputs"]["inputs"] for row in shown] == [["0x00ff"]] * 3
    assert [row["change"] for row in told.query("accusation_endings", payee=BOB)] == ["proven", "lapsed"]
    assert [row["release_at"] for row in told.query("bond_changes", account=BOB)] == [None, 77, None]
    head = told.head()
    assert head
    other = bond_event("PayeeConvicted", EVE, **(proof | {"accusationId": word(92), "jobId": word(0)}))
    told.ingest(*chain_of([[other]], head.number + 1), after=head.hash)
    (alone,) = told.query("accusations", payee=EVE)
    assert (alone["ending"], alone["slashed"], alone["channel_id"], alone["statement"]) == ("proven", 6, None, None)
    money = [(row["ledger"], row["change"], row["reason"]) for row in told.query("account_history", account=BOB)][-4:]
    assert money == [("wallet", -9, "bond"), ("bond", 9, "deposit"), ("bond", -6, "slash"), ("bond", -1, "withdrawal")]
    ledger = [row for row in told.query("account_history", account=ANN) if row["ledger"] == "accusation"]
    assert [(row["change"], row["reason"]) for row in ledger] == [(3, "challenger-reward"), (-2, "withdrawal")]


def test_a_price_of_128_bits(state: State) -> None:
    state.ingest(*chain_of(STORY[:2]))
    assert state.query("versions", version_id=word(50))[0]["use_price"] == 2**128 - 1


def test_search(told: State) -> None:
    def found(text: str = "", **more: Any) -> list[str]:
        return [row["name"] for row in told.query("search", text=text, **more)]

    assert found() == ["digits", "base"]
    assert found("DIG") == found("apache") == found("ann/dig") == ["digits"]
    assert found("ann", kind=1) == ["base"]
    assert found("%") == found("_") == found("'") == []
    assert found(limit=1, offset=1) == ["base"]


def test_parents_and_lineage(state: State) -> None:
    script = [[created(token, ANN, "ann", f"m{token}"), published(token, 100 + token, "1", parents=parents)]
              for token, parents in ((1, ()), (2, (1,)), (3, (1, 2)))]  # fmt: skip
    # A cycle: the newest version of 1 descends from 3.
    script.append([published(1, 200, "2", parents=(3,))])
    state.ingest(*chain_of(script))
    parents = state.query("parents", version_id=word(103))
    assert [(row["position"], row["token_id"], row["bps"], row["name"]) for row in parents] == [
        (0, word(1), 101, "m1"),
        (1, word(2), 102, "m2"),
    ]
    edges = [
        (row["depth"], int(row["child"], 16), int(row["token_id"], 16))
        for row in state.query("lineage", version_id=word(103), depth=3)
    ]
    assert edges == [(1, 3, 1), (1, 3, 2), (2, 1, 3), (2, 2, 1), (3, 1, 3), (3, 3, 1), (3, 3, 2)]
    assert len(state.query("lineage", version_id=word(103))) < 50
    assert state.query("lineage", version_id=word(999)) == []


def test_a_settled_job(told: State) -> None:
    (job,) = told.query("jobs", settled=True)
    assert told.query("jobs", nonce=job["nonce"], consumer=job["consumer"]) == [job]
    assert told.query("jobs", nonce=job["nonce"] + 1) == []
    assert job["job_id"] == word(7) and job["nonce"] == 2**256 - 1 and job["terms"] == terms(word(50))
    assert (job["handle"], job["name"], job["version"]) == ("ann", "digits", "1.0.0")
    times = [job[f"{name}_at"] for name in ("posted", "bids_close", "awarded", "accepted", "submitted", "settled")]
    assert times == [1050, 1080, 1080, 1090, 1100, 1100]
    assert (job["provider"], job["price"], job["bid_count"], job["max_price"]) == (EVE, 80, 2, 100)
    assert (job["settled_state"], job["settled_price"], job["cancelled"]) == (7, 80, False)
    assert job["verified"] is True  # settled in the transaction that submitted
    assert job["output_commitment"] == word(90) and job["result"] == word(91)
    assert job["posted_tx"] == job["tx_hash"] == word(5000) and job["settled_tx"] == job["submitted_tx"] == word(10_000)
    assert (job["block"], job["last_block"]) == (5, 10)


def test_an_open_job(told: State) -> None:
    (job,) = told.query("jobs", settled=False)
    assert job["job_id"] == word(8)
    assert job["bids_close_at"] == job["posted_at"] + 60  # implicit: nobody closed them
    for name in (
        "awarded_at",
        "accepted_at",
        "submitted_at",
        "settled_at",
        "provider",
        "price",
        "settled_state",
        "result",
    ):
        assert job[name] is None
    assert (job["verified"], job["cancelled"], job["bid_count"]) == (False, False, 0)
    opens, closes = job["posted_at"], job["bids_close_at"]
    assert [bool(told.query("jobs", open_at=at)) for at in (opens - 1, opens, closes - 1, closes)] == [
        False,
        True,
        True,
        False,
    ]


def test_job_filters_and_prefixes(told: State) -> None:
    assert [job["job_id"] for job in told.query("jobs")] == [word(8), word(7)]
    assert [job["job_id"] for job in told.query("jobs", limit=1, offset=1)] == [word(7)]
    assert len(told.query("jobs", consumer=BOB, version_id=word(50))) == 2
    assert [job["job_id"] for job in told.query("jobs", provider=EVE)] == [word(7)]
    assert told.query("jobs", job_id=word(9)) == told.query("job", job_id=word(9)) == []
    for row in told.query("jobs"):
        (found,) = told.query("job", job_id=row["job_id"])
        assert found == {name: row[name] for name in found} and found["terms"] and found["block"]
    nonce = told.query("jobs", job_id=word(7))[0]["nonce"]
    assert [job["job_id"] for job in told.query("jobs", nonce=str(nonce))] == [word(7)]
    assert told.query("job_prefix", prefix="00") == [{"job_id": word(7)}, {"job_id": word(8)}]
    assert told.query("job_prefix", prefix=word(8).upper()) == [{"job_id": word(8)}]
    assert told.query("job_prefix", prefix="%") == told.query("job_prefix", prefix="f") == []


def test_bids_and_credits(told: State) -> None:
    bids = told.query("bids", job_id=word(7))
    assert [(bid["position"], bid["provider"], bid["price"], bid["block"]) for bid in bids] == [
        (1, ANN, 90, 6),
        (2, EVE, 80, 7),
    ]
    credits = told.query("credits", job_id=word(7))
    assert [(row["account"], row["reason"], row["amount"]) for row in credits] == [(EVE, 0, 70), (BOB, 3, 20)]
    assert told.query("credits", account=BOB) == credits[1:]


def _job(state: State, auction: int, *script: list[Call]) -> dict[str, Any]:
    """Job 1 of a kind, posted at 1010, after one block for each list of events, ten seconds each."""
    state.ingest(*chain_of([[posted(1, 50, BOB, 1, 100, auction)], *script]))
    return state.query("jobs")[0]


def committed(bidder: str) -> Call:
    return job_event("BidCommitted", 1, bidder=bidder, commitment=word(80))


def revealed(bidder: str, price: int) -> Call:
    return job_event("BidRevealed", 1, bidder=bidder, price=price)


def test_what_an_auction_asks_for(state: State) -> None:
    job = _job(state, 3)
    assert (job["start_price"], job["price_step"], job["reveal_window"]) == (11, 2**128 - 1, 25)
    assert job["requirements"] == word(79)


def test_a_posting_by_the_first_market(state: State) -> None:
    """Its event had no such fields; it stands in the index like any other."""
    contract, name, args = posted(1, 50, BOB, 1)
    for part, field in (
        *(("request", field) for field in ("startPrice", "priceStep", "revealWindow", "requirements")),
        *(("snapshot", field) for field in ("treasuryBps", "stakersBps")),
    ):
        del args["terms"][part][field]
    state.ingest(*chain_of([[(contract, name, args)], [job_event("BidPlaced", 1, provider=ANN, price=90)]]))
    (job,) = state.query("jobs")
    assert job["terms"] == args["terms"] and (job["provider"], job["price"]) == (ANN, 90)
    assert job["start_price"] is job["price_step"] is job["reveal_window"] is job["requirements"] is None
    assert job["reveals_close_at"] == job["bids_close_at"] == job["posted_at"] + 60


def test_a_withdrawn_bid_leaves_none(state: State) -> None:
    job = _job(
        state,
        1,
        [job_event("BidPlaced", 1, provider=ANN, price=90)],
        [job_event("BidPlaced", 1, provider=EVE, price=80), job_event("BidWithdrawn", 1, bidder=EVE)],
    )
    assert (job["provider"], job["price"], job["bid_count"], job["last_block"]) == (None, None, 2, 3)
    state.ingest(*chain_of([[job_event("BidPlaced", 1, provider=ANN, price=95)]], 4), after=word(3))
    (job,) = state.query("jobs", provider=ANN)
    assert (job["price"], job["bid_count"]) == (95, 3)


def test_a_complaint_and_its_answer_are_a_jobs_last_events(state: State) -> None:
    filed = ("Unverified", "ComplaintFiled", job_event("", 1, consumer=ANN, answerBy=77)[2])
    job = _job(state, 0, [filed])
    assert job["last_block"] == 2
    answered = job_event("ComplaintAnswered", 1, provider=BOB, salt=word(9), outputs="0x0102")[2]
    state.ingest(*chain_of([[("Unverified", "ComplaintAnswered", answered)]], 3), after=word(2))
    # Who has the deposit changes nothing of the job.
    paid = ("Unverified", "DepositPaid", job_event("", 1, account=BOB)[2])
    state.ingest(*chain_of([[paid]], 4), after=word(3))
    assert [row["last_block"] for row in state.query("jobs")] == [3]


def test_late_bids_move_the_close(state: State) -> None:
    late = [job_event("BidPlaced", 1, provider=ANN, price=90), job_event("BidsExtended", 1, bidsCloseAt=1084)]
    job = _job(state, 1, late)
    assert (job["bids_close_at"], job["reveals_close_at"]) == (1084, 1084)
    assert [bool(state.query("jobs", open_at=at)) for at in (1083, 1084)] == [True, False]
    later = [job_event("BidPlaced", 1, provider=EVE, price=80), job_event("BidsExtended", 1, bidsCloseAt=1095)]
    state.ingest(*chain_of([later], 3), after=word(2))
    assert [row["bids_close_at"] for row in state.query("jobs")] == [1095]
    # What a reorganisation takes back moves nothing.
    state.rewind(3)
    assert [row["bids_close_at"] for row in state.query("jobs")] == [1084]
    # The consumer's award is the close, whatever was moved before.
    state.ingest(*chain_of([[job_event("BidsClosed", 1, provider=ANN, price=90)]], 3), after=word(2))
    assert [row["bids_close_at"] for row in state.query("jobs")] == [1030]


def test_sealed_bids(state: State) -> None:
    job = _job(state, 2, [committed(ANN), committed(BOB), committed(EVE)], [job_event("BidWithdrawn", 1, bidder=BOB)])
    assert (job["provider"], job["price"], job["bid_count"], job["commitments"]) == (None, None, 3, 2)
    assert (job["bids_close_at"], job["reveals_close_at"], job["last_block"]) == (1070, 1095, 3)
    state.ingest(*chain_of([[revealed(EVE, 70)]], 8), after=word(3))
    (job,) = state.query("jobs")
    assert (job["provider"], job["price"], job["commitments"]) == (EVE, 100, 1)  # alone: the reserve
    # The last one is shown at 1090: a tie, which the earlier reveal wins, and the end of the reveals.
    end = [revealed(ANN, 70), job_event("BidsClosed", 1, provider=EVE, price=70)]
    state.ingest(*chain_of([end], 9), after=word(8))
    (job,) = state.query("jobs")
    assert (job["provider"], job["price"], job["commitments"]) == (EVE, 70, 0)
    assert (job["bids_close_at"], job["reveals_close_at"]) == (1070, 1090)
    changes = state.query("bid_changes", job_id=word(1))
    assert [(row["position"], row["bidder"], row["change"], row["amount"]) for row in changes] == [
        *((1, ANN, "committed", None), (2, BOB, "committed", None), (3, EVE, "committed", None)),
        *((4, BOB, "withdrawn", None), (5, EVE, "revealed", 70), (6, ANN, "revealed", 70)),
    ]
    assert changes[0]["commitment"] == word(80)


def test_the_second_lowest_price_is_paid_and_a_bond_forfeited(state: State) -> None:
    job = _job(
        state, 2, [committed(ANN), committed(EVE), committed(BOB), committed(MARKET)],
        [revealed(ANN, 60), revealed(EVE, 40), revealed(BOB, 50)],
        [job_event("BidForfeited", 1, bidder=MARKET, amount=100)],
    )  # fmt: skip
    assert (job["provider"], job["price"], job["commitments"], job["awarded_at"]) == (EVE, 50, 0, None)
    assert state.query("bid_changes", job_id=word(1))[-1]["amount"] == 100


def test_a_batch_job_closes_with_its_round_and_is_drawn(state: State) -> None:
    job = _job(state, 4)
    assert (job["bids_close_at"], job["reveals_close_at"], job["provider"]) == (1020, 1045, None)
    state.ingest(*chain_of([[job_event("BidsClosed", 1, provider=ANN, price=64)]], 3), after=word(1))
    (job,) = state.query("jobs")
    assert (job["bids_close_at"], job["reveals_close_at"]) == (1020, 1030)
    assert (job["provider"], job["price"], job["commitments"]) == (ANN, 64, 0)


def test_every_change_of_a_balance_has_a_reason(told: State) -> None:
    def history(account: str) -> list[tuple[Any, ...]]:
        rows = told.query("account_history", account=account)
        return [(row["ledger"], row["change"], row["reason"], row["job_id"]) for row in rows]

    assert history(ANN) == [("wallet", BIG, "mint", None)]
    assert history(BOB) == [("wallet", -100, "escrow", word(7)), ("credit", 20, "refund", word(7))]
    assert history(EVE) == [
        ("stake", 1000, "deposit", None),
        ("wallet", -1000, "stake", None),
        ("credit", 70, "payment", word(7)),
        ("credit", -70, "withdrawal", None),
        ("wallet", 70, "withdrawal", None),
        ("stake", -2, "slash", word(7)),
        ("stake", -300, "withdrawal", None),
        ("wallet", 300, "unstake", None),
    ]


def test_stakes(told: State) -> None:
    ann, eve = told.query("stakes")
    assert (ann["account"], ann["total"], ann["locked"]) == (ANN, 0, 7)
    assert eve == {"account": EVE, "role": 0, "total": 698, "locked": 5, "unbonding": 0, "release_at": 5000}
    assert told.query("stakes", account=EVE) == [eve]


def recorded(job: int, provider: str, outcome: int, price: int = 0, points: int = 0) -> Call:
    told = {"jobId": word(job), "provider": provider, "outcome": outcome, "price": price, "points": points}
    return ("Reputation", "JobRecorded", told)


def rated(job: int, provider: str, stars: int) -> Call:
    told = {"jobId": word(job), "provider": provider, "consumer": BOB, "stars": stars}
    return ("Reputation", "JobRated", told)


def test_reputation(state: State) -> None:
    script = [
        [recorded(1, ANN, 0, 100, 3), recorded(2, ANN, 0, 1_000, 30), recorded(3, ANN, 3), recorded(4, EVE, 2)],
        [recorded(5, EVE, 1), recorded(6, EVE, 0, 2**126, 40)],
        [rated(1, ANN, 5), rated(2, ANN, 2)],
    ]
    state.ingest(*chain_of(script))
    eve, ann = state.query("reputation")  # the most points first
    assert ann == {
        "provider": ANN, "accepted": 2, "rejected": 0, "undelivered": 0, "defaulted": 1, "value": 1_100, "points": 33,
        "rated_points": 33, "star_points": 3 * 5 + 30 * 2, "ratings": 2,
    }  # fmt: skip
    assert eve == {
        "provider": EVE, "accepted": 1, "rejected": 1, "undelivered": 1, "defaulted": 0, "value": 2**126, "points": 40,
        "rated_points": 0, "star_points": 0, "ratings": 0,
    }  # fmt: skip
    assert state.query("reputation", provider=ANN.upper().replace("0X", "0x")) == [ann]
    assert state.query("reputation", limit=1, offset=1) == [ann]
    newest, first = state.query("ratings")
    assert (newest["job_id"], newest["stars"], newest["points"], newest["consumer"]) == (word(2), 2, 30, BOB)
    assert state.query("ratings", job_id=word(1), provider=ANN) == [first]
    assert state.query("ratings", provider=EVE) == []
    state.rewind(3)
    assert state.query("reputation", provider=ANN)[0]["ratings"] == 0


def test_a_reward_is_no_unstaking(state: State) -> None:
    script: list[list[Call]] = [
        [("StakeVault", "RewardClaimed", {"account": EVE, "amount": 7}), moved(VAULT, EVE, 7)],
        [stake("StakeWithdrawn", EVE, 7), moved(VAULT, EVE, 7)],
    ]
    state.ingest(*chain_of([[stake("StakeDeposited", EVE, 9), moved(EVE, VAULT, 9)], *script]))
    reasons = [row["reason"] for row in state.query("account_history", account=EVE) if row["ledger"] == "wallet"]
    assert reasons == ["stake", "reward", "unstake"]


def test_amounts_of_a_token_of_many_decimals(state: State) -> None:
    """171 tokens of 36 decimals pass 2^127: one deposit of so much must not end everybody's index."""
    most = 2**128 - 1
    state.ingest(
        *chain_of(
            [
                [stake("StakeDeposited", EVE, most), stake("StakeDeposited", EVE, most), moved(ANN, VAULT, 2**256 - 1)],
                [recorded(1, EVE, 0, most, most), recorded(2, EVE, 0, most, most)],
                [("Reputation", "JobRated", {"jobId": word(1), "provider": EVE, "consumer": ANN, "stars": 5})],
            ]
        )
    )
    assert state.query("stakes", account=EVE)[0]["total"] == 2 * most
    (standing,) = state.query("reputation")
    assert (standing["value"], standing["points"], standing["rated_points"]) == (2 * most, 2 * most, most)
    assert standing["star_points"] == 5 * most and state.query("providers")[0]["points"] == 2 * most
    assert [row["change"] for row in state.query("account_history", account=ANN)] == [1 - 2**256]
    told = state.sql("select points from outcomes order by block, log_index")[1]
    assert told == [(most,)] * 2 or told == [(str(most),)] * 2  # SQLite's numbers end at 64 bits


def test_providers(state: State) -> None:
    state.ingest(
        *chain_of(
            [
                [said("ProviderDeclared", ANN, "ram", 64), said("ProviderDeclared", ANN, "tier", "zk")],
                [said("ProviderDeclared", ANN, "ram", 2**128 - 1), said("ProviderDeclared", ANN, "tier", "tee")],
                [said("AttributeRemoved", ANN, "tier", "zk"), said("ProviderDeclared", BOB, "ram", 1)],
                [said("AttributeAttested", ANN, "ram", 60, auditor=EVE, issuedAt=1, expiresAt=9)],
                [said("AttributeAttested", ANN, "ram", 61, auditor=EVE, issuedAt=2, expiresAt=2**64 - 1)],
                [said("AttributeAttested", ANN, "tier", "tee", auditor=EVE, issuedAt=2, expiresAt=9)],
                [said("AttestationRevoked", ANN, "tier", "tee", auditor=EVE, revokedAt=3)],
                [said("AttributeRemoved", BOB, "ram", 1)],
                [("Providers", "RequirementsPublished", {"hash": word(1), "requirements": "0x0102"})],
            ]
        )
    )
    rows = state.query("attributes", provider=ANN)
    assert [(row["name"], row["value"], row["auditor"], row["issued_at"], row["expires_at"]) for row in rows] == [
        ("ram", str(2**128 - 1), None, None, None),
        ("ram", "61", EVE, 2, 2**64 - 1),
        ("tier", "tee", None, None, None),
    ]
    assert state.query("attributes", auditor=EVE) == rows[1:2] and state.query("attributes", name="ram") == rows[:2]
    assert state.query("providers") == [
        {"provider": BOB, "declared": 0, "attested": 0, "points": 0},
        {"provider": ANN, "declared": 2, "attested": 1, "points": 0},
    ]
    earned = [recorded(1, EVE, 0, 100, 2), recorded(2, ANN, 0, 100, 3), recorded(3, ANN, 2, 0, 0)]
    state.ingest(*chain_of([earned], first=10), after=word(9))
    listed = [(row["provider"], row["declared"], row["points"]) for row in state.query("providers")]
    assert listed == [(ANN, 2, 3), (EVE, 0, 2), (BOB, 0, 0)]
    assert [row["points"] for row in state.query("providers", provider=ANN)] == [3]
    (published,) = state.query("requirements", hash=word(1))
    assert published["requirements"] == "0x0102" and published["block"] == 9
    assert state.query("requirements", hash=word(2)) == []


def test_raw_events(told: State) -> None:
    (event,) = told.query("events", name="JobPosted", limit=1)
    assert event["args"]["nonce"] == 3 and event["address"] == MARKET and event["block"] == len(STORY)
    assert len(told.query("events", tx_hash=word(5000))) == 2
    assert len(told.query("events", contract="JobMarket")) == 12


def test_finality(told: State) -> None:
    told.mark(safe=10, finalized=5)
    assert [row["finality"] for row in told.query("jobs")] == ["included", "safe"]
    assert [row["finality"] for row in told.query("assets")] == ["finalized", "finalized"]
    told.mark(finalized=10)
    assert told.query("marks") == [{"name": "finalized", "value": "10"}, {"name": "safe", "value": "10"}]
    assert told.query("jobs")[1]["finality"] == "finalized"


def test_a_rewind_forgets_exactly_its_blocks(state: State) -> None:
    state.ingest(*chain_of(STORY[:9]))
    before = {"jobs": state.query("jobs"), "events": state.query("events")}
    state.ingest(*chain_of(STORY[9:], first=10), after=word(9))
    state.rewind(10)
    assert state.head() == block(9)
    assert {"jobs": state.query("jobs"), "events": state.query("events")} == before
    assert state.query("credits") == []
    fork = chain_of(STORY[9:], first=10, fork=1)
    state.ingest(*fork, after=word(9))
    assert state.block_hash(10) == block(10, 1).hash
    state.mark(safe=3)
    state.rewind(0)
    assert state.head() is None and state.query("events") == [] and state.query("marks") == []


def test_ingesting_is_a_compare_and_swap(told: State) -> None:
    blocks, events = chain_of([[created(60, ANN, "ann", "x")]], first=20)
    for wrong in (None, word(3)):
        with pytest.raises(StateConflict, match="index ends at block 14"):
            told.ingest(blocks, events, after=wrong, safe=9)
    assert told.query("marks") == []
    told.ingest(blocks, events, after=word(14), safe=10)
    with pytest.raises(StateConflict):
        told.ingest(blocks, events, after=word(14), safe=11)
    assert len(told.query("assets")) == 3 and told.query("marks") == [{"name": "safe", "value": "10"}]


@pytest.mark.parametrize("defect", ["descending", "below head", "orphan event", "other block", "unordered events"])
def test_a_bad_batch_changes_nothing(told: State, defect: str) -> None:
    blocks, events = chain_of([[created(60, ANN, "a", "x"), created(61, ANN, "a", "y")], []], first=20)
    bad: dict[str, Any] = {
        "descending": (blocks[::-1], []),
        "below head": ([block(14)], []),
        "orphan event": (blocks[1:], events),
        "other block": ([block(20, 9), blocks[1]], events),
        "unordered events": (blocks, events[::-1]),
    }
    with pytest.raises(InvalidData):
        told.ingest(*bad[defect], after=word(14))
    assert told.head() == block(14) and len(told.query("assets")) == 2


def test_unknown_queries_and_parameters_are_usage_errors(state: State) -> None:
    for name, parameters in (
        ("jab", {}),
        ("jobs", {"who": 1}),
        ("bids", {}),
        ("jobs", {"limit": -1}),
        ("jobs", {"limit": "1"}),
    ):
        with pytest.raises(UsageError):
            state.query(name, **parameters)


def test_sql(told: State) -> None:
    assert told.sql("select provider, price from bids order by price") == (
        ["provider", "price"],
        [(EVE, 80), (ANN, 90)],
    )
    columns, rows = told.sql("with t as (select 1 as n) select n from t")
    assert (columns, [tuple(row) for row in rows]) == (["n"], [(1,)])
    for bad in ("select", "drop table events", "delete from events", "select 1; select 2", "", "select * from nowhere"):
        with pytest.raises(UsageError):
            told.sql(bad)
    assert len(told.query("events")) > 0
    many = "with recursive t(n) as (select 1 union all select n + 1 from t where n < 20000) select n from t"
    assert len(told.sql(many)[1]) == SQL_ROWS + 1


# --- batches -------------------------------------------------------------------------------------------------------


def batch_event(name: str, **args: Any) -> Call:
    return ("BatchAuction", name, {"batchId": word(60), **args})


def round_opened(**args: Any) -> Call:
    windows = {"biddingWindow": 600, "revealWindow": 1_200, "deliveryWindow": 61, "executionWindow": 62}
    grid = {"versionId": word(50), "tier": 1, "scheme": 1, "startPrice": 2**127, "priceStep": 10}
    royalty = {"usePrice": 2**127, "ownerBps": 1_000}
    job_class = grid | windows | royalty | {"verificationWindow": 0, "requirements": word(0)}
    return batch_event("BatchOpened", classId=word(61), closesAt=6_000, jobClass=job_class, **args)


def placed(offer: int, provider: str, tick: int, position: int, quantity: int) -> Call:
    order = {"tick": tick, "position": position, "quantity": quantity}
    return batch_event("OfferPlaced", offerId=word(offer), provider=provider, **order)


def test_a_batch_and_its_offers(state: State) -> None:
    reservation = {"id": word(71), "until": 7_200}
    story: list[list[Call]] = [
        [round_opened(), batch_event("JobEntered", jobId=word(7), tick=9, position=0)],
        [placed(71, ANN, 4, 0, 3), stake("StakeReserved", ANN, 600, **reservation), placed(72, EVE, 4, 3, 1)],
    ]
    state.ingest(*chain_of(story))
    (place,) = state.query("batch", job_id=word(7))
    assert (place["batch_id"], place["class_id"], place["tick"], place["position"]) == (word(60), word(61), 9, 0)
    assert (place["closes_at"], place["ends_at"]) == (6_000, 7_200)
    assert (place["start_price"], place["price_step"]) == (2**127, 10)
    assert [place[name] for name in ("clearing_tick", "volume", "offer_id", "provider", "price")] == [None] * 5
    offers = state.query("offers", batch_id=word(60))
    assert [(row["offer_id"], row["provider"], row["tick"], row["position"], row["quantity"]) for row in offers] == [
        (word(71), ANN, 4, 0, 3),
        (word(72), EVE, 4, 3, 1),
    ]
    (entry,) = state.query("entries", batch_id=bytes.fromhex(word(60)[2:]))
    assert [entry[name] for name in ("job_id", "consumer", "tick", "position", "drawn")] == [word(7), None, 9, 0, False]
    assert (entry["block"], state.query("entries", batch_id=word(61))) == (1, [])
    drawn = batch_event("AwardDrawn", jobId=word(7), offerId=word(71), provider=ANN, price=90)
    released = stake("StakeReleased", ANN, 200, **reservation)
    cleared = batch_event("BatchCleared", tick=4, volume=1)
    state.ingest(*chain_of([[cleared, drawn, released]], first=3), after=word(2))
    (place,) = state.query("batch", job_id=word(7).upper().replace("0X", "0x"))
    assert (place["clearing_tick"], place["volume"]) == (4, 1)
    assert [entry["drawn"] for entry in state.query("entries", batch_id=word(60))] == [True]
    assert (place["offer_id"], place["provider"], place["price"]) == (word(71), ANN, 90)
    assert state.query("batch", job_id=word(8)) == state.query("offers", batch_id=word(61)) == []
    columns = "account, change, amount, until"
    assert state.sql(f"select {columns} from reservations order by block, log_index")[1] == [
        (ANN, "reserved", 600, 7_200),
        (ANN, "released", 200, 7_200),
    ]


def test_keys_of_inputs_and_complaints_in_order(state: State) -> None:
    answered = job_event("ComplaintAnswered", 1, provider=BOB, salt=word(9), outputs="0x0102")[2]
    script: list[list[Call]] = [
        [
            ("Delivery", "InputKeyDelivered", job_event("", 1, provider=BOB, wrapped="0x01")[2]),
            ("Delivery", "InputKeyDelivered", job_event("", 1, provider=EVE, wrapped="0x02")[2]),
        ],
        [("Unverified", "ComplaintFiled", job_event("", 1, consumer=ANN, answerBy=77)[2])],
        [("Unverified", "ComplaintAnswered", answered)],
        [("Unverified", "DepositPaid", job_event("", 1, account=ANN)[2])],
    ]
    blocks, events = chain_of(script)
    state.ingest(blocks, events)
    keys = state.query("input_keys", job_id=word(1))
    assert [(row["position"], row["provider"], row["wrapped"]) for row in keys] == [(1, BOB, "0x01"), (2, EVE, "0x02")]
    told = ("account", "change", "answer_by", "salt", "outputs")
    assert [tuple(row[name] for name in told) for row in state.query("complaints", job_id=word(1))] == [
        (ANN, "filed", 77, None, None),
        (BOB, "answered", None, word(9), "0x0102"),
        (ANN, "paid", None, None, None),
    ]
    assert state.query("input_keys", job_id=word(2)) == state.query("complaints", job_id=word(2)) == []


def test_licences(told: State) -> None:
    """An order with its delivery and its end; the last offer of a class; who holds what."""
    head = told.head()
    assert head is not None
    offer = {"classId": CLASS, "tokenId": 1, "seller": ANN, "versionId": word(100), "stock": 5, "delivery": 60}
    script: list[list[Call]] = [
        [("LicenceShop", "LicenceOffered", {**offer, "price": price}) for price in (40, 30)],
        [ordered(80, BOB, ANN), order_event("LicenceDelivered", 80, x=1, y=2, wrapped=word(3))],
        [
            licence_moved(NOBODY, BOB, (CLASS + 7, 3)),
            order_event("LicenceOrderClosed", 80, state=5, licenceId=CLASS + 7),
            ("LicenceShop", "LicenceCredited", {"orderId": word(80), "account": ANN, "reason": 0, "amount": 30}),
        ],
        [licence_moved(BOB, EVE, (CLASS + 7, 1))],
        [
            (
                "LicenceToken",
                "LicenceRevoked",
                {"id": CLASS + 7, "holder": EVE, "units": 1, "refund": 4, "until": 99},
            ),
            licence_moved(EVE, NOBODY, (CLASS + 7, 1)),
        ],
        [("LicenceToken", "LicenceRedeemed", {"id": CLASS, "holder": BOB, "purpose": word(6), "units": 1})],
    ]
    told.ingest(*chain_of(script, head.number + 1), after=head.hash)
    (shown,) = told.query("licence_offers", token_id=1)
    assert (shown["price"], shown["stock"], shown["class_id"]) == (30, 5, word(CLASS))
    (order,) = told.query("licence_orders", buyer=BOB)
    assert (order["order_id"], order["seller"], order["units"], order["price"]) == (word(80), ANN, 3, 30)
    assert (order["x"], order["wrapped"], order["closed_state"]) == (word(1), word(3), 5)
    assert order["licence_id"] == word(CLASS + 7) and order["delivered_at"] < order["closed_at"]
    assert told.query("licence_orders", seller=ANN) == [order] and not told.query("licence_orders", seller=BOB)
    assert told.query("order_prefix", prefix=word(80)[:66]) == [{"order_id": word(80)}]
    held = {row["account"]: row["units"] for row in told.query("licence_holdings", class_id=CLASS)}
    assert held == {BOB: 2, EVE: 0}
    assert [row["refund"] for row in told.query("licence_revocations", account=EVE)] == [4]
    (use,) = told.query("licence_uses", account=BOB, purpose=word(6))
    assert (use["licence_id"], use["units"]) == (word(CLASS), 1)
    assert not told.query("licence_uses", account=EVE, purpose=word(6)) and not told.query(
        "licence_uses", purpose=word(7)
    )
    money = [(row["change"], row["reason"]) for row in told.query("account_history", account=EVE)]
    assert money[-1] == (4, "revocation")


# --- random histories: both implementations answer alike -----------------------------------------------------------


def random_script(seed: int, length: int, shift: int = 0) -> list[list[Call]]:
    """Blocks of events over few ids, so that they meet; not always what the contracts would allow.

    As the contracts promise, an asset, version or job is announced once; `shift` moves the ids that are announced here.
    """
    rng = random.Random(seed)
    people = [ANN, BOB, EVE, NOBODY, MARKET, VAULT, ADDRESSES["AssetSale"], ADDRESSES["Unverified"]]
    people.append(ADDRESSES["PaymentChannels"])
    new = [
        *[("token", shift + number) for number in range(3)],
        *[("version", 100 + shift + number) for number in range(5)],
        *[("job", 1 + shift + number) for number in range(4)],
        *[("outcome", 1 + shift + number) for number in range(4)],
        *[("rating", 1 + shift + number) for number in range(4)],
        *[("sale", 1 + shift + number) for number in range(3)],
        *[("channel", 1 + shift + number) for number in range(3)],
        *[("order", 1 + shift + number) for number in range(3)],
        *[("delivery", 1 + shift + number) for number in range(3)],
        *[("closing", 1 + shift + number) for number in range(3)],
    ]
    rng.shuffle(new)

    def one() -> Call:
        base = rng.choice([0, shift])
        token, version, job = base + rng.randrange(3), 100 + base + rng.randrange(5), 1 + base + rng.randrange(4)
        who, other, amount = rng.choice(people), rng.choice(people), rng.choice([0, 1, 5, 2**64, 10**25])
        if new and rng.random() < 0.4:
            what, number = new.pop()
            if what == "token":
                return created(number, who, rng.choice(["ann", "bob"]), rng.choice(["x", "Y.z"]), rng.randrange(4))
            if what == "version":
                licence, parents = rng.choice(["MIT", "é\0\x1b[31m", ""]), tuple(rng.sample(range(4), rng.randrange(3)))
                return published(token, number, rng.choice(["1", "2"]), licence, parents)
            if what == "outcome":
                told = {"provider": who, "outcome": rng.randrange(4), "price": amount, "points": amount // 3}
                return ("Reputation", "JobRecorded", {"jobId": word(number), **told})
            if what == "rating":
                told = {"provider": who, "consumer": other, "stars": rng.randrange(1, 6)}
                return ("Reputation", "JobRated", {"jobId": word(number), **told})
            if what == "sale":
                return opened(number, who, token, amount, rng.choice([ADDRESSES["AssetRegistry"], EVE]))
            if what == "channel":
                return channel_opened(number, who, other, amount, rng.choice([0, 2**255]))
            if what == "order":
                return ordered(number, who, other, amount)
            if what == "delivery":
                return order_event("LicenceDelivered", number, x=amount, y=1, wrapped=word(9))
            if what == "closing":
                return order_event("LicenceOrderClosed", number, state=5, licenceId=CLASS + 7)
            return posted(number, version, who, rng.choice([0, 2**255]), amount, rng.randrange(5))
        attribute = rng.choice(["ram", "tier"]), rng.choice([0, 5, "zk", "tee"])
        reason = {"jobId": word(job), "account": who, "reason": rng.randrange(7), "amount": amount}
        choices: list[Call] = [
            ("AssetRegistry", "PriceSet", {"versionId": word(version), "usePrice": amount, "ownerBps": 3}),
            ("AssetRegistry", "Transfer", {"from": who, "to": other, "tokenId": token}),
            job_event("BidPlaced", job, provider=who, price=amount),
            job_event("BidCommitted", job, bidder=who, commitment=word(amount)),
            job_event("BidRevealed", job, bidder=who, price=amount),
            job_event("BidsExtended", job, bidsCloseAt=rng.randrange(10**9)),
            job_event("BidWithdrawn", job, bidder=who),
            job_event("BidForfeited", job, bidder=who, amount=amount),
            placed(rng.randrange(2**30), who, rng.randrange(3), rng.randrange(3), rng.randrange(1, 9)),
            ("JobMarket", "Credited", reason),
            sale_event("SaleBidPlaced", job, bidder=who, amount=amount, endsAt=rng.randrange(10**9)),
            sale_event("SaleCredited", job, account=who, reason=rng.randrange(6), amount=amount),
            ("AssetSale", "Withdrawn", {"account": who, "amount": amount}),
            channel_event("ChannelToppedUp", job, amount=1, deposit=amount, expiresAt=rng.randrange(10**9)),
            channel_event("VoucherClaimed", job, amount=amount, calls=amount % 2**64, paid=amount),
            channel_event("ChannelCredited", job, account=who, reason=rng.randrange(8), amount=amount),
            ("PaymentChannels", "Withdrawn", {"account": who, "amount": amount}),
            ("JobMarket", "Withdrawn", {"account": who, "amount": amount}),
            moved(who, other, amount),
            stake(rng.choice(["StakeDeposited", "StakeWithdrawn"]), who, amount),
            ("StakeVault", "RewardsFunded", {"amount": amount, "finishAt": rng.randrange(10**9)}),
            ("StakeVault", "RewardClaimed", {"account": who, "amount": amount}),
            stake("UnbondingStarted", who, amount, releaseAt=rng.randrange(10**9)),
            stake(rng.choice(["StakeLocked", "StakeSlashed", "StakeUnlocked"]), who, amount, jobId=word(job)),
            said(rng.choice(["ProviderDeclared", "AttributeRemoved"]), who, *attribute),
            said("AttributeAttested", who, *attribute, auditor=other, issuedAt=amount % 2**64, expiresAt=7),
            said("AttestationRevoked", who, *attribute, auditor=other, revokedAt=9),
            ("Providers", "RequirementsPublished", {"hash": word(token), "requirements": "0x00"}),
            ("EncryptionKeys", "EncryptionKeyAnnounced", {"account": who, "key": "0x02"}),
            ("Delivery", "InputKeyDelivered", {"jobId": word(job), "provider": who, "wrapped": "0x0a"}),
            ("Unverified", "ComplaintFiled", {"jobId": word(job), "consumer": who, "answerBy": rng.randrange(2**48)}),
            (
                "Unverified",
                "ComplaintAnswered",
                {"jobId": word(job), "provider": who, "salt": word(1), "outputs": "0x"},
            ),
            ("Unverified", "DepositPaid", {"jobId": word(job), "account": who}),
            *game_events(rng, who, other, amount, job),
            *audit_events(rng, who, amount, job),
            *bond_events(rng, who, other, amount),
            *tee_events(rng, who, other, amount, job),
            *replica_events(rng, who, other, amount, job),
            *licence_events(rng, who, other, amount, version),
        ]
        return rng.choice(choices)

    return [[one() for _ in range(rng.randrange(6))] for _ in range(length)]


def answers(state: State) -> Iterator[tuple[Any, Any]]:
    """Every query, over the ids of random_script."""
    choices: dict[str, list[Any]] = {
        "handle": ["ann"], "batch_id": [word(60)],
        "version_id": [word(100), word(103)], "job_id": [word(1), word(2)], "account": [ANN, NOBODY, MARKET],
        "provider": [ANN, BOB, VAULT], "auditor": [ANN], "name": ["ram"], "hash": [word(1)],
        "sale_id": [word(1), word(2)], "seller": [ANN], "channel_id": [word(1)], "payer": [ANN], "payee": [BOB],
        "buyer": [BOB], "sender": [ANN, BOB], "order_id": [word(1), word(2)],
        "class_id": [CLASS], "licence_id": [CLASS + 7],
        "prefix": ["00"], "period": [0, 2], "round": [0, 2], "digest": [word(0), word(1)], "text": ["", "Y", "mit"],
        "quote": [word(6), word(7)], "accusation_id": [word(0), word(1)], "exact_input": [word(7), word(8)],
        "ended": [True, False],
    }  # fmt: skip
    for name, parameters in QUERIES.items():
        yield (
            (name,),
            state.query(name) if all(isinstance(d, (int, str, type(None))) for d in parameters.values()) else None,
        )
        for parameter in parameters:
            for value in choices.get(parameter, []):
                yield (name, parameter, value), state.query(name, **{parameter: value})


@settings(max_examples=4, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 14))
def test_both_answer_alike(tmp_path_factory: pytest.TempPathFactory, seed: int, cut: int) -> None:
    duck, memory = DuckState(tmp_path_factory.mktemp("state") / "state.duckdb"), MemoryState()
    for state in (duck, memory):
        blocks, events = chain_of(random_script(seed, 15))
        state.ingest(blocks, events)
        state.rewind(cut + 1)
        head = state.head()
        state.ingest(*chain_of(random_script(seed + 1, 10, 20), cut + 1, 1), after=head.hash if head else None)
        state.mark(safe=12, finalized=6)
    for (asked, left), (_, right) in zip(answers(duck), answers(memory), strict=True):
        assert left == right, asked
