"""The events of the optimistic tier's game, and the rows that they add (docs/events.md, docs/fault-proofs.md)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

CONTRACT = "DisputeGame"
_JOB = "bytes32 indexed jobId, bytes32 indexed versionId"
_GAME = "bytes32 indexed gameId, bytes32 indexed jobId"

# As mlm/core/events/table.py has them.
DECLARATIONS: tuple[tuple[str, str, str], ...] = (
    (
        CONTRACT,
        f"TraceCommitted({_JOB}, address indexed provider, bytes32 graphRoot, uint256 inputs, uint256 outputs,"
        " bytes32[] tensorRoots)",
        "0xce6c1f695bbee6c5cbbfcbbbe4069ceb94b0e0c73102e116de6267e26132a7c3",
    ),
    (
        CONTRACT,
        f"ProviderConvicted({_JOB}, address indexed challenger, address prover, uint8 fault, uint256 node,"
        " uint256 index, int256 expected, int256 claimed)",
        "0x47cb9c87f19a69d96504e1c7552be55b71923a75784c9db9fc11dbb17dd84289",
    ),
    (
        CONTRACT,
        f"GameOpened({_JOB}, address indexed challenger, bytes32 gameId, uint256 node, uint256 outputType,"
        " bytes32 tensorRoot, uint40 deadline)",
        "0xa5765a8dfe10cdf867bd957106b78af6f5d2620d80ba9e2215f045044cc35712",
    ),
    (
        CONTRACT,
        f"HashesPosted({_GAME}, address indexed account, uint32 position, bytes32[] hashes, uint40 deadline)",
        "0x50a3be0e9f5952781ff124212872cdc93b7c32e7567cef7e426264cb9eb2b8a5",
    ),
    (
        CONTRACT,
        f"HashPicked({_GAME}, address indexed challenger, uint32 position, uint40 deadline)",
        "0x3ac782847c7f8c2e70e268bfa5dd309548f3c3721928767d1dfaaf7b64720f5d",
    ),
    (
        CONTRACT,
        f"LeafPosted({_GAME}, address indexed account, uint32 position, bytes data, uint40 deadline)",
        "0x21474cb27b4e4fac4f8848348c16574934f46eaec19edd4b17e65a16f6707c8e",
    ),
    (
        CONTRACT,
        f"GameEnded({_GAME}, address indexed challenger, uint8 end)",
        "0xc2a361931007be9bc7c526cecb0636bf0bccea4308a8adfa2aab7a39e39321c6",
    ),
    (
        CONTRACT,
        "GameCredited(bytes32 indexed gameId, address indexed account, uint8 indexed reason, uint256 amount)",
        "0xa2518c261cd98c351331ab524238271373ebff601df4886b9172db09e9d45a38",
    ),
    (
        CONTRACT,
        "Withdrawn(address indexed account, uint256 amount)",
        "0x7084f5476618d8e60b11ef0d7d3f06914655adb8793e28ff7f018d4c76d505d5",
    ),
    (
        CONTRACT,
        f"ComplaintFiled({_JOB}, address indexed consumer, uint48 answerBy)",
        "0xae605f3f9bca9835a5c00714f83c1702459119bc7155677f245f355c74fe3d33",
    ),
    (
        CONTRACT,
        f"OutputsShown({_JOB}, address indexed provider, uint256[] typeWords, bytes[] outputs)",
        "0x2016dd7cb7fd3abd1eb0ea682fba5b9fd0f1d8211267b2e533c2c484bf971769",
    ),
    (
        CONTRACT,
        f"DepositPaid({_JOB}, address indexed account)",
        "0xad0600b42eb15ad9b75d0aeb35bfe893d02c2495de196978feee76bf6c5548b3",
    ),
)

COLUMNS: dict[str, tuple[str, ...]] = {
    "traces": ("job_id", "provider", "graph_root", "inputs", "outputs", "tensor_roots"),
    "convictions": ("job_id", "challenger", "prover", "fault", "node", "place", "expected", "claimed"),
    "games": ("job_id", "game_id", "challenger", "node", "output_type", "tensor_root", "deadline"),
    "game_moves": ("job_id", "game_id", "account", "change", "position", "shown", "deadline"),
    "game_credits": ("game_id", "account", "reason", "amount"),
    "game_withdrawals": ("account", "amount"),
}

# event -> what it is in a game, and the argument that names who made the move
_MOVES: Mapping[str, tuple[str, str]] = {
    "HashesPosted": ("posted", "account"),
    "HashPicked": ("picked", "challenger"),
    "LeafPosted": ("leaf", "account"),
    "GameEnded": ("ended", "challenger"),
}
# How a game ended, by number (IDisputeGame.End).
ENDS = ("proven", "silent", "lost", "closed")
_SIMPLE: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "GameCredited": ("game_credits", ("gameId", "account", "reason", "amount")),
    "Withdrawn": ("game_withdrawals", ("account", "amount")),
}
# What the complaints' table has of each: what happened, and who did it.
_COMPLAINTS: Mapping[str, tuple[str, str]] = {
    "ComplaintFiled": ("filed", "consumer"),
    "OutputsShown": ("answered", "provider"),
    "DepositPaid": ("paid", "account"),
}


def facts(
    event: str, args: Mapping[str, Any], to_json: Callable[[Mapping[str, Any]], str]
) -> list[tuple[str, tuple[Any, ...]]]:
    """The rows that an event of the game adds. Indices and type words, which may have 256 bits, are decimal text."""
    if event in _SIMPLE:
        table, names = _SIMPLE[event]
        return [(table, tuple(args[name] for name in names))]
    if event in _MOVES:
        change, who = _MOVES[event]
        end = args.get("end", len(ENDS))
        shown = args.get("data") or (ENDS[end] if end < len(ENDS) else None)
        if "hashes" in args:
            shown = "0x" + "".join(each[2:] for each in args["hashes"])
        row = (args["jobId"], args["gameId"], args[who], change, args.get("position"), shown, args.get("deadline"))
        return [("game_moves", row)]
    if event in _COMPLAINTS:
        change, who = _COMPLAINTS[event]
        shown = None
        if "outputs" in args:
            shown = to_json({"typeWords": list(map(str, args["typeWords"])), "outputs": list(args["outputs"])})
        return [("complaints", (args["jobId"], args[who], change, args.get("answerBy"), None, shown))]
    if event == "TraceCommitted":
        roots = "0x" + "".join(root[2:] for root in args["tensorRoots"])
        sizes = (str(args["inputs"]), str(args["outputs"]))
        return [("traces", (args["jobId"], args["provider"], args["graphRoot"], *sizes, roots))]
    if event == "ProviderConvicted":
        numbers = (str(args[name]) for name in ("node", "index", "expected", "claimed"))
        return [("convictions", (args["jobId"], args["challenger"], args["prover"], args["fault"], *numbers))]
    if event == "GameOpened":
        named = ("jobId", "gameId", "challenger")
        where = (str(args["node"]), str(args["outputType"]), args["tensorRoot"], args["deadline"])
        return [("games", (*(args[name] for name in named), *where))]
    return []
