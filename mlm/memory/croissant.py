"""MemoryCroissant: the CroissantValidator port with mlm's own check in place of MLCommons' validator."""

from __future__ import annotations

from mlm.core.croissant import check


class MemoryCroissant:
    """Installed, unless it is told otherwise."""

    def __init__(self, name: str | None = "memory 1") -> None:
        self._name = name

    def validate(self, document: bytes) -> str | None:
        """Check the structure."""
        if self._name is not None:
            check(document, ())
        return self._name
