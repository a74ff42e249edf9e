"""Private jobs and the tier none: deliveries, complaints and answers that nobody may make, or that open nothing."""

from __future__ import annotations

from tests.bad.harness import Scene, bad


def _private(scene: Scene, account: str = "compute-1") -> None:
    scene.words["job"], scene.account = scene.shared.private, account


@bad("mlm lease accept {job}", 12, "is private", "it is the consumer's turn", hint="mlm job deliver")
def input_whose_key_is_not_delivered(scene: Scene) -> None:
    _private(scene)


@bad("mlm lease fulfil {job}", 12, "is private", "it is the consumer's turn", hint="mlm job deliver")
def run_of_an_input_whose_key_is_not_delivered(scene: Scene) -> None:
    _private(scene)


@bad("mlm lease accept {job}", 1, "142 wrapped bytes are not for this account, or were changed", hint="Do not accept")
def key_that_opens_nothing(scene: Scene) -> None:
    scene.words["job"], scene.account = scene.shared.misled, "compute-1"


@bad("mlm lease show {job} --input stolen.npy", 3, "its consumer and its lease holder can read it", hint="-a NAME")
def private_input_of_others(scene: Scene) -> None:
    _private(scene, "compute-2")


@bad("mlm job deliver {job}", 12, "was posted by 0x", "not by 0x", hint="-a NAME")
def delivery_by_the_winner(scene: Scene) -> None:
    _private(scene)


@bad("mlm job deliver {job}", 12, "is open", "a key is delivered while it is leased", hint="--until leased")
def delivery_before_there_is_a_winner(scene: Scene) -> None:
    scene.words["job"] = scene.shared.posted


@bad("mlm job complain {job}", 12, "is leased", "it can be complained of while it is submitted", hint="mlm job show")
def complaint_before_the_result(scene: Scene) -> None:
    _private(scene, "consumer")


@bad("mlm job complain {job}", 12, "has the tier zk", "results that are handed over off chain", hint="mlm job result")
def complaint_about_a_proof(scene: Scene) -> None:
    scene.words["job"] = scene.shared.posted


@bad("mlm lease answer {job}", 12, "is leased", "it can be answered for while it is disputed", hint="complained")
def answer_to_nobody(scene: Scene) -> None:
    _private(scene)


@bad("mlm job result {job}", 12, "is leased: no result yet", hint="mlm job watch")
def result_of_the_tier_none_before_it_came(scene: Scene) -> None:
    _private(scene, "consumer")


@bad("mlm verify {job}", 12, "is leased: no result yet", hint="mlm job watch")
def verification_of_the_tier_none_before_it_came(scene: Scene) -> None:
    _private(scene, "consumer")


@bad("mlm job post alice/digits-mlp -i digit.npy --max-price 5 --tier none --verification 59", 7, "WindowOutOfBounds")
def no_time_to_complain(scene: Scene) -> None:
    scene.write("digit.npy", scene.shared.digit)
