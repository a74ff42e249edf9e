"""What needs a CUDA device: the GPU beside the CPU. `make gpu` runs it; elsewhere it says that it was skipped."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from mlm.adapters.onnx.confined import ConfinedRunner
from mlm.adapters.onnx.run import CUDA, OnnxRunner

ROOT = Path(__file__).resolve().parent.parent.parent
MODEL = ROOT / "templates" / "digits-mlp" / "model.onnx"


def _cuda_missing() -> str:
    """Why CUDA cannot be used here; empty when it can."""
    try:
        import onnxruntime
    except ImportError:
        return "onnxruntime is not installed"
    if CUDA not in onnxruntime.get_available_providers():
        return "this onnxruntime has no CUDA (install mlm[gpu] in an environment of its own: `make gpu`)"
    onnxruntime.set_default_logger_severity(4)
    session = onnxruntime.InferenceSession(MODEL.read_bytes(), providers=[CUDA, "CPUExecutionProvider"])
    return "" if session.get_providers()[0] == CUDA else "no CUDA device, or its libraries are missing"


MISSING = _cuda_missing()
pytestmark = [pytest.mark.gpu, pytest.mark.skipif(bool(MISSING), reason=MISSING)]


def _images() -> np.ndarray:
    images: np.ndarray = np.load(ROOT / "templates" / "digits-mlp" / "samples" / "test-images.npy", allow_pickle=False)
    return images


def test_the_gpu_agrees_with_the_cpu() -> None:
    """Same prediction for every image; logits within float32 rounding of a 64-term sum."""
    cpu, gpu = OnnxRunner(provider="cpu"), OnnxRunner(provider="cuda")
    for image in _images():
        here = cpu.run(MODEL.read_bytes(), {"image": image[None]}).outputs["logits"]
        there = gpu.run(MODEL.read_bytes(), {"image": image[None]}).outputs["logits"]
        np.testing.assert_allclose(there, here, rtol=1e-4, atol=1e-4)
        assert here.argmax() == there.argmax()


def test_the_provider_is_reported() -> None:
    run = OnnxRunner(provider="auto").run(MODEL.read_bytes(), {"image": _images()[:1]})
    assert run.provider == CUDA


def test_the_gpu_repeats_itself() -> None:
    runner = OnnxRunner(provider="cuda")
    first, second = (runner.run(MODEL.read_bytes(), {"image": _images()[:1]}).outputs["logits"] for _ in range(2))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("provider", ["auto", "cuda"])
def test_the_confined_runner_reaches_the_gpu(tmp_path: Path, provider: str) -> None:
    """CUDA maps more address space than the memory limit allows: it must not be set there."""
    names = ("CUDA_VISIBLE_DEVICES", "LD_LIBRARY_PATH")
    environment = {name: os.environ[name] for name in names if name in os.environ}
    confined = ConfinedRunner(folder=tmp_path, provider=provider, environment=environment)
    inputs = {"image": _images()[:1]}
    ran = confined.run(MODEL.read_bytes(), inputs)
    assert ran.provider == CUDA
    expected = OnnxRunner(provider="cuda").run(MODEL.read_bytes(), inputs).outputs["logits"]
    np.testing.assert_array_equal(ran.outputs["logits"], expected)
