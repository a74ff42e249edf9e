"""Audits: what an auditor commits to, which leaves are drawn for it, and what it does next. Pure.

As devnet/contracts/AuditRewards.sol computes it; the protocol: docs/fault-proofs.md, 8.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from hashlib import sha256

from mlm.core import merkle
from mlm.core.digest import domain, keccak256, words
from mlm.core.exact.trace import Trace
from mlm.core.job import State
from mlm.core.merkle import Tree

POSITIONS = 4  # leaves that an auditor opens
HASH_BLOCKS = 256  # whose hashes a contract can read
BPS = 10_000


class Stage(IntEnum):
    """How far an auditor is with one result: `AuditStage` of IAuditRewards.sol."""

    NONE = 0
    COMMITTED = 1
    OPENED = 2
    PAID = 3


# ------------------------------------------------------------------ what is committed to and drawn


def key_of(chain_id: int, contract: str, job_id: str, auditor: str) -> bytes:
    """What an auditor's leaves are keyed with.

    keccak256(abi.encode(H("mlm/audit/1"), chainid, contract, job, auditor)).
    """
    place = (domain("mlm/audit/1"), chain_id, int(contract, 16), bytes.fromhex(job_id[2:]), int(auditor, 16))
    return keccak256(words(place))


def is_drawn(seed: bytes, job_id: str, draw_bps: int) -> bool:
    """Whether a draw chooses a job to be audited."""
    digest = keccak256(words((domain("mlm/audit-draw/1"), seed, bytes.fromhex(job_id[2:]))))
    return int.from_bytes(digest) % BPS < draw_bps


@dataclass(frozen=True)
class KeyedTrace:
    """A whole trace, every leaf of which is hashed behind an auditor's key: sha256(key, leaf)."""

    trace: Trace
    key: bytes

    @cached_property
    def tensors(self) -> tuple[Tree, ...]:
        """A tree over each node's keyed leaves."""
        return tuple(self._over(node) for node in range(len(self.trace.graph.nodes)))

    @cached_property
    def tree(self) -> Tree:
        """Over those trees' roots."""
        return merkle.tree_of([each.root for each in self.tensors])

    @property
    def root(self) -> bytes:
        """What its auditor commits to."""
        return self.tree.root

    def _over(self, node: int) -> Tree:
        tensor = self.trace.tensor(node)
        leaves = range(merkle.leaves_of(tensor.kind.size))
        return merkle.tree_of([sha256(self.key + tensor.leaf(leaf)).digest() for leaf in leaves])

    def positions(self, seed: bytes) -> tuple[tuple[int, int], ...]:
        """Node and leaf of each position that a seed draws for this key; inputs are never drawn."""
        graph = self.trace.graph
        found = []
        for number in range(POSITIONS):
            word = int.from_bytes(keccak256(words((seed, self.key, number))))
            node = graph.inputs + (word >> 128) % (len(graph.nodes) - graph.inputs)
            leaves = merkle.leaves_of(graph.nodes[node].output.size)
            found.append((node, word % (1 << 128) % leaves))
        return tuple(found)

    def openings(self, seed: bytes) -> tuple[tuple[object, ...], ...]:
        """What shows the leaves that a seed draws, as the contract's ABI takes it."""
        return tuple(self._opening(node, leaf) for node, leaf in self.positions(seed))

    def _opening(self, node: int, leaf: int) -> tuple[object, ...]:
        tensor = self.trace.tensor(node)
        own = list(tensor.tree.prove([leaf])), list(self.trace.tree.prove([node]))
        keyed = list(self.tensors[node].prove([leaf])), list(self.tree.prove([node]))
        return tensor.kind.word(), tensor.leaf(leaf), *own, *keyed


# ------------------------------------------------------------------ rules and times


@dataclass(frozen=True)
class Rules:
    """What AuditRewards was deployed with. Shares in basis points, times in seconds, `min_stake` in base units."""

    draw_bps: int
    share_bps: int
    fee_bps: int
    period: int
    open_window: int
    min_stake: int

    def pay(self, price: int) -> int:
        """What all auditors of a result get together, rounded down: on average a share of its fee."""
        return price * self.fee_bps * self.share_bps // (BPS * self.draw_bps)


@dataclass(frozen=True)
class Draw:
    """A period's draw: the block whose hash decides, 0 before it has begun, and the hash, empty until recorded."""

    period: int
    ends_at: int  # the first second that is no longer the period's
    block: int = 0
    seed: bytes = b""


@dataclass(frozen=True)
class Audit:
    """What is known of the audit of one job, for one account. Times in seconds, money in base units."""

    job_id: str
    state: State
    rules: Rules
    choosing: Draw  # says whether the result is audited
    positions: Draw  # says which leaves are opened
    closes_at: int  # of commitments
    open_by: int  # of openings; from then on it is paid
    stage: Stage = Stage.NONE  # the account's own
    eligible: bool = False  # it has the stake, and is not the job's provider
    pay: int = 0  # of all auditors together
    funded: bool = False  # the pay is set aside, or the pool has as much
    due: bool = False  # what was set aside is neither paid nor released
    opened: bool = False  # somebody has opened, and is not paid

    @property
    def is_drawn(self) -> bool | None:
        """None while nobody has drawn."""
        seed = self.choosing.seed
        return is_drawn(seed, self.job_id, self.rules.draw_bps) if seed else None


def times(rules: Rules, submitted_at: int, verification_window: int) -> tuple[int, int, int, int]:
    """The period that chooses, the one that draws positions, when commitments close, and until when to open."""
    closes_at = submitted_at + verification_window
    positions = closes_at // rules.period
    return submitted_at // rules.period, positions, closes_at, (positions + 1) * rules.period + rules.open_window


# ------------------------------------------------------------------ what to do


@dataclass(frozen=True)
class Decide:
    """Draw for a period: begin it where it has not begun, then record the hash."""

    period: int
    begins: bool


@dataclass(frozen=True)
class Commit:
    """Commit to the whole trace, where it is the one that this account computes."""


@dataclass(frozen=True)
class Open:
    """Show the leaves that were drawn."""


@dataclass(frozen=True)
class Claim:
    """Take the pay."""


@dataclass(frozen=True)
class Release:
    """Put back what was set aside for nobody."""


Move = Decide | Commit | Open | Claim | Release


def next_move(audit: Audit, now: int, block: int) -> Move | None:
    """What an account does about an audit at a time, with `block` the newest there is; None where there is nothing."""
    if audit.stage is Stage.NONE:
        return _join(audit, now, block)
    if audit.stage is Stage.PAID:
        return None
    if now >= audit.open_by:
        return _end(audit)
    if audit.stage is Stage.COMMITTED and audit.state is not State.REJECTED:
        return Open() if audit.positions.seed else _draw(audit.positions, now, block)
    return None


def is_over(audit: Audit, now: int) -> bool:
    """Whether an account will never have anything to do about an audit any more."""
    if audit.stage is Stage.NONE:
        return now >= audit.closes_at or audit.is_drawn is False or not audit.eligible
    return audit.stage is Stage.PAID or (now >= audit.open_by and not audit.due)


def _join(audit: Audit, now: int, block: int) -> Move | None:
    runs = audit.state in (State.SUBMITTED, State.DISPUTED) and now < audit.closes_at
    if not (runs and audit.eligible and audit.pay and audit.funded):
        return None
    if audit.is_drawn is None:
        return _draw(audit.choosing, now, block)
    return Commit() if audit.is_drawn else None


def _end(audit: Audit) -> Move | None:
    if audit.stage is Stage.OPENED and audit.state is State.ACCEPTED:
        return Claim()
    return Release() if audit.due and (audit.state is State.REJECTED or not audit.opened) else None


def _draw(draw: Draw, now: int, block: int) -> Move | None:
    """A draw that has begun is recorded within HASH_BLOCKS, or it draws nothing."""
    if draw.block == 0:
        return Decide(draw.period, begins=True) if now >= draw.ends_at else None
    return Decide(draw.period, begins=False) if block < draw.block + HASH_BLOCKS else None
