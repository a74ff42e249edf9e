"""`mlm publish` and `mlm search`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mlm.cli.execute import perform
from mlm.cli.paging import Page
from mlm.cli.render import render

app = typer.Typer()


@app.command()
def publish(
    ctx: typer.Context,
    path: Annotated[Path | None, typer.Argument(help="The project's folder; default: here.")] = None,
    handle: Annotated[str | None, typer.Option(help="The handle to publish under; default: user.handle.")] = None,
    ref: Annotated[str, typer.Option(help="The commit to publish.")] = "HEAD",
    resale_bps: Annotated[int, typer.Option(help="ERC-2981 royalty on a sale of the asset, basis points.")] = 0,
) -> None:
    """Publish the committed asset: push it, claim the handle if it is free, register the version on chain.

    Example: `mlm publish --handle alice`
    """
    from mlm.workflows import publish as workflow
    from mlm.workflows.repository import resolve

    session = ctx.obj
    if path is not None:
        session.cwd = path.absolute()
    commit = resolve(session.repo, ref)
    chosen = handle or session.config.get("user.handle")
    perform(ctx, workflow.OPERATION, workflow.Publish(commit, chosen, resale_bps))


@app.command()
def search(
    ctx: typer.Context,
    query: Annotated[str, typer.Argument(help="Part of a handle, a name or a licence; empty: everything.")] = "",
    kind: Annotated[str | None, typer.Option(help="model, dataset, algorithm or pipeline.")] = None,
    require: Annotated[
        list[str] | None,
        typer.Option(
            metavar="RULE",
            help="Find providers who meet this, such as gpu.memory>=40 or reputation>=0.5; may be given again.",
        ),
    ] = None,
    suiting: Annotated[
        bool, typer.Option("--suiting", help="Find open jobs whose requirements this account meets.")
    ] = False,
    page: Page = 1,
) -> None:
    """Find published assets, newest first; or providers, the best reputation first; or jobs.

    Example: `mlm search digits`
    """
    from mlm.core.job import Kind
    from mlm.workflows.search import search as workflow

    wanted, rules = Kind.parse(kind) if kind else None, tuple(require or ())
    render(ctx, workflow(ctx.obj.ports, query, kind=wanted, rules=rules, suiting=suiting, page=page))
