"""Session keys of the tier tee: registered once, they sign results while no attester runs; and which keys sign nothing.

The enclave is the simulated one; attesters run in processes of their own.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from mlm.adapters.enclave.simulated import REGISTERS, SimulatedEnclave
from mlm.adapters.wallet import devnet as accounts
from mlm.core.attest_request import KeyRequest
from mlm.core.attesting import TYPES, Attestation
from mlm.core.clock import Duration
from mlm.core.digest import domain, keccak256, words
from mlm.core.errors import StateConflict, VerificationFailed
from mlm.core.plan import Call
from mlm.core.tee import MAX_SESSION, NO_JOB, SessionKey, measurement_of
from mlm.ports.bundle import Ports
from mlm.ports.enclave import HeldKey
from mlm.workflows import attest_gather, enclave, lease, lookup, model, sessions
from mlm.workflows.tiers.tee import attestation_of, key_of, policy_of, submitted
from tests.command_line import INPUT, MODEL, Market, Person
from tests.delivering import apart, withheld
from tests.e2e.test_tee import HELD, leased, other_lines
from tests.e2e.working import shown, until, working
from tests.enclaves import ATTESTERS, Attesters, ask, attested_market, ports_of

UP = ATTESTERS[:2]
REGISTER = ("enclave", "register", MODEL)
DAY = 86_400


@pytest.fixture(scope="module")
def attesters(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attesters]:
    with attested_market(tmp_path_factory.mktemp("sessions"), serving=UP) as made:
        made.market.first.do("stake", "deposit", "200")
        yield made


@pytest.fixture(scope="module")
def market(attesters: Attesters) -> Market:
    return attesters.market


@contextmanager
def nobody(attesters: Attesters) -> Iterator[None]:
    """No attester runs."""
    for account in UP:
        attesters.stop(account)
    try:
        yield
    finally:
        for account in UP:
            attesters.serve(account, int(attesters.urls[account].rpartition(":")[2]))


@pytest.fixture
def registered(market: Market) -> str:
    """A key that signs for a day still; its name."""
    found = market.first.do(*REGISTER, "--for", "2d")
    assert found["state"] == "signs"
    return str(found["key"])


def keys(person: Person) -> dict[str, dict[str, Any]]:
    return {each["key"]: each for each in person.do("enclave", "list")["keys"]}


def files(market: Market) -> set[Path]:
    """What the enclave holds."""
    return set((market.home / "enclave").glob("*"))


def by_key(market: Market, job: str) -> bool:
    """Whether a session key signed the job's result."""
    ports = ports_of(market.first)
    return submitted(ports, lookup.job(ports, job)).attestation.of_key


def test_one_registration_signs_results_while_no_attester_runs(
    market: Market, attesters: Attesters, registered: str
) -> None:
    with nobody(attesters):
        first = leased(market)
        assert market.first.do("lease", "fulfil", first)["state"] == "submitted"
        # Accepted by hand, and private: its worker does the rest.
        second = market.consumer.job("--tier", "tee", "--verification", "3600", "--private")
        with working(market.first):
            until(lambda: shown(market, second)["state"] != "open", market, step="60s")
            until(lambda: shown(market, second)["turn"] != "consumer", market)
            market.consumer.do("job", "deliver", second)
            until(lambda: shown(market, second)["state"] == "submitted", market)
        third = leased(market)
        market.first.do("lease", "accept", third)
        market.first.do("lease", "fulfil", third)
        market.advance("3601s")
        for job in (first, second, third):
            assert by_key(market, job)
            market.consumer.do("job", "settle", job)
        found = market.second.do("verify", first)
        assert found["verified"] and found["complete"], found
        private = market.second.do("verify", second)
        assert [check["passed"] for check in private["checks"]] == [True] * 9 + [None, None, True], private
        assert market.consumer.do("job", "result", second, "-o", "out.json")["outputs"][0]["shape"] == [1, 10]
    checks = {check["number"]: check for check in found["checks"]}
    assert len(checks) == 12
    assert checks[7]["check"] == "it binds this key, its provider, model and end"
    assert "of them attest today, of 3" in checks[8]["found"]
    assert checks[9]["check"] == "the session key signed this job, model, input, output and provider"
    assert checks[9]["against"] == "the key in the quote" and checks[9]["guaranteed_by"] == ["nobody"]
    inputs = {each["name"]: each for each in found["cost_to_cheat"]["inputs"]}
    assert (inputs["session"]["value"], inputs["session"]["unit"]) == (2 * DAY, "seconds")
    # Nobody but the key has signed this very result.
    assert found["evidence"]["attesters"] is None
    policy = market.second.folder / "policy.toml"
    policy.write_text("minimum_attesters = 1")
    assert not market.second.run("verify", first, "--policy", "policy.toml", "--json").value["verified"]


def test_a_complaint_is_answered_with_the_quote_of_the_registration(
    market: Market, attesters: Attesters, registered: str
) -> None:
    with nobody(attesters):
        consumer = apart(market)
        consumer.do("wallet", "announce")
        job = withheld(market, consumer, INPUT, "--tier", "tee", "--private")
        assert consumer.do("job", "complain", job)["state"] == "disputed"
        market.first.do("lease", "answer", job)
        assert consumer.do("job", "result", job)["outputs"][0]["shape"] == [1, 10]
        assert by_key(market, job)


def test_a_key_is_registered_once_as_long_as_it_lasts(market: Market, attesters: Attesters, registered: str) -> None:
    held = files(market)
    with nobody(attesters):  # nothing is asked, and nothing is sent
        ran = market.first.run(*REGISTER, "--for", "2d", "--json").value
        assert ran["steps"] == [] and ran["result"]["key"] == registered
        assert market.first.refused(12, *REGISTER, "--for", "14d")["message"].startswith("0 of 2 attesters signed")
    made = files(market) - held
    assert len(made) == 1  # which is asked about again, and not made again
    market.advance("60s")
    later = market.first.do(*REGISTER, "--for", "14d")["key"]
    assert files(market) - held == made
    listed = keys(market.first)
    assert listed[registered]["state"] == listed[later]["state"] == "signs"
    assert listed[later]["expires_at"] - listed[later]["checked_at"] == 14 * DAY
    assert keys(market.second) == {}
    # The enclave of another machine has it.
    elsewhere = Person(market.first.account, market.first.folder, market.home)
    for file in made:
        file.rename(file.with_suffix(".away"))
    assert keys(elsewhere)[later]["state"] == "elsewhere"
    for file in made:
        file.with_suffix(".away").rename(file)


def test_how_long_a_key_may_sign(market: Market) -> None:
    for wrong in ("59m", "15d", "week"):
        error = market.first.refused(2, *REGISTER, "--for", wrong)
        assert "expected" in error["message"]


def test_attesters_answer_whoever_has_stake(market: Market, attesters: Attesters, tmp_path: Path) -> None:
    error = market.consumer.refused(12, *REGISTER)
    assert "has no stake as a provider" in error["message"] and "mlm stake deposit" in error["hint"]
    stranger = Maker(ports_of(market.consumer), market)
    with pytest.raises(VerificationFailed, match="has no stake as a provider: it may not register a key"):
        ask(stranger.ports, attesters.urls[UP[0]], request_of(stranger.make(enclave_of(tmp_path))))


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_registration_that_is_killed_is_gone_on_with(market: Market, when: str) -> None:
    """At each event of its journal: one key is made, one transaction sent, whichever command goes on."""
    person = market.first
    for at in range(1, 7):  # begin, signed, broadcast, receipt, included, close
        market.advance("9d")  # of the key before, less than half is left
        made, sent = files(market), transactions(market)
        log = person.do("op", "log")["operations"][:1]
        ran = person.killed(at, when, *REGISTER, "--for", "14d", "--json")
        assert ran.code == -signal.SIGKILL, ran
        newest = person.do("op", "log")["operations"][:1]
        if newest == log:
            assert (at, when) == (1, "before")
            person.do(*REGISTER, "--for", "14d")
        elif newest[0]["outcome"] != "done":
            person.do("op", "resume", newest[0]["op"])
        found = person.run(*REGISTER, "--for", "14d", "--json").value
        assert found["steps"] == [] and found["result"]["state"] == "signs"
        assert (len(files(market) - made), transactions(market) - sent) == (1, 1), (at, when)


def transactions(market: Market) -> int:
    ports = ports_of(market.first)
    return int(ports.chain.rpc.call("eth_getTransactionCount", accounts.address("compute-1"), "latest"), 16)  # type: ignore


def test_a_key_that_has_ended_signs_nothing(market: Market, attesters: Attesters) -> None:
    """A job whose result it has signed already is run again; where another key is there, that one signs."""
    market.advance("15d")
    old = market.first.do(*REGISTER, "--for", "1h")["key"]
    job = leased(market, "--execution", str(2 * DAY), "--delivery", str(2 * DAY))
    ports = ports_of(market.first)
    lease.compute(ports, lease.prepare(ports, job, *HELD))
    market.advance("3600s")
    assert keys(market.first)[old]["state"] == "ended"
    with nobody(attesters):
        assert "0 of 2 attesters signed" in market.first.refused(12, "lease", "fulfil", job)["message"]
    assert market.first.do("lease", "fulfil", job)["state"] == "submitted"
    assert not by_key(market, job)
    # In its last minutes it begins nothing either.
    market.first.do(*REGISTER, "--for", "1h")
    market.advance("3100s")
    job = leased(market)
    market.first.do("lease", "fulfil", job)
    assert not by_key(market, job)


def test_a_key_serves_whose_policy_accepts_its_age(market: Market, registered: str) -> None:
    market.advance("61s")
    strict, lax = leased(market, "--attestation-max-age", "60"), leased(market, "--attestation-max-age", "86400")
    for job, expected in ((strict, False), (lax, True)):
        market.first.do("lease", "fulfil", job)
        assert by_key(market, job) is expected


# ---------------------------------------------------------------------- keys that the command line does not register


@dataclass(frozen=True)
class Maker:
    """A provider's ports, and how it registers whatever attesters would sign."""

    ports: Ports
    market: Market

    @property
    def now(self) -> int:
        return self.ports.chain.block().timestamp

    def wanted(self, **changed: Any) -> SessionKey:
        chain, version = self.ports.chain, lookup.version(self.ports, MODEL)
        model_digest = key_of(model.load(self.ports, version).manifest).model
        market, me = chain.address_of("JobMarket").lower(), self.ports.sender.address.lower()
        return replace(SessionKey(chain.chain_id(), market, me, model_digest, self.now + DAY), **changed)

    def make(self, made: SimulatedEnclave | None = None, **changed: Any) -> HeldKey:
        return (made or self.ports.enclave).make_key(self.wanted(**changed), self.now)

    def said(self, held: HeldKey, **changed: Any) -> Attestation:
        found = self.ports.attestation.verify(held.quote, held.collateral, held.at, simulated=True)
        honest = attestation_of(NO_JOB, found, held.quote, held.key.report_data, held.at)
        return replace(honest, **changed)

    def signatures(self, said: Attestation) -> tuple[bytes, ...]:
        """Of two attesters, who sign whatever it is."""
        domain_ = attest_gather.domain(self.ports)
        signers = (ports_of(self.market.person(account)).signer for account in UP)
        signed = {int(each.address, 16): each.sign_typed(domain_, TYPES, said.message) for each in signers}
        return tuple(signed[account] for account in sorted(signed))

    def register(self, held: HeldKey, said: Attestation) -> None:
        send(self.ports, "registerKey", held.key.as_args(), said.as_args(), self.signatures(said))

    def fits(self, job: str) -> HeldKey | None:
        found = lookup.job(self.ports, job)
        version = lookup.version_by_id(self.ports, found.version_id)
        fits = sessions.fitting(self.ports, policy_of(found), key_of(model.load(self.ports, version).manifest))
        return None if fits is None else fits[0]


def send(ports: Ports, function: str, *args: Any) -> None:
    signed = ports.sender.sign(Call("TeeVerifier", function, args))
    ports.sender.broadcast(signed)
    ports.sender.wait(signed)


@pytest.fixture
def maker(market: Market) -> Maker:
    """All keys before have ended."""
    market.advance("15d")
    return Maker(ports_of(market.first), market)


def test_a_key_of_another_model_or_provider_signs_nothing(market: Market, attesters: Attesters, maker: Maker) -> None:
    for held in (
        maker.make(model=b"\1" * 32),
        maker.make(provider=accounts.address("compute-2").lower()),
    ):
        maker.register(held, maker.said(held))
    job = leased(market)
    assert maker.fits(job) is None
    market.first.do("lease", "fulfil", job)
    assert not by_key(market, job)
    held = maker.make()
    maker.register(held, maker.said(held))
    assert maker.fits(leased(market)) == held


def test_a_key_of_code_that_the_version_does_not_allow_signs_nothing(
    market: Market, maker: Maker, tmp_path: Path
) -> None:
    """It is the provider's word that its enclave runs something else: no version of the model takes it."""
    other = changed(market, tmp_path)
    held = maker.make(other)
    maker.register(held, maker.said(held))
    assert maker.fits(leased(market)) is None
    # The command makes none of it either: attesters would sign, and no result could be handed in.
    before = files(market)
    ports = ports_of(market.first, other)
    with pytest.raises(VerificationFailed, match="the code of the enclave: its measurement is sgx:0707"):
        enclave.plan_register(ports, enclave.Register(MODEL, Duration(DAY)))
    for file in files(market) - before:
        file.unlink()


def changed(market: Market, folder: Path) -> SimulatedEnclave:
    """This machine's enclave with other code."""
    registers = REGISTERS | {"mr_enclave": b"\7" * 32}
    return SimulatedEnclave(folder=folder, keys=market.home / "enclave", registers=registers)


def test_a_key_that_was_disproved_signs_nothing(
    market: Market, attesters: Attesters, maker: Maker, tmp_path: Path
) -> None:
    """Two attesters have signed that its quote is of code which the version allows: whoever has the quote shows it."""
    held = maker.make(changed(market, tmp_path))
    lie = maker.said(held, measurement=measurement_of("sgx", REGISTERS))
    maker.register(held, lie)
    name = "0x" + lie.digest(maker.ports.chain.chain_id(), maker.ports.chain.address_of("TeeVerifier")).hex()
    job, later = leased(market), leased(market)
    assert maker.fits(job) == held
    market.first.do("lease", "fulfil", job)
    lease.compute(maker.ports, lease.prepare(maker.ports, later, *HELD))
    failed = [check for check in market.consumer.run("verify", job, "--json").value["checks"] if not check["passed"]]
    assert [check["number"] for check in failed] == [4, 6, 8, 12]
    assert "measurement: the quote says" in failed[0]["found"]
    assert f"`mlm attester report {job[:10]}`" in failed[2]["found"]
    # It finds the attesters in the log of the key's registration; other tests need them, so that nothing is sent.
    planned = market.consumer.run("attester", "report", job, "--dry-run", "--json").value["steps"]
    assert "against its quote (the measurement)" in planned[1]["title"] and planned[1]["title"].count(" loses ") == 2
    disprove(ports_of(market.consumer), lie, held.quote)
    assert shown(market, job)["state"] == "rejected"
    assert keys(market.first)[name]["state"] == "disproved"
    assert maker.fits(later) is None
    # The result that it had signed is made anew, with a quote of its own.
    market.first.do("lease", "fulfil", later)
    assert not by_key(market, later)


def disprove(ports: Ports, said: Attestation, quote: bytes) -> None:
    """Show that an attestation says otherwise than its quote."""
    chain, salt = ports.chain, b"s" * 32
    verifier, me = chain.address_of("TeeVerifier"), ports.sender.address
    subject = said.digest(chain.chain_id(), verifier)
    place = (domain("mlm/tee-report/1"), chain.chain_id(), int(verifier, 16), int(me, 16))
    send(ports, "commit", keccak256(words((*place, subject, salt))))
    send(ports, "contradiction", said.as_args(), (), quote, salt)


# ---------------------------------------------------------------------- what attesters refuse


def request_of(held: HeldKey, **changed: Any) -> KeyRequest:
    key = held.key
    made = KeyRequest(
        *(key.provider, key.model, key.expires_at, key.x, key.y),
        *(held.at, held.simulated, held.quote, held.collateral),
    )
    return replace(made, **changed)


def enclave_of(folder: Path, **options: Any) -> SimulatedEnclave:
    return SimulatedEnclave(folder=folder / "enclave", keys=folder / "keys", **options)


FALSE: dict[str, tuple[Callable[[Maker, Path], KeyRequest], str]] = {
    "another model": (lambda it, at: request_of(it.make(enclave_of(at)), model=b"\1" * 32), "report data"),
    "another end": (
        lambda it, at: request_of(held := it.make(enclave_of(at)), expires_at=held.key.expires_at + 1),
        "report data",
    ),
    "another point": (
        lambda it, at: request_of(it.make(enclave_of(at)), x=(key := it.make(enclave_of(at)).key).x, y=key.y),
        "report data",
    ),
    "no point of the curve": (lambda it, at: request_of(it.make(enclave_of(at)), y=5), "expected a point of P-256"),
    "no key": (lambda it, at: request_of(it.make(enclave_of(at)), x=0, y=0), "expected a point of P-256"),
    "another provider's": (
        lambda it, at: request_of(it.make(enclave_of(at), provider="0x" + "77" * 20)),
        "the key is of the provider 0x7777",
    ),
    "that it says is its own": (
        lambda it, at: request_of(
            it.make(enclave_of(at), provider="0x" + "77" * 20), provider=it.ports.sender.address.lower()
        ),
        "report data",
    ),
    "of another market": (lambda it, at: request_of(it.make(enclave_of(at), market="0x" + "77" * 20)), "report data"),
    "of another chain": (lambda it, at: request_of(it.make(enclave_of(at), chain_id=1)), "report data"),
    "that has ended": (lambda it, at: request_of(it.make(enclave_of(at), expires_at=it.now)), "expiresAt: expected"),
    "that ends too late": (
        lambda it, at: request_of(it.make(enclave_of(at), expires_at=it.now + MAX_SESSION + 60)),
        "expiresAt: expected",
    ),
    "an instant to come": (
        lambda it, at: request_of(held := it.make(enclave_of(at)), checked_at=held.at + 60),
        "checkedAt: expected",
    ),
    "an instant long ago": (
        lambda it, at: request_of(held := it.make(enclave_of(at)), checked_at=held.at - 7200),
        "checkedAt: expected",
    ),
    "a revoked platform": (
        lambda it, at: request_of(it.make(enclave_of(at, status="Revoked"))),
        "revoked the platform|does not verify",
    ),
    "an enclave that a debugger can open": (lambda it, at: request_of(it.make(enclave_of(at, debug=True))), "Debug"),
    "simulated evidence as Intel's": (
        lambda it, at: request_of(it.make(enclave_of(at)), simulated=False),
        "does not verify",
    ),
    "no quote": (lambda it, at: request_of(it.make(enclave_of(at)), quote=b"no quote"), "SGX or TDX"),
    "a quote whose certificates have other ends of lines": (
        lambda it, at: request_of(held := it.make(enclave_of(at)), quote=other_lines(held.quote)),
        "finds one in its form",
    ),
}


@pytest.fixture(scope="module")
def asking(market: Market) -> Maker:
    return Maker(ports_of(market.first), market)


@pytest.mark.parametrize("case", FALSE)
def test_an_attester_refuses_a_key(asking: Maker, attesters: Attesters, tmp_path: Path, case: str) -> None:
    make, words_ = FALSE[case]
    with pytest.raises(VerificationFailed, match=f"it refuses: .*({words_})"):
        ask(asking.ports, attesters.urls[UP[0]], make(asking, tmp_path))


def test_a_quote_of_a_result_registers_no_key_and_that_of_a_key_attests_no_result(
    asking: Maker, attesters: Attesters, market: Market, tmp_path: Path
) -> None:
    """Their report data begin otherwise: neither passes for the other."""
    from tests.enclaves import honest

    found = honest(asking.ports, leased(market))
    of_result = found.asked(asking.ports, enclave_of(tmp_path))
    held = asking.make(enclave_of(tmp_path))
    url = attesters.urls[UP[0]]
    for wrong in (
        replace(request_of(held), quote=of_result.quote),
        replace(of_result, quote=held.quote, x=held.key.x, y=held.key.y),
    ):
        with pytest.raises(VerificationFailed, match="it refuses: .*report data"):
            ask(asking.ports, url, wrong)


def test_an_attester_signs_about_a_key_once_and_a_restart_keeps_that(
    asking: Maker, attesters: Attesters, market: Market, tmp_path: Path
) -> None:
    held, url = asking.make(enclave_of(tmp_path)), attesters.urls[UP[0]]
    signed = ask(asking.ports, url, request_of(held))
    assert signed.attestation == asking.said(held) and signed.attestation.of_key
    attesters.restart(UP[0])
    assert ask(asking.ports, url, request_of(held)) == signed
    address = attesters.person(UP[0]).do("whoami")["address"]
    (folder,) = (market.home / "attester").glob(f"*/{address.lower()}")
    entry = folder / f"{'0' * 64}-{sha256(held.quote).hexdigest()}-{held.at:x}.json"
    assert entry.is_file()
    digest = signed.attestation.digest(asking.ports.chain.chain_id(), asking.ports.chain.address_of("TeeVerifier"))
    with pytest.raises(StateConflict, match="is not registered"):
        sessions.need(asking.ports, digest)
