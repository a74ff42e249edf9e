"""What a payer's next call goes out with (mlm/core/spent.py): one number for one call, also after a crash."""

from __future__ import annotations

from mlm.core.channel import SignedVoucher, Voucher
from mlm.core.spent import Choice, Kept, Record

PRICE = 5
A, B = ("0x" + letter * 64 for letter in "ab")


def kept(calls: int, input_commitment: str) -> Kept:
    voucher = Voucher("0x" + "c" * 64, calls * PRICE, calls, input_commitment)
    return Kept(SignedVoucher(voucher, b"signature"), input_commitment, PRICE)


def test_a_number_that_another_call_tries_may_be_ones_own() -> None:
    """A process died between its voucher for A and the answer. The next one gives A's number to B first: A waits until
    it is known whom the payee has served, or it would be paid for twice."""
    record = Record(PRICE)
    record.take(first := kept(1, A))
    assert record.choose(B, 4) == Choice(1)
    assert record.choose(A, 4) is None
    # The payee shows that it has served A: its number is A's again, for nothing.
    del record.flying[1]
    assert record.choose(A, 4) == Choice(1, first)


def test_a_number_that_was_not_used_for_one_is_gone_once_another_has_it() -> None:
    record = Record(PRICE)
    record.take(kept(1, A))
    assert record.choose(B, 4) == Choice(1)
    record.take(kept(1, B))
    del record.flying[1]
    record.settle(1)
    assert record.choose(A, 4) == Choice(2)


def test_two_vouchers_of_one_number_after_a_crash() -> None:
    record = Record(PRICE)
    record.take(kept(1, A))
    record.take(second := kept(1, B))
    assert record.choose(B, 4) == Choice(1, second)
    assert record.choose(A, 4) is None


def test_the_same_input_twice_at_once_is_two_calls() -> None:
    record = Record(PRICE)
    assert record.choose(A, 4) == Choice(1)
    record.take(kept(1, A))
    assert record.choose(A, 4) == Choice(2)
