"""What a paid call adds to a free one, part by part: microseconds of a processor, alone and beside busy cores.

    python -m bench.serving_parts

The call is one of the CNN's (12 KiB in, 224 bytes out); `beside` multiplies matrices on every core meanwhile, as the
model's child does. SHA-256 of the input, which no call takes, says how much of a difference is the machine's.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import numpy as np

from mlm.adapters.chain.typed import recover_digest, sign_digest
from mlm.adapters.onnx.tensors import NumpyTensorCodec
from mlm.core import channel, served
from mlm.core.channel import SignedVoucher, Voucher, decode_header, encode_header, request_digest
from mlm.core.commitment import NO_SALT, commit_outputs, tensors_root, unverified_input_commitment
from mlm.core.eip712 import Signable
from mlm.core.serve_journal import CallRecord, encode
from mlm.core.served import ANY, ServedResult, header

REPEATS, TIMES = 41, 50
KEY, CONTRACT, WORD = b"\x11" * 32, "0x" + "c0" * 20, "0x" + "ab" * 32
BUSY = "import numpy as np\na = np.ones((512, 512), np.float32)\nwhile True: a @ a"


def parts() -> dict[str, Callable[[], object]]:
    """Each part by its name, as a call of the CNN takes it."""
    codec, version = NumpyTensorCodec(), bytes.fromhex(WORD[2:])
    inputs = {"x": np.random.default_rng(1).normal(size=(1, 3, 32, 32)).astype(np.float32)}
    outputs = {"y": np.zeros((1, 56, 1, 1), np.float32)}
    block, answer = codec.to_block(inputs), codec.to_block(outputs)
    given = "0x" + unverified_input_commitment(version, tensors_root(NO_SALT, block)).hex()
    vouchers = Signable(channel.domain(1, CONTRACT), channel.TYPES)
    results = Signable(served.domain(1, CONTRACT), served.TYPES)
    bare = Voucher(WORD, 10, 1, request_digest(WORD, 1, WORD, given))
    signed = SignedVoucher(bare, sign_digest(KEY, vouchers.digest(bare.members)))
    text = encode_header(signed)
    result = ServedResult(WORD, 1, bare.request, WORD, given, given, ANY, 1)
    whole = result.signed(sign_digest(KEY, results.digest(result.members)))
    record = CallRecord(10, 10, whole, signed.signature, 1, answer)
    return {
        "read the voucher's header": lambda: decode_header(text),
        "the input's block": lambda: codec.to_block(inputs),
        "keccak256 of it, its root": lambda: tensors_root(NO_SALT, block),
        "commitment, request": lambda: (
            unverified_input_commitment(version, version),
            request_digest(WORD, 1, WORD, given),
        ),
        "recover the payer": lambda: recover_digest(vouchers.digest(bare.members), signed.signature),
        "the output's commitment": lambda: commit_outputs(tensors_root(NO_SALT, codec.to_block(outputs))),
        "sign the result": lambda: sign_digest(KEY, results.digest(result.members)),
        "the journal's record": lambda: encode(record),
        "write the result's header": lambda: header(whole.to_json()),
        "(SHA-256 of the input)": lambda: hashlib.sha256(block).digest(),
    }


def took(part: Callable[[], object]) -> float:
    """Microseconds of a processor, the median of the repetitions."""
    found = []
    for _ in range(REPEATS):
        began = time.process_time()
        for _ in range(TIMES):
            part()
        found.append((time.process_time() - began) / TIMES * 1e6)
    return statistics.median(found)


@contextlib.contextmanager
def busy() -> Iterator[None]:
    """A process for each core that multiplies matrices."""
    env = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    others = [subprocess.Popen([sys.executable, "-c", BUSY], env=env) for _ in range(os.cpu_count() or 1)]
    try:
        time.sleep(1.0)
        yield
    finally:
        for each in others:
            each.kill()
            each.wait()


def main() -> None:
    """Print both columns, and their sums."""
    found = parts()
    alone = {name: took(part) for name, part in found.items()}
    with busy():
        beside = {name: took(part) for name, part in found.items()}
    print(f"{'':28} {'alone':>7} {'beside':>7}  microseconds (load before: {os.getloadavg()[0]:.1f})")
    for name in found:
        print(f"{name:28} {alone[name]:7.1f} {beside[name]:7.1f}")
    sums = [sum(value for name, value in each.items() if not name.startswith("(")) for each in (alone, beside)]
    print(f"{'sum':28} {sums[0]:7.1f} {sums[1]:7.1f}")


if __name__ == "__main__":
    main()
