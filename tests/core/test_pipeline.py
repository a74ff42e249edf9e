"""A pipeline's file: what it may say, in which order its steps run, what flows, and how ensembles are combined."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import tomli
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mlm.core.errors import UsageError
from mlm.core.job import AuctionKind
from mlm.core.manifest import Signature
from mlm.core.manifest.parts import Tensor
from mlm.core.pipeline import MAX_STEPS, CombineStep, JobStep, Pipeline, Source, after, parse
from mlm.core.pipeline_flow import Flow, TensorType, combine, combine_flow, gather, job_flow, single

WINDOWS = {"bidding": 600, "delivery": 601, "execution": 602, "verification": 603, "reveal": 604}
TOKEN = 10**18
JOB = 'model = "alice/m@1.0.0"\nmax_price = "5"\n'


def read(text: str) -> Pipeline:
    return parse(tomli.loads(text), WINDOWS)


def job(text: str) -> JobStep:
    (step,) = read(f"[step.a]\n{text}").steps
    assert isinstance(step, JobStep)
    return step


def test_a_whole_file() -> None:
    found = read(
        'budget = "20.5"\n'
        '[step.vote]\ncombine = "vote"\nof = ["step.one.logits", "step.two"]\n'
        f'[step.one]\n{JOB}input = ["a.npy", "./b/c.npz"]\neach = true\n'
        'retries = 3\nbidding = 60\nrequire = ["gpu.memory>=80"]\n'
        f'[step.two]\n{JOB}input = {{ x = "step.one.logits", y = "d.json" }}\nauction = "dutch"\nstart_price = "1"\n'
    )
    one, two, vote = sorted(found.steps, key=lambda step: step.name.replace("vote", "z"))
    assert isinstance(one, JobStep) and isinstance(two, JobStep)
    assert found.budget == 205 * TOKEN // 10 and [step.name for step in found.steps] == ["one", "two", "vote"]
    assert one.inputs == (("", Source(files=("a.npy", "b/c.npz"))),) and one.each and one.retries == 3
    assert one.windows == {**WINDOWS, "bidding": 60, "reveal": None} and one.require == ("gpu.memory>=80",)
    assert two.inputs == (("x", Source(step="one", tensor="logits")), ("y", Source(files=("d.json",))))
    assert (two.auction, two.start_price, two.retries, two.max_price) == (AuctionKind.DUTCH, TOKEN, 2, 5 * TOKEN)
    assert vote == CombineStep("vote", "vote", (Source(step="one", tensor="logits"), Source(step="two")))
    assert [after(step) for step in (one, two, vote)] == [(), ("one",), ("one", "two")]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "expected steps, found none"),
        ("step = 3", "expected steps, found none"),
        ("step.a = 3", r"step.a: expected a section \[step.a\], found 3"),
        ("pipeline = 1\n", "unknown key 'pipeline'"),
        (f"[step.A]\n{JOB}", "a step's name is 1 to 32 of a-z"),
        (f'[step.a]\n{JOB}input = "x.npy"\nmaxprice = "4"\n', "unknown key 'step.a.maxprice'"),
        (f"[step.a]\n{JOB}", "step.a.input: expected a file"),
        (f'[step.a]\n{JOB}input = ""', "step.a.input: expected a file or step.NAME, found ''"),
        (f'[step.a]\n{JOB}input = "../../.ssh/x.npy"', "unsafe path '../../.ssh/x.npy'"),
        (f'[step.a]\n{JOB}input = "/etc/x.npy"', "unsafe path '/etc/x.npy'"),
        (f'[step.a]\n{JOB}input = ".git/x.npy"', "unsafe path '.git/x.npy'"),
        (f'[step.a]\n{JOB}input = "key.pem"', "expected a file that ends in .npy"),
        (f"[step.a]\n{JOB}input = []", "expected files in a list"),
        (f'[step.a]\n{JOB}input = ["step.a"]', "expected files in a list"),
        (f"[step.a]\n{JOB}input = [1]", "a list of at most 256 texts"),
        (f'[step.a]\n{JOB}input = {{ x = {{ y = "z.npy" }} }}', "expected a file or step.NAME"),
        (f'[step.a]\n{JOB}input = "step.b"', "there is no step 'b'"),
        (f'[step.a]\n{JOB}input = "step.{"b" * 9999}"', "step.a.input: expected a file or step.NAME"),
        (f'[step.a]\n{JOB}input = "step.a"', "steps wait for each other: a -> a"),
        (f'[step.a]\n{JOB}input = "step.b"\n[step.b]\n{JOB}input = "step.a"', "steps wait for each other: "),
        ('[step.a]\nmodel = "alice"\ninput = "x.npy"\nmax_price = "5"', "step.a.model: "),
        ('[step.a]\nmodel = "alice/m@1.0.0"\ninput = "x.npy"\nmax_price = 5', "step.a.max_price: expected an"),
        ('[step.a]\nmodel = "alice/m"\nmax_price = "5"\ninput = "x.npy"', "step.a.model: expected a version too"),
        ('[step.a]\nmodel = "alice/m@1.0.0"\ninput = "x.npy"', "step.a.max_price: expected an amount in quotes"),
        ('[step.a]\nmodel = "alice/m@1.0.0"\ninput = "x.npy"\nmax_price = "-1"', "step.a.max_price: expected an"),
        (f'[step.a]\n{JOB}input = "x.npy"\neach = 1', "step.a.each: expected true or false, found 1"),
        (f'[step.a]\n{JOB}input = "x.npy"\nretries = true', "step.a.retries: expected a whole number from 0 to 100"),
        (f'[step.a]\n{JOB}input = "x.npy"\nretries = 101', "step.a.retries: expected a whole number from 0 to 100"),
        (f'[step.a]\n{JOB}input = "x.npy"\nbidding = 59', "step.a.bidding: expected a whole number from 60 to 604800"),
        (f'[step.a]\n{JOB}input = "x.npy"\nauction = "free"', "expected one of fixed, reverse"),
        (f'[step.a]\n{JOB}input = "x.npy"\nauction = "dutch"', "step.a: --start-price: a dutch auction needs it"),
        (f'[step.a]\n{JOB}input = "x.npy"\nrequire = "gpu"', "step.a.require: expected a list"),
        ('[step.a]\ncombine = "median"\nof = ["step.b"]', "step.a.combine: expected one of mean, argmax, vote"),
        ('[step.a]\ncombine = "mean"\nof = ["x.npy"]', "step.a.of: expected outputs of steps"),
        ('[step.a]\ncombine = "mean"\nof = []', "step.a.of: expected outputs of steps"),
        ('[step.a]\ncombine = "argmax"\nof = ["step.b", "step.c"]', "step.a.of: expected one output, found 2"),
        ('[step.a]\ncombine = "mean"\nof = ["step.b"]\nmodel = "a/b"', "unknown key 'step.a.model'"),
        ("".join(f'[step.s{n}]\n{JOB}input = "x.npy"\n' for n in range(1000)), "expected at most 64 steps, found 1000"),
        (f'budget = 4\n[step.a]\n{JOB}input = "x.npy"', "budget: expected an amount in quotes"),
    ],
)  # fmt: skip
def test_what_a_file_may_not_say(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        read(text)
    assert len(str(caught.value)) < 300 and "\n" not in str(caught.value)


@given(st.data())
def test_each_step_stands_behind_those_it_takes_from(data: st.DataObject) -> None:
    """Random graphs whose edges lead backwards in some hidden order; the file lists the steps in another."""
    count = data.draw(st.integers(1, MAX_STEPS))
    edges = {n: data.draw(st.sets(st.integers(0, n - 1), max_size=3)) if n else set() for n in range(count)}
    sections: dict[str, Any] = {}
    for n in data.draw(st.permutations(range(count))):
        if edges[n]:
            sections[f"s{n}"] = {"combine": "mean", "of": [f"step.s{other}" for other in sorted(edges[n])]}
        else:
            sections[f"s{n}"] = {"model": "alice/m@1.0.0", "input": "x.npy", "max_price": "1"}
    seen: set[str] = set()
    for step in parse({"step": sections}, WINDOWS).steps:
        assert set(after(step)) == {f"s{other}" for other in edges[int(step.name[1:])]} <= seen
        seen.add(step.name)
    assert len(seen) == count


# --- what flows ----------------------------------------------------------------------------------------------------


def signature(inputs: dict[str, list[Any]], outputs: dict[str, list[Any]]) -> Signature:
    ins, outs = (
        tuple(Tensor(name, "float32", tuple(axes)) for name, axes in part.items()) for part in (inputs, outputs)
    )
    return Signature("m.onnx", ins, outs, 17, 1)


DIGITS = signature({"image": [1, 64]}, {"logits": [1, 10]})
ONE = job(f'{JOB}input = "x.npy"')
EACH = job(f'{JOB}input = "x.npy"\neach = true')


def f32(*shape: int) -> TensorType:
    return TensorType("float32", shape)


def test_what_leaves_a_job() -> None:
    assert job_flow(ONE, DIGITS, {"image": f32(1, 64)}) == Flow(1, {"logits": f32(1, 10)})
    assert job_flow(EACH, DIGITS, {"image": f32(7, 64)}) == Flow(7, {"logits": f32(7, 10)})
    named = signature({"x": ["n", 3], "y": ["n"]}, {"z": ["n", "n"]})
    assert job_flow(ONE, named, {"x": f32(4, 3), "y": f32(4)}).tensors == {"z": f32(4, 4)}


@pytest.mark.parametrize(
    ("step", "model", "shapes", "said"),
    [
        (ONE, DIGITS, {"image": f32(2, 64)}, r"takes 'image' as float32 \[1, 64\], found float32 \[2, 64\]"),
        (ONE, DIGITS, {"image": TensorType("int64", (1, 64))}, "found int64"),
        (EACH, DIGITS, {"image": f32(2, 63)}, r"found float32 \[1, 63\]"),
        (EACH, DIGITS, {"image": f32(0, 64)}, "takes 1 to 256 items"),
        (EACH, DIGITS, {"image": f32(257, 64)}, "takes 1 to 256 items"),
        (EACH, DIGITS, {"image": f32()}, "takes 1 to 256 items"),
        (EACH, signature({"x": [1], "y": [1]}, {"z": [1]}), {"x": f32(2), "y": f32(3)}, "on one first axis"),
        (EACH, signature({"x": [1, 2]}, {"z": [2]}), {"x": f32(3, 2)}, "whose first axis is 1, 'z' is"),
        (ONE, signature({"x": ["n"], "y": ["n"]}, {"z": [1]}), {"x": f32(2), "y": f32(3)}, "takes 'y'"),
        (ONE, signature({"x": [1]}, {"z": ["m"]}), {"x": f32(1)}, "follows from the inputs'"),
    ],
)
def test_what_does_not_fit(step: JobStep, model: Signature, shapes: dict[str, TensorType], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        job_flow(step, model, shapes)


def test_many_items_without_each_are_told_of_it() -> None:
    with pytest.raises(UsageError) as caught:
        job_flow(ONE, DIGITS, {"image": f32(2, 64)})
    assert "each = true" in caught.value.hint


def test_which_tensors_a_job_takes() -> None:
    known = {"a": {"p": 1, "q": 2}, "b": {"r": 3}}

    def tensors_of(source: Source, names: tuple[str, ...]) -> dict[str, int]:
        return known[source.step] if source.step else dict.fromkeys(names, 9)

    def of(text: str, *names: str) -> dict[str, int]:
        sections = f"[step.c]\n{JOB}input = {text}\n" + "".join(f"[step.{n}]\n{JOB}input = 'x.npy'\n" for n in known)
        return gather(next(s for s in read(sections).steps if s.name == "c"), names, tensors_of)  # type: ignore[arg-type]

    assert of('"x.npy"', "image") == {"image": 9} and of('"x.npz"', "p", "q") == {"p": 9, "q": 9}
    assert of('"step.b"', "image") == {"image": 3} and of('"step.a.q"', "image") == {"image": 2}
    assert of('"step.a"', "p", "q") == {"p": 1, "q": 2}
    assert of('{ x = "step.a.p", y = "step.b", z = "f.npy" }', "x", "y", "z") == {"x": 1, "y": 3, "z": 9}
    for text, names, said in (
        ('"step.a"', ("image",), "expected the inputs"),
        ('"step.a.z"', ("image",), "step.a.z is not there, expected one of"),
        ('{ x = "step.a" }', ("x",), "step.a has 2 tensors, expected one"),
        ('{ x = "step.b" }', ("x", "y"), "expected the inputs"),
    ):
        with pytest.raises(UsageError, match=said):
            of(text, *names)
    assert single("step.v", Source(step="b"), known["b"]) == 3


@pytest.mark.parametrize(
    ("how", "types", "leaves"),
    [
        ("mean", [f32(2, 3)] * 3, {"mean": f32(2, 3)}),
        ("argmax", [f32(2, 3)], {"argmax": TensorType("int64", (2,))}),
        ("vote", [f32(2, 3)] * 2, {"vote": TensorType("int64", (2,))}),
        ("mean", [f32(2, 3), f32(3, 2)], "outputs of one type"),
        ("mean", [TensorType("int64", (2,))], "numbers with a fraction"),
        ("vote", [f32()], "at least one axis"),
        ("vote", [f32(2, 0)], "at least one axis"),
    ],
)
def test_what_leaves_a_combination(how: str, types: list[TensorType], leaves: Any) -> None:
    step = CombineStep("v", how, tuple(Source(step=f"s{n}") for n in range(len(types))))
    if isinstance(leaves, str):
        with pytest.raises(UsageError, match=leaves):
            combine_flow(step, types)
    else:
        assert combine_flow(step, types) == Flow(0, leaves)


MEMBERS = hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=4).flatmap(
    lambda shape: st.lists(
        hnp.arrays("float32", shape, elements=st.floats(-(2.0**100), 2.0**100, width=32)), min_size=1, max_size=5
    )
)


@given(MEMBERS)
def test_combinations_are_what_their_definitions_say(members: list[np.ndarray]) -> None:
    """The mean against exact fractions, the argmax and the vote counted by hand."""
    shape = members[0].shape
    mean, argmax, vote = combine("mean", members), combine("argmax", members[:1]), combine("vote", members)
    assert (mean.shape, mean.dtype.name) == (shape, "float32") and argmax.shape == vote.shape == shape[:-1]
    assert argmax.dtype.name == vote.dtype.name == "int64"
    for place in np.ndindex(*shape):
        exact = sum(Fraction(float(member[place])) for member in members)
        assert mean[place] == np.float32(float(exact) / len(members))
    for place in np.ndindex(*shape[:-1]):
        rows = [member[place].tolist() for member in members]
        assert argmax[place] == rows[0].index(max(rows[0]))
        votes = Counter(row.index(max(row)) for row in rows)
        assert vote[place] == min(choice for choice, count in votes.items() if count == max(votes.values()))


@given(MEMBERS, st.randoms())
def test_the_order_of_an_ensemble_does_not_matter(members: list[np.ndarray], random: Any) -> None:
    shuffled = random.sample(members, len(members))
    for how in ("mean", "vote"):
        assert np.array_equal(combine(how, members), combine(how, shuffled))
