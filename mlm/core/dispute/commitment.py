"""What a challenger commits to a block before it challenges, and what names a game. Pure.

As devnet/contracts/base/Games.sol computes it. The salt follows from the challenger's key, as a sealed bid's does
(core/auctions/kept.py): nobody can guess it, and a killed watcher finds it again. A game's id is made of its salt, so
that each attempt at a node, after a game about it was lost, has another.
"""

from __future__ import annotations

from typing import Any

from mlm.core.digest import domain, keccak256, words

TYPES = {
    "ChallengeSalt": [
        {"name": "job", "type": "bytes32"},
        {"name": "node", "type": "uint256"},
        {"name": "index", "type": "uint256"},
        {"name": "attempt", "type": "uint256"},
    ]
}


def salt_domain(chain_id: int, game: str) -> dict[str, Any]:
    """The EIP-712 domain of the signature behind a salt; `game` is the address of DisputeGame."""
    return {"name": "mlm challenge", "version": "1", "chainId": chain_id, "verifyingContract": game}


def salt_message(job_id: str, node: int, index: int, attempt: int) -> dict[str, Any]:
    """The EIP-712 message of the signature behind a salt; `attempt` counts the account's games that ended before."""
    return {"job": bytes.fromhex(job_id[2:]), "node": node, "index": index, "attempt": attempt}


def salt_of(signature: bytes) -> bytes:
    """The salt that a signature gives. The signature never leaves the machine."""
    return keccak256(signature)


def commitment(chain_id: int, game: str, sender: str, job_id: str, node: int, index: int, salt: bytes) -> bytes:
    """keccak256(abi.encode(H("mlm/challenge/1"), chainid, game, sender, jobId, node, index, salt))."""
    place = (domain("mlm/challenge/1"), chain_id, int(game, 16), int(sender, 16))
    return keccak256(words((*place, bytes.fromhex(job_id[2:]), node, index, salt)))


def game_id(chain_id: int, game: str, sender: str, job_id: str, node: int, salt: bytes) -> str:
    """keccak256(abi.encode(H("mlm/game/1"), chainid, game, jobId, node, sender, salt)), 0x-prefixed."""
    place = (domain("mlm/game/1"), chain_id, int(game, 16), bytes.fromhex(job_id[2:]))
    return "0x" + keccak256(words((*place, node, int(sender, 16), salt))).hex()
