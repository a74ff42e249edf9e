"""What several cases need and what takes long to make, made once a session: a proof, an encrypted account, a lease."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from circuits.make_fixtures import tiny_input, tiny_model
from mlm.adapters.chain import deployment
from mlm.adapters.chain.read import EthChain
from mlm.adapters.chain.rpc import Rpc
from mlm.adapters.chain.send import EthSender
from mlm.adapters.wallet import devnet as accounts
from mlm.adapters.wallet.keystore import Keystore
from mlm.core.commitment import vka_digest, zk_key
from mlm.core.plan import Call
from mlm.workflows import publish
from tests.command_line import INPUT, ROOT, Market, Person
from tests.delivering import PRIVATE

TINY, OTHER = tiny_model(1), tiny_model(2)  # of the same size
FIXTURES = json.loads((ROOT / "devnet" / "test" / "fixtures" / "zk.json").read_text())["cases"]
PASSWORD = "correct horse"


def npy(array: Any) -> bytes:
    """An array as the bytes of a .npy file."""
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


TINY_INPUT = npy(tiny_input(1)["x"])


@dataclass(frozen=True)
class Shared:
    """Values of the session, each made when it is first asked for."""

    market: Market
    folder: Path

    @cached_property
    def _maker(self) -> Person:
        (self.folder / "tiny.onnx").write_bytes(TINY)
        (self.folder / "x.npy").write_bytes(TINY_INPUT)
        (self.folder / "c.npy").write_bytes(npy(tiny_input(0)["x"]))
        return Person("", self.folder, self.market.home)

    @cached_property
    def proof(self) -> dict[str, Any]:
        """A true proof of TINY on TINY_INPUT, of the circuit of devnet/test/fixtures/zk.json, as its file holds it."""
        self._maker.do("prove", "tiny.onnx", "x.npy", "-o", "proof.json", "--calibration", "c.npy")
        found: dict[str, Any] = json.loads((self.folder / "proof.json").read_bytes())
        return found

    @cached_property
    def keystore(self) -> bytes:
        """The keystore file of an account `bob`, whose password is PASSWORD and who owns nothing."""
        Keystore(self.folder / "keystore", scrypt_n=2).create("bob", lambda name: PASSWORD)
        return (self.folder / "keystore" / "bob.json").read_bytes()

    @cached_property
    def index(self) -> bytes:
        """The index of the chain as it was when first asked for: a case need not read it all again."""
        self._maker.do("sync")
        return (self.market.home / "state.duckdb").read_bytes()

    @cached_property
    def leased(self) -> str:
        """A job that compute-1 has won and accepted; it is submitted when the session ends."""
        job = self.market.consumer.job(auction="fixed")
        self.market.first.do("bid", job, "--price", "5", "--stake")
        self.market.first.do("lease", "accept", job)
        return job

    @cached_property
    def delivery(self) -> dict[str, Any]:
        """The true proof that the leased job asks for."""
        person = self.market.first
        person.do("lease", "show", self.leased, "--input", "bad-input.npy")
        person.do("prove", "alice/digits-mlp", "bad-input.npy", "-o", "bad-delivery.json")
        found: dict[str, Any] = json.loads((person.folder / "bad-delivery.json").read_bytes())
        return found

    @cached_property
    def posted(self) -> str:
        """A job that nobody has bid for; its money is taken back when the session ends."""
        return self.market.consumer.job()

    @cached_property
    def private(self) -> str:
        """A private job of the tier none that compute-1 has won; its key was never delivered."""
        return self._private()

    @cached_property
    def misled(self) -> str:
        """The same, and what was delivered opens nothing: another program than mlm has sent it."""
        job = self._private()
        url, deployed = self.market.consumer.do("devnet", "status")["url"], self.market.home / "devnet/deployment.json"
        chain = EthChain(Rpc(url), deployment.load(deployed))
        sender = EthSender(chain, accounts.key("consumer"))
        signed = sender.sign(Call("Delivery", "deliver", (bytes.fromhex(job[2:]), b"\x02" * 142)))
        sender.broadcast(signed)
        sender.wait(signed)
        chain.rpc.close()
        return job

    def _private(self) -> str:
        job = self.market.consumer.job(*PRIVATE, "--delivery", "600000", auction="fixed")
        self.market.first.do("bid", job, "--price", "5", "--stake")
        return job

    @cached_property
    def expired(self) -> str:
        """A job that nobody bid on in time, and which nobody settled."""
        return self._late[0]

    @cached_property
    def undelivered(self) -> str:
        """A job whose winner, compute-1, never accepted it, and which nobody settled."""
        return self._late[1]

    @cached_property
    def jobs(self) -> dict[str, str]:
        """An open job of each of these kinds, where it says nothing else with a bid of compute-1: sealed, revealing,

        dutch and picky (it asks for a GPU) without any, batch.
        """
        consumer, first = self.market.consumer, self.market.first
        found = {
            "revealing": consumer.job("--bidding", "60", "--reveal", "600000", auction="sealed"),
            "sealed": consumer.job("--bidding", "600000", auction="sealed"),
        }
        for job in found.values():
            first.do("bid", job, "--price", "4", "--stake")
        self.market.advance("60s")
        found["dutch"] = consumer.job("--bidding", "600000", "--start-price", "1", auction="dutch")
        rules = ("--require", "gpu.memory>=80", "--require", "gpu.model=h100")
        found["picky"] = consumer.job("--bidding", "600000", *rules, auction="fixed")
        grid = ("--start-price", "1", "--price-step", "0.5", "--bidding", "600000", "--reveal", "60")
        left = 600_000 - int(consumer.do("devnet", "status")["time"]) % 600_000
        if left < 3600:  # a round that lasts
            self.market.advance(f"{left}s")
        found["batch"] = consumer.job(*grid, auction="batch")
        first.do("bid", found["batch"], "--price", "2", "--stake")
        return found

    @cached_property
    def _late(self) -> tuple[str, str]:
        consumer = self.market.consumer
        expired = consumer.job("--bidding", "120")
        undelivered = consumer.job("--delivery", "120", auction="fixed")
        self.market.first.do("bid", undelivered, "--price", "5", "--stake")
        self.market.advance("121s")
        return expired, undelivered

    @cached_property
    def mallory(self) -> None:
        """`mallory/tiny` is TINY, published under the key of OTHER by a client of mallory's own."""
        folder = self.folder / "mallory"
        folder.mkdir()
        (folder / "m.onnx").write_bytes(TINY)
        (folder / "c.npy").write_bytes(npy(tiny_input(0)["x"]))
        (folder / "mlm.toml").write_text(
            '[asset]\nname = "tiny"\nversion = "1.0.0"\n[model]\nfile = "m.onnx"\n'
            '[verification]\nzk = true\ncalibration = "c.npy"\n'
        )
        person = Person("watcher", folder, self.market.home)
        person.do("init")
        person.do("add", ".")
        person.do("commit", "-m", "not what it says")
        words = [int(word, 16) for word in FIXTURES["otherModel"]["vka"]]
        with mock.patch.object(publish, "zk_key", lambda vka, inputs: zk_key(vka_digest(tuple(words)), inputs)):
            person.do("publish", "--handle", "mallory")

    @cached_property
    def digit(self) -> bytes:
        """The input of the market's jobs."""
        return (self.market.consumer.folder / INPUT).read_bytes()

    def _state(self, job: str) -> str:
        """Other tests let time pass: by the end a job may have expired or defaulted."""
        return str(self.market.consumer.do("job", "show", job)["state"])

    def close(self) -> None:
        """Leave no job open and no stake locked."""
        made = vars(self)
        if "posted" in made:
            self.market.consumer.do("job", "cancel" if self._state(self.posted) == "open" else "settle", self.posted)
        if "jobs" in made:
            self.market.advance("604000s")  # bonds that nobody reveals burn, the others are free again
            for job in self.jobs.values():
                self.market.consumer.do("job", "settle", job)
        for job in filter(None, map(made.get, ("private", "misled"))):
            if self._state(job) == "leased":
                self.market.consumer.do("job", "deliver", job)
                self.market.first.do("lease", "fulfil", job)
                self.market.advance("3601s")
            self.market.consumer.do("job", "settle", job)
        for job in made.get("_late", ()):
            self.market.consumer.do("job", "settle", job)
        if "leased" in made:
            alive = self._state(self.leased) in ("leased", "ready")
            self.market.first.do(*(("lease", "fulfil") if alive else ("job", "settle")), self.leased)
