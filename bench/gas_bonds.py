"""Bonds behind served results, as transactions on the devnet of bench/gas_steps.py, by their size of inputs.

The results are of a graph of two nodes whose numbers are anything: nobody recomputes them here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

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
    SALT,
    SECOND,
    GasChain,
)
from bench.gas_disputes import Publish
from bench.gas_faults import least
from mlm.adapters.chain import typed
from mlm.adapters.wallet import devnet as accounts
from mlm.core import served
from mlm.core.accusation import Statement, accusation_id, opened
from mlm.core.channel import ChannelTerms, terms_from_event
from mlm.core.digest import keccak256, word
from mlm.core.exact.commitments import SCHEME_EXACT, TIER, Evidence
from mlm.core.exact.tensor import DType, TensorType
from mlm.core.exact.trace import tensor_of
from mlm.core.plan import Call

CONTRACT = "ServingBonds"
SIZES = (1024, 65_536, 122_880)  # bytes of inputs; the last are as many as an accusation shows
NAMES = {1024: "1 KiB", 65_536: "64 KiB", 122_880: "120 KiB"}
BOND = 1000 * ONE
SERVED = 1_700_000_000  # seconds; the same in every run
DAY = 86_400


@dataclass(frozen=True)
class Run:
    """A run of one input: what an honest provider hands in."""

    kind: TensorType
    data: bytes
    evidence: Evidence


def bonds(chain: GasChain, publish: Publish) -> None:
    """A bond's life; accusations by the size of their inputs; what proves them, and their lapse."""
    Bonds(chain, publish).run()


class Bonds:
    """The transactions, in order. FIRST serves and lies, CONSUMER accuses, SECOND runs the jobs."""

    def __init__(self, chain: GasChain, publish: Publish) -> None:
        self._chain = chain
        self._runs = {size: _run(size) for size in SIZES}
        self._version = publish("served", self._runs[SIZES[0]].evidence.key)
        self._terms: ChannelTerms = self._opened()

    def run(self) -> None:
        """Every step."""
        chain = self._chain
        for which in ("the first", "another"):
            chain.paying(f"bond, deposit: {which}, with a permit", FIRST, CONTRACT, "deposit", self._bond(BOND), BOND)
        chain.do("bond, unbond", FIRST, CONTRACT, "requestWithdraw", *self._bond(ONE))
        chain.do("", CONSUMER, "MarketToken", "approve", chain.at(CONTRACT), ALL)
        accused = {size: self._accused(size) for size in SIZES}
        job, terms = self._judged(self._runs[SIZES[0]])
        chain.do("accusation, convict", CONSUMER, CONTRACT, "convict", accused[SIZES[0]], job, terms)
        first, second = (self._said(self._runs[SIZES[0]], 9, output) for output in (b"one", b"another"))
        said = (self._channel_terms, first.as_args(), second.as_args())
        chain.advance(1)  # within the second of the conviction before, its time would not be written anew
        chain.do("accusation, contradict: of a payee convicted before", CONSUMER, CONTRACT, "contradict", *said)
        chain.paying("", FIRST, CONTRACT, "deposit", self._bond(BOND), BOND)
        chain.advance(chain.chain.call(CONTRACT, "accusationWindow"))
        chain.do("accusation, lapse: of a payee convicted since", SECOND, CONTRACT, "lapse", accused[SIZES[1]])
        again = self._accuse("", self._runs[SIZES[0]], 10)
        chain.do("", FIRST, CONTRACT, "requestWithdraw", *self._bond(BOND))
        chain.advance(chain.chain.call(CONTRACT, "unbondingPeriod"))
        chain.do("accusation, lapse: the deposit is lost", SECOND, CONTRACT, "lapse", again)
        chain.do("bond, withdraw", FIRST, CONTRACT, "withdrawBond", self._version)
        chain.do("bonds, withdraw credits", CONSUMER, CONTRACT, "withdraw")

    def _bond(self, amount: int) -> tuple[bytes, int]:
        return self._version, amount

    # ------------------------------------------------------------------ statements

    @property
    def _channel_terms(self) -> tuple[Any, ...]:
        return self._terms.as_args()

    def _opened(self) -> ChannelTerms:
        chain, payer = self._chain, accounts.address(CONSUMER)
        terms, _, _ = chain.chain.call(
            "PaymentChannels", "quote", payer, accounts.address(FIRST), payer, self._version, 7
        )
        chain.do("", CONSUMER, "MarketToken", "approve", chain.at("PaymentChannels"), ALL)
        expires = chain.chain.block().timestamp + DAY
        receipt = chain.do("", CONSUMER, "PaymentChannels", "open", terms, ONE, expires)
        return terms_from_event(chain.event(receipt, "PaymentChannels", "ChannelOpened")["terms"])

    def _said(self, run: Run, call: int, output: bytes) -> Statement:
        """What FIRST has signed."""
        chain = self._chain
        channel = chain.chain.call("PaymentChannels", "idOf", self._channel_terms)
        exact = (run.evidence.input_commitment(self._version), keccak256(output))
        sent = ("0x" + keccak256(name).hex() for name in (b"request", b"sent", b"came back"))
        request, given, returned = sent
        place = ("0x" + channel.hex(), call, request, "0x" + self._version.hex())
        result = served.ServedResult(*place, given, returned, served.exact_profile(*exact), SERVED)
        where = served.domain(chain.chain.chain_id(), chain.at("PaymentChannels"))
        signature = typed.sign(accounts.key(FIRST), where, served.TYPES, result.message)
        return opened(result.signed(signature), *exact)

    def _accused(self, size: int) -> bytes:
        return self._accuse(f"accusation, open: {NAMES[size]} of inputs", self._runs[size], 1 + SIZES.index(size))

    def _accuse(self, step: str, run: Run, call: int) -> bytes:
        """Accuse FIRST of a false output; the accusation's id."""
        chain = self._chain
        said = self._said(run, call, b"false")
        args = (self._channel_terms, said.as_args(), [run.kind.word()], [run.data])
        chain.advance(1)  # within the second of another one, the bond's word would be written as it was
        chain.do(step, CONSUMER, CONTRACT, "accuse", *args)
        if step:
            data = chain.senders[CONSUMER].encode(Call(CONTRACT, "accuse", args))
            chain.gas[f"{step}, at least from Prague on"] = least(data)
        return bytes.fromhex(accusation_id(chain.chain.chain_id(), chain.at(CONTRACT), said)[2:])

    # ------------------------------------------------------------------ jobs

    def _judged(self, run: Run) -> tuple[bytes, tuple[Any, ...]]:
        """A job of the accuser's that came to something else, accepted."""
        chain, window = self._chain, self._chain.chain.call(CONTRACT, "minVerification")
        chain.do("", SECOND, "MarketToken", "approve", chain.at("StakeVault"), ALL)
        chain.do("", SECOND, "StakeVault", "deposit", PROVIDER, 2 * PRICE)
        given = run.evidence.input_commitment(self._version)
        what = (self._version, TIER, FIXED, SCHEME_EXACT, given, keccak256(b"input"), PRICE, 0, 0)
        request = (*what, BIDDING, 0, DELIVERY, EXECUTION, window, bytes(32), 0, bytes(32))
        terms: tuple[Any, ...] = chain.chain.call("JobMarket", "quote", request)[0]
        receipt = chain.do("", CONSUMER, "JobMarket", "post", request, 2**42)
        job = bytes.fromhex(chain.event(receipt, "JobMarket", "JobPosted")["jobId"][2:])
        chain.do("", SECOND, "JobMarket", "bid", job, PRICE, b"")
        chain.do("", SECOND, "JobMarket", "accept", job)
        chain.do("", SECOND, "JobMarket", "submit", job, terms, run.evidence.encode(), SALT)
        chain.advance(window)
        return job, terms


def _run(size: int) -> Run:
    kind = TensorType(DType.I8, (1, 1, size // 1024, 1024))
    data = b"".join(keccak256(word(number)) for number in range(size // 32))
    output = tensor_of(replace(kind, shape=(1, 1, 1, 10)), bytes(10))
    return Run(kind, data, Evidence(keccak256(b"a graph"), 1, 1, (tensor_of(kind, data).root, output.root)))
