"""Submissions that hide in other calls: nobody can withhold a result by the way it was handed in."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from mlm.adapters.chain import abi
from mlm.core.attestation import SGX, UP_TO_DATE
from mlm.core.attesting import Attestation, TeeResult
from mlm.core.commitment import Evidence, commit_outputs, encode_evidence, output_commitment
from mlm.core.errors import InvalidData
from mlm.workflows.job_result import chosen
from mlm.workflows.submissions import SUBMIT, submissions
from mlm.workflows.tiers.tee import submitted

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


# ---------------------------------------------------------------------- of the tier tee

SIGNED = Attestation("0x" + JOB.hex(), b"\1" * 32, b"\2" * 32, b"\3" * 32, SGX, "OutOfDate", False, 7)
RESULT = TeeResult(SIGNED, b"\4" * 32, (b"\3" * 32,), 0, 0, b"\5" * 32, (b"\6" * 65, b"\7" * 65))
DECOYS = {
    "another word on the platform": replace(RESULT, attestation=replace(SIGNED, status=UP_TO_DATE)),
    "a key's registration": replace(RESULT, attestation=replace(SIGNED, job_id="0x" + "00" * 32)),
    "more attesters than have signed": replace(RESULT, signatures=(*RESULT.signatures, b"\x08" * 65)),
}


def _read(calldata: bytes) -> TeeResult:
    """With a chain and a log that have taken RESULT."""
    digest, place = SIGNED.digest(1, ADDRESS), {"chain_id": lambda: 1, "address_of": lambda name: ADDRESS}
    chain = SimpleNamespace(call=lambda *words: digest, transaction_input=lambda name: calldata, **place)
    row = {"signatures": ",".join("0x" + each.hex() for each in RESULT.signatures)}
    ports: Any = SimpleNamespace(chain=chain, state=SimpleNamespace(query=lambda *name, **about: [row]))
    record = SimpleNamespace(output_commitment=commit_outputs(RESULT.root))
    job: Any = SimpleNamespace(submit_tx="0x01", raw=JOB, job_id="0x" + JOB.hex(), record=record)
    return submitted(ports, job)


@pytest.mark.parametrize("what", DECOYS)
def test_a_decoy_of_the_same_outputs_is_not_what_the_contract_took(what: str) -> None:
    decoy = DECOYS[what].encode()
    assert _read(_submit(JOB, decoy) + _submit(JOB, RESULT.encode())) == RESULT
    with pytest.raises(InvalidData):
        _read(_submit(JOB, decoy))
