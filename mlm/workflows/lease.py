"""`mlm lease`: accept the input, prove or run, hand the result in. The chain is asked before anything is sent."""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from mlm.core.errors import InvalidData, StateConflict, UsageError
from mlm.core.job import State, Tier
from mlm.core.kept_work import KeptWork
from mlm.core.money import Amount
from mlm.core.plan import Call, Plan, Tx
from mlm.core.proof import MAX_BYTES, ProofFile
from mlm.ports.bundle import Ports
from mlm.ports.prover import Proof
from mlm.ports.runner import Run
from mlm.workflows import inputs, lookup, model, outputs, tiers
from mlm.workflows.apply import DoneStep, Operation
from mlm.workflows.job_close import JobName
from mlm.workflows.job_show import JobView, view
from mlm.workflows.run import Output
from mlm.workflows.tiers import zk
from mlm.workflows.tiers.rules import Deal, Work


@dataclass(frozen=True)
class Submit:
    """Parameters of `lease submit`: a proof file of this job's input."""

    job: str
    proof: Path


@dataclass(frozen=True)
class Submitted:
    """A result that was handed in. `payment` is what the settlement credited to the provider: 0 until there is one."""

    job: str
    state: State
    output_commitment: str
    outputs: tuple[Output, ...]
    execution_provider: str | None
    payment: Amount
    next: str


@dataclass(frozen=True)
class _Facts:
    job: lookup.Job
    outputs: tuple[Output, ...]
    execution_provider: str | None


def prepare(ports: Ports, name: str, *states: State) -> Work:
    """Fetch and check what a lease needs, for its holder.

    1. The job is in one of `states` and this account holds the lease.
    2. What the tier asks of the model: the circuit recomputed from the manifest has the key on chain, or the outputs
       are small enough to be shown there.
    3. The input block is the one the terms name, its key was delivered where it is private, its tensors fit the model.
    4. The tensors open the input commitment.
    5. The result of a private job can be encrypted for its consumer.
    Raises StateConflict, VerificationFailed, InvalidData, NotFound, UsageError.
    """
    return _with_input(ports, deal(ports, name, *states))


def _with_input(ports: Ports, found: Deal) -> Work:
    # (3) and (4): whoever accepts can execute.
    received = inputs.fetch(ports, found.job, found.model)
    # (5) Whoever accepts can deliver.
    if received.private and tiers.of(found.job.tier).delivers:
        outputs.readers_key(ports, found.job)
    return Work(found.job, found.model, found.circuit, received)


def deal(ports: Ports, name: str, *states: State) -> Deal:
    """Steps 1 and 2 of `prepare`: all that is needed to hand in a result that was computed before."""
    # (1) Nothing is fetched for somebody else's lease.
    job = lookup.settled_job(ports, name)
    if job.state not in states:
        wanted, short = " or ".join(map(str, states)), job.short
        hint = f"`mlm job show {short}` tells whose turn it is."
        if job.state is State.OPEN and job.provider is not None:
            hint = f"The lease begins when the bids close; its consumer can close them: `mlm job award {short}`."
        raise StateConflict(f"job {short} is {job.state}, this needs it {wanted}", hint=hint)
    if job.provider is None or job.provider.lower() != ports.sender.address.lower():
        raise StateConflict(
            f"the lease of {job.short} is held by {job.provider}, not by {ports.sender.address}",
            hint="`mlm lease list` shows your leases; choose the account with -a NAME.",
        )
    # (2) A wrong circuit could never be proved, too large an output never be answered for.
    version = lookup.version_by_id(ports, job.version_id)
    loaded = model.load(ports, version)
    return Deal(job, loaded, tiers.of(job.tier).check(ports, loaded, version))


def plan_accept(ports: Ports, params: JobName) -> Plan[str]:
    """One transaction, sent only when the job can be executed."""
    work = prepare(ports, params.job, State.LEASED)
    rules = tiers.of(work.job.tier)
    if waits := rules.may_accept(ports, work.job):
        raise StateConflict(f"job {work.job.short} cannot be accepted yet: {waits}", hint="Run it again then.")
    rules.check_acceptable(ports, work)
    return Plan("lease accept", (_accept(work.job),), work.job.job_id)


def _accept(job: lookup.Job) -> Tx:
    return Tx(f"accept the input of {job.short}", Call("JobMarket", "accept", (job.raw,)))


def _accepting(job: lookup.Job, submit: Tx) -> Tx:
    """The submission, and with it the acceptance where the input is not accepted yet: both happen, or neither does."""
    if job.state is not State.LEASED:
        return submit
    accept = _accept(job)
    call = Call("JobMarket", "multicall", ((accept.call, submit.call),))
    return Tx(f"{accept.title}, and {submit.title}", call)


def result_accept(ports: Ports, params: JobName, plan: Plan[str], done: tuple[DoneStep, ...]) -> JobView:
    """The job as the chain has it."""
    return view(ports, lookup.job(ports, plan.facts))


def plan_fulfil(ports: Ports, params: JobName) -> Plan[_Facts]:
    """Run the model, prove the run where the tier asks for it, and hand the result in.

    A lease that is not accepted yet is, in the transaction that hands the result in, once a remote has taken it:
    whatever dies on the way costs no lock. Where others have to run it first, it is accepted alone, with its result in
    hand. Raises StateConflict while they do.
    """
    found = deal(ports, params.job, State.LEASED, State.READY)
    rules, done = tiers.of(found.job.tier), kept(ports, found.job.job_id)
    # What is kept is of an input that was checked.
    if done is None or rules.is_stale(ports, done):
        done = compute(ports, _with_input(ports, found))
    handing = rules.hand_in(ports, found, done)
    facts = _Facts(found.job, handing.outputs, done.execution_provider)
    if not (waits := rules.may_submit(ports, found.job)):
        steps = (*handing.before, _accepting(found.job, handing.submit))
        return Plan("lease fulfil", steps, facts)
    # Nothing is shown before: what others are to commit to they could copy.
    if found.job.state is not State.LEASED or (waits := rules.may_accept(ports, found.job)):
        raise StateConflict(
            f"the result of {found.job.short} is kept, and cannot be handed in yet: {waits}",
            hint=f"Run it again then: `mlm lease fulfil {found.job.short}`; a worker does so by itself.",
        )
    return Plan("lease fulfil", (_accept(found.job),), facts)


def compute(ports: Ports, work: Work) -> KeptWork:
    """Run the model on the job's input, prove the run where the tier asks for it, and keep the result.

    After a kill it is still in hand. Raises InvalidData where an answer to a complaint could not show the outputs.
    """
    return keep(ports, work, None, ports.system.monotonic())


def keep(ports: Ports, work: Work, ran: Run | None, started: float) -> KeptWork:
    """The same with what of it began at `started` (monotonic), and a run of the model where there is one already."""
    done = tiers.of(work.job.tier).execute(ports, work, ran)
    done = replace(done, seconds=ports.system.monotonic() - started)
    ports.works.keep(_kept_as(done.job_id), done.to_bytes())
    return done


def kept(ports: Ports, job_id: str) -> KeptWork | None:
    """The result in hand; None where there is none, or none that can be read: it is computed again."""
    data = ports.works.find(_kept_as(job_id))
    if data is None:
        return None
    try:
        found = KeptWork.from_bytes(data)
    except InvalidData:
        return None
    return found if found.job_id == job_id else None


def forget(ports: Ports, job_id: str) -> None:
    """The result is no longer needed here."""
    ports.works.forget(_kept_as(job_id))


def _kept_as(job_id: str) -> str:
    return f"result-{job_id}"


def plan_submit(ports: Ports, params: Submit) -> Plan[_Facts]:
    """Hand in a proof made before. Raises InvalidData when it is of another model."""
    work = prepare(ports, params.job, State.READY)
    if work.job.tier is not Tier.ZK:
        raise UsageError(
            f"job {work.job.short} has the tier {work.job.tier}, which takes no proof",
            hint=f"Run it and hand it in: `mlm lease fulfil {work.job.short}`.",
        )
    file = ProofFile.from_bytes(ports.files.read(params.proof, MAX_BYTES))
    expected = sha256(work.model.onnx).hexdigest()
    if file.model != expected:
        raise InvalidData(f"{params.proof} is of the model {file.model[:16]}…, the job runs {expected[:16]}…")
    proof = Proof(file.proof, file.instances)
    handing = zk.hand_in(ports, work, proof, None)
    return Plan("lease submit", (*handing.before, handing.submit), _Facts(work.job, handing.outputs, None))


def result_submit(ports: Ports, params: Any, plan: Plan[_Facts], done: tuple[DoneStep, ...]) -> Submitted:
    """The job after its submission: settled in the tier zk, waiting for a complaint in the tier none."""
    facts = plan.facts
    seen = view(ports, lookup.job(ports, facts.job.job_id))
    if seen.state is not State.READY:  # it was accepted only: its result is handed in later
        forget(ports, facts.job.job_id)
    me = ports.sender.address.lower()
    paid = sum(credit.amount for credit in seen.credits if credit.account.lower() == me)
    return Submitted(
        job=seen.job,
        state=seen.state,
        output_commitment=seen.output_commitment or "",
        outputs=facts.outputs,
        execution_provider=facts.execution_provider,
        payment=Amount(paid),
        next=_next(seen.settled, seen.state, facts.job),
    )


def _next(settled: bool, state: State, job: lookup.Job) -> str:
    if state is State.READY:
        return f"mlm lease fulfil {job.short}"
    return "mlm wallet withdraw" if settled else f"mlm job watch {job.short}"


ACCEPT = Operation(
    "lease accept",
    JobName,
    plan_accept,
    result_accept,
    "An accepted lease is to be fulfilled: `mlm lease fulfil JOB`, or its lock burns.",
)
FULFIL = Operation(
    "lease fulfil",
    JobName,
    plan_fulfil,
    result_submit,
    "A submitted result stands; it is paid when it settles.",
)
SUBMIT = Operation(
    "lease submit",
    Submit,
    plan_submit,
    result_submit,
    "A submitted result stands; it is paid when it settles.",
)
