"""The devnet's accounts: public test keys, derived from a phrase that everybody knows. Never for another chain.

Source: BIP-39 (phrase to seed), BIP-32 (derivation), BIP-44 (path m/44'/60'/0'/0/index). Tests: against eth_account.
"""

from __future__ import annotations

import functools
import hashlib
import hmac

from mlm.adapters.chain.tx import address_of_key
from mlm.core.errors import NotFound

MNEMONIC = "test test test test test test test test test test test junk"
# Name -> index of the derivation path. The deployer holds the token's supply, so it is the faucet too.
NAMES = {"deployer": 0, "model-provider": 1, "consumer": 2, "compute-1": 3, "compute-2": 4, "watcher": 5}
FAUCET = "deployer"

_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141  # of secp256k1's group
_HARD = 1 << 31


@functools.cache
def key(name: str) -> bytes:
    """The 32-byte key of a named devnet account; raises NotFound."""
    if name not in NAMES:
        raise NotFound(f"no devnet account is called {name!r}: expected one of {', '.join(NAMES)}")
    return derive(MNEMONIC, NAMES[name])


@functools.cache
def address(name: str) -> str:
    """Checksummed address of a named devnet account."""
    return address_of_key(key(name))


def derive(mnemonic: str, index: int) -> bytes:
    """The key at m/44'/60'/0'/0/index of a phrase without a passphrase."""
    seed = hashlib.pbkdf2_hmac("sha512", mnemonic.encode(), b"mnemonic", 2048)
    node = hmac.digest(b"Bitcoin seed", seed, "sha512")
    for step in (44 + _HARD, 60 + _HARD, _HARD, 0, index):
        node = _child(node, step)
    return node[:32]


def _child(node: bytes, step: int) -> bytes:
    from coincurve import PrivateKey

    secret, chain = node[:32], node[32:]
    head = b"\0" + secret if step >= _HARD else PrivateKey(secret).public_key.format()
    mac = hmac.digest(chain, head + step.to_bytes(4, "big"), "sha512")
    child = (int.from_bytes(mac[:32], "big") + int.from_bytes(secret, "big")) % _ORDER
    return child.to_bytes(32, "big") + mac[32:]
