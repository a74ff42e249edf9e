"""A market in memory whose job obeys the rules of mlm/core/auctions: what the workflows send is played there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from mlm.core.auctions import play
from mlm.core.auctions.auction import ZERO, Auction, Award, Bid, BurnUnrevealed, Cancel, Commit, Move, Reveal, Withdraw
from mlm.core.auctions.auction import Market as Terms
from mlm.core.cid import DAG_CBOR, Cid
from mlm.core.errors import Refused, Reverted
from mlm.core.job import AuctionKind, State, Tier
from mlm.core.plan import Call
from mlm.core.refs import AssetRef
from mlm.core.requirements import NONE, Requirements, encode, requirements_hash
from mlm.core.terms import terms_from_event, terms_hash
from mlm.memory.bids import MemoryBids
from mlm.memory.blocks import MemoryBlocks
from mlm.memory.chain import MemoryChain
from mlm.memory.files import MemoryFiles
from mlm.memory.journal import MemoryJournal
from mlm.memory.remote import MemoryRemote
from mlm.memory.script import Emitted
from mlm.memory.sender import MemorySender
from mlm.memory.state import MemoryState
from mlm.memory.system import MemorySystem
from mlm.ports.bundle import Ports
from mlm.workflows.lookup import Version

ANN, BOB, CID, DAN = ("0x" + 20 * pair for pair in ("a1", "b2", "c3", "d4"))  # ann posts, the others bid
TOKEN = 10**18
LOCK, FLOOR, FEE, GAS = 10 * TOKEN, TOKEN, TOKEN // 20, TOKEN
MOST, START, WINDOW, REVEAL = 20 * TOKEN, 2 * TOKEN, 3600, 600
JOB = "0x" + "7a" * 32
VERSION = Version(AssetRef("ann", "digits", "1.0.0"), 1, "0x" + "22" * 32, Cid.of(DAG_CBOR, b"manifest"))


class Chain(MemoryChain):
    """What is only simulated changes nothing."""

    real = False

    def include(self, sender: str, call: Call, tx_hash: str, data: bytes) -> None:
        with self.really():
            super().include(sender, call, tx_hash, data)

    @contextmanager
    def really(self) -> Iterator[None]:
        """Until the block ends what is done stands."""
        self.real = True
        try:
            yield
        finally:
            self.real = False


class World:
    """One job of ann's on a chain, and machines of the people who deal with it."""

    def __init__(self, kind: AuctionKind, requirements: Requirements | None = None, *, published: bool = True) -> None:
        self.chain, self.state, self.kind = Chain(), MemoryState(), kind
        self.preimage = b"" if requirements is None else encode(requirements)
        self.published: set[bytes] = set()
        self.forced: State | None = None  # a state of the job's later life
        self.settled_at = 0
        self.credit: dict[str, int] = {}
        self.machines: dict[str, tuple[MemoryBids, MemoryJournal, MemorySender]] = {}
        name = NONE if requirements is None else "0x" + requirements_hash(requirements).hex()
        if published and requirements is not None:
            self.published.add(bytes.fromhex(name[2:]))
            told = {"hash": name, "requirements": self.preimage}
            self.chain.mine([("Providers", "RequirementsPublished", told)])
        posted_at = self.chain.block().timestamp + 12
        self.terms = terms(kind, name)
        market = Terms(
            kind=kind,
            consumer=ANN,
            posted_at=posted_at,
            floor=FLOOR,
            max_price=MOST,
            lock=LOCK,
            undelivered_fee=FEE,
            gas_compensation=GAS,
            bidding_window=WINDOW,
            delivery_window=WINDOW,
            reveal_window=REVEAL if kind is AuctionKind.SEALED else 0,
            start_price=START if kind is AuctionKind.DUTCH else 0,
            chain_id=31337,
            address=self.chain.address_of("JobMarket"),
            job_id=JOB,
        )
        self.auction = Auction.posted(market, dict.fromkeys((BOB, CID, DAN), 100 * TOKEN))
        self.chain.mine(
            [
                (
                    "JobMarket",
                    "JobPosted",
                    {"jobId": JOB, "versionId": VERSION.version_id, "consumer": ANN, "nonce": 1, "terms": self.terms},
                )
            ]
        )
        self._answer()

    def ports(self, account: str, machine: str = "") -> Ports:
        """Somebody's machine: with a journal and kept bids of its own."""
        bids, journal, sender = self.machines.setdefault(
            account + machine, (MemoryBids(), MemoryJournal(MemorySystem()), MemorySender(self.chain, account))
        )
        objects, remote, system, files = MemoryBlocks(), MemoryRemote(), MemorySystem(), MemoryFiles()
        return Ports(
            chain=lambda: self.chain,
            state=lambda: self.state,
            sender=lambda: sender,
            signer=lambda: sender,
            journal=lambda: journal,
            bids=lambda: bids,
            objects=lambda: objects,
            remote=lambda: remote,
            system=lambda: system,
            files=lambda: files,
        )

    def pass_by(self, seconds: int) -> None:
        """Let time pass."""
        self.chain.mine(seconds=seconds)

    @property
    def now(self) -> int:
        return self.chain.block().timestamp

    def close_bids(self) -> None:
        """The first second of the reveals."""
        self.pass_by(self.auction.bids_close_at - self.now)

    def close_reveals(self) -> None:
        """The first second after the reveals."""
        self.pass_by(self.auction.reveals_close_at - self.now)

    # --- what the contracts answer and do ------------------------------------------------------------------------

    def _answer(self) -> None:
        def revert(*args: Any) -> Any:
            raise Reverted("NoSuchFunction")

        self.chain.answers = {
            ("JobMarket", "jobOf"): lambda job: self._record(),
            ("JobMarket", "stateOf"): lambda job: int(self._state()),
            ("JobMarket", "commitmentOf"): lambda job, who: self.auction.sealed.get(who, bytes(32)),
            ("JobMarket", "creditOf"): lambda who: self.credit.get(who, 0),
            ("StakeVault", "freeOf"): lambda who, role: self.auction.free.get(who, 0),
            ("Providers", "publishedAt"): lambda name: int(name in self.published),
            # A token without permits, which has allowed everything: payments are one call.
            ("MarketToken", "decimals"): 18,
            ("MarketToken", "balanceOf"): 0,
            ("MarketToken", "allowance"): 10**30,
            ("MarketToken", "DOMAIN_SEPARATOR"): revert,
        }
        moves: dict[str, Callable[..., Move]] = {
            "bid": lambda who, job, price, wanted: Bid(self._at, who, price),
            "commitBid": lambda who, job, commitment, wanted: Commit(self._at, who, commitment),
            "revealBid": lambda who, job, price, salt: Reveal(self._at, who, price, salt),
            "withdrawBid": lambda who, job: Withdraw(self._at, who),
            "award": lambda who, job: Award(self._at, who),
            "cancel": lambda who, job: Cancel(self._at, who),
            "burnUnrevealed": lambda who, job, bidder: BurnUnrevealed(self._at, who, bidder),
        }
        self.chain.effects = {("JobMarket", name): self._played(move) for name, move in moves.items()}
        self.chain.effects["JobMarket", "multicall"] = self._multicall
        self.chain.effects["JobMarket", "settle"] = self._settle
        self.chain.effects["JobMarket", "post"] = self._post
        self.chain.effects["JobMarket", "withdraw"] = lambda who: ()

    @property
    def _at(self) -> int:
        return self.now + 12

    def _state(self) -> State:
        return self.forced or self.auction.state(self.now)

    def _played(self, move_of: Callable[..., Move]) -> Callable[..., list[Emitted]]:
        def effect(who: str, *args: Any) -> list[Emitted]:
            move = move_of(who, *args)
            try:
                after = play(self.auction, move)
            except Refused as error:
                raise Reverted(error.name) from error
            told = self._told(move, after)
            if self.chain.real:
                self.auction = after
            return told

        return effect

    def _told(self, move: Move, after: Auction) -> list[Emitted]:
        head = {"jobId": JOB, "versionId": VERSION.version_id}
        match move:
            case Bid():
                placed: Emitted = ("JobMarket", "BidPlaced", {**head, "provider": move.by, "price": after.price})
                if after.bids_close_at <= self.auction.bids_close_at:
                    return [placed]
                return [placed, ("JobMarket", "BidsExtended", {**head, "bidsCloseAt": after.bids_close_at})]
            case Commit():
                told: dict[str, Any] = {**head, "bidder": move.by, "commitment": move.commitment}
                return [("JobMarket", "BidCommitted", told)]
            case Reveal():
                return [("JobMarket", "BidRevealed", {**head, "bidder": move.by, "price": move.price})]
            case Withdraw():
                return [("JobMarket", "BidWithdrawn", {**head, "bidder": move.by})]
            case BurnUnrevealed():
                told = {**head, "bidder": move.bidder, "amount": after.market.bond}
                return [("JobMarket", "BidForfeited", told)]
        return []

    def _multicall(self, who: str, calls: tuple[Call, ...]) -> list[Emitted]:
        return [event for call in calls for event in self.chain.try_effect(who, call)]

    def _settle(self, who: str, job: bytes, terms: Any) -> list[Emitted]:
        if self.settled_at:
            raise Reverted("JobAlreadySettled")
        if self.chain.real:
            self.settled_at = self._at
        return []

    def _post(self, who: str, request: Any, nonce: int) -> list[Emitted]:
        args = {"jobId": JOB.replace("7a", "7b"), "versionId": VERSION.version_id, "consumer": who, "nonce": nonce}
        return [("JobMarket", "JobPosted", {**args, "terms": self.terms})]

    def _record(self) -> tuple[Any, ...]:
        auction, market = self.auction, self.auction.market
        return (
            terms_hash(terms_from_event(self.terms)),
            bytes.fromhex(VERSION.version_id[2:]),
            ANN,
            market.posted_at,
            auction.bids_close_at,
            auction.leader or ZERO,
            0,
            0,
            MOST,
            auction.price,
            FLOOR,
            LOCK,
            ANN,
            auction.reveals_close_at - auction.bids_close_at,
            WINDOW,
            WINDOW,
            WINDOW,
            int(self.kind),
            auction.cancelled,
            False,
            self.settled_at,
            bytes(32),
            market.start_price,
            len(auction.sealed),
            bytes.fromhex(self.terms["request"]["requirements"][2:]),
        )


def terms(kind: AuctionKind, requirements: str) -> dict[str, Any]:
    """The terms of ann's job, as its JobPosted event has them."""
    request = {
        "versionId": VERSION.version_id,
        "tier": int(Tier.ZK),
        "auction": int(kind),
        "scheme": 1,
        "inputCommitment": "0x" + "33" * 32,
        "input": "0x" + "44" * 32,
        "maxPrice": MOST,
        "startPrice": START if kind is AuctionKind.DUTCH else 0,
        "priceStep": 0,
        "biddingWindow": WINDOW,
        "revealWindow": REVEAL if kind is AuctionKind.SEALED else 0,
        "deliveryWindow": WINDOW,
        "executionWindow": WINDOW,
        "verificationWindow": WINDOW,
        "requirements": requirements,
        "valueAtRisk": 0,
        "policy": NONE,
    }
    snapshot = {
        "verifier": ANN,
        "key": "0x" + "55" * 32,
        "usePrice": 1,
        "ownerBps": 500,
        "protocolFeeBps": 100,
        "treasuryBps": 5_000,
        "stakersBps": 3_000,
        "treasury": DAN,
        "lock": LOCK,
        "undeliveredFee": FEE,
        "gasCompensation": GAS,
        "payees": [ANN],
        "bps": [0],
    }
    return {"request": request, "snapshot": snapshot}
