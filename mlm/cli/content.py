"""`mlm hash`: content addressing by itself, outside any project."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlm.cli.render import render
from mlm.cli.streams import plain

if TYPE_CHECKING:
    from mlm.cli.context import Session
    from mlm.workflows.hash import Place

app = typer.Typer()
_SHOWN = 8  # names of what is left out


@app.command()
def hash(
    ctx: typer.Context,
    paths: Annotated[list[Path], typer.Argument(metavar="PATH…", help="Files and folders.")],
) -> None:
    """Print the CID of each file or folder, as `mlm add`, kubo and ipfs-car name it.

    In a folder .mlmignore is obeyed; what it leaves out is told.

    Example: `mlm hash model.onnx samples`
    """
    from mlm.workflows import hash as workflow

    session: Session = ctx.obj
    found = workflow.hash([place(session, path) for path in paths], session.bytes_done)
    if session.json:
        render(ctx, found)
        return
    for item in found.hashes:
        sys.stdout.write(f"{item.cid}  {plain(item.path)}\n")
    if found.left_out:
        more = len(found.left_out) - _SHOWN
        names = ", ".join(map(plain, found.left_out[:_SHOWN])) + (f" and {more} more" if more > 0 else "")
        sys.stderr.write(f"left out: {names}\n")


def place(session: Session, path: Path) -> Place:
    """What a path names; a link that the user names is followed, those below it are not."""
    from mlm.cli import wiring
    from mlm.workflows.hash import Place

    full = (session.cwd / path).resolve()
    if full.is_dir():
        return Place(str(path), wiring.folder(full), "")
    return Place(str(path), wiring.folder(full.parent), full.name)
