"""Detached signatures over the files of a model, in OpenSSF's format."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True)
class SignedFiles:
    """What a signature covers: sha256 by path; and the paths (files or folders) that its signer left out."""

    files: Mapping[str, bytes]
    ignored: tuple[str, ...] = ()


class Signatures(Protocol):
    """Keys are PEM files. Raises NotFound for a file that is not there, ToolMissing without the extra `sign`."""

    def sign(self, name: str, signed: SignedFiles, key: Path, password: Callable[[], str]) -> bytes:
        """A signature; an encrypted key asks for its `password`. Raises UsageError for a key that cannot sign."""

    def verify(self, signature: bytes, public_key: Path) -> SignedFiles:
        """What the owner of the key has signed. Raises InvalidData for what is no signature over whole files,

        UsageError for what is no key, VerificationFailed where it is not by this key.
        """
