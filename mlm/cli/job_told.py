"""How a job changes, told on stderr while somebody waits for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import typer

from mlm.cli.render import print_value

if TYPE_CHECKING:
    from mlm.workflows.job_show import JobView


def teller(ctx: typer.Context) -> Callable[[JobView | str], None]:
    """What says on stderr how a job changes; nothing with --json."""
    from rich.console import Console

    console = Console(stderr=True, highlight=False, emoji=False)

    def tell(seen: JobView | str) -> None:
        if not ctx.obj.json:
            print_value(console, seen if isinstance(seen, str) else _told(seen))

    return tell


def _told(seen: JobView) -> str:
    """A line of `watch`."""
    told = f"{seen.state}: turn {seen.turn}" + (f", {seen.left} left" if seen.left else "")
    if seen.clock is not None:
        told += f"; the clock offers {seen.clock}"
    if seen.bids_extended:
        told += f"; late bids moved the close by {seen.bids_extended}"
    if seen.sealed_bids:
        told += f"; {seen.sealed_bids} under seal"
    if seen.price is not None:
        told += f"; pays {seen.price}"
    return told
