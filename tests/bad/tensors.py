"""Input files: NaN, other shapes and types, and containers that lie about what they hold."""

from __future__ import annotations

import io
import json
import os
import zipfile

import numpy as np

from tests.bad.harness import Scene, bad
from tests.bad.shared import TINY, npy


def _input(scene: Scene, content: bytes, name: str = "x.npy") -> None:
    scene.write("tiny.onnx", TINY)
    scene.write(name, content)


def _header(text: str) -> bytes:
    header = text.encode().ljust(118) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header


def _npz(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


@bad("mlm run tiny.onnx x.npy", 4, "'x'", "NaN", "expected finite numbers")
def nan_input(scene: Scene) -> None:
    _input(scene, npy(np.full((1, 16), np.nan, "f4")))


@bad("mlm prove tiny.onnx x.npz", 4, "'x'", "infinity", "expected finite numbers")
def infinite_input(scene: Scene) -> None:
    buffer = io.BytesIO()
    np.savez(buffer, x=np.full((1, 16), np.inf, "f4"))
    _input(scene, buffer.getvalue(), "x.npz")


@bad("mlm run tiny.onnx x.npy", 4, "expected", "[1, 16]", "found", "[1, 17]")
def wrong_shape(scene: Scene) -> None:
    _input(scene, npy(np.ones((1, 17), "f4")))


@bad("mlm run tiny.onnx x.npy", 4, "expected", "[1, 16]", "found", "[]")
def scalar_input(scene: Scene) -> None:
    _input(scene, npy(np.float32(1)))


@bad("mlm run tiny.onnx x.npy", 4, "expected", "[1, 16]", "found", "[0, 16]")
def input_without_rows(scene: Scene) -> None:
    _input(scene, npy(np.ones((0, 16), "f4")))


@bad("mlm prove tiny.onnx x.npy", 4, "expected float32", "found float64")
def double_precision_input(scene: Scene) -> None:
    _input(scene, npy(np.ones((1, 16), "f8")))


@bad("mlm run tiny.onnx x.npy", 4, "expected float32", "found bool")
def bool_input(scene: Scene) -> None:
    _input(scene, npy(np.ones((1, 16), bool)))


@bad("mlm run tiny.onnx x.npy", 4, "expected one of", "complex64")
def complex_input(scene: Scene) -> None:
    _input(scene, npy(np.ones((1, 16), "c8")))


@bad("mlm run tiny.onnx x.npz", 4, "expected", "'x'", "found", "'y'")
def input_by_another_name(scene: Scene) -> None:
    _input(scene, _npz(**{"y.npy": npy(np.ones((1, 16), "f4"))}), "x.npz")


@bad("mlm run tiny.onnx x.npz", 4, "expected", "'x'", "found")
def one_input_too_many(scene: Scene) -> None:
    one = npy(np.ones((1, 16), "f4"))
    _input(scene, _npz(**{"x.npy": one, "y.npy": one}), "x.npz")


@bad("mlm run tiny.onnx x.npy", 4, "object", "expected one of")
def pickled_input(scene: Scene) -> None:
    buffer = io.BytesIO()
    np.save(buffer, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    _input(scene, buffer.getvalue())


@bad("mlm run tiny.onnx x.npy", 4, "takes 4000000000000000000 bytes", "found 64")
def huge_shape_in_a_small_file(scene: Scene) -> None:
    _input(scene, _header("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000, 1000000000)}") + b"\0" * 64)


@bad("mlm run tiny.onnx x.npy", 4, "not a .npy array")
def truncated_npy(scene: Scene) -> None:
    _input(scene, npy(np.ones((1, 16), "f4"))[:40])


@bad("mlm run tiny.onnx x.npy", 4, "takes 64 bytes", "found 60")
def npy_cut_short(scene: Scene) -> None:
    _input(scene, npy(np.ones((1, 16), "f4"))[:-4])


@bad("mlm run tiny.onnx x.npy", 4, "not a .npy array")
def empty_input(scene: Scene) -> None:
    _input(scene, b"")


@bad("mlm run tiny.onnx x.npz", 4, "too large", "4294967280 bytes")
def zip_bomb(scene: Scene) -> None:
    """A directory that declares four gigabytes for a member of a few bytes."""
    data = bytearray(_npz(**{"x.npy": b"\0" * 1000}))
    at = data.rindex(b"PK\x01\x02")
    data[at + 24 : at + 28] = (0xFFFFFFF0).to_bytes(4, "little")
    _input(scene, bytes(data), "x.npz")


@bad("mlm run tiny.onnx x.npz", 4, "not a .npz archive")
def damaged_npz(scene: Scene) -> None:
    data = bytearray(_npz(**{"x.npy": npy(np.random.default_rng(1).random((1, 16)).astype("f4"))}))
    data[60] ^= 0xFF
    _input(scene, bytes(data), "x.npz")


@bad("mlm run tiny.onnx x.json", 4, "not JSON")
def json_without_end(scene: Scene) -> None:
    _input(scene, b"[" * 100_000, "x.json")


@bad("mlm run tiny.onnx x.json", 4, "not JSON")
def nan_in_json(scene: Scene) -> None:
    _input(scene, b'{"x": [[NaN]]}', "x.json")


@bad("mlm run tiny.onnx x.json", 4, "tensor 'x'", "inhomogeneous")
def ragged_json(scene: Scene) -> None:
    _input(scene, b'{"x": [[1, 2], [3]]}', "x.json")


@bad("mlm run tiny.onnx x.json", 4, "tensor 'x'", "expected nested lists of numbers")
def text_in_json(scene: Scene) -> None:
    _input(scene, json.dumps({"x": [["one"] * 16]}).encode(), "x.json")


@bad("mlm run tiny.onnx x.csv", 2, "expected a file that ends in .npy, .npz, .json", "'.csv'")
def unknown_suffix(scene: Scene) -> None:
    _input(scene, b"1,2,3\n", "x.csv")


@bad("mlm run tiny.onnx x.npy", 5, "x.npy", "expected a regular file")
def folder_in_place_of_an_input(scene: Scene) -> None:
    scene.write("tiny.onnx", TINY)
    (scene.folder / "x.npy").mkdir()


@bad("mlm run tiny.onnx x.npy", 5, "x.npy", "expected a regular file")
def pipe_in_place_of_an_input(scene: Scene) -> None:
    scene.write("tiny.onnx", TINY)
    os.mkfifo(scene.folder / "x.npy")


@bad("mlm run tiny.onnx x.npy", 5, "x.npy", "expected a regular file")
def device_without_end_in_place_of_an_input(scene: Scene) -> None:
    scene.write("tiny.onnx", TINY)
    (scene.folder / "x.npy").symlink_to("/dev/zero")


@bad("mlm run tiny.onnx x.npy", 3, "no such file: x.npy")
def input_that_is_not_there(scene: Scene) -> None:
    scene.write("tiny.onnx", TINY)


@bad("mlm run tiny.onnx x.npy", 4, "expected at most", "x.npy")
def input_of_eight_gigabytes(scene: Scene) -> None:
    scene.write("tiny.onnx", TINY)
    path = scene.write("x.npy", b"")
    os.truncate(path, 1 << 33)  # sparse: it costs nobody anything


@bad("mlm run tiny.onnx x.npy -o out.csv", 2, "expected a file that ends in .npy, .npz, .json", "'.csv'")
def unknown_suffix_of_the_output(scene: Scene) -> None:
    _input(scene, npy(np.ones((1, 16), "f4")))


@bad("mlm run tiny.onnx x.npy -o no/out.npy", 5, "cannot write", "no/out.npy")
def output_into_a_folder_that_is_not_there(scene: Scene) -> None:
    _input(scene, npy(np.ones((1, 16), "f4")))
