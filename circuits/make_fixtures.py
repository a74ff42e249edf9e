"""Write circuits/Halo2Verifier.sol and the real proofs that Solidity and Python tests share.

A plain script: `python circuits/make_fixtures.py` from the repository's root. Proofs are randomised, so their bytes
differ from run to run; keys, instances and the verifier's source do not. `ownSrs` is a true proof under a secret that
is not the devnet's: what a forger who knows his own secret could produce at will.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
CIRCUITS = ROOT / "circuits"
OUT = ROOT / "devnet" / "test" / "fixtures" / "zk.json"


def tiny_model(seed: int) -> bytes:
    """A 16-8-4 perceptron with random weights: ONNX bytes. Every seed gives the same architecture."""
    from onnx import TensorProto, checker, helper, numpy_helper

    draw = np.random.default_rng(seed)
    weights = {
        "w1": draw.normal(size=(16, 8)) / 4,
        "b1": draw.normal(size=8) / 4,
        "w2": draw.normal(size=(8, 4)) / 3,
        "b2": draw.normal(size=4) / 4,
    }
    graph = helper.make_graph(
        [
            helper.make_node("Gemm", ["x", "w1", "b1"], ["h"]),
            helper.make_node("Relu", ["h"], ["r"]),
            helper.make_node("Gemm", ["r", "w2", "b2"], ["y"]),
        ],
        "tiny",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 16])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 4])],
        [numpy_helper.from_array(value.astype(np.float32), name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], producer_name="mlm", ir_version=8)
    checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString(deterministic=True))


def tiny_input(seed: int) -> dict[str, np.ndarray]:
    return {"x": np.random.default_rng(seed).random((1, 16)).astype(np.float32)}


def write_verifier(prover: Any, onnx: bytes, settings: bytes) -> None:
    """ezkl writes the source and then fails for want of a compiler, which we do not need."""
    import ezkl

    entry = prover.entry(onnx, settings)
    target = CIRCUITS / "Halo2Verifier.sol"
    target.unlink(missing_ok=True)

    async def generate() -> None:
        try:
            await ezkl.create_evm_verifier(
                str(entry.vk), str(entry.settings), str(target), os.devnull, str(entry.srs), True
            )
        except RuntimeError:
            if not target.exists():
                raise

    asyncio.run(generate())


def case(prover: Any, onnx: bytes, settings: bytes, inputs: dict[str, np.ndarray]) -> dict[str, Any]:
    circuit = prover.circuit(onnx, settings)
    proof = prover.prove(onnx, settings, inputs)
    return {
        "k": circuit.k,
        "vka": [f"0x{word:064x}" for word in circuit.vka],
        "inputs": circuit.inputs,
        "proof": "0x" + proof.proof.hex(),
        "instances": [f"0x{value:064x}" for value in proof.instances],
    }


def fresh_srs(folder: Path) -> Callable[[int], Path]:
    import ezkl

    def locate(k: int) -> Path:
        path = folder / f"own-k{k}.srs"
        if not path.exists():
            ezkl.gen_srs(str(path), k)
        return path

    return locate


def main() -> None:
    sys.path.insert(0, str(ROOT))
    from mlm.adapters.ezkl.prover import EzklProver

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prover = EzklProver(cache_dir=folder / "cache", srs=CIRCUITS)
        own = EzklProver(cache_dir=folder / "own", srs=fresh_srs(folder))
        good, other = tiny_model(1), tiny_model(2)
        settings = prover.settings(good, tiny_input(0))
        write_verifier(prover, good, settings)
        cases = {
            "good": case(prover, good, settings, tiny_input(1)),
            "otherInput": case(prover, good, settings, tiny_input(2)),
            "otherModel": case(prover, other, settings, tiny_input(1)),
            "ownSrs": case(own, good, settings, tiny_input(1)),
        }
        digits = ROOT / "templates" / "digits-mlp"
        if (digits / "model.onnx").exists():
            model = (digits / "model.onnx").read_bytes()
            batch = np.load(digits / "samples" / "calibration.npy", allow_pickle=False)
            image = np.load(digits / "samples" / "images.npy", allow_pickle=False)[:1]
            cases["digits"] = case(prover, model, prover.settings(model, {"image": batch}), {"image": image})
    points = json.loads((CIRCUITS / "srs.json").read_text())["points"]
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps({"srsPoints": points, "cases": cases}, indent=1) + "\n")


if __name__ == "__main__":
    main()
