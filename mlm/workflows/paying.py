"""Paid calls over one channel: choose a number, sign, write down, ask, check the answer, and only then believe it.

What can be lost to a server that lies, dies or drips: what was signed and not answered, which is at most the price of
the calls that run at once. The rules are in core/spent.py, the protocol in docs/paying.md.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from mlm.core import channel as channels
from mlm.core import served
from mlm.core.channel import Channel, SignedVoucher, Voucher
from mlm.core.commitment import NO_SALT, commit_outputs, tensors_root, unverified_input_commitment
from mlm.core.errors import (
    InsufficientFunds,
    InvalidData,
    MlmError,
    Refused,
    ServerFailed,
    StateConflict,
    VerificationFailed,
)
from mlm.core.served import ServedResult, Terms
from mlm.core.spent import Choice, Kept
from mlm.ports.bundle import Ports
from mlm.ports.model_server import Answer, ModelServer

if TYPE_CHECKING:
    from mlm.ports.tensors import Tensors

TRIES = 5  # of one call
_BUSY = (408, 425, 429, 500, 502, 503, 504)
_PAUSE = 0.2  # seconds before the second try, twice as long before each later one


@dataclass(frozen=True)
class Limits:
    """What a payer allows. `price`: base units for a call, at most; `seconds`: for a call with all its tries."""

    price: int
    concurrent: int = 8
    seconds: float = 60.0
    tries: int = TRIES


@dataclass(frozen=True)
class Paid:
    """A call that was answered and checked. `repeated`: it had been paid before, and was asked for again."""

    outputs: Tensors = field(repr=False)
    result: ServedResult
    voucher: SignedVoucher
    input_block: bytes = field(repr=False)
    output_block: bytes = field(repr=False)
    repeated: bool
    tries: int


class Payer:
    """Calls of one channel, from any number of threads. A context manager: the channel is this process's meanwhile.

    `more` tops the channel up to at least so many base units and returns it as it is then; it may raise. `opens` says
    how a result of these inputs and outputs names its profile, where only exact ones are believed.
    """

    def __init__(
        self,
        ports: Ports,
        server: ModelServer,
        terms: Terms,
        channel: Channel,
        limits: Limits,
        more: Callable[[int], Channel] | None = None,
        opens: Callable[[Tensors, Tensors], str] | None = None,
    ) -> None:
        self._ports, self._server, self._terms, self._channel = ports, server, terms, channel
        self._limits, self._more, self._opens = limits, more, opens
        self._free = threading.Condition()
        self._topping = threading.Lock()
        self._hold = ports.spent.hold(channel.id)

    def __enter__(self) -> Payer:
        self._hold.__enter__()
        try:
            self._record = self._ports.spent.record(self._channel.id)
            self._begin()
        except BaseException:
            self._hold.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        self._hold.__exit__(None, None, None)

    def give_up(self) -> int:
        """Forget the calls that the server owes an answer to; how many they were. What was paid for them stays paid."""
        with self._free:
            owed = self._record.owed - self._record.flying.keys()
            for calls in owed:
                self._ports.spent.settle(self._channel.id, calls)
                self._record.settle(calls)
            return len(owed)

    @property
    def price(self) -> int:
        """Base units for a call: the channel's, for its whole life."""
        return self._record.price

    @property
    def spent(self) -> int:
        """Base units signed for, all in all."""
        return self._record.last.amount if self._record.last else 0

    @property
    def unanswered(self) -> int:
        """Calls paid for and not answered: what this server can have taken for nothing."""
        return self._record.unanswered

    def infer(self, inputs: Tensors) -> Paid:
        """One paid call. The same tensors after an error, or after a crash, repeat it with the same voucher.

        Raises InvalidData when the server refuses the call, Refused when it asks for more than is allowed,
        VerificationFailed when its answer is not what was paid for, ServerFailed when none came, InsufficientFunds.
        """
        block = self._ports.tensors.to_block(inputs)
        version = bytes.fromhex(self._terms.version_id[2:])
        commitment = "0x" + unverified_input_commitment(version, tensors_root(NO_SALT, block)).hex()
        clock = self._ports.system
        end = clock.monotonic() + self._limits.seconds
        choice = self._choose(commitment, end)
        repeated = choice.before is not None
        trouble: MlmError | None = None
        tries = learnt = 0
        try:
            while tries < self._limits.tries and (left := end - clock.monotonic()) > 0:
                kept = choice.before or self._sign(choice.calls, commitment)
                choice = replace(choice, before=kept)
                tries += 1
                pause = _PAUSE * 2**tries
                try:
                    answer = self._server.infer(inputs, kept.signed, left)
                except (ServerFailed, InvalidData) as error:
                    trouble = error
                else:
                    if answer.status == 200:
                        return self._believed(answer, kept, block, repeated, tries)
                    trouble = self._refused(answer, kept)
                    # The number's call for other tensors is under way, from before a kill: whose it is shows later.
                    taken = answer.status == 409 and answer.retry_after > 0
                    more = answer.status in (402, 409) and not taken and learnt <= 2 * self._limits.concurrent
                    # What was answered before, and is forgotten by now, is a new call.
                    if more and (choice.answered or self._learn(answer, kept)):
                        choice, tries, learnt = self._again(choice, commitment, end), 0, learnt + 1
                        repeated = choice.before is not None
                        continue
                    if not taken and answer.status not in (*_BUSY, 402):
                        break
                    pause = max(pause, answer.retry_after)
                if tries < self._limits.tries:
                    clock.sleep(min(pause, max(0.0, end - clock.monotonic())))
        finally:
            self._land(choice)
        raise trouble or ServerFailed(f"the model server {self._server.where} did not answer in time")

    # ------------------------------------------------------------ numbers and vouchers

    def _choose(self, commitment: str, end: float) -> Choice:
        with self._free:
            while (choice := self._record.choose(commitment, self._limits.concurrent)) is None:
                left = end - self._ports.system.monotonic()
                if left <= 0 or not self._free.wait(left):
                    raise StateConflict(
                        f"{self._limits.concurrent} calls are under way and none ended in {self._limits.seconds:g} s",
                        hint="Fewer threads, or a larger `concurrent`: it is also how many calls you can lose.",
                    )
            return choice

    def _land(self, choice: Choice) -> None:
        with self._free:
            self._record.flying.pop(choice.calls, None)
            self._free.notify_all()  # who is woken may find that it must not go on

    def _again(self, choice: Choice, commitment: str, end: float) -> Choice:
        self._land(choice)
        return self._choose(commitment, end)

    def _sign(self, calls: int, commitment: str) -> Kept:
        """Sign, and write down before anything leaves."""
        request = channels.request_digest(self._channel.id, calls, self._terms.version_id, commitment)
        with self._free:
            voucher = self._record.voucher(self._channel.id, calls, request)
            self._check_step(voucher)
        if voucher.amount > self._channel.deposit:
            self._top_up(voucher.amount)
        domain = channels.domain(self._terms.chain_id, self._terms.channels)
        signature = self._ports.signer.sign_typed(domain, channels.TYPES, channels.message(voucher))
        kept = Kept(SignedVoucher(voucher, signature), commitment, self._record.price)
        # INVARIANT: what leaves is in the journal.
        self._ports.spent.keep(kept)
        with self._free:
            self._record.take(kept)
        return kept

    def _check_step(self, voucher: Voucher) -> None:
        """INVARIANT: a voucher gives at most one price for each number above the last one's.

        A payer that lost its journal has the price from the server: a higher one would be paid for all calls before.
        """
        last = self._record.last
        if last is None:
            return
        step, most = voucher.amount - last.amount, self.price * max(0, voucher.calls - last.calls)
        if step > most:
            raise Refused(
                f"the price of a call of the channel {self._channel.id[:10]}…",
                f"at most {last.amount // last.calls}, as its voucher of call {last.calls} says",
                self.price,
            )

    def _top_up(self, amount: int) -> None:
        with self._topping:
            if amount <= self._channel.deposit:
                return
            if self._more is None:
                raise InsufficientFunds(
                    f"the channel {self._channel.id[:10]}… holds {self._channel.deposit}, the next call needs {amount}",
                    hint=f"`mlm channel topup {self._channel.id}`, or give --deposit.",
                )
            self._channel = self._more(amount)
            if amount > self._channel.deposit:
                raise InsufficientFunds(f"topped up to {self._channel.deposit}, the next call needs {amount}")

    # ------------------------------------------------------------ what the server says

    def _begin(self) -> None:
        """Learn the channel's price, and what was signed for it on another machine or before a loss."""
        expected, found = self._channel.terms.signer, self._ports.signer.address  # which may ask for a password: once
        if expected.lower() != found.lower():
            raise Refused(f"the signer of the channel {self._channel.id[:10]}…", expected, found)
        seen = self._server.channel(self._channel.id)
        if self._record.price == 0:
            self._record.price = seen.price if seen else self._terms.price
        if self.price > self._limits.price:
            raise Refused("the price of a call", f"at most {self._limits.price}", self.price)
        if seen is not None and seen.best is not None:
            self._adopt(seen.best)
        claimed, calls = self._channel.claimed, self._channel.claimed_calls
        if claimed > self.spent:
            raise StateConflict(
                f"{claimed} of the channel {self._channel.id[:10]}… is claimed for {calls} calls, and neither this "
                f"machine nor the server knows a voucher above {self.spent}",
                hint="Use the machine that signed for it, or open another channel.",
            )

    def _adopt(self, best: SignedVoucher) -> bool:
        """Take over the best voucher that the server shows, when it is ours and pays more than all we know.

        Raises VerificationFailed for one that this account never signed.
        """
        voucher = best.voucher
        if voucher.channel != self._channel.id:
            raise VerificationFailed(f"a voucher of channel {self._channel.id[:10]}…", hint="The server is at fault.")
        domain = channels.domain(self._terms.chain_id, self._terms.channels)
        signer = self._ports.recover(domain, channels.TYPES, channels.message(voucher), best.signature)
        if signer.lower() != self._ports.signer.address.lower():
            raise VerificationFailed(
                f"the server {self._server.where} shows a voucher for the channel {self._channel.id[:10]}… that was "
                f"signed by {signer}, expected {self._ports.signer.address}"
            )
        with self._free:
            last = self._record.last
            if last is not None and (voucher.amount, voucher.calls) <= (last.amount, last.calls):
                return False
            self._ports.spent.keep(kept := Kept(best, "", self.price))
            self._ports.spent.settle(self._channel.id, voucher.calls)
            self._record.take(kept)
            self._record.settle(voucher.calls)
            return True

    def _learn(self, answer: Answer, kept: Kept) -> bool:
        """Whether a refusal says something that makes another number worth trying.

        A number that was served for another of our requests: the payee's signature shows it, and that call is owed
        its answer from then on. Or a voucher of ours that we have forgotten.
        """
        if answer.status == 409 and answer.result is not None:
            result = answer.result
            with self._free:
                known = self._record.kept.get(kept.voucher.calls, [])
                mine = [each for each in known if each.voucher.request == result.request]
            if result.request == kept.voucher.request or not mine:
                return False
            expected = replace(
                result,
                channel=self._channel.id,
                call=kept.voucher.calls,
                version_id=self._terms.version_id,
                input_commitment=mine[0].input,
            )
            self._check(result, expected)
            owed = replace(mine[0], owed=True)
            with self._free:
                self._ports.spent.keep(owed)
                self._record.take(owed)
            return True
        seen = self._server.channel(self._channel.id)
        return seen is not None and seen.best is not None and self._adopt(seen.best)

    def _refused(self, answer: Answer, kept: Kept) -> MlmError:
        where, said = self._server.where, answer.said or "nothing"
        call = f"call {kept.voucher.calls} of the channel {self._channel.id[:10]}…"
        if answer.terms is not None:
            check_terms(answer.terms, self._terms)
            if answer.terms.price > self.price:
                return Refused("the price of a call", f"{self.price}, as agreed for this channel", answer.terms.price)
        if answer.status == 402:
            return Refused(f"{where} wants to be paid otherwise for {call}", f"{kept.voucher.amount} to do", said)
        if answer.status == 409:
            return StateConflict(
                f"{where} says that {call} is another one, and does not show its signature: {said}",
                hint="The same input as of the call that was not answered repeats that one; or open another channel.",
            )
        if answer.status in _BUSY:
            return ServerFailed(
                f"the model server {where} answered {self._limits.tries} times at most with HTTP status "
                f"{answer.status}: {said}",
                hint="The same input again repeats the call with the same voucher: nothing is paid twice.",
            )
        return InvalidData(f"the model server {where} refused with HTTP status {answer.status}: {said}")

    def _believed(self, answer: Answer, kept: Kept, block: bytes, repeated: bool, tries: int) -> Paid:
        try:
            return self._believe(answer, kept, block, repeated, tries)
        except (VerificationFailed, InvalidData) as error:
            with self._free:
                self._ports.spent.distrust(self._channel.id, kept.voucher.calls, str(error)[:300])
                self._record.distrust(kept.voucher.calls, str(error)[:300])
            raise

    def _believe(self, answer: Answer, kept: Kept, block: bytes, repeated: bool, tries: int) -> Paid:
        """The answer, once its signature shows that it is of this very call and these very tensors."""
        if answer.result is None or answer.outputs is None:
            raise VerificationFailed(f"{self._server.where} answered without a signed result, expected one")
        outputs = self._ports.tensors.to_block(answer.outputs)
        expected = ServedResult(
            channel=self._channel.id,
            call=kept.voucher.calls,
            request=kept.voucher.request,
            version_id=self._terms.version_id,
            input_commitment=kept.input,
            output_commitment="0x" + commit_outputs(tensors_root(NO_SALT, outputs)).hex(),
            profile=answer.result.profile,
            served_at=answer.result.served_at,
        )
        self._check(answer.result, expected)
        if self._opens is not None:
            opened = self._opens(self._ports.tensors.from_block(block), answer.outputs)
            if answer.result.profile != opened:
                raise VerificationFailed(
                    f"the signed result's profile: expected {opened}, of these inputs and outputs, found "
                    f"{answer.result.profile}",
                    hint="No bond answers for it, true or false: pay another server.",
                )
        self._ports.spent.settle(self._channel.id, kept.voucher.calls)
        with self._free:
            self._record.settle(kept.voucher.calls)
        return Paid(answer.outputs, answer.result, kept.signed, block, outputs, repeated, tries)

    def _check(self, result: ServedResult, expected: ServedResult) -> None:
        domain = served.domain(self._terms.chain_id, self._terms.channels)
        signer = self._ports.recover(domain, served.TYPES, result.message, result.signature)
        served.check_result(result, expected, signer, self._terms.payee)


def check_terms(found: Terms, expected: Terms) -> None:
    """Raise Refused unless a server's terms are of the same chain, contract, token, payee and version."""
    for name in ("chain_id", "genesis", "channels", "token", "payee", "version_id"):
        wanted, other = getattr(expected, name), getattr(found, name)
        if str(wanted).lower() != str(other).lower():
            raise Refused(f"the server's {name}", wanted, other)
