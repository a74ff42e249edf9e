"""Where a clone came from."""

from typing import Protocol


class Origin(Protocol):
    """One line beside a repository: `mlm://CHAIN-ID/handle/name`, `remote:NAME` or a CID; "" for what is no clone.

    It is there before any file of a clone: a repository without HEAD that has one is a clone that was cut.
    """

    def read(self) -> str:
        """Raises InvalidData for a damaged one."""

    def write(self, text: str) -> None: ...
