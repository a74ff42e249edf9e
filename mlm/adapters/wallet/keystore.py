"""Encrypted keystore files: the Web3 Secret Storage Definition, version 3 (scrypt, AES-128-CTR), one account a file.

A file is NAME.json, readable by its owner alone; a new one appears whole or not at all.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

from mlm.adapters.chain.tx import address_of_key, checksum
from mlm.adapters.disk import read_regular, temporary
from mlm.adapters.wallet import keyfile
from mlm.core.errors import StorageError, WalletError
from mlm.ports.wallet import Account, Password

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
SCRYPT_N = 1 << 18  # the definition's own; about a second
_MAX_MEMORY = 1 << 30  # bytes that a foreign file's scrypt may ask for: 128 * n * r
_MAX_FILE = 64 * 1024
_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141  # of secp256k1's group


class Keystore:
    """The accounts of one folder."""

    def __init__(self, folder: Path, scrypt_n: int | None = None) -> None:
        self._folder, self._n = folder, scrypt_n or SCRYPT_N

    def __repr__(self) -> str:
        return f"Keystore({self._folder})"

    def accounts(self) -> list[Account]:
        """By name. A file that is no keystore is left out: one damaged file must not hide the others."""
        found = []
        for path in sorted(self._folder.glob("*.json")):
            if NAME.fullmatch(path.stem):
                try:
                    found.append(self.account(path.stem))
                except WalletError:
                    continue
        return found

    def account(self, name: str) -> Account:
        """One by name; raises WalletError when its file is missing, or no keystore file."""
        path = self._path(name)
        return Account(name, _address(_load(path), path), "keystore")

    def has(self, name: str) -> bool:
        return self._path(name).exists()

    def create(self, name: str, password: Password) -> Account:
        """A new random key; raises WalletError when the name is taken."""
        while True:
            key = os.urandom(32)
            if 0 < int.from_bytes(key, "big") < _ORDER:
                return self.add(name, key, password)

    def add(self, name: str, key: bytes, password: Password) -> Account:
        """Encrypt and keep a key; raises WalletError for a taken name, a bad key or an empty password."""
        path = self._path(name)
        if path.exists():
            raise WalletError(f"an account called {name!r} exists already", hint="Choose another name.")
        if len(key) != 32 or not 0 < int.from_bytes(key, "big") < _ORDER:
            raise WalletError(f"expected a secp256k1 key of 32 bytes, found {len(key)} bytes that are none")
        word = password(name)
        if not word:
            raise WalletError("expected a password, found an empty one")
        content = keyfile.encrypt(key, word.encode(), self._n, address_of_key(key))
        self._write(path, json.dumps(content, sort_keys=True).encode() + b"\n")
        return Account(name, address_of_key(key), "keystore")

    def unlock(self, name: str, password: Password) -> bytes:
        """The key; raises WalletError for a wrong password, a damaged file or an unknown name."""
        path = self._path(name)
        value = _load(path)
        address = _address(value, path)
        _check_crypto(value, path)
        try:
            key = keyfile.decrypt(value, password(name).encode())
        except ValueError as error:
            # The MAC covers password and ciphertext alike: which of the two is wrong cannot be known.
            raise WalletError(
                f"wrong password for {name!r}, or its keystore file is damaged", hint=f"The file is {path}."
            ) from error
        except (KeyError, TypeError, AttributeError, NotImplementedError) as error:
            raise WalletError(f"{path} is no keystore file of version 3: {error}") from error
        if address_of_key(key) != address:
            raise WalletError(f"{path} was changed: it says {address} and holds the key of {address_of_key(key)}")
        return key

    def _path(self, name: str) -> Path:
        if not NAME.fullmatch(name):
            raise WalletError(f"expected an account's name of a-z, 0-9, '.', '_' and '-', found {name!r}")
        return self._folder / f"{name}.json"

    def _write(self, path: Path, content: bytes) -> None:
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with temporary(self._folder) as (handle, unfinished):  # made with mode 0600
                os.write(handle, content)
                os.fsync(handle)
                os.link(unfinished, path)  # fails when another process took the name meanwhile
        except FileExistsError as error:
            raise WalletError(f"an account called {path.stem!r} exists already", hint="Choose another name.") from error
        except OSError as error:
            raise StorageError(f"cannot write {path}: {error.strerror}") from error


def _load(path: Path) -> dict[str, Any]:
    import orjson

    try:
        content = read_regular(path, _MAX_FILE)
    except FileNotFoundError as error:
        raise WalletError(f"no account is called {path.stem!r}", hint="See `mlm wallet list`.") from error
    except OSError as error:
        raise WalletError(f"cannot read {path}: {error.strerror}") from error
    try:
        value = orjson.loads(content)  # bounded depth, unlike json
    except orjson.JSONDecodeError as error:
        raise WalletError(f"{path} is no keystore file: expected JSON") from error
    if not isinstance(value, dict) or value.get("version") != 3:
        found = value.get("version") if isinstance(value, dict) else type(value).__name__
        raise WalletError(f"{path} is no keystore file: expected version 3, found {str(found)[:20]}")
    return value


def _address(value: dict[str, Any], path: Path) -> str:
    address = value.get("address")
    text = address.removeprefix("0x") if isinstance(address, str) else ""
    if not re.fullmatch(r"[0-9a-fA-F]{40}", text):
        raise WalletError(f"{path} is no keystore file: expected an address, found {str(address)[:50]!r}")
    return checksum("0x" + text)


def _check_crypto(value: dict[str, Any], path: Path) -> None:
    """The one cipher; and a file from elsewhere must not make us spend memory or hours on its key derivation."""
    crypto = value.get("crypto") or value.get("Crypto")
    params = crypto.get("kdfparams") if isinstance(crypto, dict) else None
    if not isinstance(crypto, dict) or crypto.get("cipher") != "aes-128-ctr":
        raise WalletError(f"{path} is no keystore file: expected cipher aes-128-ctr")
    if not isinstance(params, dict):
        raise WalletError(f"{path} is no keystore file: expected crypto.kdfparams")
    numbers = [params.get(name, 1) for name in ("n", "r", "p", "c")]
    if not all(type(number) is int and number > 0 for number in numbers):
        raise WalletError(f"{path} is no keystore file: expected kdfparams of positive numbers")
    if params.get("dklen", 32) != 32:  # the definition's own; more would be memory without end
        raise WalletError(f"{path} is no keystore file: expected dklen 32, found {str(params['dklen'])[:20]}")
    n, r, p, c = numbers
    if 128 * n * r > _MAX_MEMORY or p > 16 or c > 10_000_000:
        raise WalletError(f"{path} asks for more work than a keystore needs: n={n}, r={r}, p={p}, c={c}")
