"""The tables [remote.NAME] of settings files, which may have come from somebody else."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlm.core import remote, urls
from mlm.core.errors import UsageError

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")


@dataclass(frozen=True)
class Remote:
    """Where blocks are exchanged. The token is a file's first line or a variable's value, and never stands here."""

    name: str
    url: str  # http(s), or a folder's path
    kind: str  # of mlm.core.remote.KINDS
    token_file: str = ""
    token_env: str = ""
    origin: str = ""  # the settings file that names it


def tables(table: Mapping[str, Any], name: str) -> dict[str, Mapping[str, Any]]:
    """The tables [name.X] of a file, by X."""
    found = table.get(name)
    return {key: item for key, item in found.items() if isinstance(item, Mapping)} if isinstance(found, Mapping) else {}


def read_remotes(table: Mapping[str, Any], label: str, *, secrets: bool) -> dict[str, Remote]:
    """The [remote.NAME] of a file; raises UsageError, also for one with a token where there must be no `secrets`."""
    return {name: read_remote(name, entry, label, secrets=secrets) for name, entry in tables(table, "remote").items()}


def read_remote(name: str, entry: Mapping[str, Any], label: str, *, secrets: bool) -> Remote:
    """One of them; a path is found from the file that names it. Raises UsageError."""
    where = f"{label}: [remote.{name}]"
    if not _NAME.fullmatch(name):
        raise UsageError(f"{label}: expected a remote's name of a-z, 0-9 and -, found {name!r}")
    wanted = ("url", "kind", "token_file", "token_env")
    for key, value in entry.items():
        if key not in wanted:
            raise UsageError(f"{where}: unknown key {key!r}", hint=f"There are {', '.join(wanted)}.")
        if not isinstance(value, str) or not value:
            raise UsageError(f"{where} {key} must be str, found {_shown(value)}")
        if key.startswith("token") and not secrets:
            # It could have any secret of its user sent to any address.
            raise UsageError(
                f"{where}: a project cannot name a token, found {key}", hint="Put it into MLM_HOME/config.toml."
            )
    if "url" not in entry:
        raise UsageError(f"{where} names no url")
    url = entry["url"]
    web = url.startswith(("http://", "https://"))
    kind = entry.get("kind", remote.HTTP if web else remote.FOLDER)
    if kind not in remote.KINDS or web == (kind == remote.FOLDER):
        expected = "one of " + ", ".join(kind for kind in remote.KINDS if web != (kind == remote.FOLDER))
        raise UsageError(f"{where} kind must be {expected} for {'a URL' if web else 'a folder'}, found {_shown(kind)}")
    if "://" in url and not web:
        raise UsageError(
            f"{where}: expected a folder or an http(s) URL, found {url.partition(':')[0]!r}",
            hint="Mount it, or sync it to a folder, and name that; what is served by http(s) can be read by its URL.",
        )
    if web:
        try:
            urls.parse(url)
        except UsageError as error:
            raise UsageError(f"{where}: {error}", hint=error.hint) from error
    else:
        url = str(Path(label).parent / url)
    file = entry.get("token_file", "")
    return Remote(name, url, kind, str(Path(label).parent / file) if file else "", entry.get("token_env", ""), label)


def _shown(value: object) -> str:
    """A value in a message; a URL may hold a key."""
    return "a URL" if "://" in str(value) else repr(value)


def scope(file: str) -> str:
    """For whom a settings file speaks, in words."""
    return "this project: in mlm.toml, which you commit" if Path(file).name == "mlm.toml" else "all your projects"


def check_public(table: Mapping[str, Any], file: str) -> None:
    """Refuse to publish a remote whose URL may hold a key; raises UsageError, which does not show it."""
    chosen = table.get("remote")
    if "://" in str([chosen.get("default") if isinstance(chosen, Mapping) else chosen, table.get("remote.default")]):
        raise UsageError(
            f"remote.default in {file}: expected a remote's name, or a folder, in what is published, found a URL",
            hint="`mlm remote add NAME URL` names it.",
        )
    for name, entry in tables(table, "remote").items():
        url = entry.get("url")
        if isinstance(url, str) and "://" in url and urls.is_private(url):
            raise UsageError(
                f"url of [remote.{name}] in {file}: expected scheme, host and port alone in what is published, "
                "found more, which may be a key",
                hint=f"Remove [remote.{name}] and run `mlm remote add {name} URL`: "
                "that keeps it in MLM_HOME/config.toml.",
            )
