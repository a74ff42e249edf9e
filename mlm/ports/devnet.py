"""The bundled chain's life: one supervisor process, one folder."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class DevnetStatus:
    """`url` is empty when the devnet is down."""

    url: str
    pid: int  # the supervisor's
    node_pid: int
    block: int  # the newest block's number
    time: int  # the chain's clock, seconds
    offset: int  # seconds by which the chain's clock is ahead of the wall's
    journalled: int  # changes that the newest snapshot does not hold
    restarts: int  # times the node died under this supervisor and was restored
    diverged: tuple[int, ...] = ()  # blocks that a replay made differently: the index sees a reorganisation there


@dataclass(frozen=True)
class DevnetUp:
    """A running devnet with the market on it."""

    url: str
    chain_id: int
    genesis_hash: str
    block: int  # the deployment's first
    contracts: tuple[tuple[str, str], ...]  # name, address
    accounts: tuple[tuple[str, str], ...]  # name, address
    remote: str  # the folder that blocks are pushed to
    deployment: str  # path of the deployment file
    fresh: bool  # contracts were deployed just now


class Devnet(Protocol):
    """Every call is bounded in time. State survives SIGKILL of any process at any instant."""

    def install(self) -> str:
        """Download the engine, if it is missing, at its locked version; the binary's path. Raises ToolMissing."""

    def start(self) -> DevnetUp:
        """Start the chain if it is down; deploy and fund what is missing. Never downloads: raises ToolMissing."""

    def stop(self) -> bool:
        """Stop it; False when it was down."""

    def status(self) -> DevnetStatus: ...

    def control(self, action: str, argument: int | str) -> None:
        """`advance` by seconds; `snapshot` or `restore` a state by name."""

    def reset(self) -> None:
        """Stop, and forget the chain: the next start makes another."""

    def logs(self, lines: int) -> list[str]:
        """The last lines of its log, oldest first."""
