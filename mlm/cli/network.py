"""`mlm network`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlm.cli.render import render
from mlm.core.errors import NotFound

if TYPE_CHECKING:
    from mlm.cli.context import Session
    from mlm.workflows.network import Networks

app = typer.Typer(help="Choose the chain to work with.")


def _entries(session: Session) -> Networks:
    """The devnet and the networks of the settings."""
    from mlm.cli import wiring
    from mlm.workflows import network as workflow

    running = wiring.devnet(session)
    known: list[tuple[str, tuple[str, ...], int | None, str]] = []
    if wiring.DEVNET not in session.config.networks:
        url = (running.status().url,)
        known.append((wiring.DEVNET, url, workflow.DEVNET_CHAIN_ID, str(running.home.deployment)))
    known += [(entry.name, entry.rpc, entry.chain_id, entry.deployment) for entry in session.config.networks.values()]
    return workflow.entries(known, session.config.get("network.default"))


@app.command("list")
def list_(ctx: typer.Context) -> None:
    """List the networks of the settings, and the devnet.

    Example: `mlm network list`
    """
    render(ctx, _entries(ctx.obj))


@app.command()
def show(ctx: typer.Context) -> None:
    """Show the chosen network and ask its node for the newest, safe and finalized block; each of several by itself.

    Example: `mlm network show`
    """
    from mlm.cli import wiring
    from mlm.core.errors import MlmError
    from mlm.workflows import network as workflow

    session: Session = ctx.obj
    found = next((entry for entry in _entries(session).networks if entry.chosen), None)
    if found is None:
        raise NotFound(
            f"no network is called {session.config.get('network.default')!r}", hint="See `mlm network list`."
        )
    chain, problem, each = None, "", []
    try:
        chain = wiring.chain(session)
        each = wiring.each_endpoint(session, chain)
    except MlmError as error:
        problem = str(error)
    render(ctx, workflow.show(found, chain, problem, each))


@app.command()
def add(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="A name of a-z, 0-9 and -.")],
    rpc: Annotated[
        list[str],
        typer.Option("--rpc", help="URL of an Ethereum JSON-RPC endpoint; again for another that serves in its place."),
    ],
    chain_id: Annotated[
        int | None, typer.Option("--chain-id", help="The chain's id; none: what the endpoints say.")
    ] = None,
    deployment: Annotated[
        str | None,
        typer.Option("--deployment", help="The deployment file; none: there is none yet, see `network deploy`."),
    ] = None,
) -> None:
    """Write a new network into the project's mlm.toml, or into MLM_HOME/config.toml outside a project.

    A URL with a path, a query or a user may hold a key, and mlm.toml is published: it goes into MLM_HOME/config.toml
    wherever the command runs. `file` says which it was.

    Every endpoint is asked for its chain id and genesis block: one of another chain is refused, one that does not
    answer is told and added, when the chain's id is known.

    Example: `mlm network add sepolia --rpc http://127.0.0.1:8545 --chain-id 11155111 --deployment sepolia.json`
    """
    from mlm.cli import wiring
    from mlm.core.urls import is_private
    from mlm.workflows import network as workflow

    session: Session = ctx.obj
    settings = wiring.settings(session, private=any(map(is_private, rpc)))
    # The settings file names the deployment from its own folder, so that a project can be moved as a whole.
    file = session.cwd / deployment if deployment else None
    recorded = wiring.recorded(file) if file is not None and file.exists() else None
    named = wiring.relative(file, Path(settings.path).parent) if file else ""
    proposal = workflow.Proposal(name, tuple(rpc), chain_id, named, recorded)
    known = {name: entry.origin for name, entry in session.config.networks.items()}
    render(ctx, workflow.add(settings, proposal, known, lambda url: wiring.identify(session, url)))
    session.forget()
    wiring.trust(session, name)


@app.command()
def use(ctx: typer.Context, name: Annotated[str, typer.Argument(help="A network's name.")]) -> None:
    """Work with this network from now on.

    Example: `mlm network use devnet`
    """
    from mlm.cli import wiring
    from mlm.workflows import network as workflow

    session: Session = ctx.obj
    render(ctx, workflow.use(wiring.settings(session), name, session.config.networks))
    wiring.trust(session, name)


_Account = Annotated[str, typer.Option(help="An address or an account's name; none: the deploying account.")]


@app.command()
def deploy(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="A network's name, see `mlm network add`.")],
    deployment: Annotated[
        str | None, typer.Option("--deployment", help="The file to write; none: deployments/NAME.json.")
    ] = None,
    treasury: _Account = "",
    guardian: _Account = "",
    governance: _Account = "",
    holder: _Account = "",
    token: Annotated[str, typer.Option(help="An ERC-20 to pay in, see docs/tokens.md; none: a new token.")] = "",
    srs: Annotated[Path | None, typer.Option(help="The points of a public ceremony, as circuits/srs.json.")] = None,
    insecure_srs: Annotated[bool, typer.Option("--insecure-srs", help="Use the devnet's points: play money.")] = False,
    label: Annotated[str, typer.Option(help="Another deployment of the same account: other addresses.")] = "",
) -> None:
    """Deploy the market's contracts on a network, one transaction each; what stands already is left as it is.

    The addresses follow from the account, the label and the contracts' names: the same on every chain. The treasury
    gets the protocol's fees, the guardian may pause new jobs, the governance admits the attesters of the tier tee,
    the holder gets a new token's supply. Killed, it goes on when it is started again.

    Example: `mlm network deploy testnet --insecure-srs`
    """
    from mlm.cli import wiring
    from mlm.cli.execute import perform
    from mlm.core.errors import UsageError
    from mlm.workflows import network_deploy as workflow
    from mlm.workflows.wallet import address

    session: Session = ctx.obj
    if name == wiring.DEVNET:
        raise UsageError("the devnet is deployed when it is started", hint="Run `mlm devnet up`.")
    session.flags["network.default"] = name
    session.forget()
    session.ports = wiring.ports(session, bare=True)
    known = wiring.network(session)
    file = session.cwd / deployment if deployment else None
    default = known.deployment or str(Path(known.origin).parent / "deployments" / f"{name}.json")
    wallet = wiring.wallet(session)

    def of(text: str) -> str:
        return text and address(wallet, text)

    params = workflow.Deploy(
        name,
        str(file or default),
        *(of(holder), of(treasury), of(guardian), of(governance), of(token)),
        srs,
        insecure_srs,
        label,
    )
    if not (session.dry_run or session.again):
        workflow.go_on(session.ports, params)
    perform(ctx, workflow.OPERATION, params)
