"""`mlm network`: which chains are known, and which one is worked with."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from mlm.core import urls
from mlm.core.errors import ChainError, NotFound, StateConflict, UsageError
from mlm.core.remote_settings import scope
from mlm.core.urls import bare
from mlm.ports.chain import Chain
from mlm.ports.settings import Settings

DEVNET = "devnet"
DEVNET_CHAIN_ID = 31337
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")


@dataclass(frozen=True)
class Entry:
    """A network of the settings. `rpc` shows no credentials and no path: those often hold a key."""

    name: str
    rpc: tuple[str, ...]
    chain_id: int | None
    deployment: str
    chosen: bool


@dataclass(frozen=True)
class Networks:
    """All that are known."""

    networks: tuple[Entry, ...]


@dataclass(frozen=True)
class Endpoint:
    """One of several endpoints. `problem` is empty when it answers and is the right chain."""

    rpc: str
    block: int | None
    problem: str


@dataclass(frozen=True)
class Shown:
    """The chosen network, and what its node says. `problem` is empty when it answers and is the right chain."""

    name: str
    rpc: tuple[str, ...]
    chain_id: int | None
    deployment: str
    block: int | None
    safe: int | None
    finalized: int | None
    problem: str
    endpoints: tuple[Endpoint, ...]  # each asked by itself; () for a network that has one


@dataclass(frozen=True)
class Saved:
    """What was written, and where."""

    name: str
    file: str


@dataclass(frozen=True)
class Added:
    """A network that was written into `file`. `problem` says what could not be checked, or is empty."""

    name: str
    rpc: tuple[str, ...]
    chain_id: int
    genesis_hash: str  # "" when no endpoint answered
    deployment: str
    file: str
    scope: str  # for whom `file` speaks
    problem: str


@dataclass(frozen=True)
class Proposal:
    """What `network add` was given. `recorded` is the deployment file's chain id and genesis hash, where there is one.

    `deployment` is the file's path as the settings shall name it, or empty.
    """

    name: str
    rpc: tuple[str, ...]
    chain_id: int | None
    deployment: str
    recorded: tuple[int, str] | None


def entries(known: Iterable[tuple[str, tuple[str, ...], int | None, str]], chosen: str) -> Networks:
    """`known` holds name, URLs, chain id and deployment file of each."""
    return Networks(
        tuple(Entry(name, tuple(map(bare, rpc)), chain, file, name == chosen) for name, rpc, chain, file in known)
    )


def show(entry: Entry, chain: Chain | None, problem: str = "", each: Iterable[Chain] = ()) -> Shown:
    """Ask the node; a dead or wrong one is a finding, not an error. Without a chain `problem` says why it has none.

    `each` is the chain as every single one of several endpoints has it.
    """
    heads: list[int | None] = [None, None, None]
    if chain is not None:
        try:
            heads[0] = chain.block("latest").number
            for position, tag in ((1, "safe"), (2, "finalized")):
                heads[position] = chain.block(tag).number
        except (ChainError, NotFound) as error:
            problem = str(error)
    endpoints = tuple(_ask(url, alone) for url, alone in zip(entry.rpc, each, strict=False))
    return Shown(
        entry.name, entry.rpc, entry.chain_id, entry.deployment, heads[0], heads[1], heads[2], problem, endpoints
    )


def _ask(url: str, chain: Chain) -> Endpoint:
    try:
        return Endpoint(url, chain.block("latest").number, "")
    except (ChainError, NotFound) as error:
        return Endpoint(url, None, str(error))


def add(
    settings: Settings, wanted: Proposal, known: Mapping[str, str], identify: Callable[[str], tuple[int, str]]
) -> Added:
    """Write [network.NAME] after asking every endpoint who it is; `identify` gives its chain id and genesis hash.

    `known` says of every network that there is which file names it. An endpoint that does not answer is added all the
    same, and told as a problem, as long as the chain's id is known. Raises UsageError for what cannot be a network,
    StateConflict for one that there is, ChainError for an endpoint of another chain and when nothing says which chain
    it is.
    """
    _check(wanted)
    # What somebody else's project says of it, its deployment file above all, would be trusted with the user's own URL.
    if wanted.name in known:
        raise StateConflict(
            f"there is a network called {wanted.name} already, in {known[wanted.name]}",
            hint=f"`mlm network use {wanted.name}` takes it as it is; or remove [network.{wanted.name}] there first.",
        )
    problems, answered = [], []
    for url in wanted.rpc:
        try:
            answered.append((bare(url), identify(url)))
        except ChainError as error:
            problems.append(str(error))
    expected = wanted.recorded or (answered[0][1] if answered else None)
    chain_id = wanted.chain_id or (expected[0] if expected else None)
    if chain_id is None:
        raise ChainError(
            f"no endpoint says which chain it is: {'; '.join(problems)}",
            hint="Give --chain-id to add it all the same; nothing is read or sent before the id was found right.",
        )
    if expected is not None and expected[0] != chain_id:
        source = wanted.deployment if wanted.recorded else answered[0][0]
        raise ChainError(
            f"{source} is of another chain: expected chain id {chain_id}, found {expected[0]}", hint=_WHICH
        )
    for where, found in answered:
        if found != expected:
            raise ChainError(
                f"{where} is another chain: expected {_chain(expected)}, found {_chain(found)}", hint=_WHICH
            )
    table = {"rpc": wanted.rpc[0] if len(wanted.rpc) == 1 else list(wanted.rpc), "chain_id": chain_id}
    if wanted.deployment:
        table["deployment"] = wanted.deployment
    settings.set(f"network.{wanted.name}", table)
    return Added(
        wanted.name,
        tuple(map(bare, wanted.rpc)),
        chain_id,
        answered[0][1][1] if answered else "",
        wanted.deployment,
        settings.path,
        scope(settings.path),
        "; ".join(problems),
    )


_WHICH = "All endpoints, --chain-id and the deployment file must be of one chain. Nothing was written."


def _check(wanted: Proposal) -> None:
    if not _NAME.fullmatch(wanted.name) or wanted.name in (DEVNET, "default"):
        raise UsageError(f"expected a name of a-z, 0-9 and - other than devnet and default, found {wanted.name!r}")
    for url in wanted.rpc:
        try:
            urls.parse(url)
        except UsageError as error:
            raise UsageError(f"--rpc: {error}", hint=error.hint) from error
    if wanted.chain_id is not None and wanted.chain_id <= 0:
        raise UsageError(f"--chain-id: expected a positive number, found {wanted.chain_id}")


def _chain(found: tuple[int, str] | None) -> str:
    return f"chain id {found[0]} with genesis {found[1][:18]}…" if found else "none"


def use(settings: Settings, name: str, known: Iterable[str]) -> Saved:
    """Make a network the default; raises NotFound for an unknown one."""
    names = sorted({DEVNET, *known})
    if name not in names:
        raise NotFound(f"no network is called {name!r}; there are {', '.join(names)}", hint="See `mlm network add`.")
    settings.set("network", {"default": name})
    return Saved(name, settings.path)
