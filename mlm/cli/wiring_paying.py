"""The part of wiring.py that is about paying for calls of models. Every import waits for a command that pays."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlm.cli.context import Session


def factories(session: Session) -> dict[str, Callable[[], object]]:
    """The ports that a payer needs beside the others."""

    def spent() -> object:
        from mlm.adapters.spent import FileSpent

        # Never in a project, which may come from somebody else: it says what was paid.
        return FileSpent(session.home / "spent")

    def model_servers() -> object:
        from mlm.adapters.model_server import HttpModelServer

        return HttpModelServer

    def recover() -> object:
        from mlm.adapters.chain import typed

        return typed.recover

    return {"spent": spent, "model_servers": model_servers, "recover": recover}
