"""The steps of the auctions that are no plain bids, and of what settles around a job, as transactions on the devnet of
bench/gas_steps.py: sealed, Dutch and batch jobs, requirements, ratings, rewards, sales.

A round's end stands in calldata, and zeros cost less there: the chain's clock is put to one second of its future first.
"""

from __future__ import annotations

from typing import Any

from bench.gas_chain import (
    BIDDING,
    CONSUMER,
    FIRST,
    ONE,
    PRICE,
    PUBLISHER,
    REVEAL,
    SALT,
    SECOND,
    GasChain,
)
from mlm.adapters.wallet import devnet as accounts
from mlm.core.auctions import sealed
from mlm.core.digest import domain
from mlm.core.requirements import encode, requirements_hash
from mlm.core.requirements_text import parse

SEALED, DUTCH, BATCH = 2, 3, 4  # AuctionKind
START, STEP = 50 * ONE, ONE  # of a Dutch clock and of a batch's grid; PRICE is its tick 50
FUTURE = 2_000_000_000  # seconds: later than the clock of whoever measures, for some years
LASTING = 30 * 24 * 3600  # seconds


def auctions(chain: GasChain, free: bytes) -> None:
    """Whole lives of jobs on the version `free`, which asks for no royalty, and of what goes with them."""
    chain.go_to(FUTURE)
    _sealed(chain, free)
    _dutch(chain, free)
    _withdrawn(chain, free)
    _batch(chain, free)
    _required(chain, free)
    _sale(chain, free)


def _sealed(chain: GasChain, free: bytes) -> None:
    job, terms = chain.post("post: sealed auction, approved before", free, SEALED, revealing=REVEAL)
    salts = {account: domain(account) for account in (FIRST, SECOND)}
    prices = {FIRST: PRICE - ONE, SECOND: PRICE - 2 * ONE}
    for account, which in ((FIRST, "the first"), (SECOND, "another")):
        chain.do(f"commit a bid: sealed auction, {which}", account, "JobMarket", "commitBid", job,
                 _commitment(chain, job, account, prices[account], salts[account]), b"")  # fmt: skip
    chain.advance(BIDDING)
    for account, step in ((FIRST, "the first"), (SECOND, "the best, and the last")):
        chain.do(f"reveal: sealed auction, {step}", account, "JobMarket", "revealBid", job, prices[account],
                 salts[account])  # fmt: skip
    chain.fulfil("sealed auction", job, terms, SECOND)
    chain.do("rate", CONSUMER, "Reputation", "rate", job, terms, 5)

    job, _ = chain.post("", free, SEALED, revealing=REVEAL)
    chain.do("", FIRST, "JobMarket", "commitBid", job, _commitment(chain, job, FIRST, PRICE, SALT), b"")
    chain.do("withdraw a bid: sealed auction", FIRST, "JobMarket", "withdrawBid", job)
    chain.do("", FIRST, "JobMarket", "commitBid", job, _commitment(chain, job, FIRST, PRICE, SALT), b"")
    chain.advance(BIDDING + REVEAL)
    bidder = accounts.address(FIRST)
    chain.do("burn a bond: sealed auction, not revealed", CONSUMER, "JobMarket", "burnUnrevealed", job, bidder)


def _commitment(chain: GasChain, job: bytes, account: str, price: int, salt: bytes) -> bytes:
    market, bidder = chain.at("JobMarket"), accounts.address(account)
    return sealed.commitment(chain.chain.chain_id(), market, "0x" + job.hex(), bidder, price, salt)


def _dutch(chain: GasChain, free: bytes) -> None:
    job, terms = chain.post("post: Dutch auction, approved before", free, DUTCH, start=START)
    chain.advance(BIDDING // 2)
    chain.do("bid: Dutch auction", FIRST, "JobMarket", "bid", job, START, b"")
    chain.fulfil("Dutch auction", job, terms, FIRST)


def _withdrawn(chain: GasChain, free: bytes) -> None:
    job, _ = chain.post("", free, 1)
    chain.do("", FIRST, "JobMarket", "bid", job, PRICE, b"")
    chain.do("withdraw a bid: reverse auction", FIRST, "JobMarket", "withdrawBid", job)


def _batch(chain: GasChain, free: bytes) -> None:
    chain.go_to((FUTURE // LASTING + 1) * LASTING)
    batch: dict[str, Any] = {"start": START, "price_step": STEP, "revealing": REVEAL}
    posted = [
        chain.post(f"post: batch, {which}, approved before", free, BATCH, **batch)
        for which in ("the first of its round", "another")
    ]
    job, terms = posted[0]
    request, snapshot = terms
    # What is equal in all its jobs: everything but the auction, the input, the maximum price; and the royalty.
    job_class = (*request[:2], request[3], *request[7:15], *snapshot[2:4])
    closes_at = chain.chain.call("JobMarket", "jobOf", job)[4]
    offers = []
    for account, quantity, which in ((FIRST, 1, "the first"), (SECOND, 2, "another")):
        receipt = chain.do(f"offer: batch, {which}", account, "BatchAuction", "offer", job_class, closes_at, 10,
                           quantity, b"")  # fmt: skip
        placed = chain.event(receipt, "BatchAuction", "OfferPlaced")
        offers.append(bytes.fromhex(placed["offerId"][2:]))
    batch_id = bytes.fromhex(placed["batchId"][2:])
    chain.go_to(closes_at)
    chain.do("clear: batch", CONSUMER, "BatchAuction", "clear", batch_id)
    chain.do("draw: batch", CONSUMER, "BatchAuction", "draw", job, offers[0])
    chain.do("", CONSUMER, "BatchAuction", "draw", posted[1][0], offers[1])
    chain.fulfil("batch", job, terms, FIRST)


def _required(chain: GasChain, free: bytes) -> None:
    wanted = parse(["gpu.model=h100,a100", "gpu.memory>=80", "region=eu-west"])
    declared = (("gpu.model", b"h100"), ("gpu.memory", 80), ("region", b"eu-west"))
    chain.do("provider, declare: 3 attributes", FIRST, "Providers", "declare", tuple(map(_attribute, declared)), ())
    chain.do("requirements, publish: 3 clauses", CONSUMER, "Providers", "publishRequirements", encode(wanted))
    required = requirements_hash(wanted)
    job, _ = chain.post("post: fixed price, with requirements, approved before", free, required=required)
    chain.do("bid: fixed price, 3 clauses", FIRST, "JobMarket", "bid", job, PRICE, encode(wanted))


def _attribute(named: tuple[str, bytes | int]) -> tuple[bytes, bytes]:
    name, value = named
    word = value.to_bytes(32, "big") if isinstance(value, int) else value.ljust(32, b"\0")
    return name.encode().ljust(32, b"\0"), word


def _sale(chain: GasChain, free: bytes) -> None:
    token = chain.chain.call("AssetRegistry", "versionOf", free)[0]
    sale, registry = chain.at("AssetSale"), chain.at("AssetRegistry")
    chain.do("", PUBLISHER, "AssetRegistry", "approve", sale, token)
    offer = (registry, token, 0, 0, 10 * ONE, 500, 3600, 600)
    receipt = chain.do("sale, open", PUBLISHER, "AssetSale", "open", offer, 1)
    sale_id = bytes.fromhex(chain.event(receipt, "AssetSale", "SaleOpened")["saleId"][2:])
    for account in (FIRST, SECOND):
        chain.do("", account, "MarketToken", "approve", sale, 2**256 - 1)
    chain.do("sale, bid: the first", FIRST, "AssetSale", "bid", sale_id, 10 * ONE)
    chain.do("sale, bid: above another's", SECOND, "AssetSale", "bid", sale_id, 11 * ONE)
    chain.advance(2 * 3600)
    chain.do("sale, settle", CONSUMER, "AssetSale", "settle", sale_id, accounts.address(SECOND))
    chain.do("", SECOND, "AssetRegistry", "approve", sale, token)
    falling = (registry, token, 0, 20 * ONE, 10 * ONE, 0, 3600, 0)
    receipt = chain.do("sale, open: a falling price", SECOND, "AssetSale", "open", falling, 2)
    sale_id = bytes.fromhex(chain.event(receipt, "AssetSale", "SaleOpened")["saleId"][2:])
    chain.do("sale, buy", FIRST, "AssetSale", "buy", sale_id, 20 * ONE, accounts.address(FIRST))
