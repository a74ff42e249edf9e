"""Write tests/vectors/tee.json from the definitions in docs/tee.md, with eth_abi and eth_account. Run it from anywhere.

It shares no code with mlm.core.tee, so that the vectors test it, and devnet/contracts/TeeVerifier.sol.
"""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

from eth_abi.abi import encode
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_utils.crypto import keccak

ROOT = Path(__file__).resolve().parent.parent.parent
STATUSES = (
    "UpToDate",
    "SWHardeningNeeded",
    "ConfigurationNeeded",
    "ConfigurationAndSWHardeningNeeded",
    "OutOfDate",
    "OutOfDateConfigurationNeeded",
    "Revoked",
)
KINDS = ("sgx", "tdx", "snp", "nitro")
SIZES = {"sgx": (32, 32), "tdx": (48,) * 5, "snp": (48,), "nitro": (48,) * 3}
CHAIN, MARKET, VERIFIER = 31337, "0x" + "11" * 20, "0x" + "22" * 20
PROVIDER = "0x" + "33" * 20
JOB, VERSION = keccak(text="a job"), keccak(text="a version")
MODEL = sha256(b"the bytes of a model").digest()
FIELDS = [
    ("jobId", "bytes32"),
    ("reportData", "bytes32"),
    ("quoteDigest", "bytes32"),
    ("measurement", "bytes32"),
    ("kind", "uint8"),
    ("status", "uint8"),
    ("simulated", "bool"),
    ("checkedAt", "uint64"),
]
TUPLE = f"({','.join(kind for _, kind in FIELDS)})"
RESULT = f"({TUPLE},bytes32,bytes32[],uint256,uint256,bytes32,bytes[])"
# The curve's own point (FIPS 186-5): a public key of P-256 that everybody knows.
X = 0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296
Y = 0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5
P = 2**256 - 2**224 + 2**192 + 2**96 - 1  # of the field


def _hex(value: Any) -> Any:
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, dict):
        return {name: _hex(each) for name, each in value.items()}
    return [_hex(each) for each in value] if isinstance(value, (list, tuple)) else value


def _registers(kind: str, seed: int) -> list[bytes]:
    return [bytes([16 * seed + at]) * size for at, size in enumerate(SIZES[kind], 1)]


def _measurement(kind: str, registers: list[bytes]) -> bytes:
    number = KINDS.index(kind) + 1
    return keccak(
        encode(["bytes32", "uint8", "bytes"], [keccak(text="mlm/measurement/1"), number, b"".join(registers)])
    )


def _policy(statuses: list[str], kinds: list[str], simulated: bool, age: int) -> dict[str, Any]:
    bits = ["0"] * 256
    for status in statuses:
        bits[STATUSES.index(status)] = "1"
    for kind in kinds:
        bits[8 + KINDS.index(kind)] = "1"
    bits[15] = "1" if simulated else "0"
    bits[16:48] = reversed(f"{age:032b}")
    word = int("".join(reversed(bits)), 2).to_bytes(32, "big")
    return {"statuses": statuses, "kinds": kinds, "simulated": simulated, "maxAge": age, "word": word}


def _bad_policies() -> list[dict[str, Any]]:
    good = 1 | 1 << 8
    cases = {
        "nothing": 0,
        "no status": 1 << 8,
        "no kind": 1,
        "Revoked": good | 1 << 6,
        "bit 7": good | 1 << 7,
        "bit 12": good | 1 << 12,
        "bit 13": good | 1 << 13,
        "bit 14": good | 1 << 14,
        "bit 48": good | 1 << 48,
        "bit 255": good | 1 << 255,
    }
    return [{"case": name, "word": word.to_bytes(32, "big")} for name, word in cases.items()]


def _provider_key(provider: str, x: int, y: int) -> bytes:
    return keccak(encode(["address", "uint256", "uint256"], [provider, x, y]))


def _result(case: str, x: int, y: int, kind: str, status: int, simulated: bool, signers: int) -> dict[str, Any]:
    block, salt = b"a block of output tensors", keccak(text="a salt of outputs")
    root = keccak(encode(["bytes32"] * 3, [keccak(text="mlm/tensors-root/1"), salt, keccak(block)]))
    output = keccak(encode(["bytes32", "bytes32"], [keccak(text="mlm/out/1"), root]))
    given = keccak(
        encode(["bytes32", "uint8", "uint8", "bytes32", "bytes32"], [keccak(text="mlm/in/1"), 3, 2, VERSION, root])
    )
    provider = _provider_key(PROVIDER, x, y)
    data = keccak(
        encode(
            ["bytes32", "uint256", "address", "bytes32", "bytes32", "bytes32", "bytes32", "bytes32"],
            [keccak(text="mlm/tee/1"), CHAIN, MARKET, JOB, MODEL, given, output, provider],
        )
    )
    registers = _registers(kind, 1)
    measured = _measurement(kind, registers)
    listed = sorted([measured, _measurement(kind, _registers(kind, 2))])
    array = keccak(encode(["bytes32[]"], [listed]))
    key = keccak(encode(["bytes32"] * 3, [keccak(text="mlm/tee-key/1"), MODEL, array]))
    quote = f"a quote of {kind}".encode()
    values = (JOB, data, sha256(quote).digest(), measured, KINDS.index(kind) + 1, status, simulated, 1_700_000_000)
    typed = encode_typed_data(
        {"name": "mlm TeeVerifier", "version": "1", "chainId": CHAIN, "verifyingContract": VERIFIER},
        {"Attestation": [{"name": name, "type": of} for name, of in FIELDS]},
        dict(zip((name for name, _ in FIELDS), values, strict=True)),
    )
    keys = sorted(
        (Account.from_key(keccak(text=f"attester {at}")) for at in range(signers)), key=lambda a: a.address.lower()
    )
    signatures = [bytes(Account.sign_message(typed, account.key).signature) for account in keys]
    encoded = encode([RESULT], [(values, MODEL, listed, x, y, root, signatures)])
    return {
        "case": case,
        "inputCommitment": given,
        "root": root,
        "outputCommitment": output,
        "x": x.to_bytes(32, "big"),
        "y": y.to_bytes(32, "big"),
        "providerKey": provider,
        "reportData": data,
        "measurements": listed,
        "key": key,
        "quote": quote,
        "attestation": dict(zip((name for name, _ in FIELDS), values, strict=True)),
        "structHash": typed.body,
        "digest": keccak(b"\x19" + typed.version + typed.header + typed.body),
        "attesters": [account.address for account in keys],
        "attesterKeys": [bytes(account.key) for account in keys],
        "signatures": signatures,
        "evidence": encoded,
    }


def _session(case: str, x: int, y: int, expires_at: int) -> dict[str, Any]:
    """A key of P-256, and what the quote of its registration signs."""
    provider = _provider_key(PROVIDER, x, y)
    data = keccak(
        encode(
            ["bytes32", "uint256", "address", "bytes32", "uint48", "bytes32"],
            [keccak(text="mlm/tee-session/1"), CHAIN, MARKET, MODEL, expires_at, provider],
        )
    )
    point = {"x": x.to_bytes(32, "big"), "y": y.to_bytes(32, "big")}
    return {"case": case, **point, "expiresAt": expires_at, "reportData": data}


def main() -> None:
    measurements = []
    for kind in KINDS:
        registers = _registers(kind, 1)
        measurements.append({"kind": kind, "registers": registers, "digest": _measurement(kind, registers)})
    document = {
        "format": "mlm/vectors/tee/1",
        "chainId": CHAIN,
        "market": MARKET,
        "verifier": VERIFIER,
        "provider": PROVIDER,
        "jobId": JOB,
        "versionId": VERSION,
        "modelDigest": MODEL,
        "policies": [
            _policy(["UpToDate"], ["sgx"], False, 0),
            _policy(["UpToDate", "SWHardeningNeeded"], ["sgx", "tdx"], True, 3600),
            _policy(list(STATUSES[:-1]), list(KINDS), True, (1 << 32) - 1),
            _policy(["OutOfDateConfigurationNeeded"], ["nitro"], False, 1),
        ],
        "badPolicies": _bad_policies(),
        "measurements": measurements,
        "results": [
            _result("no session key, two attesters", 0, 0, "sgx", 0, True, 2),
            _result("a session key, three attesters", X, Y, "tdx", 1, False, 3),
            _result("one attester", 0, 0, "snp", 4, False, 1),
        ],
        "sessions": [
            _session("of a week", X, Y, 1_700_604_800),
            _session("the point on the other side, of a second", X, P - Y, 1_700_000_101),
        ],
    }
    (ROOT / "tests" / "vectors" / "tee.json").write_text(json.dumps(_hex(document), indent=1) + "\n")


if __name__ == "__main__":
    main()
