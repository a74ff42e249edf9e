"""The events of AuditRewards.sol, and the rows that they add (docs/events.md)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

CONTRACT = "AuditRewards"
_JOB = "bytes32 indexed jobId, bytes32 indexed versionId"

# As mlm/core/events/table.py has them.
DECLARATIONS: tuple[tuple[str, str, str], ...] = (
    (
        CONTRACT,
        "PoolFunded(address indexed account, uint256 amount)",
        "0x32173d8e51cec3a6fe484b7a1c3febe760cdf96e03d4cca36a43563a4333e838",
    ),
    (
        CONTRACT,
        "DrawBegun(uint256 indexed period, address indexed account, uint256 blockNumber)",
        "0x43127b96175adeb10f7102697d502d18458072d8d142f3b5690141136d200a2f",
    ),
    (
        CONTRACT,
        "DrawEnded(uint256 indexed period, address indexed account, bytes32 seed)",
        "0xab06a4789c71960cc0a0166a89df2cab82b2268a90de56935fdfb1b0f28b745a",
    ),
    (
        CONTRACT,
        f"AuditCommitted({_JOB}, address indexed auditor, bytes32 root, uint256 weight)",
        "0x028bbfbe58e8f3a577b3b53cc77e977ec33fcbc82a4f7ba16ba0e52a07a68cd4",
    ),
    (
        CONTRACT,
        f"AuditOpened({_JOB}, address indexed auditor)",
        "0x55d24104b33dec05b742c5e746973ba13cbb29a599abbb8ad53f83ab11a5e701",
    ),
    (
        CONTRACT,
        f"AuditPaid({_JOB}, address indexed auditor, uint256 amount)",
        "0x1a679760517b73f0bd4f79aae33064a37d8d929ef011ff847eb08ce0ec1980e2",
    ),
    (
        CONTRACT,
        f"AuditReleased({_JOB}, uint256 amount)",
        "0xd49938618f029e326674d6cf2c7b1b05076c67f96294fb604cd791b10727d895",
    ),
)

COLUMNS: dict[str, tuple[str, ...]] = {
    "audit_fundings": ("account", "amount"),
    "audit_draws": ("period", "account", "change", "drawn_block", "seed"),
    "audits": ("job_id", "account", "change", "root", "amount"),
}

_DRAWS: Mapping[str, str] = {"DrawBegun": "begun", "DrawEnded": "ended"}
# What became of an audit, and the argument that is its amount: the stake, or what was paid or released.
_CHANGES: Mapping[str, tuple[str, str]] = {
    "AuditCommitted": ("committed", "weight"),
    "AuditOpened": ("opened", ""),
    "AuditPaid": ("paid", "amount"),
    "AuditReleased": ("released", "amount"),
}


def facts(event: str, args: Mapping[str, Any]) -> list[tuple[str, tuple[Any, ...]]]:
    """The row that an event adds. A release is nobody's."""
    if event == "PoolFunded":
        return [("audit_fundings", (args["account"], args["amount"]))]
    if event in _DRAWS:
        told = (args.get("blockNumber"), args.get("seed"))
        return [("audit_draws", (args["period"], args["account"], _DRAWS[event], *told))]
    change, amount = _CHANGES[event]
    return [("audits", (args["jobId"], args.get("auditor"), change, args.get("root"), args.get(amount)))]
