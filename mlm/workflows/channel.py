"""`mlm channel open|topup|claim|close|refund`: a deposit for a stream of calls, and what vouchers take of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from mlm.core.channel import Channel, ChannelState, SignedVoucher
from mlm.core.errors import NotFound, StateConflict, UsageError
from mlm.core.money import Amount
from mlm.core.plan import Call, Plan, Tx
from mlm.core.refs import address
from mlm.ports.bundle import Ports
from mlm.workflows import channel_show, lookup, permit
from mlm.workflows.apply import DoneStep, Operation
from mlm.workflows.channel_show import CONTRACT, ChannelView
from mlm.workflows.events import event
from mlm.workflows.sync import sync

HOUR = 3_600
MOST_HOURS = 366 * 24
# Vouchers that one transaction claims at most: about 60,000 gas each.
BATCH = 50
# FaultNone and NothingNew of the contract's `check`.
_DUE, _NOTHING_NEW = 0, 3
_FAULTS = ("none", "unknown channel", "the channel has ended", "nothing new", "a bad signature")


@dataclass(frozen=True)
class Open:
    """Parameters of `channel open`: base units, hours; `signer` is the account itself where none is named."""

    asset: str
    payee: str
    amount: Amount
    hours: int = 168
    signer: str = ""


@dataclass(frozen=True)
class TopUp:
    """Parameters of `channel topup`: base units, and hours from now to the new expiry; 0: as it is."""

    channel: str
    amount: Amount = Amount(0)
    hours: int = 0


@dataclass(frozen=True)
class ChannelName:
    """Parameters of `channel close` and `channel refund`."""

    channel: str


@dataclass(frozen=True)
class Claims:
    """Parameters of `channel claim`: the channels, or all of which this machine has a voucher."""

    channels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Due:
    """What one channel's best voucher gives."""

    channel: str
    calls: int
    amount: Amount


@dataclass(frozen=True)
class Claimed:
    """What was claimed, and of which channels; `skipped` says why the vouchers of others gave nothing."""

    account: str
    claimed: Amount
    channels: tuple[Due, ...]
    skipped: tuple[str, ...] = ()
    next: str | None = None


@dataclass(frozen=True)
class _Found:
    due: tuple[Due, ...]
    skipped: tuple[str, ...] = field(default=())


def plan_open(ports: Ports, params: Open) -> Plan[None]:
    """Quote, and open. Raises UsageError, NotFound, InsufficientFunds."""
    version, chain, account = lookup.version(ports, params.asset), ports.chain, ports.sender.address
    payee, signer = address(params.payee), address(params.signer or account)
    if params.amount < 1:
        raise UsageError(f"expected a deposit above zero, found {params.amount}")
    _check_hours(params.hours, 1)
    if payee == account.lower():
        raise UsageError("the payee is this account: expected somebody else's", hint="`mlm wallet list` shows yours.")
    raw = bytes.fromhex(version.version_id[2:])
    nonce = int.from_bytes(ports.system.random(32), "big")
    # The terms as they stand: should anybody change them first, nothing is opened.
    terms, _, floor = chain.call(CONTRACT, "quote", account, payee, signer, raw, nonce)
    if params.amount < floor:
        raise UsageError(
            f"expected a deposit of at least {Amount(floor)}, the least price of one call, found {params.amount}"
        )
    expires_at = chain.block().timestamp + params.hours * HOUR
    call = Call(CONTRACT, "open", (terms, int(params.amount), expires_at))
    opening = Tx(f"open a channel for {version.asset} to {payee}", call, payment=params.amount)
    return Plan("channel open", permit.steps(ports, opening, params.amount), None)


def plan_top_up(ports: Ports, params: TopUp) -> Plan[Channel]:
    """More money, more time, or both. Raises StateConflict, UsageError, InsufficientFunds."""
    if params.amount == 0 and params.hours == 0:
        raise UsageError("expected --amount, --hours or both", hint="`mlm channel show CHANNEL` says what it has.")
    channel = channel_show.settled(ports, params.channel)
    now = _need(ports, channel, ChannelState.OPEN)
    _need_party(ports, channel, channel.terms.payer, "payer")
    expires_at = channel.expires_at
    if params.hours:
        _check_hours(params.hours, 0)
        expires_at = now + params.hours * HOUR
        if expires_at < channel.expires_at:
            raise UsageError(
                f"an expiry never moves earlier: expected at least {-(-(channel.expires_at - now) // HOUR)} hours from "
                f"now, found {params.hours}"
            )
    call = Call(CONTRACT, "topUp", (channel.terms.as_args(), int(params.amount), expires_at))
    tx = Tx(f"top up channel {channel.id[:10]} by {params.amount}", call, payment=params.amount)
    return Plan("channel topup", permit.steps(ports, tx, params.amount) if params.amount else (tx,), channel)


def plan_claim(ports: Ports, params: Claims) -> Plan[_Found]:
    """The best voucher of each channel, in batches; nothing to do where none gives anything.

    Raises NotFound where this machine has no voucher of a channel that was named, StateConflict for another payee's.
    """
    wanted = [channel_show.find(ports, text) for text in params.channels] or _all(ports)
    due, skipped, vouchers = [], [], []
    for channel in {each.id: each for each in wanted}.values():
        signed = _best(ports, channel)
        if signed is None:
            if params.channels:
                raise _no_voucher(channel)
            continue
        _need_party(ports, channel, channel.terms.payee, "payee")
        voucher = voucher_args(channel, signed)
        fault, amount = ports.chain.call(CONTRACT, "check", voucher)
        if fault != _DUE:
            skipped.append(f"{channel.id[:10]}: {_FAULTS[fault]}")
            continue
        due.append(Due(channel.id, signed.voucher.calls, Amount(amount)))
        vouchers.append(voucher)
    steps = tuple(_claiming(due[at : at + BATCH], tuple(vouchers[at : at + BATCH])) for at in range(0, len(due), BATCH))
    return Plan("channel claim", steps, _Found(tuple(due), tuple(skipped)))


def _claiming(due: list[Due], vouchers: tuple[tuple[object, ...], ...]) -> Tx:
    total = Amount(sum(each.amount for each in due))
    return Tx(f"claim {total} of {len(due)} channels", Call(CONTRACT, "claim", (vouchers,)))


def plan_close(ports: Ports, params: ChannelName) -> Plan[Channel]:
    """Claim the best voucher and give the rest back; nothing to do when that is done. Raises StateConflict."""
    channel = channel_show.find(ports, params.channel)
    if channel.ending is ChannelState.CLOSED:
        return Plan("channel close", (), channel)
    _need(ports, channel, ChannelState.OPEN)
    _need_party(ports, channel, channel.terms.payee, "payee")
    signed = _best(ports, channel)
    voucher = voucher_args(channel, signed) if signed else (channel.terms.as_args(), 0, 0, bytes(32), b"")
    if signed:
        fault, _ = ports.chain.call(CONTRACT, "check", voucher)
        if fault not in (_DUE, _NOTHING_NEW):
            raise StateConflict(f"the best voucher of channel {channel.id[:10]} gives nothing: {_FAULTS[fault]}")
    tx = Tx(f"close channel {channel.id[:10]}", Call(CONTRACT, "close", (voucher,)))
    return Plan("channel close", (tx,), channel)


def plan_refund(ports: Ports, params: ChannelName) -> Plan[Channel]:
    """Credit the payer with the rest of an expired channel; nothing to do when it has ended. Raises StateConflict."""
    channel = channel_show.find(ports, params.channel)
    if channel.ending is not None:
        return Plan("channel refund", (), channel)
    _need(ports, channel, ChannelState.EXPIRED)
    call = Call(CONTRACT, "refund", (channel.terms.as_args(),))
    return Plan("channel refund", (Tx(f"refund {Amount(channel.left)} of {channel.id[:10]}", call),), channel)


def voucher_args(channel: Channel, signed: SignedVoucher) -> tuple[object, ...]:
    """The contract's `SignedVoucher`."""
    voucher = signed.voucher
    request = bytes.fromhex(voucher.request[2:])
    return channel.terms.as_args(), voucher.amount, voucher.calls, request, signed.signature


def _all(ports: Ports) -> list[Channel]:
    """The channels of which this machine has a voucher, as far as the chain knows them."""
    known = ports.received.channels()
    sync(ports)
    rows = [row for channel in known for row in ports.state.query("channels", channel_id=channel, ended=False)]
    return [channel_show.read(ports, row) for row in rows]


def _best(ports: Ports, channel: Channel) -> SignedVoucher | None:
    return ports.received.best(channel.id)


def _no_voucher(channel: Channel) -> NotFound:
    return NotFound(
        f"this machine has no voucher of channel {channel.id[:10]}",
        hint="Vouchers are where `mlm serve` of the payee's account runs.",
    )


def _check_hours(hours: int, least: int) -> None:
    if not least <= hours <= MOST_HOURS:
        raise UsageError(f"expected {least} to {MOST_HOURS} hours, found {hours}")


def _need(ports: Ports, channel: Channel, expected: ChannelState) -> int:
    now = ports.chain.block().timestamp
    state = channel.state(now)
    if state is not expected:
        raise StateConflict(
            f"channel {channel.id[:10]} is {state}, expected it {expected}",
            hint=f"`mlm channel show {channel.id[:10]}` says what can be done.",
        )
    return now


def _need_party(ports: Ports, channel: Channel, who: str, role: str) -> None:
    if ports.sender.address.lower() != who.lower():
        raise StateConflict(
            f"the {role} of channel {channel.id[:10]} is {who}, expected {ports.sender.address}",
            hint="Choose the account with --account.",
        )


def _opened(ports: Ports, params: Open, plan: Plan[None], done: tuple[DoneStep, ...]) -> ChannelView:
    me = ports.sender.address.lower()
    found = event(ports, done, "ChannelOpened", lambda args: args["terms"]["payer"].lower() == me)
    return channel_show.show(ports, found.args["channelId"])


def _after(ports: Ports, params: TopUp | ChannelName, plan: Plan[Channel], done: tuple[DoneStep, ...]) -> ChannelView:
    return channel_show.show(ports, plan.facts.id)


def _claimed(ports: Ports, params: Claims, plan: Plan[_Found], done: tuple[DoneStep, ...]) -> Claimed:
    total = Amount(sum(each.amount for each in plan.facts.due))
    left = ports.chain.call(CONTRACT, "creditOf", ports.sender.address)
    hint = "mlm wallet withdraw" if left else None
    return Claimed(ports.sender.address, total, plan.facts.due, plan.facts.skipped, hint)


OPEN = Operation(
    "channel open",
    Open,
    plan_open,
    _opened,
    "The deposit is bound until the expiry, or until the payee closes; then `mlm channel refund` credits what is left.",
)
TOP_UP = Operation(
    "channel topup",
    TopUp,
    plan_top_up,
    _after,
    "What was added is bound as the deposit is; an expiry never moves earlier.",
)
CLAIM = Operation("channel claim", Claims, plan_claim, _claimed, "A claim pays what was signed, and stands.")
CLOSE = Operation("channel close", ChannelName, plan_close, _after, "A closed channel stays closed; open another.")
REFUND = Operation("channel refund", ChannelName, plan_refund, _after, "A refund credits the payer, and stands.")
