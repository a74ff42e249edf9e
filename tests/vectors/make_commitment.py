"""Write tests/vectors/commitment.json from the proof fixtures, with eth_abi. Run it from anywhere.

It shares no code with mlm.core.commitment, so that the vectors test it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from eth_abi.abi import encode
from eth_utils.crypto import keccak

ROOT = Path(__file__).resolve().parent.parent.parent
VERSION = keccak(text="a version")


def _packed(values: list[int]) -> bytes:
    return keccak(b"".join(value.to_bytes(32, "big") for value in values))


def _vector(name: str, case: dict[str, Any]) -> dict[str, str]:
    vka, instances = ([int(value, 16) for value in case[key]] for key in ("vka", "instances"))
    inputs = case["inputs"]
    root = _packed(instances[:inputs])
    key = encode(["bytes32", "bytes32", "uint256"], [keccak(text="mlm/zk-key/1"), _packed(vka), inputs])
    types = ["bytes32", "uint8", "uint8", "bytes32", "bytes32"]
    commitment = encode(types, [keccak(text="mlm/in/1"), 1, 1, VERSION, root])
    output = encode(["bytes32", "bytes32"], [keccak(text="mlm/out/1"), _packed(instances[inputs:])])
    values = {
        "vkaDigest": _packed(vka),
        "zkKey": keccak(key),
        "inputRoot": root,
        "versionId": VERSION,
        "inputCommitment": keccak(commitment),
        "outputCommitment": keccak(output),
    }
    return {"case": name, **{label: "0x" + value.hex() for label, value in values.items()}}


def _tensors() -> dict[str, str]:
    """The root of a block of tensors under a salt, and what the tier none commits to with it."""
    block, salt = b"a block of tensors, whatever is in it", keccak(text="a salt")
    root = keccak(encode(["bytes32", "bytes32", "bytes32"], [keccak(text="mlm/tensors-root/1"), salt, keccak(block)]))
    types = ["bytes32", "uint8", "uint8", "bytes32", "bytes32"]
    values = {
        "block": block,
        "salt": salt,
        "root": root,
        "versionId": VERSION,
        "inputCommitment": keccak(encode(types, [keccak(text="mlm/in/1"), 0, 2, VERSION, root])),
        "outputCommitment": keccak(encode(["bytes32", "bytes32"], [keccak(text="mlm/out/1"), root])),
    }
    return {label: "0x" + value.hex() for label, value in values.items()}


def main() -> None:
    cases = json.loads((ROOT / "devnet" / "test" / "fixtures" / "zk.json").read_text())["cases"]
    vectors = [_vector(*item) for item in cases.items()]
    document = {"format": "mlm/vectors/commitment/1", "cases": vectors, "tensors": _tensors()}
    (ROOT / "tests" / "vectors" / "commitment.json").write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
