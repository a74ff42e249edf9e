"""One suite over every Signatures: the in-memory one, and OpenSSF's library."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pytest

from mlm.adapters.signatures import OpenSsfSignatures
from mlm.core.errors import InvalidData, NotFound, UsageError, VerificationFailed
from mlm.memory.signatures import MemorySignatures
from mlm.ports.signatures import Signatures, SignedFiles

FILES = SignedFiles({path: sha256(path.encode()).digest() for path in ("a", "sub/b", "sub/数")}, (".mlm", ".git"))


@dataclass
class Fixture:
    port: Signatures
    pair: Callable[[str], tuple[Path, Path]]  # a name -> files of the private and the public key


def no_password() -> str:
    raise AssertionError("nobody is asked")


def pem(folder: Path, name: str, curve: str = "SECP256R1", password: bytes | None = None) -> tuple[Path, Path]:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(getattr(ec, curve)())
    private, public = folder / f"{name}.key", folder / f"{name}.pub"
    how = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    pkcs8 = serialization.PrivateFormat.PKCS8
    private.write_bytes(key.private_bytes(serialization.Encoding.PEM, pkcs8, how))
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    public.write_bytes(key.public_key().public_bytes(serialization.Encoding.PEM, spki))
    return Path(private.name), Path(public.name)


@pytest.fixture(params=["memory", "openssf"])
def made(request: pytest.FixtureRequest, tmp_path: Path) -> Fixture:
    if request.param == "openssf":
        return Fixture(OpenSsfSignatures(tmp_path), lambda name: pem(tmp_path, name))

    def pair(name: str) -> tuple[Path, Path]:
        (tmp_path / f"{name}.key").write_text(f"secret {name}")
        (tmp_path / f"{name}.pub").write_text(f"public {name}")
        return Path(f"{name}.key"), Path(f"{name}.pub")

    return Fixture(MemorySignatures(tmp_path), pair)


def test_what_was_signed_is_what_verifies(made: Fixture) -> None:
    private, public = made.pair("alice")
    signature = made.port.sign("flowers", FILES, private, no_password)
    assert made.port.verify(signature, public) == FILES


def test_another_key(made: Fixture) -> None:
    private, _ = made.pair("alice")
    _, other = made.pair("mallory")
    with pytest.raises(VerificationFailed):
        made.port.verify(made.port.sign("flowers", FILES, private, no_password), other)


def test_any_part_of_it_cut_off(made: Fixture) -> None:
    private, public = made.pair("alice")
    signature = made.port.sign("flowers", FILES, private, no_password)
    for length in (0, 1, len(signature) // 2, len(signature) - 1):
        with pytest.raises(InvalidData) as caught:
            made.port.verify(signature[:length], public)
        assert "\n" not in str(caught.value)


def test_keys_that_are_none(made: Fixture, tmp_path: Path) -> None:
    private, public = made.pair("alice")
    signature = made.port.sign("flowers", FILES, private, no_password)
    (tmp_path / "noise").write_bytes(b"\xff" * 100)
    for key in (Path("noise"), public):
        with pytest.raises(UsageError, match="expected .*key"):
            made.port.sign("flowers", FILES, key, no_password)
    for key in (Path("noise"), private):
        with pytest.raises(UsageError, match="expected .*key"):
            made.port.verify(signature, key)
    with pytest.raises(NotFound, match="no such key"):
        made.port.sign("flowers", FILES, Path("gone"), no_password)
    with pytest.raises(NotFound, match="no such key"):
        made.port.verify(signature, Path("gone"))
