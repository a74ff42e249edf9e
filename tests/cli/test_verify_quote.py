"""`mlm verify --quote`, outside any project and without a chain."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from mlm.adapters.attestation.vendor import Enclave
from mlm.core.attestation import KINDS, NITRO, SNP, TDX
from tests.command_line import ROOT, Person, Ran
from tests.ports.test_attestation import AT, BEGUN, COLLATERAL, ENCLAVES, QUOTE, VENDOR

ACCEPTED = {"MLM_TEE_STATUS": "UpToDate,ConfigurationAndSWHardeningNeeded"}
ENCLAVE = "33d8736db756ed4997e04ba358d27833188f1932ff7b1d156904d3f560452fbb"
EXPECTED = ("--measurement", f"mr_enclave={ENCLAVE}", "--report-data", b"Hello, world!".hex())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "q").write_bytes(QUOTE)
    (tmp_path / "c.json").write_bytes(COLLATERAL)
    return tmp_path


def verify(folder: Path, *words: str, env: dict[str, str] = ACCEPTED) -> Ran:
    person = Person("", folder, folder / "home", env)
    return person.run("verify", "--quote", "q", "--collateral", "c.json", *words, "--json")


def failed(ran: Ran) -> list[int]:
    assert ran.code == 1, ran
    return [check["number"] for check in ran.value["checks"] if check["passed"] is False]


def test_a_quote_is_verified_as_whoever_asks_accepts_it(folder: Path) -> None:
    ran = verify(folder, "--at", str(AT), *EXPECTED)
    assert ran.code == 0 and ran.value["verified"] and ran.value["complete"], ran
    assert (ran.value["tier"], ran.value["kind"]) == ("tee", "sgx quote") and "vendor" in ran.value["trust"]
    ran = verify(folder, "--at", str(AT))  # true, and nobody has said what it should be of
    assert ran.code == 0 and ran.value["verified"] and not ran.value["complete"]
    assert [check["passed"] for check in ran.value["checks"]] == [True, True, None, None]
    assert ENCLAVE in ran.value["checks"][2]["found"]


def test_the_pages_command_runs(folder: Path) -> None:
    page = (ROOT / "docs" / "tee.md").read_text()
    command = page[page.index("    mlm verify") :].split("\n\n")[0].replace("\\\n", " ")
    words = [{"quote.bin": "q", "collateral.json": "c.json"}.get(word, word) for word in shlex.split(command)[1:]]
    ran = Person("", folder, folder / "home", ACCEPTED).run(*words, "--json")
    assert ran.code == 0 and ran.value["complete"], ran


def test_each_check_fails_by_itself(folder: Path) -> None:
    assert failed(verify(folder, "--at", str(AT), *EXPECTED, env={})) == [2]
    assert failed(verify(folder, "--at", str(AT), "--measurement", f"mr_enclave={ENCLAVE[2:]}00")) == [3]
    assert failed(verify(folder, "--at", str(AT), "--report-data", "00")) == [4]
    for at in (AT - 40 * 86_400, AT + 40 * 86_400):
        assert failed(verify(folder, "--at", str(at), *EXPECTED)) == [1]
    assert failed(verify(folder)) == [1]  # now
    (folder / "q").write_bytes(QUOTE[:100] + bytes([QUOTE[100] ^ 1]) + QUOTE[101:])
    assert failed(verify(folder, "--at", str(AT))) == [1]


@pytest.mark.parametrize(
    ("words", "env", "message"),
    [
        (["--measurement", "mr_enclave"], {}, "expected NAME=HEX"),
        (["--measurement", "mr_enclave=xy"], {}, "expected hexadecimal digits"),
        (["--report-data", "00" * 65], {}, "expected 1 to 64 bytes"),
        (["--measurement", f"mr_td={ENCLAVE}", "--at", str(AT)], {}, ""),
        (["alice/digits"], {}, "without a target"),
        (["--model", "m.onnx"], {}, "without a target or its options"),
        (["--signature", "s", "--public-key", "k"], {}, "without a target or its options"),
        ([], {"MLM_TEE_STATUS": "Revoked"}, "expected some of UpToDate"),
        (["--at", "-1"], {}, "--at"),
    ],
    ids=["no-value", "no-hex", "long", "other-kind", "target", "model", "signature", "revoked", "time"],
)
def test_what_cannot_be_asked_is_refused(folder: Path, words: list[str], env: dict[str, str], message: str) -> None:
    ran = verify(folder, *words, env=env)
    if message:
        assert ran.code == 2 and message in ran.error["message"], ran
    else:  # a name that this kind of quote does not have
        assert 3 in failed(ran)


def test_a_quote_is_asked_about_with_its_collateral(folder: Path) -> None:
    person = Person("", folder, folder / "home")
    for words in (["--quote", "q"], ["--collateral", "c.json"], ["--at", "5"], []):
        ran = person.run("verify", *words, "--json")
        assert ran.code == 2, ran
    assert "does not bring its own" in person.refused(2, "verify", "--quote", "q")["message"]
    assert person.refused(3, "verify", "--quote", "none", "--collateral", "c.json")["code"] == "not_found"
    assert "SGX or TDX" in person.refused(4, "verify", "--quote", "c.json", "--collateral", "c.json")["message"]


def test_simulated_evidence_is_labelled_and_convinces_nobody_else(folder: Path) -> None:
    (folder / "q").write_bytes(VENDOR.quote(Enclave(TDX, ENCLAVES[TDX]), b"x"))
    (folder / "c.json").write_bytes(VENDOR.collateral(TDX))
    asked = ("--at", str(BEGUN))
    accepted = {"MLM_TEE_STATUS": "OutOfDate"}
    ran = verify(folder, *asked, "--simulated", env=accepted)
    assert ran.code == 0 and ran.value["kind"] == "simulated tdx quote" and "nobody" in ran.value["trust"], ran
    assert failed(verify(folder, *asked, env=accepted)) == [1]
    assert failed(verify(folder, *asked, "--simulated")) == [2]


@pytest.mark.parametrize("kind", KINDS)
def test_evidence_of_every_kind_is_told_by_its_bytes(folder: Path, kind: str) -> None:
    quote = VENDOR.quote(Enclave(kind, ENCLAVES[kind]), b"x")
    (folder / "q").write_bytes(quote)
    (folder / "c.json").write_bytes(VENDOR.collateral(kind))
    held = [word for name, value in ENCLAVES[kind].items() for word in ("--measurement", f"{name}={value.hex()}")]
    asked = ("--at", str(BEGUN), "--simulated", *held, "--report-data", b"x".hex())
    accepted = {"MLM_TEE_STATUS": "UpToDate,OutOfDate,ConfigurationNeeded"}
    ran = verify(folder, *asked, env=accepted)
    assert ran.code == 0 and ran.value["complete"] and ran.value["kind"].startswith(f"simulated {kind} "), ran
    wrong = next(iter(ENCLAVES[kind]))
    assert failed(verify(folder, *asked[:3], "--measurement", f"{wrong}=00", env=accepted)) == [3]
    assert failed(verify(folder, *asked[:3], "--report-data", "00", env=accepted)) == [4]
    assert failed(verify(folder, *asked[:2], env=accepted)) == [1]  # by no vendor's root
    (folder / "q").write_bytes(quote[:80] + bytes([quote[80] ^ 1]) + quote[81:])
    assert verify(folder, *asked, env=accepted).code in (1, 4)


def test_a_document_of_nitro_needs_no_collateral(folder: Path) -> None:
    (folder / "q").write_bytes(VENDOR.quote(Enclave(NITRO, ENCLAVES[NITRO]), b"x"))
    person = Person("", folder, folder / "home")
    asked = ("--at", str(BEGUN), "--simulated")
    ran = person.run("verify", "--quote", "q", *asked, "--json")
    assert ran.code == 0 and ran.value["kind"] == "simulated nitro document", ran
    assert f"pcr0 {ENCLAVES[NITRO]['pcr0'].hex()}" in ran.value["checks"][2]["found"]
    (folder / "c.json").write_text("{}")
    assert verify(folder, *asked).code == 0
    assert failed(verify(folder, "--at", str(BEGUN - 1), "--simulated")) == [1]
    (folder / "c.json").write_bytes(COLLATERAL)
    assert "expected no collateral" in verify(folder, *asked).error["message"]


def test_snp_is_complete_only_where_its_tcb_is_named(folder: Path) -> None:
    """AMD signs no word on which TCBs are current: whoever asks says which are allowed."""
    (folder / "q").write_bytes(VENDOR.quote(Enclave(SNP, ENCLAVES[SNP]), b""))
    (folder / "c.json").write_bytes(VENDOR.collateral(SNP))
    asked = ("--at", str(BEGUN), "--simulated", "--measurement", f"measurement={'01' * 48}", "--report-data", "00")
    accepted = {"MLM_TEE_STATUS": "ConfigurationNeeded"}
    ran = verify(folder, *asked, env=accepted)
    assert ran.code == 0 and not ran.value["complete"]
    assert [check["passed"] for check in ran.value["checks"]] == [True, True, True, True, None]
    assert "found 04000000000018db" in ran.value["checks"][4]["found"]
    named = ("--measurement", "reported_tcb=04000000000018db", "--measurement", "reported_tcb=04000000000018dc")
    assert verify(folder, *asked, *named, env=accepted).value["complete"]
    assert failed(verify(folder, *asked, *named[2:], env=accepted)) == [5]
    assert failed(verify(folder, *asked, env={})) == [2]  # its firmware is not committed
