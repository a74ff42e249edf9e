"""`mlm job post`: commit to the input, push it, publish who may bid, escrow the maximum price."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlm.core import requirements_text
from mlm.core.auctions import asked
from mlm.core.cid import DAG_CBOR, Cid
from mlm.core.clock import Instant
from mlm.core.digest import keccak256
from mlm.core.errors import InvalidData, UsageError
from mlm.core.job import AuctionKind, JobFacts, Tier
from mlm.core.manifest import Manifest
from mlm.core.money import Amount
from mlm.core.plan import Call, Plan, Step, Store, Tx
from mlm.core.terms import MAX_VALUE_AT_RISK, JobRecord, Request, request_args, terms_from_event
from mlm.ports.bundle import Ports
from mlm.workflows import announce, inputs, job_requirements, lookup, model, permit, source, tiers
from mlm.workflows.apply import DoneStep, Operation
from mlm.workflows.events import event
from mlm.workflows.objects import fetch

if TYPE_CHECKING:
    from mlm.ports.tensors import Tensors

_DOMAIN = b"mlm/job-label/1"
Pay = Callable[[Ports, Tx, int], tuple[Tx, ...]]


@dataclass(frozen=True)
class JobPost:
    """Parameters of `job post`. Prices in base units, windows in seconds.

    What the kind of auction does not know is None (mlm/core/auctions/asked.py). `require` holds rules of who may bid.
    `value_at_risk`: what a false result would cost beyond the price, in tiers whose results can be disputed; of twice
    that, which a provider locks as well, half burns. In the tier redundant `replicas` are drawn beside the provider,
    and paid `replica_fee` each. In the tier tee `tcb_status` and `enclaves` say by commas which platforms and kinds are
    accepted, `attestation_max_age` how many seconds old their evidence may be, `simulated` whether evidence that
    convinces nobody is. `input` is a file, or the CID of a block of tensors; `private`: it travels encrypted, as do the
    outputs of the tiers none and tee. `tolerance`, in the tier none, is how far another run's outputs may lie from them
    at any place: advice for whoever verifies. With a `label` the same request, label included, is one job however often
    it is asked for; without, each is another.
    """

    asset: str
    input: Path | Cid
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
    value_at_risk: Amount | None = None
    tcb_status: str | None = None
    enclaves: str | None = None
    attestation_max_age: int | None = None
    simulated: bool = False
    require: tuple[str, ...] = ()
    require_file: Path | None = None
    private: bool = False
    label: str | None = None
    replicas: int | None = None
    replica_fee: Amount | None = None
    tolerance: float | None = None


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
    input: Cid
    commitment: bytes
    requirements: tuple[str, ...]
    before: str = ""  # the job that was posted for this label before


def find(ports: Ports, params: JobPost) -> str | None:
    """The job that was posted for this label and request before."""
    return None if params.label is None else lookup.posted(ports, _nonce(ports, params))


def _nonce(ports: Ports, params: JobPost) -> int:
    """What a labelled job is found by: it follows from the label and all that was asked for, the plain input included.

    What has its default is left out, so that options that come later change nothing.
    """
    if params.label is None:
        return int.from_bytes(ports.system.random(32), "big")
    version = lookup.version(ports, params.asset)
    plain = ports.tensors.to_block(_tensors(ports, params, model.manifest(ports, version.manifest)))
    wanted = job_requirements.asked(ports, params.require, params.require_file)
    asked_for = {item.name: getattr(params, item.name) for item in fields(params)}
    said = {item.name: asked_for[item.name] for item in fields(params) if asked_for[item.name] != item.default}
    said |= {"asset": version.version_id, "input": str(Cid.of(DAG_CBOR, plain))}
    said |= {"require": job_requirements.named(wanted), "require_file": None}
    return int.from_bytes(keccak256(_DOMAIN + json.dumps(said, sort_keys=True).encode()), "big")


def _tensors(ports: Ports, params: JobPost, found: Manifest) -> Tensors:
    """The input, which fits the model's signature."""
    if found.signature is None:
        raise InvalidData(f"expected a model with a signature, {params.asset} is a {found.kind} without")
    if isinstance(params.input, Cid):
        tensors = ports.tensors.from_block(fetch(ports, params.input))
    else:
        tensors = source.read_inputs(ports, params.input, tuple(spec.name for spec in found.signature.inputs))
    model.check_inputs(found, tensors)
    return tensors


def plan(ports: Ports, params: JobPost) -> Plan[_Facts]:
    """Check the model and the input, then store the input and post. Raises UsageError, InvalidData.

    Nothing is left to do where the label's job is on the chain.
    """
    rules = tiers.of(params.tier)
    if before := find(ports, params):
        return Plan("job post", (), _found(ports, before))
    if params.value_at_risk and not rules.challenged:
        raise UsageError(f"--value-at-risk goes with a tier whose results can be disputed, found {params.tier}")
    if (params.value_at_risk or 0) > MAX_VALUE_AT_RISK:
        raise UsageError(f"--value-at-risk: expected at most {Amount(MAX_VALUE_AT_RISK)}, found {params.value_at_risk}")
    about = (params.tcb_status, params.enclaves, params.attestation_max_age, params.simulated or None)
    if params.tier is not Tier.TEE and any(each is not None for each in about):
        raise UsageError(f"what is accepted of trusted hardware goes with --tier tee, found {params.tier}")
    if params.tier is not Tier.REDUNDANT and (params.replicas is not None or params.replica_fee is not None):
        raise UsageError(f"--replicas and --replica-fee go with the tier redundant, found {params.tier}")
    if params.tolerance is not None and (params.tier is not Tier.NONE or params.auction is AuctionKind.BATCH):
        raise UsageError("--tolerance goes with --tier none, and with no batch", hint="`mlm verify JOB` takes one too.")
    if rules.own_terms and params.auction is AuctionKind.BATCH:
        raise UsageError(
            f"--tier {params.tier} has terms of each job's own, and the jobs of a batch have none",
            hint="Use --auction reverse.",
        )
    asked.check(params.auction, params.max_price, params.start_price, params.price_step, params.reveal)
    version = lookup.version(ports, params.asset)
    # Who checks nothing of the files needs no key of a licensed model.
    loaded = model.load(ports, version) if rules.reads_files else model.described(ports, version)
    rules.check(ports, loaded, version)
    return posting(ports, params, version, loaded, _tensors(ports, params, loaded.manifest))


def posting(
    ports: Ports,
    params: JobPost,
    version: lookup.Version,
    loaded: model.Model,
    tensors: Tensors,
    pay: Pay = permit.steps,
) -> Plan[_Facts]:
    """Store the input and post. `pay` lets the market take the escrow: `permit.approved` behind another payment."""
    rules = tiers.of(params.tier)
    wanted = job_requirements.asked(ports, params.require, params.require_file)
    committed = inputs.commit(ports, loaded, version.version_id, params.tier, tensors, params.private)
    cid = committed.cid
    request = Request(
        version_id=version.version_id,
        tier=int(params.tier),
        auction=int(params.auction),
        scheme=rules.scheme,
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
        value_at_risk=int(params.value_at_risk or 0),
        policy="0x" + rules.policy(params).hex(),
    )
    nonce = _nonce(ports, params)
    call = Call("JobMarket", "post", (request_args(request), nonce))
    post = Tx(f"post the job, escrow {params.max_price}", call, payment=params.max_price)
    # Who reads a private result has to be known before there is one.
    reads = params.private and rules.delivers
    steps: tuple[Step, ...] = (
        Store("push the encrypted input" if params.private else "push the input", cid, ((cid, committed.block),)),
        *(announce.steps(ports, announce.own(ports)) if reads else ()),
        *job_requirements.publishing(ports, wanted),
        *pay(ports, post, params.max_price),
        *rules.with_posting(ports, request, nonce),
    )
    return Plan(
        "job post", steps, _Facts(str(version.asset), cid, committed.commitment, requirements_text.spell(wanted))
    )


def _found(ports: Ports, job_id: str) -> _Facts:
    """What is known of a job that was posted before."""
    job = lookup.read_job(ports, job_id)
    request, asset = job.terms.request, str(lookup.version_by_id(ports, job.version_id).asset)
    cid = Cid(DAG_CBOR, bytes.fromhex(request.input[2:]))
    commitment = bytes.fromhex(request.input_commitment[2:])
    return _Facts(asset, cid, commitment, job_requirements.words(ports, job), job_id)


def result(ports: Ports, params: JobPost, plan: Plan[_Facts], done: tuple[DoneStep, ...]) -> Posted:
    """What was posted, read from the JobPosted event; or before."""
    me, expected = ports.sender.address.lower(), ("0x" + plan.facts.commitment.hex(), params.max_price)

    def ours(args: Mapping[str, Any]) -> bool:
        asked = terms_from_event(args["terms"]).request
        return args["consumer"].lower() == me and (asked.input_commitment, asked.max_price) == expected

    job_id = plan.facts.before or event(ports, done, "JobPosted", ours).args["jobId"]
    facts, found = (
        plan.facts,
        JobFacts.of(JobRecord(*ports.chain.call("JobMarket", "jobOf", bytes.fromhex(job_id[2:])))),
    )
    return Posted(
        job=job_id,
        asset=facts.asset,
        input=facts.input,
        input_commitment=facts.commitment,
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
