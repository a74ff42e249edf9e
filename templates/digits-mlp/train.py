"""Train the digits classifier; writes model.onnx and samples/. Needs scikit-learn and onnx (`mlm[train]`, `mlm[cpu]`).

The data is scikit-learn's copy of the UCI "Optical Recognition of Handwritten Digits" test set: 1797 images of 8x8
pixels, values 0..16, here divided by 16. Seeds are fixed: the same versions of the packages write the same files.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

HERE = Path(__file__).resolve().parent
HIDDEN = 32
SEED = 7


def to_onnx(classifier: MLPClassifier) -> bytes:
    """Two Gemm operators with a Relu between them: image float32 [1, 64] in 0..1 to logits float32 [1, 10]."""
    (w1, w2), (b1, b2) = classifier.coefs_, classifier.intercepts_
    weights = {"w1": w1, "b1": b1, "w2": w2, "b2": b2}
    graph = helper.make_graph(
        [
            helper.make_node("Gemm", ["image", "w1", "b1"], ["hidden"]),
            helper.make_node("Relu", ["hidden"], ["active"]),
            helper.make_node("Gemm", ["active", "w2", "b2"], ["logits"]),
        ],
        "digits-mlp",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 64])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, 10])],
        [numpy_helper.from_array(value.astype(np.float32), name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], producer_name="mlm", ir_version=8)
    checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString(deterministic=True))


def main() -> None:
    digits = load_digits()
    images = (digits.data / 16).astype(np.float32)
    train_x, test_x, train_y, test_y = train_test_split(
        images, digits.target, test_size=360, random_state=SEED, stratify=digits.target
    )
    classifier = MLPClassifier((HIDDEN,), alpha=1e-3, max_iter=2000, random_state=SEED).fit(train_x, train_y)
    (HERE / "model.onnx").write_bytes(to_onnx(classifier))

    samples = HERE / "samples"
    samples.mkdir(exist_ok=True)
    np.save(samples / "test-images.npy", test_x)
    np.save(samples / "images.npy", test_x[:8])
    np.save(samples / "digit.npy", test_x[:1])
    np.save(samples / "calibration.npy", train_x[:32])
    labels = {
        "digit.npy": int(test_y[0]),
        "images.npy": test_y[:8].tolist(),
        "test-images.npy": test_y.tolist(),
    }
    (samples / "labels.json").write_text(json.dumps(labels) + "\n")
    print(f"accuracy on {len(test_y)} test images: {classifier.score(test_x, test_y):.4f}")


if __name__ == "__main__":
    main()
