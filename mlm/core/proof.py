"""Proof files, format `mlm/proof/1`: what `mlm prove` writes and `mlm verify` and `lease submit` read."""

from __future__ import annotations

import json
from dataclasses import dataclass

from mlm.core.errors import InvalidData

FORMAT = "mlm/proof/1"
MAX_BYTES = 1 << 20
MAX_INSTANCES = 1 << 14
FIELD = 21888242871839275222246405745257275088548364400416034343698204186575808495617  # BN254's scalar field


@dataclass(frozen=True)
class ProofFile:
    """A proof beside what it is of: the sha256 of the ONNX bytes, and the circuit's canonical settings."""

    model: str  # 64 hex digits
    settings: bytes
    proof: bytes
    instances: tuple[int, ...]

    def to_bytes(self) -> bytes:
        """Canonical JSON."""
        value = {
            "format": FORMAT,
            "model": self.model,
            "settings": self.settings.decode(),
            "proof": "0x" + self.proof.hex(),
            "instances": [f"0x{word:064x}" for word in self.instances],
        }
        return (json.dumps(value, indent=1) + "\n").encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> ProofFile:
        """Read a proof file from anybody; raises InvalidData with what was expected and found."""
        if len(data) > MAX_BYTES:
            raise InvalidData(f"expected a proof file of at most {MAX_BYTES} bytes, found {len(data)}")
        import orjson  # bounded depth, unlike json

        try:
            value = orjson.loads(data)
        except ValueError as error:
            raise InvalidData(
                "expected a proof file, found no JSON", hint="A model is named with --model, beside its proof file."
            ) from error
        if not isinstance(value, dict) or value.get("format") != FORMAT:
            found = value.get("format") if isinstance(value, dict) else type(value).__name__
            raise InvalidData(f"expected a proof file of format {FORMAT}, found {str(found)[:40]!r}")
        words = value.get("instances")
        if not isinstance(words, list) or not 0 < len(words) <= MAX_INSTANCES:
            raise InvalidData(f"expected 1 to {MAX_INSTANCES} instances in the proof file")
        instances = tuple(int.from_bytes(_hex(word, "an instance", 32), "big") for word in words)
        if any(word >= FIELD for word in instances):
            raise InvalidData(
                "expected instances below the scalar field's size, one of the proof file lies outside the scalar field"
            )
        proof = _hex(value.get("proof"), "the proof", None)
        model = _hex(f"0x{value.get('model')}", "the model's sha256", 32).hex()
        settings = value.get("settings")
        if not isinstance(settings, str):
            raise InvalidData("expected the circuit's settings in the proof file, found none")
        return cls(model, settings.encode(), proof, instances)


def _hex(text: object, what: str, size: int | None) -> bytes:
    try:
        if not isinstance(text, str) or not text.startswith("0x"):
            raise ValueError
        data = bytes.fromhex(text[2:])
        if size is not None and len(data) != size:
            raise ValueError
    except ValueError as error:
        wanted = f"{size} bytes of 0x-hex" if size else "0x-hex"
        raise InvalidData(f"expected {wanted} for {what} of the proof file, found {str(text)[:40]!r}") from error
    return data
