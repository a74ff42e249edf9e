"""The index against the real contracts on a real node: it agrees with the contracts' own views, before and after a
reorganisation (evm_snapshot, evm_revert)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from eth_abi import encode
from eth_utils import keccak

from mlm.adapters.chain.read import EthChain
from mlm.adapters.chain.rpc import Rpc
from mlm.adapters.chain.send import EthSender
from mlm.adapters.devnet import market
from mlm.adapters.devnet.home import Home
from mlm.adapters.state import DuckState
from mlm.adapters.wallet import devnet as accounts
from mlm.core.job import AuctionKind, Reason, Role, Tier
from mlm.core.job import State as JobState
from mlm.core.plan import Call
from mlm.core.terms import JobRecord, terms_from_event
from mlm.memory.state import MemoryState
from mlm.memory.system import MemorySystem
from mlm.ports.bundle import Ports
from mlm.ports.state import State
from mlm.workflows.sync import sync
from tests.anvil import anvil

TOKEN = 10**18
TERMS = (
    "((bytes32,uint8,uint8,uint8,bytes32,bytes32,uint128,uint128,uint128,uint32,uint32,uint32,uint32,uint32,bytes32,uint96,bytes32),"
    "(address,bytes32,uint128,uint16,uint16,uint16,uint16,address,uint128,uint128,uint128,address[],uint16[]))"
)
PUBLICATION = "(string,string,string,uint8,bytes32,string,uint128,uint16,uint16,(uint256,uint16)[],(uint8,bytes32)[])"


class Market:
    """A freshly deployed market on its own node, and the few actions that the test needs."""

    def __init__(self, rpc: Rpc, chain: EthChain) -> None:
        self.rpc, self.chain = rpc, chain

    def send(self, account: str, contract: str, function: str, *args: Any) -> None:
        sender = EthSender(self.chain, accounts.key(account))
        signed = sender.sign(Call(contract, function, args))
        sender.broadcast(signed)
        sender.wait(signed, timeout=20)

    def publish(self, account: str, name: str, version: str, parents: list[tuple[int, int]], handle: str) -> bytes:
        """Commit, reveal; the version's id."""
        manifest, salt = keccak(text=name + version), bytes(32)
        publication = (
            handle, name, version, 0, manifest, "MIT", 2 * TOKEN, 500, 100, parents, [(Tier.ZK, keccak(text="key"))],
        )  # fmt: skip
        payload = keccak(encode([PUBLICATION], [publication]))
        registry, sender = self.chain.address_of("AssetRegistry"), accounts.address(account)
        what = (keccak(text="mlm/publish/1"), 31337, registry, sender, payload, salt)
        commitment = keccak(encode(["bytes32", "uint256", "address", "address", "bytes32", "bytes32"], what))
        self.send(account, "AssetRegistry", "commit", commitment)
        self.send(account, "AssetRegistry", "publish", publication, salt)
        token = self.chain.call("AssetRegistry", "tokenIdOf", handle, name)
        found: bytes = self.chain.call("AssetRegistry", "versionIdOf", token, manifest)
        return found

    def stake(self, account: str, amount: int) -> None:
        self.send(account, "MarketToken", "approve", self.chain.address_of("StakeVault"), amount)
        self.send(account, "StakeVault", "deposit", Role.PROVIDER, amount)

    def post(self, version: bytes, auction: int, nonce: int, price: int = 50 * TOKEN) -> None:
        start = 20 * TOKEN if auction == AuctionKind.DUTCH else 0
        reveal = 300 if auction == AuctionKind.SEALED else 0
        what = (version, Tier.ZK, auction, 1, keccak(text="input"), bytes(32), price, start, 0)
        request = (*what, 600, reveal, 600, 600, 0, bytes(32), 0, bytes(32))
        self.send("consumer", "MarketToken", "approve", self.chain.address_of("JobMarket"), price)
        self.send("consumer", "JobMarket", "post", request, nonce)

    def advance(self, seconds: int) -> None:
        self.rpc.call("evm_increaseTime", seconds)
        self.rpc.call("evm_mine")


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Market]:
    # Automine is safe here: every receipt is waited for.
    with anvil(tmp_path, "--chain-id", "31337", "--hardfork", "cancun") as url:
        home = Home(tmp_path / "devnet")
        home.make()
        deployment, _ = market.prepare(home, url)
        rpc = Rpc(url, timeout=20)
        yield Market(rpc, EthChain(rpc, deployment))
        rpc.close()


def ports(chain: EthChain, state: State) -> Ports:
    return Ports(chain=lambda: chain, state=lambda: state, system=MemorySystem)


def agrees_with_the_contracts(market: Market, state: State) -> Counter[str]:
    """Compare every fact of the index with the contracts' views; what was compared, counted."""
    chain, seen = market.chain, Counter[str]()
    people = [accounts.address(name) for name in accounts.NAMES]
    for asset in state.query("assets"):
        token = int(asset["token_id"], 16)
        assert token == chain.call("AssetRegistry", "tokenIdOf", asset["handle"], asset["name"])
        assert asset["owner"] == chain.call("AssetRegistry", "ownerOf", token).lower()
        assert asset["kind"] == chain.call("AssetRegistry", "kindOf", token)
        (handle,) = state.query("handle", handle=asset["handle"])
        assert handle["owner"] == chain.call("AssetRegistry", "handleOwner", asset["handle"]).lower()
        seen["assets"] += 1
    for version in state.query("versions"):
        raw = bytes.fromhex(version["version_id"][2:])
        assert chain.call("AssetRegistry", "versionOf", raw) == (
            int(version["token_id"], 16),
            bytes.fromhex(version["manifest"][2:]),
        )
        use_price, owner_bps, payees, bps = chain.call("AssetRegistry", "royaltyOf", raw)
        assert (version["use_price"], version["owner_bps"]) == (use_price, owner_bps)
        parents = state.query("parents", version_id=raw)
        assert [row["bps"] for row in parents] == list(bps[1:])
        assert [row["owner"] for row in parents] == [payee.lower() for payee in payees[1:]]
        for row in state.query("keys", version_id=raw):
            assert chain.call("AssetRegistry", "keyOf", raw, row["tier"]) == bytes.fromhex(row["key"][2:])
        seen["versions"] += 1
    for job in state.query("jobs"):
        record = JobRecord(*chain.call("JobMarket", "jobOf", bytes.fromhex(job["job_id"][2:])))
        facts = ("posted_at", "bids_close_at", "accepted_at", "submitted_at", "settled_at", "price", "max_price")
        assert {name: job[name] or 0 for name in facts} == {name: getattr(record, name) for name in facts}
        assert (job["provider"] or "0x" + "0" * 40) == record.provider.lower()
        assert (job["cancelled"], job["verified"], job["auction"]) == (
            record.cancelled,
            record.verified,
            record.auction,
        )
        assert (job["start_price"], job["commitments"]) == (record.start_price, record.commitments)
        assert job["requirements"] == "0x" + record.requirements.hex()
        assert job["reveals_close_at"] == record.bids_close_at + record.reveal_window
        terms = terms_from_event(job["terms"])
        assert keccak(encode([TERMS], [terms.as_args()])) == record.terms_hash
        if job["settled_at"]:
            assert job["settled_state"] == chain.call("JobMarket", "stateOf", bytes.fromhex(job["job_id"][2:]))
        seen["jobs"] += 1
    for address in people:
        sums: Counter[str] = Counter()
        for row in state.query("account_history", account=address, limit=10_000):
            assert row["reason"] is not None
            sums[row["ledger"]] += row["change"]
        assert sums["wallet"] == chain.call("MarketToken", "balanceOf", address)
        assert sums["credit"] == chain.call("JobMarket", "creditOf", address)
        stake = chain.call("StakeVault", "stakeOf", address, Role.PROVIDER)
        assert sums["stake"] == stake[0]
        found = state.query("stakes", account=address)
        if found:
            assert tuple(found[0][name] or 0 for name in ("total", "locked", "unbonding", "release_at")) == tuple(stake)
        seen["accounts"] += 1
    return seen


def content(state: State) -> dict[str, Any]:
    return {name: state.query(name) for name in ("events", "assets", "versions", "jobs", "stakes", "credits")}


def test_the_index_agrees_with_the_contracts_through_a_reorganisation(live: Market, tmp_path: Path) -> None:
    state = DuckState(tmp_path / "state.duckdb")
    bundle = ports(live.chain, state)
    base = live.publish("model-provider", "base", "1.0.0", [], "ann")
    token = live.chain.call("AssetRegistry", "versionOf", base)[0]
    derived = live.publish("compute-2", "tuned", "1.0.0-rc.1", [(token, 300)], "bob")
    for name in ("compute-1", "compute-2"):
        live.stake(name, 200 * TOKEN)
    live.post(derived, 1, 1)
    sync(bundle)
    assert agrees_with_the_contracts(live, state)["jobs"] == 1
    (job,) = state.query("jobs")
    raw = bytes.fromhex(job["job_id"][2:])

    # One history: two bids, an award, an acceptance, and then nothing: the provider defaults.
    snapshot = live.rpc.call("evm_snapshot")
    live.send("compute-1", "JobMarket", "bid", raw, 40 * TOKEN, b"")
    live.send("compute-2", "JobMarket", "bid", raw, 30 * TOKEN, b"")
    live.send("consumer", "JobMarket", "award", raw)
    live.send("compute-2", "JobMarket", "accept", raw)
    sync(bundle)
    assert state.query("jobs")[0]["accepted_at"]
    live.advance(700)
    live.send("watcher", "JobMarket", "settle", raw, terms_from_event(job["terms"]).as_args())
    live.send("consumer", "JobMarket", "withdraw")
    live.send(
        "model-provider",
        "AssetRegistry",
        "transferFrom",
        accounts.address("model-provider"),
        accounts.address("watcher"),
        token,
    )
    live.send("compute-1", "StakeVault", "requestWithdraw", Role.PROVIDER, 50 * TOKEN)
    sync(bundle)
    agrees_with_the_contracts(live, state)
    (row,) = state.query("jobs")
    assert row["settled_state"] == JobState.DEFAULTED and row["bid_count"] == 2
    reasons = {entry["reason"] for entry in state.query("credits")}
    assert Reason.REFUND in reasons and Reason.BURN in reasons
    assert {entry["reason"] for entry in state.query("account_history", account=accounts.address("compute-2"))} >= {
        "slash",
        "deposit",
    }
    defaulted = live.chain.block()

    # The chain leaves that history: another bidder, a cancelled job, a price change; and grows longer than before.
    assert live.rpc.call("evm_revert", snapshot)
    live.send("compute-2", "JobMarket", "bid", raw, 45 * TOKEN, b"")
    live.post(derived, 0, 2)
    cancelled = next(row for row in _jobs(live) if row["job_id"] != job["job_id"])
    live.send("consumer", "JobMarket", "cancel", bytes.fromhex(cancelled["job_id"][2:]))
    live.send("model-provider", "AssetRegistry", "setPrice", base, 0, 9000)
    while live.chain.block().number <= defaulted.number:
        live.rpc.call("evm_mine")
    done = sync(bundle)
    assert done.rewound > 0 and done.head > defaulted.number
    seen = agrees_with_the_contracts(live, state)
    assert seen["jobs"] == 2 and seen["assets"] == 2 and seen["accounts"] == len(accounts.NAMES)
    assert state.query("bids", job_id=raw)[0]["price"] == 45 * TOKEN and state.query("credits", job_id=raw) == []
    assert [row["settled_state"] for row in state.query("jobs")] == [JobState.CANCELLED, None]

    # From nothing, the same index: events suffice.
    incremental = content(state)
    sync(bundle, rebuild=True)
    assert content(state) == incremental
    twin = MemoryState()
    sync(ports(live.chain, twin))
    assert content(twin) == incremental


def test_the_index_follows_every_kind_of_bid(live: Market, tmp_path: Path) -> None:
    state = DuckState(tmp_path / "state.duckdb")
    bundle = ports(live.chain, state)
    version = live.publish("model-provider", "base", "1.0.0", [], "ann")
    bidders = ("compute-1", "compute-2", "watcher")
    for name in bidders:
        live.stake(name, 300 * TOKEN)
    kinds = (AuctionKind.SEALED, AuctionKind.SEALED, AuctionKind.REVERSE, AuctionKind.DUTCH)
    ids = []
    for nonce, kind in enumerate(kinds):
        live.post(version, kind, nonce)
        ids.append(bytes.fromhex(_jobs(live)[0]["job_id"][2:]))
    shown, held_back, reverse, dutch = ids

    def commit(account: str, job: bytes, price: int) -> None:
        market, bidder = live.chain.address_of("JobMarket"), accounts.address(account)
        what = (keccak(text="mlm/bid/1"), 31337, market, job, bidder, price, bytes(32))
        types = ["bytes32", "uint256", "address", "bytes32", "address", "uint128", "bytes32"]
        live.send(account, "JobMarket", "commitBid", job, keccak(encode(types, what)), b"")

    def agree() -> dict[bytes, dict[str, Any]]:
        sync(bundle)
        assert agrees_with_the_contracts(live, state)["jobs"] == len(ids)
        twin = MemoryState()
        sync(ports(live.chain, twin))
        assert content(twin) == content(state)
        return {bytes.fromhex(job["job_id"][2:]): job for job in state.query("jobs")}

    for number, account in enumerate(bidders):
        commit(account, shown, (30 + number) * TOKEN)
        commit(account, held_back, 20 * TOKEN)
    live.send("watcher", "JobMarket", "withdrawBid", held_back)
    live.send("compute-1", "JobMarket", "bid", reverse, 40 * TOKEN, b"")
    live.send("compute-1", "JobMarket", "withdrawBid", reverse)
    live.send("compute-2", "JobMarket", "bid", dutch, 1, b"")
    found = agree()
    assert [found[job]["commitments"] for job in ids] == [3, 2, 0, 0]
    assert found[reverse]["provider"] is None and found[reverse]["bid_count"] == 1
    assert 20 * TOKEN <= found[dutch]["price"] < 50 * TOKEN

    live.advance(600)
    for number, account in reversed(list(enumerate(bidders))):
        live.send(account, "JobMarket", "revealBid", shown, (30 + number) * TOKEN, bytes(32))
        agree()
    live.send("compute-2", "JobMarket", "revealBid", held_back, 20 * TOKEN, bytes(32))
    found = agree()
    assert (found[shown]["price"], found[held_back]["price"]) == (31 * TOKEN, 50 * TOKEN)
    assert found[shown]["awarded_at"] and not found[held_back]["awarded_at"]
    live.advance(300)
    live.send("model-provider", "JobMarket", "burnUnrevealed", held_back, accounts.address("compute-1"))
    agree()
    live.advance(600)
    for job in ids:
        terms = terms_from_event(found[job]["terms"]).as_args()
        live.send("watcher", "JobMarket", "settle", job, terms)
    found = agree()
    outcomes = [found[job]["settled_state"] for job in ids]
    assert outcomes == [JobState.UNDELIVERED, JobState.UNDELIVERED, JobState.EXPIRED, JobState.UNDELIVERED]


def _jobs(live: Market) -> list[dict[str, Any]]:
    fresh = MemoryState()
    sync(ports(live.chain, fresh))
    return fresh.query("jobs")
