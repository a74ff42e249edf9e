"""A payer's record of one channel: what it signed, what was answered, and what the next call is signed with. Pure.

The rules of a payer, beside those of a payee in admission.py (docs/paying.md):

1. A call that is asked for again, by its tensors, is sent again with its own voucher: one that was never answered, and
   one whose answer a process before this one had, which may have died before it could use it.
2. A number whose call was refused or never answered is given to the next call, before a new number is.
3. So a new number is only signed while no other is idle, and while fewer calls than may run at once are under way or
   owed by the payee: never more than that many are paid and not answered.
4. A payee whose answer was false gets nothing signed any more, until it answers that call rightly.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from mlm.core.channel import SignedVoucher, Voucher, next_voucher
from mlm.core.errors import InvalidData, StateConflict

RECENT = 256  # calls; a payee answers again within its window of 1,024


@dataclass(frozen=True)
class Kept:
    """A voucher that was signed, for which tensors, and at which price a call its channel goes.

    `owed`: the payee has shown by its signature that it served the call, and its answer never arrived.
    """

    signed: SignedVoucher
    input: str  # the input's commitment, 0x and 64 digits; "" where nobody knows it any more
    price: int
    owed: bool = False

    @property
    def voucher(self) -> Voucher:
        """What was signed."""
        return self.signed.voucher


@dataclass(frozen=True)
class Choice:
    """What a call goes out with: a voucher that was signed before, or a number that is still to be signed."""

    calls: int
    before: Kept | None = None
    answered: bool = False  # before, for an earlier process


@dataclass
class Record:
    """All that a payer knows of one channel. Its first voucher's price holds for the channel's whole life."""

    price: int = 0
    last: Voucher | None = None  # with the largest amount, of those the highest number
    kept: dict[int, list[Kept]] = field(default_factory=dict)  # what was signed for calls that were never answered
    flying: dict[int, str] = field(default_factory=dict)  # numbers being asked for now, and for which inputs
    false: dict[int, str] = field(default_factory=dict)  # numbers whose answer was false, and how
    recent: dict[int, Kept] = field(default_factory=dict)  # what earlier processes had answers for, the newest RECENT

    def take(self, kept: Kept) -> None:
        """Something was signed. Raises InvalidData for another price than the channel's."""
        if self.price and kept.price != self.price:
            raise InvalidData(f"a channel at {self.price} base units a call, and a voucher at {kept.price}")
        self.price, voucher = kept.price, kept.voucher
        if self.last is None or (voucher.amount, voucher.calls) > (self.last.amount, self.last.calls):
            self.last = voucher
        others = [each for each in self.kept.get(voucher.calls, []) if each.voucher.request != voucher.request]
        # A number that was served for one request is never served for another.
        self.kept[voucher.calls] = [kept] if kept.owed else [*others, kept]

    def settle(self, calls: int, *, remember: bool = False) -> None:
        """A call was answered, or is given up. `remember` it for the next process."""
        signed = self.kept.pop(calls, [])
        self.false.pop(calls, None)
        if remember and signed and signed[-1].input:
            self.recent.pop(calls, None)
            self.recent[calls] = signed[-1]
            if len(self.recent) > RECENT:
                del self.recent[next(iter(self.recent))]

    def distrust(self, calls: int, why: str) -> None:
        """The answer to a call was not what was paid for."""
        self.false[calls] = why

    def choose(self, input_commitment: str, most: int) -> Choice | None:
        """What a call on these tensors goes out with; None while it has to wait. The number flies from now on.

        Raises StateConflict where waiting does not help: `most` calls are owed, or the payee has lied.
        """
        idle = {calls: kept for calls, kept in self.kept.items() if calls not in self.flying}
        # (1)
        for calls, signed in self.kept.items():
            for kept in signed:
                if not kept.input or kept.input != input_commitment:
                    continue
                if calls in idle:
                    return self._fly(Choice(calls, kept), input_commitment)
                # SAFETY: another call tries this number. Until it is known which of both the payee has served, a new
                # number would pay for this one twice.
                if self.flying[calls] != input_commitment:
                    return None
        for calls, kept in self.recent.items():
            if kept.input == input_commitment:
                del self.recent[calls]  # asked for once more it is a call of its own
                return self._fly(Choice(calls, kept, answered=True), input_commitment)
        # (4)
        for calls, why in self.false.items():
            raise StateConflict(
                f"the answer to call {calls} was false: {why}; nothing more is signed for this channel",
                hint="The same input again asks for a right answer, for nothing. Or use another server.",
            )
        # (3)
        owed = self.owed
        if len(owed) >= most:
            raise StateConflict(
                f"the server has shown that it served {len(owed)} calls whose answers never arrived, expected fewer "
                f"than {most}",
                hint="The same inputs again fetch them, for nothing; --give-up forgets them.",
            )
        if len(owed) + len(self.flying.keys() - owed) >= most:
            return None
        # (2) Not a number whose call is known to be served: it is free to repeat that one, and no other.
        free = idle.keys() - owed
        return self._fly(Choice(min(free, default=self._next())), input_commitment)

    @property
    def owed(self) -> set[int]:
        """Numbers of calls that the payee has shown to be served, and whose answers never arrived."""
        return {calls for calls, signed in self.kept.items() if any(kept.owed for kept in signed)}

    def _next(self) -> int:
        return max(self.last.calls if self.last else 0, *self.flying, 0) + 1

    def _fly(self, choice: Choice, input_commitment: str) -> Choice:
        self.flying[choice.calls] = input_commitment
        return choice

    def voucher(self, channel: str, calls: int, request: str) -> Voucher:
        """The voucher of call `calls`: the price for each number up to its own, and never less than before."""
        return next_voucher(channel, self.last, price=self.price, request=request, calls=calls)

    @property
    def unanswered(self) -> int:
        """Calls that are paid and were never answered."""
        return len(self.kept)
