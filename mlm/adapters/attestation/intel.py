"""Quotes of Intel SGX and TDX, verified by dcap-qvl: https://github.com/Phala-Network/dcap-qvl . Runs in the child.

The library knows Intel's root, and fetches nothing here.
"""

from __future__ import annotations

import json
from typing import Any

from mlm.adapters.confine import Answer
from mlm.adapters.extras import unavailable
from mlm.core.attestation import MEASUREMENTS, SGX, TDX
from mlm.core.errors import InvalidData, VerificationFailed

_EXPIRY = ("earliest_expiration_date", "qe_iden_earliest_expiration_date")
_ISSUE = ("latest_issue_date", "qe_iden_latest_issue_date")


def verified(quote: bytes, collateral: bytes, at: int, root: bytes | None = None) -> Answer:
    """What a quote says whose signatures are true at the time `at`; `root` is a certificate, DER, in place of Intel's.

    Raises InvalidData, VerificationFailed, ToolMissing.
    """
    try:
        import dcap_qvl
    except ImportError as error:
        raise unavailable("quotes", "dcap_qvl", error, "'mlm[tee]'") from error
    try:
        known = dcap_qvl.QuoteCollateralV3.from_json(collateral.decode())
    except ValueError as error:
        raise InvalidData(f"expected the collateral of a quote in JSON, found {_line(error)}") from error
    try:
        dcap_qvl.Quote.parse(quote)
    except ValueError as error:
        raise InvalidData(f"expected a quote of SGX or TDX, found {_line(error)}") from error
    # What it claims, whatever the platform's status: which are accepted is decided with what the consumer has set.
    policy = dcap_qvl.QuotePolicy.claims_only(at)
    try:
        claims = dcap_qvl.QuoteVerifier(root).verify_with_policy(quote, known, at, policy)
    except ValueError as error:
        raise VerificationFailed(f"the quote does not verify: {_line(error)}") from error
    return told(json.loads(claims.to_json()))


def told(claims: dict[str, Any]) -> Answer:
    """The library's claims in this port's words."""
    (fields,) = claims["report"].values()
    while "base" in fields:  # a later version's report holds the earlier one's
        fields = fields["base"]
    kind = TDX if "mr_td" in fields else SGX
    return {
        "kind": kind,
        "status": claims["tcb"]["status"],
        "advisories": claims["tcb"]["advisory_ids"],
        "measurements": {name: fields[name] for name in MEASUREMENTS[kind]},
        "report_data": fields["report_data"],
        "issued": max(claims[name] for name in _ISSUE),
        "expires": min(claims[name] for name in _EXPIRY),
    }


def _line(error: BaseException) -> str:
    return " ".join(str(error).split()).removeprefix("Verification failed: ")[:300]
