"""What a server needs of the chain: its terms, the channels that pay it, and whether a contract has signed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mlm.core.channel import Channel, ChannelState, ChannelTerms, SignedVoucher, terms_from_event
from mlm.core.errors import Reverted, UsageError
from mlm.core.money import Amount
from mlm.core.served import Terms
from mlm.core.settlement import kept
from mlm.ports.bundle import Ports
from mlm.workflows.lookup import Version
from mlm.workflows.sync import sync

CONTRACT = "PaymentChannels"
_ENDINGS = {3: ChannelState.CLOSED, 4: ChannelState.REFUNDED}  # the contract's enum
_NO_FAULT = 0  # Fault.None, of IPaymentChannels.sol
_SETTLED = 86_400  # seconds of blocks after which no reorganisation gives a channel its end back


def terms(ports: Ports, version: Version, price: Amount | None, margin: int) -> Terms:
    """What this account asks for a call of a version: `price`, or the least that leaves nobody short.

    Raises UsageError for a price below that.
    """
    me, raw = ports.sender.address, bytes.fromhex(version.version_id[2:])
    _, _, least = ports.chain.call(CONTRACT, "quote", me, me, me, raw, 0)
    if price is not None and price < least:
        raise UsageError(
            f"--price: expected at least {Amount(least)}, which the protocol's fee and the owner of {version.asset} "
            f"take of a call, found {price}",
            hint="`mlm price show` tells the asset's use price; --free asks for nothing.",
        )
    return Terms(
        chain_id=ports.chain.chain_id(),
        genesis=ports.chain.block(0).hash,
        channels=ports.chain.address_of(CONTRACT).lower(),
        token=ports.chain.call(CONTRACT, "token").lower(),
        payee=me.lower(),
        version_id=version.version_id,
        price=int(least if price is None else price),
        margin=margin,
    )


@dataclass(frozen=True)
class Shares:
    """What others take of a call now: basis points of its price, and the owner's use price in base units."""

    fee_bps: int
    use_price: int
    owner_bps: int


def shares(ports: Ports, version_id: str) -> Shares:
    """The protocol's share, which is immutable, and what a channel that is opened now would give the owner."""
    use_price, owner_bps, _, _ = ports.chain.call("AssetRegistry", "royaltyOf", bytes.fromhex(version_id[2:]))
    return Shares(ports.chain.call(CONTRACT, "protocolFeeBps"), use_price, owner_bps)


def acceptable(channel: Channel, price: int, now: Shares) -> str:
    """Why a channel that has paid for nothing yet is refused; nothing where it is not.

    Its terms are frozen at its opening, and the owner may have raised its part just before: a payee takes no channel
    that leaves it less of a call than it counted on when it began to serve.
    """
    terms = channel.terms
    counted_on = kept(price, fee_bps=now.fee_bps, use_price=now.use_price, owner_bps=now.owner_bps)
    left = kept(price, fee_bps=now.fee_bps, use_price=terms.use_price, owner_bps=terms.owner_bps)
    if left >= max(0, counted_on):
        return ""
    return f"terms that leave {max(0, counted_on)} of {price} base units a call to who serves it, with these {left}"


class Reader:
    """Reads channels, in a thread of its own. Its clock is the chain's, also between blocks that are far apart.

    This machine's clock may be set meanwhile: seconds are counted from the newest block on, not from a difference.
    With `terms`, channels to others, or for other versions, are none: whoever names them costs no question.
    The index is synced for channels that were not open when they were last read, or are not now. An id is the digest of
    the terms: of a channel that stays open only the contract need be asked.
    """

    def __init__(self, ports: Ports, terms: Terms | None = None) -> None:
        self._ports, self._terms, self._block, self._seen = ports, terms, 0, 0.0
        self._open: dict[str, ChannelTerms] = {}  # those that were, when they were last read

    def read(self, names: Sequence[str]) -> tuple[int, dict[str, Channel | None]]:
        """The chain's time and these channels; None for one that does not exist, as settled as chain.finality asks."""
        ports = self._ports
        found = self._look_up([name for name in names if name not in self._open])
        timestamp, monotonic = ports.chain.block().timestamp, ports.system.monotonic()
        if timestamp != self._block:
            self._block, self._seen = timestamp, monotonic
        now = max(ports.system.now(), timestamp + int(monotonic - self._seen))
        seen: dict[str, Channel | None] = {}
        for name in names:
            terms = self._open.get(name) or found.get(name)
            channel = seen[name] = self._ask(name, terms) if terms else None
            if channel is not None and channel.state(now) is ChannelState.OPEN:
                self._open[name] = channel.terms
            elif self._open.pop(name, None):
                sync(ports)  # for `over`
        return now, seen

    def over(self, name: str) -> bool:
        """Whether nothing can ever be claimed of a channel any more: a day of blocks has passed since its end.

        As of the last `read`, by the chain alone: a clock that is wrong makes nobody forget a voucher.
        """
        rows = self._ports.state.query("channels", channel_id=name)
        if not rows:
            return False
        ends = [int(rows[0][at]) for at in ("expires_at", "ended_at") if rows[0][at] is not None]
        return self._block >= min(ends) + _SETTLED

    def _look_up(self, names: Sequence[str]) -> dict[str, ChannelTerms]:
        """The terms of those that exist."""
        if not names:
            return {}
        synced, found = sync(self._ports), dict[str, ChannelTerms]()
        newest = {"included": synced.head, "safe": synced.safe or 0, "finalized": synced.finalized or 0}
        for name in names:
            rows = self._ports.state.query("channels", channel_id=name)
            if not rows or rows[0]["block"] > newest[self._ports.chain.depth]:
                continue
            wanted, row = self._terms, rows[0]
            if wanted and (row["payee"].lower(), row["version_id"]) != (wanted.payee.lower(), wanted.version_id):
                continue
            found[name] = terms_from_event(row["terms"])
        return found

    def _ask(self, name: str, terms: ChannelTerms) -> Channel | None:
        deposit, claimed, _, calls, expires_at, ending = self._ports.chain.call(
            CONTRACT, "channelOf", bytes.fromhex(name[2:])
        )
        if not deposit:  # a reorganisation took it
            return None
        return Channel(name, terms, deposit, claimed, calls, expires_at, _ENDINGS.get(ending))


def genuine(ports: Ports, signed: SignedVoucher, channel: Channel) -> bool:
    """Whether the channel's signer, a contract (ERC-1271), says that it signed. Asks the chain. Raises ChainError.

    Of a voucher that gives no more than was claimed the contract says nothing: it is none that is to be served.
    """
    voucher = signed.voucher
    arguments = (
        channel.terms.as_args(), voucher.amount, voucher.calls, bytes.fromhex(voucher.request[2:]), signed.signature
    )  # fmt: skip
    try:
        fault, _ = ports.chain.call(CONTRACT, "check", arguments)
    except Reverted:
        return False
    return int(fault) == _NO_FAULT
