"""What ezkl's adapter promises beyond the port: limits, hostile settings and models, one SRS, a shared cache."""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper, load_model_from_string, numpy_helper

from circuits.make_fixtures import fresh_srs, tiny_input, tiny_model
from mlm.adapters.ezkl.evm import parse_vka, proof_length, srs_points
from mlm.adapters.ezkl.process import Limits, run_step
from mlm.adapters.ezkl.prover import EzklProver
from mlm.core.errors import InvalidData, MlmError, NotFound, ProverError, VerificationFailed
from mlm.ports.prover import Proof

MakeProver = Callable[..., EzklProver]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def prover(cache: Path, root: Path) -> EzklProver:
    return EzklProver(cache_dir=cache, srs=root / "circuits")


@pytest.fixture(scope="module")
def settings(prover: EzklProver) -> bytes:
    return prover.settings(tiny_model(1), tiny_input(0))


def _edited(settings: bytes, change: Callable[[dict[str, Any]], None]) -> bytes:
    document = json.loads(settings)
    change(document)
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def _children() -> set[int]:
    """Live children of this process (Linux)."""
    found = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children")
    return {int(pid) for pid in found.read_text().split()} if found.exists() else set()


# Limits


def test_a_timeout_kills_the_child(tmp_path: Path) -> None:
    before, started = _children(), time.monotonic()
    with pytest.raises(ProverError, match="time limit of 0.05 s"):
        run_step("hash", {}, folder=tmp_path, readable=(), limits=Limits(8192, 0.05))
    assert time.monotonic() - started < 5
    assert _children() <= before


@pytest.mark.parametrize("memory_mb", [64, 300])
def test_the_memory_limit_ends_the_child(tmp_path: Path, root: Path, settings: bytes, memory_mb: int) -> None:
    """64 MB do not even hold Python's libraries; 300 MB do, but not the proving key of 2^13 rows."""
    small = EzklProver(cache_dir=tmp_path, srs=root / "circuits", memory_mb=memory_mb)
    large = _edited(settings, lambda document: document["ezkl"]["run_args"].update(logrows=13))
    before = _children()
    with pytest.raises(ProverError, match=f"memory limit of {memory_mb} MB"):
        small.circuit(tiny_model(1), large)
    assert _children() <= before
    assert list((tmp_path / "circuits").iterdir()) == []


def test_nothing_is_left_behind(cache: Path, prover: EzklProver, settings: bytes) -> None:
    with pytest.raises(InvalidData):
        prover.hash_inputs(settings, {"wrong": np.zeros((1, 16), np.float32)})
    assert list((cache / "tmp").iterdir()) == []


def test_a_second_proof_needs_one_step_only(
    prover: EzklProver, settings: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Settings, circuit and keys are kept; another sample, model or version makes them anew."""
    prover.prove(tiny_model(1), settings, tiny_input(0))
    steps: list[str] = []

    def counted(step: str, *rest: Any, **named: Any) -> dict[str, Any]:
        steps.append(step)
        return run_step(step, *rest, **named)

    monkeypatch.setattr("mlm.adapters.ezkl.prover.run_step", counted)
    assert prover.settings(tiny_model(1), tiny_input(0)) == settings
    prover.prove(tiny_model(1), settings, tiny_input(0))
    assert steps == ["prove"]
    prover.settings(tiny_model(1), tiny_input(1))
    prover.settings(tiny_model(2), tiny_input(0))
    assert steps == ["prove", "settings", "settings"]


def test_kept_settings_that_were_damaged_are_made_again(tmp_path: Path, root: Path, settings: bytes) -> None:
    prover = EzklProver(cache_dir=tmp_path, srs=root / "circuits")
    assert prover.settings(tiny_model(1), tiny_input(0)) == settings
    (kept,) = (tmp_path / "settings").iterdir()
    kept.write_bytes(settings[:-7])
    assert prover.settings(tiny_model(1), tiny_input(0)) == settings == kept.read_bytes()


def test_what_a_killed_process_left_is_swept(tmp_path: Path, prover: EzklProver, root: Path, settings: bytes) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait()
    lives = f"{os.getpid()}-old"  # a child that stays may be older than a day
    for name, age in ((f"{gone.pid}-old", 2 * 86_400), (f"{gone.pid}-new", 60), (lives, 2 * 86_400)):
        (tmp_path / "tmp" / name).mkdir(parents=True)
        os.utime(tmp_path / "tmp" / name, (time.time() - age,) * 2)
    EzklProver(cache_dir=tmp_path, srs=root / "circuits").hash_inputs(settings, tiny_input(1))
    assert {path.name for path in (tmp_path / "tmp").iterdir()} == {f"{gone.pid}-new", lives}


def test_an_interrupt_kills_the_child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(self: object, timeout: float | None = None) -> int:
        monkeypatch.undo()
        raise KeyboardInterrupt

    before = _children()
    monkeypatch.setattr(subprocess.Popen, "wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_step("hash", {}, folder=tmp_path, readable=(), limits=Limits(8192, 60))
    assert _children() <= before


def test_a_child_that_crashes_says_so_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(ProverError) as caught:
        run_step("no-such-step", {}, folder=tmp_path, readable=(), limits=Limits(8192, 60))
    assert "\n" not in str(caught.value) and "no-such-step" in str(caught.value)


# The reference string


def test_every_size_of_the_devnet_srs_has_one_secret(root: Path, prover: EzklProver, settings: bytes) -> None:
    table = json.loads((root / "circuits" / "srs.json").read_text())
    points = tuple(int(word, 16) for word in table["points"])
    for k in (11, 12, 13):
        larger = _edited(settings, lambda document, k=k: document["ezkl"]["run_args"].update(logrows=k))
        circuit = prover.circuit(tiny_model(1), larger)
        assert circuit.k == k and srs_points(circuit.vka) == points
        if k == 13:  # the largest: a derived file is proved with in every other test
            prover.verify(tiny_model(1), larger, prover.prove(tiny_model(1), larger, tiny_input(1)))


def test_srs_files_are_those_of_the_table(root: Path) -> None:
    from hashlib import sha256

    for entry in json.loads((root / "circuits" / "srs.json").read_text())["files"]:
        data = (root / "circuits" / entry["file"]).read_bytes()
        assert (len(data), sha256(data).hexdigest()) == (entry["bytes"], entry["sha256"])
        # ezkl downsizes a larger file; the powers of the secret are a prefix, whatever the size.
        assert data[4 : 4 + (64 << 10)] == (root / "circuits" / "k13.srs").read_bytes()[4 : 4 + (64 << 10)]


def test_a_proof_over_an_own_srs_fails(tmp_path: Path, prover: EzklProver, settings: bytes) -> None:
    forger = EzklProver(cache_dir=tmp_path / "cache", srs=fresh_srs(tmp_path))
    proof = forger.prove(tiny_model(1), settings, tiny_input(1))
    forger.verify(tiny_model(1), settings, proof)
    with pytest.raises(VerificationFailed):
        prover.verify(tiny_model(1), settings, proof)
    own, devnet = (each.circuit(tiny_model(1), settings) for each in (forger, prover))
    assert own.circuit_id != devnet.circuit_id
    assert srs_points(own.vka) != srs_points(devnet.vka)


def test_a_missing_srs_says_what_to_do(tmp_path: Path, settings: bytes) -> None:
    with pytest.raises(NotFound, match=r"no SRS for a circuit of 2\^11 rows") as caught:
        EzklProver(cache_dir=tmp_path, srs=tmp_path / "none").circuit(tiny_model(1), settings)
    assert "k11.srs" in caught.value.hint


@pytest.mark.parametrize("damage", ["short", "other k"])
def test_a_damaged_srs_is_refused(tmp_path: Path, root: Path, settings: bytes, damage: str) -> None:
    data = (root / "circuits" / "k11.srs").read_bytes()
    (tmp_path / "k11.srs").write_bytes(data[:-1] if damage == "short" else b"\x0c" + data[1:])
    with pytest.raises(InvalidData, match=r"k11\.srs"):
        EzklProver(cache_dir=tmp_path / "cache", srs=tmp_path).circuit(tiny_model(1), settings)


# Hostile settings


def _set(path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(document: dict[str, Any]) -> None:
        *parents, last = path.split(".")
        for name in parents:
            document = document[name]
        document[last] = value

    return change


@pytest.mark.parametrize(
    ("change", "names"),
    [
        (_set("ezkl.run_args.param_visibility", "Private"), "param_visibility"),
        (_set("ezkl.run_args.input_visibility", "Public"), "input_visibility"),
        (_set("ezkl.run_args.output_visibility", "Private"), "output_visibility"),
        (_set("ezkl.run_args.logrows", 28), "logrows"),
        (_set("ezkl.run_args.logrows", True), "logrows"),
        (_set("ezkl.version", "23.0.4"), "version of ezkl"),
        (_set("ezkl.timestamp", 5), "timestamp"),
        (_set("ezkl.surprise", 1), "surprise"),
        (_set("ezkl.run_args.surprise", 1), "run_args"),
        (_set("surprise", 1), "fields"),
        (_set("inputs", []), "input"),
        (_set("outputs", [{"name": "y", "shape": [1, 5]}]), "output shapes"),
        (_set("ezkl.model_output_scales", [13, 13]), "output scales"),
    ],
)
def test_settings_outside_the_recipe_are_refused(settings: bytes, change: Any, names: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidData, match=names):
        EzklProver(cache_dir=tmp_path, srs=tmp_path).circuit(tiny_model(1), _edited(settings, change))


@pytest.mark.parametrize(
    ("change", "names"),
    [
        (_set("ezkl.model_output_scales", [12]), "model_output_scales"),
        (_set("ezkl.model_input_scales", [12]), "model_input_scales"),
        (_set("inputs", [{"name": "z", "shape": [1, 16]}]), "inputs or outputs"),
        (_set("ezkl.num_rows", 7), "num_rows"),
    ],
)
def test_settings_that_do_not_follow_from_the_model_are_refused(
    prover: EzklProver, settings: bytes, change: Any, names: str
) -> None:
    with pytest.raises(InvalidData, match=names):
        prover.circuit(tiny_model(1), _edited(settings, change))


def test_settings_must_be_canonical(prover: EzklProver, settings: bytes) -> None:
    with pytest.raises(InvalidData, match="canonical"):
        prover.circuit(tiny_model(1), settings + b" ")


# Hostile models


def _model(nodes: list[Any], weights: dict[str, np.ndarray], width: int = 16, out: int = 4) -> bytes:
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, width])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, out])],
        [numpy_helper.from_array(value.astype(np.float32), name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=8)
    return bytes(model.SerializeToString())


def test_a_nan_weight_is_refused(prover: EzklProver, settings: bytes) -> None:
    model = load_model_from_string(tiny_model(1))
    weights = numpy_helper.to_array(model.graph.initializer[0]).copy()
    weights[0, 0] = np.nan
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array(weights, "w1"))
    for step in (prover.settings, prover.circuit):
        with pytest.raises(InvalidData, match="NaN"):
            step(model.SerializeToString(), tiny_input(0) if step == prover.settings else settings)  # type: ignore[operator]


def test_a_truncated_model_is_refused(prover: EzklProver) -> None:
    with pytest.raises(InvalidData):
        prover.settings(tiny_model(1)[:-40], tiny_input(0))


def test_an_operator_without_a_circuit_is_named(prover: EzklProver) -> None:
    nodes = [helper.make_node("Gemm", ["x", "w"], ["h"]), helper.make_node("Mod", ["h", "m"], ["y"], fmod=1)]
    model = _model(nodes, {"w": np.ones((16, 4)), "m": np.full(1, 2.0)})
    with pytest.raises(ProverError) as caught:
        prover.settings(model, tiny_input(0))
    assert "\n" not in str(caught.value) and "(its operators: Gemm, Mod)" in str(caught.value)


def test_a_model_too_large_is_refused_with_an_estimate(prover: EzklProver) -> None:
    model = _model([helper.make_node("Gemm", ["x", "w"], ["y"])], {"w": np.ones((16, 30_000))}, out=30_000)
    with pytest.raises(InvalidData, match=r"480,000 multiplications.*at most 350,000.*GB"):
        prover.settings(model, tiny_input(0))


# The cache


def _make(cache: Path, srs: Path, settings: bytes, found: Any) -> None:
    found.put(EzklProver(cache_dir=cache, srs=srs).circuit(tiny_model(3), settings).circuit_id)


def test_two_processes_share_one_cache(tmp_path: Path, root: Path, settings: bytes) -> None:
    context = multiprocessing.get_context("spawn")
    found = context.Queue()
    arguments = (tmp_path, root / "circuits", settings, found)
    workers = [context.Process(target=_make, args=arguments) for _ in range(2)]
    for worker in workers:
        worker.start()
    ids = {found.get(timeout=60) for _ in workers}
    for worker in workers:
        worker.join(30)
    assert len(ids) == 1 and [path.name for path in (tmp_path / "circuits").iterdir()] == list(ids)


def test_keys_are_byte_identical_on_two_fresh_runs(tmp_path: Path, root: Path, settings: bytes) -> None:
    folders = []
    for name in "ab":
        prover = EzklProver(cache_dir=tmp_path / name, srs=root / "circuits")
        assert prover.settings(tiny_model(1), tiny_input(0)) == settings
        with prover.entry(tiny_model(1), settings) as entry:
            folders.append(entry.folder)
    for name in ("settings.json", "vk", "pk", "vka.bin"):
        assert (folders[0] / name).read_bytes() == (folders[1] / name).read_bytes(), name


# The template, and what the contracts' tests use


def test_digits_prove_with_a_devnet_srs_and_predict_their_labels(root: Path, prover: EzklProver) -> None:
    folder = root / "templates" / "digits-mlp"
    model = (folder / "model.onnx").read_bytes()
    calibration, digit = (np.load(folder / "samples" / f"{name}.npy") for name in ("calibration", "digit"))
    settings = prover.settings(model, {"image": calibration})
    circuit = prover.circuit(model, settings)
    assert circuit.k == 12
    proof = prover.prove(model, settings, {"image": digit})
    label = json.loads((folder / "samples" / "labels.json").read_text())["digit.npy"]
    assert int(prover.outputs(settings, proof.instances)["logits"].argmax()) == label


def test_the_contracts_fixtures_are_true(root: Path, prover: EzklProver, settings: bytes) -> None:
    fixtures = json.loads((root / "devnet" / "test" / "fixtures" / "zk.json").read_text())
    proofs = {
        name: Proof(bytes.fromhex(case["proof"][2:]), tuple(int(value, 16) for value in case["instances"]))
        for name, case in fixtures["cases"].items()
    }
    good = tuple(int(word, 16) for word in fixtures["cases"]["good"]["vka"])
    assert prover.circuit(tiny_model(1), settings).vka == good
    assert proof_length(good) == len(proofs["good"].proof)
    for name, model in (("good", 1), ("otherInput", 1), ("otherModel", 2)):
        prover.verify(tiny_model(model), settings, proofs[name])
    for name in ("otherModel", "ownSrs"):
        with pytest.raises(VerificationFailed):
            prover.verify(tiny_model(1), settings, proofs[name])


@pytest.mark.parametrize("data", [b"", b"\x01" + bytes(7), b"\xff" * 8, bytes(8) + bytes(32)])
def test_a_broken_artefact_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidData):
        parse_vka(data)
    with pytest.raises(MlmError):
        proof_length((1, 2, 3))
