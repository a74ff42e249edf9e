"""`mlm lease`: accept the input, prove the result, hand it in. The chain is asked before anything is sent."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlm.core import dagcbor
from mlm.core.cid import DAG_CBOR, RAW, Cid
from mlm.core.commitment import Evidence, encode_evidence
from mlm.core.errors import InvalidData, Reverted, StateConflict, VerificationFailed
from mlm.core.job import State
from mlm.core.kept_work import KeptWork
from mlm.core.money import Amount
from mlm.core.plan import Call, Plan, Step, Store, Tx
from mlm.core.proof import MAX_BYTES, ProofFile
from mlm.ports.bundle import Ports
from mlm.ports.prover import Circuit, Proof
from mlm.workflows import lookup, model
from mlm.workflows.apply import DoneStep, Operation
from mlm.workflows.job_close import JobName
from mlm.workflows.job_show import JobView, view
from mlm.workflows.objects import fetch
from mlm.workflows.prove import proven
from mlm.workflows.run import Output, describe

if TYPE_CHECKING:
    from mlm.ports.tensors import Tensors

RESULT_FORMAT = "mlm/result/1"


@dataclass(frozen=True)
class Submit:
    """Parameters of `lease submit`: a proof file of this job's input."""

    job: str
    proof: Path


@dataclass(frozen=True)
class Submitted:
    """A result that the contract has verified. `payment` is what the settlement credited to the provider."""

    job: str
    state: State
    output_commitment: str
    outputs: tuple[Output, ...]
    execution_provider: str | None
    payment: Amount
    next: str


@dataclass(frozen=True)
class Deal:
    """What a lease is about: the job, the model and its circuit, each checked."""

    job: lookup.Job
    model: model.Model
    circuit: Circuit


@dataclass(frozen=True)
class Work(Deal):
    """Everything a lease holder needs: the deal, and the input, checked."""

    inputs: Tensors


@dataclass(frozen=True)
class _Facts:
    work: Deal
    proof: Proof
    execution_provider: str | None


def prepare(ports: Ports, name: str, *states: State) -> Work:
    """Fetch and check what a lease needs, for its holder.

    1. The job is in one of `states` and this account holds the lease.
    2. The circuit recomputed from the manifest has the key on chain.
    3. The input block is the one the terms name, and its tensors fit the model.
    4. The tensors open the input commitment.
    Raises StateConflict, VerificationFailed, InvalidData, NotFound.
    """
    return _with_input(ports, deal(ports, name, *states))


def _with_input(ports: Ports, found: Deal) -> Work:
    # (3) and (4): whoever accepts can execute.
    return Work(found.job, found.model, found.circuit, fetch_inputs(ports, found.job, found.model))


def deal(ports: Ports, name: str, *states: State) -> Deal:
    """Steps 1 and 2 of `prepare`: all that is needed to hand in a result that was computed before."""
    # (1) Nothing is fetched for somebody else's lease.
    job = lookup.settled_job(ports, name)
    if job.state not in states:
        wanted, short = " or ".join(map(str, states)), job.job_id[:10]
        hint = f"`mlm job show {short}` tells whose turn it is."
        if job.state is State.OPEN and job.provider is not None:
            hint = f"The lease begins when the bids close; its consumer can close them: `mlm job award {short}`."
        raise StateConflict(f"job {short} is {job.state}, this needs it {wanted}", hint=hint)
    if job.provider is None or job.provider.lower() != ports.sender.address.lower():
        raise StateConflict(
            f"the lease of {job.job_id[:10]} is held by {job.provider}, not by {ports.sender.address}",
            hint="`mlm lease list` shows your leases; choose the account with -a NAME.",
        )
    # (2) A wrong circuit could never be proved.
    version = lookup.version_by_id(ports, job.version_id)
    loaded = model.load(ports, version)
    return Deal(job, loaded, model.check_key(ports, loaded, version))


def fetch_inputs(ports: Ports, job: lookup.Job, loaded: model.Model) -> Tensors:
    """The job's input tensors, checked against the model's signature and the input commitment."""
    cid = Cid(DAG_CBOR, bytes.fromhex(job.terms.request.input[2:]))
    inputs = ports.tensors.from_block(fetch(ports, cid))
    model.check_inputs(loaded.manifest, inputs)
    actual = "0x" + model.commit_to_input(ports, loaded, job.version_id, inputs).hex()
    if actual != job.terms.request.input_commitment:
        raise VerificationFailed(
            f"the input of {job.job_id[:10]} opens {actual}, the job is for {job.terms.request.input_commitment}",
            hint="Do not accept: nobody is slashed for an input that could not be executed.",
        )
    return inputs


def write_input(ports: Ports, name: str, path: Path) -> None:
    """Write a job's input, fetched and checked against its commitment, to a .npz, .npy or .json file."""
    job = lookup.job(ports, name)
    loaded = model.load(ports, lookup.version_by_id(ports, job.version_id))
    inputs = fetch_inputs(ports, job, loaded)
    ports.files.write(path, ports.tensors.encode(inputs, path.suffix))


def plan_accept(ports: Ports, params: JobName) -> Plan[str]:
    """One transaction, sent only when the job can be executed."""
    work = prepare(ports, params.job, State.LEASED)
    return Plan("lease accept", (_accept(work.job),), work.job.job_id)


def _accept(job: lookup.Job) -> Tx:
    return Tx(f"accept the input of {job.job_id[:10]}", Call("JobMarket", "accept", (_raw(job),)))


def result_accept(ports: Ports, params: JobName, plan: Plan[str], done: tuple[DoneStep, ...]) -> JobView:
    """The job as the chain has it."""
    return view(ports, lookup.job(ports, plan.facts))


def plan_fulfil(ports: Ports, params: JobName) -> Plan[_Facts]:
    """Run the model, prove the run, and hand the proof in; a lease that is not accepted yet is, proof in hand."""
    work = deal(ports, params.job, State.LEASED, State.READY)
    # What is kept is of an input that was checked.
    done = kept(ports, work.job.job_id) or compute(ports, _with_input(ports, work))
    proof = Proof(done.proof, done.instances)
    accept = (_accept(work.job),) if work.job.state is State.LEASED else ()
    steps = (*accept, *_steps(ports, work, proof, done.execution_provider))
    return Plan("lease fulfil", steps, _Facts(work, proof, done.execution_provider))


def compute(ports: Ports, work: Work) -> KeptWork:
    """Run the model on the job's input, prove the run, and keep the result: after a kill it is still in hand."""
    started = ports.system.monotonic()
    ran = ports.runner.run(work.model.onnx, work.inputs)
    _, proof = proven(ports, work.model.onnx, model.zk_settings(work.model), work.inputs)
    seconds = ports.system.monotonic() - started
    done = KeptWork(work.job.job_id, proof.proof, proof.instances, ran.provider, seconds)
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
    file = ProofFile.from_bytes(ports.files.read(params.proof, MAX_BYTES))
    expected = sha256(work.model.onnx).hexdigest()
    if file.model != expected:
        raise InvalidData(f"{params.proof} is of the model {file.model[:16]}…, the job runs {expected[:16]}…")
    proof = Proof(file.proof, file.instances)
    return Plan("lease submit", _steps(ports, work, proof, None), _Facts(work, proof, None))


def _steps(ports: Ports, work: Deal, proof: Proof, execution_provider: str | None) -> tuple[Step, ...]:
    """Ask the verifier first, with the very evidence; then store the result's description and submit."""
    job, circuit = work.job, work.circuit
    evidence = encode_evidence(Evidence(circuit.vka, circuit.inputs, proof.proof, proof.instances))
    steps: list[Step] = []
    try:
        ports.chain.call("ZkVerifier", "check", claim(job), evidence)
    except Reverted as error:
        if error.name != "VerifyingKeyUnregistered":
            raise
        # The publisher should have; a provider who can is not lost for it.
        steps.append(model.register_vka(circuit.vka))
    description = describe_result(job, work, proof, execution_provider)
    cid = Cid.of(DAG_CBOR, description)
    submit = Call("JobMarket", "submit", (_raw(job), job.terms.as_args(), evidence, cid.digest))
    steps.append(Store("push the result", cid, ((cid, description),)))
    steps.append(Tx(f"submit the proof of {job.job_id[:10]}, verify, settle", submit))
    return tuple(steps)


def claim(job: lookup.Job) -> tuple[Any, ...]:
    """The contract's Claim for this job and its provider."""
    request, snapshot = job.terms.request, job.terms.snapshot
    return (
        _raw(job),
        bytes.fromhex(request.version_id[2:]),
        bytes.fromhex(snapshot.key[2:]),
        bytes.fromhex(request.input_commitment[2:]),
        job.provider,
        request.tier,
        request.scheme,
    )


def describe_result(job: lookup.Job, work: Deal, proof: Proof, execution_provider: str | None) -> bytes:
    """The result block: the job, the proof's instances, and where it ran. The proof itself is on chain."""
    return dagcbor.encode(
        {
            "format": RESULT_FORMAT,
            "job": _raw(job),
            "instances": [word.to_bytes(32, "big") for word in proof.instances],
            "settings": Cid.of(RAW, model.zk_settings(work.model)),
            "executionProvider": execution_provider,
        }
    )


def result_submit(ports: Ports, params: Any, plan: Plan[_Facts], done: tuple[DoneStep, ...]) -> Submitted:
    """The job after its settlement."""
    work = plan.facts.work
    forget(ports, work.job.job_id)
    seen = view(ports, lookup.job(ports, work.job.job_id))
    me = ports.sender.address.lower()
    paid = sum(credit.amount for credit in seen.credits if credit.account.lower() == me)
    return Submitted(
        job=seen.job,
        state=seen.state,
        output_commitment=seen.output_commitment or "",
        outputs=describe(ports.prover.outputs(model.zk_settings(work.model), plan.facts.proof.instances)),
        execution_provider=plan.facts.execution_provider,
        payment=Amount(paid),
        next="mlm wallet withdraw",
    )


def _raw(job: lookup.Job) -> bytes:
    return bytes.fromhex(job.job_id[2:])


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
