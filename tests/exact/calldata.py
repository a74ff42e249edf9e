"""Calls of FaultProofs as bytes, faster than a general encoder writes them; `test_proofs.py` holds them to eth-abi."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from mlm.core.digest import keccak256
from mlm.core.exact.commitments import Evidence
from mlm.core.exact.opening import CellFault, Committed, HeaderFault, Opening, PaddingFault, Place

ARTIFACTS = Path(__file__).resolve().parent.parent.parent / "devnet" / "artifacts"
OPENING = "(uint32[],bytes,bytes32[],bytes32[])"
PLACE = "uint256,uint256[],bytes32[]"
COMMITTED = "(bytes32,bytes32,uint256,uint256)"
CELL = f"checkCell({COMMITTED},({PLACE},uint256,{OPENING},{OPENING}[]))"
PADDING = f"checkPadding({COMMITTED},({PLACE},uint256,{OPENING}))"
HEADER = f"checkHeader({COMMITTED},({PLACE},uint256,bytes32,bytes32[]))"
DESCRIPTOR = "checkDescriptor(bytes32,uint256,uint256,uint256[],bytes32[])"
CHECK = "check((bytes32,bytes32,bytes32,bytes32,address,uint8,uint8,bytes32),bytes)"


def cell_call(committed: Committed, fault: CellFault) -> bytes:
    """checkCell(committed, fault)."""
    operands = _sequence([(True, _opening(each)) for each in fault.operands])
    return _call(
        CELL,
        committed,
        [
            *_place(fault.place),
            (False, _word(fault.index)),
            (True, _opening(fault.output)),
            (True, _word(len(fault.operands)) + operands),
        ],
    )


def padding_call(committed: Committed, fault: PaddingFault) -> bytes:
    """checkPadding(committed, fault)."""
    parts = [*_place(fault.place), (False, _word(fault.at)), (True, _opening(fault.output))]
    return _call(PADDING, committed, parts)


def header_call(committed: Committed, fault: HeaderFault) -> bytes:
    """checkHeader(committed, fault)."""
    parts = [
        *_place(fault.place),
        (False, _word(fault.type_word)),
        (False, fault.tree_root),
        (True, _hashes(fault.path)),
    ]
    return _call(HEADER, committed, parts)


def descriptor_call(committed: Committed, place: Place) -> bytes:
    """checkDescriptor(graphRoot, nodes, node, words, path)."""
    node, *shown = _place(place)
    parts = [(False, committed.graph_root), (False, _word(committed.nodes)), node, *shown]
    return _selector(DESCRIPTOR) + _sequence(parts)


def check_call(job: int, version: bytes, key: bytes, given: bytes, tier: int, scheme: int, evidence: Evidence) -> bytes:
    """check(claim, evidence) of a verifier, for a provider without a name; `given` is the input commitment."""
    claim = b"".join((_word(job), version, key, given, _word(0), _word(tier), _word(scheme), _word(0)))
    data = evidence.encode()
    return _selector(CHECK) + _sequence([(False, claim), (True, _word(len(data)) + data)])


def refusal(reason: str, node: int, index: int, value: int) -> bytes:
    """The data of a revert: that of a consistent cell whole, of all others the selector."""
    if reason != "CellConsistent":
        return selectors()[reason]
    return selectors()[reason] + _word(node) + _word(index) + value.to_bytes(32, "big", signed=True)


@cache
def selectors(contract: str = "FaultProofs") -> dict[str, bytes]:
    """A contract's errors by name."""
    abi = json.loads((ARTIFACTS / f"{contract}.json").read_text())["abi"]
    return {
        item["name"]: keccak256(f"{item['name']}({','.join(part['type'] for part in item['inputs'])})".encode())[:4]
        for item in abi
        if item["type"] == "error"
    }


@cache
def _selector(signature: str) -> bytes:
    return keccak256(signature.encode())[:4]


def _word(value: int) -> bytes:
    return value.to_bytes(32, "big")


def _sequence(parts: Sequence[tuple[bool, bytes]]) -> bytes:
    """Heads and tails of parts that are dynamic or not."""
    at = sum(32 if dynamic else len(part) for dynamic, part in parts)
    heads, tails = [], []
    for dynamic, part in parts:
        heads.append(_word(at) if dynamic else part)
        if dynamic:
            tails.append(part)
            at += len(part)
    return b"".join((*heads, *tails))


def _hashes(values: Sequence[bytes]) -> bytes:
    return _word(len(values)) + b"".join(values)


def _opening(opening: Opening) -> bytes:
    data = opening.data
    return _sequence(
        [
            (True, _hashes([_word(leaf) for leaf in opening.leaves])),
            (True, _word(len(data)) + data + bytes(-len(data) % 32)),
            (True, _hashes(opening.siblings)),
            (True, _hashes(opening.path)),
        ]
    )


def _place(place: Place) -> list[tuple[bool, bytes]]:
    return [
        (False, _word(place.node)),
        (True, _hashes([_word(word) for word in place.descriptor])),
        (True, _hashes(place.graph_path)),
    ]


def _call(signature: str, committed: Committed, fault: Sequence[tuple[bool, bytes]]) -> bytes:
    first = committed.graph_root + committed.trace_root + _word(committed.nodes) + _word(committed.inputs)
    return _selector(signature) + _sequence([(False, first), (True, _sequence(fault))])
