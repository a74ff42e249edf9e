"""`mlm pipeline run`: post the jobs of a pipeline as soon as their inputs are there, and see each through.

Nothing is remembered: every job has a label of step and item, so that a run that was killed finds its jobs on the chain
(mlm/workflows/job_post.py) and their results in it. What was paid for once is never paid for again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlm.core import consumer
from mlm.core.cid import DAG_CBOR, Cid
from mlm.core.consumer import Move
from mlm.core.errors import InsufficientFunds, MlmError, NoResult, StateConflict, UsageError
from mlm.core.money import Amount
from mlm.core.pipeline import CombineStep, JobStep, Source, Step, after
from mlm.core.pipeline_flow import combine, gather, single
from mlm.core.plan import JSON_ONLY
from mlm.ports.bundle import Ports
from mlm.workflows import job_post, job_wait, model, pipeline
from mlm.workflows.job_result import outputs_of
from mlm.workflows.job_show import Credit, credits_of
from mlm.workflows.job_wait import POLL, Patience, Seen
from mlm.workflows.once import once
from mlm.workflows.pipeline import Checked, PipelineView
from mlm.workflows.run import Output, describe
from mlm.workflows.sync import sync

if TYPE_CHECKING:
    from mlm.ports.tensors import Tensors

Place = tuple[str, int]  # a job's step and item


@dataclass(frozen=True)
class Run:
    """What to run and how; `label` tells runs of the same pipeline apart. `output` is a folder."""

    file: Path
    windows: Mapping[str, int]
    budget: Amount | None = None
    label: str = ""
    output: Path | None = None
    timeout: float | None = None


@dataclass(frozen=True)
class JobRow:
    """A job that was done, after so many attempts."""

    step: str
    item: int
    job: str
    provider: str
    attempts: int
    price: Amount


@dataclass(frozen=True)
class StepRow:
    """A step that was done: its outputs, and the file that they were written to."""

    step: str
    does: str
    jobs: int
    price: Amount
    gives: str
    written: str
    outputs: tuple[Output, ...] = field(metadata=JSON_ONLY)


@dataclass(frozen=True)
class PipelineRun:
    """A pipeline that was run. `price` is what its jobs paid, `spent` that and what failed attempts cost."""

    pipeline: str
    steps: tuple[StepRow, ...]
    jobs: tuple[JobRow, ...]
    paid: tuple[Credit, ...]  # to whom and why, all jobs together: providers, owners of models and of their parents
    price: Amount
    spent: Amount


class Runner:
    """One run. `look` finds what was done before; `turn` does what can be done now."""

    def __init__(self, ports: Ports, checked: Checked, label: str, tell: Callable[[str], None]) -> None:
        self._ports, self._checked, self._label, self._tell = ports, checked, label, tell
        self.outputs: dict[str, Tensors] = {}
        self.posted: dict[Place, str] = {}  # the first job of each place
        self.ended: dict[Place, Seen] = {}
        self._told: dict[Place, Any] = {}
        self._given: dict[str, Tensors] = {}

    @property
    def done(self) -> bool:
        """Whether every step has its outputs."""
        return len(self.outputs) == len(self._checked.pipeline.steps)

    @property
    def failed(self) -> dict[Place, Seen]:
        """Jobs whose last attempt came to nothing."""
        return {place: seen for place, seen in self.ended.items() if seen.move is Move.STOP}

    @property
    def running(self) -> list[Place]:
        """Jobs that are posted and have not ended."""
        return [place for place in self.posted if place not in self.ended]

    def turn(self, *, send: bool) -> None:
        """Every step in order: what it takes may have come in this very turn. Without `send` only look."""
        sync(self._ports)
        for step in self._checked.pipeline.steps:
            if step.name not in self.outputs and all(name in self.outputs for name in after(step)):
                self._step(step, send)

    def _step(self, step: Step, send: bool) -> None:
        if isinstance(step, CombineStep):
            arrays = [single(step.name, source, self.outputs[source.step]) for source in step.sources]
            self.outputs[step.name] = {step.combine: combine(step.combine, arrays)}
            return
        places = [(step.name, item) for item in range(self._checked.flows[step.name].jobs)]
        for place in places:
            if place not in self.posted:
                # After a failure nothing more is begun: its step's outputs will not come.
                self._post(step, place[1], send and not self.failed)
            if place in self.posted and place not in self.ended:
                self._follow(step, place, send)
        seen = [self.ended.get(place) for place in places]
        if all(each is not None and each.move is Move.READ for each in seen):
            parts = [outputs_of(self._ports, each.job) for each in seen if each is not None]
            self.outputs[step.name] = self._ports.tensors.join(parts) if step.each else parts[0]

    def _post(self, step: JobStep, item: int, send: bool) -> None:
        """Find the job of an item, or post it."""
        params = self._params(step, item)
        found = job_post.find(self._ports, params)
        if found is None and send:
            found = once(self._ports, job_post.OPERATION, params).result.job
            sync(self._ports)
        if found is not None:
            self.posted[step.name, item] = found

    def _params(self, step: JobStep, item: int) -> job_post.JobPost:
        if step.name not in self._given:
            self._given[step.name] = gather(step, self._checked.names(step), self._tensors_of)
        given = self._given[step.name]
        block = self._ports.tensors.to_block(
            {name: array[item : item + 1] for name, array in given.items()} if step.each else given
        )
        cid = Cid.of(DAG_CBOR, block)
        self._ports.objects.put(((cid, block),))
        windows = {name: value or 0 for name, value in step.windows.items()}
        return job_post.JobPost(
            asset=str(self._checked.versions[step.model].asset),
            input=cid,
            max_price=step.max_price,
            auction=step.auction,
            tier=step.tier,
            start_price=step.start_price,
            price_step=step.price_step,
            reveal=step.windows["reveal"],
            require=step.require,
            label=f"pipeline/{self._label}/{step.name}/{item}",
            bidding=windows["bidding"],
            delivery=windows["delivery"],
            execution=windows["execution"],
            verification=windows["verification"],
        )

    def _tensors_of(self, source: Source, names: tuple[str, ...]) -> Tensors:
        return self.outputs[source.step] if source.step else self._checked.files[source, names]

    def _follow(self, step: JobStep, place: Place, send: bool) -> None:
        act = job_wait.advance if send else job_wait.look
        seen = act(self._ports, self.posted[place], step.retries)
        if (now := (seen.job.job_id, seen.job.state)) != self._told.get(place):
            self._told[place] = now
            self._tell(f"{step.name} {place[1]}: job {seen.job.short} is {seen.job.state}")
        if seen.move in (Move.READ, Move.STOP):
            self.ended[place] = seen


def run(
    ports: Ports, params: Run, *, confirm: Callable[[PipelineView], bool] | None, tell: Callable[[str], None]
) -> PipelineRun:
    """Check a pipeline wholly, ask, and run it; a run that was stopped goes on.

    Raises what `pipeline.check` raises, VerificationFailed for a model whose key is not its own, and InsufficientFunds,
    all before anything is spent; then NoResult when a job came to nothing and the others have ended, StateConflict when
    time is up, ChainError when the node stays dead.
    """
    job_wait.check(None, 0, params.timeout)
    if len(params.label) > 64:
        raise UsageError(f"--label: expected at most 64 characters, found {len(params.label)}")
    checked = pipeline.check(ports, params.file, params.budget, params.windows)
    runner = Runner(ports, checked, params.label, tell)
    runner.turn(send=False)
    if not runner.done:
        for version in checked.versions.values():
            model.check_key(ports, model.load(ports, version), version)
        _check_funds(ports, checked, runner)
        if confirm is not None and not confirm(pipeline.view(checked)):
            raise MlmError("not confirmed; nothing was sent")
        _see_through(ports, checked, runner, params.timeout, tell)
    return _report(ports, checked, runner, params.output)


def _check_funds(ports: Ports, checked: Checked, runner: Runner) -> None:
    """Raise InsufficientFunds unless the account holds what the jobs that are not posted yet can cost."""
    prices = {step.name: step.max_price for step in checked.pipeline.steps if isinstance(step, JobStep)}
    needs = sum(prices[name] * checked.flows[name].jobs for name in prices)
    needs -= sum(prices[name] for name, _ in runner.posted)
    held = ports.chain.call("MarketToken", "balanceOf", ports.sender.address)
    if held < needs:
        raise InsufficientFunds(
            f"{checked.file} needs {Amount(needs)} for the jobs that are not posted yet, "
            f"{ports.sender.address} holds {Amount(held)}",
            hint="`mlm wallet withdraw` draws credits. On the devnet: `mlm wallet faucet`.",
        )


def _see_through(
    ports: Ports, checked: Checked, runner: Runner, timeout: float | None, tell: Callable[[str], None]
) -> None:
    """Turn after turn until every step is done, or nothing runs any more."""
    system, patience = ports.system, Patience(ports, tell)
    steps = [step for step in checked.pipeline.steps if isinstance(step, JobStep)]
    bound = sum(consumer.longest(sum(value or 0 for value in step.windows.values()), step.retries) for step in steps)
    until = system.monotonic() + (bound if timeout is None else timeout)
    while True:
        patience(partial(runner.turn, send=True))
        if runner.done:
            return
        if runner.failed and not runner.running:
            raise _failure(ports, checked, runner)
        if system.monotonic() >= until:
            raise StateConflict(
                f"{checked.file}: {len(runner.running)} jobs still ran when the time to wait for them was over",
                hint="The same command goes on from here; --timeout SECONDS waits longer.",
            )
        system.sleep(POLL)


def _failure(ports: Ports, checked: Checked, runner: Runner) -> NoResult:
    (name, item), seen = next(iter(runner.failed.items()))
    found = job_wait.nothing_came(seen.job, job_wait.attempts_of(ports, seen))
    ended = f"{len(runner.ended) - len(runner.failed)} of {sum(flow.jobs for flow in checked.flows.values())}"
    return NoResult(
        f"step.{name}, item {item}: {found}; {ended} jobs were done",
        hint="What was done is kept: raise retries or max_price of that step, and run the same command again.",
    )


def _report(ports: Ports, checked: Checked, runner: Runner, output: Path | None) -> PipelineRun:
    rows, paid, spent = [], Counter[tuple[str, Any]](), 0
    for (name, item), seen in runner.ended.items():
        attempts = job_wait.attempts_of(ports, seen)
        rows.append(JobRow(name, item, seen.job.job_id, attempts[-1].provider, len(attempts), attempts[-1].price))
        spent += sum(job.record.max_price - attempt.back for job, attempt in zip(seen.jobs, attempts, strict=True))
        for credit in credits_of(ports, seen.job.job_id):
            paid[credit.account, credit.reason] += credit.amount
    written = _write(ports, runner, output) if output else {}
    steps = []
    for row in pipeline.view(checked).steps:
        price = Amount(sum(job.price for job in rows if job.step == row.step))
        found = describe(runner.outputs[row.step])
        steps.append(StepRow(row.step, row.does, row.jobs, price, row.gives, written.get(row.step, ""), found))
    return PipelineRun(
        pipeline=str(checked.file),
        steps=tuple(steps),
        jobs=tuple(sorted(rows, key=lambda row: (row.step, row.item))),
        paid=tuple(Credit(who, why, Amount(amount)) for (who, why), amount in sorted(paid.items())),
        price=Amount(sum(row.price for row in rows)),
        spent=Amount(spent),
    )


def _write(ports: Ports, runner: Runner, output: Path) -> dict[str, str]:
    """Every step's outputs as OUTPUT/STEP.npz; a folder that is new appears whole."""
    files = {name: ports.tensors.encode(found, ".npz") for name, found in runner.outputs.items()}
    if ports.files.is_folder(output):
        for name, data in files.items():
            ports.files.write(output / f"{name}.npz", data)
    else:
        with ports.files.new_folder(output) as folder:
            for name, data in files.items():
                folder.write(f"{name}.npz", [data])
    return {name: str(output / f"{name}.npz") for name in files}
