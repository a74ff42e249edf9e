"""Train the models of tests/lowering/models, which read handwritten digits: a ResNet, a transformer.

Not run by any test: their files are in the repository. Needs JAX, as the template whose parts this uses:
`python -m venv v && v/bin/pip install jax==0.10.2 scikit-learn onnx && v/bin/python tests/lowering/train.py`.
Seeds are fixed; another processor may round otherwise, and the accuracies in tests/models.toml are of these files.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.lowering.digits import large, split

ROOT = Path(__file__).resolve().parents[2]
_spec = importlib.util.spec_from_file_location("digits_cnn", ROOT / "templates" / "digits-cnn" / "train.py")
digits_cnn: Any = importlib.util.module_from_spec(_spec)  # type: ignore[arg-type]
_spec.loader.exec_module(digits_cnn)  # type: ignore[union-attr]

HERE = Path(__file__).resolve().parent / "models"
Params = dict[str, Any]


class ResNet(digits_cnn.Convolutional):
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

    def file(self) -> bytes:
        """The ONNX file."""
        x = self.emit("Relu", [self.conv("stem", "image")])
        for name, _, _, stride in self.plan:
            y = self.emit("Relu", [self.conv(f"{name}.1", x, stride)])
            y = self.conv(f"{name}.2", y)
            x = self.emit("Relu", [self.emit("Add", [y, self.conv(f"{name}.p", x, stride) if stride == 2 else x])])
        x = self.emit("Flatten", [self.emit("GlobalAveragePool", [x])])
        return self.onnx("digits-resnet", ("image", [1, 32, 32]), self.emit("Gemm", [x, "out.w", "out.b"], transB=1))


WIDE, HEADS, LONG = 48, 4, 16


class Transformer(digits_cnn.Net):
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

    def file(self) -> bytes:
        """The ONNX file."""
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
        return self.onnx("digits-transformer", ("image", [8, 8]), self._linear("out", x))


def main() -> None:
    """Train both and print their accuracies."""
    (images, labels), (test, answers) = split()
    for name, net, shape, epochs in (
        ("digits-transformer", Transformer(), (8, 8), 150),
        ("digits-resnet", ResNet(), (1, 32, 32), 12),
    ):
        made, held = (large(x) if shape[-1] == 32 else x.reshape(-1, *shape) for x in (images, test))
        digits_cnn.train(net, made, labels, epochs)
        parts = [held[at : at + 60] for at in range(0, len(held), 60)]
        logits = np.concatenate([net.forward(net.params, dict(net.state), part, False) for part in parts])
        print(name, float((logits.argmax(1) == answers).mean()), flush=True)
        (HERE / f"{name}.onnx").write_bytes(net.file())


if __name__ == "__main__":
    main()
