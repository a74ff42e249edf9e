"""Every step of a job's life as a transaction on a devnet of its own, and the gas that each receipt names.

What bids by other kinds of auction cost is in gas_auctions.py.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from bench import (
    gas_auctions,
    gas_audits,
    gas_bonds,
    gas_channels,
    gas_disputes,
    gas_faults,
    gas_licences,
    gas_redundant,
    gas_tee,
)
from bench.gas_chain import (
    ALL,
    BIDDING,
    CONSUMER,
    DELIVERY,
    EXECUTION,
    FIRST,
    FIXED,
    ONE,
    PRICE,
    PROVIDER,
    PUBLISHER,
    REVERSE,
    SALT,
    SECOND,
    ZK,
    GasChain,
)
from mlm.adapters.devnet.supervisor import LocalDevnet
from mlm.adapters.wallet import devnet as accounts
from mlm.core import commitment
from mlm.core.digest import domain, keccak256, word, words
from mlm.core.exact import commitments
from mlm.core.plan import Call
from mlm.ports.chain import Receipt

_GENERATOR = 0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798  # of secp256k1: SEC 2, section 2.4.1


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


class Steps(GasChain):
    """The transactions, in order."""

    def run(self) -> None:
        """Every step."""
        self._assets()
        self._stakes()
        self._posting()
        self._finished_jobs()
        self._unfinished_jobs()
        self._unverified_jobs()
        self._leaving()
        gas_auctions.auctions(self, self._free)
        gas_channels.channels(self, self._one)
        gas_licences.licences(self, self._one)
        gas_faults.faults(self)
        gas_audits.audits(self)
        gas_redundant.redundant(self)
        gas_tee.tee(self, self.publish("", "enclosed", "1.0.0"))
        gas_disputes.disputes(self, self._exact)
        gas_bonds.bonds(self, self._exact)

    def _exact(self, name: str, key: bytes) -> bytes:
        """Publish a model of whole numbers; the version's id."""
        return self.publish("", name, "1.0.0", key=key, tier=commitments.TIER)

    # ------------------------------------------------------------------ assets

    def _assets(self) -> None:
        reveal = self.commit("handle, commit", "mlm/claim/1", b"acme", PUBLISHER)
        self.do("handle, claim", PUBLISHER, "AssetRegistry", "claimHandle", "acme", reveal)
        self.do("vka, register", PUBLISHER, "Halo2Verifier", "registerVka", tuple(map(word, self.evidence.vka)))
        key = commitment.zk_key(commitment.vka_digest(self.evidence.vka), self.evidence.inputs)
        self.publish("version, publish: new asset, key and price", "model", "1.0.0", key=key, price=2 * ONE)
        self.publish("version, publish: the next one", "model", "1.1.0", key=key, price=2 * ONE)
        free = self.publish("version, publish: new asset, without key and price", "free", "1.0.0")
        parents = tuple(self._asset_of_another(number) for number in range(15))
        one = ((parents[0], 2500),)
        self._one = self.publish("version, publish: 1 parent", "one", "1.0.0", key=key, price=2 * ONE, parents=one)
        shared = tuple((parent, 600) for parent in parents)
        self._many = self.publish(
            "version, publish: 15 parents", "many", "1.0.0", key=key, price=2 * ONE, parents=shared
        )
        self.do("key, set", PUBLISHER, "AssetRegistry", "setKey", free, ZK, key)
        self._free = free
        self.do("price, set", PUBLISHER, "AssetRegistry", "setPrice", self.publish("", "priced", "1.0.0"), ONE, 500)

    def publish(
        self,
        step: str,
        name: str,
        version: str,
        key: bytes = b"",
        price: int = 0,
        parents: tuple[Any, ...] = (),
        tier: int = ZK,
    ) -> bytes:
        """Publish under acme; the version's id. Prices come with a tenth of the job's price for the owner."""
        manifest = keccak256(f"{name} {version}".encode())
        keys = ((tier, key),) if key else ()
        bps = 1000 if price else 0
        publication = ("acme", name, version, 0, manifest, "Apache-2.0", price, bps, 500, parents, keys)
        calldata = self.senders[PUBLISHER].encode(Call("AssetRegistry", "publish", (publication, SALT)))
        # Calldata is selector, offset, salt, publication; abi.encode(publication) is offset 32, publication.
        self.commit("", "mlm/publish/1", word(32) + calldata[4 + 64 :], PUBLISHER)
        receipt = self.do(step, PUBLISHER, "AssetRegistry", "publish", publication, SALT)
        return bytes.fromhex(self.event(receipt, "AssetRegistry", "VersionPublished")["versionId"][2:])

    def commit(self, step: str, name: str, payload: bytes, account: str) -> bytes:
        """Commit to a payload; the salt."""
        values = (self.chain.chain_id(), *map(self.number, (self.at("AssetRegistry"), accounts.address(account))))
        digest = keccak256(words((domain(name), *values, keccak256(payload), SALT)))
        self.do(step, account, "AssetRegistry", "commit", digest)
        return SALT

    def _asset_of_another(self, number: int) -> int:
        """An asset whose owner is nobody else; its token."""
        version = self.publish("", f"parent-{number}", "1.0.0")
        token: int = self.chain.call("AssetRegistry", "versionOf", version)[0]
        self.do("", PUBLISHER, "AssetRegistry", "transferFrom", accounts.address(PUBLISHER), self._payee(number), token)
        return token

    @staticmethod
    def _payee(number: int) -> str:
        return "0x" + keccak256(f"payee {number}".encode())[:20].hex()

    # ------------------------------------------------------------------ stakes

    def _stakes(self) -> None:
        deposit = ("deposit", (PROVIDER, 1000 * ONE))
        self.paying("stake, deposit: the first, with a permit", FIRST, "StakeVault", *deposit, 1000 * ONE)
        # The vault counts no time twice in one second, which is 284 gas cheaper: the wall must not decide.
        self.advance(1)
        self.paying("stake, deposit: another, with a permit", FIRST, "StakeVault", *deposit, 1000 * ONE)
        self.paying("", SECOND, "StakeVault", *deposit, 1000 * ONE)
        self.do("", SECOND, "MarketToken", "approve", self.at("StakeVault"), ALL)
        self.advance(1)
        self.do("stake, deposit: another, approved before", SECOND, "StakeVault", *deposit[:1], *deposit[1])

    # ------------------------------------------------------------------ jobs

    def _posting(self) -> None:
        for auction, kind in ((FIXED, "fixed price"), (REVERSE, "reverse auction")):
            self._jobs += 1
            post = ("post", (self.request(self._free, auction), self._jobs))
            self.paying(f"post: {kind}, with a permit", CONSUMER, "JobMarket", *post, PRICE)
        self.do("", CONSUMER, "MarketToken", "approve", self.at("JobMarket"), ALL)
        for auction, kind in ((FIXED, "fixed price"), (REVERSE, "reverse auction")):
            self.post(f"post: {kind}, approved before", self._free, auction)
        self.post("post: fixed price, 1 parent", self._one)
        self.post("post: fixed price, 15 parents", self._many)
        job = self.post("", self._free)[0]
        self.do("cancel: the first credit", CONSUMER, "JobMarket", "cancel", job)
        job = self.post("", self._free)[0]
        self.do("cancel: a later one", CONSUMER, "JobMarket", "cancel", job)

    def _finished_jobs(self) -> None:
        self._fixed_job("first: ", self._free)
        self._fixed_job("", self._free)
        job, terms = self.post("", self._free, REVERSE)
        self.do("bid: reverse auction, the first", FIRST, "JobMarket", "bid", job, PRICE - ONE, b"")
        self.do("bid: reverse auction, below another's", SECOND, "JobMarket", "bid", job, PRICE - 2 * ONE, b"")
        self.do("bid: reverse auction, below one's own", SECOND, "JobMarket", "bid", job, PRICE - 3 * ONE, b"")
        self.do("award", CONSUMER, "JobMarket", "award", job)
        self._accept_and_submit("submit: reverse auction, no royalty, verified and settled", job, terms, SECOND)
        for payees, version in ((2, self._one), (16, self._many)):
            for which in ("first: ", ""):
                job, terms = self.post("", version)
                self.do("", FIRST, "JobMarket", "bid", job, PRICE, b"")
                step = f"submit: {which}{payees} payees, verified and settled"
                self._accept_and_submit(step, job, terms, FIRST, version)

    def _fixed_job(self, which: str, version: bytes) -> None:
        """A whole job for a fixed price; `which` says that provider and treasury had no credit before."""
        job, terms = self.post("", version)
        self.do(f"bid: {which}fixed price", FIRST, "JobMarket", "bid", job, PRICE, b"")
        receipt = self._accept_and_submit(f"submit: {which}no royalty, verified and settled", job, terms, FIRST)
        if not which:
            trace = self.chain.rpc.call("debug_traceTransaction", receipt.tx_hash, {"tracer": "callTracer"})
            self.gas["of a submission, the fixed verifier alone"] = self.used_by("Halo2Verifier", trace)
            data = self.chain.transaction_input(receipt.tx_hash)
            self.gas["of a submission, calldata and the transaction itself"] = 21000 + sum(16 if b else 4 for b in data)

    def _accept_and_submit(
        self, step: str, job: bytes, terms: tuple[Any, ...], account: str, version: bytes = b""
    ) -> Receipt:
        accept = "accept" if step.startswith("submit: no royalty") else ""
        self.do(accept, account, "JobMarket", "accept", job)
        return self.submit(step, job, terms, account)

    def _unfinished_jobs(self) -> None:
        jobs = {}
        for outcome in ("expired", "undelivered", "defaulted"):
            jobs[outcome] = self.post("", self._free)
        for outcome in ("undelivered", "defaulted"):
            self.do("", FIRST, "JobMarket", "bid", jobs[outcome][0], PRICE, b"")
        self.do("", FIRST, "JobMarket", "accept", jobs["defaulted"][0])
        self.local.control("advance", BIDDING + DELIVERY + EXECUTION)
        for outcome, (job, terms) in jobs.items():
            self.do(f"settle: {outcome}", CONSUMER, "JobMarket", "settle", job, terms)

    def _unverified_jobs(self) -> None:
        """Keys, a delivery, and complaints: of small outputs, and of the largest, random as ciphertexts are."""
        for step, account in (("the first", FIRST), ("another", FIRST), ("", CONSUMER)):
            key = b"\x02" + word(_GENERATOR)
            self.do(f"key, announce: {step}" if step else "", account, "EncryptionKeys", "announce", key)
        deposit = self.chain.call("Unverified", "deposit")
        largest = b"".join(keccak256(word(number)) for number in range(256))
        blocks = {"100 bytes": largest[:100], "8 KiB": largest, "": largest[:10]}
        for size, block in blocks.items():
            job, terms = self.unverified(self._free, block)
            wrapped = (largest * 2)[:142]
            self.do("deliver an input's key" if size == "8 KiB" else "", CONSUMER, "Delivery", "deliver", job, wrapped)
            self.hand_in("submit: tier none" if size == "8 KiB" else "", job, terms, block)
            step = "complain, with a permit" if size == "8 KiB" else ""
            self.paying(step, CONSUMER, "Unverified", "complain", (job,), deposit)
            if size:
                self.do(f"answer: {size}", FIRST, "Unverified", "answer", job, bytes(32), block)
                self.do("settle: tier none" if size == "8 KiB" else "", FIRST, "JobMarket", "settle", job, terms)
        self.local.control("advance", self.chain.call("Unverified", "answerWindow"))
        self.do("settle: rejected", CONSUMER, "JobMarket", "settle", job, terms)
        self.do("collect a deposit", CONSUMER, "Unverified", "collect", job)

    def _leaving(self) -> None:
        self.do("credits, withdraw", FIRST, "JobMarket", "withdraw")
        self.do("credits, burn", FIRST, "JobMarket", "burn")
        self.advance(1)
        self.do("stake, unbond", FIRST, "StakeVault", "requestWithdraw", PROVIDER, ONE)
        self.local.control("advance", self.chain.call("StakeVault", "unbondingPeriod"))
        self.do("stake, withdraw", FIRST, "StakeVault", "withdraw", PROVIDER)
