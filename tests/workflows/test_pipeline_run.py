"""The runner of pipelines over a market that is a table: whatever the graph, the fates and the kills, each job is
posted once, when what it takes is there, and nothing more after a failure. tests/e2e/test_pipeline.py has the real one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlm.adapters.onnx.tensors import NumpyTensorCodec
from mlm.core.consumer import Move
from mlm.core.errors import ChainError, InsufficientFunds, NoResult
from mlm.core.job import State
from mlm.core.manifest import Signature
from mlm.core.manifest.parts import Tensor
from mlm.core.money import Amount
from mlm.core.pipeline import JobStep, after, parse
from mlm.core.pipeline_flow import TensorType, combine_flow, gather, job_flow
from mlm.core.refs import AssetRef
from mlm.memory.blocks import MemoryBlocks
from mlm.memory.files import MemoryFiles
from mlm.memory.system import MemorySystem
from mlm.ports.bundle import Ports
from mlm.workflows import pipeline, pipeline_run
from mlm.workflows.pipeline import Checked
from mlm.workflows.pipeline_run import Run, Runner

WINDOWS = dict.fromkeys(("bidding", "delivery", "execution", "verification", "reveal"), 60)
SIGNATURE = Signature(
    "m.onnx", (Tensor("x", "float32", (1, 2)),), (Tensor("y", "float32", (1, 2)),), 17, 1
)  # of a model that adds 1
CODEC = NumpyTensorCodec()


class Killed(Exception):
    """SIGKILL."""


@dataclass
class Market:
    """Jobs by label. A job takes some looks to end, in the state that its fate says."""

    fates: dict[str, State]
    die_at: set[int] = field(default_factory=set)  # the n-th thing that is done kills the run
    posts: list[str] = field(default_factory=list)
    blocks: MemoryBlocks = field(default_factory=MemoryBlocks)
    looks: dict[str, int] = field(default_factory=dict)
    inputs: dict[str, Any] = field(default_factory=dict)
    acts: int = 0
    held: int = 10**30

    def _act(self) -> None:
        self.acts += 1
        if self.acts in self.die_at:
            raise Killed

    def find(self, ports: Any, params: Any) -> str | None:
        return params.label if params.label in self.posts else None

    def once(self, ports: Any, operation: Any, params: Any) -> Any:
        if params.label not in self.posts:
            self._act()  # before the posting
            self.posts.append(params.label)
            self.inputs[params.label] = CODEC.from_block(self.blocks.get(params.input))["x"]
            self._act()  # and after
        return SimpleNamespace(result=SimpleNamespace(job=params.label))

    def look(self, ports: Any, label: str, retries: int) -> Any:
        left = 3 - self.looks.get(label, 0)
        state = State.OPEN if left > 0 else self.fates.get(label, State.ACCEPTED)
        move = Move.WAIT if left > 0 else Move.READ if state is State.ACCEPTED else Move.STOP
        record = SimpleNamespace(max_price=5)
        job = SimpleNamespace(job_id=label, short=label, state=state, provider="0xb2", record=record)
        return SimpleNamespace(job=job, jobs=(job,), move=move)

    def advance(self, ports: Any, label: str, retries: int) -> Any:
        self._act()
        self.looks[label] = self.looks.get(label, 0) + 1
        return self.look(ports, label, retries)

    def outputs_of(self, ports: Any, job: Any) -> Any:
        return {"y": self.inputs[job.job_id] + np.float32(1)}

    def ports(self) -> Ports:
        chain = SimpleNamespace(call=lambda *names: self.held)
        sender, system, files = SimpleNamespace(address="0xa1"), MemorySystem(), MemoryFiles()
        return Ports(
            tensors=lambda: CODEC,
            objects=lambda: self.blocks,
            chain=lambda: chain,
            sender=lambda: sender,
            system=lambda: system,
            files=lambda: files,
        )

    def played(self) -> Any:
        """Until the context ends the runner deals with this market."""
        attempt = lambda ports, seen: (SimpleNamespace(provider="0xb2", price=Amount(5), back=Amount(0)),)  # noqa: E731
        return mock.patch.multiple(
            pipeline_run,
            sync=lambda ports: None,
            once=self.once,
            outputs_of=self.outputs_of,
            credits_of=lambda ports, job: (),
            job_post=SimpleNamespace(**{**vars(pipeline_run.job_post), "find": self.find}),
            job_wait=SimpleNamespace(
                **{**vars(pipeline_run.job_wait), "look": self.look, "advance": self.advance, "attempts_of": attempt}
            ),
            model=SimpleNamespace(load=lambda ports, version: None, check_key=lambda ports, loaded, version: None),
        )


def checked(sections: dict[str, Any], items: int) -> Checked:
    """As `pipeline.check` would have it, of models that all have SIGNATURE and a file of `items` items."""
    graph = parse({"step": sections}, WINDOWS)
    array = np.arange(2 * items, dtype=np.float32).reshape(items, 2)
    flows: dict[str, Any] = {}
    files: dict[Any, Any] = {}

    def types_of(source: Any, names: Any) -> Any:
        if source.step:
            return flows[source.step].tensors
        files[source, names] = {"x": array}
        return {"x": TensorType("float32", array.shape)}

    for step in graph.steps:
        if isinstance(step, JobStep):
            flows[step.name] = job_flow(step, SIGNATURE, gather(step, ("x",), types_of))
        else:
            kinds = [next(iter(types_of(source, ()).values())) for source in step.sources]
            flows[step.name] = combine_flow(step, kinds)
    name, version = "alice/m@1.0.0", SimpleNamespace(asset=AssetRef("alice", "m", "1.0.0"))
    versions: dict[str, Any] = {name: version}
    return Checked(
        Path("p.toml"), graph, versions, {name: SIGNATURE}, files, flows, Amount(99), Amount(99),
        {step.name: Amount(5) for step in graph.steps},
    )  # fmt: skip


@st.composite
def graphs(draw: st.DrawFn) -> dict[str, Any]:
    """Steps that take the file or an earlier step, and means of earlier ones."""
    sections: dict[str, Any] = {}
    for n in range(draw(st.integers(1, 7))):
        earlier = sorted(sections)
        if earlier and draw(st.booleans()) and draw(st.booleans()):
            chosen = draw(st.lists(st.sampled_from(earlier), min_size=1, max_size=3))
            sections[f"s{n}"] = {"combine": "mean", "of": [f"step.{name}" for name in chosen]}
            continue
        source = draw(st.sampled_from(["x.npy", *(f"step.{name}" for name in earlier)]))
        sections[f"s{n}"] = {"model": "alice/m@1.0.0", "input": source, "max_price": "5", "each": True}
    return sections


def labels(found: Checked) -> dict[str, list[str]]:
    return {name: [f"pipeline//{name}/{item}" for item in range(flow.jobs)] for name, flow in found.flows.items()}


@settings(max_examples=150, deadline=None)
@given(graphs(), st.integers(1, 3), st.data())
def test_whatever_happens_each_job_is_posted_once_and_in_its_turn(
    sections: dict[str, Any], items: int, data: st.DataObject
) -> None:
    found = checked(sections, items)
    every = [label for step in labels(found).values() for label in step]
    bad = data.draw(st.sets(st.sampled_from(every), max_size=1)) if every else set()
    market = Market(dict.fromkeys(bad, State.EXPIRED), data.draw(st.sets(st.integers(1, 40), max_size=8)))
    with market.played():
        runner = None
        for _ in range(200):
            if runner is None:  # the command is typed, again after each kill
                runner = Runner(market.ports(), found, "", lambda line: None)
                runner.turn(send=False)
            before, failed = list(market.posts), bool(runner.failed)
            try:
                runner.turn(send=True)
            except Killed:
                runner = None
                continue
            if failed:
                assert market.posts == before  # nothing is spent once it is known that the whole will not come
            if runner.done or (runner.failed and not runner.running):
                break
    assert runner is not None and len(set(market.posts)) == len(market.posts)
    order = {label: at for at, label in enumerate(market.posts)}
    for step in found.pipeline.steps:  # whoever takes from a step was posted when all of that was done
        for name in after(step):
            for label in labels(found)[step.name]:
                if label in order:
                    assert all(
                        market.looks[other] >= 3 and order[other] < order[label] for other in labels(found)[name]
                    )
    if not bad or not bad & set(market.posts):
        assert runner.done and set(market.posts) == set(every)
        for name, outputs in runner.outputs.items():
            (array,) = outputs.values()
            assert array.shape == (items, 2) and np.allclose(array - array[0, 0], _file(items), atol=1e-5), name
    else:
        assert not runner.done and not runner.running


def _file(items: int) -> Any:
    return np.arange(2 * items, dtype=np.float32).reshape(items, 2)


ONE = {"a": {"model": "alice/m@1.0.0", "input": "x.npy", "max_price": "5", "each": True}}
FAN = {**ONE, "b": {"model": "alice/m@1.0.0", "input": "step.a", "max_price": "5", "each": True}}


def run(market: Market, sections: dict[str, Any], monkeypatch: pytest.MonkeyPatch, **options: Any) -> Any:
    found = checked(sections, 2)
    monkeypatch.setattr(pipeline, "check", lambda *arguments: found)
    told: list[str] = options.pop("told", [])
    with market.played():
        values: dict[str, Any] = {"confirm": None, **options}
        ports = market.ports()
        return pipeline_run.run(ports, Run(Path("p.toml"), WINDOWS), tell=told.append, **values), ports


def test_a_run_from_end_to_end(monkeypatch: pytest.MonkeyPatch) -> None:
    found, _ = run(Market({}), FAN, monkeypatch)
    assert [(row.step, row.item) for row in found.jobs] == [("a", 0), ("a", 1), ("b", 0), ("b", 1)]
    assert [(row.step, row.price, row.gives) for row in found.steps] == [
        ("a", 10, "y: float32 [2, 2]"),
        ("b", 10, "y: float32 [2, 2]"),
    ]


def test_what_the_account_lacks_is_told_before_anything_is_spent(monkeypatch: pytest.MonkeyPatch) -> None:
    market = Market({}, held=19 * 10**18)
    with pytest.raises(InsufficientFunds, match=r"p.toml needs 20 MLM .* 0xa1 holds 19 MLM"):
        run(market, FAN, monkeypatch)
    assert market.posts == []
    # What is posted already is paid for.
    market.posts += ["pipeline//a/0"]
    market.inputs["pipeline//a/0"] = np.zeros((1, 2), np.float32)
    run(market, FAN, monkeypatch)


def test_nothing_is_posted_unless_it_is_confirmed(monkeypatch: pytest.MonkeyPatch) -> None:
    market = Market({})
    with pytest.raises(Exception, match="not confirmed; nothing was sent"):
        run(market, FAN, monkeypatch, confirm=lambda shown: bool(shown.jobs != 4))
    assert market.posts == []


def test_a_failure_is_named_when_the_others_have_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    market = Market({"pipeline//a/1": State.EXPIRED})
    with pytest.raises(NoResult, match=r"step.a, item 1: job pipeline//a/1 is expired: no result; .* 1 of 4 jobs"):
        run(market, FAN, monkeypatch)
    assert market.posts == ["pipeline//a/0", "pipeline//a/1"]


def test_a_run_survives_a_node_that_dies_and_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    market, told = Market({}), list[str]()
    once, dead = market.once, iter([True] * 5 + [False] * 99)

    def dying(*arguments: Any) -> Any:
        if next(dead):
            raise ChainError("no node answers")
        return once(*arguments)

    monkeypatch.setattr(market, "once", dying)
    run(market, FAN, monkeypatch, told=told)
    assert told[0] == "no node answers; asked again for 600 s" and len(market.posts) == 4
