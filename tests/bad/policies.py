"""Policies of `mlm verify` that demand nothing, what nobody knows, or what the target does not have."""

from __future__ import annotations

import os

from tests.bad.harness import Scene, bad
from tests.bad.proofs import FALSE, _proof

VERIFY = "mlm verify p.json --model tiny.onnx --policy policy.toml"
UNREAD = "mlm verify job/0x00 --policy policy.toml"  # refused before anything is looked for


def _policy(scene: Scene, text: str | bytes) -> None:
    scene.write("policy.toml", text)


@bad(UNREAD, 2, "policy.toml", "expected demands, found none", hint="complete")
def policy_that_is_empty(scene: Scene) -> None:
    _policy(scene, "# complete = true\n")


@bad(UNREAD, 2, "policy.toml", "unknown demand 'completed'", hint="Did you mean complete?")
def policy_with_a_misspelt_demand(scene: Scene) -> None:
    _policy(scene, "completed = true\n")


@bad(UNREAD, 2, "policy.toml", "unknown demand 'tee'")
def policy_with_a_table_that_nobody_reads(scene: Scene) -> None:
    _policy(scene, "complete = true\n[tee]\nminimum_attesters = 2\n")


@bad(UNREAD, 2, "policy.toml: complete", "expected true, found 'False'", hint="leave it out")
def policy_that_demands_the_opposite(scene: Scene) -> None:
    _policy(scene, "complete = false\n")


@bad(UNREAD, 2, "policy.toml: tiers", "expected some of: none, zk", "found 'zkp'")
def policy_with_an_unknown_tier(scene: Scene) -> None:
    _policy(scene, 'tiers = ["zkp"]\n')


@bad(UNREAD, 2, "policy.toml: tcb_status", "expected some of: UpToDate", "found 'Revoked'")
def policy_that_accepts_revoked_keys(scene: Scene) -> None:
    _policy(scene, 'tcb_status = ["UpToDate", "Revoked"]\n')


@bad(UNREAD, 2, "policy.toml: minimum_cost.tokens", "an amount above zero", "found '0.0'")
def policy_whose_cost_is_zero(scene: Scene) -> None:
    _policy(scene, 'minimum_cost = { tokens = "0.0" }\n')


@bad(UNREAD, 2, "policy.toml: minimum_attesters", "a whole number from 1", "found 'True'")
def policy_whose_count_is_a_truth(scene: Scene) -> None:
    _policy(scene, "minimum_attesters = true\n")


@bad(UNREAD, 2, "policy.toml", "not valid TOML", "nest deeper than 32")
def policy_nested_without_end(scene: Scene) -> None:
    _policy(scene, f"tiers = {'[' * 100}{']' * 100}")


@bad(UNREAD, 2, "policy.toml", "not valid TOML", "utf-8")
def policy_that_is_not_utf8(scene: Scene) -> None:
    _policy(scene, b"complete = true # \xff")


@bad(UNREAD, 4, "policy.toml", "expected at most 65536 bytes")
def policy_without_end(scene: Scene) -> None:
    _policy(scene, "")
    os.truncate(scene.folder / "policy.toml", 1 << 33)


@bad(UNREAD, 3, "policy.toml")
def policy_that_is_not_there(scene: Scene) -> None:
    pass


@bad(VERIFY, 1, "p.json", "the evidence is a vendor's", "this proof has no evidence of hardware", error=FALSE)
def policy_about_what_a_proof_does_not_have(scene: Scene) -> None:
    _proof(scene)
    _policy(scene, "simulated = false\n")


@bad(VERIFY, 1, "p.json", "what it costs to cheat", "operations: 2^80", "the devnet's SRS", error=FALSE)
def policy_that_does_not_take_the_devnets_srs(scene: Scene) -> None:
    _proof(scene)
    _policy(scene, "minimum_cost = { bits = 80 }\n")
