"""The remotes of the settings: which there are, which one is the default, and how each is reached."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from mlm.adapters.disk import read_regular
from mlm.adapters.http import Client
from mlm.adapters.remotes.folder import FolderRemote
from mlm.adapters.remotes.several import Several
from mlm.core import remote, urls
from mlm.core.access import Challenge
from mlm.core.errors import NotFound, UsageError
from mlm.core.remote_settings import Remote as Settings
from mlm.ports.remote import About, Remote

ORIGIN = "origin"  # what Git calls the remote that is meant when none is named
_MAX_TOKEN = 4096  # bytes
_TOKEN = re.compile(r"[!-~]{1,4096}")
_LOOPBACK = re.compile(r"127\.\d+\.\d+\.\d+|::1|localhost")


class Configured:
    """Implements ports.Remotes. Remotes that only a project's file names are listed, and used by nobody."""

    def __init__(
        self,
        known: Mapping[str, Settings],
        default: Settings | None,
        *,
        timeout: float,
        max_bytes: int,
        env: Mapping[str, str],
        trusts: Callable[[Settings], bool],
        advice: UsageError,
        access: Callable[[str, Challenge], str | None] | None = None,
    ) -> None:
        """`default` is what the settings say, or the network's own folder; without one `advice` is what is raised.

        `access` signs what a gateway asks for, or gives None.
        """
        self._known, self._timeout, self._env, self._trusts, self._advice = known, timeout, env, trusts, advice
        self._default, self._max_bytes, self._access = default, max_bytes, access
        self._made: dict[str, Remote] = {}

    def all(self) -> tuple[About, ...]:
        return tuple(self._about(each) for each in self._ordered())

    def open(self, name: str = "") -> Remote:
        if not name:
            if self._default is None:
                raise self._advice
            return self._make(self._default)
        # A remote that the user calls by name is the user's, whatever stands for the default.
        found = self._known.get(name) or next((each for each in self._ordered() if each.name == name), None)
        if found is None:
            names = ", ".join(each.name for each in self._ordered()) or "none"
            place = "/" in name or name in (".", "..")
            hint = f"Run `mlm remote add NAME {name}`, then name it so." if place else "See `mlm remote add`."
            raise NotFound(f"no remote is called {name!r}; there are: {names}", hint=hint)
        return self._make(found)

    def reader(self) -> Several:
        """All that give blocks, the default first, as one remote. Raises UsageError when there is none."""
        others = [each for each in self._ordered() if self._trusts(each) and each.kind != remote.PINNING]
        if self._default is not None:
            self.open()  # whoever trusts it not shall hear of it
        elif not others:
            raise self._advice
        return Several([self._make(each) for each in others])

    def pinning(self) -> dict[str, Remote]:
        services = [each for each in self._ordered() if each.kind == remote.PINNING and self._trusts(each)]
        return {each.name: self._make(each) for each in services}

    def _ordered(self) -> list[Settings]:
        first = [] if self._default is None else [self._default]
        return [*first, *(each for each in self._known.values() if not first or each.name != first[0].name)]

    def _about(self, each: Settings) -> About:
        folder = each.kind == remote.FOLDER
        return About(
            name=each.name,
            kind=each.kind,
            where=each.url if folder else urls.bare(each.url),
            writes=each.kind in remote.WRITABLE,
            names=each.kind in (remote.FOLDER, remote.HTTP),
            origin=each.origin,
            trusted=self._trusts(each),
        )

    def _make(self, each: Settings) -> Remote:
        if not self._trusts(each):
            raise UsageError(
                f"{each.origin} names the remote {each.name}, {self._about(each).where}; you have not said that you "
                f"trust it{' as the default here' if each is self._default else ''}",
                hint=f"If you do: {_trusting(each)}, or set MLM_REMOTE.",
            )
        if each.name not in self._made:
            self._made[each.name] = self._connect(each)
        return self._made[each.name]

    def _connect(self, each: Settings) -> Remote:
        about = self._about(each)
        if each.kind == remote.FOLDER:
            return FolderRemote(Path(each.url), about)
        from mlm.adapters.remotes.gateway import Gateway
        from mlm.adapters.remotes.kubo import Kubo
        from mlm.adapters.remotes.pinning import PinningService
        from mlm.adapters.remotes.web import WebRemote

        token = self._token(each)
        client = Client(each.url, self._timeout, lambda: token, each.name)
        kinds: dict[str, Callable[[Client, About], Remote]] = {
            remote.HTTP: partial(WebRemote, max_bytes=self._max_bytes),
            remote.KUBO: Kubo,
            remote.GATEWAY: partial(Gateway, url=each.url, access=self._access),
            remote.PINNING: PinningService,
        }
        return kinds[each.kind](client, about)

    def _token(self, each: Settings) -> str:
        """The bearer token, or "". Raises UsageError for one that is missing or would travel in the clear."""
        if not (each.token_file or each.token_env):
            return ""
        where = each.token_file or each.token_env
        if each.token_file:
            try:
                token = read_regular(Path(each.token_file), _MAX_TOKEN).decode("ascii", "replace").strip()
            except OSError as error:
                raise UsageError(
                    f"cannot read the token of the remote {each.name} from {where}: {error.strerror}"
                ) from error
        else:
            token = self._env.get(each.token_env, "")
        if not _TOKEN.fullmatch(token):
            found = "nothing" if not token else "other characters"
            raise UsageError(f"expected the token of the remote {each.name} in {where}, printable ASCII, found {found}")
        url = urls.parse(each.url)
        if not url.secure and not _LOOPBACK.fullmatch(url.host):
            raise UsageError(
                f"the remote {each.name} has a token and the URL {url.shown}: anybody on the way could read it",
                hint="Give an https URL.",
            )
        return token


def _trusting(each: Settings) -> str:
    """The command that trusts a remote, safe to be copied into a shell: somebody else may have written the URL."""
    shown = each.kind == remote.FOLDER or not urls.is_private(each.url)
    url = (
        shlex.quote(each.url) if shown and each.url.isprintable() else f"URL` with the URL that {each.origin} gives it"
    )
    name = "origin" if each.name == "default" else each.name  # which is no remote's name
    return f"`mlm remote add {name} {url}" + (f" --kind {each.kind}`" if shown and each.url.isprintable() else "")
