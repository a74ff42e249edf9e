"""What can be for sale: an asset, or units of a licence; from the name a user gave, and back to a name."""

from __future__ import annotations

from dataclasses import dataclass

from mlm.core.auctions.sale import NEVER
from mlm.core.errors import StateConflict, UsageError
from mlm.ports.bundle import Ports
from mlm.workflows import licence_show, lookup


@dataclass(frozen=True)
class Lot:
    """A token of a contract of ours; `licence` is its id where it is a licence."""

    contract: str
    token_id: int
    asset: str
    licence: str | None
    expires_at: int = NEVER


def find(ports: Ports, text: str) -> Lot:
    """handle/name and its like, or licence/ID. Raises UsageError, NotFound."""
    if not text.startswith("licence/"):
        version = lookup.version(ports, text)
        return Lot("AssetRegistry", version.token_id, f"{version.asset.handle}/{version.asset.name}", None)
    licence = licence_show.find(ports, text)
    asset, _ = name_of(ports, ports.chain.address_of("LicenceToken"), licence)
    expires_at = ports.chain.call("LicenceToken", "expiryOf", licence)
    return Lot("LicenceToken", licence, asset, f"0x{licence:064x}", expires_at)


def name_of(ports: Ports, collection: str, token_id: int) -> tuple[str, str | None]:
    """An asset's name, with the licence's id where the token is one of it; ("", None) for another's collection."""
    names = {ports.chain.address_of(name).lower(): name for name in ("AssetRegistry", "LicenceToken")}
    match names.get(collection.lower()):
        case "AssetRegistry":
            return _asset(ports, token_id), None
        case "LicenceToken":
            terms = ports.chain.call("LicenceToken", "termsOf", token_id)
            return _asset(ports, terms[0]), f"0x{token_id:064x}"
        case _:
            return "", None


def describe(asset: str, licence: str | None, units: int) -> str:
    """A lot as messages have it."""
    return asset if licence is None else f"{units} of licence {licence[:10]} of {asset}"


def need_held(ports: Ports, lot: Lot, units: int) -> None:
    """The account owns the asset, or so many units of the licence. Raises StateConflict, UsageError."""
    account = ports.sender.address
    if lot.licence is None:
        if units:
            raise UsageError("--units: an asset is sold whole; units are of a licence", hint="Leave --units out.")
        owner = ports.chain.call("AssetRegistry", "ownerOf", lot.token_id)
        if owner.lower() != account.lower():
            raise StateConflict(
                f"{lot.asset} belongs to {owner}, expected {account}",
                hint="Check `mlm whoami` and `mlm sale list --open`.",
            )
        return
    if units < 1:
        raise UsageError(f"--units: expected how many units of the licence are for sale, found {units}")
    held = ports.chain.call("LicenceToken", "balanceOf", account, lot.token_id)
    if held < units:
        raise StateConflict(
            f"{account} holds {held} units of licence {lot.licence[:10]}, expected at least {units}",
            hint="Check `mlm whoami` and `mlm licence list`.",
        )
    terms = ports.chain.call("LicenceToken", "termsOf", lot.token_id)
    if not terms[3]:
        raise StateConflict(f"licence {lot.licence[:10]} is not transferable: it cannot be sold")


def _asset(ports: Ports, token_id: int) -> str:
    """By the index, which names what the contract decides."""
    row = next(iter(ports.state.query("versions", token_id=token_id)), None)
    return f"{row['handle']}/{row['name']}" if row else ""
