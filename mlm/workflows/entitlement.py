"""Who may use an asset: its owner, and whoever holds a licence that is valid now. Gateways and servers ask the same.

The index finds what an account has ever held; the contract decides. What a reorganisation could still undo entitles
nobody: the newest change of a holding stands as deep as chain.finality asks.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from mlm.core.clock import Instant
from mlm.core.job import FINALITY
from mlm.core.licensing import LicenceKind, LicenceTerms, split_id
from mlm.ports.bundle import Ports
from mlm.workflows.sync import sync

MAX_KNOWN = 10_000  # accounts whose standing is kept at once
ALL = frozenset(LicenceKind)
LASTING = frozenset({LicenceKind.PERIOD, LicenceKind.UNLIMITED})  # that no use uses up


@dataclass(frozen=True)
class Entitlement:
    """Why an account may use an asset. `licence_id` is 0 and `kind` None for its owner, who needs none.

    `units` are what is held of the licence; of one that was revoked 0, and it holds until its notice is over.
    """

    token_id: int
    account: str
    licence_id: int
    kind: LicenceKind | None
    expires_at: Instant
    units: int


@dataclass(frozen=True)
class Holding:
    """What an account has of one licence, and whether it entitles it now."""

    licence_id: int
    token_id: int
    account: str
    terms: LicenceTerms
    units: int
    valid: bool
    firm: bool  # as deep as chain.finality asks

    @property
    def expires_at(self) -> int:
        """Seconds since 1970."""
        return split_id(self.licence_id)[1]


def entitled(
    ports: Ports, token_id: int, account: str, *, kinds: Collection[LicenceKind] = ALL, firm: bool = True
) -> Entitlement | None:
    """What entitles an account to use an asset at this moment, the longest-lived first; None: nothing does.

    Licences of `kinds` count, and the asset's own token. `firm` False: also what a reorganisation could undo, for who
    asks about its own account; whoever lets others in asks for firm ones. Raises ChainError.
    """
    owner: str = ports.chain.call("AssetRegistry", "ownerOf", token_id)
    if owner.lower() == account.lower():
        return Entitlement(token_id, account, 0, None, Instant(0), 0)
    best: Entitlement | None = None
    for held in holdings(ports, account, token_id):
        if not held.valid or held.terms.kind not in kinds or (firm and not held.firm):
            continue
        if best is not None and held.expires_at <= best.expires_at:
            continue
        until = Instant(held.expires_at)
        best = Entitlement(token_id, account, held.licence_id, held.terms.kind, until, held.units)
    return best


class Standing:
    """Who is entitled, asked of the chain once for each of its heads. For one thread, with ports of its own.

    `kinds` and `firm` as `entitled` takes them.
    """

    def __init__(self, ports: Ports, *, kinds: Collection[LicenceKind] = ALL, firm: bool = True) -> None:
        self._ports, self._kinds, self._firm = ports, kinds, firm
        self._head = ""
        self._known: dict[tuple[int, str], Entitlement | None] = {}

    def entitled(self, token_id: int, account: str) -> bool:
        """Whether the account may use the asset now, by the chain's head and by the clock. Raises ChainError."""
        head = self._ports.chain.block()
        if head.hash != self._head or len(self._known) >= MAX_KNOWN:
            self._head, self._known = head.hash, {}
        if (token_id, account) not in self._known:
            found = entitled(self._ports, token_id, account, kinds=self._kinds, firm=self._firm)
            self._known[token_id, account] = found
        found = self._known[token_id, account]
        now = max(head.timestamp, self._ports.system.now())
        return found is not None and (found.kind is None or now < found.expires_at)


def holdings(ports: Ports, account: str, token_id: int | None = None, *, synced: bool = False) -> list[Holding]:
    """What an account has, or had until it was revoked, of an asset's licences, or of all; the contract's own words."""
    if not synced:
        sync(ports)
    classes = {row["class_id"]: int(row["token_id"], 16) for row in _classes(ports, token_id)}
    # Class by class: whoever sends an account thousands of other licences must not hide those that it bought.
    rows = []
    for one in [None] if token_id is None else list(classes):
        rows += ports.state.query("licence_holdings", class_id=one, account=account, limit=1000)
    found = []
    for row in rows:
        if row["class_id"] not in classes:
            continue
        number = int(row["licence_id"], 16)
        units = ports.chain.call("LicenceToken", "balanceOf", account, number)
        valid = ports.chain.call("LicenceToken", "entitles", number, account)
        if not units and not valid:
            continue
        terms = LicenceTerms.of(ports.chain.call("LicenceToken", "termsOf", number))
        firm = FINALITY.index(row["finality"]) >= FINALITY.index(ports.chain.depth)
        found.append(Holding(number, classes[row["class_id"]], account, terms, units, valid, firm))
    return found


def _classes(ports: Ports, token_id: int | None) -> list[dict[str, str]]:
    return [dict(row) for row in ports.state.query("licence_classes", token_id=token_id, limit=10_000)]
