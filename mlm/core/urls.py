"""URLs of JSON-RPC endpoints and servers. Path, query and user often hold a key: nothing here ever quotes them."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from mlm.core.errors import UsageError

_WANTED = "expected an http(s) URL with a host"
_ESCAPE = (
    "In a user, password or path write a blank as %20, @ as %40, / as %2F, ? as %3F and # as %23; a host as xn--…."
)
_TEXT = re.compile(r"[!-~]*")
_HOST = re.compile(r"[0-9a-z:.%_-]+")
_NAT64, _UNICAST = ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("2000::/3")


@dataclass(frozen=True)
class Url:
    """What a connection needs. `target` is path and query as HTTP wants them, `user` is user:password."""

    secure: bool
    host: str
    port: int
    target: str
    user: str | None
    shown: str  # scheme, host and, where the URL has one, the port: all that is ever shown
    private: bool  # there is more to it, which may be a key


def parse(url: str) -> Url:
    """Raises UsageError, also for what only a connection would find to be wrong."""
    if not _TEXT.fullmatch(url):
        raise UsageError(f"{_WANTED}, found a blank or another character that no URL has", hint=_ESCAPE)
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        host.encode("idna")
    except ValueError:  # whose own words quote the user and the password
        raise UsageError(f"{_WANTED}, found one whose host or port cannot be read", hint=_ESCAPE) from None
    if parts.scheme not in ("http", "https") or not host:
        raise UsageError(f"{_WANTED}, found {repr(parts.scheme) if host else 'none'}")
    rest = f"{parts.path}?{parts.query}#{parts.fragment}"
    if not _HOST.fullmatch(host) or port == 0 or "@" in rest:
        raise UsageError(f"{_WANTED}, found one whose host or port is in doubt", hint=_ESCAPE)
    secure = parts.scheme == "https"
    user = None if parts.username is None else f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    name = f"[{host}]" if ":" in host else host
    return Url(
        secure,
        host,
        port or (443 if secure else 80),
        (parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
        user,
        f"{parts.scheme}://{name}" + (f":{port}" if port else ""),
        user is not None or rest not in ("?#", "/?#"),
    )


def bare(url: str) -> str:
    """Scheme, host and port of a URL; empty for what is none."""
    try:
        return parse(url).shown
    except UsageError:
        return ""


def is_private(url: str) -> bool:
    """Whether a URL may hold a key: it has a path, a query, a fragment or a user, or cannot be read."""
    try:
        return parse(url).private
    except UsageError:
        return True


def is_public(address: str) -> bool:
    """Whether an IP address, as a resolver gives it, is one of the public internet.

    Loopback, private, link-local, shared, reserved, multicast and documentation's are not, nor is one of IPv6 that is
    no global unicast, or stands for an IPv4 address that is none of these (IPv4-mapped, 6to4, NAT64).
    Source: IANA's special-purpose address registries.
    """
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour
        if inner is None and found in _NAT64:
            inner = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
        return found.is_global and found in _UNICAST
    return found.is_global and not found.is_multicast
