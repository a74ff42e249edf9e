"""What becomes of whole models: `python -m bench.lowering [MODEL…]` prints the table of docs/lowering.md §5.

The models are those of tests/models.toml, fetched where a package ships them; the data are the tests' own.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

from mlm.ports.lowering import Report

ROOT = Path(__file__).resolve().parent.parent
HEAD = ("model", "nodes", "million multiplications", "accuracy before", "accuracy after", "same answer")


def report(model: dict[str, Any], cache: Path) -> Report:
    """Of a model of tests/models.toml; `cache` is a folder for wheels."""
    from mlm.adapters.exact.lower.report import lowered
    from tests.lowering.packaged import read, samples

    onnx, wheel = read(model, cache)
    with tempfile.TemporaryDirectory() as folder:
        return lowered(onnx, samples(model, wheel), Path(folder)).report


def row(model: dict[str, Any], found: Report) -> tuple[str, ...]:
    """The model's row, below HEAD."""
    millions = found.macs / 1e6
    before, after = (_percent(share) for share in (found.accuracy_before, found.accuracy_after))
    shown = f"{millions:.1f}" if millions >= 0.1 else f"{millions:.3f}"
    return model["title"], str(found.nodes), shown, before, after, _percent(found.same_answer)


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.2f} %"


def line(cells: tuple[str, ...]) -> str:
    """A row of a table as the page has it."""
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Measure and print."""
    sys.path.insert(0, str(ROOT))
    from tests.lowering.packaged import MODELS

    parser = argparse.ArgumentParser(prog="python -m bench.lowering", description=__doc__)
    names = [model["name"] for model in MODELS]
    parser.add_argument("models", nargs="*", choices=[*names, []], metavar="MODEL", help=", ".join(names))
    chosen = parser.parse_args().models or names
    print(line(HEAD))
    print(line(("---", *["---:"] * (len(HEAD) - 1))))
    with tempfile.TemporaryDirectory() as cache:
        for model in MODELS:
            if model["name"] in chosen:
                print(line(row(model, report(model, Path(cache)))), flush=True)


if __name__ == "__main__":
    main()
