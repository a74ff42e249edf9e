"""The tier tee as transactions on the devnet of bench/gas_steps.py: attesters, results, session keys, reports.

Quotes are of the simulated vendor, in Intel's form and about as long; all signatures are deterministic. The devnet's
rules are Cancun's, without a precompile for P-256: what it saves is in docs/decisions/0031-p256.md.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from eth_abi.abi import encode

from bench.gas_chain import CONSUMER, FIRST, ONE, PUBLISHER, SECOND, GasChain
from mlm.adapters.attestation.vendor import Enclave, Vendor
from mlm.adapters.wallet import devnet as accounts
from mlm.core import commitment
from mlm.core.attestation import SGX
from mlm.core.digest import domain, keccak256, word, words

TEE = 3  # Tier.Tee
ATTESTERS = ("watcher", SECOND, PUBLISHER)
SIGNERS = 2  # of them
STAKE = 1000 * ONE
POLICY = 1 | 1 << 8 | 1 << 15  # UpToDate, sgx, simulated
MODEL = sha256(b"a model").digest()
ENCLAVE = Enclave(SGX, {"mr_enclave": sha256(b"code").digest(), "mr_signer": sha256(b"signer").digest()})
MEASUREMENT = keccak256(
    encode(
        ["bytes32", "uint8", "bytes"],
        [domain("mlm/measurement/1"), 1, ENCLAVE.measurements["mr_enclave"] + ENCLAVE.measurements["mr_signer"]],
    )
)
KEY = keccak256(words((domain("mlm/tee-key/1"), MODEL, keccak256(encode(["bytes32[]"], [[MEASUREMENT]])))))
SECRET = ec.derive_private_key(0x5E55107, ec.SECP256R1())
BLOCK = b"".join(keccak256(word(number)) for number in range(4))[:100]
LATER = 2**31  # a second of the chain's future, the same in every run
WEEK = 7 * 86_400
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # of P-256
ATTESTATION = "(bytes32,bytes32,bytes32,bytes32,uint8,uint8,bool,uint64)"
RESULT = f"({ATTESTATION},bytes32,bytes32[],uint256,uint256,bytes32,bytes[])"
Attestation = tuple[bytes, bytes, bytes, bytes, int, int, bool, int]


def tee(chain: GasChain, version: bytes) -> None:
    """Whole lives of jobs of a version, to which the tier's key is added."""
    Tee(chain, version).run()


class Tee:
    """The transactions, in order."""

    def __init__(self, chain: GasChain, version: bytes) -> None:
        self._chain, self._version, self._vendor = chain, version, Vendor()
        self._nonce = 2**40
        numbers = SECRET.public_key().public_numbers()
        self._point = (numbers.x, numbers.y)

    def run(self) -> None:
        """Every step."""
        chain = self._chain
        chain.go_to(LATER)
        chain.do("", PUBLISHER, "AssetRegistry", "setKey", self._version, TEE, KEY)
        self._members()
        job, terms = self._ready("post: tier tee, approved before")
        quote = self._quote(self._data(job))
        attestation = self._attested(job, self._data(job), quote)
        self._submit("submit: tier tee, 2 attesters sign", job, terms, self._result(attestation))
        chain.paying("", CONSUMER, "TeeVerifier", "complain", (job,), chain.chain.call("TeeVerifier", "deposit"))
        shown = (job, bytes(32), BLOCK, attestation, quote)
        chain.do("answer: tier tee, 100 bytes and a quote", FIRST, "TeeVerifier", "answer", *shown)
        self._session()
        self._reports()

    def _members(self) -> None:
        chain = self._chain
        for at, name in enumerate(ATTESTERS):
            which = ("the first", "another", "")[at]
            step = f"attester, deposit: {which}, with a permit" if which else ""
            chain.paying(step, name, "AttesterSet", "deposit", (STAKE,), STAKE)
            url = f"https://attester-{at}.example"
            chain.do("attester, name a URL" if at == 0 else "", name, "AttesterSet", "setUrl", url)
            step = f"attester, admit: {which}" if which else ""
            chain.do(step, accounts.FAUCET, "AttesterSet", "admit", accounts.address(name))
        chain.do("attester, set how many sign", accounts.FAUCET, "AttesterSet", "setThreshold", SIGNERS)

    def _session(self) -> None:
        chain = self._chain
        key = (accounts.address(FIRST), MODEL, *self._point, LATER + WEEK)
        provider = self._provider_key(*self._point)
        market = int(chain.at("JobMarket"), 16)
        values = (domain("mlm/tee-session/1"), chain.chain.chain_id(), market, MODEL, LATER + WEEK, provider)
        data = keccak256(words(values))
        attestation = self._attested(bytes(32), data, self._quote(data))
        signatures = self._signatures(attestation)
        chain.do("session key, register", FIRST, "TeeVerifier", "registerKey", key, attestation, signatures)
        job, terms = self._ready("")
        signature = SECRET.sign(self._data(job, self._point), ec.ECDSA(Prehashed(SHA256()), deterministic_signing=True))
        r, s = decode_dss_signature(signature)
        result = self._result(attestation, [r.to_bytes(32) + min(s, ORDER - s).to_bytes(32)], self._point)
        self._submit("submit: tier tee, a session key signs", job, terms, result)

    def _reports(self) -> None:
        """A chain that is true, one that is false, and attestations that contradict their quote or each other."""
        chain = self._chain
        bond = chain.chain.call("TeeVerifier", "bond")
        quote = self._quote(keccak256(b"a report"))
        true = self._attested(keccak256(b"a job"), keccak256(b"a report"), quote)
        call = self._committed("tee report, commit", true, [], quote)
        chain.paying("tee report: a true chain of signatures", CONSUMER, "TeeVerifier", "falseChain", call, bond)
        broken = quote[:500] + bytes([quote[500] ^ 1]) + quote[501:]
        false = self._attested(keccak256(b"a job"), keccak256(b"a report"), broken)
        call = self._committed("", false, self._signatures(false), broken)
        step = "tee report: a false chain of signatures, 2 attesters lose their stake"
        chain.paying(step, CONSUMER, "TeeVerifier", "falseChain", call, bond)
        lie = self._attested(keccak256(b"a job"), keccak256(b"another report"), quote)
        call = self._committed("", lie, [], quote)
        chain.do("tee report: a contradiction, nobody signed", CONSUMER, "TeeVerifier", "contradiction", *call)
        digests = [chain.chain.call("TeeVerifier", "attestationDigest", each) for each in (true, lie)]
        self._commit("", keccak256(words(tuple(digests))))
        third = ATTESTERS[2]
        both = (true, self._sign(third, true), lie, self._sign(third, lie), bytes(32))
        chain.do("tee report: an equivocation", CONSUMER, "TeeVerifier", "equivocation", *both)

    # ------------------------------------------------------------------ parts

    def _ready(self, step: str) -> tuple[bytes, tuple[Any, ...]]:
        """A job whose input FIRST has accepted."""
        self._nonce += 1
        given = keccak256(b"an input commitment")
        asked = (self._version, TEE, commitment.SCHEME_KECCAK, given)
        job, terms = self._chain.leased(step, asked, self._nonce, policy=word(POLICY))
        self._chain.do("", FIRST, "JobMarket", "accept", job)
        return job, terms

    def _submit(self, step: str, job: bytes, terms: tuple[Any, ...], result: tuple[Any, ...]) -> None:
        evidence = encode([RESULT], [result])
        self._chain.do(step, FIRST, "JobMarket", "submit", job, terms, evidence, bytes(32))

    def _quote(self, data: bytes) -> bytes:
        return self._vendor.quote(ENCLAVE, data)

    @staticmethod
    def _provider_key(x: int = 0, y: int = 0) -> bytes:
        return keccak256(words((int(accounts.address(FIRST), 16), x, y)))

    def _data(self, job: bytes, point: tuple[int, int] = (0, 0)) -> bytes:
        """What an enclave binds of a result."""
        root = commitment.tensors_root(bytes(32), BLOCK)
        output = keccak256(words((domain("mlm/out/1"), root)))
        head = (domain("mlm/tee/1"), self._chain.chain.chain_id(), int(self._chain.at("JobMarket"), 16), job, MODEL)
        return keccak256(words((*head, keccak256(b"an input commitment"), output, self._provider_key(*point))))

    @staticmethod
    def _attested(job: bytes, data: bytes, quote: bytes) -> Attestation:
        return (job, data, sha256(quote).digest(), MEASUREMENT, 1, 0, True, 1_700_000_000)

    def _result(
        self, attestation: Attestation, signatures: list[bytes] | None = None, point: tuple[int, int] = (0, 0)
    ) -> tuple[Any, ...]:
        signed = self._signatures(attestation) if signatures is None else signatures
        return (attestation, MODEL, [MEASUREMENT], *point, commitment.tensors_root(bytes(32), BLOCK), signed)

    def _signatures(self, attestation: Attestation) -> list[bytes]:
        """Of the first two attesters, by ascending address."""
        names = sorted(ATTESTERS[:SIGNERS], key=lambda name: int(accounts.address(name), 16))
        return [self._sign(name, attestation) for name in names]

    def _sign(self, name: str, attestation: Attestation) -> bytes:
        from coincurve import PrivateKey

        digest = self._chain.chain.call("TeeVerifier", "attestationDigest", attestation)
        made = PrivateKey(accounts.key(name)).sign_recoverable(digest, hasher=None)
        return made[:64] + bytes([27 + made[64]])

    def _committed(self, step: str, attestation: Attestation, signatures: list[bytes], quote: bytes) -> tuple[Any, ...]:
        """What a report is called with, once it is committed to."""
        self._commit(step, self._chain.chain.call("TeeVerifier", "attestationDigest", attestation))
        return (attestation, signatures, quote, bytes(32))

    def _commit(self, step: str, subject: bytes) -> None:
        verifier, reporter = (int(each, 16) for each in (self._chain.at("TeeVerifier"), accounts.address(CONSUMER)))
        values = (domain("mlm/tee-report/1"), self._chain.chain.chain_id(), verifier, reporter, subject, bytes(32))
        self._chain.do(step, CONSUMER, "TeeVerifier", "commit", keccak256(words(values)))
