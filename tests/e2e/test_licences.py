"""Licensed assets on the real devnet: sealed, bought, opened, passed on, taken back; and an owner that lies."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from mlm.adapters.remotes.folder import FolderRemote
from mlm.core import dag
from mlm.core.cid import Cid
from mlm.workflows import content_keys, licence_deliver
from tests import licensed
from tests.command_line import INPUT, ROOT, TOKEN, Market, Person, ended, sent
from tests.e2e.warm import Warm

TOML = (
    '[asset]\nname = "{name}"\nversion = "{version}"\nkind = "dataset"\nlicence = "MIT"\n[access]\nmode = "licensed"\n'
)
MODEL_TOML = TOML.replace('"dataset"', '"model"') + '[model]\nfile = "model.onnx"\n[price]\nuse = "0.5"\n'
MODEL = "alice/sealed-digits"
FILES = {"words.txt": b"the words that nobody reads for nothing\n" * 40_000, "more/table.txt": b"a,b\n1,2\n"}


def somebody(market: Market, account: str, folder: Path) -> Person:
    """An account with a home of its own, beside the same devnet: nobody reads another's cache."""
    home = folder / "home"
    home.mkdir(parents=True)
    (home / "devnet").symlink_to(market.home / "devnet")
    work = folder / "sealed-words"
    work.mkdir()
    return Person(account, work, home)


def commit(owner: Person, name: str, version: str) -> None:
    (owner.folder / "mlm.toml").write_text(TOML.format(name=name, version=version))
    owner.do("add", "mlm.toml", *FILES)
    owner.do("commit", "-m", version)


@pytest.fixture(scope="module")
def owner(market: Market, tmp_path_factory: pytest.TempPathFactory) -> Person:
    """The owner of alice/sealed-words 1.0.0, which is published and not offered."""
    found = somebody(market, "model-provider", tmp_path_factory.mktemp("owner"))
    for path, data in FILES.items():
        (found.folder / path).parent.mkdir(exist_ok=True)
        (found.folder / path).write_bytes(data)
    found.do("init", ".")
    commit(found, "sealed-words", "1.0.0")
    return found


ASSET = "alice/sealed-words"


@pytest.fixture(scope="module")
def buyer(market: Market, tmp_path_factory: pytest.TempPathFactory) -> Person:
    return somebody(market, "consumer", tmp_path_factory.mktemp("buyer"))


@pytest.fixture(scope="module")
def third(market: Market, tmp_path_factory: pytest.TempPathFactory) -> Person:
    return somebody(market, "compute-1", tmp_path_factory.mktemp("third"))


def files(folder: Path) -> dict[str, bytes]:
    return {path: (folder / path).read_bytes() for path in FILES}


@pytest.fixture(scope="module")
def warm() -> Iterator[Warm]:
    made = Warm()
    yield made
    made.close()


@dataclass(frozen=True)
class Killer:
    """Runs commands that die by SIGKILL right after their broadcast."""

    market: Market
    warm: Warm

    def kill(self, person: Person, *arguments: str) -> None:
        ran = self.warm.killed(person, 3, "after", *arguments, "--json")
        assert ran.code == -signal.SIGKILL, ran

    def resumed(self, person: Person, *arguments: str) -> None:
        """Killed, then resumed by `mlm op resume`: it has sent once."""
        before = sent(self.market, person.account)
        self.kill(person, *arguments)
        (newest,) = person.do("op", "log")["operations"][:1]
        assert newest["operation"] == " ".join(arguments[: len(newest["operation"].split())])
        person.do("op", "resume", newest["op"])
        assert person.do("op", "show", newest["op"])["outcome"] == "done"
        assert sent(self.market, person.account) == before + 1


@pytest.fixture
def killer(market: Market, warm: Warm) -> Killer:
    return Killer(market, warm)


def test_a_licensed_asset_from_publication_to_revocation(
    market: Market, owner: Person, buyer: Person, third: Person, killer: Killer, warm: Warm
) -> None:
    """Operations that send are killed right after their broadcast and resumed, each once."""
    remote = FolderRemote(market.home / "devnet" / "remote")
    before = set(remote.cids())
    published = owner.do("publish", "--handle", "alice")
    assert published["sealed"] and not published["already"]
    # Nothing plain reached the remote: neither a file's block, nor a commit, nor a directory.
    added = set(remote.cids()) - before
    manifest = Cid.parse(published["manifest"])
    assert set(dag.dag(remote, manifest)) <= added
    assert Cid.parse(published["commit"]) not in added
    assert not [cid for cid in added if b"nobody reads for nothing" in remote.get(cid)]
    # The same again seals nothing anew.
    again = owner.run("publish", "--handle", "alice", "--json").value
    assert again["result"]["already"] and again["steps"] == [] and again["result"]["manifest"] == str(manifest)

    for command in (["download", ASSET, "-o", "out"], ["clone", ASSET, "copy"]):
        error = third.refused(12, *command)
        assert error["code"] == "not_licensed" and f"mlm buy {ASSET}" in error["hint"]
        assert not (third.folder / command[-1] / "words.txt").exists()
    checked = third.do("verify", ASSET)
    assert checked["verified"] and not checked["complete"]
    terms = ["--delivery", "600", "--notice", "60", "--refund", "2"]
    killer.resumed(owner, "licence", "offer", ASSET, "--price", "5", *terms)
    offered = owner.do("licence", "offer", ASSET, "--price", "5", *terms)
    assert owner.run("licence", "offer", ASSET, "--price", "5", *terms, "--json").value["steps"] == []
    assert [each["price"] for each in buyer.do("licence", "list", ASSET)["offers"]] == [str(5 * TOKEN)]

    money = {person.account: person.money for person in (owner, buyer)}
    assert "OfferPriceHigher" in buyer.refused(12, "buy", ASSET, "--max-price", "4.9")["message"]
    killer.resumed(buyer, "buy", ASSET, "--max-price", "5")
    waiting = buyer.begin("buy", ASSET, "--max-price", "5", "--wait", "--json")
    owner_sent = sent(market, owner.account)
    killer.kill(owner, "licence", "deliver")
    given = owner.do("licence", "deliver")  # a rerun goes on: what was sent is sent once
    assert given["delivered"] == [] and sent(market, owner.account) == owner_sent + 1
    done = ended(waiting)
    assert done.code == 0, done
    bought = done.value
    assert bought["key"] and bought["licence"][:-10] == offered["licence"][:-10]
    assert buyer.money == money["consumer"] - 5 * TOKEN
    buyer.do("download", ASSET, "-o", "out")
    assert files(buyer.folder / "out") == FILES
    buyer.do("clone", ASSET, "copy")
    assert files(buyer.folder / "copy") == FILES
    assert buyer.do("verify", ASSET)["complete"]

    receiver = third.do("whoami")["address"]
    killer.resumed(buyer, "licence", "transfer", bought["licence"], "--to", receiver)
    assert "mlm licence request" in third.refused(12, "download", ASSET, "-o", "out")["hint"]
    killer.resumed(third, "licence", "request", ASSET)
    asked = third.do("licence", "request", ASSET)
    assert not asked["answered"] and asked["licence"] == bought["licence"]
    (delivered,) = owner.do("licence", "deliver")["delivered"]
    assert (delivered["account"].lower(), delivered["why"]) == (receiver.lower(), "request")
    assert owner.do("licence", "deliver")["delivered"] == []
    third.do("download", ASSET, "-o", "out")
    assert files(third.folder / "out") == FILES

    # A new version has a new key: its holder asks for it, free; who holds no licence any more gets none.
    (owner.folder / "more" / "table.txt").write_bytes(b"a,b\n1,3\n")
    commit(owner, "sealed-words", "1.1.0")
    # Killed once its version is revealed and its key is not committed to: what was sealed stands.
    assert warm.killed(owner, 8, "after", "publish", "--handle", "alice", "--json").code == -signal.SIGKILL
    (newest,) = owner.do("op", "log")["operations"][:1]
    owner.do("op", "resume", newest["op"])
    again = owner.run("publish", "--handle", "alice", "--json").value
    assert again["result"]["already"] and again["steps"] == []
    assert third.refused(12, "download", f"{ASSET}@1.1.0", "-o", "new")["code"] == "not_licensed"
    third.do("licence", "request", f"{ASSET}@1.1.0")
    assert buyer.refused(12, "licence", "request", f"{ASSET}@1.1.0")["code"] == "not_licensed"
    owner.do("licence", "deliver", ASSET)
    third.do("download", f"{ASSET}@1.1.0", "-o", "new")
    assert (third.folder / "new" / "more" / "table.txt").read_bytes() == b"a,b\n1,3\n"

    before_owner, before_third = owner.money, third.money
    killer.resumed(owner, "licence", "revoke", bought["licence"], "--holder", receiver)
    assert owner.money == before_owner - 2 * TOKEN and third.money == before_third + 2 * TOKEN
    held = third.do("licence", "list", ASSET)["held"]
    assert [(each["units"], each["valid"]) for each in held] == [(0, True)]  # the notice runs
    market.advance("2m")
    assert third.do("licence", "list", ASSET)["held"] == []


def test_an_owner_that_delivers_a_wrong_key_or_none_is_paid_nothing(
    market: Market, owner: Person, buyer: Person, killer: Killer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`buy --wait` complains, and takes the price back of what did not come; killed at that, it goes on."""
    owner.do("publish", "--handle", "alice")
    offered = owner.do("licence", "offer", ASSET, "--price", "7", "--delivery", "60")
    buy = ["buy", ASSET, "--licence", offered["licence"]]
    money = buyer.money
    order = buyer.do(*buy)["order"]
    assert buyer.do(*buy)["order"] == order  # an open order is gone on with: nothing is paid twice
    assert buyer.money == money - 7 * TOKEN
    with monkeypatch.context() as lie:
        lie.setattr(content_keys, "find", lambda ports, version: b"l" * 32)
        owner.do("licence", "deliver")
    assert "is wrong" in buyer.refused(12, "licence", "settle", f"order/{order}")["message"]
    before = sent(market, buyer.account)
    killer.kill(buyer, *buy, "--wait")
    if buyer.do("licence", "show", f"order/{order}")["state"] != "rejected":  # else it was mined: the kill came later
        error = buyer.refused(12, *buy, "--wait")
        assert error["code"] == "no_result" and "rejected" in error["message"]
    assert buyer.money == money and sent(market, buyer.account) == before + 1
    assert buyer.do("licence", "show", f"order/{order}")["state"] == "rejected"

    late = buyer.do(*buy)["order"]
    assert late != order
    market.advance("50s")  # a key that was sent is told: not so late that the price may be gone by then
    given = owner.do("licence", "deliver")
    assert given["delivered"] == [] and "deadline" in given["refused"][0]
    market.advance("2m")
    error = buyer.refused(12, *buy, "--wait")
    assert error["code"] == "no_result" and "no key came" in error["message"] and "7" in error["message"]
    assert buyer.money == money and buyer.do("licence", "show", f"order/{late}")["state"] == "refunded"
    again = buyer.do(*buy)["order"]
    market.advance("2m")
    killer.resumed(owner, "licence", "refund", f"order/{again}")
    assert buyer.money == money

    last = buyer.do(*buy)["order"]
    with monkeypatch.context() as young:  # this node calls every block final: as if a reorganisation could undo it
        young.setattr(licence_deliver, "is_firm", lambda ports, row: False)
        assert owner.do("licence", "deliver", ASSET)["delivered"] == []
    owner.do("licence", "deliver", ASSET)
    error = buyer.refused(12, "licence", "complain", f"order/{last}")
    assert "nothing to complain of" in error["message"]
    killer.resumed(buyer, "licence", "settle", f"order/{last}")
    assert buyer.money == money - 7 * TOKEN
    owner.do("licence", "offer", ASSET, "--price", "7", "--delivery", "60", "--stock", "0")


def test_uses_that_are_bought_and_used_up(owner: Person, buyer: Person, killer: Killer) -> None:
    """No key is delivered with them: they are the buyer's at once."""
    uses = ["--kind", "per-use", "--delivery", "0", "--stock", "4"]
    offered = owner.do("licence", "offer", ASSET, "--price", "1", *uses)
    bought = buyer.do("buy", ASSET, "--licence", offered["licence"], "--units", "3", "--wait")
    assert not bought["key"] and bought["units"] == 3
    error = buyer.refused(12, "buy", ASSET, "--licence", offered["licence"], "--units", "3")
    assert "1 of" in error["message"]
    killer.resumed(buyer, "licence", "redeem", bought["licence"], "--units", "2", "--purpose", "a batch")
    shown = buyer.do(*bought["next"].split()[1:])  # a short id, as it is shown
    assert [(each["units"], each["valid"]) for each in shown["held"]] == [(1, True)]
    assert (
        "1 to 1 units"
        in buyer.refused(12, "licence", "redeem", bought["licence"], "--units", "2", "--purpose", "b")["message"]
    )


def test_a_licensed_model_is_run_bid_on_and_served_by_its_holders_and_sold(
    market: Market, owner: Person, buyer: Person, third: Person, tmp_path: Path
) -> None:
    """Of the tier none. Who posts a job needs no licence; who does it needs one. Its keys follow it when it is sold."""
    publisher, template = replace(owner, folder=tmp_path), ROOT / "templates" / "digits-mlp"
    (tmp_path / "mlm.toml").write_text(MODEL_TOML.format(name="sealed-digits", version="1.0.0"))
    (tmp_path / "model.onnx").write_bytes((template / "model.onnx").read_bytes())
    publisher.do("init", ".")
    publisher.do("add", "mlm.toml", "model.onnx")
    publisher.do("commit", "-m", "a sealed model")
    assert publisher.do("publish", "--handle", "alice")["sealed"]
    publisher.do("licence", "offer", MODEL, "--price", "3", "--delivery", "600")

    provider = somebody(market, "compute-2", tmp_path / "provider")
    for person in (buyer, provider):
        (person.folder / "digit.npy").write_bytes((template / INPUT).read_bytes())
    post = ("job", "post", MODEL, "-i", "digit.npy", "--tier", "none", "--auction", "fixed", "--max-price", "5")
    job = buyer.do(*post, "--bidding", "3600", "--verification", "600")["job"]

    for command in (["run", MODEL, "digit.npy"], ["serve", MODEL], ["bid", job, "--stake"]):
        error = provider.refused(12, *command)
        assert error["code"] == "not_licensed" and f"mlm buy {MODEL}" in error["hint"], error
    work = ("worker", "run", "--asset", MODEL, "--until-idle", "--for", "60", "--json")
    # What this account did elsewhere on this chain, its worker may still collect: only a bid would be wrong.
    idle = provider.run(*work)
    assert idle.code == 0 and idle.value["bids"] == 0 and buyer.do("job", "bids", job)["bids"] == [], idle
    assert "is licensed" in idle.err and f"mlm buy {MODEL}" in idle.err

    order = provider.do("buy", MODEL, "--max-price", "3")["order"]
    publisher.do("licence", "deliver", MODEL)
    provider.do("licence", "settle", f"order/{order}")
    money = provider.money
    provider.do("bid", job, "--stake")
    provider.do("lease", "accept", job)
    done = provider.do("lease", "fulfil", job)
    assert done["outputs"] == provider.do("run", MODEL, "digit.npy")["outputs"]
    market.advance("601s")
    assert provider.do("job", "settle", job)["state"] == "accepted"
    assert buyer.do("job", "result", job)["outputs"] == done["outputs"]
    credits = buyer.do("job", "show", job)["credits"]
    paid = sum(int(credit["amount"]) for credit in credits if credit["reason"] == "payment")
    assert provider.money == money + paid and paid > 4 * TOKEN

    sale = publisher.do("sale", "start", MODEL, "--auction", "fixed", "--reserve", "7", "--hours", "1")["sale"]
    assert buyer.do("sale", "buy", sale, "--price", "7")["state"] == "delivered"
    assert f"mlm licence request {MODEL}" in buyer.refused(12, "run", MODEL, "digit.npy")["hint"]
    asked = buyer.do("licence", "request", MODEL)
    assert not asked["answered"] and asked["licence"] == "" and asked["next"].startswith("its former owner")
    (given,) = publisher.do("licence", "deliver")["delivered"]
    assert (given["account"].lower(), given["why"]) == (buyer.do("whoami")["address"].lower(), "request")
    assert publisher.do("licence", "deliver")["delivered"] == []
    assert buyer.do("licence", "request", MODEL)["answered"]
    assert buyer.do("run", MODEL, "digit.npy")["outputs"] == done["outputs"]
    # It sells licences of the version that another has sealed.
    buyer.do("licence", "offer", MODEL, "--price", "4", "--delivery", "600")
    order = third.do("buy", MODEL, "--max-price", "4")["order"]
    assert publisher.do("licence", "deliver")["delivered"] == []
    assert buyer.do("licence", "deliver")["keys"] == 1
    assert third.do("licence", "settle", f"order/{order}")["state"] == "settled"


def test_a_buyer_is_sold_no_other_key_than_it_asked_for(market: Market, buyer: Person, tmp_path: Path) -> None:
    """An offer may hand over no key, or an older version's: what was asked for is not paid for then."""
    project = somebody(market, "model-provider", tmp_path / "odd")
    scene = licensed.publish(market, project, "odd")
    money = buyer.money
    scene.offered("--delivery", "0")
    error = buyer.refused(12, "buy", scene.asset, "--wait")
    assert "hands over no key" in error["message"] and "--licence" in error["hint"]
    scene.offered("--delivery", "0", "--stock", "0")
    scene.offered("--delivery", "60")
    (project.folder / "mlm.toml").write_text(licensed.TOML.format(name="odd", version="1.1.0"))
    project.do("add", "mlm.toml")
    project.do("commit", "-m", "1.1.0")
    project.do("publish", "--handle", "alice")
    error = buyer.refused(12, "buy", f"{scene.asset}@1.1.0")
    assert "1.0.0" in error["message"] and f"mlm licence request {scene.asset}@1.1.0" in error["hint"]
    assert buyer.money == money
    assert buyer.do("buy", f"{scene.asset}@1.0.0")["state"] == "ordered"
