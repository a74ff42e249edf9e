"""Limits of a server: rates by payer, refusals as documents, names of models."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlm.core.errors import UsageError
from mlm.core.serving import Rate, Refusal, Status, model_name, to_claim


@given(st.floats(0.5, 50), st.lists(st.floats(0, 3), min_size=1, max_size=60))
def test_no_payer_passes_its_rate(rate: float, gaps: list[float]) -> None:
    """In any stretch at most a full bucket, and what flowed in meanwhile; and who waits as told is served."""
    bucket, now, taken = Rate(rate), 0.0, []
    for gap in gaps:
        now += gap
        wait = bucket.take("payer", now)
        if wait:
            assert bucket.take("payer", now + wait * 1.0001 + 1e-6) == 0.0
            now += wait * 1.0001 + 1e-6
        taken.append(now)
    for first in range(len(taken)):
        spent = len(taken) - first
        assert spent <= max(1.0, 2 * rate) + rate * (taken[-1] - taken[first]) + 1.001


def test_one_payer_does_not_use_up_anothers() -> None:
    bucket = Rate(1.0)
    assert [bucket.take("one", 0.0) > 0 for _ in range(3)] == [False, False, True]
    assert bucket.take("other", 0.0) == 0.0
    assert Rate(0.0).take("one", 0.0) == 0.0


def test_the_number_of_payers_remembered_is_bounded() -> None:
    bucket = Rate(1.0, most=2)
    for payer in ("a", "a", "b", "c"):
        bucket.take(payer, 0.0)
    assert bucket.take("b", 0.0) == 0.0  # of its two the second
    assert bucket.take("b", 0.0) > 0.0


def test_a_refusal_is_a_document() -> None:
    refusal = Refusal(Status.PAYMENT_REQUIRED, "pay", word="underpaid", detail={"error": "other", "mlm": {}})
    assert refusal.document() == {"error": "pay", "code": "underpaid", "mlm": {}}
    assert Refusal(Status.BUSY, "later").document() == {"error": "later", "code": "busy"}


def test_names() -> None:
    assert model_name(None, "models/mnist.onnx") == "mnist"
    assert model_name(None, "alice/digits-mlp@1.0.0") == "digits-mlp"
    assert model_name(None, "..") == "model"
    assert model_name("a.b_c-1", "x") == "a.b_c-1"
    for odd in ("", "..", "a/b", "a b", "é", "x" * 129):
        with pytest.raises(UsageError, match="--name"):
            model_name(odd, "x")


def test_what_is_claimed_and_when() -> None:
    """From the threshold on, and all of it before an expiry: nothing is served in the last margin, the claim's."""
    far = {"expires_at": 10_000, "now": 1_000, "margin": 600}
    assert to_claim(10, threshold=10, **far) and not to_claim(9, threshold=10, **far)
    assert not to_claim(10**30, threshold=0, **far)
    near = far | {"now": 10_000 - 2 * 600}
    assert to_claim(1, threshold=0, **near) and not to_claim(0, threshold=0, **near)
    assert not to_claim(1, threshold=0, **near | {"now": near["now"] - 1})
