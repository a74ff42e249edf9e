"""Submissions that hide in other calls: nobody can withhold a result by the way it was handed in."""

from __future__ import annotations

import pytest

from mlm.adapters.chain import abi
from mlm.core.commitment import Evidence, encode_evidence, output_commitment
from mlm.core.errors import InvalidData
from mlm.workflows.job_result import chosen
from mlm.workflows.submissions import SUBMIT, submissions

JOB, OTHER = b"\x07" * 32, b"\x08" * 32
ADDRESS = "0x" + "ab" * 20


def _submit(job: bytes, evidence: bytes) -> bytes:
    request = (JOB, 1, 1, 1, JOB, JOB, 5, 0, 0, 1, 0, 2, 3, 4, bytes(32), 0, bytes(32))
    snapshot = (ADDRESS, JOB, 1, 2, 3, 4_000, 3_000, ADDRESS, 4, 5, 6, (ADDRESS,), (10_000,))
    return abi.load("JobMarket").encode_call("submit", (job, (request, snapshot), evidence, JOB))


def _evidence(output: int) -> bytes:
    return encode_evidence(Evidence((1, 2), 1, b"proof", (5, output)))


def _found(calldata: bytes, output: int, job: bytes = JOB) -> int:
    return chosen(submissions(calldata, job), output_commitment((output,))).instances[1]


def test_the_selector_is_the_contracts() -> None:
    assert abi.load("JobMarket").functions["submit"][0].selector == SUBMIT


def test_a_direct_submission() -> None:
    assert _found(_submit(JOB, _evidence(3)), 3) == 3


def test_a_submission_by_multicall_among_others() -> None:
    calls = (_submit(OTHER, _evidence(4)), _submit(JOB, _evidence(3)))
    call = abi.load("JobMarket").encode_call("multicall", (calls,))
    assert _found(call, 3) == 3
    assert _found(call, 4, OTHER) == 4


@pytest.mark.parametrize("decoy", [SUBMIT + JOB, _submit(JOB, b"nonsense"), _submit(JOB, _evidence(9))])
def test_a_decoy_before_the_submission(decoy: bytes) -> None:
    assert _found(decoy + _submit(JOB, _evidence(3)), 3) == 3


def test_only_a_false_submission_is_told_as_it_is() -> None:
    assert _found(_submit(JOB, _evidence(9)), 3) == 9


@pytest.mark.parametrize("calldata", [b"", SUBMIT, SUBMIT + JOB, _submit(OTHER, b"x"), _submit(JOB, b"x")])
def test_no_submission(calldata: bytes) -> None:
    with pytest.raises(InvalidData):
        _found(calldata, 3)
