"""A toy model format for the in-memory runner and prover: JSON, `y = x @ weights`. For tests, never for markets."""

from __future__ import annotations

import json
from dataclasses import dataclass

from mlm.core.errors import InvalidData

FORMAT = "mlm/toy-model/1"


@dataclass(frozen=True)
class ToyModel:
    """`weights` are `rows` lists of `columns` numbers: input "x" float32 [1, rows], output "y" float32 [1, columns]."""

    weights: tuple[tuple[float, ...], ...]

    @property
    def rows(self) -> int:
        """Elements of the input."""
        return len(self.weights)

    @property
    def columns(self) -> int:
        """Elements of the output."""
        return len(self.weights[0])

    def to_bytes(self) -> bytes:
        """The model file."""
        return json.dumps({"format": FORMAT, "weights": self.weights}, separators=(",", ":")).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> ToyModel:
        """Raises InvalidData unless it is a rectangular matrix of finite numbers."""
        import orjson  # bounded depth, unlike json

        try:
            document = orjson.loads(data)
            if document["format"] != FORMAT:
                raise ValueError(f"expected format {FORMAT!r}")
            weights = tuple(tuple(float(value) for value in row) for row in document["weights"])
        except (ValueError, KeyError, TypeError) as error:
            raise InvalidData(f"not a toy model: {error}") from error
        if not weights or not weights[0] or len({len(row) for row in weights}) != 1:
            raise InvalidData("a toy model's weights are a rectangular matrix")
        if any(value - value != 0 for row in weights for value in row):
            raise InvalidData("a toy model's weights hold NaN or infinity")
        return cls(weights)
