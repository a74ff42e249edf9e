"""What a job's cost and facts are read from: one block, the tier's own contracts, and nothing that is not there."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from mlm.core.attestation import NITRO, SGX, SNP, UP_TO_DATE
from mlm.core.attesting import Attestation
from mlm.core.dispute.replica import Stage
from mlm.core.job import Tier
from mlm.core.trust import CostKind
from mlm.memory.chain import MemoryChain
from mlm.ports.bundle import Ports
from mlm.workflows import verify_cost

RICH, POOR, LEAVING = ("0x" + each * 40 for each in "abc")
STAKES = {RICH: (1000, 0), POOR: (6, 0), LEAVING: (1, 8)}  # the last has most of its stake on its way out
SIGNED = Attestation("0x" + "01" * 32, b"\1" * 32, b"\2" * 32, b"\3" * 32, SGX, UP_TO_DATE, False, 7)


def job(tier: Tier, **changed: Any) -> Any:
    record = SimpleNamespace(submitted_at=9, verification_window=60, provider=RICH)
    known = {"tier": tier, "raw": b"", "submit_tx": "0x01", "record": record, "finality": "safe"}
    return SimpleNamespace(**(known | changed))


def ports(members: int = 3, threshold: int = 2) -> Ports:
    chain = MemoryChain(
        {
            ("AttesterSet", "members"): list(STAKES)[:members],
            ("AttesterSet", "attesterOf"): lambda address: (*STAKES[address], 0, 1, ""),
            ("AttesterSet", "threshold"): threshold,
            ("Reputation", "pointsOf"): 5,
            ("TeeVerifier", "sessionOf"): 607,
        }
    )
    chain.mine()
    return Ports(chain=lambda: chain)


def handed_in(monkeypatch: pytest.MonkeyPatch, signed: Attestation, signatures: int = 2) -> None:
    found = SimpleNamespace(attestation=signed, signatures=(b"",) * signatures)
    monkeypatch.setattr(verify_cost, "submitted", lambda ports, job: found)


def test_a_tee_costs_what_burns_of_its_cheapest_attesters(monkeypatch: pytest.MonkeyPatch) -> None:
    handed_in(monkeypatch, SIGNED)
    here = ports()
    facts, cost = verify_cost.of_job(here, job(Tier.TEE))
    assert (cost.kind, cost.at_least) == (CostKind.MONEY, 8)  # of 6 and 9, half rounded up
    assert (cost.block, cost.block_hash) == (here.chain.block().number, here.chain.block().hash)
    assert (facts.attesters, facts.committee, facts.tcb_status) == (2, 3, UP_TO_DATE)
    assert (facts.window, facts.finality, facts.simulated) == (60, "safe", False)


@pytest.mark.parametrize(("members", "threshold"), [(1, 2), (3, 0), (0, 0)])
def test_a_set_that_verifies_nothing_has_no_price(
    monkeypatch: pytest.MonkeyPatch, members: int, threshold: int
) -> None:
    handed_in(monkeypatch, SIGNED)
    assert verify_cost.of_job(ports(members, threshold), job(Tier.TEE))[1].kind is CostKind.UNKNOWN


def test_a_result_that_an_enclaves_key_signed_has_no_attesters(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has one signature, the key's: to count it would be to take it for an attester's."""
    handed_in(monkeypatch, replace(SIGNED, job_id="0x" + "00" * 32), 1)
    facts, cost = verify_cost.of_job(ports(), job(Tier.TEE))
    assert facts.attesters is None and facts.made_at == SIGNED.checked_at
    # What it costs is what it costs to have the key registered; for how long it signs is an input besides.
    assert (cost.kind, cost.at_least) == (CostKind.MONEY, 8)
    session = cost.inputs[-1]
    assert (session.name, session.value, str(session.unit)) == ("session", 600, "seconds")
    assert "session's key outside its enclave" in cost.provided
    handed_in(monkeypatch, SIGNED)
    cost = verify_cost.of_job(ports(), job(Tier.TEE))[1]
    assert "session" not in cost.provided and cost.inputs[-1].name != "session"


@pytest.mark.parametrize("kind", [SNP, NITRO])
def test_a_lie_about_evidence_that_no_contract_reads_costs_its_attesters_nothing(
    monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Nobody can show what they have signed to be false: their stakes are no bound."""
    handed_in(monkeypatch, replace(SIGNED, kind=kind))
    cost = verify_cost.of_job(ports(), job(Tier.TEE))[1]
    assert (cost.kind, cost.at_least) == (CostKind.NOTHING, None) and kind in cost.why


def test_a_vendor_that_signs_no_word_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    handed_in(monkeypatch, replace(SIGNED, kind=NITRO))
    assert verify_cost.of_job(ports(), job(Tier.TEE))[0].tcb_status is None


@pytest.mark.parametrize(
    ("stages", "same"),
    [(("EQUAL", "EQUAL"), 2), (("EQUAL", "DRAWN"), 1), (("COMMITTED", "DIFFERENT"), 0), ((), None)],
)
def test_replicas_count_that_have_shown_the_same_root(
    monkeypatch: pytest.MonkeyPatch, stages: tuple[str, ...], same: int | None
) -> None:
    """Who was drawn and is silent has run nothing that anybody knows of, and risks no more than a fee."""
    monkeypatch.setattr(verify_cost.Reader, "record", lambda reader, job: SimpleNamespace(lock=20))
    answers: dict[tuple[str, str], Any] = {
        ("Replication", "stake"): 9,
        ("Replication", "replicasOf"): (1, 0, 0, 2, 0, False, 1, list(range(len(stages)))),
        ("Replication", "replicaOf"): lambda job, each: (Stage[stages[each]], b""),
    }
    facts, cost = verify_cost.of_job(Ports(chain=lambda: MemoryChain(answers)), job(Tier.REDUNDANT))
    assert facts.replicas == (None if same is None else same + 1)
    assert cost.at_least == (None if same is None else 10 + same * 5)


def test_the_window_of_the_tier_none_is_no_window_for_truth() -> None:
    facts, cost = verify_cost.of_job(ports(), job(Tier.NONE))
    assert facts.window is None and (cost.kind, cost.at_least) == (CostKind.REPUTATION, None)
    facts, cost = verify_cost.of_job(ports(), job(Tier.CONSENSUS))
    assert cost.kind is CostKind.UNKNOWN and "consensus" in cost.why
