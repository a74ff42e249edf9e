"""`mlm verify JOB`, with a tolerance: what a run here says of a result that nobody can prove. Advice alone."""

from __future__ import annotations

from math import isfinite

from mlm.core import closeness, dagcbor
from mlm.core.errors import NotFound, UsageError
from mlm.core.job import Tier
from mlm.core.tensors import from_document
from mlm.ports.bundle import Ports
from mlm.workflows import inputs, lookup, model
from mlm.workflows.tiers.unverified import Unverified
from mlm.workflows.verify_checks import RECOMPUTED, Step


def stated(job: lookup.Job) -> float | None:
    """The tolerance that a job's consumer has stated in its terms; None: none."""
    if job.tier is not Tier.NONE:
        return None
    return closeness.stated_tolerance(bytes.fromhex(job.terms.request.policy[2:])) or None


def step(ports: Ports, job: lookup.Job, tolerance: float) -> Step:
    """The outputs are this machine's, within `tolerance` at every place: an optional check, which never fails.

    It passes, or cannot be said to: floats differ between machines, so that no difference proves a provider false, and
    none that is small proves it true. Raises UsageError for another tier, which has checks that decide.
    """
    if job.tier is not Tier.NONE:
        raise UsageError(f"--tolerance goes with jobs of the tier none, {job.short} has the tier {job.tier}")
    if not (isfinite(tolerance) and tolerance >= 0):
        raise UsageError(f"--tolerance: expected a number from 0, found {tolerance}")
    title = f"advisory: a run here gives the same outputs within {tolerance:g}"
    return Step(title, lambda: _compared(ports, job, tolerance), "a run on this machine", RECOMPUTED, optional=True)


def _compared(ports: Ports, job: lookup.Job, tolerance: float) -> str:
    loaded = model.load(ports, lookup.version_by_id(ports, job.version_id))
    given = inputs.fetch(ports, job, loaded).tensors
    shown = Unverified().receive(ports, job).block
    ran = ports.tensors.to_block(ports.runner.run(loaded.onnx, given).outputs)
    found = closeness.largest(from_document(dagcbor.decode(shown)), from_document(dagcbor.decode(ran)))
    if isinstance(found, str):
        raise NotFound(f"advisory, it proves nothing: {found}")
    told = f"the largest difference is {found.difference:g}"
    if found.difference > tolerance:
        raise NotFound(f"advisory, it proves nothing: {told}, in {found.tensor[:60]!r} at place {found.place}")
    return told
