"""tests/vectors/quotes.json, from which the contracts' tests take their quotes: they verify off chain as well."""

from __future__ import annotations

import json
from typing import Any

import pytest
from eth_utils.crypto import keccak

from mlm.adapters.attestation import child
from mlm.adapters.attestation.vendor import Vendor
from mlm.core.attestation import SGX, TDX
from mlm.core.errors import InvalidData, VerificationFailed
from tests.forge import ROOT

VECTORS: dict[str, Any] = json.loads((ROOT / "tests" / "vectors" / "quotes.json").read_text())
AT = int(Vendor().issued.timestamp()) + 1
NAMES = {1: SGX, 2: TDX}
HONEST = VECTORS["quotes"][:6]
FOREIGN = VECTORS["quotes"][8:]  # signed for by no quoting enclave of the vendor's, or under another root
# Intel's form allows them, and the contracts read them; the library refuses them, and so no honest attester signs one.
UNREAD = ("sgx in version 4", "sgx in version 5")


def verified(vector: dict[str, Any]) -> Any:
    kind = NAMES[vector["kind"]]
    quote = bytes.fromhex(vector["quote"][2:])
    return child.verified(quote, Vendor().collateral(kind), AT, Vendor().root)


@pytest.mark.parametrize(
    "vector", [each for each in HONEST if each["name"] not in UNREAD], ids=lambda each: each["name"]
)
def test_an_honest_quote_of_each_form_verifies(vector: dict[str, Any]) -> None:
    """In whatever version: what the contracts convict nobody for, the library finds true."""
    found = verified(vector)
    assert found["kind"] == NAMES[vector["kind"]]
    assert found["report_data"] == vector["reportData"][2:].ljust(128, "0")
    names = ("mr_enclave", "mr_signer") if found["kind"] == SGX else ("mr_td", "rt_mr0", "rt_mr1", "rt_mr2", "rt_mr3")
    registers = b"".join(bytes.fromhex(found["measurements"][name]) for name in names)
    head = keccak(b"mlm/measurement/1") + vector["kind"].to_bytes(32) + (96).to_bytes(32)
    encoded = head + len(registers).to_bytes(32) + registers + bytes(-len(registers) % 32)
    assert "0x" + keccak(encoded).hex() == vector["measurement"]


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

    (tmp_path / "dcap").symlink_to(make_quotes.HERE / "dcap")
    monkeypatch.setattr(make_quotes, "HERE", tmp_path)
    make_quotes.main()
    assert json.loads((tmp_path / "quotes.json").read_text()) == VECTORS
