"""Session keys of an enclave: each in a file that this user alone reads, its secret beside the evidence of it.

In a confidential virtual machine the file lies on that machine's own disk (docs/tee.md). No secret leaves this module.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mlm.adapters.disk import read_regular, replace_file, storage_errors
from mlm.adapters.extras import unavailable
from mlm.core import dagcbor
from mlm.core.clock import LAST
from mlm.core.errors import InvalidData, NotFound
from mlm.core.fields import Fields
from mlm.core.tee import SessionKey
from mlm.core.tee_files import MAX_EVIDENCE
from mlm.ports.enclave import HeldKey

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

FORMAT = "mlm/enclave-key/1"
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # of P-256 (FIPS 186-5, SP 800-186)
_SIZE, _ADDRESS = 32, 20
_MAX_BYTES = 2 * MAX_EVIDENCE + (1 << 12)


class SealedKeys:
    """Keys in `folder` (mode 0700), one file each (0600), by its point."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def draw(self, wanted: SessionKey) -> tuple[SessionKey, int]:
        """A new key, and its secret. Raises ToolMissing without the extra `tee`."""
        try:
            from cryptography.hazmat.primitives.asymmetric import ec
        except ImportError as error:
            raise unavailable("session keys", "cryptography", error, "'mlm[tee]'") from error
        made = ec.generate_private_key(ec.SECP256R1()).private_numbers()
        point = made.public_numbers
        return replace(wanted, x=point.x, y=point.y), made.private_value

    def keep(self, held: HeldKey, secret: int) -> None:
        """Write a key down, on the disk when this returns, and remove those of its market that have ended by then."""
        with storage_errors("the enclave's keys cannot be written"):
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            replace_file(self._path(held.key), [_encoded(held, secret)], mode=0o600)
            for other, _ in self._all():
                if _place(other.key) == _place(held.key) and other.key.expires_at <= held.at:
                    self._path(other.key).unlink(missing_ok=True)

    def held(self) -> tuple[HeldKey, ...]:
        """All, the newest first."""
        return tuple(sorted((held for held, _ in self._all()), key=lambda held: held.at, reverse=True))

    def sign(self, key: SessionKey, data: bytes) -> bytes:
        """r and s over 32 bytes that are a digest already. Raises NotFound for a key that is not here."""
        secret = next((secret for held, secret in self._all() if held.key.report_data == key.report_data), None)
        if secret is None:
            raise NotFound(
                f"this enclave does not hold the session key 0x{key.x:064x}",
                hint="Register another: `mlm enclave register ASSET`.",
            )
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature
        from cryptography.hazmat.primitives.hashes import SHA256

        made: EllipticCurvePrivateKey = ec.derive_private_key(secret, ec.SECP256R1())
        r, s = decode_dss_signature(made.sign(data, ec.ECDSA(Prehashed(SHA256()))))
        return r.to_bytes(_SIZE, "big") + min(s, ORDER - s).to_bytes(_SIZE, "big")

    def _all(self) -> Iterator[tuple[HeldKey, int]]:
        with storage_errors("the enclave's keys cannot be read"):
            for path in sorted(self._folder.glob("*.key")):
                try:
                    yield _decoded(read_regular(path, _MAX_BYTES))
                except (InvalidData, FileNotFoundError):
                    continue  # spoilt by a disk, or removed meanwhile: a key that is not held

    def _path(self, key: SessionKey) -> Path:
        return self._folder / f"{key.x:064x}.key"


def _place(key: SessionKey) -> tuple[int, str]:
    return key.chain_id, key.market.lower()


def _encoded(held: HeldKey, secret: int) -> bytes:
    key = held.key
    value: dagcbor.Value = {
        "format": FORMAT,
        "secret": secret.to_bytes(_SIZE, "big"),
        "chain": key.chain_id,
        "market": bytes.fromhex(key.market[2:]),
        "provider": bytes.fromhex(key.provider[2:]),
        "model": key.model,
        "expiresAt": key.expires_at,
        "x": key.x.to_bytes(_SIZE, "big"),
        "y": key.y.to_bytes(_SIZE, "big"),
        "quote": held.quote,
        "collateral": held.collateral,
        "simulated": held.simulated,
        "at": held.at,
    }
    return dagcbor.encode(value)


def _decoded(data: bytes) -> tuple[HeldKey, int]:
    """The inverse; raises InvalidData."""
    top = Fields.of(dagcbor.decode(data), "a session key")
    top.format(FORMAT)
    secret, x, y = (int.from_bytes(top.binary(name, _SIZE), "big") for name in ("secret", "x", "y"))
    market, provider = ("0x" + top.binary(name, _ADDRESS).hex() for name in ("market", "provider"))
    chain, model = top.integer("chain", 0, (1 << 63) - 1), top.binary("model", _SIZE)
    key = SessionKey(chain, market, provider, model, top.integer("expiresAt", 0, LAST), x, y)
    quote, collateral = (top.data(name, MAX_EVIDENCE) for name in ("quote", "collateral"))
    found = HeldKey(key, quote, collateral, top.flag("simulated"), top.integer("at", 0, LAST))
    top.finish()
    return found, secret
