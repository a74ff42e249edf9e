"""Every command's example is run for real, as a person would, and its --json is what docs/reference.md says."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import onnx
import pytest

from docs import reference
from mlm.adapters.wallet import devnet as accounts
from mlm.core.reporting import Kind
from mlm.resources import path as resource
from mlm.workflows import content_keys
from tests.accusing import Lies
from tests.channel_scenes import paying
from tests.cli.shapes import mismatch
from tests.command_line import HANDLE, INPUT, MODEL, Market, Person, stop
from tests.delivering import PRIVATE, apart, leased, withheld
from tests.disputing import Chain, liar, lowered
from tests.disputing import leased as exact_lease
from tests.enclaves import Attesters, enclosed
from tests.licensed import Licensing, publish
from tests.ports.test_signatures import pem
from tests.replicating import above_a_gap, without_slot
from tests.reporting import evidence
from tests.selling import owner, sell

EXAMPLE = re.compile(r"Example: `(mlm [^`]+)`")
COMMANDS = dict(reference.leaves())

# Commands whose example another test runs, and why it is not run here.
ELSEWHERE = {
    "attester serve": "tests/enclaves.py starts it for tests/e2e/test_tee.py: it runs until it is stopped",
    "attester withdraw": "tests/e2e/test_tee.py: a stake unbonds for 30 days of the chain's clock",
    "demo": "tests/e2e/test_demo.py runs it four times",
    "gateway run": "tests/gateway starts it: it runs until it is stopped",
    "serve": "tests/serving starts it, free and paid: it runs until it is stopped",
    "watcher run": "tests/e2e/test_disputes.py runs it on a market of its own: it would challenge every scene's lies",
    "worker run": "tests/e2e/test_worker.py runs it on a market of its own: it would take every scene's open jobs",
}
# Proofs take seconds: these run once here; tests/e2e/test_by_hand.py reads their JSON.
ONCE = {"lease fulfil", "lease submit", "devnet install"}


class Stage:
    """Where examples play: a market, a home of its own for what changes settings, and jobs in every state."""

    def __init__(self, market: Market, root: Path) -> None:
        self.market, self.root = market, root
        self.settled = self.sold = self.disputed = ""
        self.licensed: Licensing | None = None
        self.lies = Lies(market, root)
        self.attesters: Attesters | None = None
        self.count = 0
        self.spare = Person("consumer", self.folder(), root / "spare", {"MLM_PASSWORD_FILE": str(root / "password")})
        (root / "password").write_text("correct horse\n")

    def folder(self) -> Path:
        """A new empty one."""
        self.count += 1
        made = self.root / f"folder-{self.count}"
        made.mkdir()
        return made

    def project(self) -> Person:
        """Somebody in a new project with everything staged."""
        outside = Person("model-provider", self.folder(), self.market.home)
        outside.do("init", "digits", "--template", "digits-mlp")
        inside = Person("model-provider", outside.folder / "digits", self.market.home)
        inside.do("add", ".")
        return inside

    def fixed(self) -> str:
        """A job that compute-1 has won."""
        job = self.market.consumer.job(auction="fixed")
        self.market.first.do("bid", job, "--price", "5", "--stake")
        return job

    def accepted(self) -> str:
        """One whose input compute-1 has accepted."""
        job = self.fixed()
        self.market.first.do("lease", "accept", job)
        return job

    def done(self) -> str:
        """One that is settled; made once."""
        if not self.settled:
            self.settled = self.fixed()
            self.market.first.do("lease", "fulfil", self.settled)
        return self.settled

    def expired(self) -> str:
        """One that nobody bid on."""
        job = self.market.consumer.job("--bidding", "60")
        self.market.advance("60s")
        return job

    def undelivered(self) -> str:
        """One whose winner, compute-1, never accepted it."""
        job = self.market.consumer.job("--delivery", "60", auction="fixed")
        self.market.first.do("bid", job, "--price", "5", "--stake")
        self.market.advance("61s")
        return job

    def sealed(self) -> str:
        """One whose sealed bid compute-1 can reveal."""
        job = self.market.consumer.job("--bidding", "60", auction="sealed")
        self.market.first.do("bid", job, "--price", "4", "--stake")
        self.market.advance("60s")
        return job

    def for_sale(self) -> str:
        """An asset of this stage's own for sales: MODEL's owner has other examples to run. Published once."""
        if not self.sold:
            name = f"for-sale-{self.root.name}"  # two files of tests may play on one market
            project = self.project()
            settings = project.folder / "mlm.toml"
            settings.write_text(settings.read_text().replace('name = "digits-mlp"', f'name = "{name}"'))
            project.do("add", "mlm.toml")
            project.do("commit", "-m", "for sale")
            project.do("publish", "--handle", HANDLE)
            self.sold = f"{HANDLE}/{name}"
        return self.sold

    def licensing(self) -> Licensing:
        """A licensed asset of this stage's own. Published once."""
        if self.licensed is None:
            project = Person("model-provider", self.folder(), self.market.home)
            self.licensed = publish(self.market, project, f"licensed-{self.root.name}-{project.folder.name}")
            self.licensed.offered("--delivery", "60")
        return self.licensed

    def enclosed(self) -> str:
        """A model of this stage's own that an enclave may run, and an attester who answers about it. Made once."""
        if self.attesters is None:
            self.attesters = Attesters(self.market)
            self.attesters.serve("watcher")
            enclosed(self.project(), f"enclosed-{self.root.name}")
        return f"{HANDLE}/enclosed-{self.root.name}"

    def pipeline(self) -> str:
        """A pipeline of one job in the consumer's folder."""
        step = f'[step.classify]\nmodel = "{MODEL}@1.0.0"\ninput = "{INPUT}"\nauction = "fixed"\nmax_price = "5"\n'
        (self.market.consumer.folder / "pipeline.toml").write_text(f'budget = "6"\n{step}')
        return ""

    def pipeline_done(self) -> str:
        """One whose job is done already: a run finds it. Made once."""
        self.pipeline()
        ran = self.market.consumer.run("pipeline", "run", "pipeline.toml", "--timeout", "0")
        if ran.code:
            (job,) = (row["job"] for row in self.market.consumer.do("job", "list", "--mine", "--open")["jobs"][:1])
            self.market.first.do("bid", job, "--price", "5", "--stake")
            self.market.first.do("lease", "fulfil", job)
        return ""

    def with_bid(self) -> str:
        """An open one with a bid."""
        job = self.market.consumer.job()
        self.market.first.do("bid", job, "--price", "4", "--stake")
        return job


Scene = Callable[[Stage], tuple[Person, str]]  # who runs the example, and the job or sale that JOB or SALE stands for


def as_(who: str, job: str = "") -> Scene:
    """The scene in which `who` of the market runs the example, on a job that the stage's method `job` makes."""
    return lambda stage: (getattr(stage.market, who), getattr(stage, job)() if job else "")


def spare(*before: tuple[str, ...]) -> Scene:
    """The scene in a home of its own, after these commands."""

    def scene(stage: Stage) -> tuple[Person, str]:
        for command in before:
            stage.spare.do(*command)
        return stage.spare, ""

    return scene


UP = ("devnet", "up")


def _elsewhere(stage: Stage) -> tuple[Person, str]:
    return Person("", stage.folder(), stage.market.home), ""


def _adds(stage: Stage) -> tuple[Person, str]:
    """Somebody who knows of no network yet."""
    (stage.spare.home / "config.toml").unlink(missing_ok=True)
    return stage.spare, ""


def _deploys(stage: Stage) -> tuple[Person, str]:
    """The spare devnet under another name, as a chain without a market of this account."""
    _adds(stage)[0].do("devnet", "up")
    stage.spare.do("network", "add", "testnet", "--rpc", stage.spare.do("devnet", "status")["url"])
    return Person("watcher", stage.spare.folder, stage.spare.home, stage.spare.env), ""


def _newcomer(stage: Stage) -> tuple[Person, str]:
    home = stage.folder()
    (home / "key.txt").write_text("11" * 32 + "\n")
    return Person("", home, home, stage.spare.env), ""


def _unbonds(stage: Stage) -> tuple[Person, str]:
    watcher = stage.market.person("watcher")
    watcher.do("stake", "deposit", "10")
    return watcher, ""


def _stopped(stage: Stage) -> tuple[Person, str]:
    """Somebody whose claim of a handle was killed after it was signed."""
    folder = stage.folder()
    (folder / ".mlm").mkdir()
    person = Person("watcher", folder, stage.market.home)
    assert person.killed(3, "before", "handle", "claim", folder.name.replace("_", "-")[-30:].strip("-")).code < 0
    return person, ""


def _credited(stage: Stage) -> tuple[Person, str]:
    job = stage.market.first.job()
    stage.market.first.do("job", "cancel", job)
    return _elsewhere(stage)


def _proved(stage: Stage) -> tuple[Person, str]:
    stage.market.first.do("prove", MODEL, INPUT, "-o", "proof.json")
    return stage.market.first, stage.accepted()


def _shares(stage: Stage) -> tuple[Person, str]:
    """A project with a commit, a remote of its own, and a home of its own that knows it."""
    person = Person("", stage.folder() / "digits", stage.folder())
    person.folder.mkdir()
    person.do("init", ".", "--template", "digits-mlp")
    person.do("add", ".")
    person.do("commit", "-m", "first")
    person.do("remote", "add", "origin", "../origin")
    person.do("remote", "add", "shared", "../shared")
    person.do("push", "main", "origin")
    return person, ""


def _adds_remote(stage: Stage) -> tuple[Person, str]:
    return Person("", stage.folder(), stage.folder()), ""


def _project(stage: Stage) -> tuple[Person, str]:
    return stage.project(), ""


def _template(stage: Stage) -> tuple[Person, str]:
    """A folder with a model and samples that is no project."""
    folder = stage.folder()
    shutil.copytree(resource("templates") / "digits-mlp", folder, dirs_exist_ok=True)
    return Person("", folder, stage.market.home), ""


def _packed(stage: Stage) -> tuple[Person, str]:
    person, _ = _template(stage)
    person.do("car", "pack", "samples", "-o", "samples.car")
    return person, ""


def _signs(stage: Stage) -> tuple[Person, str]:
    person = stage.project()
    person.do("commit", "-m", "first")
    pem(person.folder, "key")
    (person.folder / "key.key").rename(person.folder / "key.pem")
    return person, ""


def _edited(stage: Stage) -> tuple[Person, str]:
    """A commit, and a model that differs from it in one weight."""
    person = stage.project()
    person.do("commit", "-m", "first")
    model = onnx.load(person.folder / "model.onnx")
    model.graph.initializer[0].raw_data = b"\0" * 4 + model.graph.initializer[0].raw_data[4:]
    onnx.save(model, person.folder / "model.onnx")
    return person, ""


def _posted(stage: Stage) -> tuple[Person, str]:
    return stage.market.first, stage.market.consumer.job()


def _cancels(stage: Stage) -> tuple[Person, str]:
    return stage.market.consumer, stage.market.consumer.job()


def _paying(who: str, **how: Any) -> Scene:
    """The scene in which the payer or the payee of a new channel runs the example."""

    def scene(stage: Stage) -> tuple[Person, str]:
        found = paying(stage.market, MODEL, **how)
        return getattr(found, who), found.channel

    return scene


def _selling(who: str, *, bid: bool = False, ended: bool = False, fixed: bool = False) -> Scene:
    """The scene in which the seller or the bidder of a new sale runs the example."""

    def scene(stage: Stage) -> tuple[Person, str]:
        found = sell(stage.market, stage.for_sale(), bid=bid, ended=ended, fixed=fixed)
        return getattr(found, who), found.sale

    return scene


def _licensing(who: str, made: str = "", *options: str) -> Scene:
    """The scene in which the owner or the buyer of a licensed asset runs the example, on what `made` makes of it."""

    def scene(stage: Stage) -> tuple[Person, str]:
        found = stage.licensing()
        return getattr(found, who), getattr(found, made)(*options) if made else ""

    return scene


def _unanswered(stage: Stage) -> tuple[Person, str]:
    """An order whose key did not come in time."""
    found = stage.licensing()
    order = found.ordered()
    stage.market.advance("61s")
    return found.buyer, order


def _delivered(stage: Stage) -> tuple[Person, str]:
    """An order whose key came, and is right."""
    found = stage.licensing()
    order = found.ordered()
    found.owner.do("licence", "deliver")
    return found.buyer, order


def _cheated(stage: Stage) -> tuple[Person, str]:
    """An order whose key came, and is wrong."""
    found = stage.licensing()
    order = found.ordered()
    with pytest.MonkeyPatch.context() as lie:
        lie.setattr(content_keys, "find", lambda ports, version: b"l" * 32)
        found.owner.do("licence", "deliver")
    return found.buyer, order


def _starts(stage: Stage) -> tuple[Person, str]:
    """The owner of MODEL, which is not for sale any more."""
    return owner(stage.market, MODEL), ""


def _committed(stage: Stage) -> tuple[Person, str]:
    person = stage.project()
    person.do("commit", "-m", "first")
    return person, ""


def _branched(stage: Stage) -> tuple[Person, str]:
    """main and experiment, each with a commit of its own; main is checked out."""
    person, _ = _committed(stage)
    for branch, name in (("experiment", "theirs.txt"), ("main", "ours.txt")):
        person.do("checkout", *(["-b"] if branch == "experiment" else []), branch)
        (person.folder / name).write_text(branch)
        person.do("add", name)
        person.do("commit", "-m", branch)
    return person, ""


def _rates(stage: Stage) -> tuple[Person, str]:
    """A settled job of its own each time: a job is rated once."""
    job = stage.fixed()
    stage.market.first.do("lease", "fulfil", job)
    return stage.market.consumer, job


def _earned(stage: Stage) -> tuple[Person, str]:
    """Fees of a settled job stream for a while to somebody who stakes."""
    stage.market.first.do("stake", "deposit", "10")
    stage.done()
    stage.market.first.run("stake", "claim")  # funds where fees wait; refused where nothing does
    stage.market.advance("3600s")
    return stage.market.first, ""


def _has_a_gpu(stage: Stage) -> tuple[Person, str]:
    """A provider, as the examples' rules want it."""
    stage.market.first.do("provider", "declare", "gpu.model=h100", "gpu.memory=80")
    return stage.market.first, ""


def _audits(stage: Stage) -> tuple[Person, str]:
    """An auditor in a folder of its own, with an attestation of the provider that it has just signed."""
    stage.market.advance("1s")  # newer than what it has signed before
    auditor = Person("watcher", stage.folder(), stage.market.home)
    auditor.do("provider", "sign", accounts.address("compute-1"), "gpu.model=h100", "-o", "attestation.json")
    return auditor, ""


def _delivers(stage: Stage) -> tuple[Person, str]:
    consumer = apart(stage.market)
    return consumer, leased(stage.market, consumer, INPUT, *PRIVATE)


def _complains(stage: Stage) -> tuple[Person, str]:
    consumer = apart(stage.market)
    return consumer, withheld(stage.market, consumer)


def _answers(stage: Stage) -> tuple[Person, str]:
    consumer, job = _complains(stage)
    consumer.do("job", "complain", job)
    return stage.market.first, job


def _disputed(stage: Stage) -> tuple[Person, str]:
    """A watcher before a result of which one number is false."""
    stage.count += 1
    false, job = liar(stage.market, 1, at=stage.count % 32), exact_lease(stage.market)
    false.hand_in(job)
    return stage.market.person("watcher"), job


def _played(stage: Stage) -> tuple[Person, str]:
    """A watcher whose turn it is in its game about such a result."""
    stage.count += 1
    false, job = liar(stage.market, 1, at=stage.count % 32), exact_lease(stage.market)
    false.hand_in(job)
    watcher = stage.market.person("watcher")
    game, chain = watcher.do("dispute", "open", job)["game"], Chain.of(stage.market, "compute-1")
    while false.play(chain, game):
        pass
    return watcher, job


def _in_dispute(stage: Stage) -> tuple[Person, str]:
    """Such a watcher, for commands that only look; its game is opened once."""
    stage.disputed = stage.disputed or _played(stage)[1]
    return stage.market.person("watcher"), stage.disputed


def _audited(stage: Stage) -> tuple[Person, str]:
    """A watcher with stake before a true result whose period is over, and a pool that pays."""
    lowered(stage.market)
    job = exact_lease(stage.market)
    stage.market.first.do("lease", "fulfil", job)
    stage.market.advance("5m")
    stage.market.consumer.do("audit", "fund", "1")
    watcher = stage.market.person("watcher")
    watcher.do("stake", "deposit", "10", "--role", "watcher")
    return watcher, job


def _attester(stage: Stage, account: str, member: bool = False) -> Person:
    """Somebody with an attester's stake; a member or not."""
    person = Person(account, stage.folder(), stage.market.home)
    governance = Person("deployer", stage.folder(), stage.market.home)
    address = accounts.address(account)
    if address.lower() in (each["account"] for each in governance.do("attester", "list")["members"]):
        governance.do("attester", "remove", address)
    stage.count += 1
    person.do("attester", "join", "--url", f"http://127.0.0.1:{10_000 + stage.count}")
    if member:
        governance.do("attester", "admit", address)
    return person


def _joins(stage: Stage) -> tuple[Person, str]:
    return _attester(stage, "watcher"), ""


def _reports(stage: Stage) -> tuple[Person, str]:
    """Somebody with the answer of an attester that has signed otherwise than its quote says."""
    reporter = Person("consumer", stage.folder(), stage.market.home)
    evidence(reporter, _attester(stage, "watcher"), Kind.CONTRADICTION)
    return reporter, ""


def _governs(member: bool, also: bool = False) -> Scene:
    """Who admits attesters, among whom the watcher is a member or not yet; and, `also`, compute-2."""

    def scene(stage: Stage) -> tuple[Person, str]:
        _attester(stage, "watcher", member)
        if also:
            _attester(stage, "compute-2", member)
        return Person("deployer", stage.folder(), stage.market.home), ""

    return scene


def _provides(stage: Stage) -> tuple[Person, str]:
    """A provider with stake whose session keys have less than half of a week left, and a model of the tier tee."""
    asset = stage.enclosed()
    assert stage.attesters is not None
    governance, watcher = Person("deployer", stage.folder(), stage.market.home), stage.attesters.person("watcher")
    # Each is refused where it is so already.
    watcher.run("attester", "join", "--url", stage.attesters.urls["watcher"])
    for act in (("admit", accounts.address("watcher")), ("threshold", "1")):
        governance.run("attester", *act)
    stage.market.advance("31d")  # from the first threshold on, admissions and smaller ones count 30 days later
    first = stage.market.first
    first.do("stake", "deposit", "1")
    first.do("run", asset, INPUT)  # its blocks are here
    return first, asset


def _replicated(stage: Stage) -> tuple[Person, str]:
    """The consumer of a job whose replicas were paid for, and whose provider never accepted."""
    lowered(stage.market)
    job = exact_lease(stage.market, "--tier", "redundant", "--replicas", "1", "--replica-fee", "0.5")
    stage.market.advance("61m")
    return stage.market.consumer, job


def _refunded(stage: Stage) -> tuple[Person, str]:
    """The same, with its fees back."""
    consumer, job = _replicated(stage)
    consumer.do("replica", "step", job)
    return consumer, job


def _slot(stage: Stage) -> tuple[Person, str]:
    """An account with a slot."""
    second = stage.market.second
    without_slot(stage.market, second)
    second.do("replica", "join")
    return second, ""


def _bonded(stage: Stage) -> tuple[Person, str]:
    """A payee with a bond for the exact model."""
    lowered(stage.market)
    payee = Person("compute-2", stage.folder(), stage.market.home)
    payee.do("bond", "deposit", "alice/digits-exact", "10")
    return payee, ""


def _lied_to(*turns: int) -> Scene:
    """The consumer with files of calls of one input, whose outputs are turned by so many places."""

    def scene(stage: Stage) -> tuple[Person, str]:
        lowered(stage.market)
        stage.lies.bonded()
        files = stage.lies.told(*turns)
        for other in files[1:]:
            other.rename(f"{files[0]}.other")
        payer = Person("consumer", stage.folder(), stage.market.home)
        payer.run("verify", str(files[0]))  # the model's blocks are here
        return payer, str(files[0])

    return scene


def _accuses(how: str, *, later: str = "") -> Scene:
    """Who has accused: `accused` just now, or `proven` by a job."""

    def scene(stage: Stage) -> tuple[Person, str]:
        made = getattr(stage.lies, how)()
        if later:
            stage.market.advance(later)
        return Person("consumer", stage.folder(), stage.market.home), made if isinstance(made, str) else made[0]

    return scene


def _no_slot(stage: Stage) -> tuple[Person, str]:
    watcher = stage.market.person("watcher")
    without_slot(stage.market, watcher)
    return watcher, ""


SCENES: dict[str, Scene] = {
    "init": _elsewhere,
    "add": _project,
    "status": as_("provider"),
    "diff": _edited,
    "commit": _project,
    "log": as_("provider"),
    "show": as_("provider"),
    "rm": _committed,
    "restore": _committed,
    "branch": _committed,
    "tag": _committed,
    "checkout": _committed,
    "merge": _branched,
    "gc": _committed,
    "fsck": _committed,
    "sign": _signs,
    "spdx": _elsewhere,
    "push": _shares,
    "fetch": _shares,
    "pull": _shares,
    "clone": _elsewhere,
    "download": _elsewhere,
    "remote add": _adds_remote,
    "remote list": _elsewhere,
    "remote remove": _shares,
    "publish": as_("provider"),
    "search": _elsewhere,
    "asset list": _elsewhere,
    "asset show": _elsewhere,
    "asset versions": _elsewhere,
    "asset lineage": _elsewhere,
    "asset royalties": _elsewhere,
    "price set": as_("provider"),
    "price show": _elsewhere,
    "channel open": as_("consumer"),
    "channel topup": _paying("payer"),
    "channel pay": _paying("payer"),
    "channel claim": _paying("payee", calls=2),
    "channel close": _paying("payee", calls=2),
    "channel refund": _paying("payer", expired=True),
    "channel list": _elsewhere,
    "channel show": _paying("payee"),
    "bond deposit": _bonded,
    "bond withdraw": _bonded,
    "bond show": _bonded,
    "accuse open": _lied_to(1),
    "accuse convict": _accuses("proven"),
    "accuse contradict": _lied_to(1, 2),
    "accuse lapse": _accuses("accused", later="14d"),
    "accuse list": _accuses("accused"),
    "accuse show": _accuses("accused"),
    "buy": _licensing("buyer"),
    "licence offer": _licensing("owner"),
    "licence list": _licensing("buyer"),
    "licence show": _licensing("buyer", "held"),
    "licence transfer": _licensing("buyer", "held"),
    "licence redeem": _licensing("buyer", "held", "--kind", "per-use"),
    "licence revoke": _licensing("owner", "held", "--notice", "60"),
    "licence request": _licensing("owner"),
    "licence deliver": _licensing("owner", "ordered"),
    "licence complain": _cheated,
    "licence settle": _delivered,
    "licence refund": _unanswered,
    "sale start": _starts,
    "sale list": _elsewhere,
    "sale show": _selling("bidder", bid=True),
    "sale bid": _selling("bidder"),
    "sale buy": _selling("bidder", fixed=True),
    "sale cancel": _selling("seller"),
    "sale settle": _selling("bidder", bid=True, ended=True),
    "handle claim": as_("provider"),
    "handle show": _elsewhere,
    "job post": as_("consumer"),
    "job list": as_("second"),
    "job show": as_("consumer", "with_bid"),
    "job bids": as_("second", "with_bid"),
    "job watch": as_("consumer", "done"),
    "job wait": as_("consumer", "done"),
    "job result": as_("consumer", "done"),
    "job deliver": _delivers,
    "job complain": _complains,
    "job award": as_("consumer", "with_bid"),
    "job cancel": _cancels,
    "job settle": as_("second", "expired"),
    "job reveal": as_("first", "sealed"),
    "job withdraw-bid": as_("first", "with_bid"),
    "job reopen": as_("consumer", "undelivered"),
    "job rate": _rates,
    "pipeline show": as_("consumer", "pipeline"),
    "pipeline run": as_("consumer", "pipeline_done"),
    "bid": _posted,
    "lease list": as_("first"),
    "lease show": as_("first", "accepted"),
    "lease accept": as_("first", "fixed"),
    "lease fulfil": as_("first", "fixed"),
    "lease submit": _proved,
    "worker status": as_("first"),
    "lease answer": _answers,
    "provider declare": as_("first"),
    "provider show": _has_a_gpu,
    "provider list": _has_a_gpu,
    "provider match": _has_a_gpu,
    "provider sign": _audits,
    "provider attest": _audits,
    "provider revoke": _audits,
    "run": as_("provider"),
    "prove": as_("provider"),
    "lower": _template,
    "dispute open": _disputed,
    "dispute respond": _played,
    "dispute status": _in_dispute,
    "dispute show": _in_dispute,
    "dispute explain": _in_dispute,
    "attester list": as_("consumer"),
    "attester show": as_("first"),
    "attester join": _joins,
    "attester leave": _joins,
    "attester admit": _governs(member=False),
    "attester remove": _governs(member=True),
    "attester threshold": _governs(member=True, also=True),
    "attester report": _reports,
    "enclave register": _provides,
    "enclave list": as_("first"),
    "audit fund": lambda stage: (stage.market.consumer, ""),
    "audit join": _audited,
    "audit show": _audited,
    "audit list": _audited,
    "replica join": _no_slot,
    "replica leave": _slot,
    "replica move": lambda stage: (above_a_gap(stage.market), ""),
    "replica withdraw": _refunded,
    "replica step": _replicated,
    "replica show": _replicated,
    "replica list": lambda stage: (stage.market.person("watcher"), ""),
    "verify": as_("second", "done"),
    "stake deposit": lambda stage: (stage.market.person("watcher"), ""),
    "stake withdraw": _unbonds,
    "stake show": as_("first"),
    "stake claim": _earned,
    "reputation show": as_("first", "done"),
    "reputation list": as_("consumer", "done"),
    "wallet new": _newcomer,
    "wallet import": _newcomer,
    "wallet list": _elsewhere,
    "wallet show": _elsewhere,
    "wallet use": spare(UP),
    "wallet faucet": spare(UP),
    "wallet withdraw": _credited,
    "wallet announce": as_("first"),
    "whoami": _elsewhere,
    "devnet install": spare(),
    "devnet up": spare(),
    "devnet down": spare(UP),
    "devnet status": spare(UP),
    "devnet reset": spare(UP),
    "devnet snapshot": spare(UP),
    "devnet restore": spare(UP, ("devnet", "snapshot", "before-jobs")),
    "devnet advance": spare(UP),
    "devnet logs": spare(UP),
    "network list": _elsewhere,
    "network show": _elsewhere,
    "network add": _adds,
    "network use": spare(),
    "network deploy": _deploys,
    "sync": _elsewhere,
    "hash": _template,
    "car pack": _template,
    "car unpack": _packed,
    "car ls": _packed,
    "op log": _stopped,
    "op show": _stopped,
    "op resume": _stopped,
    "op undo": _stopped,
    "sql": as_("consumer"),
    "doctor": _elsewhere,
    "completion": _elsewhere,
    "version": _elsewhere,
}


@pytest.fixture(scope="module")
def stage(market: Market, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    made = Stage(market, tmp_path_factory.mktemp("stage"))
    try:
        yield made
    finally:
        if made.attesters is not None:
            made.attesters.close()
        owner(market, MODEL)  # no sale holds it
        market.provider.do("price", "set", MODEL, "--use", "0.1", "--royalty-bps", "500")
        stop(made.spare.home)


def test_every_command_is_set_up_here_once() -> None:
    """A new command needs a scene in SCENES: who runs its example, and what must stand before."""
    missing = set(COMMANDS) - set(SCENES) - set(ELSEWHERE)
    assert not missing, f"no scene for the example of: mlm {', mlm '.join(sorted(missing))}"
    assert not (set(SCENES) | set(ELSEWHERE)) - set(COMMANDS), "a scene for a command that does not exist"


@pytest.mark.parametrize("name", [name for name in COMMANDS if name in SCENES])
def test_example_runs(name: str, stage: Stage) -> None:
    """Once as it stands, and once more with --json, from the same preparation: exit 0, and the documented value."""
    found = EXAMPLE.findall(COMMANDS[name].help or "")
    assert found, f"mlm {name} has no example"
    for example in found:
        shown = play(stage, name, example)
        assert shown.out.strip(), f"{example} prints nothing"
        if name not in ONCE:
            again = shown if "--json" in example else play(stage, name, f"{example} --json")
            wrong = mismatch(again.value, reference.rendered(COMMANDS[name]))
            assert not wrong, f"{example} --json is not what docs/reference.md says: {wrong}"


SEALED = "alice/sealed-digits"  # stands for the stage's licensed asset
ENCLOSED = "alice/enclosed-digits"  # stands for a scene's model of the tier tee


def filled(example: str, found: str, licensed: str = "") -> list[str]:
    """The words of an example behind `mlm`, with what its capitals stand for: the scene's job or sale, a provider."""
    known = {"JOB": found.removeprefix("job/"), "SALE": found, "PROVIDER": accounts.address("compute-1")}
    known |= {"CHANNEL": found, "ACCUSATION": found, "CALL": found, "OTHER": f"{found}.other"}
    known["0xATTESTER"] = accounts.address("watcher")
    known |= {"LICENCE": found.removeprefix("licence/"), "ORDER": found, "HOLDER": accounts.address("consumer")}
    known |= {SEALED: licensed or SEALED, ENCLOSED: found}
    words = shlex.split(example)[1:]
    return [re.sub("|".join(known), lambda match: known[match[0]], word) for word in words]


def play(stage: Stage, name: str, example: str) -> Any:
    """Prepare, put the id for JOB or SALE, run, and hold it to exit 0."""
    person, job = SCENES[name](stage)
    made = re.search("JOB|SALE|CHANNEL|LICENCE|ORDER|CALL|ACCUSATION", example)
    assert job or not made, f"the scene of mlm {name} makes none of what its example names"
    ran = person.run(*filled(example, job, stage.licensed.asset if stage.licensed else ""))
    assert ran.code == 0, ran
    return ran
