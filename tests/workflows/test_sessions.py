"""Session keys as the index has them, and what a signature of one is held against."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mlm.core.errors import InvalidData, StateConflict, VerificationFailed
from mlm.core.tee import Policy, SessionKey, Statement
from mlm.memory.chain import MemoryChain
from mlm.ports.bundle import Ports
from mlm.workflows import sessions

EVENTS = json.loads((Path(__file__).parents[1] / "vectors" / "events.json").read_text())
(REGISTERED,) = (each for each in EVENTS["events"] if each["event"] == "SessionKeyRegistered")
KEY = REGISTERED["args"]["key"]
_, DIGEST, PROVIDER, *SAID = REGISTERED["facts"][0]
ROW = {"digest": DIGEST, "provider": PROVIDER, **dict(zip(("key", "attestation", "signatures"), SAID, strict=True))}
SIMULATED = Policy(frozenset({"ConfigurationAndSWHardeningNeeded"}), frozenset({"tdx"}), simulated=True)


class Rows:
    """An index with these session keys."""

    def __init__(self, *rows: dict[str, Any]) -> None:
        self.rows = rows

    def query(self, name: str, **wanted: Any) -> list[dict[str, Any]]:
        assert name == "session_keys"
        return [row for row in self.rows if all(row[each] == value for each, value in wanted.items())]


def ports(*rows: dict[str, Any], **answers: Any) -> Ports:
    said = {("TeeVerifier", name) if name != "isSigned" else ("QuoteProofs", name): it for name, it in answers.items()}
    chain = MemoryChain(said)
    chain.mine()
    sender = SimpleNamespace(address=PROVIDER.upper().replace("X", "x"))
    return Ports(chain=lambda: chain, state=lambda: Rows(*rows), sender=lambda: sender)


def test_a_registration_is_read_from_the_index() -> None:
    here = ports(ROW)
    (found,) = sessions.registrations(here, digest=DIGEST)
    assert found == next(sessions.mine(here))
    chain_id, market = here.chain.chain_id(), here.chain.address_of("JobMarket").lower()
    model = bytes.fromhex(KEY["modelDigest"][2:])
    assert found.key == SessionKey(chain_id, market, PROVIDER, model, KEY["expiresAt"], KEY["x"], KEY["y"])
    assert found.attestation.of_key and found.attestation.to_json() == REGISTERED["args"]["attestation"]
    assert ["0x" + each.hex() for each in found.signatures] == REGISTERED["args"]["signatures"]
    digest = bytes.fromhex(DIGEST[2:])
    assert sessions.find(here, digest) == sessions.need(here, digest) == found
    with pytest.raises(StateConflict, match="is not registered"):
        sessions.need(here, b"\1" * 32)
    assert list(sessions.mine(ports(ROW | {"provider": "0x" + "77" * 20}))) == []


@pytest.mark.parametrize("key", ["{}", "[]", "no JSON", '{"modelDigest": 5}'])
def test_an_index_of_somebody_else(key: str) -> None:
    with pytest.raises(InvalidData, match="a session key that cannot be read"):
        next(sessions.registrations(ports(ROW | {"key": key})))


END, LOOKED = KEY["expiresAt"], REGISTERED["args"]["attestation"]["checkedAt"]
NOTHING = ("0x" + "00" * 20, 0, 0)


@pytest.mark.parametrize(
    ("policy", "ends", "shown", "at", "why"),
    [
        (SIMULATED, END, NOTHING, END - 1, ""),
        (SIMULATED, END, NOTHING, END, "its time is over"),
        (SIMULATED, 0, NOTHING, LOOKED, "the chain does not hold it"),
        (SIMULATED, END + 1, NOTHING, LOOKED, "the chain does not hold it"),
        (SIMULATED, END, (PROVIDER, 7, 1), LOOKED, "what attesters signed of it was shown to be false"),
        (replace(SIMULATED, simulated=False), END, NOTHING, LOOKED, "simulated"),
        (replace(SIMULATED, statuses=frozenset({"UpToDate"})), END, NOTHING, LOOKED, "word on the platform"),
        (replace(SIMULATED, kinds=frozenset({"sgx"})), END, NOTHING, LOOKED, "kind of enclave"),
        (replace(SIMULATED, max_age=60), END, NOTHING, LOOKED + 60, ""),
        (replace(SIMULATED, max_age=60), END, NOTHING, LOOKED + 61, "61 s old"),
    ],
)
def test_why_a_key_does_not_serve(policy: Policy, ends: int, shown: tuple[str, int, int], at: int, why: str) -> None:
    here = ports(ROW, sessionOf=ends, falsehoodOf=shown)
    (found,) = sessions.mine(here)
    said = sessions.problem(here, found, policy, at - here.chain.block().timestamp)
    assert why in said and bool(said) is bool(why)


def test_a_signature_is_held_against_the_statement() -> None:
    statement = Statement(1, PROVIDER, "0x" + "22" * 32, b"m" * 32, b"i" * 32, b"o" * 32, PROVIDER, 3, 4)
    asked: list[tuple[Any, ...]] = []

    def is_signed(*args: Any) -> bool:
        asked.append(args)
        return len(asked) == 1

    here = ports(isSigned=is_signed)
    sessions.check_signed(here, statement, b"r" * 32 + b"s" * 32)
    assert asked == [(statement.report_data, b"r" * 32, b"s" * 32, 3, 4)]
    for wrong in (b"r" * 64, b"r" * 63, b"r" * 65, b""):
        with pytest.raises(VerificationFailed, match=f"expected one over 0x{statement.report_data.hex()}"):
            sessions.check_signed(here, statement, wrong)
    assert len(asked) == 2  # a signature of another size is nobody's
