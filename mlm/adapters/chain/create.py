"""Addresses of contracts that are not there yet. Pure.

Sources: EIP-1014 (CREATE2); the Yellow Paper, section 7 (CREATE); devnet/contracts/Deployer.sol, whose tests and ours
hold this file's figures against the chain.
"""

from __future__ import annotations

from mlm.core.digest import keccak256

# The deterministic deployment proxy: github.com/Arachnid/deterministic-deployment-proxy. Calldata: salt, creation code.
FACTORY = "0x4e59b44847b379578588920ca78fbf26c0b4956c"
FACTORY_CODE = bytes.fromhex(
    "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe0"
    "3601600081602082378035828234f58015156039578182fd5b8082525050506014600cf3"
)
SALT = bytes(32)  # of the Deployer itself
DEPLOYER = (
    "0xcbd872362d4086bae8f9b64049fadc878236cb63"  # what FACTORY makes of devnet/artifacts/Deployer.json with SALT
)
CRADLE_CODE = bytes.fromhex("601a8060095f395ff3363d3d37363d3df03d5f5f3e806013573d5ffd5b5f5260205ff3")


def create2_address(creator: str, salt: bytes, creation_code: bytes) -> str:
    """Where `creator` makes a contract by CREATE2, lower case."""
    creator_bytes = bytes.fromhex(creator[2:])
    return _address(b"\xff" + creator_bytes + salt + keccak256(creation_code))


def named_address(account: str, name: str) -> str:
    """Where the Deployer makes the contract that `account` calls `name`: the first of a cradle that CREATE2 makes."""
    text = name.encode()
    padded = text.ljust(-(-len(text) // 32) * 32, b"\0")
    encoded = bytes.fromhex(account[2:]).rjust(32, b"\0") + _word(64) + _word(len(text)) + padded
    cradle = create2_address(DEPLOYER, keccak256(encoded), CRADLE_CODE)
    return _address(b"\xd6\x94" + bytes.fromhex(cradle[2:]) + b"\x01")  # RLP of [cradle, nonce 1]


def _address(preimage: bytes) -> str:
    return "0x" + keccak256(preimage)[12:].hex()


def _word(number: int) -> bytes:
    return number.to_bytes(32, "big")
