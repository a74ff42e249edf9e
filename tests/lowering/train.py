"""Train the models of tests/lowering/models, which read handwritten digits: a CNN, a ResNet, a transformer.

Not run by any test: their files are in the repository. Needs JAX, which nothing else of mlm does:
`python -m venv v && v/bin/pip install jax==0.10.2 scikit-learn onnx && v/bin/python tests/lowering/train.py`.
Seeds are fixed; another processor may round otherwise, and the accuracies in tests/models.toml are of these files.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.lowering.digits import large, split

HERE = Path(__file__).resolve().parent / "models"
Params = dict[str, Any]
BATCH, RATE = 64, 2e-3


class Net:
    """Makes parameters, computes in JAX, and writes the same as ONNX operators."""

    def __init__(self) -> None:
        self.random = np.random.default_rng(7)
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

    def write(self, name: str, input: tuple[str, list[Any]], output: str) -> None:
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
        (HERE / f"{name}.onnx").write_bytes(model.SerializeToString(deterministic=True))


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

    def onnx(self) -> None:
        """The file."""
        x = self.emit("Relu", [self.conv("a", "image")])
        x = self.emit("Relu", [self.conv("b", x)])
        x = self.emit("MaxPool", [x], kernel_shape=[2, 2], strides=[2, 2])
        x = self.emit("Flatten", [self.emit("Relu", [self.conv("c", x)])])
        self.write("digits-cnn", ("image", [1, 8, 8]), self.emit("Gemm", [x, "out.w", "out.b"], transB=1))


class ResNet(Convolutional):
    """ResNet-14 of He et al. (arXiv 1512.03385, §4.2): 16, 32 and 64 channels, two blocks each, on 32x32 pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.block("stem", 1, 16)
        self.plan: list[tuple[str, int, int, int]] = []
        c = 16
        for o in (16, 32, 64):
            for at in range(2):
                name, stride = f"s{o}.{at}", 2 if o > c else 1
                self.block(f"{name}.1", c, o)
                self.block(f"{name}.2", o, o)
                if stride == 2:
                    self.block(f"{name}.p", c, o, 1)
                self.plan.append((name, c, o, stride))
                c = o
        self.weight("out.w", 10, 64, fan=64)
        self.params["out.b"] = jnp.zeros(10)

    def forward(self, p: Params, new: Params, x: Any, train: bool) -> Any:
        """Logits."""
        x = jax.nn.relu(self.apply(p, new, "stem", x, 1, train))
        for name, _, _, stride in self.plan:
            y = jax.nn.relu(self.apply(p, new, f"{name}.1", x, stride, train))
            y = self.apply(p, new, f"{name}.2", y, 1, train)
            x = jax.nn.relu(y + (self.apply(p, new, f"{name}.p", x, stride, train) if stride == 2 else x))
        return x.mean((2, 3)) @ p["out.w"].T + p["out.b"]

    def onnx(self) -> None:
        """The file."""
        x = self.emit("Relu", [self.conv("stem", "image")])
        for name, _, _, stride in self.plan:
            y = self.emit("Relu", [self.conv(f"{name}.1", x, stride)])
            y = self.conv(f"{name}.2", y)
            x = self.emit("Relu", [self.emit("Add", [y, self.conv(f"{name}.p", x, stride) if stride == 2 else x])])
        x = self.emit("Flatten", [self.emit("GlobalAveragePool", [x])])
        self.write("digits-resnet", ("image", [1, 32, 32]), self.emit("Gemm", [x, "out.w", "out.b"], transB=1))


WIDE, HEADS, LONG = 48, 4, 16


class Transformer(Net):
    """Two pre-norm blocks over patches of 2x2 pixels, written as exporters of PyTorch models write them."""

    def __init__(self) -> None:
        super().__init__()
        self.weight("embed.w", 4, WIDE, fan=4)
        self.weight("place", LONG, WIDE, fan=WIDE)
        self.params["embed.b"] = jnp.zeros(WIDE)
        for block in "ab":
            for name, c, o in (("q", WIDE, WIDE), ("k", WIDE, WIDE), ("v", WIDE, WIDE), ("o", WIDE, WIDE)):
                self.linear(f"{block}.{name}", c, o)
            self.linear(f"{block}.up", WIDE, 4 * WIDE)
            self.linear(f"{block}.down", 4 * WIDE, WIDE)
            self.norm(f"{block}.n1")
            self.norm(f"{block}.n2")
        self.norm("n")
        self.linear("out", WIDE, 10)

    def linear(self, name: str, c: int, o: int) -> None:
        """Parameters of a MatMul and an Add."""
        self.weight(f"{name}.w", c, o, fan=2 * c)
        self.params[f"{name}.b"] = jnp.zeros(o)

    def norm(self, name: str) -> None:
        """Parameters of a layer normalisation."""
        self.params |= {f"{name}.g": jnp.ones(WIDE), f"{name}.b": jnp.zeros(WIDE)}

    def forward(self, p: Params, new: Params, x: Any, train: bool) -> Any:
        """Logits."""

        def norm(name: str, x: Any) -> Any:
            centred = x - x.mean(-1, keepdims=True)
            return centred / jnp.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5) * p[f"{name}.g"] + p[f"{name}.b"]

        def linear(name: str, x: Any) -> Any:
            return x @ p[f"{name}.w"] + p[f"{name}.b"]

        count = len(x)
        x = x.reshape(count, 4, 2, 4, 2).transpose(0, 1, 3, 2, 4).reshape(count, LONG, 4)
        x = linear("embed", x) + p["place"]
        for block in "ab":
            y = norm(f"{block}.n1", x)
            q, k, v = (
                linear(f"{block}.{name}", y).reshape(count, LONG, HEADS, -1).transpose(0, 2, 1, 3) for name in "qkv"
            )
            weights = jax.nn.softmax(q @ k.transpose(0, 1, 3, 2) / np.sqrt(WIDE / HEADS), axis=-1)
            y = (weights @ v).transpose(0, 2, 1, 3).reshape(count, LONG, WIDE)
            x = x + linear(f"{block}.o", y)
            y = jax.nn.gelu(linear(f"{block}.up", norm(f"{block}.n2", x)), approximate=False)
            x = x + linear(f"{block}.down", y)
        return linear("out", norm("n", x).mean(1))

    def _norm(self, name: str, x: str) -> str:
        centred = self.emit("Sub", [x, self.emit("ReduceMean", [x], axes=[-1])])
        squared = self.emit("Pow", [centred, self.constant(2.0)])
        variance = self.emit("ReduceMean", [squared], axes=[-1])
        root = self.emit("Sqrt", [self.emit("Add", [variance, self.constant(1e-5)])])
        scaled = self.emit("Mul", [self.emit("Div", [centred, root]), f"{name}.g"])
        return self.emit("Add", [scaled, f"{name}.b"])

    def _linear(self, name: str, x: str) -> str:
        return self.emit("Add", [f"{name}.b", self.emit("MatMul", [x, f"{name}.w"])])

    def _shaped(self, x: str, *shape: int) -> str:
        return self.emit("Reshape", [x, self.constant(shape, "int64")])

    def onnx(self) -> None:
        """The file."""
        x = self.emit("Transpose", [self._shaped("image", 0, 4, 2, 4, 2)], perm=[0, 1, 3, 2, 4])
        x = self.emit("Add", [self._linear("embed", self._shaped(x, 0, LONG, 4)), "place"])
        for block in "ab":
            y = self._norm(f"{block}.n1", x)
            q, k, v = (
                self.emit(
                    "Transpose",
                    [self._shaped(self._linear(f"{block}.{name}", y), 0, LONG, HEADS, WIDE // HEADS)],
                    perm=[0, 2, 3, 1] if name == "k" else [0, 2, 1, 3],
                )
                for name in "qkv"
            )
            scores = self.emit("Div", [self.emit("MatMul", [q, k]), self.constant(np.sqrt(WIDE / HEADS))])
            y = self.emit("MatMul", [self.emit("Softmax", [scores], axis=-1), v])
            y = self._shaped(self.emit("Transpose", [y], perm=[0, 2, 1, 3]), 0, LONG, WIDE)
            x = self.emit("Add", [x, self._linear(f"{block}.o", y)])
            y = self._linear(f"{block}.up", self._norm(f"{block}.n2", x))
            error = self.emit("Erf", [self.emit("Div", [y, self.constant(np.sqrt(2))])])
            y = self.emit("Mul", [y, self.emit("Add", [error, self.constant(1.0)])])
            y = self.emit("Mul", [y, self.constant(0.5)])
            x = self.emit("Add", [x, self._linear(f"{block}.down", y)])
        x = self.emit("ReduceMean", [self._norm("n", x)], axes=[1], keepdims=0)
        self.write("digits-transformer", ("image", [8, 8]), self._linear("out", x))


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

    random, total, at = np.random.default_rng(7), epochs * (len(images) // BATCH), 0
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
    """Train all three and print their accuracies."""
    (images, labels), (test, answers) = split()
    for net, shape, epochs in ((Cnn(), (1, 8, 8), 40), (Transformer(), (8, 8), 150), (ResNet(), (1, 32, 32), 12)):
        made, held = (large(x) if shape[-1] == 32 else x.reshape(-1, *shape) for x in (images, test))
        train(net, made, labels, epochs)
        parts = [held[at : at + 60] for at in range(0, len(held), 60)]
        logits = np.concatenate([net.forward(net.params, dict(net.state), part, False) for part in parts])
        print(type(net).__name__, float((logits.argmax(1) == answers).mean()), flush=True)
        net.onnx()


if __name__ == "__main__":
    main()
