"""Jobs and bids in kinds of auction that do not know them, at times and prices that are none."""

from __future__ import annotations

from tests.bad.harness import Arrange, Scene, bad, nothing
from tests.bad.markets import POST

BATCH = "--auction batch --start-price 1 --price-step 0.5"


def _digit(scene: Scene) -> None:
    scene.write("digit.npy", scene.shared.digit)


def _as(account: str, kind: str) -> Arrange:
    """The arrangement: `account` and a job of the kind, open, with a bid of compute-1."""

    def arrange(scene: Scene) -> None:
        scene.account = account
        scene.words["job"] = scene.shared.jobs[kind]

    return arrange


@bad(
    f"{POST} --max-price 5.3 {BATCH}",
    2,
    "--max-price: expected a price of the grid",
    "5 MLM or 5.5 MLM",
    "found 5.3",
    hint="256 prices",
)
def price_between_two_of_the_grid(scene: Scene) -> None:
    _digit(scene)


@bad(
    f"{POST} --max-price 5 --auction batch --start-price 1",
    2,
    "--price-step: a batch auction needs it",
    hint="--price-step TOKENS",
)
def grid_without_a_step(scene: Scene) -> None:
    _digit(scene)


@bad(f"{POST} --max-price 5 --auction dutch", 2, "--start-price: a dutch auction needs it", hint="--start-price TOKENS")
def clock_without_a_start(scene: Scene) -> None:
    _digit(scene)


@bad(f"{POST} --max-price 5 --auction dutch --start-price 6", 2, "at most the maximum price of 5 MLM", "found 6 MLM")
def clock_that_runs_backwards(scene: Scene) -> None:
    _digit(scene)


@bad(f"{POST} --max-price 5 --auction fixed --reveal 60", 2, "--reveal: a fixed auction has no", hint="sealed or batch")
def reveal_of_a_posted_price(scene: Scene) -> None:
    _digit(scene)


@bad(f"{POST} --max-price 5 --auction silent", 2, "expected one of fixed, reverse, sealed, dutch, batch", "'silent'")
def auction_of_no_kind(scene: Scene) -> None:
    _digit(scene)


@bad(f"{POST} --max-price 5 --require 'a fast one'", 2, "expected NAME=SYMBOL", "found 'a fast one'", hint="gpu.model")
def requirement_that_is_none(scene: Scene) -> None:
    _digit(scene)


@bad(f"{POST} --max-price 5 --require 'gpu.memory>=ten'", 2, "expected a whole number", "'ten'", hint="digits only")
def requirement_of_a_number_in_letters(scene: Scene) -> None:
    _digit(scene)


@bad("mlm provider declare gpu", 2, "expected NAME=VALUE", "found 'gpu'", hint="gpu=yes")
def attribute_without_a_value(scene: Scene) -> None:
    scene.account = "compute-1"


@bad("mlm provider match 'gpu.memory>=40'", 2, "expected the ACCOUNT", hint="mlm provider list --require RULE")
def match_of_nobody(scene: Scene) -> None:
    scene.account = ""


@bad("mlm job rate {job} --stars 7", 2, "expected 1 to 5 stars, found 7", hint="--stars 5")
def more_stars_than_there_are(scene: Scene) -> None:
    _as("consumer", "dutch")(scene)


@bad(f"{POST} --max-price 5 --require-file who.toml", 4, "who.toml: expected TOML", error="invalid_data")
def requirements_that_are_no_toml(scene: Scene) -> None:
    _digit(scene)
    scene.write("who.toml", "require = [")


@bad(f"{POST} --max-price 5 --require-file who.toml", 3, "no such file: who.toml")
def requirements_in_no_file(scene: Scene) -> None:
    _digit(scene)


@bad(
    "mlm bid {job} --price 5", 12, "does not meet the requirements", "gpu.memory: expected at least 80", "not declared"
)
def bidder_that_does_not_qualify(scene: Scene) -> None:
    _as("compute-2", "picky")(scene)


@bad("mlm job reveal {job}", 12, "takes bids until", "yours is to stay secret", hint="Reveal in")
def reveal_before_the_bids_close(scene: Scene) -> None:
    _as("compute-1", "sealed")(scene)


@bad("mlm job reveal {job}", 12, "has no sealed bid on job", "0x15d3", hint="mlm job bids")
def reveal_without_a_commitment(scene: Scene) -> None:
    _as("compute-2", "sealed")(scene)


@bad("mlm job reveal {job}", 12, "is a dutch auction: there is nothing to reveal")
def reveal_in_an_open_auction(scene: Scene) -> None:
    _as("compute-2", "dutch")(scene)


@bad("mlm job reveal {job} --price 3", 2, "was of another price, found 3 MLM", hint="the price that you bid")
def wrong_price_at_the_reveal(scene: Scene) -> None:
    _as("compute-1", "revealing")(scene)


@bad("mlm job reveal {job}", 3, "this machine has not kept the price", hint="--price PRICE")
def reveal_on_a_machine_that_has_not_kept_the_price(scene: Scene) -> None:
    _as("compute-1", "revealing")(scene)


@bad("mlm bid {job} --price 2", 12, "has a sealed bid on job", "already", hint="withdraw-bid")
def second_sealed_bid(scene: Scene) -> None:
    _as("compute-1", "sealed")(scene)


@bad("mlm bid {job} --price 0.01", 2, "the job pays at least", "found 0.01 MLM")
def sealed_bid_that_could_never_be_revealed(scene: Scene) -> None:
    _as("compute-2", "sealed")(scene)


@bad("mlm bid {job} --price 2 --quantity 3", 2, "--quantity: a sealed auction is about one job")
def many_of_one_job(scene: Scene) -> None:
    _as("compute-2", "sealed")(scene)


@bad("mlm bid {job} --price 5", 12, "the clock of job", "you take 5 MLM or more", hint="It offers that in")
def more_than_the_clock_offers(scene: Scene) -> None:
    _as("compute-2", "dutch")(scene)


@bad("mlm bid {job} --price 2.2", 2, "expected a price of the grid such as 2 MLM or 2.5 MLM", "found 2.2 MLM")
def offer_between_two_prices_of_the_grid(scene: Scene) -> None:
    _as("compute-2", "batch")(scene)


@bad("mlm bid {job} --price 2 --quantity 0", 2, "--quantity: expected 1 or more, found 0")
def offer_of_nothing(scene: Scene) -> None:
    _as("compute-2", "batch")(scene)


@bad("mlm job withdraw-bid {job}", 12, "an offer in the round of job", "cannot be withdrawn")
def withdrawal_of_an_offer_in_a_round(scene: Scene) -> None:
    _as("compute-1", "batch")(scene)


@bad("mlm job withdraw-bid {job}", 12, "has no bid on job", "that stands", hint="mlm job bids")
def withdrawal_of_no_bid(scene: Scene) -> None:
    _as("compute-2", "sealed")(scene)


@bad("mlm job cancel {job}", 12, "is in a round that counts on it", hint="the escrow comes back")
def cancelling_a_job_of_a_round(scene: Scene) -> None:
    _as("consumer", "batch")(scene)


@bad("mlm job cancel {job}", 12, "has 1 sealed bids")
def cancelling_a_job_with_a_sealed_bid(scene: Scene) -> None:
    _as("consumer", "sealed")(scene)


@bad("mlm job award {job}", 12, "is a sealed auction, which nobody awards", hint="mlm job show")
def award_of_a_sealed_auction(scene: Scene) -> None:
    _as("consumer", "sealed")(scene)


@bad("mlm job award {job}", 12, "takes jobs and offers until", "awards come then", hint="mlm job bids")
def award_before_the_round_closes(scene: Scene) -> None:
    _as("consumer", "batch")(scene)


@bad("mlm job reopen {job}", 12, "is open; it can be reopened when it has come to nothing", hint="It is the turn of")
def reopening_a_job_that_runs(scene: Scene) -> None:
    _as("consumer", "sealed")(scene)


@bad("mlm job reopen {job}", 12, "was posted by 0x3c44", "not by 0x15d3", hint="mlm job post")
def reopening_a_job_of_another(scene: Scene) -> None:
    scene.account = "compute-2"
    scene.words["job"] = scene.shared.expired


@bad("mlm job reopen {job} --without compute-1", 2, "--without: expected an address of 40 hex digits", "'compute-1'")
def reopening_without_a_name(scene: Scene) -> None:
    scene.words["job"] = scene.shared.expired


@bad("mlm job award {job} --all", 2, "--all: a reverse auction is about one job")
def all_awards_of_one_job(scene: Scene) -> None:
    scene.words["job"] = scene.shared.posted
    nothing(scene)


@bad("mlm job list --page 99999999999999999999", 2, "--page", "less than or equal to 1000000000")
def page_beyond_every_number(scene: Scene) -> None:
    nothing(scene)


@bad("mlm reputation show bob", 2, "expected an address of 40 hex digits", "found 'bob'", hint="mlm wallet list")
def reputation_of_a_name(scene: Scene) -> None:
    nothing(scene)


@bad("mlm stake show 0x12", 2, "expected an address of 40 hex digits", "found '0x12'", hint="mlm wallet list")
def stake_of_half_an_address(scene: Scene) -> None:
    nothing(scene)


@bad(
    f"{POST} --max-price 5 --tier optimistic --value-at-risk 80000000000", 2, "--value-at-risk: expected at most", "80"
)
def value_beyond_what_a_job_can_name(scene: Scene) -> None:
    _digit(scene)
