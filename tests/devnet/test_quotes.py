"""tests/vectors/quotes.json, from which the contracts' tests take their quotes: they verify off chain as well."""

from __future__ import annotations

import json
from typing import Any

import pytest
from eth_utils.crypto import keccak

from mlm.adapters.attestation import child
from mlm.adapters.attestation.vendor import Vendor
from mlm.core.attestation import NITRO, SGX, SNP, TDX
from mlm.core.errors import InvalidData, VerificationFailed
from tests.forge import ROOT

VECTORS: dict[str, Any] = json.loads((ROOT / "tests" / "vectors" / "quotes.json").read_text())
AT = int(Vendor().issued.timestamp()) + 1
NAMES = {1: SGX, 2: TDX, 3: SNP, 4: NITRO}
REGISTERS = {SNP: ("measurement",), NITRO: ("pcr0", "pcr1", "pcr2")}
HONEST = VECTORS["quotes"][:6]
FOREIGN = VECTORS["quotes"][8:]  # signed for by no quoting enclave of the vendor's, or under another root
# Intel's form allows them, and the contracts read them; the library refuses them, and so no honest attester signs one.
UNREAD = ("sgx in version 4", "sgx in version 5")


def verified(vector: dict[str, Any]) -> Any:
    kind = NAMES[vector["kind"]]
    quote = bytes.fromhex(vector["quote"][2:])
    return child.verified(quote, Vendor().collateral(kind), AT, Vendor().trusted(kind))


def measured(found: Any, names: tuple[str, ...], number: int) -> str:
    registers = b"".join(bytes.fromhex(found["measurements"][name]) for name in names)
    head = keccak(b"mlm/measurement/1") + number.to_bytes(32) + (96).to_bytes(32)
    return "0x" + keccak(head + len(registers).to_bytes(32) + registers + bytes(-len(registers) % 32)).hex()


@pytest.mark.parametrize(
    "vector", [each for each in HONEST if each["name"] not in UNREAD], ids=lambda each: each["name"]
)
def test_an_honest_quote_of_each_form_verifies(vector: dict[str, Any]) -> None:
    """In whatever version: what the contracts convict nobody for, the library finds true."""
    found = verified(vector)
    assert found["kind"] == NAMES[vector["kind"]]
    assert found["report_data"] == vector["reportData"][2:].ljust(128, "0")
    names = ("mr_enclave", "mr_signer") if found["kind"] == SGX else ("mr_td", "rt_mr0", "rt_mr1", "rt_mr2", "rt_mr3")
    assert measured(found, names, vector["kind"]) == vector["measurement"]


@pytest.mark.parametrize("vector", VECTORS["others"], ids=lambda each: each["name"])
def test_evidence_of_snp_and_nitro_says_to_both_the_same(vector: dict[str, Any]) -> None:
    """What the contract finds no fault in verifies, and what it does find one in does not."""
    kind = NAMES[vector["kind"]]
    if vector["fault"]:
        with pytest.raises((VerificationFailed, InvalidData)):
            verified(vector)
    elif "real" not in vector["name"]:  # of the real vendor: tests/ports verifies it
        found = verified(vector)
        assert found["report_data"] == vector["reportData"][2:].ljust(128, "0")
        assert measured(found, REGISTERS[kind], vector["kind"]) == vector["measurement"]


def test_what_the_library_does_not_read() -> None:
    for vector in HONEST:
        if vector["name"] in UNREAD:
            with pytest.raises(VerificationFailed, match="must have version 3"):
                verified(vector)


@pytest.mark.parametrize("vector", [each for each in VECTORS["quotes"] if each["debug"]], ids=lambda each: each["name"])
def test_a_debuggers_quote_does_not(vector: dict[str, Any]) -> None:
    with pytest.raises((VerificationFailed, InvalidData)):
        verified(vector)


@pytest.mark.parametrize("vector", FOREIGN, ids=lambda each: each["name"])
def test_nor_does_one_for_which_no_quoting_enclave_of_the_vendors_signs(vector: dict[str, Any]) -> None:
    with pytest.raises(VerificationFailed, match=r"mrsigner|isvprodid|[Dd]ebug|QE|[Cc]ert"):
        verified(vector)


def test_the_vectors_are_what_their_script_writes(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.vectors import make_quotes

    for real in ("dcap", "snp", "nitro"):
        (tmp_path / real).symlink_to(make_quotes.HERE / real)
    monkeypatch.setattr(make_quotes, "HERE", tmp_path)
    make_quotes.main()
    assert json.loads((tmp_path / "quotes.json").read_text()) == VECTORS
