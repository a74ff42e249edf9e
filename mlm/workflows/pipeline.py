"""`mlm pipeline show`: a pipeline's file read and checked wholly, against the models and the files that it names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mlm.core.errors import InvalidData, MlmError, UsageError
from mlm.core.manifest import Manifest, Signature
from mlm.core.money import Amount, share_up
from mlm.core.pipeline import MAX_FILE, CombineStep, JobStep, Pipeline, Source, Step, parse
from mlm.core.pipeline_flow import Flow, TensorType, combine_flow, gather, job_flow, single
from mlm.core.project import read_toml
from mlm.ports.bundle import Ports
from mlm.workflows import lookup, model, royalties, tiers
from mlm.workflows.source import MAX_INPUT_BYTES

if TYPE_CHECKING:
    from mlm.ports.tensors import Tensors

FEE_BPS, FEE_CAP = 2, 5  # places in the market's params(), of what an attempt costs that nobody delivers
MAX_JOBS = 1024


@dataclass(frozen=True)
class StepRow:
    """A step before it runs; `gives` is what leaves it, `at_most` what its jobs can cost together."""

    step: str
    does: str  # the model's version, or how outputs are combined
    takes: str
    gives: str
    auction: str
    jobs: int
    max_price: Amount
    at_most: Amount


@dataclass(frozen=True)
class PipelineView:
    """A pipeline that was checked, its steps in an order in which they can run; nothing was sent."""

    pipeline: str
    steps: tuple[StepRow, ...]
    jobs: int
    at_most: Amount  # every job at its maximum price, and the small fee of every attempt that may fail
    budget: Amount


@dataclass(frozen=True)
class Checked:
    """A pipeline that can run: its models' versions, what its files hold, and what flows."""

    file: Path
    pipeline: Pipeline
    versions: Mapping[str, lookup.Version]  # by the name that a step gives
    signatures: Mapping[str, Signature]
    files: Mapping[tuple[Source, tuple[str, ...]], Tensors]
    flows: Mapping[str, Flow]
    at_most: Amount
    budget: Amount
    costs: Mapping[str, Amount]  # of each step at most

    def names(self, step: JobStep) -> tuple[str, ...]:
        """The names of the inputs of a step's model."""
        return tuple(spec.name for spec in self.signatures[step.model].inputs)


def check(ports: Ports, file: Path, budget: Amount | None, windows: Mapping[str, int]) -> Checked:
    """Read a pipeline and hold it against models, files and budget.

    1. The file says nothing that is unknown, out of bounds or outside its folder.
    2. Every model is published and offers its tier, and its maximum price covers fee and use.
    3. Every input fits: files against signatures, outputs against the inputs that they feed.
    4. All jobs together cost no more than the budget: the file's or `budget`, the lower of the two.
    Raises UsageError, InvalidData, NotFound.
    """
    # (1)
    pipeline = parse(read_toml(ports.files.read(file, MAX_FILE), str(file)), windows)
    limits = [limit for limit in (budget, pipeline.budget) if limit is not None]
    if not limits:
        raise UsageError(f"{file} names no budget", hint='Give --budget TOKENS, or write budget = "TOKENS" at its top.')
    jobs = [step for step in pipeline.steps if isinstance(step, JobStep)]
    # (2)
    versions: dict[str, lookup.Version] = {}
    manifests: dict[str, Manifest] = {}
    signatures: dict[str, Signature] = {}
    for step in jobs:
        rules = tiers.of(step.tier)
        if rules.own_terms:
            raise UsageError(
                f"step.{step.name}: the tier {step.tier} has terms of each job's own, which a pipeline cannot say yet",
                hint=f"Post it alone: `mlm job post --tier {step.tier}`.",
            )
        if step.model not in versions:
            versions[step.model] = lookup.version(ports, step.model)
            manifests[step.model] = model.manifest(ports, versions[step.model].manifest)
        found = manifests[step.model]
        if found.signature is None:
            raise UsageError(f"step.{step.name}: expected a model with a signature, {step.model} has none")
        signatures[step.model] = found.signature
        try:
            rules.check_manifest(found)
            royalties.show(ports, str(versions[step.model].asset), step.max_price)
        except UsageError as error:
            raise UsageError(f"step.{step.name}: {error}", hint=error.hint) from error
    # (3)
    files: dict[tuple[Source, tuple[str, ...]], Tensors] = {}
    flows: dict[str, Flow] = {}
    for each in pipeline.steps:
        flows[each.name] = _flow(ports, file, each, signatures, files, flows)
    total = sum(flow.jobs for flow in flows.values())
    if total > MAX_JOBS:
        raise UsageError(f"{file}: expected at most {MAX_JOBS} jobs, found {total}")
    # (4)
    market = ports.chain.call("JobMarket", "params")
    costs = {
        step.name: Amount(flows[step.name].jobs * most_of(step, market[FEE_BPS], market[FEE_CAP])) for step in jobs
    }
    most = Amount(sum(costs.values()))
    if most > min(limits):
        raise UsageError(
            f"{file} can cost {most}, more than the budget of {min(limits)}",
            hint="Lower prices or retries, or raise the budget; `mlm pipeline show --budget` prints each step's cost.",
        )
    return Checked(file, pipeline, versions, signatures, files, flows, most, min(limits), costs)


def most_of(step: JobStep, fee_bps: int, fee_cap: int) -> int:
    """What one job of a step can cost: its maximum price, and the small fee of every attempt that may fail."""
    return step.max_price + step.retries * min(fee_cap, share_up(step.max_price, fee_bps))


def _flow(
    ports: Ports,
    file: Path,
    step: Step,
    signatures: Mapping[str, Signature],
    files: dict[tuple[Source, tuple[str, ...]], Tensors],
    flows: Mapping[str, Flow],
) -> Flow:
    def types_of(source: Source, names: tuple[str, ...]) -> Mapping[str, TensorType]:
        if source.step:
            return flows[source.step].tensors
        if (source, names) not in files:
            files[source, names] = _read(ports, file, step, source, names)
        return {name: TensorType(array.dtype.name, array.shape) for name, array in files[source, names].items()}

    if isinstance(step, CombineStep):
        where = f"step.{step.name}"
        return combine_flow(step, [single(where, source, types_of(source, ())) for source in step.sources])
    signature = signatures[step.model]
    given = gather(step, tuple(spec.name for spec in signature.inputs), types_of)
    return job_flow(step, signature, given)


def _read(ports: Ports, file: Path, step: Step, source: Source, names: tuple[str, ...]) -> Tensors:
    """The tensors of files beside the pipeline, joined. No link leads out of its folder: what is read is published."""
    folder, parts = file.parent, []
    for name in source.files:
        try:
            data = ports.files.read(folder / name, MAX_INPUT_BYTES, folder)
            parts.append(ports.tensors.decode(data, Path(name).suffix, names))
        except InvalidData as error:
            raise InvalidData(f"step.{step.name}: {name}: {error}", hint=error.hint) from error
        except MlmError as error:
            error.args = (f"step.{step.name}: {error}",)
            raise
    return ports.tensors.join(parts) if len(parts) > 1 else parts[0]


def show(ports: Ports, file: Path, budget: Amount | None, windows: Mapping[str, int]) -> PipelineView:
    """What a pipeline would do and cost at most; nothing is sent. Raises as `check` does."""
    return view(check(ports, file, budget, windows))


def view(checked: Checked) -> PipelineView:
    """A checked pipeline as people read it."""
    rows = tuple(_row(checked, step) for step in checked.pipeline.steps)
    jobs = sum(row.jobs for row in rows)
    return PipelineView(str(checked.file), rows, jobs, checked.at_most, checked.budget)


def _row(checked: Checked, step: Step) -> StepRow:
    flow = checked.flows[step.name]
    gives = ", ".join(f"{name}: {kind}" for name, kind in flow.tensors.items())
    takes = ", ".join(dict.fromkeys(map(str, step.sources)))
    if isinstance(step, CombineStep):
        return StepRow(step.name, step.combine, takes, gives, "", 0, Amount(0), Amount(0))
    cost = checked.costs[step.name]
    asset = str(checked.versions[step.model].asset)
    return StepRow(step.name, asset, takes, gives, str(step.auction), flow.jobs, step.max_price, cost)
