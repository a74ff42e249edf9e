"""`mlm network`: which chains are known, and which one is worked with."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from mlm.core.errors import ChainError, NotFound, UsageError
from mlm.ports.chain import Chain
from mlm.ports.settings import Settings

DEVNET = "devnet"
DEVNET_CHAIN_ID = 31337
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")


@dataclass(frozen=True)
class Entry:
    """A network of the settings. `rpc` shows no credentials and no path: those often hold a key."""

    name: str
    rpc: str
    chain_id: int | None
    deployment: str
    chosen: bool


@dataclass(frozen=True)
class Networks:
    """All that are known."""

    networks: tuple[Entry, ...]


@dataclass(frozen=True)
class Shown:
    """The chosen network, and what its node says. `problem` is empty when it answers and is the right chain."""

    name: str
    rpc: str
    chain_id: int | None
    deployment: str
    block: int | None
    safe: int | None
    finalized: int | None
    problem: str


@dataclass(frozen=True)
class Saved:
    """What was written, and where."""

    name: str
    file: str


def bare(url: str) -> str:
    """Scheme, host and port of a URL."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
        return f"{parts.scheme}://{parts.hostname}{port}" if parts.hostname else ""
    except ValueError:
        return ""


def entries(known: Iterable[tuple[str, str, int | None, str]], chosen: str) -> Networks:
    """`known` holds name, URL, chain id and deployment file of each."""
    return Networks(tuple(Entry(name, bare(rpc), chain, file, name == chosen) for name, rpc, chain, file in known))


def show(entry: Entry, chain: Chain | None, problem: str = "") -> Shown:
    """Ask the node; a dead or wrong one is a finding, not an error. Without a chain `problem` says why it has none."""
    heads: list[int | None] = [None, None, None]
    if chain is not None:
        try:
            heads[0] = chain.block("latest").number
            for position, tag in ((1, "safe"), (2, "finalized")):
                heads[position] = chain.block(tag).number
        except (ChainError, NotFound) as error:
            problem = str(error)
    return Shown(entry.name, entry.rpc, entry.chain_id, entry.deployment, heads[0], heads[1], heads[2], problem)


def add(settings: Settings, name: str, rpc: str, chain_id: int, deployment: str) -> Saved:
    """Write [network.NAME]; raises UsageError for a name or URL that cannot be one."""
    if not _NAME.fullmatch(name) or name in (DEVNET, "default"):
        raise UsageError(f"expected a name of a-z, 0-9 and - other than devnet and default, found {name!r}")
    found = bare(rpc)
    if not found.startswith(("http://", "https://")):
        raise UsageError(f"--rpc: expected an http(s) URL with a host, found {found.partition(':')[0] or 'none'!r}")
    if chain_id <= 0:
        raise UsageError(f"--chain-id: expected a positive number, found {chain_id}")
    for key, value in (("rpc", rpc), ("chain_id", chain_id), ("deployment", deployment)):
        settings.set(f"network.{name}", key, value)
    return Saved(name, settings.path)


def use(settings: Settings, name: str, known: Iterable[str]) -> Saved:
    """Make a network the default; raises NotFound for an unknown one."""
    names = sorted({DEVNET, *known})
    if name not in names:
        raise NotFound(f"no network is called {name!r}; there are {', '.join(names)}", hint="See `mlm network add`.")
    settings.set("network", "default", name)
    return Saved(name, settings.path)
