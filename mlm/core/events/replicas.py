"""The events of CommitRevealBeacon.sol and Replication.sol, and the rows that they add (docs/events.md)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

BEACON = "CommitRevealBeacon"
CONTRACT = "Replication"
CONTRACTS = (BEACON, CONTRACT)
_JOB = "bytes32 indexed jobId, bytes32 indexed versionId"
_ROUND = "uint256 indexed round, address indexed account"

# As mlm/core/events/table.py has them.
DECLARATIONS: tuple[tuple[str, str, str], ...] = (
    (
        BEACON,
        f"RoundCommitted({_ROUND}, bytes32 commitment)",
        "0x6e76d46e0155412feace838687f13769edf96733b5d18c08c59c39085da5f8ad",
    ),
    (
        BEACON,
        f"RoundClosed({_ROUND}, uint256 blockNumber)",
        "0x131142dcf5bce3879d37bc28b79c50d49e42533779b0eb970c8ba71434d3bf5e",
    ),
    (
        BEACON,
        f"RoundRevealed({_ROUND}, bytes32 secret)",
        "0x18b0a0fc5e170a3fa339ddd8ee7d2b5a706acfc6e909cfda0582f8885ff534fe",
    ),
    (
        BEACON,
        f"RoundFinished({_ROUND}, bytes32 seed, uint256 commitments, uint256 reveals, uint256 burned)",
        "0x3c557196f72cadd576cbb79cde330bf16c47c6fcf6e33ca3fcc67bdbc2ead02c",
    ),
    (
        BEACON,
        "Withdrawn(address indexed account, uint256 amount)",
        "0x7084f5476618d8e60b11ef0d7d3f06914655adb8793e28ff7f018d4c76d505d5",
    ),
    (
        CONTRACT,
        "SlotJoined(address indexed account, uint256 place, uint256 stake)",
        "0xf1e56e396a268c306eb64e5c17cb68d34f437df245552ab5ab9f32219b0b7c6a",
    ),
    (
        CONTRACT,
        "SlotLeft(address indexed account, uint256 exitAt)",
        "0x23a2a122623b289fc3ab6661b083fb22bee910e7cb46c5823b2a3e1d724ef6ce",
    ),
    (
        CONTRACT,
        "SlotExited(address indexed account, uint256 stake)",
        "0xb058e6029b924af2c807ffe844c84ddeca6f458ff8720c4e0a45b007f7280d9c",
    ),
    (
        CONTRACT,
        f"ReplicasFunded({_JOB}, address indexed consumer, uint256 wanted, uint256 fee)",
        "0x7468fc1b82b71e8239566c9a09b280e822341652dec47ba8409810ea789f1cf5",
    ),
    (
        CONTRACT,
        f"ReplicasDrawn({_JOB}, uint256 round, bytes32 seed, address[] replicas)",
        "0x578c0fbce3a6520dbf514e219a878be6b56bdd009150af22c9232e7ab76db328",
    ),
    (
        CONTRACT,
        f"ReplicaCommitted({_JOB}, address indexed replica, bytes32 commitment)",
        "0x489776febfb04f72250c0e93b222f82bebe7e7f3174bcefe289cbcc4cea97b72",
    ),
    (
        CONTRACT,
        f"ReplicaRevealed({_JOB}, address indexed replica, bytes32 traceRoot, bool equal)",
        "0xa7fe66c7af70beb803a2c106a99ed8fb5aedd68bf0a3900c9ce62e009a38495b",
    ),
    (
        CONTRACT,
        f"ReplicaSettled({_JOB}, address indexed replica, uint8 end, uint256 paid, uint256 slashed)",
        "0x007497a93a24687d0a0742bea45d2a97012b8570a533f32f58ccc504709372b4",
    ),
    (
        CONTRACT,
        f"ReplicasSettled({_JOB}, address indexed consumer, uint256 refund, uint256 burned)",
        "0x0cb432b6ca0143e45d477930f36c272c5fbb2a4f2dd268e37b0e8962bf7add85",
    ),
    (
        CONTRACT,
        "Withdrawn(address indexed account, uint256 amount)",
        "0x7084f5476618d8e60b11ef0d7d3f06914655adb8793e28ff7f018d4c76d505d5",
    ),
)

COLUMNS: dict[str, tuple[str, ...]] = {
    "beacon_rounds": ("round", "account", "change", "drawn_block", "word", "amount"),
    "replicas": ("job_id", "account", "change", "position", "number", "word", "amount", "slashed"),
    "replica_withdrawals": ("contract", "account", "amount"),
}

# What became of a round, and the arguments that tell: the block that mixes in; commitment, secret or seed; what burned.
_ROUNDS: Mapping[str, tuple[str, str, str, str]] = {
    "RoundCommitted": ("committed", "", "commitment", ""),
    "RoundClosed": ("closed", "blockNumber", "", ""),
    "RoundRevealed": ("revealed", "", "secret", ""),
    "RoundFinished": ("finished", "", "seed", "burned"),
}
# Of a slot or a job's replicas: whose event it is, what changed, a number, a word, an amount.
_CHANGES: Mapping[str, tuple[str, str, str, str, str]] = {
    "SlotJoined": ("account", "joined", "place", "", "stake"),
    "SlotLeft": ("account", "left", "exitAt", "", ""),
    "SlotExited": ("account", "exited", "", "", "stake"),
    "ReplicasFunded": ("consumer", "funded", "wanted", "", "fee"),
    "ReplicaCommitted": ("replica", "committed", "", "commitment", ""),
    "ReplicasSettled": ("consumer", "settled", "", "", "refund"),
}
# By `ReplicaEnd` of IReplication.sol.
ENDS = ("released", "paid", "absent", "silent", "confirmed", "mistaken")


def facts(contract: str, event: str, args: Mapping[str, Any]) -> list[tuple[str, tuple[Any, ...]]]:
    """The rows that an event adds: of a draw, one for each replica."""
    if event == "Withdrawn":
        return [("replica_withdrawals", (contract, args["account"], args["amount"]))]
    if contract == BEACON:
        change, *names = _ROUNDS[event]
        return [("beacon_rounds", (args["round"], args["account"], change, *map(args.get, names)))]
    job = args.get("jobId")
    if event == "ReplicasDrawn":
        told = (args["round"], args["seed"], None, None)
        return [("replicas", (job, account, "drawn", at, *told)) for at, account in enumerate(args["replicas"])]
    if event == "ReplicaRevealed":
        change = "equal" if args["equal"] else "different"
        return [("replicas", (job, args["replica"], change, 0, None, args["traceRoot"], None, None))]
    if event == "ReplicaSettled":
        end = ENDS[args["end"]] if args["end"] < len(ENDS) else str(args["end"])
        return [("replicas", (job, args["replica"], end, 0, None, None, args["paid"], args["slashed"]))]
    who, change, *names = _CHANGES[event]
    return [("replicas", (job, args[who], change, 0, *map(args.get, names), args.get("burned")))]
