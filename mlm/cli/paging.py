"""The option of every list that comes in pages."""

from __future__ import annotations

from typing import Annotated

import typer

MOST = 1_000_000_000  # a page behind everything: more would only overflow somebody's number

Page = Annotated[int, typer.Option(min=1, max=MOST, help="50 to a page.")]
