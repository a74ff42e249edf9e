"""`mlm doctor`, `mlm version` and `mlm completion`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlm.cli.render import render

if TYPE_CHECKING:
    from mlm.cli.context import Session
    from mlm.workflows.doctor import Check, Place

app = typer.Typer()


class Shell(Enum):
    """Shells that typer can write a completion script for."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


@dataclass(frozen=True)
class Version:
    """What a bug report needs."""

    mlm: str
    python: str
    platform: str


@dataclass(frozen=True)
class Completion:
    """A completion script for a shell."""

    shell: str
    script: str


@app.command()
def doctor(ctx: typer.Context) -> None:
    """Check this machine and say what to install.

    Looks at Python, the extras, the sandbox, where models run, the enclave, the SRS files, the devnet's engine, disk
    space, the index's lock and the network. Exits with 1 when something is a problem; a note is no problem.

    Example: `mlm doctor`
    """
    from mlm.adapters.probe import MachineProbe
    from mlm.workflows.doctor import diagnose

    diagnosis = diagnose(MachineProbe(), _place(ctx.obj))
    render(ctx, diagnosis)
    if not diagnosis.healthy:
        raise typer.Exit(1)


@app.command()
def version(ctx: typer.Context) -> None:
    """Print the version.

    Example: `mlm version --json`
    """
    import platform

    from mlm import __version__

    render(ctx, Version(__version__, platform.python_version(), f"{platform.system()} {platform.machine()}"))


@app.command()
def completion(ctx: typer.Context, shell: Annotated[Shell, typer.Argument(help="The shell to write it for.")]) -> None:
    """Print a shell completion script.

    For bash: `mlm completion bash >> ~/.bash_completion`. For zsh: write it to a file `_mlm` in a folder of `fpath`.
    For fish: `mlm completion fish > ~/.config/fish/completions/mlm.fish`.

    Example: `mlm completion bash`
    """
    from typer.completion import get_completion_script

    script = get_completion_script(prog_name="mlm", complete_var="_MLM_COMPLETE", shell=shell.value)
    render(ctx, Completion(shell.value, script) if ctx.obj.json else script)


def _place(session: Session) -> Place:
    """Where this session would look for everything."""
    from mlm import resources
    from mlm.adapters.devnet import engine
    from mlm.adapters.srs import listed
    from mlm.cli import wiring
    from mlm.core.errors import ToolMissing
    from mlm.workflows.doctor import Place

    binary: tuple[Path, ...] = ()
    try:
        binary = (engine.find(session.home / "cache").binary,)
    except ToolMissing:
        pass  # the diagnosis says so
    config = session.config
    circuits = resources.path("circuits")
    folder = Path(config.get("prover.srs")) if config.get("prover.srs") else circuits
    # srs.json names the devnet's files; a real network's SRS folder brings its own.
    listing = folder / "srs.json" if (folder / "srs.json").is_file() else circuits / "srs.json"
    network = config.get("network.default")
    index = session.data / ("state.duckdb" if network == wiring.DEVNET else f"state-{network}.duckdb")
    known = config.networks.get(network)
    return Place(
        home=session.home,
        project=session.project,
        index=index,
        engine=binary,
        srs=listed(listing, folder),
        network=network,
        rpc=known.rpc[0] if known else wiring.devnet(session).status().url if network == wiring.DEVNET else "",
        chain_id=known.chain_id if known else None,
        sandbox=_sandbox(config.get("runner.sandbox")),
        runs=_engine(config.get("runner.engine"), config.get("runner.ray_address")),
        enclave=_enclave(session),
    )


def _engine(setting: str, address: str) -> Check:
    """Where models run and proofs are made, and whether that can be reached."""
    from mlm.adapters.ray.cluster import cluster
    from mlm.adapters.ray.driver import reach
    from mlm.cli.wiring_compute import RAY
    from mlm.core.errors import MlmError
    from mlm.workflows.doctor import Check, Level

    what = "engine"
    if setting != RAY:
        return Check(what, Level.OK, "local: models run and proofs are made on this machine")
    try:
        cluster(address)
        reach(address)
    except MlmError as error:
        return Check(what, Level.PROBLEM, str(error), error.hint)
    return Check(what, Level.OK, f"ray: a cluster answers at {address}")


def _enclave(session: Session) -> Check:
    """Where models run in the tier tee, and what that is worth."""
    from mlm.cli.wiring_tee import is_devnet
    from mlm.workflows.doctor import Check, Level

    get, what = session.config.get, "enclave"
    reports, setting, collateral = Path(get("tee.reports")), get("tee.enclave"), get("tee.collateral")
    if setting == "simulated" or (setting == "auto" and is_devnet(session) and not reports.is_dir()):
        return Check(
            what,
            Level.NOTE,
            "simulated: its evidence convinces nobody, and a devnet alone accepts it",
            "Run mlm inside a confidential virtual machine (Intel TDX, AMD SEV-SNP) to work in the tier tee elsewhere.",
        )
    if not reports.is_dir():
        level = Level.PROBLEM if setting == "hardware" else Level.NOTE
        return Check(what, level, f"none: there is no {reports}", "docs/tee.md says what the tier tee takes.")
    if not collateral:
        remedy = "Set tee.collateral: docs/tee.md says where it comes from."
        return Check(what, Level.NOTE, f"hardware, by {reports}, whose collateral is not named", remedy)
    return Check(what, Level.OK, f"hardware, by {reports}; collateral {collateral}")


def _sandbox(setting: str) -> Check:
    """Which tier confines models here, and what it does not stop."""
    from mlm.adapters.sandbox.tiers import choose, describe
    from mlm.core.errors import ToolMissing
    from mlm.workflows.doctor import Check, Level

    try:
        tier = choose(setting)
    except ToolMissing as error:
        return Check("sandbox", Level.PROBLEM, str(error), error.hint)
    if tier.name in ("bubblewrap", "landlock"):
        return Check("sandbox", Level.OK, describe(tier))
    remedy = "Run models of others on Linux, with bubblewrap or a kernel that has Landlock."
    if setting == "none":
        remedy = "It was switched off: set runner.sandbox to auto."
    return Check("sandbox", Level.NOTE, describe(tier), remedy)
