"""How users name things: assets, jobs, CIDs and links, parsed once and typed."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mlm.core.cid import Cid
from mlm.core.errors import InvalidData, UsageError

HANDLE = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,37}[a-z0-9])?")
NAME = re.compile(r"[a-z0-9._-]{1,64}")
SEMVER = re.compile(
    r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?"
)
ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
_HEX = re.compile(r"(?:0x)?[0-9a-fA-F]{4,64}")


@dataclass(frozen=True)
class AssetRef:
    """handle/name[@version]."""

    handle: str
    name: str
    version: str | None = None

    def __str__(self) -> str:
        return f"{self.handle}/{self.name}" + (f"@{self.version}" if self.version else "")


@dataclass(frozen=True)
class TokenRef:
    """asset/ID: an ERC-721 token id, as 0x-hex or a unique prefix of it."""

    token: str


@dataclass(frozen=True)
class JobRef:
    """job/ID: a job id, or a unique prefix of it, as 0x-hex."""

    prefix: str


@dataclass(frozen=True)
class SaleRef:
    """sale/ID: a sale's id, or a unique prefix of it, as 0x-hex."""

    prefix: str


@dataclass(frozen=True)
class LicenceRef:
    """licence/ID: the id of a licence (an ERC-1155 id), or a unique prefix of it, as 0x-hex."""

    prefix: str


@dataclass(frozen=True)
class ChannelRef:
    """channel/ID: a payment channel's id, or a unique prefix of it, as 0x-hex."""

    prefix: str


@dataclass(frozen=True)
class Link:
    """mlm://CHAIN-ID/handle/name@version."""

    chain_id: int
    asset: AssetRef


Target = AssetRef | TokenRef | JobRef | SaleRef | Cid | Link


def address(text: str) -> str:
    """An account's address in lower case; raises UsageError."""
    if not ADDRESS.fullmatch(text):
        raise UsageError(
            f"expected an address of 40 hex digits behind 0x, found {text!r}", hint="`mlm wallet list` shows yours."
        )
    return text.lower()


def _id(kind: str, text: str, hint: str) -> str:
    """`KIND/0xabc…`, `0xabc…` or bare hex, as small 0x-hex; raises UsageError."""
    found = text.removeprefix(f"{kind}/")
    if not _HEX.fullmatch(found):
        article = "an" if kind[0] in "aeiou" else "a"
        raise UsageError(
            f"expected {article} {kind} such as {kind}/0x12ab…, at least 4 digits of it, found {text[:80]!r}", hint=hint
        )
    return "0x" + found.lower().removeprefix("0x")


def parse_job(text: str) -> JobRef:
    """`job/0xabc…`, `0xabc…` or bare hex; raises UsageError."""
    return JobRef(_id("job", text, "`mlm job list` shows the jobs."))


def parse_sale(text: str) -> SaleRef:
    """`sale/0xabc…`, `0xabc…` or bare hex; raises UsageError."""
    return SaleRef(_id("sale", text, "`mlm sale list` shows the sales; an asset's name stands for its newest."))


def parse_licence(text: str) -> LicenceRef:
    """`licence/0xabc…`, `0xabc…` or bare hex; raises UsageError."""
    return LicenceRef(_id("licence", text, "`mlm licence list` shows yours."))


def parse_order(text: str) -> str:
    """`order/0xabc…`, `0xabc…` or bare hex, as 0x-hex; raises UsageError."""
    return _id("order", text, "`mlm licence list --orders` shows yours.")


def parse_channel(text: str) -> ChannelRef:
    """`channel/0xabc…`, `0xabc…` or bare hex; raises UsageError."""
    return ChannelRef(_id("channel", text, "`mlm channel list` shows the channels."))


def parse_accusation(text: str) -> str:
    """`accusation/0xabc…`, `0xabc…` or bare hex, as 0x-hex; raises UsageError."""
    return _id("accusation", text, "`mlm accuse list` shows the accusations.")


def parse_asset(text: str) -> AssetRef:
    """`handle/name[@version]`; raises UsageError."""
    path, at, version = text.partition("@")
    handle, slash, name = path.partition("/")
    if not (slash and HANDLE.fullmatch(handle) and NAME.fullmatch(name)):
        raise UsageError(f"expected an asset such as alice/digits@1.0.0, found {text!r}")
    if at and not SEMVER.fullmatch(version):
        raise UsageError(f"expected a SemVer version after @, found {version!r}")
    return AssetRef(handle, name, version or None)


def parse_target(text: str) -> Target:
    """Anything that is not a path; raises UsageError naming what can be given."""
    if text.startswith("mlm://"):
        chain, _, rest = text.removeprefix("mlm://").partition("/")
        if not chain.isdecimal():
            raise UsageError(f"expected mlm://CHAIN-ID/handle/name@version, found {text!r}")
        return Link(int(chain), parse_asset(rest))
    if text.startswith("job/") or (text.startswith("0x") and "/" not in text):
        return parse_job(text)
    if text.startswith("sale/"):
        return parse_sale(text)
    if text.startswith("asset/"):
        token = text.removeprefix("asset/")
        if not _HEX.fullmatch(token):
            raise UsageError(f"expected asset/0x…, found {text!r}")
        return TokenRef("0x" + token.lower().removeprefix("0x"))
    if "/" in text:
        return parse_asset(text)
    try:
        return Cid.parse(text)
    except InvalidData as error:
        raise UsageError(
            f"expected a path, job/ID, handle/name[@version], asset/ID, CID or mlm:// link, found {text!r}"
        ) from error
