"""Requirements of jobs: where they are written, where they are found, and whether a provider meets them.

Their bytes are published once (`Providers.publishRequirements`), so that a job only names their hash and every bidder
finds them in chain data alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from mlm.core import requirements_text
from mlm.core.attributes import parse_value
from mlm.core.digest import keccak256
from mlm.core.errors import InvalidData, NotFound, StateConflict, UsageError
from mlm.core.plan import Call, Tx
from mlm.core.requirements import (
    NONE,
    Attested,
    Finding,
    Requirements,
    Standing,
    decode,
    encode,
    findings,
    qualifies,
    requirements_hash,
)
from mlm.ports.bundle import Ports
from mlm.workflows import lookup
from mlm.workflows.sync import sync


def read(ports: Ports, texts: Iterable[str]) -> Requirements:
    """Requirements from rules and from TOML files (a text that ends in .toml). Raises UsageError, InvalidData."""
    rules: list[str] = []
    for text in texts:
        if text.endswith(".toml"):
            data = ports.files.read(Path(text), requirements_text.MAX_FILE)
            rules += requirements_text.parse_file(data, text)
        else:
            rules.append(text)
    return requirements_text.parse(rules)


def publication(ports: Ports, wanted: Requirements) -> tuple[Tx, ...]:
    """The transaction that makes requirements known; none where they are already."""
    if ports.chain.call("Providers", "publishedAt", requirements_hash(wanted)):
        return ()
    rules = "; ".join(requirements_text.spell(wanted)) or "none"
    return (Tx(f"publish the requirements {rules}", Call("Providers", "publishRequirements", (encode(wanted),))),)


def known(ports: Ports, digest: str) -> Requirements | None:
    """The published requirements of a hash (0x, 32 bytes), from the index; None where nobody has published them."""
    for row in ports.state.query("requirements", hash=digest):
        data = bytes.fromhex(row["requirements"][2:])
        if keccak256(data) == bytes.fromhex(digest[2:]):  # the index may be somebody else's
            return decode(data)
    return None


def of_job(ports: Ports, job: lookup.Job) -> Requirements | None:
    """What a job asks of its provider; None where anybody may bid. Raises NotFound where it is not published."""
    digest = job.terms.request.requirements
    if digest == NONE:
        return None
    found = known(ports, digest)
    if found is None:
        raise NotFound(
            f"nobody has published the requirements {digest} of job {job.job_id[:10]}",
            hint="No bid on it is taken until they are. The consumer who posted it knows them.",
        )
    return found


def standing(provider: str, rows: Iterable[Mapping[str, Any]], *, points: int, now: int) -> Standing:
    """What the rule looks at: a provider's rows of the index, its points, and the chain's clock."""
    declared, attested = set(), []
    for row in rows:
        value = parse_value(row["value"])
        if row["auditor"] is None:
            declared.add((row["name"], value))
        else:
            attested.append(Attested(row["auditor"], row["name"], value, row["expires_at"]))
    return Standing(provider.lower(), frozenset(declared), tuple(attested), points, now)


def _standing(ports: Ports, provider: str, wanted: Requirements) -> Standing:
    points = ports.chain.call("Providers", "pointsOf", provider) if wanted.reputation else 0
    rows = ports.state.query("attributes", provider=provider)
    return standing(provider, rows, points=points, now=ports.chain.block().timestamp)


def suits(ports: Ports, account: str) -> Callable[[str | None], bool]:
    """Whether `account` meets the published requirements of a hash, from a synced index; each is looked at once.

    The contract is asked where the index says yes. Nobody meets what was never published, or is no requirements:
    among a thousand jobs one that is odd must not hide the others.
    """

    @cache
    def met(digest: str | None) -> bool:
        if digest is None or digest == NONE:
            return True
        try:
            wanted = known(ports, digest)
        except InvalidData:
            return False
        if wanted is None or not qualifies(wanted, _standing(ports, account, wanted)):
            return False
        return bool(ports.chain.call("Providers", "qualifies", account, encode(wanted)))

    return met


def match(ports: Ports, provider: str, wanted: Requirements) -> tuple[Finding, ...]:
    """Each rule and whether a provider meets it now, from a synced index; the contract must say the same.

    Raises StateConflict when it does not.
    """
    sync(ports)
    found = findings(wanted, _standing(ports, provider, wanted))
    if ports.chain.call("Providers", "publishedAt", requirements_hash(wanted)):
        meets = all(each.met for each in found)
        if ports.chain.call("Providers", "qualifies", provider, encode(wanted)) != meets:
            raise StateConflict(
                f"the local index says otherwise of {provider} than the chain",
                hint="Run `mlm provider match` again; if it stays so, `mlm sync --rebuild`.",
            )
    return found


def asked(ports: Ports, target: str) -> Requirements | None:
    """What TARGET asks for: rules, a .toml file, the hash of published requirements, or a job. None: nothing."""
    if "=" in target or target.endswith(".toml"):
        return read(ports, (target,))
    sync(ports)
    if len(target) == 66 and target.startswith("0x") and (found := known(ports, target.lower())) is not None:
        return found
    try:
        return of_job(ports, lookup.job(ports, target))
    except UsageError as error:
        error.hint = error.hint or requirements_text.EXAMPLE
        raise
