"""`mlm op`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mlm.cli.paging import Page
from mlm.cli.render import render

if TYPE_CHECKING:
    from mlm.cli.context import Session


def _number(text: str) -> str:
    """5 is 000005."""
    return text.zfill(6) if text.isdecimal() else text


app = typer.Typer(help="The journal of operations: see what was done, continue or give up what was stopped.")
OpId = Annotated[str, typer.Argument(metavar="OP", help="An operation's number, from `mlm op log`.", callback=_number)]


@app.command()
def log(ctx: typer.Context, page: Page = 1) -> None:
    """List operations, newest first, and how far each came.

    Example: `mlm op log`
    """
    from mlm.workflows import op as workflow

    render(ctx, workflow.log(ctx.obj.ports, page))


@app.command()
def show(ctx: typer.Context, op: OpId) -> None:
    """Show the steps of an operation.

    Example: `mlm op show 000001`
    """
    from mlm.workflows import op as workflow

    render(ctx, workflow.show(ctx.obj.ports, op))


@app.command()
def resume(
    ctx: typer.Context,
    op: Annotated[
        str, typer.Argument(help="Its number; by default the newest that was stopped or killed.", callback=_number)
    ] = "",
    faster: Annotated[
        bool, typer.Option("--faster", help="Replace a transaction that waits by one that pays more for gas.")
    ] = False,
) -> None:
    """Continue an operation that was stopped or killed; nothing is paid twice.

    Example: `mlm op resume 000001`
    """
    from mlm.workflows import op as workflow

    ports = ctx.obj.ports
    op = op or workflow.newest_unfinished(ports)
    _as_its_account(ctx.obj, op)
    render(ctx, workflow.resume(ports, op, faster=faster))


@app.command()
def undo(ctx: typer.Context, op: OpId) -> None:
    """Give an operation up: cancel what waits, and say how to make up for what stands on the chain.

    Example: `mlm op undo 000001`
    """
    from mlm.workflows.op_undo import undo as workflow
    from mlm.workflows.registry import OPERATIONS

    _as_its_account(ctx.obj, op)
    render(ctx, workflow(ctx.obj.ports, op, {name: row.undo for name, row in OPERATIONS.items()}))


def _as_its_account(session: Session, op: str) -> None:
    """Sign as the account that began the operation, where none is chosen."""
    from mlm.cli import wiring
    from mlm.workflows.journalled import find

    address = find(session.ports.journal, op)["params"]["account"]
    if session.config.get("account") or not address:
        return
    names = [account.name for account in wiring.wallet(session).accounts() if account.address == address]
    if names:
        session.flags["account"] = names[0]
        session.forget()
