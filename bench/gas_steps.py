"""Every step of a job's life as a transaction on a devnet of its own, and the gas that each receipt names.

Nothing here depends on the clock or on chance: accounts, salts, nonces and signatures are fixed, so a step costs the
same to the unit whenever it is measured. A step's name says what is special about it.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from mlm.adapters.chain import deployment
from mlm.adapters.chain.read import EthChain
from mlm.adapters.chain.rpc import Rpc
from mlm.adapters.chain.send import EthSender
from mlm.adapters.devnet.supervisor import LocalDevnet
from mlm.adapters.wallet import devnet as accounts
from mlm.core import commitment
from mlm.core.commitment import Evidence
from mlm.core.digest import domain, keccak256, word, words
from mlm.core.events import decode
from mlm.core.plan import Call
from mlm.ports.chain import Receipt

ROOT = Path(__file__).resolve().parent.parent
ONE = 10**18  # base units
ZK, FIXED, REVERSE, PROVIDER = 1, 0, 1, 0  # Tier.Zk, AuctionKind.Fixed and .Reverse, Role.Provider
SALT = keccak256(b"salt")
PRICE, DEADLINE, ALL = 100 * ONE, 2**32 - 1, 2**256 - 1
BIDDING, DELIVERY, EXECUTION = 600, 300, 3600  # seconds
PUBLISHER, CONSUMER, FIRST, SECOND = "model-provider", "consumer", "compute-1", "compute-2"
PERMIT = b"Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"


def measure() -> dict[str, int]:
    """Gas used by each step, by name, in the order in which they happen; takes about half a minute."""
    with tempfile.TemporaryDirectory(prefix="mlm-gas-") as folder:
        local = LocalDevnet(Path(folder) / "devnet", Path(folder) / "cache")
        try:
            steps = Steps(local)
            steps.run()
            return steps.gas
        finally:
            local.stop()


class Steps:
    """The transactions, in order; `gas` holds what was measured so far."""

    def __init__(self, local: LocalDevnet) -> None:
        up = local.start()
        self._local = local
        self._chain = EthChain(Rpc(up.url), deployment.load(Path(up.deployment)))
        self._senders = {name: EthSender(self._chain, accounts.key(name)) for name in accounts.NAMES}
        self._jobs = 0
        case = json.loads((ROOT / "devnet" / "test" / "fixtures" / "zk.json").read_text())["cases"]["digits"]
        numbers = [tuple(int(value, 0) for value in case[name]) for name in ("vka", "instances")]
        self._evidence = Evidence(numbers[0], int(case["inputs"]), bytes.fromhex(case["proof"][2:]), numbers[1])
        self.gas: dict[str, int] = {}

    def run(self) -> None:
        """Every step."""
        self._assets()
        self._stakes()
        self._posting()
        self._finished_jobs()
        self._unfinished_jobs()
        self._leaving()

    # ------------------------------------------------------------------ assets

    def _assets(self) -> None:
        reveal = self._commit("handle, commit", "mlm/claim/1", b"acme", PUBLISHER)
        self._do("handle, claim", PUBLISHER, "AssetRegistry", "claimHandle", "acme", reveal)
        self._do("vka, register", PUBLISHER, "Halo2Verifier", "registerVka", tuple(map(word, self._evidence.vka)))
        key = commitment.zk_key(commitment.vka_digest(self._evidence.vka), self._evidence.inputs)
        self._publish("version, publish: new asset, key and price", "model", "1.0.0", key=key, price=2 * ONE)
        self._publish("version, publish: the next one", "model", "1.1.0", key=key, price=2 * ONE)
        free = self._publish("version, publish: new asset, without key and price", "free", "1.0.0")
        parents = tuple(self._asset_of_another(number) for number in range(15))
        one = ((parents[0], 2500),)
        self._one = self._publish("version, publish: 1 parent", "one", "1.0.0", key=key, price=2 * ONE, parents=one)
        shared = tuple((parent, 600) for parent in parents)
        self._many = self._publish(
            "version, publish: 15 parents", "many", "1.0.0", key=key, price=2 * ONE, parents=shared
        )
        self._do("key, set", PUBLISHER, "AssetRegistry", "setKey", free, ZK, key)
        self._free = free
        self._do("price, set", PUBLISHER, "AssetRegistry", "setPrice", self._publish("", "priced", "1.0.0"), ONE, 500)

    def _publish(
        self, step: str, name: str, version: str, key: bytes = b"", price: int = 0, parents: tuple[Any, ...] = ()
    ) -> bytes:
        """Publish under acme; the version's id. Prices come with a tenth of the job's price for the owner."""
        manifest = keccak256(f"{name} {version}".encode())
        keys = ((ZK, key),) if key else ()
        bps = 1000 if price else 0
        publication = ("acme", name, version, 0, manifest, "Apache-2.0", price, bps, 500, parents, keys)
        calldata = self._senders[PUBLISHER].encode(Call("AssetRegistry", "publish", (publication, SALT)))
        # Calldata is selector, offset, salt, publication; abi.encode(publication) is offset 32, publication.
        self._commit("", "mlm/publish/1", word(32) + calldata[4 + 64 :], PUBLISHER)
        receipt = self._do(step, PUBLISHER, "AssetRegistry", "publish", publication, SALT)
        return bytes.fromhex(self._event(receipt, "AssetRegistry", "VersionPublished")["versionId"][2:])

    def _commit(self, step: str, name: str, payload: bytes, account: str) -> bytes:
        """Commit to a payload; the salt."""
        values = (self._chain.chain_id(), *map(self._number, (self._at("AssetRegistry"), accounts.address(account))))
        digest = keccak256(words((domain(name), *values, keccak256(payload), SALT)))
        self._do(step, account, "AssetRegistry", "commit", digest)
        return SALT

    def _asset_of_another(self, number: int) -> int:
        """An asset whose owner is nobody else; its token."""
        version = self._publish("", f"parent-{number}", "1.0.0")
        token: int = self._chain.call("AssetRegistry", "versionOf", version)[0]
        self._do(
            "", PUBLISHER, "AssetRegistry", "transferFrom", accounts.address(PUBLISHER), self._payee(number), token
        )
        return token

    @staticmethod
    def _payee(number: int) -> str:
        return "0x" + keccak256(f"payee {number}".encode())[:20].hex()

    # ------------------------------------------------------------------ stakes

    def _stakes(self) -> None:
        deposit = ("deposit", (PROVIDER, 1000 * ONE))
        self._paying("stake, deposit: the first, with a permit", FIRST, "StakeVault", *deposit, 1000 * ONE)
        self._paying("stake, deposit: another, with a permit", FIRST, "StakeVault", *deposit, 1000 * ONE)
        self._paying("", SECOND, "StakeVault", *deposit, 1000 * ONE)
        self._do("", SECOND, "MarketToken", "approve", self._at("StakeVault"), ALL)
        self._do("stake, deposit: another, approved before", SECOND, "StakeVault", *deposit[:1], *deposit[1])

    # ------------------------------------------------------------------ jobs

    def _posting(self) -> None:
        for auction, kind in ((FIXED, "fixed price"), (REVERSE, "reverse auction")):
            self._jobs += 1
            post = ("post", (self._request(self._free, auction), self._jobs))
            self._paying(f"post: {kind}, with a permit", CONSUMER, "JobMarket", *post, PRICE)
        self._do("", CONSUMER, "MarketToken", "approve", self._at("JobMarket"), ALL)
        for auction, kind in ((FIXED, "fixed price"), (REVERSE, "reverse auction")):
            self._post(f"post: {kind}, approved before", self._free, auction)
        self._post("post: fixed price, 1 parent", self._one)
        self._post("post: fixed price, 15 parents", self._many)
        job = self._post("", self._free)[0]
        self._do("cancel: the first credit", CONSUMER, "JobMarket", "cancel", job)
        job = self._post("", self._free)[0]
        self._do("cancel: a later one", CONSUMER, "JobMarket", "cancel", job)

    def _finished_jobs(self) -> None:
        self._fixed_job("first: ", self._free)
        self._fixed_job("", self._free)
        job, terms = self._post("", self._free, REVERSE)
        self._do("bid: reverse auction, the first", FIRST, "JobMarket", "bid", job, PRICE - ONE, b"")
        self._do("bid: reverse auction, below another's", SECOND, "JobMarket", "bid", job, PRICE - 2 * ONE, b"")
        self._do("bid: reverse auction, below one's own", SECOND, "JobMarket", "bid", job, PRICE - 3 * ONE, b"")
        self._do("award", CONSUMER, "JobMarket", "award", job)
        self._accept_and_submit("submit: reverse auction, no royalty, verified and settled", job, terms, SECOND)
        for payees, version in ((2, self._one), (16, self._many)):
            for which in ("first: ", ""):
                job, terms = self._post("", version)
                self._do("", FIRST, "JobMarket", "bid", job, PRICE, b"")
                step = f"submit: {which}{payees} payees, verified and settled"
                self._accept_and_submit(step, job, terms, FIRST, version)

    def _fixed_job(self, which: str, version: bytes) -> None:
        """A whole job for a fixed price; `which` says that provider and treasury had no credit before."""
        job, terms = self._post("", version)
        self._do(f"bid: {which}fixed price", FIRST, "JobMarket", "bid", job, PRICE, b"")
        receipt = self._accept_and_submit(f"submit: {which}no royalty, verified and settled", job, terms, FIRST)
        if not which:
            trace = self._chain.rpc.call("debug_traceTransaction", receipt.tx_hash, {"tracer": "callTracer"})
            self.gas["of a submission, the fixed verifier alone"] = self._used_by("Halo2Verifier", trace)
            data = self._chain.transaction_input(receipt.tx_hash)
            self.gas["of a submission, calldata and the transaction itself"] = 21000 + sum(16 if b else 4 for b in data)

    def _accept_and_submit(
        self, step: str, job: bytes, terms: tuple[Any, ...], account: str, version: bytes = b""
    ) -> Receipt:
        accept = "accept" if step.startswith("submit: no royalty") else ""
        self._do(accept, account, "JobMarket", "accept", job)
        evidence = commitment.encode_evidence(self._evidence)
        return self._do(step, account, "JobMarket", "submit", job, terms, evidence, SALT)

    def _unfinished_jobs(self) -> None:
        jobs = {}
        for outcome in ("expired", "undelivered", "defaulted"):
            jobs[outcome] = self._post("", self._free)
        for outcome in ("undelivered", "defaulted"):
            self._do("", FIRST, "JobMarket", "bid", jobs[outcome][0], PRICE, b"")
        self._do("", FIRST, "JobMarket", "accept", jobs["defaulted"][0])
        self._local.control("advance", BIDDING + DELIVERY + EXECUTION)
        for outcome, (job, terms) in jobs.items():
            self._do(f"settle: {outcome}", CONSUMER, "JobMarket", "settle", job, terms)

    def _leaving(self) -> None:
        self._do("credits, withdraw", FIRST, "JobMarket", "withdraw")
        self._do("credits, burn", FIRST, "JobMarket", "burn")
        self._do("stake, unbond", FIRST, "StakeVault", "requestWithdraw", PROVIDER, ONE)
        self._local.control("advance", self._chain.call("StakeVault", "unbondingPeriod"))
        self._do("stake, withdraw", FIRST, "StakeVault", "withdraw", PROVIDER)

    def _post(self, step: str, version: bytes, auction: int = FIXED) -> tuple[bytes, tuple[Any, ...]]:
        """Post a job; its id and terms."""
        self._jobs += 1
        request = self._request(version, auction)
        terms: tuple[Any, ...] = self._chain.call("JobMarket", "quote", request)[0]
        receipt = self._do(step, CONSUMER, "JobMarket", "post", request, self._jobs)
        return bytes.fromhex(self._event(receipt, "JobMarket", "JobPosted")["jobId"][2:]), terms

    def _request(self, version: bytes, auction: int) -> tuple[Any, ...]:
        hashes = self._evidence.instances[: self._evidence.inputs]
        given = commitment.zk_input_commitment(version, hashes)
        what = (version, ZK, auction, commitment.SCHEME_POSEIDON, given, keccak256(b"input"), PRICE, 0, 0)
        return (*what, BIDDING, 0, DELIVERY, EXECUTION, 0, bytes(32))

    # ------------------------------------------------------------------ transactions

    def _do(self, step: str, account: str, contract: str, function: str, *args: Any) -> Receipt:
        """Send one call and keep its gas under the step's name; without a name it only prepares another."""
        sender = self._senders[account]
        signed = sender.sign(Call(contract, function, args))
        sender.broadcast(signed)
        receipt = sender.wait(signed)
        if step:
            assert step not in self.gas, step
            self.gas[step] = receipt.gas_used
        return receipt

    def _paying(self, step: str, account: str, contract: str, function: str, args: tuple[Any, ...], paid: int) -> None:
        """A call behind a permit for what it takes, as one multicall (EIP-2612)."""
        from coincurve import PrivateKey

        owner, spender = (self._number(address) for address in (accounts.address(account), self._at(contract)))
        nonce = self._chain.call("MarketToken", "nonces", accounts.address(account))
        digest = keccak256(words((keccak256(PERMIT), owner, spender, paid, nonce, DEADLINE)))
        separator: bytes = self._chain.call("MarketToken", "DOMAIN_SEPARATOR")
        signature = PrivateKey(accounts.key(account)).sign_recoverable(
            keccak256(b"\x19\x01" + separator + digest), hasher=None
        )
        parts = (paid, DEADLINE, 27 + signature[64], signature[:32], signature[32:64])
        calls = (Call(contract, "selfPermit", parts), Call(contract, function, args))
        self._do(step, account, contract, "multicall", calls)

    def _at(self, contract: str) -> str:
        return self._chain.address_of(contract)

    @staticmethod
    def _number(address: str) -> int:
        return int(address, 16)

    def _event(self, receipt: Receipt, contract: str, name: str) -> dict[str, Any]:
        decoded = [decode(contract, log.topics, log.data) for log in receipt.logs if self._is_by(contract, log.address)]
        return next(dict(args) for event, args in decoded if event == name)

    def _is_by(self, contract: str, address: str) -> bool:
        return address.lower() == self._at(contract).lower()

    def _used_by(self, contract: str, trace: dict[str, Any]) -> int:
        """Gas that the calls of one contract used in a trace."""
        if self._is_by(contract, trace.get("to", "")):
            return int(trace["gasUsed"], 16)
        return sum(self._used_by(contract, call) for call in trace.get("calls", ()))
