"""What a server is made of besides the ports: its limits, its warm children, its till."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from mlm.core.serving import Limits

if TYPE_CHECKING:
    from mlm.adapters.serving.app import Desk, Till
    from mlm.adapters.serving.journal import CallJournal
    from mlm.adapters.serving.received import ServedVouchers
    from mlm.adapters.serving.till import PaidTill, Profile
    from mlm.cli.context import Session
    from mlm.core.served import Terms
    from mlm.ports.bundle import Ports
    from mlm.workflows.serve import Offer
    from mlm.workflows.serve_licence import ServingRight


LOOKS_EVERY = 2.0  # seconds: at what is to be claimed, and at its own licence


def limits(session: Session) -> Limits:
    """The limits that the settings say."""
    get = session.config.get
    return Limits(
        body=get("serve.body_mb") << 20,
        seconds=get("serve.seconds"),
        connections=get("serve.connections"),
        queue=get("serve.queue"),
        batch=get("serve.batch"),
        payer_calls=get("serve.payer_calls"),
        payer_rate=get("serve.payer_rate"),
        drain=get("serve.drain"),
    )


def folder(session: Session, name: str) -> Path:
    """Where a server of this name keeps its log, and its index of the chain if it is paid."""
    made = session.home / "serve" / name
    made.mkdir(parents=True, exist_ok=True, mode=0o700)
    return made


def received(session: Session, made: Ports) -> ServedVouchers:
    """The Received port: what servers of the chosen account were paid with, on the chosen chain."""
    from mlm.adapters.serving.received import ServedVouchers
    from mlm.workflows.serve_channels import CONTRACT

    chain = made.chain
    return ServedVouchers(_journals(session, chain.chain_id(), chain.address_of(CONTRACT), made.sender.address))


def _journals(session: Session, chain_id: int, contract: str, payee: str) -> Path:
    return session.home / "serve" / "received" / f"{chain_id}-{contract.lower()}" / payee.lower()


def own(session: Session, name: str) -> Ports:
    """Ports of one thread of a server: with an index of its own, and the account whose password was asked for once."""
    from mlm.adapters.state.duckdb import DuckState
    from mlm.adapters.system import OsSystem
    from mlm.cli.wiring import ports

    made = ports(session)
    made.sender = session.ports.sender
    made.system = OsSystem(open(os.devnull, "w"))  # noqa: SIM115  # for as long as the server runs
    made.state = DuckState(folder(session, name) / f"state-{session.config.get('network.default')}.duckdb")
    return made


def _profile(session: Session, offer: Offer, version_id: str) -> Profile:
    """How results of the model name their arithmetic."""
    from mlm.workflows.serve_profile import profile

    return profile(session.ports, offer.onnx, version_id)


def till(session: Session, offer: Offer, terms: Terms) -> tuple[PaidTill, CallJournal]:
    """The till of a paid server, and its journal. Raises StateConflict beside another server of the version."""
    from mlm.adapters.chain.typed import recover_digest
    from mlm.adapters.onnx.tensors import NumpyTensorCodec
    from mlm.adapters.serving.facts import Facts
    from mlm.adapters.serving.journal import CallJournal
    from mlm.adapters.serving.received import SUFFIX
    from mlm.adapters.serving.till import PaidTill, Payee
    from mlm.core import channel, served
    from mlm.core.eip712 import Signable
    from mlm.core.errors import InvalidData
    from mlm.workflows import serve_channels

    signer = session.ports.signer
    vouchers = Signable(channel.domain(terms.chain_id, terms.channels), channel.TYPES)
    results = Signable(served.domain(terms.chain_id, terms.channels), served.TYPES)

    def whose(signed: channel.SignedVoucher) -> str:
        try:
            return recover_digest(vouchers.digest(signed.voucher.members), signed.signature)
        except InvalidData:
            return ""

    chain, contracts = own(session, offer.service.name), session.config.get("serve.contract_signers")
    shares = serve_channels.shares(chain, terms.version_id)
    payee = Payee(
        terms=terms,
        profile=_profile(session, offer, terms.version_id),
        sign=lambda result: signer.sign_members(results, result.members),
        recover=whose,
        genuine=partial(serve_channels.genuine, own(session, offer.service.name)) if contracts else None,
        acceptable=lambda found, price: serve_channels.acceptable(found, price, shares),
    )
    place = _journals(session, terms.chain_id, terms.channels, terms.payee)
    journal = CallJournal(place / f"{terms.version_id[2:18]}{SUFFIX}")
    facts = Facts(serve_channels.Reader(chain, terms).read, timeout=session.config.get("chain.timeout"))
    outputs = tuple(spec.name for spec in offer.service.signature.outputs)
    return PaidTill(payee, journal, facts, NumpyTensorCodec(), outputs, limits(session)), journal


def run(session: Session, offer: Offer, host: str, port: int, started: Callable[[str], None]) -> None:
    """Serve it until a signal ends it; `started` is told the URL.

    Raises StateConflict, ToolMissing, ModelStopped; NotLicensed, or ChainError, where its licence no longer lets it.
    """
    from mlm.adapters.serving import run as server
    from mlm.adapters.serving.app import Free
    from mlm.adapters.serving.host import listen, url
    from mlm.workflows.serve_licence import ServingRight

    listening = listen(host, port)
    where = url(listening)
    paid, journal = till(session, offer, offer.terms) if offer.terms is not None else (None, None)
    if paid is not None:
        paid.url = where
    made = desk(session, offer, paid or Free(), journal)
    with ExitStack() as ends:
        if journal is not None:
            ends.callback(claims(session, offer, journal, lambda words: made.log.add({"claim": words})))
        right = None
        if offer.licensed is not None:
            right = ServingRight(own(session, offer.service.name), offer.licensed)
            ends.callback(licence(session, right, lambda words: made.log.add({"licence": words})))
        server.run(
            made,
            listening,
            started=lambda: started(where),
            closing=made.till.close,
            lost=lambda: None if right is None else right.lost,
        )


def licence(session: Session, right: ServingRight, tell: Callable[[str], None]) -> Callable[[], None]:
    """Begin to ask whether the server's own licence holds, in a thread of its own; returns what ends it."""
    from mlm.adapters.serving.beside import again_and_again

    # A chain that gives no answer is asked as often.
    return again_and_again(right.look, tell, LOOKS_EVERY, session.config.get("serve.drain"), longest=LOOKS_EVERY)


def claims(session: Session, offer: Offer, journal: CallJournal, tell: Callable[[str], None]) -> Callable[[], None]:
    """Begin to claim what the server is owed, in a thread of its own; returns what ends it."""
    from mlm.adapters.serving.beside import again_and_again
    from mlm.core.money import parse_units
    from mlm.workflows.serve_claim import Claimer

    get = session.config.get
    claimer = Claimer(
        own(session, offer.service.name), threshold=parse_units(get("serve.claim")), margin=get("serve.margin")
    )
    journal.ended = claimer.over  # who looks for what is to be claimed knows of what nothing is
    left = ["unfinished"]

    def act() -> str:
        if left:
            came = "; ".join(claimer.go_on())
            left.clear()
            return came
        # One step of the interpreter: the loop's thread may add to it meanwhile.
        held = list(journal.channels.values())
        return claimer.look([each.ledger.best for each in held if each.ledger.best is not None])

    return again_and_again(act, tell, LOOKS_EVERY, get("serve.drain"))


def desk(session: Session, offer: Offer, till: Till, journal: CallJournal | None) -> Desk:
    """All that the application works with. The model runs in `serve.children` confined children that stay."""
    from mlm import __version__
    from mlm.adapters.serving.app import Desk
    from mlm.adapters.serving.batch import Batches
    from mlm.adapters.serving.metrics import AccessLog, Metrics
    from mlm.cli import wiring_compute

    children, bounds, metrics = session.config.get("serve.children"), limits(session), Metrics()
    batches = Batches(wiring_compute.runner(session, stay=children), offer.onnx, offer.info, bounds, children)
    log = AccessLog(folder(session, offer.service.name))
    made = Desk(offer.service, batches, till, bounds, metrics, log, __version__)
    metrics.gauge("waiting", "Calls that wait for the model.", lambda: batches.waiting)
    metrics.gauge("running", "Batches that run.", lambda: batches.running)
    metrics.gauge("under_way", "Inference calls under way.", lambda: made.calls)
    metrics.gauge("held_bytes", "Bytes of the bodies of calls under way.", lambda: made.held)
    metrics.gauge("batches_total", "Batches that ran.", lambda: batches.batches, "counter")
    metrics.gauge("batched_calls_total", "Calls that ran in them.", lambda: batches.calls, "counter")
    metrics.gauge("log_lines_lost_total", "Lines of the access log that were lost.", lambda: log.lost, "counter")
    if journal is not None:
        metrics.gauge("journal_bytes", "Size of the journal.", lambda: journal.size)
        metrics.gauge("journal_calls_total", "Calls written to it.", lambda: journal.added, "counter")
        metrics.gauge("journal_syncs_total", "Syncs for them.", lambda: journal.syncs, "counter")
        metrics.gauge("channels", "Channels that have paid.", lambda: len(journal.channels))
    return made
