"""By whom a check is guaranteed, and what it costs to have a false result pass: formulas over named inputs. Pure.

docs/trust.md derives each formula and says what it assumes. A number is a lower bound, and holds only under `provided`;
where an input is missing the cost is unknown, never zero.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum

from mlm.core.clock import Duration, Instant
from mlm.core.digest import keccak256, words
from mlm.core.job import Tier
from mlm.core.money import Amount
from mlm.core.plan import JSON_ONLY, NO_TEXT
from mlm.core.settlement import CHALLENGER_BPS, challenger_part

# log2 of the operations that break it at least. BN254: Barbulescu and Duquesne, Updating Key Size Estimations for
# Pairings, Journal of Cryptology 32 (2019), 10.1007/s00145-018-9280-5. The others: a collision of 256 bits, or a
# logarithm on a curve of 256 bits.
PAIRING_BITS, DIGEST_BITS, SIGNATURE_BITS = 100, 128, 128

# keccak256 over the points (G2, -tau*G2) of circuits/srs.json, whose secret was drawn on one machine.
DEVNET_SRS = bytes.fromhex("dba140d99ec505fce2a3e5a89cc8184ea9d50f3fa0b65c2c575d9190f3d99319")
SRS_AT, SRS_WORDS = 16, 8  # where a verifying artefact holds its points (ZkVerifier.sol)


class _Words(Enum):
    """Spelt in plain words, the same on a terminal, in JSON and in a policy."""

    def __str__(self) -> str:
        return str(self.value)


class Guarantor(_Words):
    """Who must not fail, or lie, for a check that passed to say what it says (docs/trust.md)."""

    MATHEMATICS = "mathematics"  # digests, signatures and proofs cannot be forged
    SRS = "who made the SRS"  # its secret was destroyed
    MACHINE = "this machine"  # it recomputed what is claimed
    CHAIN = "the chain"  # its validators, and the node that was asked
    SIGNER = "the signer"  # whoever holds a key, and keeps it
    VENDOR = "hardware vendor"  # its keys, and that its enclaves hold
    ATTESTERS = "m of n attesters"
    WATCHER = "one honest watcher"
    REPLICA = "one honest of k"
    STAKE = "majority of stake"
    NOBODY = "nobody"


# Whom one trusts that a result of a tier is true, beside the chain.
TRUSTED: dict[Tier, tuple[Guarantor, ...]] = {
    Tier.NONE: (Guarantor.NOBODY,),
    Tier.ZK: (Guarantor.MATHEMATICS, Guarantor.SRS),
    Tier.OPTIMISTIC: (Guarantor.WATCHER,),
    Tier.TEE: (Guarantor.VENDOR, Guarantor.ATTESTERS),
    Tier.REDUNDANT: (Guarantor.REPLICA,),
    Tier.CONSENSUS: (Guarantor.STAKE,),
}


def trusted(tier: Tier, facts: Facts) -> tuple[Guarantor, ...]:
    """Whom one trusts that a result is true: of simulated evidence nobody, whoever has signed it besides."""
    return (Guarantor.NOBODY,) if facts.simulated else TRUSTED[tier]


class Unit(_Words):
    """What an input counts."""

    MONEY = "base units"
    SECONDS = "seconds"
    BPS = "basis points"
    BITS = "bits"
    COUNT = "count"
    POINTS = "points"  # of reputation: base units of fees that burned
    TRUTH = "1 or 0"


class CostKind(_Words):
    """What kind of thing it costs."""

    MONEY = "money"
    COMPUTATION = "computation"
    REPUTATION = "reputation"
    NOTHING = "nothing"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Input:
    """A number that a formula takes, and where it was read. `value` is None where it is not known."""

    name: str
    value: Amount | int | None
    unit: Unit
    source: str


@dataclass(frozen=True)
class Cost:
    """What it costs at least to have a false result pass, `provided` that.

    `at_least` is there where it is money, `bits` (log2 of operations) where it is computation: no other has a number.
    `block` is where the chain's inputs were read.
    """

    kind: CostKind
    at_least: Amount | None
    bits: int | None
    why: str = field(metadata=NO_TEXT)
    formula: str = field(metadata=NO_TEXT)
    provided: str = field(metadata=NO_TEXT)
    block: int | None
    block_hash: str | None = field(metadata=JSON_ONLY)
    inputs: tuple[Input, ...]


@dataclass(frozen=True)
class At:
    """The block at which inputs were read; none where no chain was asked."""

    block: int | None = None
    block_hash: str | None = None


NOWHERE = At()


@dataclass(frozen=True)
class Facts:
    """What a policy may ask of evidence besides. None: the target has no such thing.

    `made_at` is when the evidence was made or handed in, by the chain or its signer, `now` the time to hold it against;
    `window` is for how long it could be disputed; of `committee` attesters, `attesters` have signed; `replicas` is k;
    `finality` says how settled the newest block about it is.
    """

    made_at: Instant | None = None
    now: Instant | None = None
    window: Duration | None = None
    tcb_status: str | None = None
    simulated: bool | None = None
    attesters: int | None = None
    committee: int | None = None
    replicas: int | None = None
    finality: str | None = None


def _cost(
    kind: CostKind,
    why: str = "",
    *,
    formula: str = "",
    provided: str = "",
    inputs: Sequence[Input] = (),
    at: At = NOWHERE,
    at_least: int | None = None,
    bits: int | None = None,
) -> Cost:
    money = None if at_least is None else Amount(at_least)
    return Cost(kind, money, bits, why, formula, provided, at.block, at.block_hash, tuple(inputs))


def _of(
    formula: str, provided: str, inputs: Sequence[Input], at: At, value: Callable[[], int], *, kind: CostKind
) -> Cost:
    """The formula's value, if all inputs are known; nothing where it is zero or less."""
    missing = [each.name for each in inputs if each.value is None]
    if missing:
        why = f"not known: {', '.join(missing)}"
        return _cost(CostKind.UNKNOWN, why, formula=formula, provided=provided, inputs=inputs, at=at)
    found = value()
    if found <= 0:
        why = "the formula gives nothing"
        return _cost(CostKind.NOTHING, why, formula=formula, provided=provided, inputs=inputs, at=at)
    at_least, bits = (found, None) if kind is CostKind.MONEY else (None, found)
    return _cost(kind, formula=formula, provided=provided, inputs=inputs, at=at, at_least=at_least, bits=bits)


def unknown(why: str, provided: str = "", inputs: Sequence[Input] = (), at: At = NOWHERE) -> Cost:
    """Nothing is known of what it costs."""
    return _cost(CostKind.UNKNOWN, why, provided=provided, inputs=inputs, at=at)


def nothing(why: str, inputs: Sequence[Input] = (), at: At = NOWHERE) -> Cost:
    """Anybody can cheat, or a known somebody can, for nothing."""
    return _cost(CostKind.NOTHING, why, inputs=inputs, at=at)


def computation(bits: int, why: str, provided: str, source: str) -> Cost:
    """2^bits operations; `why` says for what, such as a second file with a digest."""
    inputs = (Input("security", bits, Unit.BITS, source),)
    return _cost(CostKind.COMPUTATION, why, formula="security", provided=provided, inputs=inputs, bits=bits)


def amount(value: int | None) -> Amount | None:
    """Base units, or not known."""
    return None if value is None else Amount(value)


def truth(value: bool | None) -> int | None:
    """1, 0, or not known."""
    return None if value is None else int(value)


# ---------------------------------------------------------------------- the tiers


def is_devnet_srs(points: Sequence[int]) -> bool:
    """Whether these are the devnet's points (G2, -tau*G2): with its secret anybody proves anything."""
    return keccak256(words(points)) == DEVNET_SRS


def srs_of(vka: Sequence[int]) -> tuple[int, ...]:
    """The points of a verifying artefact; its first SRS_AT words say what else it is of."""
    return tuple(vka[SRS_AT : SRS_AT + SRS_WORDS])


def zk(points: Sequence[int] | None, at: At = NOWHERE, source: str = "the verifying artefact") -> Cost:
    """A proof. `points` of the SRS that it is verified under, None where they are not known."""
    known = None if points is None else is_devnet_srs(points)
    inputs = (
        Input("security", PAIRING_BITS, Unit.BITS, "BN254"),
        Input("SRS of the devnet", truth(known), Unit.TRUTH, source),
    )
    if known:
        return nothing("the devnet's SRS was made on one machine: with its secret any proof can be made", inputs, at)
    return _of(
        "security",
        "the SRS's secret was destroyed, and discrete logarithms and pairings of BN254 are as hard as is estimated",
        inputs,
        at,
        lambda: PAIRING_BITS,
        kind=CostKind.COMPUTATION,
    )


def burned(stake: int) -> int:
    """What burns of a stake that is slashed, though its owner be its own challenger or reporter: half, rounded up."""
    return stake - challenger_part(stake)


_PART = Input("part of the challenger", CHALLENGER_BPS, Unit.BPS, "the contracts' code")
_BURNED = "{0} - floor({0} * part of the challenger / 10,000)"


def optimistic(
    lock: int | None, window: int | None, price: int | None, value_at_risk: int | None, at: At = NOWHERE
) -> Cost:
    """A trace that stands unless somebody shows a fault: what burns is never less than maximum price and value at risk.

    `window` in seconds, all others in base units.
    """
    inputs = (
        Input("lock", amount(lock), Unit.MONEY, "JobMarket"),
        _PART,
        Input("window", window, Unit.SECONDS, "JobMarket"),
        Input("maximum price", amount(price), Unit.MONEY, "the terms"),
        Input("value at risk", amount(value_at_risk), Unit.MONEY, "the terms"),
    )
    return _of(
        _BURNED.format("lock"),
        "one honest watcher reads input and model, recomputes within the window, and the chain takes its challenge",
        inputs,
        at,
        lambda: burned(lock or 0) if window else 0,
        kind=CostKind.MONEY,
    )


def served(bond: int | None, at: At = NOWHERE) -> Cost:
    """A served result that its payee signed as exact, with `bond` base units behind its version."""
    inputs = (Input("bond", amount(bond), Unit.MONEY, "ServingBonds"), _PART)
    if bond == 0:
        return nothing("no bond stands behind it: all that its payee can lose is its name", inputs, at)
    return _of(
        _BURNED.format("bond"),
        "the result's profile opens to its tensors, its payer shows the lie while the bond is there, and one honest "
        "watcher keeps the job that proves it true",
        inputs,
        at,
        lambda: burned(bond or 0),
        kind=CostKind.MONEY,
    )


def least_stake(stakes: Sequence[int], members: int) -> int | None:
    """The sum of the `members` smallest stakes; None where there are fewer."""
    return sum(sorted(stakes)[:members]) if 0 < members <= len(stakes) else None


def tee(
    simulated: bool | None,
    threshold: int | None,
    stakes: Sequence[int] | None,
    at: At = NOWHERE,
    session: int | None = None,
) -> Cost:
    """A verdict signed by `threshold` attesters, whose `stakes` these are; None where the chain holds none.

    `session`: it is about a key that signs results for so many seconds; None where it is about the result itself.
    """
    stake = None if stakes is None or threshold is None else least_stake(stakes, threshold)
    inputs: tuple[Input, ...] = (
        Input("simulated", truth(simulated), Unit.TRUTH, "the attestation"),
        Input("threshold", threshold, Unit.COUNT, "AttesterSet"),
        Input("stakes", amount(stake), Unit.MONEY, "AttesterSet, the smallest of so many"),
        _PART,
    )
    provided = (
        "nobody has the vendor's keys or breaks into the enclave, which costs nobody knows what; and attesters that "
        "sign what is false are shown to have"
    )
    if session is not None:
        inputs += (Input("session", session, Unit.SECONDS, "TeeVerifier"),)
        provided += "; and nobody has had the session's key outside its enclave in all that time"
    if simulated:
        return nothing("the evidence is simulated: everybody has the vendor's keys", inputs, at)
    return _of(_BURNED.format("stakes"), provided, inputs, at, lambda: burned(stake or 0), kind=CostKind.MONEY)


def redundant(lock: int | None, replicas: int | None, slot: int | None, at: At = NOWHERE) -> Cost:
    """A lead's trace that so many `replicas` have found again, each with the stake of a `slot`.

    Those who were drawn and were silent do not count: who has not committed loses no more than its fee.
    """
    inputs = (
        Input("lock", amount(lock), Unit.MONEY, "JobMarket"),
        _PART,
        Input("replicas", replicas, Unit.COUNT, "Replication: those that have shown the same root"),
        Input("slot", amount(slot), Unit.MONEY, "Replication"),
    )
    return _of(
        f"{_BURNED.format('lock')} + replicas * ({_BURNED.format('slot')})",
        "all of them are the liar's own, without which a false result does not stand, and one watcher outside shows "
        "the fault within the window",
        inputs,
        at,
        lambda: burned(lock or 0) + (replicas or 0) * burned(slot or 0),
        kind=CostKind.MONEY,
    )


def none(points: int | None, at: At = NOWHERE) -> Cost:
    """Nobody checks. `points` of the provider's reputation, which a bad rating spoils and nothing takes."""
    inputs = (Input("points", amount(points), Unit.POINTS, "Reputation"),)
    if points is None:
        return unknown("not known: points", inputs=inputs, at=at)
    if not points:
        return nothing("nobody checks, and the provider has no reputation to lose", inputs, at)
    return _cost(
        CostKind.REPUTATION,
        "nothing is taken from a provider that hands in anything: it is rated",
        formula="points",
        provided="the consumer notices, and who deals with the provider next looks at its ratings",
        inputs=inputs,
        at=at,
    )
