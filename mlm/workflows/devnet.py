"""`mlm devnet`: the bundled chain's life."""

from __future__ import annotations

from dataclasses import dataclass

from mlm.core.clock import Duration, Instant
from mlm.ports.devnet import Devnet, DevnetStatus


@dataclass(frozen=True)
class Named:
    """A contract or account."""

    name: str
    address: str


@dataclass(frozen=True)
class Up:
    """A running devnet with the market on it."""

    url: str
    chain_id: int
    genesis_hash: str
    deployed_now: bool
    remote: str
    deployment: str
    contracts: tuple[Named, ...]
    accounts: tuple[Named, ...]


@dataclass(frozen=True)
class Down:
    """`was_running` is False when there was nothing to stop."""

    was_running: bool


@dataclass(frozen=True)
class Installed:
    """Where the engine is."""

    engine: str


@dataclass(frozen=True)
class Status:
    """What runs. All zero but `running` when the devnet is down."""

    running: bool
    url: str
    supervisor_pid: int
    node_pid: int
    block: int
    time: Instant  # the chain's clock
    ahead: Duration  # by which it is ahead of the wall's
    journalled: int  # changes since the newest snapshot
    restarts: int  # times the node died and was restored
    diverged: tuple[int, ...]  # blocks that a restoration made differently


@dataclass(frozen=True)
class Logs:
    """The last lines of the supervisor's log, oldest first."""

    lines: tuple[str, ...]


def install(devnet: Devnet) -> Installed:
    """Download the engine at its locked version, if it is missing; raises ToolMissing without npm."""
    return Installed(devnet.install())


def up(devnet: Devnet) -> Up:
    """Start, deploy, fund: only what is missing. Raises ToolMissing without the engine: it never downloads."""
    found = devnet.start()
    return Up(
        url=found.url,
        chain_id=found.chain_id,
        genesis_hash=found.genesis_hash,
        deployed_now=found.fresh,
        remote=found.remote,
        deployment=found.deployment,
        contracts=tuple(Named(name, address) for name, address in found.contracts),
        accounts=tuple(Named(name, address) for name, address in found.accounts),
    )


def down(devnet: Devnet) -> Down:
    """Stop; the state stays."""
    return Down(devnet.stop())


def status(devnet: Devnet) -> Status:
    """What runs now."""
    return _status(devnet.status())


def reset(devnet: Devnet) -> Down:
    """Stop and forget the chain."""
    running = bool(devnet.status().url)
    devnet.reset()
    return Down(running)


def advance(devnet: Devnet, seconds: int) -> Status:
    """Move the chain's clock forward and mine a block there."""
    devnet.control("advance", seconds)
    return status(devnet)


def snapshot(devnet: Devnet, name: str) -> Status:
    """Keep the present state under a name."""
    devnet.control("snapshot", name)
    return status(devnet)


def restore(devnet: Devnet, name: str) -> Status:
    """Go back to a named state; raises NotFound."""
    devnet.control("restore", name)
    return status(devnet)


def logs(devnet: Devnet, lines: int) -> Logs:
    """The end of the log; raises NotFound when the devnet never ran."""
    return Logs(tuple(devnet.logs(lines)))


def _status(found: DevnetStatus) -> Status:
    return Status(
        running=bool(found.url),
        url=found.url,
        supervisor_pid=found.pid,
        node_pid=found.node_pid,
        block=found.block,
        time=Instant(found.time),
        ahead=Duration(found.offset),
        journalled=found.journalled,
        restarts=found.restarts,
        diverged=found.diverged,
    )
