"""The requirements of one job, on the way to its posting and before a bid on it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from mlm.core import requirements_text
from mlm.core.errors import NotFound, StateConflict
from mlm.core.plan import Tx
from mlm.core.requirements import NONE, Finding, Requirements, encode, requirements_hash
from mlm.ports.bundle import Ports
from mlm.workflows import lookup, requirements

NOBODY = Requirements()  # asks for nothing


def asked(ports: Ports, rules: Iterable[str], file: Path | None) -> Requirements:
    """The requirements of `--require` and `--require-file`, together. Raises UsageError, NotFound, InvalidData."""
    found = list(rules)
    if file is not None:
        found += requirements_text.parse_file(ports.files.read(file, requirements_text.MAX_FILE), str(file))
    return requirements_text.parse(found)


def named(wanted: Requirements) -> str:
    """The hash by which a request names requirements; NONE for those that ask for nothing."""
    return NONE if wanted == NOBODY else "0x" + requirements_hash(wanted).hex()


def publishing(ports: Ports, wanted: Requirements) -> tuple[Tx, ...]:
    """The step that publishes requirements, or none where the chain knows them already, or nothing is asked for."""
    return () if wanted == NOBODY else requirements.publication(ports, wanted)


def of(ports: Ports, job: lookup.Job) -> Requirements:
    """What a job asks of its provider. Raises NotFound when nobody has published it."""
    return requirements.of_job(ports, job) or NOBODY


def words(ports: Ports, job: lookup.Job) -> tuple[str, ...]:
    """A job's requirements as they are written behind --require; none where anybody may bid."""
    try:
        return requirements_text.spell(of(ports, job))
    except NotFound:
        return (f"{job.terms.request.requirements} (not published: nobody can bid)",)


def need_met(ports: Ports, job: lookup.Job) -> bytes:
    """The encoded requirements of a job, which this account meets: what its bid carries; b"" where it names none.

    Raises StateConflict that says clause by clause what the account lacks, NotFound.
    """
    wanted = requirements.of_job(ports, job)
    if wanted is None:
        return b""
    lacking = [each for each in requirements.match(ports, ports.sender.address, wanted) if not each.met]
    if lacking:
        raise StateConflict(
            f"{ports.sender.address} does not meet the requirements of job {job.short}: "
            + "; ".join(map(_lack, lacking)),
            hint=f"`mlm provider match job/{job.short}` checks each; `mlm provider declare` says what you have.",
        )
    return encode(wanted)


def _lack(found: Finding) -> str:
    expected, actual = found.expected, found.actual
    if found.what == "reputation":
        expected, actual = requirements_text.points(found.code)
    return f"{found.what}: expected {expected}, found {actual}"
