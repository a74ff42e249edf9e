"""The till: vouchers admitted or refused, each with its status; answers signed, and repeated for nothing."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlm.adapters.chain import typed
from mlm.adapters.onnx.tensors import NumpyTensorCodec
from mlm.adapters.serving.facts import Facts
from mlm.adapters.serving.journal import CallJournal
from mlm.adapters.serving.till import PaidTill, Payee
from mlm.core import served
from mlm.core.channel import Channel, ChannelState, SignedVoucher, encode_header
from mlm.core.commitment import NO_SALT, commit_outputs, tensors_root
from mlm.core.errors import ChainError
from mlm.core.inference import Inference, Wanted
from mlm.core.served import ServedResult, Terms, from_header
from mlm.core.serving import Limits, Refusal, Served, Status
from mlm.ports.runner import Run
from mlm.workflows.serve_channels import Shares, acceptable
from tests.serving import paying
from tests.serving.paying import PAYEE, PRICE, TERMS, Channels, opened, pay, sign

CODEC = NumpyTensorCodec()
ONE = opened(1)
ASKED = Inference(None, (), (Wanted("y", False),))


def tensors(value: float) -> dict[str, np.ndarray]:
    return {"x": np.full((1, 4), value, np.float32)}


def block(value: float) -> bytes:
    return CODEC.to_block(tensors(value))


class Counter:
    """A model that adds one; `runs` counts, `wait` holds it up, `noise` changes what it gives."""

    def __init__(self) -> None:
        self.runs, self.noise = 0, 0.0
        self.wait: asyncio.Event | None = None
        self.error: Exception | None = None

    def run(self, value: float) -> Callable[[], Awaitable[Run]]:
        async def go() -> Run:
            self.runs += 1
            if self.wait is not None:
                await self.wait.wait()
            if self.error is not None:
                raise self.error
            outputs = {"y": tensors(value)["x"] + 1 + np.float32(self.noise), "z": np.zeros(1, np.int64)}
            return Run(outputs, "CPUExecutionProvider", 0.0)

        return go


def render(asked: Inference, outputs: dict[str, np.ndarray]) -> tuple[bytes, dict[str, str]]:
    shown = {each.name: [each.binary, outputs[each.name].tolist()] for each in asked.wanted}
    return json.dumps(shown).encode(), {}


class Shop:
    """A till with all that it needs."""

    def __init__(self, folder: Path, *known: Channel, limits: Limits | None = None, **payee: Any) -> None:
        self.folder, self.chain, self.model = folder, Channels(*known), Counter()
        self.limits, self.changes = limits or Limits(), payee

    async def __aenter__(self) -> Shop:
        made = Payee(
            TERMS,
            lambda inputs: lambda outputs: served.ANY,
            paying.sign_result,
            paying.recover,
            None,
            lambda channel, price: "",
        )
        self.journal = CallJournal(self.folder / "a.served", answers=self.changes.pop("answers", 1000))
        self.facts = Facts(self.chain.read, fresh=self.changes.pop("fresh", 60.0), timeout=5.0)
        self.till = PaidTill(replace(made, **self.changes), self.journal, self.facts, CODEC, ("y", "z"), self.limits)
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.journal.close()
        self.facts.close()

    async def call(self, signed: SignedVoucher, value: float = 1.0, asked: Inference = ASKED) -> Served:
        token = self.till.glance({"mlm-voucher": encode_header(signed)})
        return await self.till.serve(token, asked, tensors(value), self.model.run(value), render)

    async def refused(self, signed: SignedVoucher, value: float = 1.0) -> Refusal:
        with pytest.raises(Refusal) as caught:
            await self.call(signed, value)
        return caught.value


def play(scene: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(scene, 60))


def result_of(answer: Served) -> ServedResult:
    return ServedResult.from_json(from_header(answer.headers["Mlm-Result"], "a result"))


def test_a_paid_call_is_answered_with_a_signed_result(tmp_path: Path) -> None:
    async def scene() -> None:
        async with Shop(tmp_path, ONE) as shop:
            answer = await shop.call(pay(ONE, block(1.0), 1))
            assert json.loads(answer.body) == {"y": [False, [[2.0] * 4]]}
            result = result_of(answer)
            domain = served.domain(paying.CHAIN, paying.CONTRACT)
            assert typed.recover(domain, served.TYPES, result.message, result.signature) == PAYEE
            output = CODEC.to_block({"y": tensors(2.0)["x"]})
            assert result.output_commitment == "0x" + commit_outputs(tensors_root(NO_SALT, output)).hex()
            assert (result.channel, result.call, result.version_id) == (ONE.id, 1, paying.VERSION)
            found = shop.till.best(ONE.id)
            assert found["price"] == "10" and found["served"] == 1 and found["best"]["amount"] == "10"

    play(scene())


def test_a_repeat_costs_nothing_and_gives_the_same(tmp_path: Path) -> None:
    """Also after a restart, in another encoding, and of an answer that was not kept."""

    async def scene() -> None:
        signed = pay(ONE, block(1.0), 1)
        async with Shop(tmp_path, ONE) as shop:
            first = await shop.call(signed)
            again = await shop.call(signed)
            assert (again.body, again.headers, shop.model.runs) == (first.body, first.headers, 1)
        async with Shop(tmp_path, ONE, answers=0) as shop:
            asked = Inference(None, (), (Wanted("z", False), Wanted("y", True)))
            again = await shop.call(signed, asked=asked)
            assert json.loads(again.body) == {"y": [True, [[2.0] * 4]]} and shop.model.runs == 0
            assert result_of(again) == result_of(first)
            other = pay(ONE, block(5.0), 2)
            second = await shop.call(other, 5.0)
            assert result_of(await shop.call(other, 5.0)) == result_of(second) and shop.model.runs == 2
            shop.model.noise = 0.5  # another machine, other last bits: what is stated is what is given
            third = result_of(await shop.call(other, 5.0))
            output = CODEC.to_block({"y": tensors(6.5)["x"]})
            assert third.output_commitment == "0x" + commit_outputs(tensors_root(NO_SALT, output)).hex()
            assert third != result_of(second)
            assert shop.journal.channels[ONE.id].ledger.count == 2

    play(scene())


def test_the_same_call_twice_at_once_runs_once(tmp_path: Path) -> None:
    async def scene() -> None:
        async with Shop(tmp_path, ONE) as shop:
            shop.model.wait = asyncio.Event()
            signed = pay(ONE, block(1.0), 1)
            calls = [asyncio.create_task(shop.call(signed)) for _ in range(5)]
            other = asyncio.create_task(shop.refused(pay(ONE, block(2.0), 1), 2.0))
            refusal = await other
            assert (refusal.status, refusal.word, refusal.retry_after) == (Status.CONFLICT, "call_taken", 1)
            shop.model.wait.set()
            answers = await asyncio.gather(*calls)
            assert len({answer.body for answer in answers}) == 1 and shop.model.runs == 1

    play(scene())


def test_a_call_that_failed_leaves_its_number_free(tmp_path: Path) -> None:
    async def scene() -> None:
        async with Shop(tmp_path, ONE) as shop:
            shop.model.error = Refusal(Status.BUSY, "the queue is full", retry_after=1)
            assert (await shop.refused(pay(ONE, block(1.0), 1))).status is Status.BUSY
            shop.model.error = None
            assert (await shop.call(pay(ONE, block(2.0), 1), 2.0)).body
            assert shop.journal.added == 1

    play(scene())


def test_what_is_refused_before_anything_runs(tmp_path: Path) -> None:
    """Stale, replayed, foreign, over-limit and under-paid vouchers, each with its status; nothing is run or kept."""
    stranger = opened(2, payee="0x" + "99" * 20)
    other_version = opened(3, version_id="0x" + "cd" * 32)
    small, soon = opened(4, deposit=15), opened(5, expires_at=1055)
    closed = replace(opened(6), ending=ChannelState.CLOSED)
    good = pay(ONE, block(1.0), 1)
    foreign_chain = sign(good.voucher, chain=1)
    foreign_contract = sign(good.voucher, contract="0x" + "11" * 20)
    high_s = SignedVoucher(good.voucher, good.signature[:32] + b"\xff" * 32 + good.signature[64:])
    cases = [
        (pay(ONE, block(2.0), 1), 400, "request_mismatch"),
        (pay(ONE, block(1.0), 1, version="0x" + "cd" * 32), 400, "request_mismatch"),
        (foreign_chain, 401, "signature_invalid"),
        (foreign_contract, 401, "signature_invalid"),
        (high_s, 401, "signature_invalid"),
        (SignedVoucher(good.voucher, b"\x01"), 401, "signature_invalid"),
        (pay(ONE, block(1.0), 1, key=b"\x33" * 32), 401, "signature_invalid"),
        (pay(opened(77), block(1.0), 1), 402, "channel_unknown"),
        (pay(stranger, block(1.0), 1), 402, "channel_unknown"),
        (pay(other_version, block(1.0), 1), 402, "channel_unknown"),
        (pay(closed, block(1.0), 1), 402, "channel_ended"),
        (pay(soon, block(1.0), 1), 402, "channel_expires"),
        (pay(small, block(1.0), 2), 402, "over_deposit"),
        (pay(ONE, block(1.0), 1, amount=9), 402, "underpaid"),
        (pay(ONE, block(1.0), 3, amount=29), 402, "underpaid"),
    ]

    async def scene() -> None:
        async with Shop(tmp_path, ONE, stranger, other_version, small, soon, closed) as shop:
            for signed, status, word in cases:
                refusal = await shop.refused(signed)
                assert (refusal.status.http, refusal.word) == (status, word), refusal
                if status == 402:
                    document = refusal.document()
                    assert Terms.from_json(document["mlm"]) == TERMS and document["x402Version"] == 2
                    shown = json.loads(base64.b64decode(refusal.headers["PAYMENT-REQUIRED"]))
                    assert shown["accepts"] == document["accepts"]
            assert shop.model.runs == 0 and shop.journal.added == 0
            await shop.call(good)
            taken = await shop.refused(pay(ONE, block(2.0), 1), 2.0)
            assert (taken.status.http, taken.word) == (409, "call_taken")
            evidence = ServedResult.from_json(from_header(taken.headers["Mlm-Result"], "a result"))
            assert evidence.request == good.voucher.request
            await shop.call(pay(ONE, block(1.0), 2000))
            old = await shop.refused(pay(ONE, block(1.0), 2, amount=20_010))
            assert (old.status.http, old.word) == (409, "call_too_old")

    play(scene())


def test_no_voucher_or_nonsense_in_its_place(tmp_path: Path) -> None:
    async def scene() -> None:
        async with Shop(tmp_path, ONE) as shop:
            with pytest.raises(Refusal) as caught:
                shop.till.glance({})
            assert (caught.value.status.http, caught.value.word) == (402, "payment_required")
            for text in ("", "x", "=", "e30", "a" * 5000, "\xe9", encode_header(pay(ONE, b"", 1)) + "="):
                with pytest.raises(Refusal) as caught:
                    shop.till.glance({"mlm-voucher": text})
                assert (caught.value.status.http, caught.value.word) == (400, "voucher_malformed")
            with pytest.raises(Refusal) as caught:
                shop.till.best(ONE.id)
            assert caught.value.status is Status.NOT_FOUND

    play(scene())


def test_calls_in_any_order_are_all_paid_for(tmp_path: Path) -> None:
    async def scene() -> None:
        async with Shop(tmp_path, ONE) as shop:
            order = [3, 1, 5, 2, 4, 8, 7, 6]
            await asyncio.gather(*(shop.call(pay(ONE, block(float(n)), n), float(n)) for n in order))
            ledger = shop.journal.channels[ONE.id].ledger
            assert ledger.best is not None
            assert ledger.count == 8 and ledger.best.voucher.amount == 8 * PRICE

    play(scene())


def test_one_payer_is_bounded(tmp_path: Path) -> None:
    async def scene() -> None:
        async with Shop(tmp_path, ONE, limits=Limits(payer_calls=2)) as shop:
            shop.model.wait = asyncio.Event()
            under = [asyncio.create_task(shop.call(pay(ONE, block(float(n)), n), float(n))) for n in (1, 2)]
            while shop.model.runs < 2:
                await asyncio.sleep(0)
            refusal = await shop.refused(pay(ONE, block(3.0), 3), 3.0)
            assert (refusal.status, refusal.retry_after) == (Status.TOO_MANY, 1)
            shop.model.wait.set()
            await asyncio.gather(*under)
            await shop.call(pay(ONE, block(3.0), 3), 3.0)

    play(scene())


def test_a_payer_has_a_rate(tmp_path: Path) -> None:
    async def scene() -> None:
        async with Shop(tmp_path, ONE, limits=Limits(payer_rate=0.001)) as shop:
            await shop.call(pay(ONE, block(1.0), 1))
            refusal = await shop.refused(pay(ONE, block(2.0), 2), 2.0)
            assert refusal.status is Status.TOO_MANY and refusal.retry_after and refusal.retry_after > 100
            await shop.call(pay(ONE, block(1.0), 1))  # a repeat is no new call

    play(scene())


def test_what_the_chain_says_is_asked_once_more_before_a_refusal(tmp_path: Path) -> None:
    """A channel opened, or topped up, a moment ago is usable; one that a reorganisation took is noticed."""

    async def scene() -> None:
        small = opened(4, deposit=15)
        async with Shop(tmp_path, small) as shop:
            await shop.call(pay(small, block(1.0), 1))
            shop.chain.known[small.id] = replace(small, deposit=100)
            await shop.call(pay(small, block(2.0), 2), 2.0)
            new = opened(8)
            assert (await shop.refused(pay(new, block(1.0), 1))).word == "channel_unknown"
            shop.chain.known[new.id] = new
            shop.chain.now += 1
            await shop.call(pay(new, block(1.0), 1))
        async with Shop(tmp_path / "other", small, fresh=0.0) as shop:
            await shop.call(pay(small, block(1.0), 1))
            del shop.chain.known[small.id]
            shop.chain.now += 1
            for _ in range(200):  # it is read again in the background
                if shop.chain.reads > 1:
                    break
                await shop.call(pay(small, block(1.0), 1))
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.1)
            assert (await shop.refused(pay(small, block(2.0), 2, amount=1), 2.0)).word == "channel_unknown"

    play(scene())


def test_a_node_that_is_down(tmp_path: Path) -> None:
    async def scene() -> None:
        async with Shop(tmp_path, ONE) as shop:
            shop.chain.error = ChainError("the node is dead")
            refusal = await shop.refused(pay(ONE, block(1.0), 1))
            assert refusal.status is Status.BUSY and refusal.retry_after and "the node is dead" in str(refusal)
            shop.chain.error = None
            await shop.call(pay(ONE, block(1.0), 1))
            shop.chain.error = ChainError("the node is dead")
            await shop.call(pay(ONE, block(2.0), 2), 2.0)  # what is known serves for a while

    play(scene())


def test_many_unknown_channels_cost_few_questions(tmp_path: Path) -> None:
    async def scene() -> None:
        async with Shop(tmp_path, ONE) as shop:
            await asyncio.gather(*(shop.refused(pay(opened(n), block(1.0), 1)) for n in range(100, 200)))
            assert shop.chain.reads <= 6

    play(scene())


def test_channels_that_are_made_up_hold_up_nobody_who_pays(tmp_path: Path) -> None:
    """More of them than may wait: what is known is read again before them, and they are refused or told the truth."""

    async def scene() -> None:
        async with Shop(tmp_path, ONE, fresh=0.0) as shop:
            shop.facts._stale = 0.0  # each call of a known channel waits for the chain
            await shop.call(pay(ONE, block(1.0), 1))
            voucher = pay(ONE, block(1.0), 1)
            made_up = [replace(voucher, voucher=replace(voucher.voucher, channel=f"0x{n:064x}")) for n in range(400)]
            asked = [asyncio.create_task(shop.facts.again(each.voucher.channel)) for each in made_up]
            await asyncio.sleep(0)
            reads = shop.chain.reads
            await shop.call(pay(ONE, block(2.0), 2), 2.0)
            assert shop.chain.reads <= reads + 2  # not behind the 256 that wait
            came = await asyncio.gather(*asked, return_exceptions=True)
            busy = [each for each in came if isinstance(each, Refusal)]
            assert len(busy) == 400 - 256 and all(each.status is Status.BUSY for each in busy)

    play(scene())


def test_a_contract_signs_only_where_the_payee_allows_it(tmp_path: Path) -> None:
    contract = opened(9, signer="0x" + "55" * 20)

    async def scene() -> None:
        async with Shop(tmp_path / "no", contract) as shop:
            assert (await shop.refused(pay(contract, block(1.0), 1))).word == "signature_invalid"
        asked: list[str] = []

        def genuine(signed: SignedVoucher, channel: Channel) -> bool:
            asked.append(channel.id)
            return signed.signature != b"\x01"

        async with Shop(tmp_path / "yes", contract, genuine=genuine) as shop:
            await shop.call(pay(contract, block(1.0), 1))
            bad = replace(pay(contract, block(2.0), 2), signature=b"\x01")
            assert (await shop.refused(bad, 2.0)).word == "signature_invalid"
            assert set(asked) == {contract.id}

    play(scene())


def test_terms_that_would_leave_the_payee_short(tmp_path: Path) -> None:
    async def scene() -> None:
        async with Shop(tmp_path, ONE, acceptable=lambda channel, price: "a use price of at most 5") as shop:
            refusal = await shop.refused(pay(ONE, block(1.0), 1))
            assert (refusal.status.http, refusal.word) == (402, "terms_unacceptable")
        async with Shop(tmp_path, ONE) as shop:
            await shop.call(pay(ONE, block(1.0), 1))
        # Taken once, it stays taken, whatever is asked of new ones.
        async with Shop(tmp_path, ONE, acceptable=lambda channel, price: "no other") as shop:
            await shop.call(pay(ONE, block(2.0), 2), 2.0)

    play(scene())


def test_an_owner_that_raises_its_part_before_it_opens_a_channel_is_refused() -> None:
    before = Shares(fee_bps=100, use_price=2, owner_bps=1_000)
    price = 100  # 1 to the protocol, 10 to the owner

    def why(use_price: int, owner_bps: int) -> str:
        return acceptable(
            replace(ONE, terms=replace(ONE.terms, use_price=use_price, owner_bps=owner_bps)), price, before
        )

    assert why(2, 1_000) == why(10, 1_000) == why(0, 0) == ""
    assert why(2, 9_000) == "terms that leave 89 of 100 base units a call to who serves it, with these 9"
    assert why(11, 0) == "terms that leave 89 of 100 base units a call to who serves it, with these 88"


def test_the_price_of_a_channel_is_for_life(tmp_path: Path) -> None:
    async def scene() -> None:
        async with Shop(tmp_path, ONE) as shop:
            await shop.call(pay(ONE, block(1.0), 1))
        dearer = replace(TERMS, price=20)
        async with Shop(tmp_path, ONE, opened(2), terms=dearer) as shop:
            await shop.call(pay(ONE, block(2.0), 2), 2.0)
            refusal = await shop.refused(pay(ONE, block(3.0), 3, amount=29), 3.0)
            assert refusal.document()["mlm"]["price"] == "10"
            assert (await shop.refused(pay(opened(2), block(1.0), 1))).document()["mlm"]["price"] == "20"

    play(scene())


def test_a_lost_journal_does_not_serve_what_was_paid_for(tmp_path: Path) -> None:
    async def scene() -> None:
        claimed = replace(ONE, claimed=100, claimed_calls=10)
        async with Shop(tmp_path, claimed) as shop:
            assert (await shop.refused(pay(claimed, block(1.0), 10))).word == "call_too_old"
            await shop.call(pay(claimed, block(1.0), 11))
        async with Shop(tmp_path, claimed) as shop:
            assert shop.journal.channels[ONE.id].ledger.floor == 10

    play(scene())


def test_repeats_that_are_computed_anew_are_bounded(tmp_path: Path) -> None:
    """One paid call with an answer too large to keep: its repeats, at once, must not take the model from all others."""

    async def scene() -> None:
        async with Shop(tmp_path, ONE, answers=0) as shop:
            paid = [pay(ONE, block(float(number)), number) for number in (1, 2)]
            for number, signed in enumerate(paid, 1):
                await shop.call(signed, float(number))
            shop.model.wait, before = asyncio.Event(), shop.model.runs
            repeats = [asyncio.create_task(shop.call(paid[0])) for _ in range(50)]
            await asyncio.sleep(0.05)
            assert shop.model.runs == before + 1
            shop.model.wait.set()
            came = await asyncio.gather(*repeats, return_exceptions=True)
            assert any(isinstance(each, Served) for each in came)
            assert {each.status for each in came if isinstance(each, Refusal)} <= {Status.BUSY}
        async with Shop(tmp_path, ONE, answers=0, limits=Limits(payer_calls=1)) as shop:
            shop.model.wait = asyncio.Event()
            first = asyncio.create_task(shop.call(paid[0]))
            await asyncio.sleep(0.05)
            assert (await shop.refused(paid[1], 2.0)).status is Status.TOO_MANY
            shop.model.wait.set()
            assert (await first).body

    play(scene())
