"""MLCommons' own word on a Croissant document, beside mlm's check of its structure."""

from typing import Protocol


class CroissantValidator(Protocol):
    def validate(self, document: bytes) -> str | None:
        """Name and version of the validator that found no error; None where none is installed.

        Raises InvalidData with the first error that it found.
        """
