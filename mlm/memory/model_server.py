"""A server of models in memory: an honest payee by the rule of core/admission.py, which a test may spoil."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mlm.core import channel as channels
from mlm.core import served
from mlm.core.admission import Admitted, Ledger, Refused, admit
from mlm.core.channel import Channel, SignedVoucher
from mlm.core.commitment import NO_SALT, commit_outputs, tensors_root, unverified_input_commitment
from mlm.core.served import ServedResult, Terms
from mlm.ports.model_server import Answer, Offer, Seen
from mlm.ports.signer import Recover, Signer
from mlm.ports.tensors import TensorCodec

if TYPE_CHECKING:
    import numpy as np

    Tensors = Mapping[str, np.ndarray]


class MemoryModelServer:
    """The ModelServer port. `spoil` may change an answer, or raise what a dead server would, after it was served.

    `before` is called with each voucher before it is looked at, and may raise: such a call never arrived.
    """

    where = "memory://server"

    def __init__(
        self, terms: Terms, channel: Channel, payee: Signer, recover: Recover, codec: TensorCodec, now: int
    ) -> None:
        self.terms, self.channel_on_chain, self._payee, self._recover = terms, channel, payee, recover
        self._codec, self._now = codec, now
        self.ledger = Ledger(terms.price)
        self.answers: dict[str, tuple[ServedResult, Tensors]] = {}  # by request
        self.asked: list[SignedVoucher] = []
        self.before: Callable[[SignedVoucher], Any] = lambda voucher: None
        self.spoil: Callable[[SignedVoucher, Answer], Answer] = lambda voucher, answer: answer

    def offer(self) -> Offer:
        return Offer("double", ("x",), ("y",), self.terms)

    def infer(self, inputs: Tensors, voucher: SignedVoucher | None, within: float) -> Answer:
        """Twice the input, for one voucher."""
        assert voucher is not None
        self.asked.append(voucher)
        self.before(voucher)
        return self.spoil(voucher, self._serve(inputs, voucher))

    def _serve(self, inputs: Tensors, voucher: SignedVoucher) -> Answer:
        version = bytes.fromhex(self.terms.version_id[2:])
        root = tensors_root(NO_SALT, self._codec.to_block(inputs))
        commitment = "0x" + unverified_input_commitment(version, root).hex()
        given = voucher.voucher
        request = channels.request_digest(given.channel, given.calls, self.terms.version_id, commitment)
        domain = channels.domain(self.terms.chain_id, self.terms.channels)
        signer = self._recover(domain, channels.TYPES, channels.message(given), voucher.signature)
        verdict = admit(
            self.ledger,
            self.channel_on_chain,
            voucher,
            request=request,
            genuine=signer.lower() == self.channel_on_chain.terms.signer.lower(),
            now=self._now,
            margin=self.terms.margin,
        )
        if isinstance(verdict, Refused):
            taken = self.ledger.served.get(given.calls) if verdict.status == 409 else None
            shown = self.answers[taken][0] if taken is not None else None
            return Answer(verdict.status, str(verdict), result=shown, terms=self.terms)
        if isinstance(verdict, Admitted):
            self.ledger.record(voucher)
            outputs = {"y": inputs["x"] * 2}
            self.answers[request] = self._sign(given, request, commitment, outputs), outputs
        result, outputs_kept = self.answers[request]
        return Answer(200, outputs=outputs_kept, result=result)

    def _sign(self, voucher: channels.Voucher, request: str, commitment: str, outputs: Tensors) -> ServedResult:
        output = "0x" + commit_outputs(tensors_root(NO_SALT, self._codec.to_block(outputs))).hex()
        bare = ServedResult(
            channel=voucher.channel,
            call=voucher.calls,
            request=request,
            version_id=self.terms.version_id,
            input_commitment=commitment,
            output_commitment=output,
            profile=served.ANY,
            served_at=self._now,
        )
        return self.signed(bare)

    def signed(self, bare: ServedResult) -> ServedResult:
        """The same, with the payee's signature."""
        domain = served.domain(self.terms.chain_id, self.terms.channels)
        return replace(bare, signature=self._payee.sign_typed(domain, served.TYPES, bare.message))

    def channel(self, channel: str) -> Seen | None:
        best = self.ledger.best
        return None if best is None else Seen(self.ledger.price, self.ledger.count, best)

    def close(self) -> None:
        """Nothing to let go."""
