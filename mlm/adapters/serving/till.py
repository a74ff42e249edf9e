"""The till of a paid server: a voucher for each call, admitted by mlm/core/admission.py, journalled before the answer.

INVARIANT: an answer leaves after its voucher and its signed result are durable; a call refused before has cost nothing.
"""

from __future__ import annotations

import asyncio
import base64
import time
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from mlm.adapters.onnx.tensors import to_arrays
from mlm.adapters.serving.facts import Facts, Seen
from mlm.adapters.serving.journal import CallJournal
from mlm.core import dagcbor
from mlm.core.admission import Answer, Ledger, Refused, Repeat, admit
from mlm.core.channel import Channel, SignedVoucher, Voucher, decode_header, encode_header, request_digest
from mlm.core.commitment import NO_SALT, commit_outputs, tensors_root, unverified_input_commitment
from mlm.core.errors import InvalidData, MlmError, StorageError
from mlm.core.inference import Inference, Wanted
from mlm.core.serve_journal import CallRecord
from mlm.core.served import (
    RESULT_HEADER,
    VOUCHER_HEADER,
    X402_HEADER,
    ServedResult,
    Terms,
    from_header,
    header,
    payment_required,
)
from mlm.core.serving import Limits, Rate, Refusal, Served, Status
from mlm.core.tensors import from_document

if TYPE_CHECKING:
    import numpy as np

    from mlm.ports.runner import Run
    from mlm.ports.tensors import TensorCodec

    Arrays = dict[str, np.ndarray]

Profile = Callable[["Arrays"], Callable[["Arrays"], str]]
_HEADER = VOUCHER_HEADER.lower()
_OF_THE_CHAIN = {"channel_unknown", "channel_ended", "channel_expires", "over_deposit"}  # it may know better by now
_SAID = 4096  # vouchers that a contract has said it signed
_TURNS = 8  # of waiting for the same call


@dataclass(frozen=True)
class Payee:
    """Who is paid: the terms, how results are signed, and whose a voucher's signature is.

    `genuine` may ask the chain, for a contract's signature; it is called in a thread. `acceptable` says why a channel's
    own terms would leave the payee short, or nothing; it is asked of channels that have paid for nothing yet.
    `profile` is asked with a call's inputs before it runs, and may raise InvalidData; what comes back, with all outputs
    of the model, for the word that names the arithmetic.
    """

    terms: Terms
    profile: Profile
    sign: Callable[[ServedResult], bytes]
    recover: Callable[[SignedVoucher], str]
    genuine: Callable[[SignedVoucher, Channel], bool] | None
    acceptable: Callable[[Channel, int], str]


class PaidTill:
    """Takes vouchers. `outputs` are the names of the model's outputs, in its order."""

    def __init__(
        self,
        payee: Payee,
        journal: CallJournal,
        facts: Facts,
        codec: TensorCodec,
        outputs: tuple[str, ...],
        limits: Limits,
    ) -> None:
        self._payee, self._journal, self._facts, self._codec = payee, journal, facts, codec
        self._outputs, self._limits = outputs, limits
        self._rate, self._under_way = Rate(limits.payer_rate), Counter[str]()
        self._calls: dict[tuple[str, int], tuple[str, asyncio.Future[None]]] = {}
        self._version = bytes.fromhex(payee.terms.version_id[2:])
        self._asking = asyncio.Semaphore(4)  # questions to the node at once, whoever sends vouchers that need them
        self._said: OrderedDict[SignedVoucher, None] = OrderedDict()
        self.url = ""

    def glance(self, headers: Mapping[str, str]) -> SignedVoucher:
        """The voucher of a request's headers. Raises Refusal: PAYMENT_REQUIRED without one, MALFORMED for nonsense."""
        text = headers.get(_HEADER)
        if text is None:
            raise self._required("payment_required", f"expected a voucher in the header {VOUCHER_HEADER}, found none")
        try:
            return decode_header(text)
        except InvalidData as error:
            raise Refusal(Status.MALFORMED, str(error), word="voucher_malformed") from error

    async def serve(
        self,
        token: Any,
        asked: Inference,
        inputs: Arrays,
        run: Callable[[], Awaitable[Run]],
        render: Callable[[Inference, Arrays], tuple[bytes, dict[str, str]]],
    ) -> Served:
        """Serve a call that its voucher pays for.

        1. The voucher names this request: version and tensors.
        2. The chain knows its channel, and the signature is the signer's.
        3. The same call under way is waited for, then given again; another under the same number is refused.
        4. The rule of admission; what the chain may know better by now is asked once more.
        5. The payer is within its bounds.
        6. The model runs, the answer can be written, the result is signed, the call is durable.
        Raises Refusal.
        """
        signed: SignedVoucher = token
        voucher, began = signed.voucher, time.monotonic()
        # (1)
        try:
            block = self._codec.to_block(inputs)
        except InvalidData as error:
            raise Refusal(Status.TOO_LARGE, f"a paid call's tensors are committed to as one block: {error}") from error
        given = "0x" + unverified_input_commitment(self._version, tensors_root(NO_SALT, block)).hex()
        request = request_digest(voucher.channel, voucher.calls, self._payee.terms.version_id, given)
        # (2)
        seen = await self._facts.of(voucher.channel)
        for _ in range(_TURNS):
            channel = seen.channel
            genuine = channel is not None and await self._genuine(signed, channel)
            # (3) Only whoever holds the signature can learn, or wait, that a call is under way.
            if genuine and (under := self._calls.get((voucher.channel, voucher.calls))):
                if under[0] != request:
                    words = f"call {voucher.calls} is being served for another request"
                    raise Refusal(Status.CONFLICT, words, word="call_taken", retry_after=1)
                await asyncio.shield(under[1])
                continue
            # (4)
            answer = self._decide(signed, seen, request, genuine)
            if isinstance(answer, Refused) and answer.reason in _OF_THE_CHAIN and seen.at < began:
                again = await self._facts.again(voucher.channel)
                if again.channel != seen.channel or again.clock != seen.clock:
                    seen = again
                    channel = seen.channel
                    genuine = channel is not None and await self._genuine(signed, channel)
                    if (voucher.channel, voucher.calls) in self._calls:
                        continue
                    answer = self._decide(signed, seen, request, genuine)
            if isinstance(answer, Refused):
                raise self._refused(answer, voucher.channel, voucher.calls)
            assert channel is not None
            if isinstance(answer, Repeat):
                return await self._again(signed, channel, request, inputs, asked, run, render)
            return await self._admitted(signed, channel, request, given, inputs, asked, run, render)
        raise Refusal(Status.BUSY, "the same call is sent again and again", retry_after=1)

    def best(self, channel: str) -> dict[str, Any]:
        """The best voucher of a channel, so that a payer that has lost its own goes on."""
        held = self._journal.held(channel.lower())
        if held is None:
            raise Refusal(Status.NOT_FOUND, "this channel has paid for nothing here")
        ledger = held.ledger
        best = None
        if ledger.best is not None:
            best = from_header(encode_header(ledger.best), "a voucher")
        return {
            "channel": channel.lower(),
            "price": str(ledger.price),
            "served": ledger.count,
            "highest": str(ledger.highest),
            "best": best,
        }

    async def close(self) -> None:
        """Ask no more, and let the journal go once all is written."""
        self._facts.close()
        await self._journal.close()

    def _decide(self, signed: SignedVoucher, seen: Seen, request: str, genuine: bool) -> Answer:
        ledger, channel = self._ledger(signed.voucher.channel, seen.channel), seen.channel
        terms, now = self._payee.terms, seen.now(time.monotonic())
        if channel is not None and (
            channel.terms.payee.lower() != terms.payee.lower() or channel.terms.version_id != terms.version_id
        ):
            channel = None  # it pays somebody else, or for another version
        # A channel that was taken once stays taken.
        new = channel is not None and genuine and not ledger.count
        if channel is not None and new and (why := self._payee.acceptable(channel, ledger.price)):
            return Refused("terms_unacceptable", Status.PAYMENT_REQUIRED.http, why, channel.id)
        return admit(ledger, channel, signed, request=request, genuine=genuine, now=now, margin=terms.margin)

    def _ledger(self, name: str, channel: Channel | None) -> Ledger:
        """Of a channel that the journal does not know, what the chain knows."""
        held = self._journal.held(name)
        if held is not None:
            return held.ledger
        price = self._payee.terms.price
        return Ledger.after_loss(price, channel) if channel is not None else Ledger(price)

    async def _genuine(self, signed: SignedVoucher, channel: Channel) -> bool:
        if self._payee.recover(signed) == channel.terms.signer.lower():
            return True
        if self._payee.genuine is None:
            return False
        if signed in self._said:
            return True
        try:
            async with self._asking:
                found = await asyncio.to_thread(self._payee.genuine, signed, channel)
        except MlmError as error:
            words = f"the channel's signer is a contract, which cannot be asked now: {str(error)[:200]}"
            raise Refusal(Status.BUSY, words, retry_after=5) from error
        if found:  # of this very voucher: it may say otherwise of the next
            self._said[signed] = None
            if len(self._said) > _SAID:
                self._said.popitem(last=False)
        return found

    async def _admitted(
        self,
        signed: SignedVoucher,
        channel: Channel,
        request: str,
        given: str,
        inputs: Arrays,
        asked: Inference,
        run: Callable[[], Awaitable[Run]],
        render: Callable[[Inference, Arrays], tuple[bytes, dict[str, str]]],
    ) -> Served:
        voucher, payer = signed.voucher, channel.terms.payer.lower()
        # (5)
        with self._within(payer, voucher, request):
            # (6)
            profile = self._profile(inputs)
            found = (await run()).outputs
            outputs = {each.name: found[each.name] for each in asked.wanted}
            body, headers = render(asked, outputs)
            block = self._codec.to_block(outputs)
            result = self._statement(signed, given, block, profile(found))
            ledger = self._ledger(voucher.channel, channel)
            record = CallRecord(ledger.price, voucher.amount, result, signed.signature, self._mask(asked), block)
            try:
                await self._journal.add(record, ledger, alone=len(self._calls) == 1)
            except StorageError as error:
                raise Refusal(Status.BUSY, f"the call cannot be written down: {error}", retry_after=5) from error
            return self._served(body, headers, result, payer, "")

    @contextmanager
    def _within(self, payer: str, voucher: Voucher, request: str) -> Iterator[None]:
        """A call is under way, within its payer's bounds; the same call waits meanwhile. Raises Refusal."""
        if self._under_way[payer] >= self._limits.payer_calls:
            raise Refusal(
                Status.TOO_MANY, f"{self._limits.payer_calls} calls of this payer are under way", retry_after=1
            )
        if wait := self._rate.take(payer, time.monotonic()):
            words = f"more than {self._limits.payer_rate:g} calls a second of this payer"
            raise Refusal(Status.TOO_MANY, words, retry_after=int(wait) + 1)
        key = voucher.channel, voucher.calls
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._calls[key] = request, done
        self._under_way[payer] += 1
        try:
            yield
        finally:
            del self._calls[key]
            self._under_way[payer] -= 1
            if not self._under_way[payer]:
                del self._under_way[payer]
            done.set_result(None)

    async def _again(
        self,
        signed: SignedVoucher,
        channel: Channel,
        request: str,
        inputs: Arrays,
        asked: Inference,
        run: Callable[[], Awaitable[Run]],
        render: Callable[[Inference, Arrays], tuple[bytes, dict[str, str]]],
    ) -> Served:
        """The answer of a call that was served; computed anew, within the payer's bounds, where it was not kept."""
        voucher, payer = signed.voucher, channel.terms.payer.lower()
        try:
            record = self._journal.find(voucher.channel, voucher.calls)
        except MlmError as error:
            raise Refusal(Status.BUSY, f"the answer cannot be read: {error}", retry_after=5) from error
        names = [name for at, name in enumerate(self._outputs) if record.mask >> at & 1]
        binary = {each.name: each.binary for each in asked.wanted}
        asked = replace(asked, wanted=tuple(Wanted(name, binary.get(name, asked.binary)) for name in names))
        result = record.result
        if record.answer:
            outputs = to_arrays(from_document(dagcbor.decode(record.answer)))  # NaN is what the model gave
        else:
            with self._within(payer, voucher, request):  # one paid call is not the model's whole time
                found = (await run()).outputs
            outputs = {name: found[name] for name in names}
            block = self._codec.to_block(outputs)
            if _output_commitment(block) != result.output_commitment:
                # Another order of sums gives other last bits: it is stated anew, as what it is.
                result = self._statement(signed, result.input_commitment, block, self._profile(inputs)(found))
        body, headers = render(asked, outputs)
        return self._served(body, headers, result, payer, "repeat")

    def _profile(self, inputs: Arrays) -> Callable[[Arrays], str]:
        try:
            return self._payee.profile(inputs)
        except InvalidData as error:
            raise Refusal(Status.MALFORMED, str(error)) from error

    def _statement(self, signed: SignedVoucher, given: str, block: bytes, profile: str) -> ServedResult:
        voucher = signed.voucher
        bare = ServedResult(
            *(voucher.channel, voucher.calls, voucher.request, self._payee.terms.version_id),
            *(given, _output_commitment(block), profile, int(time.time())),
        )
        return bare.signed(self._payee.sign(bare))

    def _mask(self, asked: Inference) -> int:
        return sum(1 << self._outputs.index(each.name) for each in asked.wanted)

    def _served(self, body: bytes, headers: dict[str, str], result: ServedResult, payer: str, how: str) -> Served:
        logged = {"payer": payer, "channel": result.channel, "call": result.call, **({"how": how} if how else {})}
        return Served(body, {**headers, RESULT_HEADER: header(result.to_json())}, logged)

    def _refused(self, answer: Refused, channel: str, call: int) -> Refusal:
        if answer.status == Status.PAYMENT_REQUIRED.http:
            return self._required(answer.reason, str(answer), channel)
        headers = {}
        if answer.reason == "call_taken":
            try:
                # What the payer has a right to: the statement of the call that took the number.
                headers[RESULT_HEADER] = header(self._journal.find(channel, call).result.to_json())
            except MlmError:
                headers = {}
        status = next(each for each in Status if each.http == answer.status)
        return Refusal(status, str(answer), word=answer.reason, headers=headers)

    def _required(self, reason: str, words: str, channel: str = "") -> Refusal:
        """A 402; of a channel that has paid before, at its own price."""
        import orjson

        terms, held = self._payee.terms, self._journal.held(channel)
        if held is not None:
            terms = replace(terms, price=held.ledger.price)
        document = payment_required(terms, self.url, words)
        headers = {X402_HEADER: base64.b64encode(orjson.dumps(document)).decode()}
        return Refusal(Status.PAYMENT_REQUIRED, words, word=reason, detail=document, headers=headers)


def _output_commitment(block: bytes) -> str:
    return "0x" + commit_outputs(tensors_root(NO_SALT, block)).hex()
