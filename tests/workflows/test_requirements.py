"""Publishing requirements once and finding them by their hash, on a chain in memory."""

from __future__ import annotations

import pytest

from mlm.core import requirements_text
from mlm.core.errors import InvalidData, StateConflict
from mlm.core.requirements import encode, requirements_hash
from mlm.memory.chain import MemoryChain
from mlm.memory.state import MemoryState
from mlm.memory.system import MemorySystem
from mlm.ports.bundle import Ports
from mlm.workflows import requirements

WANTED = requirements_text.parse(["ram>=64"])
ANN = "0x" + "a" * 40


def _ports(published: bool, qualifies: bool = False) -> Ports:
    answers = {
        ("Providers", "publishedAt"): int(published),
        ("Providers", "qualifies"): qualifies,
        ("Providers", "pointsOf"): 0,
    }
    chain, state = MemoryChain(answers), MemoryState()
    return Ports(chain=lambda: chain, state=lambda: state, system=MemorySystem)


def test_published_once() -> None:
    (step,) = requirements.publication(_ports(False), WANTED)
    assert step.call.function == "publishRequirements" and step.call.args == (encode(WANTED),)
    assert "ram>=64" in step.title
    assert requirements.publication(_ports(True), WANTED) == ()


def test_found_by_the_hash_and_only_where_the_bytes_have_it() -> None:
    ports = _ports(True)
    digest, other = "0x" + requirements_hash(WANTED).hex(), "0x" + "11" * 32
    event = ("Providers", "RequirementsPublished")
    ports.chain.mine([(*event, {"hash": digest, "requirements": encode(WANTED)})])  # type: ignore[attr-defined]
    ports.chain.mine([(*event, {"hash": other, "requirements": encode(WANTED)})])  # type: ignore[attr-defined]
    requirements.sync(ports)
    assert requirements.known(ports, digest) == WANTED == requirements.asked(ports, digest)
    assert requirements.known(ports, other) is None


def test_the_contract_decides_where_it_can() -> None:
    """Nothing is declared: the index says no; a contract that says yes shows that the index is wrong."""
    assert [each.met for each in requirements.match(_ports(True, False), ANN, WANTED)] == [False]
    with pytest.raises(StateConflict, match="the local index says otherwise"):
        requirements.match(_ports(True, True), ANN, WANTED)
    assert [each.met for each in requirements.match(_ports(False, True), ANN, WANTED)] == [False]


def test_bytes_of_a_foreign_index_are_checked() -> None:
    from mlm.core.digest import keccak256

    ports, data = _ports(True), b"\0" * 64
    digest = "0x" + keccak256(data).hex()
    event = ("Providers", "RequirementsPublished", {"hash": digest, "requirements": data})
    ports.chain.mine([event])  # type: ignore[attr-defined]
    requirements.sync(ports)
    with pytest.raises(InvalidData):
        requirements.known(ports, digest)
