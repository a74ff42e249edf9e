"""`mlm handle`: claim a name of one's own, by commit and reveal; show who has one."""

from __future__ import annotations

from dataclasses import dataclass

from mlm.core.errors import NotFound, StateConflict, UsageError
from mlm.core.plan import Call, Plan, Tx
from mlm.core.refs import HANDLE
from mlm.ports.bundle import Ports
from mlm.workflows.apply import DoneStep, Operation
from mlm.workflows.publish import ZERO, reveal_commitment


@dataclass(frozen=True)
class Handle:
    """A handle and the account that claimed it."""

    handle: str
    owner: str


@dataclass(frozen=True)
class Claim:
    """Parameters of `handle claim`."""

    handle: str


def show(ports: Ports, handle: str) -> Handle:
    """Who has a handle; raises NotFound when nobody has."""
    owner = ports.chain.call("AssetRegistry", "handleOwner", handle)
    if owner == ZERO:
        raise NotFound(f"nobody has claimed {handle!r}", hint=f"Claim it: `mlm handle claim {handle}`.")
    return Handle(handle, owner)


def plan(ports: Ports, params: Claim) -> Plan[None]:
    """Two transactions; none when the handle is already the account's own."""
    if not HANDLE.fullmatch(params.handle):
        raise UsageError(f"expected a handle of 1 to 39 of a-z, 0-9 and -, found {params.handle!r}")
    owner = ports.chain.call("AssetRegistry", "handleOwner", params.handle)
    if owner.lower() == ports.sender.address.lower():
        return Plan("handle claim", (), None)
    if owner != ZERO:
        raise StateConflict(f"{params.handle!r} belongs to {owner}", hint="Choose another.")
    salt = ports.system.random(32)
    commitment = reveal_commitment(ports, "mlm/claim/1", params.handle.encode(), salt)
    steps = (
        Tx("commit to the claim", Call("AssetRegistry", "commit", (commitment,))),
        Tx(f"claim {params.handle}", Call("AssetRegistry", "claimHandle", (params.handle, salt))),
    )
    return Plan("handle claim", steps, None)


def result(ports: Ports, params: Claim, plan: Plan[None], done: tuple[DoneStep, ...]) -> Handle:
    """The handle as the chain has it."""
    return show(ports, params.handle)


OPERATION = Operation(
    "handle claim",
    Claim,
    plan,
    result,
    "A handle stays its owner's; nothing has to be taken back.",
)
