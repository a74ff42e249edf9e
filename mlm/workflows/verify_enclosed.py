"""`mlm verify FILE.tee`: whether evidence of a run in an enclave is true, and of what. Never sends."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from mlm.core import tee
from mlm.core.attestation import Attested, check_status, statuses_of, vendors_word
from mlm.core.clock import Duration, Instant, iso_time
from mlm.core.enclosed import MAX_BYTES, EnclosedFile
from mlm.core.errors import NotFound, VerificationFailed
from mlm.core.trust import Facts, Guarantor
from mlm.ports.bundle import Ports
from mlm.workflows import source
from mlm.workflows.tiers.tee import check_code
from mlm.workflows.verify_checks import (
    DIGESTS,
    SIMULATED_TRUST,
    Step,
    Subject,
    Verification,
    equal,
    refused,
    verified,
)
from mlm.workflows.verify_quote import ROOT, TRUST, vendors_cost

WHO = "anybody with this file, and the model's for the rest"
_MADE = (Guarantor.NOBODY,)  # whoever has the file can write another time into it


def verify(
    ports: Ports, path: Path, model_name: str | None, status: str, devnet: bool, at: int | None = None
) -> Verification:
    """Check evidence of a run in an enclave, as of `at`, in seconds. Raises UsageError, InvalidData for what is none.

    1. Its quote's signatures lead to the vendor's root, and it and its collateral are valid at `at`; without one at the
       time that the file names, for collateral ends long before what it was good for.
    2. The vendor's word on the platform is one that is accepted.
    3. The vendor is one that there is; on a devnet the simulated one serves too.
    4. The quote signed this model, this input and these outputs.
    5. The model is the one that is named (can be made where one is).
    6. The code is what the model's publisher allows (where one is named that says which).
    7. The time that the file names is past. It is the word of whoever made the file: nobody signs when a quote is made.
    """
    accepted = statuses_of(status)
    file = EnclosedFile.from_bytes(ports.files.read(path, MAX_BYTES))
    # What is named may be published: then its manifest says which code is allowed.
    named = None if model_name is None else source.load(ports, model_name)

    def model() -> str:
        if named is None:
            raise NotFound(f"no --model says which it should be; found sha256 {file.model.hex()}")
        return equal("sha256", sha256(named.onnx).digest(), file.model)

    by = (Guarantor.NOBODY if file.simulated else Guarantor.VENDOR,)
    now = ports.system.now() if at is None else at
    facts, kind = Facts(now=Instant(now), simulated=file.simulated), "quote"
    when, whose = (file.at, "the time that the file names") if at is None else (at, "the time asked about")
    signed = f"its signatures lead to the vendor's root and are valid at {iso_time(when)}, {whose}"
    try:
        found = ports.attestation.verify(file.quote, file.collateral, when, simulated=file.simulated)
    except VerificationFailed as error:
        steps = refused(signed, error, ROOT, by)
    else:
        kind, word = found.title, vendors_word(found.kind, found.status)
        facts = replace(facts, made_at=Instant(found.issued), tcb_status=word)
        valid = f"valid from {iso_time(found.issued)} to {iso_time(found.expires)}"
        steps = (
            Step(signed, lambda: valid, ROOT, by),
            Step(
                "the vendor's word on the platform is accepted",
                lambda: check_status(found, accepted),
                "the setting tee.status",
                by,
            ),
            Step("the vendor exists", lambda: check_vendor(found, devnet), "this network", by),
            Step(
                "it signed this model, input and outputs",
                lambda: tee.check_bound(found, file.statement),
                "report data",
                by,
            ),
            Step("the model is the one that is named", model, "--model", DIGESTS, optional=True),
            Step(
                "its code is what the publisher allows",
                lambda: _allowed(named, found),
                "the measurements in the manifest",
                by,
                optional=True,
            ),
            Step("the time that the file names is past", lambda: check_time(file.at, now, found), "the clock", _MADE),
        )
    return verified(
        Subject(
            target=str(path),
            kind=kind,
            tier="tee",
            steps=steps,
            who_can_check=WHO,
            trust=SIMULATED_TRUST if file.simulated else TRUST,
            guaranteed_by=by,
            cost=lambda: vendors_cost(file.simulated),
            facts=facts,
        )
    )


def check_time(named: int, now: int, found: Attested) -> str:
    """Refuse a file whose time is to come, and say what that time is worth. Raises VerificationFailed."""
    if named > now:
        raise VerificationFailed(
            f"expected a time of at most {iso_time(now)}, found {iso_time(named)}, {Duration(named - now)} later",
            hint="Whoever made the file wrote it; `mlm verify FILE --at TIME` asks about another time.",
        )
    signed = f"the newest part of what its vendor signed is {Duration(max(0, now - found.issued))} old"
    return f"{Duration(now - named)} ago, by the word of whoever made the file alone; {signed}"


def check_vendor(found: Attested, devnet: bool) -> str:
    """Refuse simulated evidence, but on a devnet. Raises VerificationFailed."""
    if not found.simulated:
        return found.kind
    if not devnet:
        raise VerificationFailed(
            "the evidence is simulated: its keys are public, and anybody can make it",
            hint="A devnet alone accepts it; `mlm verify --quote FILE --simulated` checks its form.",
        )
    return "no: it is simulated, which a devnet accepts"


def _allowed(named: source.Source | None, found: Attested) -> str:
    code = tee.spell_measurement(found.kind, found.measurements)
    key = named.published[0].manifest.tee if named is not None and named.published is not None else None
    if key is None:
        raise NotFound(f"no published --model says which is allowed; found {code}")
    return check_code(key, found)
