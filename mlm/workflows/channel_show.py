"""`mlm channel list|show`: payment channels as the chain has them now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mlm.core.channel import Channel, ChannelState, ChannelTerms, terms_from_event
from mlm.core.clock import Duration, Instant
from mlm.core.errors import NotFound, StateConflict, UsageError
from mlm.core.job import FINALITY, Reason
from mlm.core.money import Amount
from mlm.core.plan import FIRST_PAGE, NO_MORE
from mlm.core.refs import parse_channel
from mlm.ports.bundle import Ports
from mlm.workflows.rows import every
from mlm.workflows.sync import sync

CONTRACT = "PaymentChannels"
PAGE = 50
# In the order of the contract's enum.
_STATES = tuple(ChannelState)


@dataclass(frozen=True)
class ChannelCredit:
    """What an account was credited through the channel, and why."""

    account: str
    reason: Reason
    amount: Amount


@dataclass(frozen=True)
class ChannelView:
    """A channel as people read it. `calls` is the number of the last call that was claimed."""

    channel: str
    asset: str
    state: ChannelState
    next: str | None
    payer: str
    payee: str
    signer: str
    deposit: Amount
    claimed: Amount
    left: Amount
    calls: int
    expires_at: Instant
    lasts: Duration
    use_price: Amount
    finality: str
    credits: tuple[ChannelCredit, ...] = ()


@dataclass(frozen=True)
class ChannelRow:
    """A channel in a list."""

    channel: str
    asset: str
    state: ChannelState
    deposit: Amount
    claimed: Amount
    expires_at: Instant
    payer: str
    payee: str


@dataclass(frozen=True)
class ChannelList:
    """One page of channels, newest first; `more` says that another page follows."""

    channels: tuple[ChannelRow, ...]
    page: int = field(metadata=FIRST_PAGE)
    more: bool = field(metadata=NO_MORE)
    next: str | None


def find(ports: Ports, text: str) -> Channel:
    """Resolve channel/ID or a unique prefix, synced to the chain's head. Raises UsageError, NotFound."""
    prefix = parse_channel(text).prefix
    sync(ports)
    found = [row["channel_id"] for row in ports.state.query("channel_prefix", prefix=prefix)]
    if not found:
        raise NotFound(f"no channel starts with {prefix}", hint="`mlm channel list` shows the channels.")
    if len(found) > 1:
        raise UsageError(f"{prefix} matches {len(found)} channels: {', '.join(found[:4])}", hint="Give more digits.")
    return read(ports, row_of(ports, found[0]))


def settled(ports: Ports, text: str) -> Channel:
    """A channel on which money may be staked: its newest event stands in a block as settled as asked.

    Raises StateConflict for one that a reorganisation could still change (chain.finality).
    """
    found, wanted = find(ports, text), ports.chain.depth
    finality = row_of(ports, found.id)["finality"]
    if FINALITY.index(finality) < FINALITY.index(wanted):
        raise StateConflict(
            f"the newest block of channel {found.id[:10]} is {finality}, expected it {wanted}",
            hint="Wait until the chain has settled it; chain.finality says what mlm waits for.",
        )
    return found


def row_of(ports: Ports, channel: str) -> Mapping[str, Any]:
    """The index's row of a channel by its whole id; raises NotFound."""
    rows = ports.state.query("channels", channel_id=channel)
    if not rows:
        raise NotFound(f"the index knows no channel {channel[:10]}", hint="`mlm channel list` shows the channels.")
    return rows[0]


def read(ports: Ports, row: Mapping[str, Any]) -> Channel:
    """A channel: the index finds it, the contract decides. Raises StateConflict where it knows none."""
    raw = bytes.fromhex(row["channel_id"][2:])
    deposit, claimed, _, calls, expires_at, ending = ports.chain.call(CONTRACT, "channelOf", raw)
    if expires_at == 0:
        raise StateConflict(f"the chain knows no channel {row['channel_id'][:10]}", hint="Run `mlm sync --rebuild`.")
    ended = _STATES[ending] if ending else None
    return Channel(row["channel_id"], terms_of(row), deposit, claimed, calls, expires_at, ended)


def terms_of(row: Mapping[str, Any]) -> ChannelTerms:
    """The terms in a row of the index."""
    return terms_from_event(row["terms"])


def view(ports: Ports, channel: Channel) -> ChannelView:
    """A channel with its credits."""
    now, terms = ports.chain.block().timestamp, channel.terms
    credits = ports.state.query("channel_credits", channel_id=channel.id)
    state = channel.state(now)
    return ChannelView(
        channel=channel.id,
        asset=asset_of(ports, terms.version_id),
        state=state,
        next=_next(channel, state),
        payer=terms.payer,
        payee=terms.payee,
        signer=terms.signer,
        deposit=Amount(channel.deposit),
        claimed=Amount(channel.claimed),
        left=Amount(channel.left),
        calls=channel.claimed_calls,
        expires_at=Instant(channel.expires_at),
        lasts=Duration(max(0, channel.expires_at - now)),
        use_price=Amount(terms.use_price),
        finality=row_of(ports, channel.id)["finality"],
        credits=tuple(ChannelCredit(row["account"], Reason(row["reason"]), Amount(row["amount"])) for row in credits),
    )


def show(ports: Ports, text: str) -> ChannelView:
    """One channel by name."""
    return view(ports, find(ports, text))


def channels(ports: Ports, *, mine: bool = False, only_open: bool = False, page: int = 1) -> ChannelList:
    """Channels, newest first, PAGE to a page; `mine`: those that the account pays or is paid by."""
    sync(ports)
    ended, now = (False if only_open else None), ports.chain.block().timestamp
    if mine:
        me = ports.sender.address
        both = [every(ports, "channels", ended=ended, **{side: me}) for side in ("payer", "payee")]
        rows = sorted({row["channel_id"]: row for row in (*both[0], *both[1])}.values(), key=_newest)
        rows = rows[(page - 1) * PAGE : page * PAGE + 1]
    else:
        rows = ports.state.query("channels", ended=ended, limit=PAGE + 1, offset=(page - 1) * PAGE)
    found = [read(ports, row) for row in rows[:PAGE]]
    listed = tuple(
        ChannelRow(
            channel=channel.id,
            asset=asset_of(ports, channel.terms.version_id),
            state=channel.state(now),
            deposit=Amount(channel.deposit),
            claimed=Amount(channel.claimed),
            expires_at=Instant(channel.expires_at),
            payer=channel.terms.payer,
            payee=channel.terms.payee,
        )
        for channel in found
    )
    over = next((each for each in found if each.state(now) is ChannelState.EXPIRED), None)
    return ChannelList(listed, page, len(rows) > PAGE, None if over is None else _next(over, ChannelState.EXPIRED))


def _newest(row: Mapping[str, Any]) -> tuple[int, str]:
    return -row["block"], row["channel_id"]


def asset_of(ports: Ports, version_id: str) -> str:
    """handle/name@version of a version, or its id where the index has no name."""
    rows = ports.state.query("versions", version_id=version_id)
    return f"{rows[0]['handle']}/{rows[0]['name']}@{rows[0]['version']}" if rows else version_id


def _next(channel: Channel, state: ChannelState) -> str | None:
    """What can be done now, and by whom."""
    name = channel.id[:10]
    if state is ChannelState.OPEN:
        return f"the payee: mlm channel claim {name}; the payer: mlm channel topup {name} --amount AMOUNT"
    return f"anybody: mlm channel refund {name}" if state is ChannelState.EXPIRED else None
