"""When a payee serves a call that a voucher pays for: one rule, as a state machine without clock or I/O.

A payee keeps a Ledger for each channel, writes down what it admits before it answers, and rebuilds the ledger from
that after a crash. No channel is ever locked: a ledger holds what was served, never what is being served.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from mlm.core.channel import Channel, ChannelState, SignedVoucher

# Numbers of calls that a payee remembers below the highest one that it served: concurrent calls arrive in any order.
WINDOW = 1024


@dataclass(frozen=True)
class Admitted:
    """Serve it: paid, and never served before."""


@dataclass(frozen=True)
class Repeat:
    """Give the same answer again, for nothing: this call was served, for this request."""


@dataclass(frozen=True)
class Refused:
    """Not served, and nothing was taken. `reason` is stable; `status` is HTTP's; `expected` and `found` say why."""

    reason: str
    status: int
    expected: str
    found: str

    def __str__(self) -> str:
        return f"{self.reason}: expected {self.expected}, found {self.found}"


Answer = Admitted | Repeat | Refused


@dataclass
class Ledger:
    """What a payee knows of one channel. `price` holds for the channel's whole life, in base units for a call.

    INVARIANT: count <= highest, and best.amount >= highest * price: every call that was served is paid, whatever the
    order in which calls came.
    """

    price: int
    best: SignedVoucher | None = None  # with the largest amount; of those, the one with the most calls: what to claim
    count: int = 0  # calls served
    highest: int = 0  # the largest number served
    floor: int = 0  # numbers up to here are forgotten, and refused: whether they were served nobody knows any more
    served: dict[int, str] = field(default_factory=dict)  # request by number, above the floor

    @classmethod
    def after_loss(cls, price: int, channel: Channel) -> Ledger:
        """The ledger of a payee that has nothing but the chain: no number that was paid for there counts again."""
        claimed = channel.claimed_calls
        return cls(price, count=claimed, highest=claimed, floor=claimed)

    def record(self, signed: SignedVoucher) -> None:
        """Takes in a voucher whose call was admitted or repeated; again changes nothing."""
        voucher = signed.voucher
        best = self.best.voucher if self.best else None
        if best is None or (voucher.amount, voucher.calls) > (best.amount, best.calls):
            self.best = signed
        if voucher.calls <= self.floor or voucher.calls in self.served:
            return
        self.served[voucher.calls] = voucher.request
        self.count += 1
        self.highest = max(self.highest, voucher.calls)
        if self.highest - WINDOW > self.floor:
            before, self.floor = self.floor, self.highest - WINDOW
            # Most often one leaves; a jump may leave many behind.
            few = self.floor - before < len(self.served)
            for number in range(before + 1, self.floor + 1) if few else list(self.served):
                if number <= self.floor:
                    self.served.pop(number, None)


def admit(
    ledger: Ledger,
    channel: Channel | None,
    signed: SignedVoucher,
    *,
    request: str,
    genuine: bool,
    now: int,
    margin: int,
) -> Answer:
    """Decides about one call; changes nothing: whoever serves then writes it down and calls `ledger.record`.

    `channel` is None where the chain has none of this payee and version; `request` the digest of what was asked;
    `genuine` whether the signature is the channel's signer's; `margin` the seconds before expiry from which nothing
    more is served, so that a claim is in time.

    1. The channel exists.
    2. The voucher pays for this request, and for no other.
    3. Its signature is good.
    4. A number that was served: for the same request again, for another never.
    5. Its number is not forgotten.
    6. The channel is open for long enough.
    7. The deposit covers the amount.
    8. The amount pays for this call and for all numbers before it.
    """
    voucher = signed.voucher
    # (1)
    if channel is None or channel.id != voucher.channel:
        return Refused("channel_unknown", 402, "a channel to this payee for this version", voucher.channel)
    # (2)
    if voucher.request != request:
        return Refused("request_mismatch", 400, f"a voucher for the request {request}", voucher.request)
    # (3)
    if not genuine:
        return Refused("signature_invalid", 401, f"the signature of {channel.terms.signer}", "another")
    # (4) Also of a channel that has ended: it was paid.
    before = ledger.served.get(voucher.calls)
    if before is not None:
        if before == request:
            return Repeat()
        return Refused("call_taken", 409, f"call {ledger.highest + 1} or another free one", f"call {voucher.calls}")
    # (5)
    if voucher.calls <= ledger.floor:
        return Refused("call_too_old", 409, f"a call above {ledger.floor}", f"call {voucher.calls}")
    # (6)
    state = channel.state(now)
    if state is not ChannelState.OPEN:
        return Refused("channel_ended", 402, "an open channel", state.value)
    if now + margin >= channel.expires_at:
        return Refused("channel_expires", 402, f"an expiry after {now + margin}", str(channel.expires_at))
    # (7)
    if voucher.amount > channel.deposit:
        return Refused("over_deposit", 402, f"at most the deposit of {channel.deposit}", str(voucher.amount))
    # (8) INVARIANT: with it, (count + 1) * price <= the largest amount.
    if voucher.amount < voucher.calls * ledger.price:
        return Refused("underpaid", 402, f"at least {voucher.calls * ledger.price}", str(voucher.amount))
    return Admitted()
