"""Pipelines that come with somebody else's project: paths, links, cycles, sizes, prices; and waits without sense."""

from __future__ import annotations

import numpy as np

from tests.bad.harness import Scene, bad
from tests.bad.shared import TINY_INPUT, npy

RUN = "mlm pipeline run p.toml"
SHOW = "mlm pipeline show p.toml"
JOB = 'model = "alice/digits-mlp@1.0.0"\nmax_price = "5"\n'
STEP = f'[step.a]\n{JOB}input = "x.npy"\n'


def _pipeline(scene: Scene, text: str, budget: str = "6") -> None:
    """p.toml, and a digit as x.npy."""
    scene.write("p.toml", f'budget = "{budget}"\n{text}')
    scene.write("x.npy", scene.shared.digit)


@bad(SHOW, 2, "p.toml: not valid TOML")
def pipeline_that_is_no_toml(scene: Scene) -> None:
    scene.write("p.toml", b"\xff\xfe[step")


@bad(SHOW, 4, "expected at most 262144 bytes, p.toml has 262145")
def pipeline_without_end(scene: Scene) -> None:
    scene.write("p.toml", b"#" * 262_145)


@bad(SHOW, 2, "expected at most 64 steps, found 1000")
def pipeline_of_a_thousand_steps(scene: Scene) -> None:
    _pipeline(scene, "".join(f'[step.s{n}]\n{JOB}input = "x.npy"\n' for n in range(1000)))


@bad(SHOW, 2, "steps wait for each other: ", " -> ")
def pipeline_that_waits_for_itself(scene: Scene) -> None:
    _pipeline(scene, f'[step.a]\n{JOB}input = "step.b"\n[step.b]\n{JOB}input = "step.a"\n')


@bad(SHOW, 2, "step.a: there is no step 'classifyer'", hint="Did you mean step.classifier?")
def pipeline_of_an_unknown_step(scene: Scene) -> None:
    _pipeline(scene, f'[step.classifier]\n{JOB}input = "x.npy"\n[step.a]\n{JOB}input = "step.classifyer"\n')


@bad(RUN, 2, "step.a.input: unsafe path '../keys.json'", hint="beside the pipeline")
def pipeline_whose_input_climbs_out(scene: Scene) -> None:
    _pipeline(scene, STEP.replace("x.npy", "../keys.json"))


@bad(RUN, 4, "step.a: in.npy: expected a file inside", "in.npy leads to")
def pipeline_whose_input_is_a_link_that_leads_out(scene: Scene) -> None:
    """What is read is published: a link must not reach what its user never meant to show."""
    _pipeline(scene, STEP.replace("x.npy", "in.npy"))
    (scene.home / "secret.npy").write_bytes(scene.shared.digit)
    (scene.folder / "in.npy").symlink_to(scene.home / "secret.npy")


@bad(RUN, 3, "step.a: no such file: x.npy")
def pipeline_whose_input_is_missing(scene: Scene) -> None:
    scene.write("p.toml", f'budget = "6"\n{STEP}')


@bad(RUN, 2, "step.a: alice/digits-mlp@1.0.0 takes 'image' as float32 [1, 64], found float32 [1, 16]")
def pipeline_whose_input_does_not_fit(scene: Scene) -> None:
    _pipeline(scene, STEP)
    scene.write("x.npy", TINY_INPUT)


@bad(RUN, 2, "step.b: alice/digits-mlp@1.0.0 takes 'image' as float32 [1, 64], found float32 [1, 10]")
def pipeline_whose_outputs_do_not_fit(scene: Scene) -> None:
    _pipeline(scene, f'{STEP}[step.b]\n{JOB}input = "step.a"\n', budget="12")


@bad(RUN, 2, "found float32 [3, 64]", hint="each = true posts a job for each item")
def pipeline_of_many_items_without_each(scene: Scene) -> None:
    _pipeline(scene, STEP)
    scene.write("x.npy", npy(np.zeros((3, 64), np.float32)))


@bad(RUN, 2, "each = true takes 1 to 256 items", "float32 [300, 64]")
def pipeline_of_too_many_items(scene: Scene) -> None:
    _pipeline(scene, f"{STEP}each = true\n", budget="100000")
    scene.write("x.npy", npy(np.zeros((300, 64), np.float32)))


@bad(RUN, 2, "p.toml can cost 5.1 MLM, more than the budget of 5 MLM", hint="mlm pipeline show")
def pipeline_beyond_its_budget(scene: Scene) -> None:
    _pipeline(scene, STEP, budget="5")


@bad(f"{RUN} --budget 4", 2, "p.toml can cost 5.1 MLM, more than the budget of 4 MLM")
def pipeline_beyond_its_users_budget(scene: Scene) -> None:
    """A file cannot raise what its user allows."""
    _pipeline(scene, STEP, budget="1000000")


@bad(RUN, 2, "p.toml names no budget", hint="--budget")
def pipeline_without_a_budget(scene: Scene) -> None:
    scene.write("p.toml", STEP)


@bad(RUN, 8, "p.toml needs 1000000 MLM", "holds", hint="faucet")
def pipeline_beyond_what_one_has(scene: Scene) -> None:
    _pipeline(scene, STEP.replace('"5"', '"1000000"'), budget="2000000")


@bad(RUN, 2, "step.a: expected a price of at least 0.10", "found 0.01 MLM")
def pipeline_of_a_price_below_the_least(scene: Scene) -> None:
    _pipeline(scene, STEP.replace('"5"', '"0.01"'))


@bad(RUN, 3, "no published version matches alice/nothing@1.0.0")
def pipeline_of_an_unknown_model(scene: Scene) -> None:
    _pipeline(scene, STEP.replace("digits-mlp", "nothing"))


@bad(RUN, 2, "the tier consensus is not available yet", hint="zk")
def pipeline_of_a_tier_that_there_is_not(scene: Scene) -> None:
    _pipeline(scene, f'{STEP}tier = "consensus"\n')


@bad("mlm pipeline run p.toml -o results", 1, "the chain holds the zk key 0x", "its files give 0x",
     error="verification_failed")  # fmt: skip
def pipeline_with_a_foreign_key_in_its_second_step(scene: Scene) -> None:
    """All models are checked before the first job is paid for."""
    scene.shared.mallory  # noqa: B018 - it publishes
    _pipeline(
        scene, f'{STEP}[step.b]\nmodel = "mallory/tiny@1.0.0"\nmax_price = "5"\ninput = "tiny.npy"\n', budget="12"
    )
    scene.write("tiny.npy", TINY_INPUT)


@bad("mlm job post alice/digits-mlp -i x.npy --max-price 5 --wait -o out.txt", 2, "expected a file that ends in .npy")
def output_that_could_not_be_written_after_paying(scene: Scene) -> None:
    scene.write("x.npy", scene.shared.digit)


@bad("mlm job wait {job} --timeout nan", 2, "--timeout: expected seconds from 0, found nan")
def wait_for_no_number_of_seconds(scene: Scene) -> None:
    scene.words["job"] = scene.shared.posted


@bad("mlm job wait {job}", 12, "was posted by 0x", "not by 0x", hint="mlm job watch")
def wait_for_the_job_of_another(scene: Scene) -> None:
    scene.account, scene.words["job"] = "compute-2", scene.shared.posted
