"""Accusations: what a statement opens to, what is shown, and what a job has to risk."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlm.core import accusation, served
from mlm.core.errors import InvalidData, VerificationFailed
from mlm.core.exact.tensor import DType, TensorType
from mlm.core.exact.trace import tensor_of
from mlm.core.served import ServedResult
from mlm.core.settlement import LOCK_TIMES, lock_up
from mlm.core.terms import MAX_VALUE_AT_RISK

WORDS = [f"0x{letter * 64}" for letter in "abcdef"]
GIVEN, SAID = b"\x11" * 32, b"\x22" * 32
RESULT = ServedResult(WORDS[0], 7, *WORDS[1:5], served.exact_profile(GIVEN, SAID), 9, b"s" * 65)
AMOUNTS = st.integers(1, 2**90)


@given(bond=AMOUNTS, price=AMOUNTS)
def test_the_lock_of_its_job_covers_the_bond_and_no_more_is_risked(bond: int, price: int) -> None:
    risk = accusation.value_at_risk(bond, price)
    locked = lock_up(price, challenged=True, lock_bps=2000, min_lock=1, at_risk=risk)
    assert locked >= bond and risk >= 0
    assert risk == 0 or LOCK_TIMES * (price + risk - 1) < bond


def test_no_more_is_risked_than_a_job_can_name() -> None:
    assert accusation.value_at_risk(2**127, 1) == MAX_VALUE_AT_RISK


def test_a_profile_opens_with_the_commitments_that_it_binds_and_no_others() -> None:
    found = accusation.opened(RESULT, GIVEN, SAID)
    assert found.as_args()[:2] == (bytes.fromhex(WORDS[0][2:]), 7)
    assert found.as_args()[-3:] == (GIVEN, SAID, b"s" * 65)
    for pair in ((SAID, GIVEN), (GIVEN, GIVEN)):
        with pytest.raises(VerificationFailed, match="profile"):
            accusation.opened(RESULT, *pair)
    with pytest.raises(VerificationFailed, match="profile"):
        accusation.opened(replace(RESULT, profile=served.ANY), GIVEN, SAID)


def test_an_accusation_is_one_of_a_chain_a_contract_a_call_and_what_was_said() -> None:
    made = accusation.opened(RESULT, GIVEN, SAID)
    other = ServedResult(WORDS[0], 8, *WORDS[1:5], served.exact_profile(GIVEN, SAID), 9, b"s" * 65)
    said = replace(RESULT, profile=served.exact_profile(GIVEN, GIVEN))
    contract = "0x" + "c0" * 20
    ids = {
        accusation.accusation_id(1, contract, made),
        accusation.accusation_id(2, contract, made),
        accusation.accusation_id(1, "0x" + "c1" * 20, made),
        accusation.accusation_id(1, contract, accusation.opened(other, GIVEN, SAID)),
        accusation.accusation_id(1, contract, accusation.opened(said, GIVEN, GIVEN)),
    }
    assert len(ids) == 5
    # When it was served, and with what signature, makes no other accusation of it.
    late = accusation.opened(replace(RESULT, served_at=10, signature=b"t" * 65), GIVEN, SAID)
    assert accusation.accusation_id(1, contract, late) in ids


def test_a_game_lasts_as_long_as_the_contracts_say() -> None:
    text = (Path(__file__).parents[2] / "devnet/contracts/libraries/Limits.sol").read_text()
    assert f"MAX_GAME = {accusation.MAX_GAME // 86_400} days;" in text and accusation.MAX_GAME % 86_400 == 0


def test_inputs_beyond_the_contracts_bound_are_not_shown() -> None:
    kind = TensorType(DType.I8, (1, 1, 1, accusation.MAX_INPUT_BYTES))
    full = tensor_of(kind, bytes(kind.size))
    words, data = accusation.shown([full])
    assert words == [kind.word()] and data == [bytes(kind.size)]
    with pytest.raises(InvalidData, match="at most 122880 bytes"):
        accusation.shown([full, tensor_of(TensorType(DType.I8, (1, 1, 1, 1)), b"\1")])
