"""The shipped bytes: they rebuild, and tests run them: none has forge compile, and create, what has an artifact."""

from __future__ import annotations

import json
import re

from tests.forge import DEVNET, run

TESTS = sorted((DEVNET / "test").rglob("*.sol"))
ARTIFACTS = {path.stem: json.loads(path.read_text()) for path in (DEVNET / "artifacts").glob("*.json")}
LIBRARIES = {library for artifact in ARTIFACTS.values() for library in artifact.get("links", {})}
SHIPPED = (DEVNET / "test" / "Shipped.sol").read_text()


def test_no_test_creates_what_it_has_compiled() -> None:
    found = [
        f"{path.relative_to(DEVNET)}: write Shipped.{name[0].lower()}{name[1:]}(…) for `new {name}`"
        for path in TESTS
        for name in re.findall(r"\bnew (\w+)\s*[({]|type\((\w+)\)\.(?:creation|runtime)Code", path.read_text())
        for name in name
        if name in ARTIFACTS
    ]
    assert not found, "\n".join(found)


def test_every_artifact_can_be_created() -> None:
    named = set(re.findall(r'Artifacts\.create\(\s*"(\w+)"', "".join(path.read_text() for path in TESTS)))
    assert named == set(ARTIFACTS) - LIBRARIES


def test_constructors_take_what_shipped_passes_on() -> None:
    """`abi.encode` takes anything: the types are compared here, in order."""
    for name in sorted(set(re.findall(r'Artifacts\.create\(\s*"(\w+)"', SHIPPED))):
        inputs = next((entry["inputs"] for entry in ARTIFACTS[name]["abi"] if entry["type"] == "constructor"), [])
        wanted = [(re.sub(r"^(contract|struct) ", "", each["internalType"]), each["name"]) for each in inputs]
        declared = re.search(rf"function {name[0].lower()}{name[1:]}\(([^)]*)\)", SHIPPED)
        assert declared is not None, name
        assert re.findall(r"([\w\[\]]+)(?: memory)? (\w+)(?:,|\s*$)", declared[1]) == wanted, name
        call = re.search(rf'Artifacts\.create\(\s*"{name}",\s*(?:abi\.encode\(([^)]*)\)|"")', SHIPPED)
        assert call is not None, name
        assert re.findall(r"\w+", call[1] or "") == [each["name"] for each in inputs], name


def test_the_linked_libraries_are_where_the_tests_look_for_them() -> None:
    settings = (DEVNET / "foundry.toml").read_text()
    assert set(re.findall(r"contracts/libraries/\w+\.sol:(\w+):0x[0-9a-f]{40}", settings)) == LIBRARIES
    assert "optimizer = false" in settings


def test_artifacts_rebuild_byte_for_byte() -> None:
    """A user needs no compiler; whoever distrusts the bytecode can build it again."""
    print(run("node", "build.mjs", "--check", seconds=300))
