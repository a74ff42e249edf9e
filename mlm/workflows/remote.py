"""`mlm remote`: where blocks are exchanged with others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mlm.core import remote, urls
from mlm.core.errors import NotFound, StateConflict, UsageError
from mlm.core.remote_settings import Remote, read_remote, scope
from mlm.ports.remote import Remotes
from mlm.ports.repo import Refs
from mlm.ports.settings import Settings

RESERVED = ("default", "timeout", "max-gb")  # settings of the table above


@dataclass(frozen=True)
class Row:
    """A remote of the settings. `where` shows no path, query or user of a URL: those often hold a key."""

    name: str
    kind: str
    where: str
    push: bool
    names: bool
    default: bool
    trusted: bool
    settings: str


@dataclass(frozen=True)
class Listed:
    """All that are known, the default first."""

    remotes: tuple[Row, ...]


@dataclass(frozen=True)
class Named:
    """A remote that was added. `file` was written, which speaks for `scope`; both are "" where only trust was
    remembered."""

    name: str
    kind: str
    where: str
    file: str
    scope: str


@dataclass(frozen=True)
class Removed:
    """A remote that was taken out of `file`, and its branches, as they were last seen, that went with it."""

    removed: str
    kind: str
    where: str
    file: str
    branches: tuple[str, ...]


def entries(known: Remotes) -> Listed:
    """Every remote; nothing is asked of any."""
    found = known.all()
    default = ""
    try:
        default = known.open().about.name
    except (UsageError, NotFound):
        pass
    return Listed(
        tuple(Row(a.name, a.kind, a.where, a.writes, a.names, a.name == default, a.trusted, a.origin) for a in found)
    )


def add(
    settings: Callable[[bool], Settings],
    trust: Callable[[Remote], None],
    wanted: dict[str, str],
    name: str,
    known: dict[str, Remote],
    label: str,
) -> Named:
    """Write [remote.NAME]; `wanted` holds url, kind and token as the settings name them, read as of the file `label`.

    `settings(private)` is the file to write: what says something of this machine, or may hold a key, is private.
    A remote that a project's file describes in the same words is not written again: the user now stands for it.
    Raises UsageError for what cannot be a remote, StateConflict for another of the same name.
    """
    if name in RESERVED:
        raise UsageError(f"expected a remote's name other than {', '.join(RESERVED)}, found {name!r}")
    found = read_remote(name, wanted, label, secrets=True)
    where = found.url if found.kind == remote.FOLDER else urls.bare(found.url)
    if name in known:
        there = known[name]
        if (there.url, there.kind, there.token_file, there.token_env) != (
            found.url,
            found.kind,
            found.token_file,
            found.token_env,
        ):
            raise StateConflict(
                f"there is a remote called {name} already, in {there.origin}",
                hint=f"`mlm remote remove {name}` first, or choose another name.",
            )
        trust(there)
        return Named(name, found.kind, where, "", "")
    open_kind = found.kind in (remote.HTTP, remote.GATEWAY)
    private = not open_kind or urls.is_private(found.url) or bool(found.token_file or found.token_env)
    file = settings(private)
    file.set(f"remote.{name}", {key: value for key, value in wanted.items() if value})
    trust(found)
    return Named(name, found.kind, where, file.path, scope(file.path))


def remove(settings: Callable[[str], Settings], name: str, known: dict[str, Remote], refs: Refs | None) -> Removed:
    """Take [remote.NAME] out of the file that names it, and its branches out of the project's refs; raises NotFound."""
    found = known.get(name)
    if found is None:
        raise NotFound(f"no remote is called {name!r} in the settings", hint="See `mlm remote list`.")
    file = settings(found.origin)
    file.drop(f"remote.{name}")
    gone = {ref: cid for ref, cid in (refs.all() if refs else {}).items() if ref.startswith(f"remotes/{name}/")}
    for ref, cid in gone.items():
        assert refs is not None
        refs.set(ref, None, cid)
    where = found.url if found.kind == remote.FOLDER else urls.bare(found.url)
    return Removed(name, found.kind, where, file.path, tuple(ref.removeprefix("remotes/") for ref in gone))
