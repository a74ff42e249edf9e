"""A market for weeks in minutes: workers and consumers at work, killed at random with the devnet under them.

    python -m tests.soak [--jobs 300] [--seed 1]

Ends with every job settled, no consumer having paid twice, every lost lease with its cause, and every account's balance
explained to the base unit: by the log of the chain, and by the rules of mlm/core/settlement.py from each job's terms.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlm.adapters.chain import deployment
from mlm.adapters.chain.read import EthChain
from mlm.adapters.chain.rpc import Rpc
from mlm.adapters.state.duckdb import DuckState
from mlm.adapters.wallet import devnet as accounts
from mlm.core.errors import ChainError
from mlm.core.job import Reason, State
from mlm.core.settlement import BURN_ADDRESS, split, split_fee
from mlm.core.terms import Terms, terms_from_event
from tests.command_line import INPUT, MODEL, ROOT, Market, Person, kill, start, stop

WORKERS = ("compute-1", "compute-2", "watcher")
CONSUMERS = ("consumer", "model-provider")
WORK = ("worker", "run", "--strategy", "margin", "--jobs", "3", "--collect", "20")
STAKE = "400"
# What is posted, with windows that a kill of half a minute does not outlast; a few are short, so that some are lost.
KINDS: dict[str, tuple[str, ...]] = {
    "fixed": ("--bidding", "600"),
    "reverse": ("--bidding", "60"),
    "sealed": ("--bidding", "60", "--reveal", "300"),
    "dutch": ("--bidding", "300", "--start-price", "1"),
    "batch": ("--bidding", "60", "--reveal", "300", "--start-price", "1", "--price-step", "0.25"),
}
OPEN = 12  # jobs at a time
STEP = 0.4  # seconds between two things that happen
CHAIN_DOWN = ChainError.exit_code


@dataclass
class Soak:
    """One run. `wanted` counts what each consumer meant to post."""

    market: Market
    random: random.Random
    jobs: int
    violence: float = 1.0  # how much oftener something is killed
    workers: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    wanted: Counter[str] = field(default_factory=Counter)
    killed: Counter[str] = field(default_factory=Counter)
    refused: int = 0  # workers that found no devnet at their start

    # --- what happens --------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Everything is posted and done, whatever is killed meanwhile."""
        for account in WORKERS:
            self.market.person(account).do("stake", "deposit", STAKE)
        while sum(self.wanted.values()) < self.jobs:
            self._tend()
            if len(self._unsettled()) < OPEN:
                self._post()
            else:
                self._settle()  # what came to nothing waits for its consumer, and would leave no room in the end
            if self.random.random() < 0.06 * self.violence:
                self._kill_a_worker()
            if self.random.random() < 0.02 * self.violence:
                self._kill_the_devnet()
            self.market.advance(f"{self.random.randrange(1, 12)}s")
            time.sleep(STEP)
        for _ in range(100 + 10 * self.jobs):
            self._tend()
            if not self._settle():
                break
            self.market.advance("20s")
            time.sleep(STEP)
        else:
            raise AssertionError(f"jobs are left:\n{self._unsettled()}")
        for row in self.market.consumer.do("sql", "select job_id from job_view where auction = 2")["rows"]:
            self.market.consumer.do("job", "settle", row["job_id"])  # what was not revealed burns
        for worker in self.workers.values():
            worker.send_signal(signal.SIGTERM)
        for account, worker in self.workers.items():
            assert worker.wait(120) == 0, f"{account} ended with {worker.returncode}"

    def _tend(self) -> None:
        """Every worker lives."""
        for account in WORKERS:
            worker = self.workers.get(account)
            ended = None if worker is None else worker.poll()
            if ended == CHAIN_DOWN:  # it was started while the devnet was down, and said so
                self.refused += 1
                assert self.refused <= self.killed["devnet"] * len(WORKERS), f"{account} finds no devnet"
            else:
                assert ended in (None, -signal.SIGKILL), f"{account} ended by itself with {ended}"
            if worker is None or ended is not None:
                self.workers[account] = self._spawn(self.market.person(account), *WORK, log="worker.log")

    def _spawn(self, person: Person, *arguments: str, log: str) -> subprocess.Popen[bytes]:
        with (person.folder / log).open("ab") as file:
            return subprocess.Popen(
                [sys.executable, "-m", "mlm", *arguments],
                cwd=person.folder,
                env={**person.environment, "PYTHONPATH": str(ROOT)},
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
            )

    def _post(self) -> None:
        """A job of a random kind and price; one in five consumers is killed at it and asks again."""
        person = self.market.person(self.random.choice(CONSUMERS))
        kind = self.random.choice(list(KINDS))
        windows = ("--delivery", "60", "--execution", "60") if self.random.random() < 0.05 else ()
        price = f"{self.random.randrange(12, 36) / 4:.2f}"
        command = ("job", "post", MODEL, "-i", INPUT, "--max-price", price, "--auction", kind, *KINDS[kind], *windows)
        self.wanted[person.account] += 1
        if self.random.random() < 0.2 * self.violence:
            before = self._newest(person)
            process = self._spawn(person, *command, log="consumer.log")
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(self.random.uniform(0.3, 2.5))
            process.kill()
            self.killed["consumer"] += process.wait() != 0
            after = self._newest(person)
            # Killed at its very end it has posted, and nothing is left to resume: asked again it would be another job.
            if process.returncode == 0 or (after != before and after["state"] == "done"):
                return
        ran = person.run(*command, "--json")
        if ran.code == 12 and (found := re.search(r"operation (\d+) is this very command", ran.out)):
            ran = person.run("op", "resume", found[1], "--json")
        assert ran.code == 0, ran

    def _newest(self, person: Person) -> dict[str, Any]:
        """The person's newest posting in the journal."""
        rows = person.do("op", "log")["operations"]
        mine = (row for row in rows if row["operation"] == "job post" and row["account"].lower() == _of(person.account))
        return next(mine, {"state": ""})

    def _kill_a_worker(self) -> None:
        account = self.random.choice(WORKERS)
        self.workers[account].kill()
        self.workers[account].wait()
        self.killed["worker"] += 1

    def _kill_the_devnet(self) -> None:
        """Its supervisor or its node, and up again."""
        status = self.market.consumer.do("devnet", "status")
        with contextlib.suppress(ProcessLookupError):
            kill(int(status[self.random.choice(["supervisor_pid", "node_pid"])]))
        self.killed["devnet"] += 1
        time.sleep(self.random.uniform(0, 2))
        self.market.consumer.do("devnet", "up")

    def _settle(self) -> bool:
        """Consumers take back what came to nothing; whether jobs are left."""
        left = False
        for account in CONSUMERS:
            person = self.market.person(account)
            for row in self._unsettled(account):
                left = True
                person.run("job", "settle", row["job_id"], "--json")  # refused while it is under way
        return left

    def _unsettled(self, consumer: str = "") -> list[dict[str, Any]]:
        self.market.consumer.do("sync")
        whose = f" and consumer = '{_of(consumer)}'" if consumer else ""
        rows: list[dict[str, Any]] = self.market.consumer.do(
            "sql", f"select job_id, auction, provider from job_view where settled_at is null{whose}"
        )["rows"]
        return rows

    # --- what must be so at the end ------------------------------------------------------------------------------

    def explain(self) -> str:
        """Every balance to the base unit; raises AssertionError. A line that tells what happened."""
        self.market.consumer.do("sync", "--rebuild")
        url = self.market.consumer.do("devnet", "status")["url"]
        chain = EthChain(Rpc(url), deployment.load(self.market.home / "devnet" / "deployment.json"))
        state = DuckState(self.market.home / "state.duckdb")
        rows = _all(state, "jobs")
        ended = Counter(str(State(row["settled_state"])) for row in rows)
        self._posted_once(rows)
        for row in rows:
            self._job(chain, state, row)
        self._accounts(chain, state)
        self._causes(state, rows)
        chain.rpc.close()
        kills = ", ".join(f"{count} of {who}" for who, count in sorted(self.killed.items()))
        return f"{len(rows)} jobs: {dict(ended)}; kills: {kills or 'none'}; every balance explained to the base unit"

    def _posted_once(self, rows: list[dict[str, Any]]) -> None:
        posted = Counter(row["consumer"] for row in rows)
        assert posted == Counter({_of(who): count for who, count in self.wanted.items()}), (posted, self.wanted)

    def _job(self, chain: EthChain, state: DuckState, row: dict[str, Any]) -> None:
        """A job's credits are those that its terms and its end give, and no other."""
        assert row["settled_at"] is not None, row
        found: Counter[tuple[str, str]] = Counter()
        for credit in _all(state, "credits", job_id=row["job_id"]):
            found[credit["account"].lower(), str(Reason(credit["reason"]))] += credit["amount"]
        terms = terms_from_event(row["terms"])
        expected = _credits(row, terms, chain.address_of("StakeVault").lower())
        # Sealed bids that nobody revealed burn whole, each its bond.
        changes = [change["change"] for change in state.query("bid_changes", job_id=row["job_id"])]
        bond = max(terms.snapshot.lock, terms.request.max_price)
        expected[BURN_ADDRESS.lower(), "burn"] += changes.count("forfeited") * bond
        assert +found == +expected, (row["job_id"], State(row["settled_state"]), +found, +expected)

    def _accounts(self, chain: EthChain, state: DuckState) -> None:
        """What the log says is what the contracts hold, for everybody; and all of it together is the supply."""
        rows = state.sql("select account, ledger, sum(change)::varchar from history_view group by all")[1]
        held: dict[tuple[str, str], int] = {(str(who), str(ledger)): int(change) for who, ledger, change in rows}
        for (account, ledger), amount in held.items():
            if ledger == "wallet" and int(account, 16):
                assert chain.call("MarketToken", "balanceOf", account) == amount, (account, ledger)
            elif ledger == "credit":
                assert chain.call("JobMarket", "creditOf", account) == amount, (account, ledger)
            elif ledger == "stake":
                total, locked, *_ = chain.call("StakeVault", "stakeOf", account, 0)
                assert (total, locked) == (amount, 0), (account, ledger, total, locked)
        supply = sum(amount for (account, ledger), amount in held.items() if ledger == "wallet" and int(account, 16))
        assert chain.call("MarketToken", "totalSupply") == supply
        market = chain.address_of("JobMarket")
        owed = sum(amount for (_, ledger), amount in held.items() if ledger == "credit")
        assert chain.call("MarketToken", "balanceOf", market) == owed, "the market holds what it owes, and no escrow"

    def _causes(self, state: DuckState, rows: list[dict[str, Any]]) -> None:
        """Whoever lost a lease can read why."""
        for account in WORKERS:
            log = (self.market.home / "worker" / _of(account)).glob("log*.jsonl")
            told = "".join(path.read_text() for path in log)
            for row in rows:
                if row["provider"] == _of(account) and row["settled_state"] in (State.DEFAULTED, State.UNDELIVERED):
                    line = next((each for each in told.splitlines() if row["job_id"] in each and "lost" in each), "")
                    assert "Cause: " in line, (account, row["job_id"])


def _credits(row: dict[str, Any], terms: Terms, vault: str) -> Counter[tuple[str, str]]:
    """Who is credited what for a settled job, from its terms and its end alone (docs/job.md)."""
    request, snapshot, found = terms.request, terms.snapshot, Counter[tuple[str, str]]()
    consumer, provider, burn = row["consumer"], row["provider"], BURN_ADDRESS.lower()
    ended = State(row["settled_state"])
    if ended is State.ACCEPTED:
        price = row["settled_price"]
        parts = split(
            price,
            fee_bps=snapshot.protocol_fee_bps,
            use_price=snapshot.use_price,
            owner_bps=snapshot.owner_bps,
            bps=snapshot.bps,
        )
        fee = split_fee(parts.fee, treasury_bps=snapshot.treasury_bps, stakers_bps=snapshot.stakers_bps)
        found[snapshot.treasury.lower(), "protocol-fee"] += fee.treasury
        found[vault, "staker-reward"] += fee.stakers
        found[burn, "burn"] += fee.burned
        for payee, amount in zip(snapshot.payees, parts.shares, strict=True):
            found[payee.lower(), "royalty"] += amount
        found[provider, "payment"] += parts.provider
        found[consumer, "refund"] += request.max_price - price
        return found
    found[consumer, "refund"] += request.max_price
    if ended is State.UNDELIVERED:
        found[consumer, "refund"] -= snapshot.undelivered_fee
        found[snapshot.treasury.lower(), "protocol-fee"] += snapshot.undelivered_fee
        found[burn, "burn"] += snapshot.undelivered_fee
    elif ended is State.DEFAULTED:
        found[consumer, "gas-compensation"] += snapshot.gas_compensation
        found[burn, "burn"] += snapshot.lock - snapshot.gas_compensation
    return found


def _all(state: DuckState, query: str, **parameters: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    while page := state.query(query, **parameters, limit=1000, offset=len(rows)):
        rows += page
    return rows


def _of(account: str) -> str:
    return accounts.address(account).lower()


def soak(root: Path, jobs: int, seed: int, violence: float = 1.0) -> str:
    """One run in `root`; what happened, in a line. Raises AssertionError."""
    market = start(root)
    running = Soak(market, random.Random(seed), jobs, violence)
    try:
        running.run()
        return running.explain()
    finally:
        for worker in running.workers.values():
            worker.kill()
            worker.wait()
        stop(root / "home")


def main() -> None:
    """From the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    root = Path(tempfile.mkdtemp(prefix="mlm-soak-"))
    started = time.monotonic()
    print(soak(root, given.jobs, given.seed))
    print(f"{time.monotonic() - started:.0f} s, seed {given.seed}")
    shutil.rmtree(root)


if __name__ == "__main__":
    main()
