"""A payee that lies about an exact model, its bond, and payers who accuse it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlm.adapters.wallet import devnet as accounts
from tests.command_line import INPUT, ROOT, Market, Person
from tests.disputing import EXACT
from tests.serving.conftest import Running, start, stop

LYING = (str(ROOT / "tests" / "serving" / "lying_server.py"),)
BOND, DEPOSIT = "50", 10 * 10**18  # tokens; base units, devnet/deployment.json
PAYEE = "compute-2"


@contextmanager
def lying(market: Market) -> Iterator[Running]:
    """compute-2 serves the exact model, and lies about every call."""
    arguments = (EXACT, "--price", "0.3", "--name", "liar")
    running = start(market.second.folder, market.home, *arguments, env={"MLM_ACCOUNT": PAYEE}, program=LYING)
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
