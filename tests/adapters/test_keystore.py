"""Keystore files: the standard's own vector, wrong passwords, damage, and files that would cost too much."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlm.adapters.chain.tx import address_of_key
from mlm.adapters.wallet import keyfile
from mlm.adapters.wallet.keystore import Keystore
from mlm.core.errors import StorageError, WalletError

KEY = bytes(range(1, 33))
FAST = 1 << 10


def say(word: str) -> Any:
    return lambda name: word


@pytest.fixture
def store(tmp_path: Path) -> Keystore:
    return Keystore(tmp_path / "keystore", scrypt_n=FAST)


def test_a_key_comes_back(store: Keystore, tmp_path: Path) -> None:
    made = store.add("alice", KEY, say("pass"))
    assert made.address == address_of_key(KEY) and store.unlock("alice", say("pass")) == KEY
    assert store.accounts() == [made]
    path = tmp_path / "keystore" / "alice.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert os.listdir(path.parent) == ["alice.json"]
    assert KEY.hex() not in path.read_text() and KEY.hex() not in repr(store)


def test_the_standards_own_vector(store: Keystore, tmp_path: Path) -> None:
    """Web3 Secret Storage Definition, test vector for scrypt (address added: we require it)."""
    vector = {
        "address": "008aeeda4d805471df9b2a5b0f38a0c3bcba786b",
        "crypto": {
            "cipher": "aes-128-ctr",
            "cipherparams": {"iv": "83dbcc02d8ccb40e466191a123791e0e"},
            "ciphertext": "d172bf743a674da9cdad04534d56926ef8358534d458fffccd4e6ad2fbde479c",
            "kdf": "scrypt",
            "kdfparams": {
                "dklen": 32,
                "n": 262144,
                "p": 8,
                "r": 1,
                "salt": "ab0c7876052600dd703518d6fc3fe8984592145b591fc8fb5c6d43190334ba19",
            },
            "mac": "2103ac29920d71da29f15d75b4a16dbe95cfd7ff8faea1056c33131d846e3097",
        },
        "id": "3198bc9c-6672-5ab3-d995-4942343ae5b6",
        "version": 3,
    }
    (tmp_path / "keystore").mkdir()
    (tmp_path / "keystore" / "vector.json").write_text(json.dumps(vector))
    key = store.unlock("vector", say("testpassword"))
    assert key.hex() == "7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d"


def test_a_new_account_is_readable_by_eth_account(store: Keystore, tmp_path: Path) -> None:
    from eth_account import Account

    made = store.create("bob", say("pass"))
    content = (tmp_path / "keystore" / "bob.json").read_text()
    assert Account.from_key(Account.decrypt(content, "pass")).address == made.address


def test_a_wrong_password_is_one_clear_line(store: Keystore) -> None:
    store.add("alice", KEY, say("pass"))
    with pytest.raises(WalletError, match="wrong password for 'alice', or its keystore file is damaged"):
        store.unlock("alice", say("other"))


def test_names_are_unique_and_plain(store: Keystore) -> None:
    store.add("alice", KEY, say("pass"))
    with pytest.raises(WalletError, match="exists already"):
        store.add("alice", KEY, say("pass"))
    for name in ("", "../x", "A", "a/b", ".hidden", "a" * 64, "a\n"):
        with pytest.raises(WalletError, match="expected an account's name"):
            store.add(name, KEY, say("pass"))
    with pytest.raises(WalletError, match="no account is called"):
        store.unlock("nobody", say("pass"))


def test_one_of_two_writers_wins(store: Keystore) -> None:
    outcomes: list[str] = []

    def write(key: bytes) -> None:
        try:
            outcomes.append(store.add("alice", key, say("pass")).address)
        except WalletError:
            outcomes.append("refused")

    threads = [threading.Thread(target=write, args=(bytes([i]) * 32,)) for i in (1, 2, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    winner = next(outcome for outcome in outcomes if outcome != "refused")
    assert outcomes.count("refused") == 2 and address_of_key(store.unlock("alice", say("pass"))) == winner


@pytest.mark.parametrize("key", [b"", b"\0" * 32, b"\xff" * 32, b"x" * 31])
def test_what_is_no_key(store: Keystore, key: bytes) -> None:
    with pytest.raises(WalletError, match="expected a secp256k1 key"):
        store.add("alice", key, say("pass"))


def test_an_empty_password_is_refused(store: Keystore) -> None:
    with pytest.raises(WalletError, match="empty"):
        store.add("alice", KEY, say(""))


def change(store: Keystore, folder: Path, **changes: Any) -> None:
    path = folder / "keystore" / "alice.json"
    value = json.loads(path.read_text())
    for key, replacement in changes.items():
        part = value
        *parents, last = key.split("__")
        for name in parents:
            part = part[name]
        if replacement is None:
            del part[last]
        else:
            part[last] = replacement
    path.write_text(json.dumps(value))


@pytest.mark.parametrize(
    "changes",
    [
        {"version": 1},
        {"address": "00" * 20},
        {"address": 5},
        {"crypto": None},
        {"crypto": []},
        {"crypto__ciphertext": "00" * 32},
        {"crypto__ciphertext": "zz"},
        {"crypto__mac": "00" * 32},
        {"crypto__mac": None},
        {"crypto__kdf": "md5"},
        {"crypto__cipher": "rot13"},
        {"crypto__kdfparams": None},
        {"crypto__kdfparams__salt": None},
        {"crypto__kdfparams__n": "many"},
        {"crypto__kdfparams__n": 3},
        {"crypto__kdfparams__n": -1},
        {"crypto__kdfparams__n": 1 << 40},
        {"crypto__kdfparams__p": 1 << 30},
        {"crypto__cipherparams__iv": "00"},
    ],
    ids=str,
)
def test_a_tampered_file_is_one_clear_line(store: Keystore, tmp_path: Path, changes: dict[str, Any]) -> None:
    store.add("alice", KEY, say("pass"))
    change(store, tmp_path, **changes)
    with pytest.raises(WalletError) as caught:
        store.unlock("alice", say("pass"))
    assert "\n" not in str(caught.value) and KEY.hex() not in str(caught.value)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=80)
@given(st.data())
def test_random_damage_never_crashes(store: Keystore, tmp_path: Path, data: st.DataObject) -> None:
    if not store.has("alice"):
        store.add("alice", KEY, say("pass"))
    path = tmp_path / "keystore" / "alice.json"
    sound = path.read_bytes()
    place = data.draw(st.integers(0, len(sound) - 1))
    path.write_bytes(sound[:place] + data.draw(st.binary(max_size=3)) + sound[place + 1 :])
    try:
        assert store.unlock("alice", say("pass")) == KEY
    except WalletError as error:
        assert "\n" not in str(error)
    finally:
        store.accounts()
        path.write_bytes(sound)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b"[" * 100_000, b"x" * 70_000, b'{"version": 3}'])
def test_what_is_no_keystore_file(store: Keystore, tmp_path: Path, content: bytes) -> None:
    store.add("good", KEY, say("pass"))
    (tmp_path / "keystore" / "alice.json").write_bytes(content)
    with pytest.raises(WalletError):
        store.unlock("alice", say("pass"))
    assert [account.name for account in store.accounts()] == ["good"]


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError):
        Keystore(tmp_path / "file" / "keystore", FAST).add("alice", KEY, say("pass"))


@given(st.binary(min_size=32, max_size=32), st.text(min_size=1, max_size=20), st.sampled_from(["scrypt", "pbkdf2"]))
def test_files_open_in_eth_keyfile_and_its_files_here(key: bytes, word: str, kdf: str) -> None:
    from eth_keyfile import create_keyfile_json, decode_keyfile_json

    password = word.encode()
    ours = keyfile.encrypt(key, password, FAST, "0x" + "ab" * 20)
    assert bytes(decode_keyfile_json(ours, password)) == key == keyfile.decrypt(ours, password)
    theirs = create_keyfile_json(b"\1" * 32, password, kdf=kdf, iterations=FAST)
    assert keyfile.decrypt(theirs, password) == b"\1" * 32
    with pytest.raises(ValueError, match="MAC"):
        keyfile.decrypt(theirs, password + b"x")


def test_unlocking_loads_nothing_that_changes_the_interpreter(store: Keystore, tmp_path: Path) -> None:
    """py_ecc, under eth_keyfile, raises the recursion limit: after that deep hostile JSON is a segmentation fault."""
    store.add("alice", KEY, say("pass"))
    script = (
        "import sys; from pathlib import Path; from mlm.adapters.wallet.keystore import Keystore\n"
        f"Keystore(Path({str(tmp_path / 'keystore')!r})).unlock('alice', lambda name: 'pass')\n"
        "assert sys.getrecursionlimit() == 1000 and not {'py_ecc', 'eth_keyfile'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
