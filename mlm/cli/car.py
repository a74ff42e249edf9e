"""`mlm car`: archives that any IPFS tool reads, outside any project."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlm.cli.content import place
from mlm.cli.render import render
from mlm.core.errors import UsageError

if TYPE_CHECKING:
    from mlm.cli.context import Session

app = typer.Typer(help="Write, list and read CARv1 archives.")
Archive = Annotated[Path, typer.Argument(metavar="FILE.car", help="A CARv1 archive.")]


@app.command()
def pack(
    ctx: typer.Context,
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A file or a folder.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE.car", help="The archive.")],
) -> None:
    """Pack a file or folder into a CARv1 archive that any IPFS tool reads.

    Example: `mlm car pack samples -o samples.car`
    """
    from mlm.workflows import car as workflow

    if str(output) == "-":
        raise UsageError("-o: expected a file's name, found -", hint="-o ./- writes a file that is called so.")
    session: Session = ctx.obj
    render(ctx, workflow.pack(session.ports, place(session, path), output, session.bytes_done))


@app.command()
def unpack(
    ctx: typer.Context,
    archive: Archive,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="A new folder, or a file for a file.")],
) -> None:
    """Unpack an archive, whole or not at all, checking every block.

    Example: `mlm car unpack samples.car -o copy`
    """
    from mlm.workflows import car as workflow

    render(ctx, workflow.unpack(ctx.obj.ports, archive, output, ctx.obj.bytes_done))


@app.command("ls")
def list_(ctx: typer.Context, archive: Archive) -> None:
    """List what an archive holds.

    Example: `mlm car ls samples.car`
    """
    from mlm.workflows import car as workflow

    render(ctx, workflow.ls(ctx.obj.ports, archive))
