"""`mlm lower` as a user types it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from mlm.adapters.exact.read import from_onnx
from mlm.ports.lowering import PROFILES
from tests.lowering.graphs import IMAGE, REFUSED, Maker

TEMPLATE = Path(__file__).resolve().parents[2] / "templates" / "digits-mlp"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The template's files."""
    shutil.copytree(TEMPLATE, tmp_path, dirs_exist_ok=True)
    return tmp_path


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mlm", "lower", *words]
    env = {"MLM_HOME": str(folder / "home"), "LC_ALL": "C.UTF-8"}
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=120, check=False)


def error(folder: Path, *words: str) -> str:
    """The one line that a refused command says."""
    done = run(folder, *words)
    assert done.returncode in (2, 4), done
    first = done.stderr.strip().splitlines()[0]
    assert not done.stdout and "Traceback" not in done.stderr
    return first


def test_the_report_is_of_data_that_did_not_calibrate(folder: Path) -> None:
    done = run(folder, ".", "--test", "samples/test-images.npy", "--labels", "samples/labels.json", "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["model"] == "digits-mlp@1.0.0" and report["written"] == "lowered.onnx"
    assert report["calibrated_on"] == "32 samples that were given"
    assert report["tested_on"] == "360 samples that were given"
    assert report["accuracy_before"] - report["accuracy_after"] <= 0.01 and report["same_answer"] >= 0.99
    model = from_onnx((folder / "lowered.onnx").read_bytes())
    assert report["key"] == "0x" + model.graph.key.hex() and report["nodes"] == len(model.graph.nodes) == 3
    assert report["macs"] == 64 * 32 + 32 * 10 and report["accumulator"] < 1 << 24


def test_the_cnn_of_the_templates_is_lowered_as_its_page_says(tmp_path: Path) -> None:
    shutil.copytree(TEMPLATE.parent / "digits-cnn", tmp_path, dirs_exist_ok=True)
    page = (tmp_path / "README.md").read_text(encoding="utf-8")
    (command,) = re.findall(r"^mlm lower (.*)$", page, re.MULTILINE)
    done = run(tmp_path, *command.split(), "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["model"] == "digits-cnn@1.0.0" and report["tested_on"] == "540 samples that were given"
    assert f"accuracy, value: {report['accuracy_before']:.4f}" in page and f"{report['macs']:,} multiplications" in page
    assert report["accuracy_after"] == report["accuracy_before"] and report["same_answer"] == 1


def test_a_fourth_of_the_calibration_data_is_held_out(folder: Path) -> None:
    report = json.loads(run(folder, "model.onnx", "--calibration", "samples/calibration.npy", "--json").stdout)
    assert report["calibrated_on"] == "24 samples that were given"
    assert report["tested_on"] == "8 samples that were given, held out"
    assert report["accuracy_before"] is None and report["same_answer"] == 1


def test_without_data_the_report_says_so(folder: Path) -> None:
    report = json.loads(run(folder, "model.onnx", "--range", "0,1", "--json").stdout)
    assert report["calibrated_on"] == "24 synthetic samples, even from 0 to 1"


def test_the_same_data_give_the_same_file(folder: Path) -> None:
    for name in ("a.onnx", "b.onnx"):
        assert run(folder, "model.onnx", "--calibration", "samples/calibration.npy", "-o", name).returncode == 0
    assert (folder / "a.onnx").read_bytes() == (folder / "b.onnx").read_bytes()


def test_the_lowered_model_runs_as_any_other(folder: Path) -> None:
    assert run(folder, "model.onnx", "--calibration", "samples/calibration.npy").returncode == 0
    command = [sys.executable, "-m", "mlm", "run", "lowered.onnx", "samples/digit.npy", "--json"]
    env = {"MLM_HOME": str(folder / "home"), "LC_ALL": "C.UTF-8"}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=120, check=True)
    assert json.loads(done.stdout)["outputs"][0]["argmax"] == 9


def test_a_profile_changes_the_file_and_neither_its_key_nor_its_outputs(folder: Path) -> None:
    reports, outputs = [], []
    for profile in PROFILES:
        words = ("--calibration", "samples/calibration.npy", "--profile", profile, "-o", f"{profile}.onnx", "--json")
        reports.append(json.loads(run(folder, "model.onnx", *words).stdout))
        assert from_onnx((folder / f"{profile}.onnx").read_bytes()).profile == profile == reports[-1]["profile"]
        session = onnxruntime.InferenceSession(folder / f"{profile}.onnx", providers=["CPUExecutionProvider"])
        images = np.load(folder / "samples" / "test-images.npy")
        outputs.append(np.stack([session.run(None, {"image": image[None]})[0] for image in images]))
    assert len({report["key"] for report in reports}) == 1
    np.testing.assert_array_equal(*outputs, strict=True)


def test_what_does_not_fit_is_refused_in_one_line(folder: Path) -> None:
    """Each with what was expected and what was found; no file is written."""
    np.save(folder / "wrong.npy", np.zeros((4, 63), np.float32))
    (folder / "few.json").write_text("[1, 2]")
    (folder / "none.onnx").write_bytes(b"no model")
    maker = Maker((1, 2))
    (folder / "free.onnx").write_bytes(maker.model(maker("Relu", "x")).replace(b"\x08\x02", b"\x12\x00", 1))
    test = ("--test", "samples/test-images.npy")
    for words, message in (
        (("model.onnx", "--profile", "ivf16"), "expected a profile among ivf32, qop-s8s8, found 'ivf16'"),
        (("model.onnx", "--labels", "few.json"), "--labels are those of the samples of --test, which is not given"),
        (("model.onnx", *test, "--labels", "few.json"), "expected a label for each of 360 test samples"),
        (("model.onnx", "--calibration", "wrong.npy"), "input 'image': expected samples of shape [1, 64]"),
        (("model.onnx", "--range", "1,0"), "--range: expected LOW below HIGH, found '1,0'"),
        (("model.onnx", "--shape", "image"), "--shape: expected INPUT=SIZE,SIZE,…, found 'image'"),
        (("model.onnx", "--shape", "image=1,32"), "input 'image': expected 64 along axis 1, found 32"),
        (("none.onnx",), "expected an ONNX file, found 8 bytes that are not an ONNX file, or a truncated one"),
    ):
        assert message in error(folder, *words), words
    assert not (folder / "lowered.onnx").exists()


def test_what_cannot_be_lowered_is_named_with_its_node(folder: Path) -> None:
    shape, make, _ = REFUSED["linear resize"]
    assert shape == IMAGE
    maker = Maker(shape)
    (folder / "resize.onnx").write_bytes(maker.model(make(maker)))
    assert "cannot lower node 'Resize_0' (Resize): expected nearest neighbours" in error(folder, "resize.onnx")
