"""Encrypting a key with a password, and back: version 3 keystore files. Tests hold both ways against eth_keyfile.

Source: the Web3 Secret Storage Definition. That library takes longer to load than a transaction takes.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import uuid
from collections.abc import Mapping
from typing import Any

from mlm.core.digest import keccak256

_R, _P, _LENGTH = 8, 1, 32  # of scrypt, as everybody writes them; bytes of the derived key


def encrypt(key: bytes, password: bytes, n: int, address: str) -> dict[str, Any]:
    """The content of a keystore file; `n` is scrypt's cost, a power of two."""
    salt, nonce = os.urandom(16), os.urandom(16)
    params = {"dklen": _LENGTH, "n": n, "r": _R, "p": _P, "salt": salt.hex()}
    derived = _scrypt(password, params)
    ciphertext = _aes_ctr(derived[:16], nonce, key)
    return {
        "address": address.removeprefix("0x").lower(),
        "crypto": {
            "cipher": "aes-128-ctr",
            "cipherparams": {"iv": nonce.hex()},
            "ciphertext": ciphertext.hex(),
            "kdf": "scrypt",
            "kdfparams": params,
            "mac": keccak256(derived[16:32] + ciphertext).hex(),
        },
        "id": str(uuid.UUID(bytes=os.urandom(16), version=4)),
        "version": 3,
    }


def decrypt(value: Mapping[str, Any], password: bytes) -> bytes:
    """The key of a file whose cost the caller has bounded.

    Raises ValueError when the password does not open it; KeyError, TypeError or NotImplementedError for another format.
    """
    crypto = value["crypto"] if "crypto" in value else value["Crypto"]
    kdf, params = crypto["kdf"], crypto["kdfparams"]
    if kdf == "scrypt":
        derived = _scrypt(password, params)
    elif kdf == "pbkdf2" and params["prf"] == "hmac-sha256":
        salt = bytes.fromhex(params["salt"])
        derived = hashlib.pbkdf2_hmac("sha256", password, salt, params["c"], params["dklen"])
    else:
        raise NotImplementedError(f"expected kdf scrypt or pbkdf2 with hmac-sha256, found {str(kdf)[:20]}")
    ciphertext = bytes.fromhex(crypto["ciphertext"])
    if len(derived) < 32 or not hmac.compare_digest(
        keccak256(derived[16:32] + ciphertext), bytes.fromhex(crypto["mac"])
    ):
        raise ValueError("the MAC does not match")
    return _aes_ctr(derived[:16], bytes.fromhex(crypto["cipherparams"]["iv"]), ciphertext)


def _scrypt(password: bytes, params: Mapping[str, Any]) -> bytes:
    """Not hashlib's: OpenSSL refuses costs that the definition's own example has."""
    from Crypto.Protocol import KDF

    derive: Any = KDF.scrypt  # its stub knows text only
    n, r, p, length = (params[name] for name in ("n", "r", "p", "dklen"))
    return bytes(derive(password, bytes.fromhex(params["salt"]), length, N=n, r=r, p=p))


def _aes_ctr(key: bytes, nonce: bytes, data: bytes) -> bytes:
    from Crypto.Cipher import AES

    return bytes(AES.new(key, AES.MODE_CTR, nonce=b"", initial_value=nonce).encrypt(data))
