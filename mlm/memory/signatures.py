"""MemorySignatures: the Signatures port with a shared secret in place of a key pair, for tests."""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable
from pathlib import Path

from mlm.core.errors import InvalidData, NotFound, UsageError, VerificationFailed
from mlm.ports.signatures import SignedFiles


class MemorySignatures:
    """Files of keys hold `secret NAME` or `public NAME`; whoever knows the name can sign."""

    def __init__(self, base: Path) -> None:
        self._base = base

    def sign(self, name: str, signed: SignedFiles, key: Path, password: Callable[[], str]) -> bytes:
        """An HMAC over the digests."""
        body = {path: digest.hex() for path, digest in sorted(signed.files.items())}
        text = json.dumps([name, body, list(signed.ignored)])
        return json.dumps({"text": text, "mac": _mac(self._name(key, "secret"), text)}).encode()

    def verify(self, signature: bytes, public_key: Path) -> SignedFiles:
        """The digests, where the HMAC is by this name."""
        try:
            found = json.loads(signature)
            text, mac = str(found["text"]), str(found["mac"])
        except (ValueError, KeyError, TypeError) as error:
            raise InvalidData("expected a signature, found none") from error
        if not hmac.compare_digest(mac, _mac(self._name(public_key, "public"), text)):
            raise VerificationFailed("the signature is not by this key")
        _, body, ignored = json.loads(text)
        return SignedFiles({path: bytes.fromhex(digest) for path, digest in body.items()}, tuple(ignored))

    def _name(self, key: Path, kind: str) -> str:
        try:
            word, _, name = (self._base / key).read_text("utf-8").partition(" ")
        except FileNotFoundError as error:
            raise NotFound(f"no such key: {key}") from error
        except ValueError as error:
            raise UsageError("expected a key, found none") from error
        if word != kind:
            raise UsageError(f"expected a {kind} key, found none")
        return name.strip()


def _mac(name: str, text: str) -> str:
    return hmac.new(name.encode(), text.encode(), "sha256").hexdigest()
