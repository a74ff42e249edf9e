"""Rating a job and claiming rewards: the plans, and what is refused before anything is signed."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from mlm.core.errors import StateConflict, UsageError
from mlm.core.job import State
from mlm.core.plan import Tx
from mlm.workflows import lookup, reputation, stake

ME, OTHER, PROVIDER, VAULT = ("0x" + digit * 40 for digit in "abc9")
JOB = "0x" + "7" * 64


@dataclass
class Chain:
    """Answers by contract and function."""

    answers: dict[tuple[str, str], Any] = field(default_factory=dict)

    def call(self, contract: str, function: str, *args: Any) -> Any:
        return self.answers[contract, function]

    def address_of(self, contract: str) -> str:
        return VAULT


def ports(**answers: Any) -> Any:
    """Ports of ME; `answers` as Contract_function=value."""
    known = {tuple(name.split("_")): value for name, value in answers.items()}
    return SimpleNamespace(chain=Chain(known), sender=SimpleNamespace(address=ME))  # type: ignore[arg-type]


def job(monkeypatch: pytest.MonkeyPatch, **changed: Any) -> None:
    """The job that every name finds: ME paid for it, it was accepted and settled."""
    facts = {"consumer": ME.upper().replace("0X", "0x"), "settled_at": 9, "state": State.ACCEPTED} | changed
    record = SimpleNamespace(consumer=facts["consumer"], settled_at=facts["settled_at"], provider=PROVIDER, price=100)
    frozen = SimpleNamespace(protocol_fee_bps=100, treasury_bps=4_000, stakers_bps=3_000)
    terms = SimpleNamespace(as_args=lambda: ("terms",), snapshot=frozen)
    found = SimpleNamespace(job_id=JOB, record=record, state=facts["state"], terms=terms, provider=PROVIDER)
    monkeypatch.setattr(lookup, "job", lambda ports, name: found)


def rate(stars: int = 5, given: int = 0) -> Any:
    return reputation.plan(ports(Reputation_starsOf=given), reputation.JobRating("job/7", stars))


def test_a_rating_hands_in_the_terms(monkeypatch: pytest.MonkeyPatch) -> None:
    job(monkeypatch)
    (step,) = rate(4).steps
    assert (step.call.contract, step.call.function) == ("Reputation", "rate")
    assert step.call.args == (bytes.fromhex(JOB[2:]), ("terms",), 4)


@pytest.mark.parametrize(
    ("changed", "words", "hint"),
    [
        ({"consumer": OTHER}, f"was paid by {OTHER}, this account is {ME}", "--account"),
        ({"state": State.DEFAULTED}, "is defaulted; only an accepted job", "mlm job show"),
        ({"settled_at": 0}, "is accepted and not settled", "mlm job settle"),
    ],
)
def test_who_and_what_is_refused(
    monkeypatch: pytest.MonkeyPatch, changed: dict[str, Any], words: str, hint: str
) -> None:
    job(monkeypatch, **changed)
    with pytest.raises(StateConflict, match=words) as refused:
        rate()
    assert hint in refused.value.hint


def test_a_rating_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    job(monkeypatch)
    with pytest.raises(StateConflict, match="was rated with 2 stars"):
        rate(5, given=2)


@pytest.mark.parametrize("stars", [0, 6, -1])
def test_stars_are_one_to_five(stars: int) -> None:
    with pytest.raises(UsageError, match=f"expected 1 to 5 stars, found {stars}") as refused:
        rate(stars)
    assert refused.value.hint == "--stars 5 is the best."


def test_a_standing_in_one_call() -> None:
    shown = reputation.show(ports(Reputation_reputationOf=(3, 1, 0, 2, 500, 9, 4, 18, 1)), PROVIDER)
    assert (shown.accepted, shown.rejected, shown.undelivered, shown.defaulted) == (3, 1, 0, 2)
    assert (shown.value, shown.points, shown.rated, shown.ratings, shown.stars) == (500, 9, 4, 1, 4.5)


@pytest.mark.parametrize(
    ("jobs", "channels", "reward", "calls"),
    [(5, 0, 7, ["fund", "claim"]), (5, 2, 0, ["fund", "fundFrom"]), (0, 0, 7, ["claim"])],
)
def test_a_claim_starts_the_stream_first(jobs: int, channels: int, reward: int, calls: list[str]) -> None:
    fees = {"JobMarket_creditOf": jobs, "PaymentChannels_creditOf": channels, "LicenceShop_creditOf": 0}
    plan = stake.plan_claim(ports(**fees, StakeVault_rewardOf=reward), stake.Claim())
    assert [step.call.function for step in plan.steps if isinstance(step, Tx)] == calls


def test_nothing_to_claim() -> None:
    with pytest.raises(StateConflict, match="no reward to claim") as refused:
        stake.plan_claim(ports(**{f"{name}_creditOf": 0 for name in stake.FEES}, StakeVault_rewardOf=0), stake.Claim())
    assert "mlm stake show" in refused.value.hint
