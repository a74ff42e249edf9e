"""Real processes killed by SIGKILL before and after every journal write, broadcast and receipt, and resumed.

Every operation that sends is in the table. Whatever the instant, the resumed run sends as many transactions as one that
was not killed, and everybody ends with the same tokens, stake, locks and credits.
"""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

import pytest

from mlm.adapters.chain import deployment
from mlm.adapters.chain.read import EthChain
from mlm.adapters.chain.rpc import Rpc, quantity
from mlm.adapters.chain.send import EthSender
from mlm.adapters.wallet import devnet as accounts
from mlm.core.credits import CREDITING
from mlm.core.job import Role
from mlm.core.plan import Call
from mlm.core.reporting import Kind
from mlm.core.settlement import BURN_ADDRESS
from mlm.workflows.registry import OPERATIONS
from tests.accusing import PAYEE, Lies
from tests.channel_scenes import paying
from tests.command_line import INPUT, MODEL, Market, Person, start, stop
from tests.delivering import NONE, PRIVATE, apart, leased, withheld
from tests.disputing import EXACT, lowered
from tests.e2e.warm import Warm
from tests.reporting import evidence
from tests.selling import owner, sell

TX, STORE, MOVE, KEEP = ("signed", "broadcast", "receipt", "included"), ("stored",), ("moved",), ("kept",)
SELLER = "model-provider"


@dataclass
class World:
    """A market of its own, and what the scenes leave for each other."""

    market: Market
    warm: Warm
    count: int = 0
    unharmed: dict[str, Counter[str]] = field(default_factory=dict)

    @cached_property
    def lies(self) -> Lies:
        """Calls of which a payee has signed what is false."""
        return Lies(self.market, self.market.consumer.folder)

    def new(self, what: str) -> str:
        """A name that nobody has used."""
        self.count += 1
        return f"{what}-{self.count}"

    @property
    def chain(self) -> EthChain:
        url = self.market.consumer.do("devnet", "status")["url"]
        found = deployment.load(self.market.home / "devnet" / "deployment.json")
        return EthChain(Rpc(url), found)

    def holdings(self, sender: str) -> Counter[str]:
        """Tokens, credits, stake and locks of everybody, in base units; and how often `sender` has sent."""
        chain, found = self.chain, Counter[str]()
        people = {name: accounts.address(name) for name in accounts.NAMES}
        contracts = {name: chain.address_of(name) for name in (*CREDITING, "StakeVault", "Unverified")}
        for name, address in {**people, **contracts}.items():
            found[f"{name} tokens"] = int(chain.call("MarketToken", "balanceOf", address))
        for name, address in people.items():
            for contract in CREDITING:
                found[f"{name} credit of {contract}"] = int(chain.call(contract, "creditOf", address))
            stake = chain.call("StakeVault", "stakeOf", address, Role.PROVIDER)
            for part, amount in zip(("staked", "locked", "unbonding"), stake, strict=False):  # and a time
                found[f"{name} {part}"] = int(amount)
        sent = chain.rpc.call("eth_getTransactionCount", accounts.address(sender), "latest")
        found["transactions"] = quantity(sent, "a nonce")
        chain.rpc.close()
        return found


@dataclass(frozen=True)
class Scene:
    """Who does what, on a fresh target each time; the steps that it takes, and the events of each."""

    steps: tuple[tuple[str, ...], ...]
    arrange: Callable[[World], tuple[Person, tuple[str, ...]]]

    @property
    def events(self) -> int:
        return 2 + sum(map(len, self.steps))  # begin and close besides


def _claims(world: World) -> tuple[Person, tuple[str, ...]]:
    return world.market.person("watcher"), ("handle", "claim", world.new("killed"))


def _commits(world: World) -> tuple[Person, tuple[str, ...]]:
    provider = world.market.provider
    (provider.folder / "NOTES.md").write_text(world.new("note"))
    provider.do("add", "NOTES.md")
    return provider, ("commit", "-m", "notes")


def _merges(world: World) -> tuple[Person, tuple[str, ...]]:
    """A branch and main, each with a commit of its own."""
    provider, side = world.market.provider, world.new("side")
    for name, steps in ((side, ("checkout", "-b", side)), (world.new("other"), ("checkout", "main"))):
        provider.do(*steps)
        (provider.folder / name).write_text(name)
        provider.do("add", name)
        provider.do("commit", "-m", name)
    return provider, ("merge", side)


def _publishes(world: World) -> tuple[Person, tuple[str, ...]]:
    """The same files under a new version: the circuit is known, so that no time goes into it."""
    provider = world.market.provider
    file = provider.folder / "mlm.toml"
    lines = file.read_text().splitlines()
    version = next(i for i, line in enumerate(lines) if line.startswith("version"))
    lines[version] = f'version = "2.{world.count}.0"'
    world.count += 1
    file.write_text("\n".join(lines) + "\n")
    provider.do("add", "mlm.toml")
    provider.do("commit", "-m", "again")
    return provider, ("publish", "--handle", "alice")


def _prices(world: World) -> tuple[Person, tuple[str, ...]]:
    world.count += 1
    return world.market.provider, ("price", "set", f"{MODEL}@1.0.0", "--use", f"0.{world.count:06d}1")


def _posts(world: World) -> tuple[Person, tuple[str, ...]]:
    return world.market.consumer, ("job", "post", f"{MODEL}@1.0.0", "-i", INPUT, "--max-price", "5")


def _job(world: World, *options: str, auction: str = "reverse") -> str:
    posted = world.market.consumer.do(
        *("job", "post", f"{MODEL}@1.0.0", "-i", INPUT, "--max-price", "5", "--auction", auction, *options)
    )
    return str(posted["job"])


def _bids(world: World) -> tuple[Person, tuple[str, ...]]:
    """All of the second provider's stake is locked by the bids before: every bid deposits first."""
    return world.market.second, ("bid", _job(world), "--price", "4", "--stake")


def _seals(world: World) -> tuple[Person, tuple[str, ...]]:
    """Wherever it is killed, what stands on the chain can be revealed: tests/e2e/test_auctions.py."""
    return world.market.second, ("bid", _job(world, auction="sealed"), "--price", "4", "--stake")


def _reveals(world: World) -> tuple[Person, tuple[str, ...]]:
    job = _job(world, "--bidding", "60", auction="sealed")
    world.market.second.do("bid", job, "--price", "4", "--stake")
    world.market.advance("60s")
    return world.market.second, ("job", "reveal", job)


def _withdraws_bid(world: World) -> tuple[Person, tuple[str, ...]]:
    job = _job(world)
    world.market.second.do("bid", job, "--price", "4", "--stake")
    return world.market.second, ("job", "withdraw-bid", job)


def _reopens(world: World) -> tuple[Person, tuple[str, ...]]:
    """Without somebody else each time: requirements that nobody has published yet."""
    world.market.consumer.run("wallet", "withdraw")  # what the scenes before left, which a reopening draws too
    job = _job(world, "--bidding", "60")
    world.market.advance("61s")
    world.count += 1
    return world.market.consumer, ("job", "reopen", job, "--without", f"0x{world.count:040x}")


def _awards(world: World) -> tuple[Person, tuple[str, ...]]:
    job = _job(world)
    world.market.second.do("bid", job, "--price", "4", "--stake")
    return world.market.consumer, ("job", "award", job)


def _cancels(world: World) -> tuple[Person, tuple[str, ...]]:
    return world.market.consumer, ("job", "cancel", _job(world))


def _settles(world: World) -> tuple[Person, tuple[str, ...]]:
    job = _job(world, "--bidding", "60")
    world.market.advance("61s")
    return world.market.person("watcher"), ("job", "settle", job)


def _leased(world: World) -> str:
    job = _job(world, auction="fixed")
    world.market.first.do("bid", job, "--price", "5", "--stake")
    return job


def _accepts(world: World) -> tuple[Person, tuple[str, ...]]:
    return world.market.first, ("lease", "accept", _leased(world))


def _submits(world: World) -> tuple[Person, tuple[str, ...]]:
    """One proof serves all jobs: it is of the model and the input, which are the same."""
    job, first = _leased(world), world.market.first
    first.do("lease", "accept", job)
    if not (first.folder / "proof.json").exists():
        first.do("prove", f"{MODEL}@1.0.0", INPUT, "-o", "proof.json")
    return first, ("lease", "submit", job, "--proof", "proof.json")


def _paid(world: World) -> str:
    """A job whose proof was accepted."""
    first, submission = _submits(world)
    first.do(*submission)
    return submission[2]


def _fulfils(world: World) -> tuple[Person, tuple[str, ...]]:
    return world.market.first, ("lease", "fulfil", _leased(world))


def _deposits(world: World) -> tuple[Person, tuple[str, ...]]:
    return world.market.person("watcher"), ("stake", "deposit", "11")


def _unbonds(world: World) -> tuple[Person, tuple[str, ...]]:
    watcher = world.market.person("watcher")
    watcher.do("stake", "deposit", "3")
    return watcher, ("stake", "withdraw", "3")


def _rates(world: World) -> tuple[Person, tuple[str, ...]]:
    return world.market.consumer, ("job", "rate", _paid(world), "--stars", "4")


def _funds(world: World) -> tuple[Person, tuple[str, ...]]:
    """The fee of one job waits to be streamed. The consumer has no stake: what a claim pays depends on the second."""
    world.market.consumer.run("stake", "claim")  # whatever the scenes before left; refused where that is nothing
    _paid(world)
    return world.market.consumer, ("stake", "claim")


def _withdraws(world: World) -> tuple[Person, tuple[str, ...]]:
    world.market.consumer.do("job", "cancel", _job(world))
    world.market.consumer.do("wallet", "withdraw")  # whatever the scenes before left
    world.market.consumer.do("job", "cancel", _job(world))
    return world.market.consumer, ("wallet", "withdraw")


def _declares(world: World) -> tuple[Person, tuple[str, ...]]:
    world.count += 1
    return world.market.first, ("provider", "declare", f"gpu.memory={world.count}", "gpu.model=h100")


def _signed(world: World) -> Person:
    """An auditor, and its newest attestation of a provider."""
    world.market.advance("1s")
    auditor = world.market.person("watcher")
    auditor.do("provider", "sign", accounts.address("compute-1"), "gpu.model=h100", "-o", "attestation.json")
    return auditor


def _attests(world: World) -> tuple[Person, tuple[str, ...]]:
    return _signed(world), ("provider", "attest", "attestation.json")


def _revokes(world: World) -> tuple[Person, tuple[str, ...]]:
    return _signed(world), ("provider", "revoke", accounts.address("compute-1"), "gpu.model=h100")


def _announces(world: World) -> tuple[Person, tuple[str, ...]]:
    """Another program of the account has announced another key: mlm's own takes its place."""
    chain, name = world.chain, "watcher"
    sender = EthSender(chain, accounts.key(name), 100 * 10**9, 2 * 10**9)
    signed = sender.sign(Call("EncryptionKeys", "announce", (bytes([2]) + bytes(31) + b"\x01",)))
    sender.broadcast(signed)
    sender.wait(signed)
    chain.rpc.close()
    return world.market.person(name), ("wallet", "announce")


def _posts_privately(world: World) -> tuple[Person, tuple[str, ...]]:
    consumer = apart(world.market)
    consumer.do("wallet", "announce")  # once; the other runs need not
    return consumer, ("job", "post", f"{MODEL}@1.0.0", "-i", INPUT, "--max-price", "5", *PRIVATE)


def _delivers(world: World) -> tuple[Person, tuple[str, ...]]:
    consumer = apart(world.market)
    return consumer, ("job", "deliver", leased(world.market, consumer, INPUT, *PRIVATE))


def _hands_over(world: World) -> tuple[Person, tuple[str, ...]]:
    return world.market.first, ("lease", "fulfil", leased(world.market, world.market.consumer, INPUT, *NONE))


def _complains(world: World) -> tuple[Person, tuple[str, ...]]:
    consumer = apart(world.market)
    return consumer, ("job", "complain", withheld(world.market, consumer))


def _answers(world: World) -> tuple[Person, tuple[str, ...]]:
    consumer = apart(world.market)
    job = withheld(world.market, consumer)
    consumer.do("job", "complain", job)
    return world.market.first, ("lease", "answer", job)


def _takes_deposits_back(world: World) -> tuple[Person, tuple[str, ...]]:
    consumer = apart(world.market)
    job = withheld(world.market, consumer)
    consumer.do("job", "complain", job)
    world.market.advance("86400s")
    return consumer, ("job", "settle", job)


def _sells(world: World) -> tuple[Person, tuple[str, ...]]:
    """Nobody buys in this scene: the owner is the same in each run."""
    return owner(world.market, MODEL), ("sale", "start", MODEL, "--reserve", "50")


def _sale_bids(world: World) -> tuple[Person, tuple[str, ...]]:
    found = sell(world.market, MODEL, seller=SELLER)
    return found.bidder, ("sale", "bid", found.sale, "--price", "60")


def _sale_bought(world: World) -> tuple[Person, tuple[str, ...]]:
    found = sell(world.market, MODEL, fixed=True, seller=SELLER)
    return found.bidder, ("sale", "buy", found.sale)


def _sale_cancels(world: World) -> tuple[Person, tuple[str, ...]]:
    found = sell(world.market, MODEL, seller=SELLER)
    return found.seller, ("sale", "cancel", found.sale)


def _sale_settles(world: World) -> tuple[Person, tuple[str, ...]]:
    found = sell(world.market, MODEL, bid=True, ended=True, seller=SELLER)
    return world.market.person("watcher"), ("sale", "settle", found.sale)


def _channel_opens(world: World) -> tuple[Person, tuple[str, ...]]:
    payee = accounts.address("compute-1")
    return world.market.consumer, ("channel", "open", MODEL, "--to", payee, "--amount", "20")


def _channel_tops_up(world: World) -> tuple[Person, tuple[str, ...]]:
    found = paying(world.market, MODEL)
    return found.payer, ("channel", "topup", found.channel, "--amount", "5", "--hours", "400")


def _channel_claims(world: World) -> tuple[Person, tuple[str, ...]]:
    found = paying(world.market, MODEL, calls=3)
    return found.payee, ("channel", "claim", found.channel)


def _channel_closes(world: World) -> tuple[Person, tuple[str, ...]]:
    found = paying(world.market, MODEL, calls=3)
    return found.payee, ("channel", "close", found.channel)


def _channel_refunds(world: World) -> tuple[Person, tuple[str, ...]]:
    found = paying(world.market, MODEL, expired=True)
    return world.market.person("watcher"), ("channel", "refund", found.channel)


def _attester(world: World, account: str = "watcher", *, member: bool = False) -> tuple[Person, Person, str]:
    """Who governs, and somebody with an attester's stake, a member or not, with its address."""
    folder, home = world.market.consumer.folder, world.market.home
    governance, person = Person("deployer", folder, home), Person(account, folder, home)
    address = accounts.address(account)
    if address.lower() in (each["account"].lower() for each in governance.do("attester", "list")["members"]):
        governance.do("attester", "remove", address)
    person.do("attester", "join", "--url", f"http://{world.new('attester')}.example")
    if member:
        governance.do("attester", "admit", address)
    return governance, person, address


def _attester_joins(world: World) -> tuple[Person, tuple[str, ...]]:
    url = f"http://{world.new('attester')}.example"
    return world.market.person("watcher"), ("attester", "join", "--stake", "3", "--url", url)


def _attester_leaves(world: World) -> tuple[Person, tuple[str, ...]]:
    return _attester(world)[1], ("attester", "leave")


def _attester_admits(world: World) -> tuple[Person, tuple[str, ...]]:
    governance, _, address = _attester(world)
    return governance, ("attester", "admit", address)


def _attester_removes(world: World) -> tuple[Person, tuple[str, ...]]:
    governance, _, address = _attester(world, member=True)
    return governance, ("attester", "remove", address)


def _attester_threshold(world: World) -> tuple[Person, tuple[str, ...]]:
    return _attester(world, member=True)[0], ("attester", "threshold", "1")


def _attester_withdraws(world: World) -> tuple[Person, tuple[str, ...]]:
    """Whose stake nobody else has left behind: all that unbonds is taken at once."""
    person = _attester(world, "compute-2")[1]
    person.do("attester", "leave")
    world.market.advance("35d")
    return person, ("attester", "withdraw")


def _attester_reports(kind: Kind) -> Callable[[World], tuple[Person, tuple[str, ...]]]:
    """About an attester with a lie that nobody has shown. No other scene leaves stake of its account behind."""

    def scene(world: World) -> tuple[Person, tuple[str, ...]]:
        reporter = world.market.consumer
        return reporter, ("attester", "report", *evidence(reporter, _attester(world, SELLER)[1], kind))

    return scene


def _bond_deposits(world: World) -> tuple[Person, tuple[str, ...]]:
    lowered(world.market)
    return world.market.person(PAYEE), ("bond", "deposit", EXACT, "3")


def _bond_unbonds(world: World) -> tuple[Person, tuple[str, ...]]:
    payee, deposits = _bond_deposits(world)
    payee.do(*deposits)
    return payee, ("bond", "withdraw", EXACT, "3")


def _accuses(world: World) -> tuple[Person, tuple[str, ...]]:
    lowered(world.market)
    world.lies.bonded()
    return world.market.consumer, ("accuse", "open", str(world.lies.told(1)[0]), "--max-price", "5")


def _accuse_convicts(world: World) -> tuple[Person, tuple[str, ...]]:
    return world.market.consumer, ("accuse", "convict", world.lies.proven())


def _accuse_contradicts(world: World) -> tuple[Person, tuple[str, ...]]:
    lowered(world.market)
    world.lies.alone()
    return world.market.consumer, ("accuse", "contradict", *map(str, world.lies.told(1, 2)))


def _accuse_lapses(world: World) -> tuple[Person, tuple[str, ...]]:
    accusation, _ = world.lies.accused()
    world.market.advance("14d")
    return world.market.person("watcher"), ("accuse", "lapse", accusation)


SCENES = {
    "commit": Scene((STORE, MOVE), _commits),
    "merge": Scene((STORE, MOVE), _merges),
    "publish": Scene((STORE, TX, TX, TX), _publishes),
    "price set": Scene((TX,), _prices),
    "handle claim": Scene((TX, TX), _claims),
    "job post": Scene((STORE, TX), _posts),
    "job award": Scene((TX,), _awards),
    "job cancel": Scene((TX,), _cancels),
    "job settle": Scene((TX,), _settles),
    "job rate": Scene((TX,), _rates),
    "bid": Scene((TX, TX), _bids),
    "bid: sealed": Scene((TX, KEEP, TX), _seals),
    "job reveal": Scene((TX,), _reveals),
    "job withdraw-bid": Scene((TX,), _withdraws_bid),
    "job reopen": Scene((TX, TX), _reopens),
    "lease accept": Scene((TX,), _accepts),
    "lease submit": Scene((STORE, TX), _submits),
    "lease fulfil": Scene((STORE, TX), _fulfils),
    "lease fulfil: none": Scene((STORE, TX), _hands_over),
    "job post: private": Scene((STORE, TX), _posts_privately),
    "job deliver": Scene((TX,), _delivers),
    "job complain": Scene((TX,), _complains),
    "lease answer": Scene((TX,), _answers),
    "job settle: refused": Scene((TX, TX), _takes_deposits_back),
    "stake deposit": Scene((TX,), _deposits),
    "stake withdraw": Scene((TX,), _unbonds),
    "stake claim": Scene((TX,), _funds),
    "wallet withdraw": Scene((TX,), _withdraws),
    "wallet announce": Scene((TX,), _announces),
    "provider declare": Scene((TX,), _declares),
    "provider attest": Scene((TX,), _attests),
    "provider revoke": Scene((TX,), _revokes),
    # Last: the asset changes hands.
    "sale start": Scene((TX, TX), _sells),
    "sale bid": Scene((TX,), _sale_bids),
    "sale buy": Scene((TX,), _sale_bought),
    "sale cancel": Scene((TX,), _sale_cancels),
    "sale settle": Scene((TX,), _sale_settles),
    "channel open": Scene((TX,), _channel_opens),
    "channel topup": Scene((TX,), _channel_tops_up),
    "channel claim": Scene((TX,), _channel_claims),
    "channel close": Scene((TX,), _channel_closes),
    "channel refund": Scene((TX,), _channel_refunds),
    "bond deposit": Scene((TX,), _bond_deposits),
    "bond withdraw": Scene((TX,), _bond_unbonds),
    "accuse open": Scene((TX, STORE, TX, TX), _accuses),
    "accuse convict": Scene((TX,), _accuse_convicts),
    "accuse contradict": Scene((TX,), _accuse_contradicts),
    "accuse lapse": Scene((TX,), _accuse_lapses),
    "attester join": Scene((TX, TX), _attester_joins),
    "attester leave": Scene((TX,), _attester_leaves),
    "attester admit": Scene((TX,), _attester_admits),
    "attester remove": Scene((TX,), _attester_removes),
    "attester threshold": Scene((TX,), _attester_threshold),
    "attester withdraw": Scene((TX,), _attester_withdraws),
    "attester report": Scene((TX, TX), _attester_reports(Kind.CONTRADICTION)),
    "attester report: falseChain": Scene((TX, TX), _attester_reports(Kind.FALSE_CHAIN)),
    "attester report: equivocation": Scene((TX, TX), _attester_reports(Kind.EQUIVOCATION)),
}
# Killed by tests of what they are for: tests/networks, tests/e2e/test_licences.py, test_disputes.py,
# test_audits.py, test_redundant.py and test_sessions.py.
ELSEWHERE = {"network deploy", "buy", "enclave register"} | {
    name for name in OPERATIONS if name.startswith(("licence ", "dispute ", "audit ", "replica "))
}
# Single transactions share every line of the executor; around their broadcast is where money could be paid twice.
# Those in FEW prove, or need six commands before, which takes seconds; their steps are those of others.
FEW = {"lease fulfil", "lease fulfil: none", "job settle: refused", "attester report: equivocation"}
MANY = [name for name, scene in SCENES.items() if len(scene.steps) > 1 and name not in FEW]
# Nothing lasts that happens between two events: after one is before the next. `make fuzz` kills at both all the same.
BOTH = os.environ.get("HYPOTHESIS_PROFILE") == "fuzz"
INSTANTS = [
    (name, at, when)
    for name, scene in SCENES.items()
    for at in (range(1, scene.events + 1) if name in MANY else (3, 7) if name in FEW else (3,))
    for when in ("before", "after")
    if BOTH or name not in MANY or when == "before" or at == scene.events
]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    root, warm = tmp_path_factory.mktemp("kills"), Warm()
    try:
        yield World(start(root), warm)
    finally:
        warm.close()
        stop(root / "home")


def change(world: World, name: str, act: Callable[[Person, tuple[str, ...]], None]) -> Counter[str]:
    """What an act on a fresh target changes for everybody."""
    person, arguments = SCENES[name].arrange(world)
    before = world.holdings(person.account)
    act(person, arguments)
    after = world.holdings(person.account)
    after.subtract(before)
    return Counter({what: amount for what, amount in after.items() if amount})


def unharmed(world: World, name: str) -> Counter[str]:
    """The change by a run that is not killed; counted once."""

    def whole(person: Person, arguments: tuple[str, ...]) -> None:
        ran = world.warm.killed(person, 10**6, "before", *arguments, "--json")
        assert ran.code == 0 and ran.err.strip().endswith(f"events: {SCENES[name].events}"), ran

    if name not in world.unharmed:
        world.unharmed[name] = change(world, name, whole)
    return world.unharmed[name]


def test_every_operation_is_killed_somewhere() -> None:
    assert {name.partition(":")[0] for name in SCENES} | ELSEWHERE == set(OPERATIONS) | ELSEWHERE


@pytest.mark.parametrize(("name", "at", "when"), INSTANTS, ids=lambda value: str(value).replace(" ", "-"))
def test_killed_at_any_instant_and_resumed_everybody_has_the_same(world: World, name: str, at: int, when: str) -> None:
    def killed(person: Person, arguments: tuple[str, ...]) -> None:
        before = person.do("op", "log")["operations"][:1]
        ran = world.warm.killed(person, at, when, *arguments, "--json")
        assert ran.code == -signal.SIGKILL, ran
        operations = person.do("op", "log")["operations"][:1]
        if operations == before:
            assert (at, when) == (1, "before")  # nothing was begun: the command is simply run again
            person.do(*arguments)
            return
        (newest,) = operations
        assert newest["operation"] == name.partition(":")[0]
        if newest["outcome"] != "done":
            person.do("op", "resume", newest["op"])
        assert person.do("op", "show", newest["op"])["outcome"] == "done"

    assert change(world, name, killed) == unharmed(world, name)


def test_the_same_command_after_a_kill_asks_what_was_meant(world: World) -> None:
    person, arguments = _deposits(world)
    before = person.stake["total"]
    assert person.killed(4, "after", *arguments).code == -signal.SIGKILL
    error = person.refused(12, *arguments)
    assert "is this very command, begun and not finished" in error["message"]
    number = person.do("op", "log")["operations"][0]["op"]
    assert f"`mlm op resume {number}` continues it" in error["hint"]
    # The number without its zeros, and no account: the journal knows whose operation it is.
    nobody = Person("", person.folder, person.home)
    nobody.do("op", "resume", number.lstrip("0"))
    assert int(person.stake["total"]) == int(before) + 11 * 10**18
    assert person.refused(12, "op", "resume", number)["code"] == "state_conflict"


def test_a_killed_command_is_given_up(world: World) -> None:
    person = world.market.person("watcher")
    before = person.stake["total"]
    assert person.killed(3, "before", "stake", "deposit", "12").code == -signal.SIGKILL
    number = person.do("op", "log")["operations"][0]["op"]
    found = person.do("op", "undo", number)
    assert found["outcome"] == "undone" and [step["state"] for step in found["steps"]] == ["cancelled"]
    assert person.stake["total"] == before
    person.do("stake", "deposit", "12")  # not a leftover any more
    assert int(person.stake["total"]) == int(before) + 12 * 10**18


def test_every_contract_holds_what_it_owes_and_owes_it_to_somebody(world: World) -> None:
    """Whatever was killed before: credits add up, and the tokens for them are there."""
    chain = world.chain
    owed_to = [*map(accounts.address, accounts.NAMES), BURN_ADDRESS, chain.address_of("StakeVault")]
    for name in CREDITING:
        owed = sum(int(chain.call(name, "creditOf", account)) for account in owed_to)
        assert owed == chain.call(name, "totalCredit"), name
        assert chain.call("MarketToken", "balanceOf", chain.address_of(name)) >= owed, name
    chain.rpc.close()
