"""One suite over every Enclave: the simulated one, and Linux's interface over a folder that behaves like configfs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest

from circuits.make_fixtures import tiny_input, tiny_model
from mlm.adapters.attestation import vendor
from mlm.adapters.attestation.evidence import Evidence
from mlm.adapters.enclave import tsm
from mlm.adapters.enclave.simulated import REGISTERS, SimulatedEnclave
from mlm.adapters.enclave.tsm import TsmEnclave
from mlm.adapters.onnx.run import OnnxRunner
from mlm.adapters.onnx.tensors import NumpyTensorCodec
from mlm.core.attestation import MEASUREMENTS, SGX, TDX
from mlm.core.errors import InvalidData, ModelStopped, ToolMissing, VerificationFailed
from mlm.core.tee import NOBODYS, Task, check_bound, measurement_of
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
        made = TsmEnclave(folder=tmp_path / "enclave", reports=fs.folder, collateral=file)
        yield Case(made, TDX, False, DOMAIN.measurements)
        assert list(fs.folder.iterdir()) == []
    elif request.param == "simulated tdx":
        simulated = SimulatedEnclave(folder=tmp_path / "enclave", kind=TDX, registers=DOMAIN.measurements)
        yield Case(simulated, TDX, True, DOMAIN.measurements)
    else:
        yield Case(SimulatedEnclave(folder=tmp_path / "enclave"), SGX, True, dict(REGISTERS))


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


def test_a_simulated_platform_says_what_hardware_can_say(tmp_path: Path, dcap: Evidence) -> None:
    old = SimulatedEnclave(folder=tmp_path / "enclave", status="OutOfDate", advisories=("INTEL-SA-1",))
    done = old.run(MODEL, INPUT, TASK, AT)
    found = dcap.verify(done.quote, done.collateral, AT, simulated=True)
    assert (found.status, found.advisories, found.simulated) == ("OutOfDate", ("INTEL-SA-1",), True)
    with pytest.raises(VerificationFailed):
        dcap.verify(done.quote, done.collateral, AT)  # Intel's root
    open_to_all = SimulatedEnclave(folder=tmp_path / "enclave", debug=True).run(MODEL, INPUT, TASK, AT)
    with pytest.raises(VerificationFailed, match="Debug"):
        dcap.verify(open_to_all.quote, open_to_all.collateral, AT, simulated=True)


def test_the_kernel_is_given_64_bytes(tmp_path: Path, configfs: Configfs) -> None:
    kind, quote = tsm.report(configfs.folder, b"d" * 32)
    assert (kind, configfs.seen) == (TDX, [b"d" * 32 + bytes(32)])
    assert quote == VENDOR.quote(DOMAIN, b"d" * 32)
    configfs.provider = "sev_guest"
    assert tsm.report(configfs.folder, b"e" * 32)[0] == "snp"


def test_a_machine_that_is_no_enclave_says_what_to_do(tmp_path: Path) -> None:
    made = TsmEnclave(folder=tmp_path / "enclave", reports=tmp_path / "none", collateral=None)
    with pytest.raises(ToolMissing, match="this machine is no enclave") as caught:
        made.run(MODEL, INPUT, TASK, AT)
    assert "SEV-SNP" in caught.value.hint and "MLM_TEE_ENCLAVE" in caught.value.hint


def test_collateral_that_nobody_named_or_that_is_not_there(tmp_path: Path, configfs: Configfs) -> None:
    for named, why in ((None, "no file of it is named"), (tmp_path / "nothing.json", "No such file")):
        made = TsmEnclave(folder=tmp_path / "enclave", reports=configfs.folder, collateral=named)
        with pytest.raises(ToolMissing, match=why) as caught:
            made.run(MODEL, INPUT, TASK, AT)
        assert "tee.collateral" in caught.value.hint
    (tmp_path / "tdx.json").write_bytes(b"what Intel says")
    made = TsmEnclave(folder=tmp_path / "enclave", reports=configfs.folder, collateral=tmp_path)
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
        SimulatedEnclave(folder=tmp_path / "enclave").run(MODEL, INPUT, TASK, AT)
