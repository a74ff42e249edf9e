"""Write tests/vectors/quotes.json: evidence of the simulated vendor in each form that QuoteProofs.sol reads.

    .venv/bin/python -m tests.vectors.make_quotes

What is expected of a quote is written down from what it was made of, never read back from its bytes. Beside it lies
the one real quote there is (dcap/sgx_quote), with the root key of its vendor, and real evidence of SNP and Nitro.
"""

from __future__ import annotations

import json
import struct
from hashlib import sha256
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from eth_abi.abi import encode
from eth_utils.crypto import keccak

from mlm.adapters.attestation.vendor import Enclave, Vendor
from mlm.adapters.attestation.vendor_nitro import Hypervisor
from mlm.adapters.attestation.vendor_snp import Chip
from mlm.core.attestation import NITRO, SGX, SNP, TDX

HERE = Path(__file__).resolve().parent
KINDS = {SGX: 1, TDX: 2, SNP: 3, NITRO: 4}
IDENTIFYING = {
    SGX: (("mr_enclave", "mr_signer"), 32),
    TDX: (("mr_td", "rt_mr0", "rt_mr1", "rt_mr2", "rt_mr3"), 48),
    SNP: (("measurement",), 48),
    NITRO: (("pcr0", "pcr1", "pcr2"), 48),
}
NONE, FORM, OPEN = 0, 1, 3  # QuoteFault of IQuoteProofs.sol
HEADER, SGX_BODY, TD_BODY = 48, 384, 584
ATTRIBUTES_AT, MR_SIGNER_AT, PRODUCT_AT = 48, 128, 256  # in an enclave's report
REPORT_DATA = sha256(b"what the enclave computed").digest()
# Of the real report in snp/: what its vendor's tools print of it (tests/ports/test_attestation_snp.py).
MILAN = "5feee30d6d7e1a29f403d70a4198237ddfb13051a2d6976439487c609388ed7f98189887920ab2fa0096903a0c23fca1"
DATA = {"nitro without data": "", "snp, a real one": ""}  # report data of those that have another, or none


def measurement(enclave: Enclave) -> bytes:
    """H(enc(H("mlm/measurement/1"), uint8 kind, bytes registers))."""
    names, size = IDENTIFYING[enclave.kind]
    registers = b"".join(enclave.measurements.get(name, b"").ljust(size, b"\0") for name in names)
    domain = keccak(b"mlm/measurement/1")
    return keccak(encode(["bytes32", "uint8", "bytes"], [domain, KINDS[enclave.kind], registers]))


def enclave(kind: str, *, debug: bool = False) -> Enclave:
    """One whose every measurement is its own name's digest."""
    names = ("mr_enclave", "mr_signer") if kind == SGX else (
        "mr_td", "mr_config_id", "mr_owner", "mr_owner_config", "rt_mr0", "rt_mr1", "rt_mr2", "rt_mr3"
    )  # fmt: skip
    size = 32 if kind == SGX else 48
    return Enclave(kind, {name: (sha256(name.encode()).digest() * 2)[:size] for name in names}, debug)


def reformed(vendor: Vendor, quote: bytes, version: int) -> bytes:
    """The same report in another version's form, signed again: SGX in 4 or 5, TDX in 5 (type 2 and 3)."""
    sgx = quote[:2] == b"\x03\0"
    size = SGX_BODY if sgx else TD_BODY
    body, said = quote[HEADER : HEADER + size], quote[HEADER + size + 4 :]
    inner = said[128:] if sgx else said[128 + 6 :]
    header = struct.pack("<HHI", min(version, 5), 2, 0 if sgx else 0x81) + quote[8:HEADER]
    if version == 15:  # a TD report of version 1.5: two fields more
        body += bytes(16 + 48)
    if version >= 5:
        header += struct.pack("<HI", 1 if sgx else (3 if version == 15 else 2), len(body))
    signed = header + body
    signature = vendor._sign("quoting enclave", signed) + said[64:128]
    signature += struct.pack("<HI", 6, len(inner)) + inner
    return signed + struct.pack("<I", len(signature)) + signature


def requoted(vendor: Vendor, quote: bytes, at: int, value: bytes) -> bytes:
    """The same quote, whose quoting enclave's report says something else at a place, and is signed by the platform."""
    sgx = quote[:2] == b"\x03\0"
    begin = HEADER + (SGX_BODY if sgx else TD_BODY) + 4 + 128 + (0 if sgx else 6)
    report = quote[begin : begin + SGX_BODY]
    report = report[:at] + value + report[at + len(value) :]
    return quote[:begin] + report + vendor._sign("platform", report) + quote[begin + SGX_BODY + 64 :]


def case(
    name: str,
    vendor: Vendor,
    kind: str,
    *,
    debug: bool = False,
    version: int = 0,
    quoting: tuple[int, bytes] | None = None,
) -> dict[str, object]:
    """One quote with what it says; `version` 15 stands for a TD report of 1.5 in version 5.

    `quoting`: bytes of the quoting enclave's report, at their place.
    """
    made = enclave(kind, debug=debug)
    quote = vendor.quote(made, REPORT_DATA)
    if version:
        quote = reformed(vendor, quote, version)
    if quoting is not None:
        quote = requoted(vendor, quote, *quoting)
    return {
        "name": name,
        "kind": KINDS[kind],
        "debug": debug,
        "measurement": "0x" + measurement(made).hex(),
        "reportData": "0x" + REPORT_DATA.hex(),
        "quoteDigest": "0x" + sha256(quote).hexdigest(),
        "quote": "0x" + quote.hex(),
    }


def another(name: str, kind: str, made: Enclave, evidence: bytes, fault: int = NONE) -> dict[str, object]:
    """Evidence of SNP or Nitro, with what it says, and what contradicts an attestation of that."""
    data = bytes.fromhex(DATA[name]) if name in DATA else REPORT_DATA
    return {
        "name": name,
        "kind": KINDS[kind],
        "fault": fault,
        "measurement": "0x" + measurement(made).hex(),
        "reportData": "0x" + data.ljust(32, b"\0").hex(),
        "quoteDigest": "0x" + sha256(evidence).hexdigest(),
        "quote": "0x" + evidence.hex(),
    }


def others(vendor: Vendor) -> list[dict[str, object]]:
    """Evidence whose signatures no contract reads."""
    measured = {name: sha256(name.encode()).digest() + bytes(16) for name in ("measurement", "pcr0", "pcr1", "pcr2")}
    snp, nitro = Enclave(SNP, measured), Enclave(NITRO, measured)
    open_ = {"debugger": 1 << 19, "migration agent": 1 << 18}
    made = [another(f"snp {v}", SNP, snp, Chip(vendor, version=v).report(snp, REPORT_DATA)) for v in (2, 3, 5)]
    made += [another(f"snp {v}", SNP, snp, Chip(vendor, version=v).report(snp, REPORT_DATA), FORM) for v in (1, 6)]
    made += [
        another(f"snp, a {who}", SNP, snp, Chip(vendor, policy=0x3001F | bit).report(snp, REPORT_DATA), OPEN)
        for who, bit in open_.items()
    ]
    made.append(another("snp, the lowest level", SNP, snp, Chip(vendor, level=3).report(snp, REPORT_DATA)))
    made.append(another("snp, its host", SNP, snp, Chip(vendor, level=0xFFFFFFFF).report(snp, REPORT_DATA), OPEN))
    whole = Hypervisor(vendor).document(nitro, REPORT_DATA)
    endless = Hypervisor(vendor, indefinite=True).document(nitro, REPORT_DATA)
    made.append(another("nitro", NITRO, nitro, whole))
    made.append(another("nitro with its tag", NITRO, nitro, b"\xd2" + whole))
    made.append(another("nitro without ends", NITRO, nitro, endless))
    made.append(another("nitro without data", NITRO, nitro, Hypervisor(vendor).document(nitro, b"")))
    made.append(another("nitro by another algorithm", NITRO, nitro,
                        Hypervisor(vendor, header=b"\xa1\x01\x26").document(nitro, REPORT_DATA), FORM))  # fmt: skip
    debugged = Enclave(NITRO, measured, debug=True)
    zeros = Enclave(NITRO, {})
    made.append(another("nitro, a debugger", NITRO, zeros, Hypervisor(vendor).document(debugged, REPORT_DATA), OPEN))
    report = (HERE / "snp" / "milan_report").read_bytes()
    made.append(another("snp, a real one", SNP, Enclave(SNP, {"measurement": bytes.fromhex(MILAN)}), report))
    document = (HERE / "nitro" / "debugged").read_bytes()
    made.append(another("nitro, a real one of a debugger", NITRO, zeros, document, OPEN))
    return made


def root_key(der: bytes) -> dict[str, str]:
    """The point of a certificate's key."""
    key = x509.load_der_x509_certificate(der).public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    numbers = key.public_numbers()
    return {"x": f"0x{numbers.x:064x}", "y": f"0x{numbers.y:064x}"}


def quoting_enclave(identity: str) -> dict[str, object]:
    """Out of a vendor's own word on its quoting enclave, in JSON."""
    said = json.loads(identity)
    return {"mrSigner": "0x" + said["mrsigner"].lower(), "isvProdId": said["isvprodid"]}


def real() -> dict[str, object]:
    """The quote of Intel's that is kept. Its measurements are those that docs/tee.md types."""
    quote = (HERE / "dcap" / "sgx_quote").read_bytes()
    made = Enclave(
        SGX,
        {
            "mr_enclave": bytes.fromhex("33d8736db756ed4997e04ba358d27833188f1932ff7b1d156904d3f560452fbb"),
            "mr_signer": bytes.fromhex("815f42f11cf64430c30bab7816ba596a1da0130c3b028b673133a66cf9a3e0e6"),
        },
    )
    return {
        "measurement": "0x" + measurement(made).hex(),
        "reportData": "0x" + b"Hello, world!".ljust(32, b"\0").hex(),
        "quoteDigest": "0x" + sha256(quote).hexdigest(),
    }


def intel() -> dict[str, object]:
    """What Intel's evidence is held against: the root of the kept quote's chain, and its quoting enclaves.

    SGX's is in the kept collateral, signed by Intel. TDX's is what Intel's provisioning service says of `TD_QE`
    (https://api.trustedservices.intel.com/tdx/certification/v4/qe/identity): no collateral with it is kept here.
    """
    quote = (HERE / "dcap" / "sgx_quote").read_bytes()
    root = quote[quote.rindex(b"-----BEGIN") :].rstrip(b"\0")
    collateral = json.loads((HERE / "dcap" / "sgx_quote_collateral.json").read_text())
    return {
        "root": root_key(x509.load_pem_x509_certificate(root).public_bytes(Encoding.DER)),
        "sgx": quoting_enclave(collateral["qe_identity"]),
        "tdx": {"mrSigner": "0xdc9e2a7c6f948f17474e34a7fc43ed030f7c1563f1babddf6340c82e0e54a8c5", "isvProdId": 2},
    }


def simulated(vendor: Vendor) -> dict[str, object]:
    """The same of the simulated vendor."""
    said = {kind: json.loads(vendor.collateral(kind))["qe_identity"] for kind in (SGX, TDX)}
    return {"root": root_key(vendor.root), **{kind: quoting_enclave(each) for kind, each in said.items()}}


def main() -> None:
    """Write the file."""
    vendor = Vendor()
    owners = (MR_SIGNER_AT, sha256(b"its owner").digest())
    value = {
        "format": "mlm/quote-vectors/2",
        "vendor": intel(),
        "simulated": simulated(vendor),
        "real": real(),
        "quotes": [
            case("sgx", vendor, SGX),
            case("tdx", vendor, TDX),
            case("sgx in version 4", vendor, SGX, version=4),
            case("sgx in version 5", vendor, SGX, version=5),
            case("tdx in version 5", vendor, TDX, version=5),
            case("tdx 1.5 in version 5", vendor, TDX, version=15),
            case("sgx, a debugger's", vendor, SGX, debug=True),
            case("tdx, a debugger's", vendor, TDX, debug=True),
            case("sgx, another's quoting enclave", vendor, SGX, quoting=owners),
            case("tdx, another's quoting enclave", vendor, TDX, quoting=owners),
            case("tdx, another product of the vendor's", vendor, TDX, quoting=(PRODUCT_AT, struct.pack("<H", 0x0101))),
            case("sgx, a quoting enclave that a debugger can open", vendor, SGX, quoting=(ATTRIBUTES_AT, b"\x03")),
            case("sgx, under a root of its own", Vendor(name="another"), SGX),
        ],
        "others": others(vendor),
    }
    (HERE / "quotes.json").write_text(json.dumps(value, indent=1) + "\n")


if __name__ == "__main__":
    main()
