"""A payee that lies about an exact model, its bond, and payers who accuse it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from mlm.adapters.wallet import devnet as accounts
from mlm.core import served
from mlm.core.commitment import NO_SALT, commit_outputs, tensors_root, unverified_input_commitment
from mlm.core.evidence import Evidence
from mlm.core.served import ServedResult, Terms
from mlm.ports.bundle import Ports
from mlm.workflows import lookup, serve_profile
from tests.command_line import INPUT, LOCK, ROOT, Market, Person
from tests.disputing import CODEC, EXACT, lowered
from tests.enclaves import ports_of
from tests.serving.conftest import Running, start, stop
from tests.serving.payers import Chain, Payer

LYING = (str(ROOT / "tests" / "serving" / "lying_server.py"),)
BOND, DEPOSIT = "50", 10 * 10**18  # tokens; base units, devnet/deployment.json
PAYEE = "compute-2"


@contextmanager
def lying(market: Market, account: str = PAYEE, *how: str) -> Iterator[Running]:
    """An account serves the exact model, and lies about every call; `how` as lying_server.py takes it."""
    arguments = (EXACT, "--price", "0.3", "--name", f"liar-{account}")
    env = {"MLM_ACCOUNT": account}
    running = start(market.second.folder, market.home, *arguments, env=env, program=(*LYING, *how))
    try:
        yield running
    finally:
        assert stop(running) == 0


@dataclass(frozen=True)
class Accusing:
    """A market, a server that lies in it, and who pays for the lies."""

    market: Market
    server: Running
    folder: Path

    @property
    def payer(self) -> Person:
        """Who pays, and accuses."""
        return self.market.consumer

    @property
    def payee(self) -> Person:
        """Who lies."""
        return self.market.second

    def bonded(self, tokens: str = BOND) -> None:
        """The payee puts so much more behind its lies."""
        self.payee.do("bond", "deposit", EXACT, tokens)

    def called(self, payer: Person | None = None, file: str = INPUT) -> Path:
        """A call, paid for and kept; each is another, since one process sends it."""
        asked = ("run", EXACT, file, "--remote", self.server.url, "--max-price", "0.3", "--deposit", "3")
        return Path((payer or self.payer).do(*asked, "--keep", str(self.folder))["kept"])

    def accused(self, *options: str, file: Path | None = None) -> dict[str, Any]:
        """An accusation of a new call, with its job."""
        wanted = ("--max-price", "5", "--auction", "fixed", *options)
        return self.payer.do("accuse", "open", str(file or self.called()), *wanted)

    def judged(self, job: str) -> None:
        """compute-1 runs the job, and nobody disputes it."""
        self.market.first.do("bid", job, "--price", "5", "--stake")
        self.market.first.do("lease", "fulfil", job)
        self.market.advance("24h")

    def credit(self, account: str) -> int:
        """What accusations owe an account, base units."""
        return int(self.payer.do("wallet", "show", account)["accusation_credit"])


def address(account: str) -> str:
    """An account's, in lower case."""
    return accounts.address(account).lower()


@dataclass
class Lies:
    """Files of calls whose payee, compute-2, has signed what is false: made without a server, by its key."""

    market: Market
    folder: Path
    count: int = 0

    @property
    def ports(self) -> Ports:
        """The payee's."""
        return ports_of(Person(PAYEE, self.market.consumer.folder, self.market.home))

    def told(self, *turns: int, scale: float | None = None, said: dict[str, np.ndarray] | None = None) -> list[Path]:
        """Calls of one channel on one new input; the outputs of each are turned by so many places (0: the truth).

        `scale`: by how much the sample is multiplied, where the input is to be a known one. `said`: outputs instead of
        the model's.
        """
        onnx, ports = lowered(self.market), self.ports
        self.count += 1
        times = np.float32(0.5 + self.count % 64 / 128 if scale is None else scale)
        given = {"image": np.load(self.market.consumer.folder / INPUT) * times}
        ran = said or ports.exact.run(onnx, given).outputs
        payer = Payer.open(Chain.of(self.market, "consumer"), self._terms(ports), self._nonce(), calls=len(turns))
        found = []
        for call, turn in enumerate(turns, 1):
            outputs = {name: np.roll(array, turn) for name, array in ran.items()}
            found.append(self.folder / f"lie-{self.count}-{call}.call")
            found[-1].write_bytes(self._evidence(ports, payer, call, given, outputs).to_bytes())
        return found

    def bonded(self) -> None:
        """More is behind them than a job of `accused` takes."""
        payee = Person(PAYEE, self.market.consumer.folder, self.market.home)
        if int(payee.do("bond", "show", EXACT)["held"]) < 2 * LOCK:
            payee.do("bond", "deposit", EXACT, "20")

    def alone(self) -> None:
        """Just so much is behind them: what was there is taken first."""
        payee = Person(PAYEE, self.market.consumer.folder, self.market.home)
        if int(payee.do("bond", "show", EXACT)["total"]):
            self.market.consumer.do("accuse", "contradict", *map(str, self.told(1, 2)))
        payee.do("bond", "deposit", EXACT, "1")

    def accused(self) -> tuple[str, str]:
        """An accusation of a new lie, and its job."""
        lowered(self.market)
        self.bonded()
        wanted = ("--max-price", "5", "--auction", "fixed", "--value-at-risk", "0")
        opened = self.market.consumer.do("accuse", "open", str(self.told(1)[0]), *wanted)
        return opened["accusation"], opened["job"]

    def proven(self) -> str:
        """An accusation whose job was accepted."""
        accusation, job = self.accused()
        self.market.first.do("bid", job, "--price", "5", "--stake")
        self.market.first.do("lease", "fulfil", job)
        self.market.advance("24h")
        return accusation

    def _nonce(self) -> int:
        """Another for each folder and lie: others have channels on the same market."""
        return int.from_bytes(sha256(f"{self.folder} {self.count}".encode()).digest(), "big")

    def _terms(self, ports: Ports) -> Terms:
        chain, version = ports.chain, lookup.version(ports, EXACT)
        where = (chain.address_of("PaymentChannels").lower(), chain.address_of("MarketToken").lower())
        return Terms(chain.chain_id(), chain.block(0).hash, *where, address(PAYEE), version.version_id, 3 * 10**17, 60)

    def _evidence(
        self, ports: Ports, payer: Payer, call: int, given: dict[str, np.ndarray], outputs: dict[str, np.ndarray]
    ) -> Evidence:
        """Signed as `mlm serve` signs."""
        voucher, terms = payer.voucher(call, given), payer.terms
        version = terms.version_id
        block = CODEC.to_block(outputs)
        root = tensors_root(NO_SALT, CODEC.to_block(given))
        committed = unverified_input_commitment(bytes.fromhex(version[2:]), root)
        bare = ServedResult(
            channel=payer.id,
            call=call,
            request=voucher.voucher.request,
            version_id=version,
            input_commitment="0x" + committed.hex(),
            output_commitment="0x" + commit_outputs(tensors_root(NO_SALT, block)).hex(),
            profile=serve_profile.profile(ports, lowered(self.market), version)(given)(outputs),
            served_at=ports.system.now(),
        )
        return self.signed(Evidence(terms, voucher, bare, CODEC.to_block(given), block))

    def signed(self, evidence: Evidence) -> Evidence:
        """The same with the payee's signature of its result."""
        domain = served.domain(evidence.terms.chain_id, evidence.terms.channels)
        signature = self.ports.signer.sign_typed(domain, served.TYPES, evidence.result.message)
        return replace(evidence, result=evidence.result.signed(signature))
