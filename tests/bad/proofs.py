"""Proofs that are false, of something else, or made with other parameters; and the files that proving needs."""

from __future__ import annotations

import json
import os
from typing import Any

import ezkl

from mlm.core.proof import FIELD
from mlm.resources import path as resource
from tests.bad.harness import Scene, bad
from tests.bad.shared import FIXTURES, OTHER, TINY, TINY_INPUT

VERIFY = "mlm verify p.json --model tiny.onnx"
FALSE = "verification_failed"


def _proof(scene: Scene, **changes: Any) -> None:
    """The session's true proof with some fields changed."""
    scene.write("tiny.onnx", TINY)
    scene.write("p.json", json.dumps({**scene.shared.proof, **changes}))


def _flipped(text: str, at: int) -> str:
    """0x-hex with one bit of a byte flipped."""
    data = bytearray.fromhex(text[2:])
    data[at] ^= 1
    return "0x" + data.hex()


@bad(VERIFY, 1, "p.json", "the proof is true", error=FALSE)
def proof_with_a_flipped_byte(scene: Scene) -> None:
    _proof(scene, proof=_flipped(scene.shared.proof["proof"], 40))


@bad(VERIFY, 1, "p.json", "the proof is true", error=FALSE)
def wrong_instances(scene: Scene) -> None:
    words = scene.shared.proof["instances"]
    _proof(scene, instances=[*words[:-1], f"0x{int(words[-1], 16) ^ 1:064x}"])


@bad(VERIFY, 1, "the circuit has 5 instances", "found 4", error=FALSE)
def an_instance_too_few(scene: Scene) -> None:
    _proof(scene, instances=scene.shared.proof["instances"][:-1])


@bad(VERIFY, 4, "outside the scalar field", "expected instances below")
def an_instance_beyond_the_field(scene: Scene) -> None:
    """Instances are numbers of a field: adding its size would name the same number twice."""
    words = scene.shared.proof["instances"]
    _proof(scene, instances=[*words[:-1], f"0x{int(words[-1], 16) + FIELD:064x}"])


@bad(VERIFY, 1, "a proof of this model has", "bytes, found", error=FALSE)
def bytes_after_the_proof(scene: Scene) -> None:
    _proof(scene, proof=scene.shared.proof["proof"] + "00")


@bad(VERIFY, 1, "a proof of this model has", "found 0", error=FALSE)
def empty_proof(scene: Scene) -> None:
    _proof(scene, proof="0x")


@bad(VERIFY, 1, "the proof is of this model", "expected 0x", "found 0x", error=FALSE)
def proof_of_another_model_of_the_same_size(scene: Scene) -> None:
    _proof(scene)
    scene.write("tiny.onnx", OTHER)


@bad(VERIFY, 1, "the proof is true", error=FALSE)
def key_of_another_model_of_the_same_size(scene: Scene) -> None:
    """The file claims this model, and its proof is true under the key of another with the same architecture."""
    other = FIXTURES["otherModel"]
    _proof(scene, proof=other["proof"], instances=other["instances"])


@bad(VERIFY, 1, "the proof is true", error=FALSE)
def proof_under_a_secret_of_the_provers_own(scene: Scene) -> None:
    own = FIXTURES["ownSrs"]
    _proof(scene, proof=own["proof"], instances=own["instances"])


@bad(VERIFY, 1, "the proof is true", error=FALSE)
def proof_of_another_input(scene: Scene) -> None:
    words = scene.shared.proof["instances"]
    _proof(scene, instances=[FIXTURES["otherInput"]["instances"][0], *words[1:]])


@bad(VERIFY, 4, "expected a proof file", "found")
def truncated_proof_file(scene: Scene) -> None:
    _proof(scene)
    text = (scene.folder / "p.json").read_bytes()
    scene.write("p.json", text[: len(text) // 2])


@bad(VERIFY, 4, "expected a proof file", "found no JSON")
def proof_file_nested_without_end(scene: Scene) -> None:
    _proof(scene)
    scene.write("p.json", b'{"a":' * 100_000)


@bad(VERIFY, 4, "expected a proof file of format mlm/proof/1", "found 'mlm/proof/9'")
def proof_file_of_an_unknown_version(scene: Scene) -> None:
    _proof(scene, format="mlm/proof/9")


@bad(VERIFY, 4, "expected at most 1048576 bytes", "p.json")
def proof_file_without_end(scene: Scene) -> None:
    _proof(scene)
    os.truncate(scene.folder / "p.json", 1 << 33)


@bad(VERIFY, 1, "input_scale", error=FALSE)
def settings_that_round_every_input_to_zero(scene: Scene) -> None:
    settings = json.loads(scene.shared.proof["settings"])
    text = json.dumps(settings).replace('"input_scale": 7', '"input_scale": 0')
    settings = json.loads(text)
    settings["ezkl"]["run_args"]["input_scale"] = 0
    _proof(scene, settings=json.dumps(settings, sort_keys=True, separators=(",", ":")))


@bad("mlm verify p.json", 2, "a proof file is checked against a model", hint="--model")
def proof_without_a_model(scene: Scene) -> None:
    _proof(scene)


@bad("mlm verify p.json --model tiny.onnx", 3, "no such file: p.json")
def proof_file_that_is_not_there(scene: Scene) -> None:
    scene.write("tiny.onnx", TINY)


def _srs(scene: Scene, content: bytes | None) -> None:
    """A folder of SRS files in which that of the tiny model is this."""
    scene.write("tiny.onnx", TINY)
    scene.write("x.npy", TINY_INPUT)
    folder = scene.folder / "srs"
    folder.mkdir()
    for file in resource("circuits").glob("k*.srs"):
        if file.name != TINY_SRS:
            (folder / file.name).symlink_to(file)
        elif content is not None:
            (folder / file.name).write_bytes(content)
    scene.env["MLM_SRS"] = str(folder)


TINY_SRS = f"k{FIXTURES['good']['k']}.srs"
GOOD_SRS = (resource("circuits") / TINY_SRS).read_bytes()


@bad("mlm prove tiny.onnx x.npy -o out.json", 3, "no SRS for a circuit", TINY_SRS, hint="Put the network's")
def missing_srs(scene: Scene) -> None:
    _srs(scene, None)


@bad("mlm prove tiny.onnx x.npy -o out.json", 4, TINY_SRS, f"{len(GOOD_SRS)} bytes", "found 1000")
def truncated_srs(scene: Scene) -> None:
    _srs(scene, GOOD_SRS[:1000])


@bad("mlm prove tiny.onnx x.npy -o out.json", 4, TINY_SRS, "says k = 20", "expected")
def srs_of_another_size(scene: Scene) -> None:
    _srs(scene, (20).to_bytes(4, "little") + GOOD_SRS[4:])


@bad("mlm prove tiny.onnx x.npy -o out.json", 4, "expected an SRS", "damaged")
def corrupt_srs(scene: Scene) -> None:
    """The right size, and points that lie on no curve."""
    _srs(scene, GOOD_SRS[:4] + bytes(byte ^ 0x5A for byte in GOOD_SRS[4:]))


@bad("mlm prove alice/digits-mlp x.npy -o out.json", 1, "the chain holds the zk key", "its files give", error=FALSE)
def own_srs(scene: Scene) -> None:
    """Whoever makes an SRS knows its secret, and can prove anything under it."""
    folder = scene.folder / "srs"
    folder.mkdir()
    ezkl.gen_srs(str(folder / "k12.srs"), 12)
    scene.write("x.npy", scene.shared.digit)
    scene.env["MLM_SRS"] = str(folder)


@bad("mlm prove tiny.onnx x.npy -o out.json", 11, "memory", "64 MB", hint="prover.memory_mb")
def proof_beyond_its_memory(scene: Scene) -> None:
    scene.write("tiny.onnx", TINY)
    scene.write("x.npy", TINY_INPUT)
    scene.env["MLM_PROVER_MEMORY_MB"] = "64"


@bad("mlm prove tiny.onnx x.npy -o out.json", 11, "limit of 0.01 s", hint="prover.timeout")
def proof_beyond_its_time(scene: Scene) -> None:
    scene.write("tiny.onnx", TINY)
    scene.write("x.npy", TINY_INPUT)
    scene.env["MLM_PROVER_TIMEOUT"] = "0.01"
