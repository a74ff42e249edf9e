"""What there is to hold against attesters: what they signed, on the chain or in files, and the quote that it is about.

All of it is about one quote: its bytes say which of it is false.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path

from mlm.core.attest_request import MAX_ANSWER, Signed
from mlm.core.attesting import MAX_ATTESTERS, Attestation
from mlm.core.enclosed import MAX_BYTES, SUFFIX, EnclosedFile
from mlm.core.errors import InvalidData, NotFound, StateConflict, UsageError
from mlm.core.job import Tier
from mlm.core.reporting import Statement
from mlm.core.tee_files import MAX_EVIDENCE
from mlm.ports.bundle import Ports
from mlm.workflows import attest_gather, lookup, sessions
from mlm.workflows.attest_gather import VERIFIER
from mlm.workflows.quote_faults import fault_of
from mlm.workflows.sync import sync
from mlm.workflows.tiers.tee import handed


@dataclass(frozen=True)
class Evidence:
    """What was signed about one quote. `quote` is None where its bytes are not here, and `missing` says why."""

    statements: tuple[Statement, ...]
    quote: bytes | None = field(repr=False)
    missing: str = ""
    job: lookup.Job | None = None


def gather(ports: Ports, job_name: str, files: Sequence[Path], quote_file: Path | None) -> Evidence:
    """All that is known of what attesters signed about a quote, judged by the contract's own views.

    The quote is that of a job's result, or of the attestations in `files`; what the chain has about it comes along.
    Raises UsageError, NotFound, InvalidData, StateConflict for a job without a result.
    """
    if not job_name and not files:
        raise UsageError(
            "expected a job, or attestations in files, found neither", hint="`mlm attester report --help` shows both."
        )
    if len(files) > MAX_ATTESTERS:
        raise UsageError(f"expected at most {MAX_ATTESTERS} attestations in files, found {len(files)}")
    signed = [_answer(ports, path) for path in files]
    job = lookup.settled_job(ports, job_name) if job_name else None
    if job is None:
        sync(ports)
    else:
        signed = [*_of_result(ports, job), *signed]
    digests = {attestation.quote for attestation, _ in signed}
    if len(digests) > 1:
        raise UsageError(
            f"expected attestations of one quote, found of {len(digests)}: {', '.join(each.hex() for each in digests)}",
            hint="Two attestations convict each other when they are of the same quote.",
        )
    (digest,) = digests
    quote, missing = _quote(ports, job, digest, quote_file)
    statements = _statements(ports, [*signed, *_on_chain(ports, quote="0x" + digest.hex())])
    return Evidence(tuple(_judged(ports, each, quote, job) for each in statements), quote, missing, job)


def _answer(ports: Ports, path: Path) -> tuple[Attestation, bytes]:
    """What an attester answered, as it stands in a file."""
    try:
        told = Signed.from_json(ports.files.read(path, MAX_ANSWER))
    except InvalidData as error:
        raise InvalidData(f"{path}: {error}") from error
    return told.attestation, told.signature


def _of_result(ports: Ports, job: lookup.Job) -> list[tuple[Attestation, bytes]]:
    """What a job's result rests on, and who signed it; of a key's, what was signed when the key was registered."""
    if job.tier is not Tier.TEE:
        raise UsageError(
            f"job {job.short} has the tier {job.tier}: attesters sign results of the tier tee",
            hint="`mlm verify JOB` says who checks this one.",
        )
    digest = ports.chain.call(VERIFIER, "attestationOf", job.raw)
    found = list(_on_chain(ports, digest="0x" + digest.hex())) if any(digest) else []
    if not found:
        raise StateConflict(f"job {job.short} is {job.state}: it has no result that attesters signed")
    return found


def _on_chain(ports: Ports, **wanted: str) -> Iterator[tuple[Attestation, bytes]]:
    """All that attesters signed of what was handed in or registered, of this `digest` or this `quote`."""
    for key in sessions.registrations(ports, **wanted):
        yield from ((key.attestation, each) for each in key.signatures)
    for row in ports.state.query("attested_results", **wanted):
        attestation = Attestation.from_json(json.loads(row["attestation"]))
        if not attestation.of_key:  # else the key has signed the result, and attesters what is above
            yield from ((attestation, bytes.fromhex(each[2:])) for each in row["signatures"].split(","))


def _statements(ports: Ports, signed: Sequence[tuple[Attestation, bytes]]) -> list[Statement]:
    """By attestation, whose signers are recovered."""
    place = ports.chain.chain_id(), ports.chain.address_of(VERIFIER)
    found: dict[bytes, Statement] = {}
    for attestation, signature in signed:
        digest = attestation.digest(*place)
        stands = found.get(digest) or Statement(attestation, digest, {})
        account = attest_gather.signer(ports, attestation, signature)
        found[digest] = replace(stands, signatures={**stands.signatures, account: signature})
    return list(found.values())


def _judged(ports: Ports, statement: Statement, quote: bytes | None, job: lookup.Job | None) -> Statement:
    """With what the contracts say of it."""
    fault = 0 if quote is None else fault_of(ports, statement.attestation, quote)
    reporter, proven_at, shown_fault = ports.chain.call(VERIFIER, "falsehoodOf", statement.digest)
    return replace(
        statement,
        fault=fault,
        shown_by=reporter if proven_at else "",
        shown_fault=shown_fault,
        rests=_rests(ports, statement, job),
    )


def _rests(ports: Ports, statement: Statement, job: lookup.Job | None) -> bool:
    """Whether a disproof still rejects its job, or the one that is asked about, or ends its key."""
    now, call = ports.chain.block().timestamp, ports.chain.call
    jobs = {bytes.fromhex(statement.attestation.job_id[2:])} | ({job.raw} if job is not None else set())
    if statement.attestation.of_key and call(VERIFIER, "sessionOf", statement.digest) > now:
        return True
    return any(
        call(VERIFIER, "attestationOf", raw) == statement.digest and call(VERIFIER, "judgedUntil", raw) > now
        for raw in jobs
    )


# ------------------------------------------------------------------ the quote's bytes


def _quote(ports: Ports, job: lookup.Job | None, digest: bytes, file: Path | None) -> tuple[bytes | None, str]:
    """From a file, which must be the one; else as a job's provider has handed it over, or has shown it on chain."""
    if file is not None:
        found = _from_file(ports, file)
        if sha256(found).digest() != digest:
            raise InvalidData(
                f"{file}: expected the quote that was signed about, of sha256 {digest.hex()}, found "
                f"{sha256(found).hexdigest()}"
            )
        return found, ""
    if job is None:
        return None, "no --quote FILE has its bytes"
    try:
        handed_over, why = [handed(ports, job).quote], "what was handed over is another quote"
    except (NotFound, InvalidData) as error:
        handed_over, why = [], str(error)
    shown = [bytes.fromhex(row["quote"][2:]) for row in ports.state.query("shown_quotes", job_id=job.job_id)]
    found_here = [each for each in (*handed_over, *shown) if sha256(each).digest() == digest]
    return (found_here[0], "") if found_here else (None, why)


def _from_file(ports: Ports, file: Path) -> bytes:
    """A quote's bytes, or the quote of a run's evidence."""
    if file.suffix == SUFFIX:
        return EnclosedFile.from_bytes(ports.files.read(file, MAX_BYTES)).quote
    return ports.files.read(file, MAX_EVIDENCE)
