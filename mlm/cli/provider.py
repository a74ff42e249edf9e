"""`mlm provider`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mlm.cli.execute import perform
from mlm.cli.paging import Page
from mlm.cli.render import render

app = typer.Typer(help="Say what a provider has, attest it, and find who meets requirements.")
Address = Annotated[str | None, typer.Argument(metavar="ACCOUNT", help="An address; default: this account.")]
Subject = Annotated[str, typer.Argument(metavar="PROVIDER", help="The provider's address.")]
Attributes = Annotated[
    list[str], typer.Argument(metavar="NAME=VALUE…", help="Such as gpu.model=h100 or gpu.memory=80.")
]


@app.command()
def declare(
    ctx: typer.Context,
    attributes: Annotated[
        list[str] | None, typer.Argument(metavar="NAME=VALUE…", help="Such as gpu.model=h100 or gpu.memory=80.")
    ] = None,
    remove: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="No longer so; again for more.")
    ] = None,
) -> None:
    """Say what this provider has: a number replaces the one before, symbols are added.

    Example: `mlm provider declare gpu.model=h100 gpu.memory=80 region=eu-west`
    """
    from mlm.workflows import provider as workflow

    perform(ctx, workflow.OPERATION, workflow.Declare(tuple(attributes or ()), tuple(remove or ())))


@app.command()
def show(ctx: typer.Context, address: Address = None) -> None:
    """Show what a provider says of itself and what auditors attest of it.

    Example: `mlm provider show`
    """
    from mlm.workflows import provider as workflow

    ports = ctx.obj.ports
    render(ctx, workflow.show(ports, address or ports.sender.address))


@app.command("list")
def list_providers(
    ctx: typer.Context,
    require: Annotated[
        list[str] | None, typer.Option(metavar="RULE", help="A rule or a .toml file of them; again for more.")
    ] = None,
    page: Page = 1,
) -> None:
    """List providers, or those who meet rules; those with the most reputation first.

    Example: `mlm provider list --require "gpu.memory>=40" --require gpu.model=h100,a100`
    """
    from mlm.workflows import provider as workflow

    render(ctx, workflow.find(ctx.obj.ports, tuple(require or ()), page=page))


@app.command()
def match(
    ctx: typer.Context,
    target: Annotated[str, typer.Argument(help="A job, rules apart by ;, a .toml file or a hash of requirements.")],
    address: Address = None,
) -> None:
    """Say rule by rule whether a provider meets what a job asks for; exit 1 if it does not.

    Example: `mlm provider match "gpu.memory>=40; gpu.model=h100,a100"`
    """
    from mlm.core.errors import UsageError
    from mlm.workflows import provider as workflow

    if address is None and not ctx.obj.config.get("account"):
        raise UsageError(
            "expected the ACCOUNT to look at, or a chosen account, found neither",
            hint="Name its address; `mlm provider list --require RULE` lists all who meet a rule.",
        )
    found = workflow.match(ctx.obj.ports, target, address)
    render(ctx, found)
    if not found.qualifies:
        raise typer.Exit(1)


@app.command()
def sign(
    ctx: typer.Context,
    provider: Subject,
    attributes: Attributes,
    days: Annotated[int, typer.Option(help="For how long it holds.")] = 90,
    output: Annotated[Path, typer.Option("--output", "-o", help="Where the attestation goes.")] = Path(
        "attestation.json"
    ),
) -> None:
    """Sign that a provider has these attributes, as an auditor; sends nothing and costs no gas.

    Example: `mlm provider sign PROVIDER gpu.model=h100 gpu.memory=80 --days 30 -o attestation.json`
    """
    from mlm.workflows import provider_attest as workflow

    render(ctx, workflow.sign(ctx.obj.ports, provider, attributes, days, output))


@app.command()
def attest(ctx: typer.Context, file: Annotated[Path, typer.Argument(help="What an auditor has signed.")]) -> None:
    """Submit what an auditor has signed; anybody can.

    Example: `mlm provider attest attestation.json`
    """
    from mlm.workflows import provider_attest as workflow

    perform(ctx, workflow.ATTEST, workflow.Attest(file))


@app.command()
def revoke(ctx: typer.Context, provider: Subject, attributes: Attributes) -> None:
    """Take back what this account has attested of a provider, submitted or not.

    Example: `mlm provider revoke PROVIDER gpu.memory=80`
    """
    from mlm.workflows import provider_attest as workflow

    perform(ctx, workflow.REVOKE, workflow.Revoke(provider, tuple(attributes)))
