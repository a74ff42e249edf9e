"""The facts that a command tells on stderr while it runs, a line each."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from mlm.core.clock import Instant


class Fact(Protocol):
    """When, about which job, and what."""

    @property
    def at(self) -> Instant: ...

    @property
    def job(self) -> str: ...

    @property
    def what(self) -> str: ...


def teller() -> Callable[[Fact], None]:
    """Writes facts as they come."""
    from rich.console import Console

    console = Console(stderr=True, highlight=False, emoji=False, soft_wrap=True)

    def tell(fact: Fact) -> None:
        job = f"{fact.job[:10]} " if fact.job else ""
        # What it says may come from the chain: no markup, and nothing that a terminal would obey.
        told = "".join(letter if letter.isprintable() else "?" for letter in f"{fact.at} {job}{fact.what}")
        with suppress(OSError):  # a full disk under the log: the command goes on, and the next line may find room
            console.print(told, markup=False)

    return tell
