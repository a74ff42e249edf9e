"""A licensed asset for tests: published by its owner, offered, ordered, and delivered by hand."""

from __future__ import annotations

from dataclasses import dataclass

from mlm.adapters.wallet import devnet as accounts
from tests.command_line import HANDLE, Market, Person

TOML = (
    '[asset]\nname = "{name}"\nversion = "{version}"\nkind = "dataset"\nlicence = "MIT"\n[access]\nmode = "licensed"\n'
)


@dataclass(frozen=True)
class Licensing:
    """An asset of `owner`, of which `buyer` buys licences."""

    asset: str
    owner: Person
    buyer: Person

    def offered(self, *options: str) -> str:
        """A class of licences that is offered; the same options are the same class."""
        return str(self.owner.do("licence", "offer", self.asset, "--price", "2", *options)["licence"])

    def ordered(self, *options: str) -> str:
        """A new order of one whose key takes a minute at most."""
        buy = ("buy", self.asset, "--licence", self.offered("--delivery", "60", *options))
        found = self.buyer.do(*buy)
        if found["state"] != "ordered":  # another example's: an order that is open is gone on with
            ways = ("refund",) if found["state"] == "overdue" else ("settle", "complain")  # its key may be wrong
            assert any(self.buyer.run("licence", way, found["order"]).code == 0 for way in ways), found
            found = self.buyer.do(*buy)
        return str(found["order"])

    def held(self, *options: str) -> str:
        """A licence without a key that the buyer has bought."""
        licence = self.offered("--delivery", "0", "--resale-bps", "1", *options)  # another class than `ordered`'s
        return str(self.buyer.do("buy", self.asset, "--licence", licence)["licence"])


def publish(market: Market, project: Person, name: str, version: str = "1.0.0") -> Licensing:
    """Publish what the project's folder holds as alice/NAME, sealed."""
    (project.folder / "data.txt").write_text("1, 2\n")
    (project.folder / "mlm.toml").write_text(TOML.format(name=name, version=version))
    project.do("init", ".")
    project.do("add", "mlm.toml", "data.txt")
    project.do("commit", "-m", version)
    project.do("publish", "--handle", HANDLE)
    return Licensing(f"{HANDLE}/{name}", project, market.consumer)


def address(person: Person) -> str:
    """Of a devnet account."""
    return accounts.address(person.account)
