"""What convicts attesters: which reports are worth making about what they signed, and how one is committed to. Pure.

devnet/contracts/base/Reports.sol judges them; docs/tee.md says what each shows, and costs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import combinations
from typing import Any

from mlm.core.attesting import MAX_ATTESTERS, Attestation
from mlm.core.digest import domain, keccak256, words

LIFETIME_S = 86_400  # for which a commitment can be opened: COMMIT_LIFETIME of base/Commitments.sol
BROKEN = 6  # from this QuoteFault on it is a link of the chain, which costs a bond to show
MARGIN_S = 3600  # one that ends sooner is made anew
TYPES = {"ReportSalt": [{"name": "subject", "type": "bytes32"}, {"name": "attester", "type": "address"}]}
_NOBODY = "0x" + "00" * 20


class Kind(StrEnum):
    """A report, as TeeVerifier calls it."""

    CONTRADICTION = "contradiction"
    FALSE_CHAIN = "falseChain"
    EQUIVOCATION = "equivocation"


@dataclass(frozen=True)
class Statement:
    """What attesters signed: the attestation, its digest, and the signatures by signer, in lower case.

    `fault`: what is false by the quote's bytes, as IQuoteProofs numbers it; 0 where nothing is, or they are not known.
    `shown_by`: who has disproved it, by which fault. `rests`: disproved now, it rejects a job or ends a key.
    """

    attestation: Attestation
    digest: bytes
    signatures: Mapping[str, bytes] = field(repr=False)
    fault: int = 0
    shown_by: str = ""
    shown_fault: int = 0
    rests: bool = False


@dataclass(frozen=True)
class Report:
    """One to make. `losing`: whose signatures it brings. `other`: of an equivocation, the second statement."""

    kind: Kind
    statement: Statement
    losing: tuple[str, ...]
    other: Statement | None = None

    @property
    def subject(self) -> bytes:
        """What the commitment before it is of."""
        first = self.statement.digest
        return first if self.other is None else keccak256(words((first, self.other.digest)))

    @property
    def salted(self) -> dict[str, Any]:
        """The EIP-712 message of the signature behind its salt: a pair may convict several, each by its own."""
        attester = _NOBODY if self.other is None else self.losing[0]
        return {"subject": self.subject, "attester": attester}

    def args(self, quote: bytes, salt: bytes) -> tuple[Any, ...]:
        """Of the contract's function. `quote` is that of the statement; an equivocation needs none."""
        first = self.statement
        if self.other is not None:
            (attester,) = self.losing
            said = [(each.attestation.as_args(), each.signatures[attester]) for each in (first, self.other)]
            return (*said[0], *said[1], salt)
        return first.attestation.as_args(), [first.signatures[each] for each in self.losing], quote, salt


def exclude(a: Attestation, b: Attestation) -> bool:
    """Whether nobody can truly have signed both: the bytes of a quote decide its facts, and a vendor says one thing of
    a platform at a time.
    """
    if a.quote != b.quote:
        return False
    if (a.report_data, a.measurement, a.kind, a.simulated) != (b.report_data, b.measurement, b.kind, b.simulated):
        return True
    return a.checked_at == b.checked_at and a.status != b.status


def pairs(found: Sequence[Statement]) -> tuple[tuple[Statement, Statement], ...]:
    """Those that exclude each other, and have a signer in common."""
    return tuple(
        (first, second)
        for first, second in combinations(found, 2)
        if exclude(first.attestation, second.attestation) and first.signatures.keys() & second.signatures.keys()
    )


def kind_of(fault: int) -> Kind:
    """Which report shows a fault."""
    return Kind.FALSE_CHAIN if fault >= BROKEN else Kind.CONTRADICTION


def reports(found: Sequence[Statement], stakes: Mapping[str, int]) -> tuple[Report, ...]:
    """The cheapest reports by which all lose their stake who signed what is false, and jobs are rejected.

    What a job or a key rests on is disproved whoever signed it; of others an equivocation is cheaper than any proof.
    `stakes`: what each signer has left, in base units.
    """
    left = {account: stake for account, stake in stakes.items() if stake}
    made: list[Report] = []

    def disprove(each: Statement) -> None:
        made.append(Report(kind_of(each.fault), each, _taken(left, each.signatures)))

    false = [each for each in found if each.fault]
    for each in false:
        if each.rests and not each.shown_by:
            disprove(each)
    for first, second in pairs(found):
        for account in sorted(first.signatures.keys() & second.signatures.keys() & left.keys()):
            made.append(Report(Kind.EQUIVOCATION, first, _taken(left, (account,)), second))
    for each in false:
        if each.signatures.keys() & left.keys():
            disprove(each)
    return tuple(made)


def _taken(left: dict[str, int], signers: Iterable[str]) -> tuple[str, ...]:
    """Those who have something to lose, ascending as the contract wants them; they have nothing left then."""
    losing = sorted((each for each in signers if each in left), key=lambda each: left[each])[-MAX_ATTESTERS:]
    for each in losing:
        del left[each]
    return tuple(sorted(losing, key=lambda each: int(each, 16)))


def salt_domain(chain_id: int, verifier: str) -> dict[str, Any]:
    """The EIP-712 domain of the signature behind a salt, so that a killed reporter finds it again."""
    return {"name": "mlm report", "version": "1", "chainId": chain_id, "verifyingContract": verifier}


def commitment(chain_id: int, verifier: str, sender: str, subject: bytes, salt: bytes) -> bytes:
    """keccak256(abi.encode(H("mlm/tee-report/1"), chainid, verifier, sender, subject, salt))."""
    place = (domain("mlm/tee-report/1"), chain_id, int(verifier, 16), int(sender, 16))
    return keccak256(words((*place, subject, salt)))
