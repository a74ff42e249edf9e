"""Train the digits CNN; writes model.onnx and samples/. Needs JAX, scikit-learn and onnx, in an environment of its own:

`python -m venv v && v/bin/pip install jax==0.10.2 scikit-learn onnx && v/bin/python train.py`.

The data is scikit-learn's copy of the UCI "Optical Recognition of Handwritten Digits" test set: 1797 images of 8x8
pixels, values 0..16, here divided by 16. Seeds are fixed: the same versions of the packages write the same files, but
for a processor that rounds otherwise.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

HERE = Path(__file__).resolve().parent
HELD, CALIBRATION = 540, 96
SEED = 7
Params = dict[str, Any]
BATCH, RATE = 64, 2e-3


class Net:
    """Makes parameters, computes in JAX, and writes the same as ONNX operators."""

    def __init__(self) -> None:
        self.random = np.random.default_rng(SEED)
        self.params: Params = {}
        self.state: Params = {}
        self.nodes: list[Any] = []
        self.stored: dict[str, np.ndarray] = {}

    def weight(self, name: str, *shape: int, fan: int) -> None:
        """A weight to train, from a normal distribution."""
        self.params[name] = jnp.asarray(self.random.normal(0, np.sqrt(2 / fan), shape), jnp.float32)

    def emit(self, op: str, inputs: list[str], **attributes: Any) -> str:
        """An ONNX operator; the name of its output."""
        name = f"{op.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [name], name=name, **attributes))
        return name

    def constant(self, value: Any, dtype: str = "float32") -> str:
        """A constant of the ONNX file."""
        name = f"constant_{len(self.stored)}"
        self.stored[name] = np.asarray(value, dtype)
        return name

    def onnx(self, name: str, input: tuple[str, list[Any]], output: str) -> bytes:
        """The ONNX file."""
        weights = {**self.stored, **{key: np.asarray(value) for key, value in {**self.params, **self.state}.items()}}
        used = {each for node in self.nodes for each in node.input}
        graph = helper.make_graph(
            self.nodes,
            name,
            [helper.make_tensor_value_info(input[0], TensorProto.FLOAT, ["batch", *input[1]])],
            [helper.make_tensor_value_info(output, TensorProto.FLOAT, ["batch", 10])],
            [numpy_helper.from_array(value, key) for key, value in sorted(weights.items()) if key in used],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        checker.check_model(model, full_check=True)
        return bytes(model.SerializeToString(deterministic=True))


class Convolutional(Net):
    """`blocks`: (name, channels in, out, stride, relu) of Conv and BatchNormalization."""

    def block(self, name: str, c: int, o: int, kernel: int = 3) -> None:
        """Parameters of Conv and BatchNormalization."""
        self.weight(f"{name}.w", o, c, kernel, kernel, fan=c * kernel * kernel)
        self.params |= {f"{name}.g": jnp.ones(o), f"{name}.b": jnp.zeros(o)}
        self.state |= {f"{name}.m": jnp.zeros(o), f"{name}.v": jnp.ones(o)}

    def apply(self, p: Params, new: Params, name: str, x: Any, stride: int = 1, train: bool = True) -> Any:
        """Conv and BatchNormalization in JAX; `new` takes the running statistics."""
        pad = p[f"{name}.w"].shape[-1] // 2
        x = jax.lax.conv_general_dilated(x, p[f"{name}.w"], (stride, stride), [(pad, pad)] * 2)
        if train:
            mean, variance = x.mean((0, 2, 3)), x.var((0, 2, 3))
            new[f"{name}.m"] = 0.9 * new[f"{name}.m"] + 0.1 * mean
            new[f"{name}.v"] = 0.9 * new[f"{name}.v"] + 0.1 * variance
        else:
            mean, variance = new[f"{name}.m"], new[f"{name}.v"]
        scale = p[f"{name}.g"] / jnp.sqrt(variance + 1e-5)
        return x * scale[:, None, None] + (p[f"{name}.b"] - mean * scale)[:, None, None]

    def conv(self, name: str, x: str, stride: int = 1) -> str:
        """Conv and BatchNormalization in ONNX."""
        kernel = self.params[f"{name}.w"].shape[-1]
        pads = [kernel // 2] * 4
        x = self.emit("Conv", [x, f"{name}.w"], strides=[stride] * 2, pads=pads, kernel_shape=[kernel] * 2)
        return self.emit("BatchNormalization", [x, *(f"{name}.{key}" for key in "gbmv")], epsilon=1e-5)


class Cnn(Convolutional):
    """Three convolutions, a maximum over 2x2, and a Gemm over all that is left."""

    def __init__(self) -> None:
        super().__init__()
        for name, c, o in (("a", 1, 16), ("b", 16, 32), ("c", 32, 32)):
            self.block(name, c, o)
        self.weight("out.w", 10, 512, fan=512)
        self.params["out.b"] = jnp.zeros(10)

    def forward(self, p: Params, new: Params, x: Any, train: bool) -> Any:
        """Logits."""
        x = jax.nn.relu(self.apply(p, new, "a", x, 1, train))
        x = jax.nn.relu(self.apply(p, new, "b", x, 1, train))
        x = jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")
        x = jax.nn.relu(self.apply(p, new, "c", x, 1, train))
        return x.reshape(len(x), -1) @ p["out.w"].T + p["out.b"]

    def file(self) -> bytes:
        """The ONNX file."""
        x = self.emit("Relu", [self.conv("a", "image")])
        x = self.emit("Relu", [self.conv("b", x)])
        x = self.emit("MaxPool", [x], kernel_shape=[2, 2], strides=[2, 2])
        x = self.emit("Flatten", [self.emit("Relu", [self.conv("c", x)])])
        return self.onnx("digits-cnn", ("image", [1, 8, 8]), self.emit("Gemm", [x, "out.w", "out.b"], transB=1))


def train(net: Any, images: np.ndarray, labels: np.ndarray, epochs: int) -> None:
    """Adam with weight decay over random shifts by one pixel; the rate falls as half a cosine."""

    def loss(p: Params, state: Params, x: Any, y: Any) -> Any:
        new = dict(state)
        logits = net.forward(p, new, x, True)
        return -jnp.take_along_axis(jax.nn.log_softmax(logits), y[:, None], 1).mean(), new

    @jax.jit
    def step(p: Params, state: Params, m: Params, v: Params, at: Any, x: Any, y: Any) -> Any:
        (_, new), grads = jax.value_and_grad(loss, has_aux=True)(p, state, x, y)
        rate = RATE * 0.5 * (1 + jnp.cos(jnp.pi * at / total))
        m = jax.tree.map(lambda a, g: 0.9 * a + 0.1 * g, m, grads)
        v = jax.tree.map(lambda a, g: 0.999 * a + 0.001 * g * g, v, grads)
        c, d = 1 - 0.9 ** (at + 1), 1 - 0.999 ** (at + 1)
        p = jax.tree.map(lambda w, a, b: w - rate * (a / c / (jnp.sqrt(b / d) + 1e-8) + 0.01 * w), p, m, v)
        return p, new, m, v

    random, total, at = np.random.default_rng(SEED), epochs * (len(images) // BATCH), 0
    p, state = net.params, net.state
    m, v = jax.tree.map(jnp.zeros_like, p), jax.tree.map(jnp.zeros_like, p)
    for _ in range(epochs):
        order = random.permutation(len(images))
        for start in range(0, len(order) - BATCH + 1, BATCH):
            chosen = order[start : start + BATCH]
            by = tuple(random.integers(-1, 2, 2) * (images.shape[-1] // 8) // 2)
            x = np.roll(images[chosen], by, axis=(-2, -1))
            p, state, m, v = step(p, state, m, v, at, x, labels[chosen])
            at += 1
    net.params, net.state = p, state


def main() -> None:
    """Train, and write the files; the accuracy is on the images that are held out."""
    digits = load_digits()
    images = (digits.images / 16).astype(np.float32)[:, None]
    train_x, test_x, train_y, test_y = train_test_split(
        images, digits.target, test_size=HELD, random_state=SEED, stratify=digits.target
    )
    net = Cnn()
    train(net, train_x, train_y, 40)
    (HERE / "model.onnx").write_bytes(net.file())

    samples = HERE / "samples"
    samples.mkdir(exist_ok=True)
    np.save(samples / "test-images.npy", test_x)
    np.save(samples / "digit.npy", test_x[:1])
    np.save(samples / "calibration.npy", train_x[:CALIBRATION])
    labels = {"digit.npy": int(test_y[0]), "test-images.npy": test_y.tolist()}
    (samples / "labels.json").write_text(json.dumps(labels) + "\n")
    found = net.forward(net.params, dict(net.state), test_x, False).argmax(1)
    print(f"accuracy on {len(test_y)} test images: {float((found == test_y).mean()):.4f}")


if __name__ == "__main__":
    main()
