"""Packages of the optional extras: why one cannot be imported, in words."""

from __future__ import annotations

from mlm.core.errors import ToolMissing


def unavailable(who: str, name: str, error: ImportError, install: str) -> ToolMissing:
    """For `raise … from error`: `who` (plural) needs the package `name`, absent, or there and broken.

    Broken is one whose shared libraries do not fit this system. `install` is what pip would mend it with.
    """
    if isinstance(error, ModuleNotFoundError) and (error.name or name).split(".")[0] == name:
        return ToolMissing(f"{who} need the package {name}", hint=f"Run `pip install {install}`.")
    why = " ".join(str(error).split())[:200]
    hint = f"Run `pip install --force-reinstall {install}`; `mlm doctor` shows what is there."
    return ToolMissing(f"{who} need the package {name}, which cannot be loaded: {why}", hint=hint)
