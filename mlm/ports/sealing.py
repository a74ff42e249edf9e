"""Files that only whoever has their content key can read: age v1."""

from collections.abc import Iterable, Iterator
from typing import Protocol


class Sealing(Protocol):
    """Both ways bytes are streamed: memory is bounded, whatever the file's size. Keys have 32 bytes and are not kept.

    What `pieces` raises passes through. Whoever stops reading ends the work.
    """

    def seal(self, key: bytes, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """The age v1 file of these bytes, for the X25519 recipient whose secret `key` is; each call gives another."""

    def open(self, key: bytes, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """The bytes of such a file. Every piece is authenticated, but only the end says that it is whole.

        Raises VerificationFailed for another key's and for changed or missing bytes, InvalidData for no age file.
        """
