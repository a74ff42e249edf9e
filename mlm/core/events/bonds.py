"""The events of ServingBonds.sol, and the rows that they add (docs/events.md)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

CONTRACT = "ServingBonds"
_BOND = "address indexed payee, bytes32 indexed versionId, uint128 amount"
_ACCUSATION = "bytes32 indexed accusationId, bytes32 indexed versionId, address indexed payee"
_STATEMENT = (
    "(bytes32 channelId, uint64 call, bytes32 request, bytes32 versionId, bytes32 inputCommitment,"
    " bytes32 outputCommitment, uint64 servedAt, bytes32 exactInput, bytes32 exactOutput, bytes signature)"
)

# As mlm/core/events/table.py has them.
DECLARATIONS: tuple[tuple[str, str, str], ...] = (
    (CONTRACT, f"BondDeposited({_BOND})", "0xbe0353f384c3aecabe2fed518b3ec7dffef49383708ca7a02b7078a6bd509ecc"),
    (
        CONTRACT,
        f"BondUnbonding({_BOND}, uint48 releaseAt)",
        "0x29bbf11e4ce5e7ecbaf6c7b6f7756fec627f79c874a8b40356ccc0097abfeb27",
    ),
    (CONTRACT, f"BondWithdrawn({_BOND})", "0x086a55644314f31fe9d7682a7390449bba344212a998617b7cf034450f060218"),
    (
        CONTRACT,
        f"PayeeAccused({_ACCUSATION}, address payer, {_STATEMENT} statement, uint256[] typeWords, bytes[] inputs,"
        " uint48 lapsesAt)",
        "0x690511ef6eff8074fa5d8be08c255d14f731cfd63458e18c5aa05807971210cb",
    ),
    (
        CONTRACT,
        f"PayeeConvicted({_ACCUSATION}, address payer, bytes32 jobId, bytes32 outputCommitment, uint128 slashed)",
        "0xd7a74f602fde1650ba9d014709377107abcb0aaf06d353520cfda655d7dc0a1c",
    ),
    (
        CONTRACT,
        f"AccusationLapsed({_ACCUSATION})",
        "0x3229623cbbdbc2e30e7deca097901c0c2e0ef615c622504c5026c0566acc8001",
    ),
    (
        CONTRACT,
        "BondCredited(bytes32 indexed accusationId, address indexed account, uint8 indexed reason, uint256 amount)",
        "0x81f811b9c9e9b027b85205188241af3f7fc1ee7e0718e5083645f25ea41d583b",
    ),
    (
        CONTRACT,
        "Withdrawn(address indexed account, uint256 amount)",
        "0x7084f5476618d8e60b11ef0d7d3f06914655adb8793e28ff7f018d4c76d505d5",
    ),
)

COLUMNS: dict[str, tuple[str, ...]] = {
    "bond_changes": ("account", "version_id", "change", "amount", "release_at"),
    "accusations": (
        *("accusation_id", "version_id", "payee", "payer", "channel_id", "call", "exact_input", "exact_output"),
        *("lapses_at", "statement"),
    ),
    "accused_inputs": ("accusation_id", "version_id", "exact_input", "inputs"),
    "accusation_endings": (
        *("accusation_id", "version_id", "payee", "payer", "change", "job_id", "output_commitment", "slashed"),
    ),
    "bond_credits": ("accusation_id", "account", "reason", "amount"),
    "bond_withdrawals": ("account", "amount"),
}

_CHANGES: Mapping[str, str] = {
    "BondDeposited": "deposited",
    "BondUnbonding": "unbonding",
    "BondWithdrawn": "withdrawn",
}
_ENDINGS: Mapping[str, str] = {"PayeeConvicted": "proven", "AccusationLapsed": "lapsed"}


def facts(
    event: str, args: Mapping[str, Any], to_json: Callable[[Mapping[str, Any]], str]
) -> list[tuple[str, tuple[Any, ...]]]:
    """The rows that an event adds. The inputs of an accusation have a table of their own: they may be large."""
    if event in _CHANGES:
        who = (args["payee"], args["versionId"], _CHANGES[event], args["amount"])
        return [("bond_changes", (*who, args.get("releaseAt")))]
    if event == "PayeeAccused":
        said, (accusation, version) = args["statement"], (args["accusationId"], args["versionId"])
        named = (said[name] for name in ("channelId", "call", "exactInput", "exactOutput"))
        row = (accusation, version, args["payee"], args["payer"], *named, args["lapsesAt"], to_json(said))
        shown = to_json({name: args[name] for name in ("typeWords", "inputs")})
        return [("accusations", row), ("accused_inputs", (accusation, version, said["exactInput"], shown))]
    if event in _ENDINGS:
        ended = (args["accusationId"], args["versionId"], args["payee"], args.get("payer"), _ENDINGS[event])
        return [
            ("accusation_endings", (*ended, *(args.get(name) for name in ("jobId", "outputCommitment", "slashed"))))
        ]
    if event == "BondCredited":
        return [("bond_credits", tuple(args[name] for name in ("accusationId", "account", "reason", "amount")))]
    return [("bond_withdrawals", (args["account"], args["amount"]))]
