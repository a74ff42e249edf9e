"""Keystores, passwords and keys."""

from __future__ import annotations

import json
import os
from typing import Any

from tests.bad.harness import Scene, bad, nothing
from tests.bad.shared import PASSWORD

CLAIM = "mlm handle claim bobby"
KEY = "11" * 32


def bob(scene: Scene, password: str | None = PASSWORD, **crypto: Any) -> dict[str, Any]:
    """Bob signs, whose keystore file is encrypted with PASSWORD; its `crypto` with changes."""
    value: dict[str, Any] = json.loads(scene.shared.keystore)
    value["crypto"].update(crypto)
    _keep(scene, json.dumps(value))
    if password is not None:
        (scene.home / "password").write_text(password)
        scene.env["MLM_PASSWORD_FILE"] = str(scene.home / "password")
    return value


def _keep(scene: Scene, text: str) -> None:
    scene.account = "bob"
    (scene.home / "keystore").mkdir(mode=0o700, exist_ok=True)
    (scene.home / "keystore" / "bob.json").write_text(text)


@bad(CLAIM, 9, "wrong password for 'bob'", hint="keystore/bob.json")
def wrong_password(scene: Scene) -> None:
    bob(scene, "wrong horse\n")


@bad(CLAIM, 9, "wrong password for 'bob', or its keystore file is damaged")
def tampered_keystore(scene: Scene) -> None:
    text = json.loads(scene.shared.keystore)["crypto"]["ciphertext"]
    bob(scene, ciphertext=f"{int(text[0], 16) ^ 1:x}" + text[1:])


@bad(CLAIM, 9, "bob.json was changed", "it says 0x", "holds the key of 0x")
def keystore_with_the_address_of_another(scene: Scene) -> None:
    value = bob(scene)
    _keep(scene, json.dumps({**value, "address": "ab" * 20}))


@bad(CLAIM, 9, "bob.json is no keystore file", "expected JSON")
def truncated_keystore(scene: Scene) -> None:
    value = bob(scene)
    _keep(scene, json.dumps(value)[:-40])


@bad(CLAIM, 9, "bob.json is no keystore file", "expected version 3", "found 4")
def keystore_of_an_unknown_version(scene: Scene) -> None:
    value = bob(scene)
    _keep(scene, json.dumps({**value, "version": 4}))


@bad(CLAIM, 9, "asks for more work than a keystore needs", "n=1099511627776")
def key_derivation_without_end(scene: Scene) -> None:
    params = json.loads(scene.shared.keystore)["crypto"]["kdfparams"]
    bob(scene, kdfparams={**params, "n": 1 << 40})


@bad(CLAIM, 9, "expected dklen 32", "found 1099511627776")
def derived_key_without_end(scene: Scene) -> None:
    params = json.loads(scene.shared.keystore)["crypto"]["kdfparams"]
    bob(scene, kdfparams={**params, "dklen": 1 << 40})


@bad(CLAIM, 9, "the password of bob", "nobody can be asked", hint="--password-file")
def password_that_nobody_can_be_asked_for(scene: Scene) -> None:
    bob(scene, None)


@bad(CLAIM, 9, "cannot read a password from", "expected a line of at most 4096 bytes, found an empty file")
def empty_password_file(scene: Scene) -> None:
    bob(scene, "")


@bad(CLAIM, 9, "cannot read a password from", "No such file")
def password_file_that_is_not_there(scene: Scene) -> None:
    bob(scene)
    scene.env["MLM_PASSWORD_FILE"] = str(scene.home / "nothing")


@bad(CLAIM, 9, "cannot read a password from", "Is a directory")
def folder_in_place_of_the_password_file(scene: Scene) -> None:
    bob(scene)
    scene.env["MLM_PASSWORD_FILE"] = str(scene.home)


@bad(CLAIM, 9, "cannot read a password from", "expected a line of at most 4096 bytes, found a longer one")
def device_without_end_in_place_of_the_password_file(scene: Scene) -> None:
    bob(scene)
    scene.env["MLM_PASSWORD_FILE"] = "/dev/zero"


@bad("mlm handle claim x -a carol", 9, "no account is called 'carol'", hint="mlm wallet list")
def account_that_is_not_there(scene: Scene) -> None:
    nothing(scene)


@bad("mlm wallet new ../../evil", 9, "expected an account's name", "found '../../evil'")
def account_whose_name_climbs_out(scene: Scene) -> None:
    bob(scene)


@bad("mlm wallet new bob", 9, "an account called 'bob' exists already")
def account_that_exists_already(scene: Scene) -> None:
    bob(scene)


@bad("mlm wallet import carol --key-file k.txt", 9, "expected a key of 64 hex digits", "found 62")
def key_cut_short(scene: Scene) -> None:
    bob(scene)
    scene.write("k.txt", KEY[:-2])


@bad("mlm wallet import carol --key-file k.txt", 9, "expected a secp256k1 key")
def key_of_zero(scene: Scene) -> None:
    bob(scene)
    scene.write("k.txt", "00" * 32)


@bad("mlm wallet import carol --key-file k.txt", 9, "expected a secp256k1 key")
def key_beyond_the_curves_order(scene: Scene) -> None:
    bob(scene)
    scene.write("k.txt", "ff" * 32)


@bad("mlm wallet import carol --key-file /dev/zero", 9, "expected a key of 64 hex digits", "found 1000")
def device_without_end_in_place_of_the_key(scene: Scene) -> None:
    bob(scene)


@bad("mlm handle claim bobby", 9, "cannot read", "bob.json", "expected a regular file")
def pipe_in_place_of_the_keystore(scene: Scene) -> None:
    bob(scene)
    (scene.home / "keystore" / "bob.json").unlink()
    os.mkfifo(scene.home / "keystore" / "bob.json")


@bad("mlm wallet import carol <&-", 9, "expected a key of 64 hex digits", "found 0")
def stdin_closed_where_a_key_is_read(scene: Scene) -> None:
    bob(scene)


@bad("mlm wallet new carol <&-", 9, "the password of carol", "nobody can be asked")
def stdin_closed_where_a_password_is_asked_for(scene: Scene) -> None:
    scene.account = ""


@bad("mlm wallet new carol", 9, "expected a password", "found an empty one")
def password_of_no_letters(scene: Scene) -> None:
    bob(scene, "\n")


@bad(CLAIM, 9, "no account is chosen", hint="--account")
def no_account(scene: Scene) -> None:
    scene.account = ""
