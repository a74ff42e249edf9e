"""Calls of FaultProofs as bytes, faster than a general encoder writes them; `test_proofs.py` holds them to eth-abi."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from mlm.core.digest import keccak256
from mlm.core.exact.opening import CellFault, Committed, HeaderFault, Opening, PaddingFault, Place

ARTIFACT = Path(__file__).resolve().parent.parent.parent / "devnet" / "artifacts" / "FaultProofs.json"
OPENING = "(uint32[],bytes,bytes32[],bytes32[])"
PLACE = "uint256,uint256[],bytes32[]"
COMMITTED = "(bytes32,bytes32,uint256,uint256)"
CELL = f"checkCell({COMMITTED},({PLACE},uint256,{OPENING},{OPENING}[]))"
PADDING = f"checkPadding({COMMITTED},({PLACE},uint256,{OPENING}))"
HEADER = f"checkHeader({COMMITTED},({PLACE},uint256,bytes32,bytes32[]))"


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


def refusal(reason: str, node: int, index: int, value: int) -> bytes:
    """The data of a revert: that of a consistent cell whole, of all others the selector."""
    if reason != "CellConsistent":
        return selectors()[reason]
    return selectors()[reason] + _word(node) + _word(index) + value.to_bytes(32, "big", signed=True)


@cache
def selectors() -> dict[str, bytes]:
    """The contract's errors by name."""
    abi = json.loads(ARTIFACT.read_text())["abi"]
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
