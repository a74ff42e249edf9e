"""One suite over every Enclave: the simulated one, and Linux's interface over a folder that behaves like configfs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from circuits.make_fixtures import tiny_input, tiny_model
from mlm.adapters.attestation import vendor
from mlm.adapters.attestation.evidence import Evidence
from mlm.adapters.enclave import tsm
from mlm.adapters.enclave.keys import ORDER
from mlm.adapters.enclave.simulated import REGISTERS, SimulatedEnclave
from mlm.adapters.enclave.tsm import TsmEnclave
from mlm.adapters.onnx.run import OnnxRunner
from mlm.adapters.onnx.tensors import NumpyTensorCodec
from mlm.core import dagcbor
from mlm.core.attestation import MEASUREMENTS, SGX, TDX
from mlm.core.errors import InvalidData, ModelStopped, NotFound, ToolMissing, VerificationFailed
from mlm.core.tee import NOBODYS, SessionKey, Task, check_bound, measurement_of
from mlm.ports.enclave import Enclave
from tests.configfs import Configfs

AT = 1_790_000_000
MODEL, OTHER = tiny_model(1), tiny_model(2)
CODEC = NumpyTensorCodec()
INPUT = CODEC.to_block(tiny_input(3))
TASK = Task(
    31337, "0x" + "11" * 20, "0x" + "22" * 32, "0x" + "33" * 32, "0x" + "44" * 20, b"in".rjust(32), b"out".rjust(32)
)
VENDOR = vendor.Vendor(datetime.fromtimestamp(AT - 86_400, UTC))
DOMAIN = vendor.Enclave(TDX, {name: bytes([at]) * 48 for at, name in enumerate(MEASUREMENTS[TDX], 1)})


# Of MODEL, for TASK's provider.
WANTED = SessionKey(TASK.chain_id, TASK.market, TASK.provider, sha256(MODEL).digest(), AT + 86_400)


def place(root: Path) -> dict[str, Path]:
    """Where an enclave works, and where it keeps its keys."""
    return {"folder": root / "enclave", "keys": root / "keys"}


@dataclass(frozen=True)
class Case:
    enclave: Enclave
    kind: str
    simulated: bool
    registers: dict[str, bytes]


@pytest.fixture
def configfs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Configfs:
    made = Configfs(tmp_path / "report", lambda data: VENDOR.quote(DOMAIN, data))
    made.use(monkeypatch)
    return made


@pytest.fixture
def collateral(tmp_path: Path) -> Path:
    file = tmp_path / "tdx.json"
    file.write_bytes(VENDOR.collateral(TDX))
    return file


@pytest.fixture(params=["simulated sgx", "simulated tdx", "tsm"])
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Case]:
    if request.param == "tsm":
        fs, file = request.getfixturevalue("configfs"), request.getfixturevalue("collateral")
        made = TsmEnclave(**place(tmp_path), reports=fs.folder, collateral=file)
        yield Case(made, TDX, False, DOMAIN.measurements)
        assert list(fs.folder.iterdir()) == []
    elif request.param == "simulated tdx":
        simulated = SimulatedEnclave(**place(tmp_path), kind=TDX, registers=DOMAIN.measurements)
        yield Case(simulated, TDX, True, DOMAIN.measurements)
    else:
        yield Case(SimulatedEnclave(**place(tmp_path)), SGX, True, dict(REGISTERS))


@pytest.fixture
def dcap(tmp_path: Path) -> Evidence:
    return Evidence(folder=tmp_path / "quotes")


def test_the_quote_binds_what_was_loaded_and_what_came_out(case: Case, dcap: Evidence) -> None:
    done = case.enclave.run(MODEL, INPUT, TASK, AT)
    assert done.outputs == CODEC.to_block(OnnxRunner(provider="cpu").run(MODEL, tiny_input(3)).outputs)
    assert done.statement == TASK.statement(sha256(MODEL).digest(), INPUT, done.outputs)
    assert (done.simulated, done.provider) == (case.simulated, "CPUExecutionProvider")
    # What signs here is the simulated vendor in every case: also behind the folder that behaves like the kernel's.
    found = dcap.verify(done.quote, done.collateral, AT, simulated=True)
    check_bound(found, done.statement)
    assert measurement_of(found.kind, found.measurements) == measurement_of(case.kind, case.registers)


@pytest.mark.parametrize("changed", ["model", "input", "job_id", "provider", "version_id", "input_salt", "output_salt"])
def test_another_model_input_or_task_is_another_quote(case: Case, dcap: Evidence, changed: str) -> None:
    onnx, inputs, task = MODEL, INPUT, TASK
    if changed == "model":
        onnx = OTHER
    elif changed == "input":
        inputs = CODEC.to_block(tiny_input(4))
    else:
        value = getattr(TASK, changed)
        task = replace(TASK, **{changed: bytes(32) if isinstance(value, bytes) else value[:-1] + "9"})
    done = case.enclave.run(onnx, inputs, task, AT)
    honest = TASK.statement(
        sha256(MODEL).digest(), INPUT, CODEC.to_block(OnnxRunner().run(MODEL, tiny_input(3)).outputs)
    )
    with pytest.raises(VerificationFailed, match="report data"):
        check_bound(dcap.verify(done.quote, done.collateral, AT, simulated=True), honest)


@pytest.mark.parametrize(
    ("onnx", "inputs", "words"),
    [
        (b"no model", INPUT, "ONNX"),
        (MODEL, b"no block", "."),
        (MODEL, CODEC.to_block({"z": tiny_input(3)["x"]}), r"inputs \['x'\]"),
    ],
    ids=["model", "block", "names"],
)
def test_what_cannot_be_run_is_refused(case: Case, onnx: bytes, inputs: bytes, words: str) -> None:
    with pytest.raises(InvalidData, match=words):
        case.enclave.run(onnx, inputs, NOBODYS, AT)


def test_a_key_is_bound_by_a_quote_and_kept_where_its_user_alone_reads(
    case: Case, dcap: Evidence, tmp_path: Path
) -> None:
    assert case.enclave.held() == ()
    held = case.enclave.make_key(WANTED, AT)
    assert replace(held.key, x=0, y=0) == WANTED and (held.at, held.simulated) == (AT, case.simulated)
    found = dcap.verify(held.quote, held.collateral, AT, simulated=True)
    check_bound(found, held.key)
    assert measurement_of(found.kind, found.measurements) == measurement_of(case.kind, case.registers)
    with pytest.raises(VerificationFailed, match="for this key, its provider, model and end"):
        check_bound(found, replace(held.key, expires_at=held.key.expires_at + 1))
    (file,) = (tmp_path / "keys").iterdir()
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    later = case.enclave.make_key(WANTED, AT + 1)
    assert later.key.x != held.key.x and case.enclave.held() == (later, held)


def test_a_key_signs_what_was_loaded_and_what_came_out(case: Case) -> None:
    key = case.enclave.make_key(WANTED, AT).key
    for inputs in (INPUT, CODEC.to_block(tiny_input(4))):
        ran = case.enclave.run_signed(MODEL, inputs, TASK, key)
        assert ran.statement == replace(TASK.statement(sha256(MODEL).digest(), inputs, ran.outputs), x=key.x, y=key.y)
        assert ran.outputs == CODEC.to_block(OnnxRunner(provider="cpu").run(MODEL, CODEC.from_block(inputs)).outputs)
        r, s = (int.from_bytes(part, "big") for part in (ran.signature[:32], ran.signature[32:]))
        assert len(ran.signature) == 64 and 0 < s <= ORDER // 2
        public = ec.EllipticCurvePublicNumbers(key.x, key.y, ec.SECP256R1()).public_key()
        public.verify(encode_dss_signature(r, s), ran.statement.report_data, ec.ECDSA(Prehashed(SHA256())))


def test_a_key_signs_nothing_else(case: Case) -> None:
    key = case.enclave.make_key(WANTED, AT).key
    other = "0x" + "55" * 20
    for onnx, task in (
        (OTHER, TASK),
        (MODEL, replace(TASK, provider=other)),
        (MODEL, replace(TASK, market=other)),
        (MODEL, replace(TASK, chain_id=1)),
    ):
        with pytest.raises(VerificationFailed, match="signs runs of the model"):
            case.enclave.run_signed(onnx, INPUT, task, key)
    for wrong in (replace(key, x=key.x + 1), replace(key, expires_at=key.expires_at + 1)):
        with pytest.raises(NotFound, match="does not hold the session key"):
            case.enclave.run_signed(MODEL, INPUT, TASK, wrong)
    with pytest.raises(InvalidData):
        case.enclave.run_signed(MODEL, b"no block", TASK, key)


def test_keys_that_have_ended_go_and_spoilt_ones_are_none(case: Case, tmp_path: Path) -> None:
    first = case.enclave.make_key(WANTED, AT)
    elsewhere = case.enclave.make_key(replace(WANTED, chain_id=1), AT)
    second = case.enclave.make_key(replace(WANTED, expires_at=WANTED.expires_at + 9), WANTED.expires_at - 1)
    assert set(case.enclave.held()) == {first, elsewhere, second}
    third = case.enclave.make_key(replace(WANTED, expires_at=WANTED.expires_at + 9), WANTED.expires_at)
    assert case.enclave.held()[0] == third and set(case.enclave.held()) == {third, second, elsewhere}
    file = tmp_path / "keys" / f"{second.key.x:064x}.key"
    file.write_bytes(file.read_bytes()[:-1])
    assert set(case.enclave.held()) == {third, elsewhere}
    with pytest.raises(NotFound, match="does not hold"):
        case.enclave.run_signed(MODEL, INPUT, TASK, second.key)


def test_the_child_that_reads_a_model_never_has_a_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that took it over would have the key: what it is told, and the files that it may read, hold none."""
    from mlm.adapters import confine

    made = SimulatedEnclave(**place(tmp_path))
    held = made.make_key(WANTED, AT)
    secret = dagcbor.decode((tmp_path / "keys" / f"{held.key.x:064x}.key").read_bytes())["secret"]  # type: ignore
    asked, seen = confine.ask, []

    def watched(*args: Any, **more: Any) -> confine.Answer:
        answer = asked(*args, **more)
        seen.append(more.get("readable", ()))
        for path in more["folder"].rglob("*"):
            if path.is_file():
                assert secret not in path.read_bytes() and secret.hex() not in path.read_text("latin-1")
        return answer

    monkeypatch.setattr(confine, "ask", watched)
    made.run_signed(MODEL, INPUT, TASK, held.key)
    assert seen == [()]
    assert secret.hex() not in repr(held) and str(int.from_bytes(secret, "big")) not in repr(held)


def test_a_key_is_used_in_the_enclave_alone(tmp_path: Path, configfs: Configfs, collateral: Path) -> None:
    """Its file, copied to a machine that is none, signs nothing."""
    key = TsmEnclave(**place(tmp_path), reports=configfs.folder, collateral=collateral).make_key(WANTED, AT).key
    outside = TsmEnclave(**place(tmp_path), reports=tmp_path / "none", collateral=collateral)
    assert outside.held()
    for act in (lambda: outside.run_signed(MODEL, INPUT, TASK, key), lambda: outside.make_key(WANTED, AT)):
        with pytest.raises(ToolMissing, match="this machine is no enclave"):
            act()


def test_a_simulated_platform_says_what_hardware_can_say(tmp_path: Path, dcap: Evidence) -> None:
    old = SimulatedEnclave(**place(tmp_path), status="OutOfDate", advisories=("INTEL-SA-1",))
    done = old.run(MODEL, INPUT, TASK, AT)
    found = dcap.verify(done.quote, done.collateral, AT, simulated=True)
    assert (found.status, found.advisories, found.simulated) == ("OutOfDate", ("INTEL-SA-1",), True)
    with pytest.raises(VerificationFailed):
        dcap.verify(done.quote, done.collateral, AT)  # Intel's root
    open_to_all = SimulatedEnclave(**place(tmp_path), debug=True).run(MODEL, INPUT, TASK, AT)
    with pytest.raises(VerificationFailed, match="Debug"):
        dcap.verify(open_to_all.quote, open_to_all.collateral, AT, simulated=True)


def test_the_kernel_is_given_64_bytes(tmp_path: Path, configfs: Configfs) -> None:
    kind, quote = tsm.report(configfs.folder, b"d" * 32)
    assert (kind, configfs.seen) == (TDX, [b"d" * 32 + bytes(32)])
    assert quote == VENDOR.quote(DOMAIN, b"d" * 32)
    configfs.provider = "sev_guest"
    assert tsm.report(configfs.folder, b"e" * 32)[0] == "snp"


def test_a_machine_that_is_no_enclave_says_what_to_do(tmp_path: Path) -> None:
    made = TsmEnclave(**place(tmp_path), reports=tmp_path / "none", collateral=None)
    with pytest.raises(ToolMissing, match="this machine is no enclave") as caught:
        made.run(MODEL, INPUT, TASK, AT)
    assert "SEV-SNP" in caught.value.hint and "MLM_TEE_ENCLAVE" in caught.value.hint


def test_collateral_that_nobody_named_or_that_is_not_there(tmp_path: Path, configfs: Configfs) -> None:
    for named, why in ((None, "no file of it is named"), (tmp_path / "nothing.json", "No such file")):
        made = TsmEnclave(**place(tmp_path), reports=configfs.folder, collateral=named)
        with pytest.raises(ToolMissing, match=why) as caught:
            made.run(MODEL, INPUT, TASK, AT)
        assert "tee.collateral" in caught.value.hint
    (tmp_path / "tdx.json").write_bytes(b"what Intel says")
    made = TsmEnclave(**place(tmp_path), reports=configfs.folder, collateral=tmp_path)
    assert made.run(MODEL, INPUT, TASK, AT).collateral == b"what Intel says"


def test_a_quote_that_somebody_else_wrote_into_is_asked_for_again_and_given_up(configfs: Configfs) -> None:
    configfs.intruder = True
    with pytest.raises(ToolMissing, match="written by somebody else 3 times"):
        tsm.report(configfs.folder, b"d" * 32)


def test_hardware_that_mlm_does_not_know(configfs: Configfs) -> None:
    configfs.provider = "arm_cca_guest"
    with pytest.raises(ToolMissing, match="tdx_guest or sev_guest.*found 'arm_cca_guest'"):
        tsm.report(configfs.folder, b"d" * 32)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_this_user_may_not_write(tmp_path: Path) -> None:
    (tmp_path / "report").mkdir(mode=0o500)
    with pytest.raises(ToolMissing, match="gives no quote"):
        tsm.report(tmp_path / "report", b"d" * 32)


def test_a_child_that_was_taken_over_cannot_change_the_digests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlm.adapters import confine

    asked = confine.ask

    def taken_over(*args: object, **more: object) -> confine.Answer:
        return asked(*args, **more) | {"model": "00" * 32}  # type: ignore[arg-type]

    monkeypatch.setattr(confine, "ask", taken_over)
    with pytest.raises(ModelStopped, match="other digests"):
        SimulatedEnclave(**place(tmp_path)).run(MODEL, INPUT, TASK, AT)
    enclave = SimulatedEnclave(**place(tmp_path))
    key = enclave.make_key(WANTED, AT).key
    with pytest.raises(ModelStopped, match="other digests"):
        enclave.run_signed(MODEL, INPUT, TASK, key)
