"""Checks that jobs of several tiers have in common: terms, input, and what the market made of the result."""

from __future__ import annotations

from mlm.core.digest import keccak256, word
from mlm.core.errors import NotFound, VerificationFailed
from mlm.core.job import State
from mlm.core.terms import terms_from_event
from mlm.core.trust import Guarantor
from mlm.ports.bundle import Ports
from mlm.workflows import inputs, lookup, model
from mlm.workflows.events import decode
from mlm.workflows.verify_checks import HELD, SAID_ON_CHAIN, Step, equal


def terms_step(ports: Ports, job: lookup.Job) -> Step:
    """The frozen terms hash to what the market stores."""
    return Step(
        "the terms are the ones that were posted",
        lambda: equal("termsHash", job.record.terms_hash, posted_terms_hash(ports, job)),
        "the hash that the market stores",
        HELD,
    )


def input_step(ports: Ports, job: lookup.Job, loaded: model.Model, *, optional: bool = True) -> Step:
    """The input block opens the input commitment. A private one is its readers' to check: no key is asked for here."""

    def opened() -> str:
        if inputs.message(ports, job) is not None:
            raise NotFound("the input is private: `mlm lease show JOB --input FILE` checks it, for its readers")
        inputs.fetch(ports, job, loaded)
        return job.terms.request.input_commitment

    return Step("the input is the committed one", opened, "the input commitment in the terms", HELD, optional)


def accepted_step(job: lookup.Job, by: tuple[Guarantor, ...] = SAID_ON_CHAIN) -> Step:
    """The market has accepted the result."""

    def state() -> str:
        if job.state is not State.ACCEPTED:
            raise VerificationFailed(f"expected accepted, found {job.state}")
        return "accepted" + (", settled" if job.record.settled_at else "")

    return Step("the market accepted the result", state, "the job's state on chain", by)


def posted_terms_hash(ports: Ports, job: lookup.Job) -> bytes:
    """keccak256(abi.encode(terms)) of the terms in the JobPosted log, which must also be the ones the index holds."""
    for found in decode(ports, tuple(ports.chain.logs(job.posted_block, job.posted_block))):
        if found.name == "JobPosted" and found.args["jobId"] == job.job_id:
            if terms_from_event(found.args["terms"]) != job.terms:
                raise VerificationFailed("the local index holds other terms than the chain; run `mlm sync --rebuild`")
            # The log's data is abi.encode(nonce, terms): two words, then what abi.encode(terms) has after its offset.
            return keccak256(word(32) + found.log.data[64:])
    raise VerificationFailed(f"block {job.posted_block} holds no JobPosted of {job.job_id}")
