"""What a tier is asked for, from the posting of a job to the reading of its result."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlm.core.cid import DAG_CBOR, Cid
from mlm.core.errors import VerificationFailed
from mlm.core.job import Tier
from mlm.core.kept_work import KeptWork
from mlm.core.plan import Call, Step, Store, Tx
from mlm.workflows import lookup, model, outputs
from mlm.workflows.outputs import Opened
from mlm.workflows.run import Output

if TYPE_CHECKING:
    from mlm.core.manifest import Manifest
    from mlm.core.terms import Request
    from mlm.ports.bundle import Ports
    from mlm.ports.prover import Circuit
    from mlm.ports.runner import Run
    from mlm.ports.tensors import Tensors
    from mlm.workflows import inputs
    from mlm.workflows.job_post import JobPost


@dataclass(frozen=True)
class Deal:
    """What a lease is about: the job, the model, and its circuit in the tier zk, each checked."""

    job: lookup.Job
    model: model.Model
    circuit: Circuit | None


@dataclass(frozen=True)
class Work(Deal):
    """Everything a lease holder needs: the deal, and the input, checked."""

    input: inputs.Received


@dataclass(frozen=True)
class HandIn:
    """How a result is handed in: `submit` is the transaction that does it, `before` what it needs."""

    before: tuple[Step, ...]
    submit: Tx
    outputs: tuple[Output, ...]


class Rules(ABC):
    """One tier. Each method raises what a command tells: UsageError, StateConflict, InvalidData, VerificationFailed."""

    tier: Tier
    scheme: int  # how the input root is made (docs/commitments.md)
    reads_files = True  # who posts or bids needs the model's files
    delivers = False  # outputs are handed over, by `Delivering`
    together = False  # runs of one model may share a batch
    own_terms = False  # a job has terms of the tier's own, which neither a batch nor a pipeline's step can say
    challenged = False  # results are traces that anybody can dispute

    @abstractmethod
    def check_manifest(self, found: Manifest) -> None:
        """Whether a model offers the tier, as far as its manifest tells."""

    @abstractmethod
    def check(self, ports: Ports, loaded: model.Model, version: lookup.Version) -> Circuit | None:
        """What is to be checked of a model before dealing with it."""

    def policy(self, asked: JobPost) -> bytes:
        """The tier's own terms of a job, 32 bytes as its verifier reads them; most tiers have none."""
        return bytes(32)

    def spell_policy(self, policy: bytes) -> str:
        """A job's word of `policy` as people read it; empty where the tier has none."""
        return ""

    def check_offer(self, ports: Ports, job: lookup.Job, loaded: model.Model) -> None:  # noqa: B027  # as below
        """Whether this machine can do the job as its consumer wants it, asked before a bid."""

    @abstractmethod
    def commitment(
        self, ports: Ports, loaded: model.Model, version_id: str, tensors: Tensors, block: bytes, salt: bytes
    ) -> bytes:
        """The commitment to input tensors, whose block this is."""

    @abstractmethod
    def rehearse(self, ports: Ports, loaded: model.Model, tensors: Tensors) -> None:
        """Do what a job would take, to measure it."""

    def with_posting(self, ports: Ports, request: Request, nonce: int) -> tuple[Tx, ...]:
        """What is sent after the posting of a job, for it; most tiers need nothing."""
        return ()

    def may_accept(self, ports: Ports, job: lookup.Job) -> str:
        """Why a lease holder should not accept yet, though it holds the result; empty where it may."""
        return ""

    def may_submit(self, ports: Ports, job: lookup.Job) -> str:
        """Why a result in hand cannot be handed in yet; empty where it can, of a leased job with its acceptance."""
        return ""

    def check_acceptable(self, ports: Ports, work: Work) -> None:  # noqa: B027  # most tiers ask for nothing more
        """What is to be known of a job before its input is accepted without a result in hand."""

    @abstractmethod
    def execute(self, ports: Ports, work: Work, ran: Run | None) -> KeptWork:
        """The result of a job, from a run of its model where there is one already. `seconds` is the caller's."""

    def is_stale(self, ports: Ports, kept: KeptWork) -> bool:
        """Whether a result in hand is too old to be handed in, and has to be made anew."""
        return False

    @abstractmethod
    def hand_in(self, ports: Ports, deal: Deal, kept: KeptWork) -> HandIn:
        """The steps that hand a result in."""

    @abstractmethod
    def outputs(self, ports: Ports, job: lookup.Job) -> Tensors:
        """The output tensors of a job that has a result, checked against its commitment."""


class Delivering(Rules):
    """A tier whose outputs are handed over by content address: a consumer can complain that they did not arrive."""

    delivers = True
    contract: str  # the verifier, which takes complaints

    @abstractmethod
    def answer(self, ports: Ports, job: lookup.Job, found: Opened) -> tuple[Any, ...]:
        """What shows a job's outputs to the contract: the arguments of its `answer`, after the job's id."""

    @abstractmethod
    def shown(self, ports: Ports, job: lookup.Job) -> Opened | None:
        """What an answer to a complaint has shown on chain: the contract has compared it with the commitment."""

    @abstractmethod
    def output_commitment(self, ports: Ports, job: lookup.Job, found: Opened) -> bytes:
        """What a block of outputs opens."""

    def handed_over(self, ports: Ports, job: lookup.Job) -> Opened:
        """The block of outputs as it was handed over: what it opens is to be checked."""
        return outputs.handed_over(ports, job)

    def outputs(self, ports: Ports, job: lookup.Job) -> Tensors:
        return ports.tensors.from_block(self.receive(ports, job).block)

    def receive(self, ports: Ports, job: lookup.Job) -> Opened:
        """The outputs that were committed to, from a complaint's answer or the block that was handed over.

        Raises StateConflict before there is a result, NotFound where the block is nowhere or not for this account,
        InvalidData, VerificationFailed where it is not what was committed to.
        """
        if answered := self.shown(ports, job):
            return answered
        found = self.handed_over(ports, job)
        actual, expected = self.output_commitment(ports, job, found), job.record.output_commitment
        if actual != expected:
            raise VerificationFailed(
                f"the outputs of {job.short} open 0x{actual.hex()}, the provider committed to 0x{expected.hex()}"
            )
        return found


def submission(job: lookup.Job, push: str, block: bytes, evidence: bytes, title: str) -> tuple[Store, Tx]:
    """Push the block that describes or holds a result, and submit."""
    cid = Cid.of(DAG_CBOR, block)
    submit = Call("JobMarket", "submit", (job.raw, job.terms.as_args(), evidence, cid.digest))
    return Store(push, cid, ((cid, block),)), Tx(title, submit)


def claim(job: lookup.Job) -> tuple[Any, ...]:
    """The contract's Claim for this job and its provider."""
    request, snapshot = job.terms.request, job.terms.snapshot
    return (
        job.raw,
        bytes.fromhex(request.version_id[2:]),
        bytes.fromhex(snapshot.key[2:]),
        bytes.fromhex(request.input_commitment[2:]),
        job.provider,
        request.tier,
        request.scheme,
        bytes.fromhex(request.policy[2:]),
    )
