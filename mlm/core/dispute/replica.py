"""Replicas of the tier redundant: a job's policy, who is drawn, what they commit to, and what is to be done next. Pure.

As devnet/contracts/Replication.sol and CommitRevealBeacon.sol compute it; the protocol: docs/fault-proofs.md, 9.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Any

from mlm.core.digest import domain, keccak256, words
from mlm.core.errors import InvalidData, UsageError
from mlm.core.job import State

MIN_EXECUTIONS, MAX_EXECUTIONS = 2, 8  # of a job, its provider's among them
LOOKS = 8  # places that a draw looks at for each replica that it needs
BUSY_LOOKS = 1  # of them, those whose slot serves another job: a draw ends at the next one
MAX_EMPTY_LOOKS = 256  # at empty places: so many of a draw do not count
TRIMMED = 8  # emptied places that the contract looks at in one call
_FEE_BITS = 128
TYPES = {"ReplicaSalt": [{"name": "job", "type": "bytes32"}]}
SECRET_TYPES = {"BeaconSecret": [{"name": "round", "type": "uint256"}]}
READABLE_BLOCKS = 256  # in which a block's hash can be read by contracts
RECORDED_WITHIN = READABLE_BLOCKS // 4  # a hash that waits for reveals is kept after so many blocks


class Stage(IntEnum):
    """How far a replica is with a job: `ReplicaStage` of IReplication.sol."""

    NONE = 0
    DRAWN = 1
    COMMITTED = 2
    EQUAL = 3
    DIFFERENT = 4


# ------------------------------------------------------------------ terms and commitments


@dataclass(frozen=True)
class Policy:
    """A job's own terms: how often it is executed, its provider's run among them, and what each replica is paid."""

    executions: int
    fee: int  # base units

    @property
    def replicas(self) -> int:
        """How many are drawn."""
        return self.executions - 1

    @property
    def fees(self) -> int:
        """What its consumer pays for all of them."""
        return self.replicas * self.fee

    def word(self) -> bytes:
        """As the verifier reads it. Raises UsageError for what it would refuse."""
        if not MIN_EXECUTIONS <= self.executions <= MAX_EXECUTIONS:
            least, most = MIN_EXECUTIONS - 1, MAX_EXECUTIONS - 1
            raise UsageError(f"--replicas: expected {least} to {most} besides the provider, found {self.replicas}")
        if not 0 < self.fee < 1 << _FEE_BITS:
            raise UsageError("--replica-fee: expected an amount of tokens above zero")
        return (self.fee << 8 | self.executions).to_bytes(32, "big")

    @classmethod
    def parse(cls, data: bytes) -> Policy:
        """The inverse of `word`; raises InvalidData for anything else."""
        value = int.from_bytes(data)
        found = cls(value & 0xFF, value >> 8)
        try:
            found.word()
        except UsageError as error:
            raise InvalidData(f"0x{data.hex()} is no policy of the tier redundant") from error
        return found


def salt_domain(chain_id: int, contract: str) -> dict[str, Any]:
    """The EIP-712 domain of the signature behind a salt, so that a killed replica finds it again."""
    return {"name": "mlm replica", "version": "1", "chainId": chain_id, "verifyingContract": contract}


def commitment(chain_id: int, contract: str, account: str, job_id: str, trace_root: bytes, salt: bytes) -> bytes:
    """keccak256(abi.encode(H("mlm/replica/1"), chainid, contract, replica, jobId, traceRoot, salt))."""
    place = (domain("mlm/replica/1"), chain_id, int(contract, 16), int(account, 16))
    return keccak256(words((*place, bytes.fromhex(job_id[2:]), trace_root, salt)))


# ------------------------------------------------------------------ the beacon


def secret_domain(chain_id: int, beacon: str) -> dict[str, Any]:
    """The EIP-712 domain of the signature behind a secret: it is kept nowhere, and no kill loses it."""
    return {"name": "mlm beacon", "version": "1", "chainId": chain_id, "verifyingContract": beacon}


def secret_commitment(chain_id: int, beacon: str, account: str, number: int, secret: bytes) -> bytes:
    """keccak256(abi.encode(H("mlm/beacon-secret/1"), chainid, beacon, account, round, secret))."""
    place = (domain("mlm/beacon-secret/1"), chain_id, int(beacon, 16), int(account, 16))
    return keccak256(words((*place, number, secret)))


def seed_of(chain_id: int, beacon: str, number: int, mixed: bytes, reveals: Iterable[tuple[str, bytes]]) -> bytes:
    """A round's seed: of the block's hash that was mixed in, and of all that was revealed, in whatever order."""
    parts = (int.from_bytes(keccak256(words((int(account, 16), secret)))) for account, secret in reveals)
    total = sum(parts) % (1 << 256)
    return keccak256(words((domain("mlm/beacon/1"), chain_id, int(beacon, 16), number, mixed, total)))


# ------------------------------------------------------------------ the draw


@dataclass(frozen=True)
class Slot:
    """An account's place among those that are drawn; its stake in base units, times in seconds."""

    account: str
    place: int  # from 1 on
    stake: int
    joined_at: int
    left_at: int = 0
    job_id: str = ""

    def fits(self, funded_at: int, stake: int) -> bool:
        """Whether it was there when a job was funded, has all its stake, and is free."""
        there = self.joined_at < funded_at and (not self.left_at or self.left_at >= funded_at)
        return there and not self.job_id and self.stake >= stake


def look(seed: bytes, job_id: str, number: int, places: int) -> int:
    """The place that look `number` of a draw falls on."""
    digest = keccak256(words((domain("mlm/replicas/1"), seed, bytes.fromhex(job_id[2:]), number)))
    return 1 + int.from_bytes(digest) % places


@dataclass(frozen=True)
class Funding:
    """When a job's replicas were paid for, how many of them, and how many places there were."""

    at: int
    wanted: int
    places: int


@dataclass
class Slots:
    """All slots as the contract has them after a part of its log."""

    stake: int  # that each needs
    by_account: dict[str, Slot] = field(default_factory=dict)
    places: list[str] = field(default_factory=list)  # by place; "": empty
    fundings: dict[str, Funding] = field(default_factory=dict)

    def draw(self, job_id: str, seed: bytes, without: Iterable[str]) -> tuple[str, ...]:
        """Whom a seed draws for a job that is funded, in the order of the looks; fewer than wanted where there are no
        more."""
        funding, found = self.fundings[job_id], list[str]()
        barred = {account.lower() for account in without}
        number, left, empty = 0, LOOKS * funding.wanted if funding.places else 0, MAX_EMPTY_LOOKS
        busy = BUSY_LOOKS * funding.wanted
        while left and len(found) < funding.wanted:
            place = look(seed, job_id, number, funding.places)
            account = self.places[place - 1] if place <= len(self.places) else ""
            number += 1
            if not account and empty:
                empty -= 1
            else:
                left -= 1
            slot = self.by_account.get(account)
            if slot and slot.job_id:
                if not busy:
                    break
                busy -= 1
            if slot and account not in (*barred, *found) and slot.fits(funding.at, self.stake):
                found.append(account)
        return tuple(found)

    def lowest_empty(self) -> int:
        """The first place that nobody has, from 1 on; 0 where there is none."""
        return self.places.index("") + 1 if "" in self.places else 0

    def apply(self, row: Mapping[str, Any]) -> None:
        """One more row of the log (docs/events.md, `replicas`)."""
        account, change, job_id = str(row["account"]), row["change"], row["job_id"]
        slot = self.by_account.get(account)
        if change == "joined":
            self._join(account, int(row["number"]), int(row["amount"]), int(row["timestamp"]), slot)
        elif change == "funded":
            self.fundings[job_id] = Funding(int(row["timestamp"]), int(row["number"]), len(self.places))
        elif slot is None:
            return
        elif change == "left":
            self.by_account[account] = replace(slot, left_at=int(row["timestamp"]))
        elif change == "drawn":
            self.by_account[account] = replace(slot, job_id=job_id)
        elif change == "exited":
            self._remove(slot)
        elif row["slashed"] is not None and change != "settled":  # the end of a job for it
            left = slot.stake - int(row["slashed"])
            self.by_account[account] = replace(slot, stake=left, job_id="")
            if left == 0:
                self._remove(slot)

    def _join(self, account: str, place: int, stake: int, now: int, before: Slot | None) -> None:
        if place > len(self.places):
            self.places.append(account)
        self.places[place - 1] = account
        if before is not None and before.place != place:
            self._empty(before.place)
        kept = before or Slot(account, place, stake, now)
        self.by_account[account] = replace(kept, place=place, stake=stake, joined_at=now)

    def _remove(self, slot: Slot) -> None:
        del self.by_account[slot.account]
        self._empty(slot.place)

    def _empty(self, place: int) -> None:
        self.places[place - 1] = ""
        for _ in range(TRIMMED):
            if not self.places or self.places[-1]:
                return
            self.places.pop()


# ------------------------------------------------------------------ what to do


@dataclass(frozen=True)
class Round:
    """A round of the beacon. Its commitments end at `closes_at`, its reveals at `ends_at`, once it is closed."""

    number: int
    closes_at: int
    ends_at: int = 0
    closed_in: int = 0  # the block that mixes in; 0: nobody has closed it
    commitments: int = 0
    reveals: int = 0
    seed: bytes = b""
    fresh: bool = False  # the newest block is the one that it was closed in, whose hash is known from the next one on
    unkept: int = 0  # blocks since it was closed in which nobody has kept that block's hash
    added: bool = False  # the account has committed to a secret, and has not shown it

    @property
    def closed(self) -> bool:
        """Whether a block is chosen whose hash mixes in, or did: a hash that nobody has kept in time is lost."""
        return bool(self.closed_in) and self.unkept <= READABLE_BLOCKS


@dataclass(frozen=True)
class Replicas:
    """What is known of the replicas of one job, for one account. Times in seconds, money in base units."""

    job_id: str
    state: State
    policy: Policy
    round: Round | None  # that draws; None before the provider is known
    commit_by: int = 0  # 0: the provider has not accepted
    reveal_by: int = 0  # 0: there is no result
    funded: bool = False
    settled: bool = False
    drawn: tuple[str, ...] = ()
    found: int | None = None  # how many the seed draws now; None while it is not known
    committed: int = 0
    stage: Stage = Stage.NONE  # the account's own
    consumer: bool = False  # the account is the job's
    secret: bool = False  # the account would add a secret to the round

    def may_submit(self, now: int) -> bool:
        """Whether the provider may hand its result in: all have committed, or half of its time is over."""
        if not self.drawn or not self.commit_by:
            return False
        return self.committed == len(self.drawn) or now >= self.commit_by


@dataclass(frozen=True)
class Fund:
    """Pay for the replicas, before anybody can know who is drawn: until the commitments of the round that draws end."""


@dataclass(frozen=True)
class Add:
    """Commit to a secret in the beacon's round: nobody then knows its seed before it is shown."""

    round: int


@dataclass(frozen=True)
class Show:
    """Show the secret, and have its deposit back."""

    round: int


@dataclass(frozen=True)
class Record:
    """Keep the hash that a round waits with, before nobody can read it any more."""

    round: int


@dataclass(frozen=True)
class Draw:
    """Draw the replicas; close the beacon's round before, and finish it, where nobody has. Without `draws` it waits."""

    round: int
    closes: bool
    finishes: bool
    draws: bool


@dataclass(frozen=True)
class Commit:
    """Run the job, and commit to what was found."""


@dataclass(frozen=True)
class Reveal:
    """Show what was found."""


@dataclass(frozen=True)
class Settle:
    """Pay and slash, and give the consumer what is left."""


Move = Fund | Add | Show | Record | Draw | Commit | Reveal | Settle


def next_move(found: Replicas, now: int) -> Move | None:
    """What an account does about a job's replicas at a time; None where there is nothing. A draw and the settlement are
    anybody's. Its own secret comes first, whatever has become of the job: it is shown in time, or costs its deposit."""
    if found.round is not None and found.round.added and (move := _own_secret(found.round, now)):
        return move
    if found.settled:
        return None
    if not found.funded:
        leased = found.state is State.LEASED and found.round is not None and now < found.round.closes_at
        return Fund() if found.consumer and (leased or found.state in (State.OPEN, State.REVEALING)) else None
    if found.stage is Stage.COMMITTED and found.reveal_by and now < found.reveal_by:
        return Reveal()  # also of a result that is convicted already
    if found.state.is_final:
        return Settle() if now >= found.reveal_by else None
    if not found.drawn:
        few = found.found is not None and found.found < found.policy.replicas
        leased = found.state is State.LEASED and not few
        return _draw(found.round, now, found.secret) if leased and found.round else None
    if found.stage is Stage.DRAWN:
        return Commit() if found.state is State.READY and now < found.commit_by else None
    return None


def _own_secret(found: Round, now: int) -> Move | None:
    if found.closed:
        return Show(found.number) if now < found.ends_at and not found.fresh else None
    return None if now < found.closes_at else Draw(found.number, closes=True, finishes=False, draws=False)


def _draw(found: Round, now: int, secret: bool) -> Move | None:
    if found.seed:
        return Draw(found.number, closes=False, finishes=False, draws=True)
    if now < found.closes_at:
        return Add(found.number) if secret and not found.added else None
    shown = found.reveals == found.commitments
    if not found.closed:
        return Draw(found.number, closes=True, finishes=shown, draws=shown)
    if found.fresh:
        return None
    if shown or now >= found.ends_at:
        return Draw(found.number, closes=False, finishes=True, draws=True)
    return Record(found.number) if found.unkept >= RECORDED_WITHIN else None
