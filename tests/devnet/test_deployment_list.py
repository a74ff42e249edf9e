"""devnet/deployment.json names what exists: artifacts, their constructors' inputs, and the shipped reference string."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mlm.adapters.chain import listing
from mlm.core.money import MLM, parse_units

DEVNET = Path(__file__).resolve().parent.parent.parent / "devnet"
LIST: list[dict[str, Any]] = json.loads((DEVNET / "deployment.json").read_text())["contracts"]
TO_COME = ("Timelock",)  # contracts of later lists, whose address is known already
ARGS = {entry["name"]: entry["args"] for entry in LIST}


def artifact(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((DEVNET / "artifacts" / f"{name}.json").read_text())
    return found


def check(value: Any, wanted: dict[str, Any], where: str) -> None:
    """Hold one argument against one input of the ABI."""
    kind = wanted["type"]
    if kind == "tuple":
        assert list(value) == [part["name"] for part in wanted["components"]], where
        for part in wanted["components"]:
            check(value[part["name"]], part, f"{where}.{part['name']}")
    elif kind.endswith("]"):
        element, _, size = kind.rstrip("]").rpartition("[")
        assert size == "" or len(value) == int(size), where
        for position, item in enumerate(value):
            check(item, {"type": element}, f"{where}[{position}]")
    elif isinstance(value, dict) and set(value) == {"tokens"}:
        assert kind == "uint128" and parse_units(value["tokens"], MLM) < 2**128, where
    elif isinstance(value, dict):
        assert kind == "address", where
        known = value.get("addressOf") in (*ARGS, *TO_COME)
        assert known or value.get("account") in ("holder", "treasury", "guardian", "governance"), where
    elif kind == "bytes32":
        assert len(bytes.fromhex(value.removeprefix("0x"))) == 32, where
    elif kind == "address":
        assert value == "0x" + "0" * 40, f"{where}: an address written down"
    else:
        assert kind.startswith("uint"), where
        assert 0 <= int(value, 0) < 2 ** int(kind[4:]) if isinstance(value, str) else 0 <= value < 2**16, where


@pytest.mark.parametrize("name", list(ARGS))
def test_arguments_fit_the_constructor(name: str) -> None:
    abi = artifact(name)["abi"]
    inputs = next((item["inputs"] for item in abi if item["type"] == "constructor"), [])
    check(ARGS[name], {"type": "tuple", "components": inputs}, name)


def test_every_artifact_is_deployed_once() -> None:
    """By the Deployer, which is deployed before all of them and is not in the list."""
    assert sorted([*ARGS, "Deployer"]) == sorted(path.stem for path in (DEVNET / "artifacts").glob("*.json"))
    assert len(LIST) == len(ARGS)


def test_the_verifier_stands_on_the_shipped_reference_string() -> None:
    shipped = json.loads((DEVNET.parent / "circuits" / "srs.json").read_text())["points"]
    assert ARGS["ZkVerifier"]["srsPoints_"] == shipped
    assert json.loads((DEVNET / "test" / "fixtures" / "zk.json").read_text())["srsPoints"] == shipped


def test_the_libraries_that_code_uses_are_deployed_too() -> None:
    for name in ARGS:
        assert set(artifact(name).get("links", {})) <= set(ARGS), name


def test_vault_and_market_name_each_other() -> None:
    assert ARGS["StakeVault"]["market_"] == {"addressOf": "JobMarket"}
    assert ARGS["JobMarket"]["vault_"] == {"addressOf": "StakeVault"}
    assert ARGS["JobMarket"]["verifiers"][1] == {"addressOf": "ZkVerifier"}


def test_the_code_fits_into_a_block() -> None:
    """EIP-170: at most 24,576 bytes of code."""
    for name in ARGS:
        assert 0 < artifact(name)["deployedSize"] <= 24_576, name


def test_evidence_is_held_against_its_vendors() -> None:
    """Intel's root, out of the chain of the real quote that is kept, its quoting enclaves, and the simulated ones."""
    vectors = json.loads((DEVNET.parent / "tests" / "vectors" / "quotes.json").read_text())
    assert ARGS["QuoteProofs"] == {"vendor": vectors["vendor"], "simulated": vectors["simulated"]}


def test_where_money_is_real_no_simulated_evidence_is_true() -> None:
    found = {entry.name: entry.args for entry in listing.without_simulated(listing.shipped())}
    zero = "0x" + "00" * 32
    enclave = {"mrSigner": zero, "isvProdId": zero}
    nothing = {"root": {"x": zero, "y": zero}, "sgx": enclave, "tdx": enclave}
    assert found["QuoteProofs"] == ARGS["QuoteProofs"] | {"simulated": nothing}
    assert {name: args for name, args in found.items() if name != "QuoteProofs"} == {
        name: args for name, args in ARGS.items() if name != "QuoteProofs"
    }


def test_verifier_and_attesters_name_each_other() -> None:
    assert ARGS["AttesterSet"]["verifier_"] == {"addressOf": "TeeVerifier"}
    assert ARGS["TeeVerifier"]["attesters_"] == {"addressOf": "AttesterSet"}
    assert ARGS["JobMarket"]["verifiers"][3] == {"addressOf": "TeeVerifier"}
