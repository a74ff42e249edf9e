"""A devnet of its own, and the gas that each receipt names: what bench/gas_steps.py and gas_auctions.py stand on.

Nothing here depends on the clock or on chance: accounts, salts, nonces and signatures are fixed, so a step costs the
same to the unit whenever it is measured. A step's name says what is special about it.
"""

from __future__ import annotations

import json
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
from mlm.core.digest import keccak256, words
from mlm.core.events import decode
from mlm.core.plan import Call
from mlm.ports.chain import Receipt

ROOT = Path(__file__).resolve().parent.parent
ONE = 10**18  # base units
ZK, FIXED, REVERSE, PROVIDER = 1, 0, 1, 0  # Tier.Zk, AuctionKind.Fixed and .Reverse, Role.Provider
SALT = keccak256(b"salt")
PRICE, DEADLINE, ALL = 100 * ONE, 2**32 - 1, 2**256 - 1
BIDDING, REVEAL, DELIVERY, EXECUTION, VERIFICATION = 600, 450, 300, 3600, 3600  # seconds
PUBLISHER, CONSUMER, FIRST, SECOND = "model-provider", "consumer", "compute-1", "compute-2"
PERMIT = b"Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"


class GasChain:
    """Sends transactions one by one; `gas` holds what was measured so far, by step."""

    def __init__(self, local: LocalDevnet) -> None:
        up = local.start()
        self.local = local
        self.chain = EthChain(Rpc(up.url), deployment.load(Path(up.deployment)))
        self.senders = {name: EthSender(self.chain, accounts.key(name)) for name in accounts.NAMES}
        self._jobs = 0
        case = json.loads((ROOT / "devnet" / "test" / "fixtures" / "zk.json").read_text())["cases"]["digits"]
        numbers = [tuple(int(value, 0) for value in case[name]) for name in ("vka", "instances")]
        self.evidence = Evidence(numbers[0], int(case["inputs"]), bytes.fromhex(case["proof"][2:]), numbers[1])
        self.gas: dict[str, int] = {}

    # ------------------------------------------------------------------ jobs

    def post(
        self,
        step: str,
        version: bytes,
        auction: int = FIXED,
        *,
        start: int = 0,
        price_step: int = 0,
        revealing: int = 0,
        required: bytes = bytes(32),
    ) -> tuple[bytes, tuple[Any, ...]]:
        """Post a job; its id and terms."""
        self._jobs += 1
        request = self.request(version, auction, start, price_step, revealing, required)
        return self._post(step, request, self._jobs)

    def _post(self, step: str, request: tuple[Any, ...], nonce: int) -> tuple[bytes, tuple[Any, ...]]:
        terms: tuple[Any, ...] = self.chain.call("JobMarket", "quote", request)[0]
        receipt = self.do(step, CONSUMER, "JobMarket", "post", request, nonce)
        return bytes.fromhex(self.event(receipt, "JobMarket", "JobPosted")["jobId"][2:]), terms

    def leased(
        self,
        step: str,
        asked: tuple[bytes, int, int, bytes],
        nonce: int,
        *,
        window: int = VERIFICATION,
        policy: bytes = bytes(32),
    ) -> tuple[bytes, tuple[Any, ...]]:
        """A job at a fixed price, leased to FIRST: version, tier, scheme and input commitment are `asked`."""
        version, tier, scheme, given = asked
        what = (version, tier, FIXED, scheme, given, keccak256(b"input"), PRICE, 0, 0)
        request = (*what, BIDDING, 0, DELIVERY, EXECUTION, window, bytes(32), 0, policy)
        job, terms = self._post(step, request, nonce)
        self.do("", FIRST, "JobMarket", "bid", job, PRICE, b"")
        return job, terms

    def request(
        self,
        version: bytes,
        auction: int,
        start: int = 0,
        price_step: int = 0,
        revealing: int = 0,
        required: bytes = bytes(32),
    ) -> tuple[Any, ...]:
        """A job's terms on the consumer's side."""
        hashes = self.evidence.instances[: self.evidence.inputs]
        given = commitment.zk_input_commitment(version, hashes)
        what = (version, ZK, auction, commitment.SCHEME_POSEIDON, given, keccak256(b"input"), PRICE, start, price_step)
        return (*what, BIDDING, revealing, DELIVERY, EXECUTION, 0, required, 0, bytes(32))

    def unverified(self, version: bytes, block: bytes) -> tuple[bytes, tuple[Any, ...]]:
        """A job of the tier none, whose outputs are this block; leased to FIRST."""
        self._jobs += 1
        root = commitment.tensors_root(commitment.NO_SALT, block)
        given = commitment.unverified_input_commitment(version, root)
        return self.leased("", (version, commitment.NO_TIER, commitment.SCHEME_KECCAK, given), self._jobs)

    def hand_in(self, step: str, job: bytes, terms: tuple[Any, ...], block: bytes) -> None:
        """Accept, and commit to outputs that nobody verifies."""
        self.do("", FIRST, "JobMarket", "accept", job)
        root = commitment.tensors_root(commitment.NO_SALT, block)
        self.do(step, FIRST, "JobMarket", "submit", job, terms, root, SALT)

    def fulfil(self, kind: str, job: bytes, terms: tuple[Any, ...], account: str) -> None:
        """Accept and submit a job of a kind of auction."""
        self.do(f"accept: {kind}", account, "JobMarket", "accept", job)
        self.submit(f"submit: {kind}, no royalty, verified and settled", job, terms, account)

    def submit(self, step: str, job: bytes, terms: tuple[Any, ...], account: str) -> Receipt:
        """Hand in the proof."""
        evidence = commitment.encode_evidence(self.evidence)
        return self.do(step, account, "JobMarket", "submit", job, terms, evidence, SALT)

    # ------------------------------------------------------------------ time

    def advance(self, seconds: int) -> None:
        """Move the chain's clock on."""
        self.local.control("advance", seconds)

    def go_to(self, second: int) -> None:
        """Move the chain's clock to a second of its future."""
        self.advance(second - self.chain.block().timestamp)

    # ------------------------------------------------------------------ transactions

    def do(self, step: str, account: str, contract: str, function: str, *args: Any) -> Receipt:
        """Send one call and keep its gas under the step's name; without a name it only prepares another."""
        sender = self.senders[account]
        signed = sender.sign(Call(contract, function, args))
        sender.broadcast(signed)
        receipt = sender.wait(signed)
        if step:
            assert step not in self.gas, step
            self.gas[step] = receipt.gas_used
        return receipt

    def paying(self, step: str, account: str, contract: str, function: str, args: tuple[Any, ...], paid: int) -> None:
        """A call behind a permit for what it takes, as one multicall (EIP-2612)."""
        from coincurve import PrivateKey

        owner, spender = (self.number(address) for address in (accounts.address(account), self.at(contract)))
        nonce = self.chain.call("MarketToken", "nonces", accounts.address(account))
        digest = keccak256(words((keccak256(PERMIT), owner, spender, paid, nonce, DEADLINE)))
        separator: bytes = self.chain.call("MarketToken", "DOMAIN_SEPARATOR")
        signature = PrivateKey(accounts.key(account)).sign_recoverable(
            keccak256(b"\x19\x01" + separator + digest), hasher=None
        )
        parts = (paid, DEADLINE, 27 + signature[64], signature[:32], signature[32:64])
        calls = (Call(contract, "selfPermit", parts), Call(contract, function, args))
        self.do(step, account, contract, "multicall", calls)

    def at(self, contract: str) -> str:
        return self.chain.address_of(contract)

    @staticmethod
    def number(address: str) -> int:
        return int(address, 16)

    def event(self, receipt: Receipt, contract: str, name: str) -> dict[str, Any]:
        decoded = [decode(contract, log.topics, log.data) for log in receipt.logs if self.is_by(contract, log.address)]
        return next(dict(args) for event, args in decoded if event == name)

    def is_by(self, contract: str, address: str) -> bool:
        return address.lower() == self.at(contract).lower()

    def used_by(self, contract: str, trace: dict[str, Any]) -> int:
        """Gas that the calls of one contract used in a trace."""
        if self.is_by(contract, trace.get("to", "")):
            return int(trace["gasUsed"], 16)
        return sum(self.used_by(contract, call) for call in trace.get("calls", ()))
