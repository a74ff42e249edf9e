"""Accuracy of a template's float model beside its circuit's fixed-point arithmetic: `python bench/zk_accuracy.py`.

The circuit computes with 13 bits after the binary point. Only witnesses are made (the numbers that a proof proves),
for all test images; nothing is proved.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
TEMPLATE = ROOT / "templates" / "digits-mlp"


def main() -> int:
    sys.path.insert(0, str(ROOT))
    from mlm.adapters.ezkl.prover import EzklProver
    from mlm.adapters.onnx.run import OnnxRunner

    model = (TEMPLATE / "model.onnx").read_bytes()
    images = np.load(TEMPLATE / "samples" / "test-images.npy", allow_pickle=False)
    labels = np.array(json.loads((TEMPLATE / "samples" / "labels.json").read_text())["test-images.npy"])
    calibration = np.load(TEMPLATE / "samples" / "calibration.npy", allow_pickle=False)
    runner = OnnxRunner(provider="cpu")
    floats = np.concatenate([runner.run(model, {"image": row[None]}).outputs["logits"] for row in images])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prover = EzklProver(cache_dir=folder / "cache", srs=ROOT / "circuits")
        settings = prover.settings(model, {"image": calibration})
        os.environ["EZKL_REPO_PATH"] = str(folder)
        import ezkl

        rows = []
        with prover.entry(model, settings) as entry:
            for row in images:
                (folder / "data.json").write_text(json.dumps({"input_data": [row.tolist()]}))
                witness = ezkl.gen_witness(
                    str(folder / "data.json"), str(entry.folder / "circuit"), None, str(entry.vk), str(entry.srs)
                )
                values = [int.from_bytes(bytes.fromhex(value), "little") for value in witness["outputs"][0]]
                rows.append(prover.outputs(settings, (0, *values))["logits"][0])  # 0 stands for the input hash
    fixed = np.stack(rows)
    report = {
        "images": len(labels),
        "float accuracy": float((floats.argmax(1) == labels).mean()),
        "circuit accuracy": float((fixed.argmax(1) == labels).mean()),
        "same prediction": float((fixed.argmax(1) == floats.argmax(1)).mean()),
        "largest difference of a logit": float(np.abs(fixed - floats).max()),
    }
    for key, value in report.items():
        print(f"{key}: {value:.4f}" if isinstance(value, float) else f"{key}: {value}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
