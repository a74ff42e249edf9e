"""`mlm pipeline run` on a real devnet: two models in a chain, fan-out, a vote, a failed provider, a kill, royalties."""

from __future__ import annotations

import contextlib
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from mlm.adapters.wallet.devnet import address
from tests.command_line import INPUT, MODEL, ROOT, TOKEN, UNDELIVERED_FEE, Market, Person, ended, sent
from tests.e2e.test_wait import opened, until

HEAD = "alice/parity-head"  # takes the logits of MODEL
ITEMS = 2

PIPELINE = f"""
budget = "30"

[step.digits]
model = "{MODEL}@1.0.0"
input = "digits.npy"
each = true
auction = "fixed"
max_price = "5"
delivery = 60

[step.parity]
model = "{HEAD}@1.0.0"
input = "step.digits"
each = true
auction = "fixed"
max_price = "4"

[step.class]
combine = "argmax"
of = ["step.digits.logits"]

[step.vote]
combine = "vote"
of = ["step.parity", "step.parity"]
"""


def head() -> bytes:
    """A 10-4-2 perceptron with random weights, whose circuit is as small as can be."""
    draw = np.random.default_rng(3)
    shapes = {"w1": (10, 4), "b1": (4,), "w2": (4, 2), "b2": (2,)}
    graph = helper.make_graph(
        [
            helper.make_node("Gemm", ["logits", "w1", "b1"], ["h"]),
            helper.make_node("Relu", ["h"], ["r"]),
            helper.make_node("Gemm", ["r", "w2", "b2"], ["parity"]),
        ],
        "parity",
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, 10])],
        [helper.make_tensor_value_info("parity", TensorProto.FLOAT, [1, 2])],
        [onnx.numpy_helper.from_array(draw.normal(size=size).astype(np.float32) / 3, n) for n, size in shapes.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    return bytes(model.SerializeToString())


@pytest.fixture(scope="module")
def consumer(market: Market, tmp_path_factory: pytest.TempPathFactory) -> Person:
    """A consumer with the pipeline in a folder of its own, on a market that has both models."""
    folder = tmp_path_factory.mktemp("head")
    rng = np.random.default_rng(7)
    np.save(folder / "calibration.npy", rng.uniform(-12, 12, (16, 10)).astype(np.float32))
    (folder / "model.onnx").write_bytes(head())
    (folder / "mlm.toml").write_text(
        '[asset]\nname = "parity-head"\nversion = "1.0.0"\n[model]\nfile = "model.onnx"\n'
        '[verification]\nzk = true\ncalibration = "calibration.npy"\n[price]\nuse = "0.2"\nroyalty_bps = 1000\n'
        f'[[parents]]\nasset = "{MODEL}@1.0.0"\nbps = 2500\n'
    )
    publisher = Person("model-provider", folder, market.home)
    publisher.do("init")
    publisher.do("add", ".")
    publisher.do("commit", "-m", "parity of a digit")
    publisher.do("publish", "--handle", "alice")
    work = market.root / "consumer" / "pipeline"
    work.mkdir()
    images = np.load(ROOT / "templates" / "digits-mlp" / "samples" / "images.npy")[:ITEMS]
    np.save(work / "digits.npy", images.reshape(ITEMS, 64).astype(np.float32))
    (work / "pipeline.toml").write_text(PIPELINE)
    return Person("consumer", work, market.home)


@contextlib.contextmanager
def running(person: Person, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A run beside the test, which is not left behind."""
    process = person.begin("pipeline", "run", "pipeline.toml", *arguments, "--json")
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def all_open(person: Person, known: set[str], count: int) -> list[str] | None:
    """`count` open jobs of the person's, other than these, oldest first."""
    rows = [row["job"] for row in person.do("job", "list", "--mine", "--open")["jobs"] if row["job"] not in known]
    return rows[::-1] if len(rows) == count else None


def do(provider: Person, job: str, price: str) -> None:
    """Win a fixed job and do it."""
    provider.do("bid", job, "--price", price, "--stake")
    provider.do("lease", "fulfil", job)


def test_what_it_can_cost_is_shown_and_nothing_is_sent(market: Market, consumer: Person) -> None:
    count = sent(market, "consumer")
    shown = consumer.do("pipeline", "show", "pipeline.toml")
    assert [(row["step"], row["jobs"], row["gives"]) for row in shown["steps"]] == [
        ("digits", 2, "logits: float32 [2, 10]"),
        *sorted(
            [("parity", 2, "parity: float32 [2, 2]"), ("class", 0, "argmax: int64 [2]")],
            key=lambda row: [each["step"] for each in shown["steps"]].index(row[0]),
        ),
        ("vote", 0, "vote: int64 [2]"),
    ]
    # Two retries each, which may cost the small fee each: 1 % of the price, at most 0.05 MLM.
    assert int(shown["at_most"]) == 2 * (5 * TOKEN + 2 * UNDELIVERED_FEE) + 2 * (4 * TOKEN + 2 * 4 * TOKEN // 100)
    error = consumer.refused(2, "pipeline", "run", "pipeline.toml", "--budget", "18")
    assert "can cost 18.36 MLM, more than the budget of 18 MLM" in error["message"]
    assert sent(market, "consumer") == count


def test_killed_in_the_middle_with_a_failing_provider_every_balance_is_explained(
    market: Market, consumer: Person, tmp_path: Path
) -> None:
    first, second = market.first, market.second
    before = {name: market.person(name).money for name in ("consumer", "model-provider", "compute-1", "compute-2")}
    published = requirements(consumer)
    count, known = sent(market, "consumer"), {row["job"] for row in consumer.do("job", "list", "--mine")["jobs"]}
    out = tmp_path / "out"

    # Both digits are posted; one provider takes a job and never accepts it. Then the run is killed.
    with running(consumer, "-o", str(out)) as process:
        one, two = until(lambda: all_open(consumer, known, 2))
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    assert sent(market, "consumer") - count == 2
    first.do("bid", one, "--price", "5", "--stake")
    do(second, two, "5")
    market.advance("61s")

    # The same command finds both, and posts the failed one again without who failed it.
    with running(consumer, "-o", str(out)) as process:
        again = until(lambda: opened(consumer, *known, one, two))
        assert "deny" in first.refused(12, "bid", again, "--price", "5")["message"]
        process.send_signal(signal.SIGKILL)
        process.wait()
    do(second, again, "5")

    # And once more: the second model's jobs are posted when the first's are done, and anybody may do those.
    with running(consumer, "-o", str(out)) as process:
        three, four = until(lambda: all_open(consumer, {*known, one, two, again}, 2))
        do(first, three, "4")
        do(first, four, "4")
        ran = ended(process)
    assert ran.code == 0, ran
    found = ran.value

    # Outputs: the digits', their parity and the vote, as the models run here say.
    logits = np.load(out / "digits.npz")["logits"]
    expected = _run(consumer, MODEL, "digits.npy")
    assert logits.shape == (2, 10) and np.abs(logits - expected).max() < 0.5
    classes = np.load(out / "class.npz")["argmax"]
    assert classes.tolist() == expected.argmax(axis=1).tolist()
    parity = np.load(out / "parity.npz")["parity"]
    assert np.load(out / "vote.npz")["vote"].tolist() == parity.argmax(axis=1).tolist()

    # Money: five posts (one again, with its requirements), nothing twice; every unit is somebody's by the report.
    jobs = {(row["step"], row["item"]): row for row in found["jobs"]}
    assert [jobs["digits", 0]["job"], jobs["digits", 1]["job"]] == [again, two]
    assert {jobs["parity", 0]["job"], jobs["parity", 1]["job"]} == {three, four}
    assert [jobs["digits", item]["attempts"] for item in (0, 1)] == [2, 1]
    # Digits, a digit again with the requirements that deny compute-1, unless another test has published them, parity.
    total = 2 + 1 + (requirements(consumer) - published) + 2
    assert sent(market, "consumer") - count == total
    assert int(found["price"]) == 18 * TOKEN and int(found["spent"]) == 18 * TOKEN + UNDELIVERED_FEE
    paid = Counter[tuple[str, str]]()
    for credit in found["paid"]:
        paid[credit["account"].lower(), credit["reason"]] += int(credit["amount"])
    assert sum(paid.values()) == 18 * TOKEN
    alice = address("model-provider").lower()
    # The owner's part is 5 % of each digit and 10 % of each parity, of which a quarter goes to its parent, alice's too.
    assert paid[alice, "royalty"] == 2 * 5 * TOKEN * 5 // 100 + 2 * 4 * TOKEN // 10
    after = {name: market.person(name).money for name in before}
    assert before["consumer"] - after["consumer"] == 18 * TOKEN + UNDELIVERED_FEE
    assert after["model-provider"] - before["model-provider"] == paid[alice, "royalty"]
    assert after["compute-1"] - before["compute-1"] == paid[address("compute-1").lower(), "payment"] - UNDELIVERED_FEE
    assert after["compute-2"] - before["compute-2"] == paid[address("compute-2").lower(), "payment"]

    # Again: everything is found, nothing is sent, and the report is the same.
    same = consumer.do("pipeline", "run", "pipeline.toml", "-o", str(out))
    assert same == found and sent(market, "consumer") - count == total
    assert consumer.money == after["consumer"]


def requirements(person: Person) -> int:
    """How many requirements anybody has published."""
    person.do("sync")
    return int(person.do("sql", "select count(*) as n from requirements")["rows"][0]["n"])


def _run(person: Person, model: str, file: str) -> Any:
    """What the model gives here for each item of a file, without the chain."""
    rows = []
    for item in np.load(person.folder / file):
        np.save(person.folder / "item.npy", item[None])
        person.do("run", model, "item.npy", "-o", "ran.npy")
        rows.append(np.load(person.folder / "ran.npy"))
    return np.concatenate(rows)


def test_a_batch_of_items_is_one_round(market: Market, consumer: Person) -> None:
    """Fan-out into a batch auction: the items clear together at one price, and the run draws their awards itself."""
    (consumer.folder / "batch.toml").write_text(
        f'budget = "11"\n[step.digits]\nmodel = "{MODEL}@1.0.0"\ninput = "digits.npy"\neach = true\nauction = "batch"\n'
        'max_price = "5"\nstart_price = "1"\nprice_step = "0.5"\nbidding = 600\nreveal = 300\n'
    )
    before, known = consumer.money, {row["job"] for row in consumer.do("job", "list", "--mine")["jobs"]}
    now = consumer.do("devnet", "status")["time"]
    market.advance(f"{600 - now % 600}s")  # the beginning of a round
    process = consumer.begin("pipeline", "run", "batch.toml", "--json")
    try:
        jobs = until(lambda: all_open(consumer, known, ITEMS))
        market.first.do("bid", jobs[0], "--price", "2", "--quantity", "2", "--stake")
        closes = consumer.do("job", "show", jobs[0])["bids_close_at"]
        market.advance(f"{closes - consumer.do('devnet', 'status')['time']}s")
        for job in jobs:
            until(lambda job=job: consumer.do("job", "show", job)["state"] == "leased" or None)  # type: ignore[misc]
            market.first.do("lease", "fulfil", job)
        ran = ended(process)
    finally:
        process.kill()
        process.wait()
    assert ran.code == 0, ran
    assert {row["price"] for row in ran.value["jobs"]} == {str(2 * TOKEN)}
    assert before - consumer.money == 2 * ITEMS * TOKEN == int(ran.value["spent"])


def test_a_job_that_comes_to_nothing_ends_the_run_with_its_name(market: Market, consumer: Person) -> None:
    (consumer.folder / "alone.toml").write_text(
        f'budget = "5"\n[step.digit]\nmodel = "{MODEL}@1.0.0"\ninput = "{Path(INPUT).name}"\nauction = "fixed"\n'
        'max_price = "5"\nbidding = 60\nretries = 0\n'
    )
    (consumer.folder / Path(INPUT).name).write_bytes((market.consumer.folder / INPUT).read_bytes())
    before, known = consumer.money, [row["job"] for row in consumer.do("job", "list", "--mine", "--open")["jobs"]]
    process = consumer.begin("pipeline", "run", "alone.toml", "--json")
    try:
        until(lambda: opened(consumer, *known))
        market.advance("61s")
        ran = ended(process)
    finally:
        process.kill()
        process.wait()
    assert ran.code == 12 and ran.error["code"] == "no_result", ran
    assert "step.digit, item 0: job 0x" in ran.error["message"] and "0 of 1 jobs were done" in ran.error["message"]
    assert consumer.money == before
