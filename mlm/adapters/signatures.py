"""The Signatures port over OpenSSF's library model-signing: https://github.com/sigstore/model-transparency .

Its public interface hashes a folder; a commit's files are hashed already, so what it is given in place of a folder is
their digests, and what it compares them with is kept.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any

from mlm.adapters.disk import read_regular, storage_errors
from mlm.adapters.extras import unavailable
from mlm.core.errors import InvalidData, NotFound, UsageError, VerificationFailed
from mlm.ports.signatures import SignedFiles

CURVES = ("secp256r1", "secp384r1", "secp521r1")  # those that the format has a digest for
_WANTED = "an elliptic-curve key of P-256, P-384 or P-521 in PEM"
_HOW = "Make one: `openssl ecparam -name prime256v1 -genkey -noout -out key.pem`, `openssl ec -in key.pem -pubout`."
_MAX_KEY = 1 << 16
_PREDICATES = ("https://model_signing/signature/v1.0", "https://model_signing/Digests/v0.1")


class OpenSsfSignatures:
    """Signs and verifies with elliptic-curve keys, offline. Relative paths start at `base`."""

    def __init__(self, base: Path) -> None:
        self._base = base

    def sign(self, name: str, signed: SignedFiles, key: Path, password: Callable[[], str]) -> bytes:
        """Have the library sign the digests."""
        with _library():
            from model_signing import signing

            path, secret = self._base / key, None
            try:
                private = _private(_read(path), None)
            except TypeError:  # an encrypted one
                secret = password().encode()
                private = _private(_read(path), secret)
            _check(private.public_key() if hasattr(private, "public_key") else private)
            with TemporaryDirectory() as folder, storage_errors("cannot sign"):
                target = Path(folder) / "model.sig"
                hand: Any = secret  # the library says text, and hands it to cryptography, which takes bytes
                config = signing.Config().use_elliptic_key_signer(private_key=path, password=hand)
                given: Any = _Digests(name, signed)
                config.set_hashing_config(given).sign(Path(folder), target)
                return target.read_bytes()

    def verify(self, signature: bytes, public_key: Path) -> SignedFiles:
        """Check the file's form, then have the library verify it.

        1. It is a sigstore bundle with an in-toto statement of a model's signature, over whole files, by sha256.
        2. The public key is one that the format knows.
        3. The signature is true and by this key, and its statement agrees with itself.
        """
        _check_form(signature)  # (1)
        with _library():
            from cryptography.exceptions import InvalidSignature
            from model_signing import verifying

            path = self._base / public_key
            _check(_public(_read(path)))  # (2)
            recorder: Any = _Recorder()
            with TemporaryDirectory() as folder, storage_errors("cannot verify"):
                file = Path(folder) / "model.sig"
                file.write_bytes(signature)
                config = verifying.Config().use_elliptic_key_verifier(public_key=path)
                try:  # (3)
                    config.set_hashing_config(recorder).verify(Path(folder), file)
                except InvalidSignature as error:
                    raise VerificationFailed("the signature is not true, or not by this key") from error
                except ValueError as error:
                    raise VerificationFailed(f"the signature does not verify: {_line(error)}") from error
                except (KeyError, TypeError, IndexError, AttributeError) as error:
                    raise InvalidData(f"expected a model's signature, found {_line(error)}") from error
            found: SignedFiles = recorder.signed()
            return found


class _Digests:
    """In place of the library's hashing: the digests that are known."""

    def __init__(self, name: str, signed: SignedFiles) -> None:
        self._name, self._signed = name, signed

    def hash(self, model_path: Path, *, files_to_hash: Any = None) -> Any:
        from model_signing import manifest

        serialization = {"method": "files", "hash_type": "sha256", "allow_symlinks": False}
        serialization["ignore_paths"] = list(self._signed.ignored)
        items = [
            manifest.FileManifestItem(path=PurePosixPath(path), digest=manifest.hashing.Digest("sha256", digest))
            for path, digest in self._signed.files.items()
        ]
        return manifest.Manifest(self._name, items, manifest.SerializationType.from_args(serialization))


class _Recorder:
    """In place of the library's hashing and of what it found: it keeps what it is compared with, which was signed."""

    def __init__(self) -> None:
        self._expected: Any = None

    def add_ignored_paths(self, *, model_path: Path, paths: Any) -> None:
        pass  # they stand in what was signed

    def hash(self, model_path: Path, *, files_to_hash: Any = None) -> _Recorder:
        return self

    def __ne__(self, expected: object) -> bool:
        self._expected = expected
        return False

    def signed(self) -> SignedFiles:
        """What was compared; raises InvalidData for digests other than sha256."""
        files: dict[str, bytes] = {}
        for resource in self._expected.resource_descriptors():
            if resource.digest.algorithm != "sha256":
                raise InvalidData(f"expected a signature over sha256 digests, found {resource.digest.algorithm}")
            files[resource.identifier] = resource.digest.digest_value
        return SignedFiles(files, tuple(self._expected.serialization_type.get("ignore_paths", ())))


@contextmanager
def _library() -> Iterator[None]:
    """The extra's packages, which print where nothing may be printed."""
    try:
        with redirect_stdout(StringIO()):
            import model_signing  # noqa: F401 - to know that it is there
            import OpenSSL  # noqa: F401

            yield
    except ImportError as error:
        raise unavailable("signatures", "model_signing", error, "'mlm[sign]'") from error


def _check_form(signature: bytes) -> None:
    try:
        bundle = json.loads(signature)
        envelope = bundle["dsseEnvelope"]
        if len(envelope["signatures"]) != 1 or not isinstance(bundle["verificationMaterial"], dict):
            raise ValueError("not one signature with its verification material")
        statement = json.loads(base64.b64decode(envelope["payload"], validate=True))
        kind, predicate = statement["predicateType"], statement["predicate"]
        method = predicate.get("serialization", {}).get("method", "files")
        hashed = predicate.get("serialization", {}).get("hash_type", "sha256")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InvalidData(f"expected a sigstore bundle with a model's signature, found {_line(error)}") from error
    if kind not in _PREDICATES:
        raise InvalidData(f"expected a model's signature ({_PREDICATES[0]}), found {str(kind)[:80]!r}")
    if (method, hashed) != ("files", "sha256"):
        raise InvalidData(f"expected a signature over whole files by sha256, found {method!s:.20} by {hashed!s:.20}")


def _read(path: Path) -> bytes:
    try:
        return read_regular(path, _MAX_KEY)
    except FileNotFoundError as error:
        raise NotFound(f"no such key: {path}", hint=_HOW) from error
    except OSError as error:
        raise UsageError(f"cannot read the key {path}: {error.strerror}") from error


def _private(data: bytes, password: bytes | None) -> Any:
    """The key; raises TypeError for an encrypted one without a password."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        return load_pem_private_key(data, password)
    except (ValueError, UnsupportedAlgorithm) as error:
        wrong = "another password, or no key" if password else "no private key"
        raise UsageError(f"expected {_WANTED}, found {wrong}", hint=_HOW) from error


def _public(data: bytes) -> Any:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        return load_pem_public_key(data)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise UsageError(f"expected the public half of {_WANTED}, found no public key", hint=_HOW) from error


def _check(public: Any) -> None:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

    found = public.curve.name if isinstance(public, EllipticCurvePublicKey) else type(public).__name__.lstrip("_")
    if found not in CURVES:
        raise UsageError(f"expected {_WANTED}, found {found}", hint=_HOW)


def _line(error: BaseException) -> str:
    """What a library says, in one short line."""
    text = " ".join(str(error).split())[:160]
    return f"{type(error).__name__}: {text}" if isinstance(error, (KeyError, IndexError)) else text
