"""What all auctions of a job share: the posting's terms, the moves, and the auction as the moves have left it.

Amounts are base units of the token, times seconds since 1970, windows seconds. Nothing here reads a clock: a move says
when it is made. An account's stake is free, locked for this job, or burned, and the three sum to what it brought.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Self

from mlm.core import job
from mlm.core.errors import Refused
from mlm.core.job import AuctionKind, JobFacts, State

ZERO = "0x" + "00" * 20


@dataclass(frozen=True)
class Market:
    """What the posting fixed: the request's part, and what the market froze for it (mlm/core/terms.py)."""

    kind: AuctionKind
    consumer: str
    posted_at: int
    floor: int  # the least price that covers fee and owner
    max_price: int  # escrowed
    lock: int  # stake that a bid locks
    undelivered_fee: int  # what a lease holder loses who does not accept, and a consumer who does not deliver
    gas_compensation: int  # from a defaulter's lock to the consumer
    bidding_window: int
    delivery_window: int
    reveal_window: int = 0  # sealed
    start_price: int = 0  # dutch
    # What commitments of sealed bids are bound to.
    chain_id: int = 0
    address: str = ZERO
    job_id: str = "0x" + "00" * 32

    @property
    def bond(self) -> int:
        """What a sealed bid locks: with less at stake, not revealing a bid could pay."""
        return max(self.lock, self.max_price)


@dataclass(frozen=True)
class Bid:
    """An offer to do the job for `price`; dutch: for `price` or more."""

    at: int
    by: str
    price: int


@dataclass(frozen=True)
class Commit:
    """A sealed bid: `commitment` is sealed.commitment of it."""

    at: int
    by: str
    commitment: bytes


@dataclass(frozen=True)
class Reveal:
    """The opening of a sealed bid."""

    at: int
    by: str
    price: int
    salt: bytes


@dataclass(frozen=True)
class Withdraw:
    """The bidder takes its bid back."""

    at: int
    by: str


@dataclass(frozen=True)
class Award:
    """The consumer closes the bids in favour of the best."""

    at: int
    by: str


@dataclass(frozen=True)
class Cancel:
    """The consumer takes the job back."""

    at: int
    by: str


@dataclass(frozen=True)
class BurnUnrevealed:
    """Anybody has the bond burned of a bid that was not revealed."""

    at: int
    by: str
    bidder: str


Move = Bid | Commit | Reveal | Withdraw | Award | Cancel | BurnUnrevealed


@dataclass(frozen=True)
class Auction:
    """An auction after some moves."""

    market: Market
    free: Mapping[str, int]  # stake of each account that nothing locks
    bids_close_at: int
    reveals_close_at: int
    locked: Mapping[str, int] = field(default_factory=dict)  # for this job
    burned: Mapping[str, int] = field(default_factory=dict)
    leader: str = ""  # the best bidder so far, then the lease holder
    price: int = 0  # what the leader is paid, as things stand
    lowest: int = 0  # sealed: what the leader had bid
    sealed: Mapping[str, bytes] = field(default_factory=dict)  # commitments neither revealed nor withdrawn nor burned
    refund: int = 0  # credited to the consumer
    paid: int = 0  # out of the escrow for the work, fee and owner's part included
    cancelled: bool = False

    @classmethod
    def posted(cls, market: Market, free: Mapping[str, int]) -> Self:
        """An auction before the first move; `free` is everybody's free stake."""
        close = market.posted_at + market.bidding_window
        return cls(market, dict(free), close, close + market.reveal_window)

    def state(self, at: int) -> State:
        """The job's state at `at`, as far as its auction decides it: nobody has accepted the input yet."""
        facts = JobFacts(
            posted_at=self.market.posted_at,
            bids_close_at=self.bids_close_at,
            has_provider=bool(self.leader),
            delivery_window=self.market.delivery_window,
            execution_window=0,
            verification_window=0,
            cancelled=self.cancelled,
            auction=self.market.kind,
            reveal_window=self.reveals_close_at - self.bids_close_at,
            commitments=len(self.sealed),
        )
        return job.state(facts, at)

    def need(self, expected: State, at: int) -> None:
        """Raises Refused in another state."""
        actual = self.state(at)
        if actual is not expected:
            raise Refused("JobInState", expected, actual)

    def need_kind(self, expected: AuctionKind) -> None:
        """Raises Refused in an auction that does not know the move."""
        if self.market.kind is not expected:
            raise Refused("AuctionKindUnsuited", expected, self.market.kind)

    def need_provider(self, account: str) -> None:
        """Raises Refused for the consumer: who may bid besides is for the job's requirements to say."""
        if account == self.market.consumer:
            raise Refused("ConsumerCannotBid", "a provider", account)

    def need_payable(self, price: int) -> None:
        """Raises Refused for a price that does not cover fee and owner, or that the escrow does not cover."""
        if price < self.market.floor:
            raise Refused("PriceBelowFloor", self.market.floor, price)
        if price > self.market.max_price:
            raise Refused("PriceAboveMaximum", self.market.max_price, price)

    def lock(self, account: str, amount: int) -> Self:
        """Lock free stake for this job. Raises Refused when there is too little of it."""
        free = self.free.get(account, 0)
        if free < amount:
            raise Refused("FreeStakeTooLow", amount, free)
        return replace(self, free={**self.free, account: free - amount}, locked={**self.locked, account: amount})

    def release(self, account: str, burn: int = 0) -> Self:
        """Free what `account` has locked, but for `burn` of it."""
        locked = dict(self.locked)
        amount = locked.pop(account)
        free = {**self.free, account: self.free[account] + amount - burn}
        burned = {**self.burned, account: self.burned.get(account, 0) + burn} if burn else self.burned
        return replace(self, free=free, locked=locked, burned=burned)

    def lead(self, account: str, price: int) -> Self:
        """Let `account` lead at `price`: whoever led before is free in the same moment."""
        if account == self.leader:
            return replace(self, price=price)  # Its lock stands.
        auction = self.release(self.leader) if self.leader else self
        return replace(auction.lock(account, self.market.lock), leader=account, price=price)

    def close(self, at: int) -> Self:
        """Let the bids close at `at`: from then on the leader has the lease."""
        return replace(self, bids_close_at=at, reveals_close_at=at)
