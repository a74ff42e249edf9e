"""`mlm run --remote`, and mlm.client: from a server's URL to a channel that pays it, checked against the chain.

Nothing of a server's offer is believed before the chain, or whoever pays, has said the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlm.core.channel import Channel, ChannelState
from mlm.core.clock import Duration
from mlm.core.errors import InsufficientFunds, Refused, UsageError
from mlm.core.evidence import SUFFIX, Evidence
from mlm.core.money import Amount
from mlm.core.plan import JSON_ONLY
from mlm.core.served import Terms
from mlm.ports.bundle import Ports
from mlm.ports.model_server import ModelServer, Offer
from mlm.workflows import channel as channels
from mlm.workflows import channel_show, lookup, model, serve_profile, source
from mlm.workflows.apply import execute
from mlm.workflows.paying import Limits, Paid, Payer, check_terms
from mlm.workflows.run import Output, describe

if TYPE_CHECKING:
    from mlm.ports.tensors import Tensors

CONTRACT = "PaymentChannels"


@dataclass(frozen=True)
class Wanted:
    """What a payer wants of a server, and what it allows. Amounts in base units; `deposit` 0: no channel is opened."""

    url: str
    max_price: Amount  # for a call
    model: str = ""  # its name on the server; the URL may say it, and a server of one model needs none
    asset: str | None = None  # handle/name[@version] that must be served
    channel: str | None = None
    deposit: Amount = Amount(0)  # what one opening, or one top-up, may put into a channel
    spend: Amount | None = None  # all openings and top-ups together; None: one
    hours: int = 24  # of a channel that is opened
    concurrent: int = 1
    seconds: float = 60.0
    exact: bool = False  # believe only results by which their payee could be convicted


@dataclass(frozen=True)
class Deal:
    """A server's offer, found right, and the channel that will pay it."""

    server: str
    model: str
    asset: str  # handle/name@version
    version_id: str
    payee: str
    price: Amount  # for a call
    channel: str | None  # None: one is to be opened
    left: Amount  # of the channel, beyond what is claimed
    to_open: Amount  # what a new channel is opened with
    expires_in: Duration | None


@dataclass(frozen=True)
class Called:
    """The answer to a paid call, and the signed result that says so."""

    model: str
    asset: str
    payee: str
    price: Amount
    channel: str
    call: int
    repeated: bool  # paid before, and asked for again
    outputs: tuple[Output, ...]
    written: str | None
    kept: str | None
    result: dict[str, str] = field(metadata=JSON_ONLY)
    voucher: dict[str, str] = field(metadata=JSON_ONLY)


@dataclass(frozen=True)
class Agreed:
    """A deal with what it takes to act on it."""

    deal: Deal
    terms: Terms
    server: ModelServer
    found: Channel | None


def agree(ports: Ports, wanted: Wanted) -> Agreed:
    """Ask a server for its offer, and find it right or refuse it; nothing is sent or signed.

    1. It asks for payment, in channels of this network's own contract and token.
    2. Its version is published, and the one that was asked for.
    3. Its price is within the limit.
    4. The channel, if one was named or found, pays this payee for this version, by this account's signature.
    Raises Refused, NotFound, UsageError, ServerFailed, InvalidData.
    """
    server = ports.model_servers(wanted.url, wanted.model, wanted.seconds)
    offer = server.offer()
    # (1)
    terms = _terms(ports, offer, server.where)
    # (2)
    version = lookup.version_by_id(ports, terms.version_id)
    if wanted.asset is not None:
        expected = lookup.version(ports, wanted.asset)
        if expected.version_id != terms.version_id:
            raise Refused(f"the model that {server.where} serves", expected.asset, version.asset)
    # (3)
    if terms.price > wanted.max_price:
        raise Refused("the price of a call", f"at most {wanted.max_price}", Amount(terms.price))
    # (4)
    found = _named(ports, wanted.channel, terms) if wanted.channel else _usable(ports, terms)
    left = Amount(found.left if found else 0)
    now = ports.chain.block().timestamp
    deal = Deal(
        server=server.where,
        model=offer.model,
        asset=str(version.asset),
        version_id=terms.version_id,
        payee=terms.payee,
        price=Amount(terms.price),
        channel=found.id if found else None,
        left=left,
        to_open=Amount(0) if found else wanted.deposit,
        expires_in=Duration(max(0, found.expires_at - now)) if found else None,
    )
    return Agreed(deal, terms, server, found)


def _terms(ports: Ports, offer: Offer, where: str) -> Terms:
    if offer.terms is None:
        raise UsageError(
            f"{where} serves {offer.model[:60]!r} for nothing, and signs no result",
            hint="Any client of the Open Inference Protocol calls it; mlm pays for signed results.",
        )
    chain = ports.chain
    own = replace(
        offer.terms,
        chain_id=chain.chain_id(),
        genesis=chain.block(0).hash,
        channels=chain.address_of(CONTRACT).lower(),
        token=str(chain.call(CONTRACT, "token")).lower(),
    )
    check_terms(offer.terms, own)
    return own


def _named(ports: Ports, name: str, terms: Terms) -> Channel:
    found = channel_show.find(ports, name)
    frozen = found.terms
    for what, expected, actual in (
        ("payee", terms.payee, frozen.payee),
        ("version", terms.version_id, frozen.version_id),
        ("signer", ports.signer.address, frozen.signer),
    ):
        if expected.lower() != actual.lower():
            raise Refused(f"the {what} of the channel {found.id[:10]}…", expected, actual)
    state = found.state(ports.chain.block().timestamp)
    if state is not ChannelState.OPEN:
        raise Refused(f"the channel {found.id[:10]}…", "open", state.value)
    return found


def _usable(ports: Ports, terms: Terms) -> Channel | None:
    """The open channel with most left that this account can sign for; None where there is none."""
    account = ports.signer.address
    rows = ports.state.query(
        "channels", payer=account.lower(), payee=terms.payee, version_id=terms.version_id, ended=False
    )
    now = ports.chain.block().timestamp
    found = [channel_show.find(ports, str(row["channel_id"])) for row in rows]
    usable = [
        each
        for each in found
        if each.state(now) is ChannelState.OPEN
        and each.expires_at > now + terms.margin
        and each.terms.signer.lower() == account.lower()
    ]
    return max(usable, key=lambda each: each.left, default=None)


def open_payer(
    ports: Ports,
    wanted: Wanted,
    agreed: Agreed,
    confirm: Callable[[Any], bool] | None = None,
    *,
    again: bool = False,
) -> Payer:
    """A payer of what was agreed: a channel is opened, and topped up, with what `wanted` allows.

    Raises InsufficientFunds where a channel is needed and none may be opened, UsageError where results were to be exact
    and the model is not.
    """
    opens = _opens(ports, agreed) if wanted.exact else None
    budget = _Budget(ports, wanted, agreed.terms, confirm, again)
    channel = agreed.found or budget.open()
    limits = Limits(int(wanted.max_price), wanted.concurrent, wanted.seconds)
    return Payer(ports, agreed.server, agreed.terms, channel, limits, budget.more(channel), opens)


def _opens(ports: Ports, agreed: Agreed) -> Callable[[Tensors, Tensors], str]:
    """How an exact result names its profile: by the model's file, which has to be readable here; it is not run."""
    version = lookup.version_by_id(ports, agreed.terms.version_id)
    onnx = model.load(ports, version).onnx
    if not serve_profile.is_exact(ports, onnx):
        raise UsageError(
            f"{version.asset} is of no exact profile: expected a model whose results are exact",
            hint="Leave --exact out: what is signed then is nothing that anybody could be convicted by.",
        )
    named = serve_profile.profile(ports, onnx, version.version_id)
    return lambda given, outputs: named(given)(outputs)


class _Budget:
    """Opens and tops up, until all that may be put into channels is."""

    def __init__(
        self, ports: Ports, wanted: Wanted, terms: Terms, confirm: Callable[[Any], bool] | None, again: bool
    ) -> None:
        self._ports, self._wanted, self._terms, self._confirm, self._again = ports, wanted, terms, confirm, again
        self._left = int(wanted.deposit if wanted.spend is None else wanted.spend)

    def open(self) -> Channel:
        """A new channel, with one deposit."""
        amount = self._take(self._terms.price, "there is no open channel to it")
        version = lookup.version_by_id(self._ports, self._terms.version_id)
        params = channels.Open(str(version.asset), self._terms.payee, Amount(amount), self._wanted.hours)
        done = execute(self._ports, channels.OPEN, params, self._confirm, again=self._again)
        return channel_show.find(self._ports, done.result.channel)

    def more(self, channel: Channel) -> Callable[[int], Channel] | None:
        """Tops the channel up to at least so much; None where nothing may be put into it."""
        if not self._left:
            return None

        def top_up(needed: int) -> Channel:
            now = channel_show.find(self._ports, channel.id)
            amount = self._take(needed - now.deposit, f"the channel {channel.id[:10]}… is used up")
            params = channels.TopUp(channel.id, Amount(amount))
            execute(self._ports, channels.TOP_UP, params, self._confirm, again=self._again)
            return channel_show.find(self._ports, channel.id)

        return top_up

    def _take(self, least: int, why: str) -> int:
        amount = min(max(int(self._wanted.deposit), least), self._left)
        if amount < least:
            raise InsufficientFunds(
                f"{why}: expected at least {Amount(least)} that may be put into one, found {Amount(self._left)}",
                hint="Give --deposit AMOUNT, or open one yourself: `mlm channel open`.",
            )
        self._left -= amount
        return amount


def called(ports: Ports, agreed: Agreed, paid: Paid, output: Path | None, keep: Path | None) -> Called:
    """What a call gave, after its outputs and its evidence are written where they were asked for."""
    voucher = paid.voucher.voucher
    evidence = keep / evidence_name(paid) if keep else None
    if evidence is not None:
        ports.files.write(evidence, evidence_of(agreed.terms, paid).to_bytes())
    if output is not None:
        ports.files.write(output, ports.tensors.encode(paid.outputs, output.suffix))
    return Called(
        model=agreed.deal.model,
        asset=agreed.deal.asset,
        payee=agreed.deal.payee,
        price=agreed.deal.price,
        channel=voucher.channel,
        call=voucher.calls,
        repeated=paid.repeated,
        outputs=describe(paid.outputs),
        written=str(output) if output else None,
        kept=str(evidence) if evidence else None,
        result=paid.result.to_json(),
        voucher={
            "channel": voucher.channel,
            "amount": str(voucher.amount),
            "calls": str(voucher.calls),
            "request": voucher.request,
            "signature": "0x" + paid.voucher.signature.hex(),
        },
    )


def evidence_of(terms: Terms, paid: Paid) -> Evidence:
    """What a dispute about a call needs."""
    return Evidence(terms, paid.voucher, paid.result, paid.input_block, paid.output_block)


def evidence_name(paid: Paid) -> str:
    """The name of a call's evidence: its channel's first digits, and its number."""
    voucher = paid.voucher.voucher
    return f"{voucher.channel[2:14]}-{voucher.calls:06d}{SUFFIX}"


def run(
    ports: Ports,
    wanted: Wanted,
    input: Path,
    output: Path | None,
    keep: Path | None,
    confirm: Callable[[Any], bool] | None = None,
    *,
    give_up: bool = False,
    again: bool = False,
) -> Called:
    """One paid call on the tensors of a file. The same input again after a failure repeats it with its voucher."""
    if keep is not None and not ports.files.is_folder(keep):
        with ports.files.new_folder(keep):
            pass
    agreed = agree(ports, wanted)
    inputs = _inputs(ports, input, agreed.server)
    with open_payer(ports, wanted, agreed, confirm, again=again) as payer:
        if give_up:
            payer.give_up()
        return called(ports, agreed, payer.infer(inputs), output, keep)


def _inputs(ports: Ports, path: Path, server: ModelServer) -> Tensors:
    return source.read_inputs(ports, path, server.offer().inputs)
