"""`mlm prove` on the template's model beside the same steps of ezkl called one after another in one Python process.

    python -m bench.proving FOLDER first|again     (the peer: prove with what FOLDER holds, made first if need be)

The first proof calibrates, compiles and makes the keys; the second finds them. Both verify what they made.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from functools import cache
from pathlib import Path

from bench.benchmark import Benchmark, Figure
from bench.timing import MLM, PYTHON, ROOT, Took, by_turns, command, cpu, ratio

TEMPLATE = ROOT / "templates" / "digits-mlp"
REPEAT = 3


def plain(folder: Path, again: bool) -> None:
    """What a user of ezkl writes, with the arguments that mlm gives it."""
    os.environ["EZKL_REPO_PATH"] = str(folder)
    os.chdir(folder)
    import ezkl
    import numpy as np

    model, srs = str(TEMPLATE / "model.onnx"), ROOT / "circuits"

    def data(name: str, path: str) -> str:
        Path(path).write_text(json.dumps({"input_data": [np.load(TEMPLATE / "samples" / name).ravel().tolist()]}))
        return path

    if not again:
        args = ezkl.PyRunArgs()
        args.input_visibility, args.output_visibility, args.param_visibility = "hashed", "public", "fixed"
        args.decomp_base, args.decomp_legs = 1024, 3
        ezkl.gen_settings(model, "settings.json", args)
        sample = data("calibration.npy", "calibration.json")
        ezkl.calibrate_settings(sample, model, "settings.json", "resources", scales=[13])
        ezkl.compile_circuit(model, "circuit", "settings.json")
        k = json.loads(Path("settings.json").read_text())["run_args"]["logrows"]
        ezkl.setup("circuit", "vk", "pk", str(srs / f"k{k}.srs"))
    k = json.loads(Path("settings.json").read_text())["run_args"]["logrows"]
    key = str(srs / f"k{k}.srs")
    ezkl.gen_witness(data("digit.npy", "data.json"), "circuit", "witness.json", "vk", key)
    ezkl.prove("witness.json", "circuit", "pk", "proof.json", key)
    if not ezkl.verify("proof.json", "settings.json", "vk", key, False):
        raise RuntimeError("the peer's proof does not verify")


@cache
def _times() -> dict[str, list[Took]]:
    """First and second proofs of both, by turns; each first one in a folder of its own."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        shutil.copytree(TEMPLATE, root / "project")

        def mlm(again: bool) -> Took:
            if not again:
                shutil.rmtree(root / "home", ignore_errors=True)
            words = [*MLM, "prove", ".", "samples/digit.npy", "-o", "proof.json"]
            return command(words, root / "project", {"MLM_HOME": str(root / "home")})

        def peer(again: bool) -> Took:
            if not again:
                shutil.rmtree(root / "ezkl", ignore_errors=True)
                (root / "ezkl").mkdir()
            return command([*PYTHON, "-m", "bench.proving", str(root / "ezkl"), "again" if again else "first"])

        calls = [lambda side=side, again=again: side(again) for again in (False, True) for side in (mlm, peer)]
        names = ("mlm, first", "ezkl, first", "mlm, second", "ezkl, second")
        return dict(zip(names, by_turns(REPEAT, *calls), strict=True))


BENCHMARKS = tuple(
    benchmark
    for which in ("first", "second")
    for benchmark in (
        Benchmark(
            f"prove: {which} proof",
            "x",
            lambda which=which: ratio(cpu(_times()[f"mlm, {which}"]), cpu(_times()[f"ezkl, {which}"])),
            peer="plain ezkl calls",
            most=1.05,
        ),
        Benchmark(
            f"prove: {which} proof, seconds", "s", lambda which=which: Figure.best(cpu(_times()[f"mlm, {which}"]))
        ),
    )
)

if __name__ == "__main__":
    plain(Path(sys.argv[1]), sys.argv[2] == "again")
