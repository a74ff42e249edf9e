"""What a licence lets its holder do with an asset here: a unit of a per-use licence is used up by each use.

A key opens what it opens, whoever holds it (docs/licences.md): mlm's own commands ask for the right to, and say what
is missing. Commands that check what was published use nothing, and are not asked.
"""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from mlm.core.digest import keccak256
from mlm.core.errors import NotLicensed, NotRedeemed
from mlm.core.licensing import FILES, LicenceKind, LicenceTerms, use_purpose
from mlm.core.manifest import Manifest
from mlm.ports.bundle import Ports
from mlm.workflows import announce, licence, licence_show, source
from mlm.workflows.entitlement import LASTING, entitled, holdings
from mlm.workflows.lookup import Version
from mlm.workflows.once import resumed

LICENSED = "licensed"


def files(ports: Ports, version: Version, manifest: Manifest, *, redeem: bool = False) -> None:
    """The use of who has a version's files written out, once for each version. Raises as `need`."""
    need(ports, version, manifest, FILES, "to have its files", redeem=redeem)


def run(ports: Ports, version: Version, manifest: Manifest, input: Path, *, redeem: bool = False) -> None:
    """The use of who runs or proves a version on a file, once for each file's content. Raises as `need`."""
    if manifest.access == LICENSED:
        digest = sha256(ports.files.read(input, source.MAX_INPUT_BYTES)).digest()
        what = keccak256(b"mlm/use/run/1" + digest)
        need(ports, version, manifest, what, f"a run on {input}", redeem=redeem)


def need(ports: Ports, version: Version, manifest: Manifest, what: bytes, told: str, *, redeem: bool = False) -> None:
    """What this account needs for one use of a version; an open one needs nothing.

    1. It owns the asset, or holds a licence for a period or an unlimited one.
    2. Or it has used up a unit of a per-use licence of the asset for this very use, whenever that was.
    3. Or it uses one up now, with `redeem`; killed in between, the same goes on with what was sent.
    By the chain's head. `what` is the digest of the use, `told` names it. Raises NotRedeemed where a unit is held that
    can be used up, NotLicensed where none is.
    """
    if manifest.access != LICENSED:
        return
    # (1)
    account, asset = ports.signer.address, version.asset
    if entitled(ports, version.token_id, account, kinds=LASTING, firm=False):
        return
    # (2)
    purpose = use_purpose(announce.own(ports).secret, bytes.fromhex(version.version_id[2:]), what)
    for row in ports.state.query("licence_uses", account=account, purpose="0x" + purpose.hex()):
        terms = LicenceTerms.of(ports.chain.call("LicenceToken", "termsOf", int(row["licence_id"], 16)))
        if terms.token_id == version.token_id:
            return
    for held in holdings(ports, account, version.token_id, synced=True):
        if held.valid and held.terms.kind is LicenceKind.PER_USE:
            # (3)
            spelt, named = licence_show.spelt(held.licence_id), "0x" + purpose.hex()
            if redeem:
                return resumed(ports, licence.REDEEM, licence.Redeem(spelt, named))
            raise NotRedeemed(
                f"{asset} is licensed per use: {account} holds units of {spelt[:18]}, and has used up none for this, "
                f"{told}",
                spelt,
                named,
            )
    raise lacking(version, account, "")


def lasting(ports: Ports, version: Version, manifest: Manifest, doing: str) -> None:
    """What this account needs to use a version for others, as often as they ask. Raises NotLicensed."""
    if manifest.access == LICENSED:
        account = ports.signer.address
        if not entitled(ports, version.token_id, account, kinds=LASTING, firm=False):
            raise lacking(version, account, doing)


def lacking(version: Version, account: str, doing: str) -> NotLicensed:
    """The error of an account without the licence that it needs; `doing` what others have it do, if they do."""
    lets = f" that lets it {doing}, for a period or unlimited," if doing else ""
    name = f"{version.asset.handle}/{version.asset.name}"
    return NotLicensed(
        f"{version.asset} is licensed, and {account} holds no licence of it{lets} that is valid now",
        hint=f"`mlm licence list {name}` shows what is offered and held, `mlm buy {name}` buys one; an order whose key "
        "has come gives it once it is settled.",
    )
