"""Write tests/vectors/channels.json with eth_abi and eth_account. Run it from anywhere.

It shares no code with mlm.core.channel, so that the vectors test it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from eth_abi.abi import encode
from eth_account import Account
from eth_account.messages import _hash_eip191_message, encode_typed_data
from eth_utils.crypto import keccak

TERMS = "(address,address,address,uint256,bytes32,uint128,uint16,uint16,uint16,address[],uint16[])"
TYPES = {
    "Voucher": [
        {"name": "channelId", "type": "bytes32"},
        {"name": "amount", "type": "uint128"},
        {"name": "calls", "type": "uint64"},
        {"name": "request", "type": "bytes32"},
    ]
}


def _address(seed: str) -> str:
    return "0x" + keccak(text=seed)[12:].hex()


def _case(name: str, chain_id: int, nonce: int, parents: int, amount: int, calls: int) -> dict[str, Any]:
    contract, key = _address("contract " + name), keccak(text="key " + name)
    version, commitment = keccak(text="version " + name), keccak(text="input " + name)
    payees = [_address(f"payee {i}") for i in range(parents + 1)]
    bps = [0] + [100 * (i + 1) for i in range(parents)]
    terms = {
        "payer": _address("payer"),
        "signer": Account.from_key(key).address.lower(),
        "payee": _address("provider"),
        "nonce": str(nonce),
        "versionId": "0x" + version.hex(),
        "usePrice": str(amount // calls),
        "ownerBps": 1000,
        "treasuryBps": 4000,
        "stakersBps": 3000,
        "payees": payees,
        "bps": bps,
    }
    values = (
        *(terms[name] for name in ("payer", "signer", "payee")),
        nonce,
        version,
        amount // calls,
        1000,
        4000,
        3000,
        payees,
        bps,
    )
    channel = keccak(
        encode(["bytes32", "uint256", "address", TERMS], [keccak(text="mlm/channel/1"), chain_id, contract, values])
    )
    request = keccak(
        encode(
            ["bytes32", "bytes32", "uint64", "bytes32", "bytes32"],
            [keccak(text="mlm/request/1"), channel, calls, version, commitment],
        )
    )
    domain = {"name": "mlm payment channels", "version": "1", "chainId": chain_id, "verifyingContract": contract}
    message = {"channelId": channel, "amount": amount, "calls": calls, "request": request}
    signable = encode_typed_data(domain, TYPES, message)
    return {
        "case": name,
        "chainId": chain_id,
        "contract": contract,
        "key": "0x" + key.hex(),
        "terms": terms,
        "channelId": "0x" + channel.hex(),
        "inputCommitment": "0x" + commitment.hex(),
        "amount": str(amount),
        "calls": str(calls),
        "request": "0x" + request.hex(),
        "digest": "0x" + _hash_eip191_message(signable).hex(),
        "signature": "0x" + Account.sign_message(signable, key).signature.hex(),
    }


def main() -> None:
    """The cases: an ordinary one, none of the numbers small, the largest numbers."""
    cases = [
        _case("first call", 31337, 0, 0, 5 * 10**18, 1),
        _case("two parents", 1, 2**255 + 7, 2, 123_456_789, 1000),
        _case("largest", 2**62, 2**256 - 1, 15, 2**128 - 1, 2**64 - 1),
    ]
    path = Path(__file__).with_name("channels.json")
    path.write_text(json.dumps({"format": "mlm/channel-vectors/1", "cases": cases}, indent=1) + "\n")


if __name__ == "__main__":
    main()
