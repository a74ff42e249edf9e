"""A job's state and turn, and the enums against the Solidity source."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from enum import IntEnum
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlm.core import job as module
from mlm.core.auctions import english  # noqa: F401 - its enums are among them
from mlm.core.errors import InvalidData, UsageError
from mlm.core.job import AuctionKind, JobFacts, Kind, Outcome, Reason, Role, State, Tier, Verdict, state, whose_turn
from mlm.core.terms import JobRecord

ROOT = Path(__file__).resolve().parent.parent.parent
VECTORS = json.loads((ROOT / "tests" / "vectors" / "job_states.json").read_text())
CONTRACTS = ROOT / "devnet" / "contracts"


def facts_of(row: list[int]) -> tuple[JobFacts, int, Verdict, State]:
    value = dict(zip(VECTORS["columns"], row, strict=True))
    facts = JobFacts(
        posted_at=value["postedAt"],
        bids_close_at=value["bidsCloseAt"],
        has_provider=bool(value["hasProvider"]),
        delivery_window=value["deliveryWindow"],
        execution_window=value["executionWindow"],
        verification_window=value["verificationWindow"],
        accepted_at=value["acceptedAt"],
        submitted_at=value["submittedAt"],
        cancelled=bool(value["cancelled"]),
        verified=bool(value["verified"]),
        auction=AuctionKind(value["auction"]),
        reveal_window=value["revealWindow"],
        commitments=value["commitments"],
    )
    return facts, value["now"], Verdict(value["verdict"]), State(value["state"])


@pytest.mark.parametrize("row", VECTORS["rows"], ids=range(len(VECTORS["rows"])))
def test_vectors(row: list[int]) -> None:
    facts, now, verdict, expected = facts_of(row)
    assert state(facts, now, verdict) is expected


def test_the_vectors_reach_every_state() -> None:
    reached = {facts_of(row)[3] for row in VECTORS["rows"]}
    assert reached == set(State)


def test_the_generator_reproduces_the_vectors(tmp_path: Path) -> None:
    source = (ROOT / "tests" / "vectors" / "make_market.py").read_text()
    script = tmp_path / "make_market.py"
    script.write_text(source)
    exec(compile(source, str(script), "exec"), {"__name__": "__main__", "__file__": str(script)})
    for name in ("job_states.json", "settlement.json"):
        assert (tmp_path / name).read_bytes() == (ROOT / "tests" / "vectors" / name).read_bytes()


@pytest.mark.parametrize("enum", [Tier, AuctionKind, Kind, Role, Verdict, State, Reason, Outcome])
def test_enums_are_the_contracts(enum: type[IntEnum]) -> None:
    source = (CONTRACTS / "interfaces" / "Types.sol").read_text()
    body = re.search(rf"enum {enum.__name__} \{{([^}}]*)\}}", source)
    assert body is not None
    names = [name.strip() for name in body.group(1).split(",")]
    assert [member.name.replace("_", "").lower() for member in enum] == [name.lower() for name in names]
    assert [int(member) for member in enum] == list(range(len(names)))


def test_bounds_are_the_contracts() -> None:
    source = (CONTRACTS / "libraries" / "Limits.sol").read_text()
    assert "MIN_WINDOW = 1 minutes;" in source
    assert module.MIN_WINDOW == 60
    assert "MAX_WINDOW = 7 days;" in source
    assert module.MAX_WINDOW == 7 * 86_400


def test_names_are_spelt_and_parsed() -> None:
    assert [str(tier) for tier in Tier][:2] == ["none", "zk"]
    assert f"{Reason.GAS_COMPENSATION}" == "gas-compensation"
    assert AuctionKind.parse("reverse") is AuctionKind.REVERSE
    with pytest.raises(UsageError, match="expected one of fixed, reverse"):
        AuctionKind.parse("Reverse")


READY = JobFacts(
    posted_at=1_000,
    bids_close_at=1_600,
    has_provider=True,
    delivery_window=300,
    execution_window=900,
    verification_window=3_600,
    accepted_at=1_700,
)
seconds = st.integers(0, 10**6)


def test_whose_turn() -> None:
    waiting = replace(READY, accepted_at=0)
    done = replace(READY, submitted_at=2_000)
    assert whose_turn(waiting, 1_599) == ("providers", "bid", 1_600)
    assert whose_turn(waiting, 1_600) == ("provider", "accept", 1_900)
    assert whose_turn(waiting, 1_900) == ("anyone", "settle", None)
    assert whose_turn(READY, 2_599) == ("provider", "submit", 2_600)
    assert whose_turn(done, 2_001) == ("watchers", "dispute", 5_600)
    assert whose_turn(done, 2_001, Verdict.DISPUTED) == ("verifier", "decide", None)
    assert whose_turn(done, 5_600) == ("anyone", "settle", None)
    assert whose_turn(replace(done, settled_at=5_601), 5_602) == ("nobody", "", None)
    assert whose_turn(replace(READY, posted_at=0), 1) == ("nobody", "", None)


def test_whose_turn_where_bids_are_revealed_or_awards_drawn() -> None:
    bidding = replace(READY, accepted_at=0, has_provider=False, reveal_window=60)
    sealed = replace(bidding, auction=AuctionKind.SEALED, commitments=2)
    assert whose_turn(sealed, 1_599) == ("providers", "bid", 1_600)
    assert whose_turn(sealed, 1_600) == ("bidders", "reveal", 1_660)
    assert whose_turn(replace(sealed, has_provider=True), 1_660) == ("provider", "accept", 1_960)
    assert whose_turn(replace(sealed, commitments=0), 1_600) == ("anyone", "settle", None)
    batch = replace(bidding, auction=AuctionKind.BATCH)
    assert whose_turn(batch, 1_600) == ("anyone", "draw the awards", 1_660)
    assert whose_turn(replace(batch, has_provider=True, reveal_window=1), 1_601) == ("provider", "accept", 1_901)


@given(seconds, seconds, st.sampled_from(Verdict))
def test_an_unsettled_job_always_waits_for_somebody(submitted_at: int, now: int, verdict: Verdict) -> None:
    turn = whose_turn(replace(READY, submitted_at=submitted_at), now, verdict)
    assert turn.who != "nobody"
    assert turn.deadline is None or now < turn.deadline


@given(seconds, seconds)
def test_a_final_state_stays(now: int, later: int) -> None:
    """Time alone never leads out of a final state, so it does not matter when somebody settles."""
    early, late = sorted((now, later))
    for facts in (READY, replace(READY, accepted_at=0), replace(READY, has_provider=False, accepted_at=0)):
        if state(facts, early).is_final:
            assert state(facts, late) is state(facts, early)


def test_facts_of_a_record() -> None:
    record = JobRecord(
        *(b"\1" * 32, b"\2" * 32, "0x" + "11" * 20, 1_000, 1_600, "0x" + "22" * 20, 1_700, 0, 9, 8, 7, 6),
        *("0x" + "33" * 20, 60, 300, 900, 3_600, 2, False, False, 0, bytes(32), 0, 5, bytes(32)),
    )
    assert JobFacts.of(record) == replace(READY, auction=AuctionKind.SEALED, reveal_window=60, commitments=5)
    assert not JobFacts.of(replace(record, provider="0x" + "00" * 20)).has_provider


@pytest.mark.parametrize("enum", [*module.Named.__subclasses__()])
def test_a_number_that_is_no_member_is_bad_data_and_no_bug(enum: type[module.Named]) -> None:
    """It may come from a lying node."""
    with pytest.raises(InvalidData, match=rf"expected a {enum.__name__} from 0 to {len(enum) - 1}, found 200"):
        enum(200)
