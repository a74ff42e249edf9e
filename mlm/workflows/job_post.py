"""`mlm job post`: commit to the input, push it, publish who may bid, escrow the maximum price."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlm.core import requirements_text
from mlm.core.auctions import asked
from mlm.core.cid import Cid
from mlm.core.clock import Instant
from mlm.core.errors import UsageError
from mlm.core.job import AuctionKind, JobFacts, Tier
from mlm.core.money import Amount
from mlm.core.plan import Call, Plan, Step, Store, Tx
from mlm.core.terms import JobRecord, Request, request_args, terms_from_event
from mlm.ports.bundle import Ports
from mlm.workflows import announce, inputs, job_requirements, lookup, model, outputs, permit, source
from mlm.workflows.apply import DoneStep, Operation
from mlm.workflows.events import event


@dataclass(frozen=True)
class JobPost:
    """Parameters of `job post`. Prices in base units, windows in seconds.

    What the kind of auction does not know is None (mlm/core/auctions/asked.py). `require` holds rules of who may bid.
    `private`: the input travels encrypted, and so do the outputs of the tier none.
    """

    asset: str
    input: Path
    max_price: Amount
    auction: AuctionKind
    tier: Tier
    bidding: int
    delivery: int
    execution: int
    verification: int
    start_price: Amount | None = None
    price_step: Amount | None = None
    reveal: int | None = None
    require: tuple[str, ...] = ()
    require_file: Path | None = None
    private: bool = False


@dataclass(frozen=True)
class Posted:
    """A posted job. `input` is the CID of the block that the winner fetches.

    `reveals_close_at` is until when sealed bids are revealed, or the awards of a batch drawn.
    """

    job: str
    asset: str
    input: Cid
    input_commitment: bytes
    escrow: Amount
    bids_close_at: Instant
    reveals_close_at: Instant | None
    requirements: tuple[str, ...]
    next: str


@dataclass(frozen=True)
class _Facts:
    asset: str
    input: inputs.Committed
    requirements: tuple[str, ...]


def plan(ports: Ports, params: JobPost) -> Plan[_Facts]:
    """Check the model and the input, then store the input and post. Raises UsageError, InvalidData."""
    if params.tier not in inputs.SCHEMES:
        raise UsageError(f"the tier {params.tier} is not available yet", hint="Use --tier zk or --tier none.")
    asked.check(params.auction, params.max_price, params.start_price, params.price_step, params.reveal)
    wanted = job_requirements.asked(ports, params.require, params.require_file)
    version = lookup.version(ports, params.asset)
    loaded = model.load(ports, version)
    if params.tier is Tier.NONE:
        outputs.check_fits(loaded.manifest)
    else:
        model.check_key(ports, loaded, version)
    signature = loaded.manifest.signature
    assert signature is not None
    tensors = source.read_inputs(ports, params.input, tuple(spec.name for spec in signature.inputs))
    model.check_inputs(loaded.manifest, tensors)
    committed = inputs.commit(ports, loaded, version.version_id, params.tier, tensors, params.private)
    cid = committed.cid
    request = Request(
        version_id=version.version_id,
        tier=int(params.tier),
        auction=int(params.auction),
        scheme=inputs.SCHEMES[params.tier],
        input_commitment="0x" + committed.commitment.hex(),
        input="0x" + cid.digest.hex(),
        max_price=int(params.max_price),
        start_price=int(params.start_price or 0),
        price_step=int(params.price_step or 0),
        bidding_window=params.bidding,
        reveal_window=params.reveal or 0,
        delivery_window=params.delivery,
        execution_window=params.execution,
        verification_window=params.verification,
        requirements=job_requirements.named(wanted),
    )
    nonce = int.from_bytes(ports.system.random(32), "big")
    call = Call("JobMarket", "post", (request_args(request), nonce))
    post = Tx(f"post the job, escrow {params.max_price}", call, payment=params.max_price)
    # Who reads a private result has to be known before there is one.
    reads = params.private and params.tier is Tier.NONE
    steps: tuple[Step, ...] = (
        Store("push the encrypted input" if params.private else "push the input", cid, ((cid, committed.block),)),
        *(announce.steps(ports, announce.own(ports)) if reads else ()),
        *job_requirements.publishing(ports, wanted),
        *permit.steps(ports, post, params.max_price),
    )
    return Plan("job post", steps, _Facts(str(version.asset), committed, requirements_text.spell(wanted)))


def result(ports: Ports, params: JobPost, plan: Plan[_Facts], done: tuple[DoneStep, ...]) -> Posted:
    """What was posted, read from the JobPosted event."""
    me, expected = ports.sender.address.lower(), ("0x" + plan.facts.input.commitment.hex(), params.max_price)

    def ours(args: Mapping[str, Any]) -> bool:
        asked = terms_from_event(args["terms"]).request
        return args["consumer"].lower() == me and (asked.input_commitment, asked.max_price) == expected

    posted = event(ports, done, "JobPosted", ours)
    job_id = posted.args["jobId"]
    facts, found = (
        plan.facts,
        JobFacts.of(JobRecord(*ports.chain.call("JobMarket", "jobOf", bytes.fromhex(job_id[2:])))),
    )
    return Posted(
        job=job_id,
        asset=facts.asset,
        input=facts.input.cid,
        input_commitment=facts.input.commitment,
        escrow=params.max_price,
        bids_close_at=Instant(found.bids_close_at),
        reveals_close_at=Instant(found.reveals_close_at) if params.reveal else None,
        requirements=facts.requirements,
        next=f"mlm job watch {job_id[:10]}" + (f" --until leased; mlm job deliver {job_id[:10]}" * params.private),
    )


OPERATION = Operation(
    "job post",
    JobPost,
    plan,
    result,
    "`mlm job cancel JOB` gives the escrow back while the job has no bid.",
)
