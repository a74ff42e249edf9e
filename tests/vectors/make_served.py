"""Writes served.json: signed results of exact models, and how an accusation names and opens them.

`python -m tests.vectors.make_served`. Made with eth_abi, eth_account and the trees of make_merkle: no code of mlm's.
The byte at i of an input of n bytes is (7 · i + n) % 251, as in merkle.json; terms are those of `_terms`.
"""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

from eth_abi.abi import encode
from eth_account import Account
from eth_account.messages import _hash_eip191_message, encode_typed_data
from eth_utils.crypto import keccak

from tests.vectors.make_merkle import LEAF, data, levels

TERMS = "(address,address,address,uint256,bytes32,uint128,uint16,uint16,uint16,address[],uint16[])"
NAMES = ("channelId", "call", "request", "versionId", "inputCommitment", "outputCommitment", "profile", "servedAt")
TYPES = {"ServedResult": [{"name": n, "type": "uint64" if n in ("call", "servedAt") else "bytes32"} for n in NAMES]}
ITEM = {1: 1, 2: 4}  # bytes of an element, by dtype


def _address(seed: str) -> str:
    return "0x" + keccak(text=seed)[12:].hex()


def _enc(*values: tuple[str, Any]) -> bytes:
    return keccak(encode([kind for kind, _ in values], [value for _, value in values]))


def _domain(name: str) -> tuple[str, bytes]:
    return ("bytes32", keccak(text=name))


def _word(kind: tuple[int, ...]) -> int:
    dtype, *axes = kind
    return int.from_bytes(dtype.to_bytes(16, "big") + b"".join(axis.to_bytes(4, "big") for axis in axes), "big")


def _root(kind: tuple[int, ...]) -> bytes:
    dtype, a, b, c, d = kind
    raw = data(ITEM[dtype] * a * b * c * d)
    leaves = [raw[i : i + LEAF].ljust(LEAF, b"\0") for i in range(0, max(len(raw), 1), LEAF)]
    tree = levels([sha256(leaf).digest() for leaf in leaves], sha256(bytes(LEAF)).digest())[-1][0]
    return sha256(
        encode(["bytes32", "uint256", "bytes32"], [keccak(text="mlm/exact-tensor/1"), _word(kind), tree])
    ).digest()


def _terms(payee: str, version: bytes) -> tuple[Any, ...]:
    return (_address("payer"), _address("payer"), payee, 1, version, 2, 3, 4, 5, [_address("owner")], [0])


def _case(name: str, chain_id: int, call: int, served_at: int, kinds: list[tuple[int, ...]]) -> dict[str, Any]:
    channels, bonds = _address("channels " + name), _address("bonds " + name)
    key, version = keccak(text="key " + name), keccak(text="version " + name)
    payee = Account.from_key(key).address.lower()
    channel = _enc(
        _domain("mlm/channel/1"), ("uint256", chain_id), ("address", channels), (TERMS, _terms(payee, version))
    )
    root = sha256(b"".join(map(_root, kinds))).digest()
    exact_input = _enc(_domain("mlm/in/1"), ("uint8", 2), ("uint8", 3), ("bytes32", version), ("bytes32", root))
    exact_output = keccak(text="output " + name)
    message = {
        "channelId": channel,
        "call": call,
        "request": keccak(text="request " + name),
        "versionId": version,
        "inputCommitment": keccak(text="sent " + name),
        "outputCommitment": keccak(text="came back " + name),
        "profile": _enc(_domain("mlm/profile/exact/1"), ("bytes32", exact_input), ("bytes32", exact_output)),
        "servedAt": served_at,
    }
    signable = encode_typed_data(
        {"name": "mlm serving", "version": "1", "chainId": chain_id, "verifyingContract": channels}, TYPES, message
    )
    accusation = _enc(
        _domain("mlm/accusation/1"),
        *(("uint256", chain_id), ("address", bonds), ("bytes32", channel), ("uint64", call), ("bytes32", exact_output)),
    )
    return {
        "case": name,
        "chainId": chain_id,
        "channels": channels,
        "bonds": bonds,
        "key": "0x" + key.hex(),
        "payer": _address("payer"),
        "owner": _address("owner"),
        "types": [list(kind) for kind in kinds],
        "typeWords": [str(_word(kind)) for kind in kinds],
        "sizes": [len(data(ITEM[kind[0]] * kind[1] * kind[2] * kind[3] * kind[4])) for kind in kinds],
        **{n: "0x" + value.hex() if isinstance(value, bytes) else str(value) for n, value in message.items()},
        "exactInput": "0x" + exact_input.hex(),
        "exactOutput": "0x" + exact_output.hex(),
        "digest": "0x" + _hash_eip191_message(signable).hex(),
        "signature": "0x" + Account.sign_message(signable, key).signature.hex(),
        "accusationId": "0x" + accusation.hex(),
    }


def main() -> None:
    """An ordinary one, two inputs of both types, and the largest numbers with the most bytes that are shown."""
    cases = [
        _case("image", 31337, 1, 1_700_000_000, [(1, 1, 28, 28, 1)]),
        _case("image and tokens", 1, 123_456_789, 2**40, [(1, 2, 7, 14, 3), (2, 1, 1, 1, 40)]),
        _case("largest", 2**62, 2**64 - 1, 2**64 - 1, [(1, 1, 120, 1024, 1)]),
    ]
    path = Path(__file__).with_name("served.json")
    path.write_text(json.dumps({"format": "mlm/served-vectors/1", "cases": cases}, indent=1) + "\n")


if __name__ == "__main__":
    main()
