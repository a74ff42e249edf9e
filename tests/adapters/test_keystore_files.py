"""Keystore files from elsewhere that ask for more than a keystore needs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mlm.adapters.wallet.keystore import Keystore
from mlm.core.errors import WalletError


@pytest.mark.parametrize("change", [{"dklen": 1 << 40}, {"dklen": "32"}, {"n": 1 << 40}, {"p": 1 << 20}, {"n": True}])
def test_a_key_derivation_without_end(tmp_path: Path, change: dict[str, Any]) -> None:
    store = Keystore(tmp_path, scrypt_n=2)
    store.create("alice", lambda name: "word")
    path = tmp_path / "alice.json"
    value = json.loads(path.read_text())
    value["crypto"]["kdfparams"].update(change)
    path.write_text(json.dumps(value))
    with pytest.raises(WalletError, match="keystore"):
        store.unlock("alice", lambda name: "word")


def test_keystore_and_its_files_are_private(tmp_path: Path) -> None:
    Keystore(tmp_path / "keys", scrypt_n=2).create("alice", lambda name: "word")
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "keys" / "alice.json").stat().st_mode & 0o777 == 0o600
