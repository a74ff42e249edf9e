"""Every bad input through the real command; the defects that must be among them; and hints that can be followed."""

from __future__ import annotations

import re

import pytest

from mlm.cli import app
from tests.bad import (  # noqa: F401 - importing them registers their cases
    accusations,
    archives,
    auctions,
    channels,
    diffs,
    exchange,
    history,
    machines,
    manifests,
    markets,
    models,
    nodes,
    pipelines,
    policies,
    privacy,
    proofs,
    repositories,
    settings,
    tensors,
    wallets,
)
from tests.bad.harness import CASES, FAMILIES, Case, Scene
from tests.command_line import ROOT

ENOUGH = 60
# A defect that people meet -> the cases that hold it. Ctrl-C at every step is test_interrupts.py.
NEEDED: dict[str, tuple[str, ...]] = {
    "truncated ONNX": ("truncated_onnx", "empty_onnx"),
    "unsupported operator": ("unsupported_operator", "operator_that_no_circuit_has"),
    "NaN weights": ("nan_weights",),
    "NaN inputs": ("nan_input", "infinite_input", "nan_in_json"),
    "wrong shape": ("wrong_shape", "scalar_input", "input_without_rows"),
    "wrong type": ("double_precision_input", "complex_input"),
    "bool input": ("bool_input",),
    "proof with a flipped byte": ("proof_with_a_flipped_byte", "submission_with_a_flipped_byte"),
    "wrong instances": ("wrong_instances", "an_instance_too_few", "submission_with_another_output"),
    "foreign key": ("foreign_key",),
    "key of another model of the same size": ("key_of_another_model_of_the_same_size",),
    "missing SRS": ("missing_srs",),
    "corrupt SRS": ("corrupt_srs", "truncated_srs", "srs_of_another_size"),
    "own SRS": ("own_srs", "proof_under_a_secret_of_the_provers_own"),
    "hostile manifest: huge counts": ("manifest_of_huge_counts", "manifest_that_announces_a_billion_fields"),
    "hostile manifest: cycles": ("lineage_that_leads_to_itself", "lineage_that_repeats_itself"),
    "hostile manifest: a path climbing out": ("manifest_whose_path_climbs_out",),
    "hostile manifest: unknown version": ("manifest_of_an_unknown_version",),
    "dead node": ("dead_node",),
    "slow node": ("slow_node", "node_that_drips"),
    "wrong chain id": ("wrong_chain_id", "wrong_genesis_block"),
    "locked database": ("locked_database",),
    "corrupt index": ("corrupt_index", "corrupt_staging_index"),
    "full disk": ("full_disk_under_the_keystore", "full_disk_under_the_objects", "full_disk_under_the_journal"),
    "read-only folder": ("read_only_folder", "read_only_repository", "read_only_keystore"),
    "insufficient funds": ("insufficient_funds", "no_coins_for_gas"),
    "expired lease": ("expired_lease",),
    "wrong password": ("wrong_password",),
    "tampered keystore": ("tampered_keystore",),
    "stdin closed": ("stdin_closed_where_a_key_is_read", "stdin_closed_where_a_password_is_asked_for"),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_case(case: Case, scene: Scene) -> None:
    case.hold(scene)


def test_enough_cases_and_every_defect_among_them() -> None:
    assert len(CASES) >= ENOUGH
    missing = {name for names in NEEDED.values() for name in names} - set(CASES)
    assert not missing


def test_every_family_of_errors_is_met() -> None:
    """But 10, a missing tool, which needs another machine, and 130, which is test_interrupts.py."""
    assert {case.code for case in CASES.values()} == set(FAMILIES) - {10, 130}


def test_hints_name_commands_that_there_are() -> None:
    """A hint to run what does not exist is worse than none."""
    groups = {name: set(app.load(name).commands) for name, entry in app.COMMANDS.items() if entry.group}
    wrong = []
    for path in sorted((ROOT / "mlm").rglob("*.py")):
        for name, word in re.findall(r"`mlm ([a-z]+)(?: ([a-z]+(?:-[a-z]+)*)\b)?", path.read_text(encoding="utf-8")):
            if name not in app.COMMANDS or (word and name in groups and word not in groups[name]):
                wrong.append(f"{path.relative_to(ROOT)}: mlm {name} {word}")
    assert not wrong
