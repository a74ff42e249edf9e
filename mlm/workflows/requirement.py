"""A job's requirements: published once, found by their hash, and held against an account before it bids."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from mlm.core import requirements_text
from mlm.core.digest import keccak256
from mlm.core.errors import NotFound, Reverted, StateConflict
from mlm.core.plan import Call, Tx
from mlm.core.requirements import NONE, Requirements, decode, encode
from mlm.ports.bundle import Ports

NOBODY = Requirements()  # asks for nothing


def asked(ports: Ports, rules: Iterable[str], file: Path | None) -> Requirements:
    """The requirements of `--require` and `--require-file`, together. Raises UsageError, NotFound, InvalidData."""
    found = list(rules)
    if file is not None:
        found += requirements_text.parse_file(ports.files.read(file, requirements_text.MAX_FILE), str(file))
    return requirements_text.parse(found)


def named(wanted: Requirements) -> str:
    """The hash by which a request names requirements; NONE for those that ask for nothing."""
    return NONE if wanted == NOBODY else "0x" + keccak256(encode(wanted)).hex()


def publishing(ports: Ports, wanted: Requirements) -> tuple[Tx, ...]:
    """The step that publishes requirements, or none where the chain knows them already."""
    name = named(wanted)
    if name == NONE or ports.chain.call("Providers", "publishedAt", bytes.fromhex(name[2:])):
        return ()
    return (Tx("publish the requirements", Call("Providers", "publishRequirements", (encode(wanted),))),)


def preimage(ports: Ports, name: str) -> bytes:
    """The encoded requirements behind a hash, b"" for NONE. Raises NotFound when nobody has published them."""
    if name == NONE:
        return b""
    for row in ports.state.query("events", contract="Providers", name="RequirementsPublished", limit=100_000):
        found = bytes.fromhex(row["args"]["requirements"][2:])
        if row["args"]["hash"] == name and "0x" + keccak256(found).hex() == name:
            return found
    raise NotFound(
        f"nobody has published the requirements {name[:10]}… of this job, so nobody can bid on it",
        hint="Its consumer can: `mlm job cancel`, then `mlm job post` with the same --require.",
    )


def words(ports: Ports, name: str) -> tuple[str, ...]:
    """Requirements as they are written behind --require; none for NONE."""
    if name == NONE:
        return ()
    try:
        return requirements_text.spell(decode(preimage(ports, name)))
    except NotFound:
        return (f"{name} (not published)",)


def need_met(ports: Ports, name: str) -> bytes:
    """The encoded requirements, which this account meets; raises StateConflict with what it lacks, NotFound."""
    wanted = preimage(ports, name)
    if not wanted:
        return wanted
    try:
        ports.chain.call("Providers", "requireQualified", ports.sender.address, wanted)
    except Reverted as error:
        if error.name != "NotQualified":
            raise
        asks = "; ".join(requirements_text.spell(decode(wanted)))
        raise StateConflict(
            f"{ports.sender.address} does not meet the job's requirements, {asks}: it lacks {error.values['what']}",
            hint="`mlm provider declare NAME=VALUE` says what you have; `mlm job show` lists what the job asks for.",
        ) from error
    return wanted
