"""`mlm wallet`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlm.cli.execute import perform
from mlm.cli.render import render
from mlm.core.errors import WalletError

if TYPE_CHECKING:
    from mlm.cli.context import Session
    from mlm.ports.wallet import Password

app = typer.Typer(help="Make, import and list accounts; withdraw earnings.")
MAX_KEY = 1000  # characters read where 64 digits are expected
Name = Annotated[str, typer.Argument(help="The account's name.")]


@app.command()
def new(ctx: typer.Context, name: Name) -> None:
    """Make an account: a random key, encrypted with a password, in MLM_HOME/keystore.

    Example: `mlm wallet new alice`
    """
    from mlm.cli import wiring
    from mlm.workflows import wallet as workflow

    session: Session = ctx.obj
    render(ctx, workflow.new(wiring.wallet(session), name, _chosen_password(session)))


@app.command("import")
def import_(
    ctx: typer.Context,
    name: Name,
    key_file: Annotated[
        Path | None, typer.Option("--key-file", help="A file with the key as 64 hex digits; default: standard input.")
    ] = None,
) -> None:
    """Keep a key that you have, encrypted with a password. A key is never given on the command line.

    Example: `mlm wallet import alice --key-file key.txt`
    """
    from mlm.cli import wiring
    from mlm.workflows import wallet as workflow

    session: Session = ctx.obj
    text = _read_key(session, key_file)
    render(ctx, workflow.add(wiring.wallet(session), name, text, _chosen_password(session)))


@app.command("list")
def list_(ctx: typer.Context) -> None:
    """List the accounts that can sign on the chosen network.

    Example: `mlm wallet list`
    """
    from mlm.cli import wiring
    from mlm.workflows import wallet as workflow

    render(ctx, workflow.accounts(wiring.wallet(ctx.obj)))


@app.command()
def show(
    ctx: typer.Context,
    name: Annotated[str | None, typer.Argument(help="Name or address; default: the chosen account.")] = None,
) -> None:
    """Show an account's address, tokens, credit and coins.

    Example: `mlm wallet show consumer`
    """
    from mlm.cli import wiring
    from mlm.workflows import wallet as workflow

    session: Session = ctx.obj
    render(ctx, workflow.show(wiring.wallet(session), session.ports.chain, name or chosen(session)))


@app.command()
def use(ctx: typer.Context, name: Name) -> None:
    """Sign as this account from now on: in this project, or everywhere outside one.

    Example: `mlm wallet use consumer`
    """
    from mlm.cli import wiring
    from mlm.workflows import wallet as workflow

    session: Session = ctx.obj
    render(ctx, workflow.use(wiring.wallet(session), wiring.settings(session), name))


@app.command()
def faucet(
    ctx: typer.Context,
    to: Annotated[str | None, typer.Argument(help="Name or address; default: the chosen account.")] = None,
    amount: Annotated[str, typer.Option("--amount", help="Tokens.")] = "1000",
    coins: Annotated[str, typer.Option("--coins", help="Coins for gas.")] = "1",
) -> None:
    """Get tokens and coins on the devnet.

    Example: `mlm wallet faucet consumer --amount 500`
    """
    from mlm.cli import wiring
    from mlm.core.money import COIN, Wei, parse_units
    from mlm.workflows import wallet as workflow

    session: Session = ctx.obj
    wanted = to or chosen(session)
    address = workflow.address(wiring.wallet(session), wanted)
    render(ctx, workflow.faucet(wiring.faucet(session), address, parse_units(amount), Wei(parse_units(coins, COIN))))


@app.command()
def withdraw(ctx: typer.Context) -> None:
    """Withdraw everything that is credited to the account.

    Credits are of jobs, sales, channels, licences, disputes, replicas, and reports against attesters.

    Example: `mlm wallet withdraw --account compute-1`
    """
    from mlm.workflows import wallet as workflow

    perform(ctx, workflow.WITHDRAW, workflow.Withdraw())


@app.command()
def announce(ctx: typer.Context) -> None:
    """Announce the key under which others encrypt what only this account may read.

    Posting and bidding on private jobs do it by themselves. It follows from the account's own key: every machine of the
    account reads what was sent.

    Example: `mlm wallet announce --account compute-1`
    """
    from mlm.workflows import announce as workflow

    perform(ctx, workflow.OPERATION, workflow.Announce())


def chosen(session: Session) -> str:
    """The chosen account's name; raises WalletError when none is chosen."""
    name = session.config.get("account")
    if not name:
        raise WalletError("no account is chosen", hint="Give --account NAME, or run `mlm wallet use NAME`.")
    return str(name)


def _chosen_password(session: Session) -> Password:
    """A new password is asked twice at a terminal: a slip of the finger would lose the account."""

    def ask(name: str) -> str:
        word = session.password(name)
        if not session.config.get("password_file") and session.password(f"{name} again") != word:
            raise WalletError("the two passwords differ")
        return word

    return ask


def _read_key(session: Session, file: Path | None) -> str:
    try:
        if file is not None:
            with (session.cwd / file).open(encoding="ascii") as text:
                return text.read(MAX_KEY)
        if sys.stdin.isatty():
            import getpass

            return getpass.getpass("Key (64 hex digits): ")
        return sys.stdin.readline(MAX_KEY)
    except (OSError, UnicodeDecodeError) as error:
        raise WalletError(f"cannot read a key from {file or 'standard input'}: expected 64 hex digits") from error
