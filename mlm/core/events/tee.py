"""The events of AttesterSet.sol and TeeVerifier.sol, and the rows that they add (docs/events.md)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

SET, VERIFIER = "AttesterSet", "TeeVerifier"
CONTRACTS = (SET, VERIFIER)
_JOB = "bytes32 indexed jobId, bytes32 indexed versionId"
_ATTESTATION = (
    "(bytes32 jobId, bytes32 reportData, bytes32 quoteDigest, bytes32 measurement, uint8 kind, uint8 status,"
    " bool simulated, uint64 checkedAt)"
)
_KEY = "(address provider, bytes32 modelDigest, uint256 x, uint256 y, uint48 expiresAt)"
_SIGNED = f"{_ATTESTATION} attestation, bytes[] signatures"
_REPORT = "bytes32 indexed attestationDigest, address indexed reporter"

# As mlm/core/events/table.py has them.
DECLARATIONS: tuple[tuple[str, str, str], ...] = (
    (
        SET,
        "AttesterStaked(address indexed attester, uint256 amount)",
        "0x031a3c429c4dc77ac91ad4fa9b1d0924ff254389147440288c0c3e4dd55cbbed",
    ),
    (
        SET,
        "AttesterUrlSet(address indexed attester, string url)",
        "0xdca1ceb88200a671c9ebfad6003af11800684856a1d20a87f240b5a9b889ff82",
    ),
    (
        SET,
        "AttesterAdmitted(address indexed attester, uint48 activeFrom)",
        "0x4f46301270c8a008cb7e6abdb77772fa89f4bb819725474f147226dac79632c9",
    ),
    (
        SET,
        "AttesterRemoved(address indexed attester)",
        "0x368846ed588a2fb12b4fabffde520ad537df26ea80ad789b60afc37c5cc7fe6b",
    ),
    (
        SET,
        "AttesterUnbonding(address indexed attester, uint256 amount, uint48 releaseAt)",
        "0xffcd5598d63726e87cbaf25f0fce1ff863f4f2faba8cd1d90526d60fafc1cb4c",
    ),
    (
        SET,
        "AttesterWithdrawn(address indexed attester, uint256 amount)",
        "0xb515fd689b0cdb3fa0b200e5f8380ead896e5e76bb59f8735e749d2752da3616",
    ),
    (
        SET,
        "AttesterSlashed(address indexed attester, address indexed reporter, uint256 amount, uint256 reward)",
        "0xe1f385c9c891f043f6591c88a80e204f00248b1b0107013fa9c055af5cfed5b7",
    ),
    (
        SET,
        "ThresholdSet(uint8 threshold, uint48 activeFrom)",
        "0xc58817c703fcf86dfa2eb9082a5043e9f0e0623404ae9c2b4b59a8622f6c4615",
    ),
    (
        SET,
        "Withdrawn(address indexed account, uint256 amount)",
        "0x7084f5476618d8e60b11ef0d7d3f06914655adb8793e28ff7f018d4c76d505d5",
    ),
    (
        VERIFIER,
        f"ResultAttested({_JOB}, address indexed provider, bytes32 attestationDigest, {_SIGNED})",
        "0x9a46b7cad93122a8b1a7905795497f046dbcdfd4ba983526e81986c5f8ccaa26",
    ),
    (
        VERIFIER,
        f"SessionKeyRegistered(bytes32 indexed attestationDigest, address indexed provider, {_KEY} key, {_SIGNED})",
        "0x295953caeeae8628da996ccbcb4fda520c65fa2876883060a416a42b09be694a",
    ),
    (
        VERIFIER,
        f"AttestedShown({_JOB}, address indexed provider, bytes32 salt, bytes outputs, bytes quote)",
        "0x26f390f357efc0c85ae441b06829c711edae96051c2c68079cebfb8c8e1636cd",
    ),
    (
        VERIFIER,
        f"AttestationDisproved({_REPORT}, uint8 fault)",
        "0x97634b47e7608f1fc3242b2883e7d82c3941277e57f243727e4074077d8a14a2",
    ),
    (
        VERIFIER,
        "EquivocationShown(address indexed attester, address indexed reporter, bytes32 first, bytes32 second)",
        "0x5f7d7c686ba08f3fd082d4bc078fb7a9d79dd742ae394a2cd6f780e2d6315d69",
    ),
    (
        VERIFIER,
        f"BondReturned({_REPORT}, uint256 bond)",
        "0xba6d21de0371a1c91751b695bfb0438bd4f200f049a6e21c7692746c04566c00",
    ),
    (
        VERIFIER,
        f"ChainUpheld({_REPORT}, uint256 bond)",
        "0xb9eff009f404aa4db5f955df7e30ea3dfe87d46dd7a89957516dcf57142dacc0",
    ),
    (
        VERIFIER,
        "Withdrawn(address indexed account, uint256 amount)",
        "0x7084f5476618d8e60b11ef0d7d3f06914655adb8793e28ff7f018d4c76d505d5",
    ),
    (
        VERIFIER,
        f"ComplaintFiled({_JOB}, address indexed consumer, uint48 answerBy)",
        "0xae605f3f9bca9835a5c00714f83c1702459119bc7155677f245f355c74fe3d33",
    ),
    (
        VERIFIER,
        f"DepositPaid({_JOB}, address indexed account)",
        "0xad0600b42eb15ad9b75d0aeb35bfe893d02c2495de196978feee76bf6c5548b3",
    ),
)

COLUMNS: dict[str, tuple[str, ...]] = {
    "attester_changes": ("account", "change", "active_from", "url"),
    "attester_stakes": ("account", "change", "amount", "release_at", "reporter", "reward"),
    "attester_thresholds": ("threshold", "active_from"),
    "attester_withdrawals": ("account", "amount"),
    "attested_results": ("job_id", "provider", "digest", "attestation", "signatures"),
    "session_keys": ("digest", "provider", "key", "attestation", "signatures"),
    "shown_quotes": ("job_id", "provider", "quote"),
    "falsehoods": ("digest", "reporter", "fault"),
    "equivocations": ("account", "reporter", "first_digest", "second_digest"),
    "chain_reports": ("digest", "reporter", "change", "bond"),
    "tee_withdrawals": ("account", "amount"),
}

# event -> what became of a membership, and of stake
_CHANGES: Mapping[str, str] = {
    "AttesterUrlSet": "url",
    "AttesterAdmitted": "admitted",
    "AttesterRemoved": "removed",
}
_STAKES: Mapping[str, str] = {
    "AttesterStaked": "deposited",
    "AttesterUnbonding": "unbonding",
    "AttesterWithdrawn": "withdrawn",
    "AttesterSlashed": "slashed",
}
# (contract, event) -> table, and for each of its columns the argument that it holds
SIMPLE: Mapping[tuple[str, str], tuple[str, tuple[str, ...]]] = {
    (SET, "ThresholdSet"): ("attester_thresholds", ("threshold", "activeFrom")),
    (SET, "Withdrawn"): ("attester_withdrawals", ("account", "amount")),
    (VERIFIER, "AttestationDisproved"): ("falsehoods", ("attestationDigest", "reporter", "fault")),
    (VERIFIER, "EquivocationShown"): ("equivocations", ("attester", "reporter", "first", "second")),
    (VERIFIER, "Withdrawn"): ("tee_withdrawals", ("account", "amount")),
}
# What became of the bond of whoever called a chain of signatures false.
_BONDS: Mapping[str, str] = {"BondReturned": "returned", "ChainUpheld": "burned"}
# What the complaints' table has of each: what happened, and who did it.
_COMPLAINTS: Mapping[str, tuple[str, str]] = {
    "ComplaintFiled": ("filed", "consumer"),
    "AttestedShown": ("answered", "provider"),
    "DepositPaid": ("paid", "account"),
}

Rows = list[tuple[str, tuple[Any, ...]]]


def facts(event: str, args: Mapping[str, Any], to_json: Callable[[Mapping[str, Any]], str]) -> Rows:
    """The rows that an event adds. Attestations and keys are JSON, signatures stand one behind the other by commas."""
    if event in _CHANGES:
        row = (args["attester"], _CHANGES[event], args.get("activeFrom"), args.get("url"))
        return [("attester_changes", row)]
    if event in _STAKES:
        told = (args.get(name) for name in ("releaseAt", "reporter", "reward"))
        return [("attester_stakes", (args["attester"], _STAKES[event], args["amount"], *told))]
    if event in _BONDS:
        row = (args["attestationDigest"], args["reporter"], _BONDS[event], args["bond"])
        return [("chain_reports", row)]
    if event in _COMPLAINTS:
        return _complaint(event, args)
    digest, provider = args["attestationDigest"], args["provider"]
    said = (to_json(args["attestation"]), ",".join(args["signatures"]))
    if event == "ResultAttested":
        return [("attested_results", (args["jobId"], provider, digest, *said))]
    return [("session_keys", (digest, provider, to_json(args["key"]), *said))]


def _complaint(event: str, args: Mapping[str, Any]) -> Rows:
    change, who = _COMPLAINTS[event]
    shown = (args.get(name) for name in ("answerBy", "salt", "outputs"))
    rows: Rows = [("complaints", (args["jobId"], args[who], change, *shown))]
    if "quote" in args:
        rows.append(("shown_quotes", (args["jobId"], args[who], args["quote"])))
    return rows
