"""A payer on a real devnet: channels of the real contract, vouchers and calls over plain sockets."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mlm.adapters.chain import deployment, typed
from mlm.adapters.chain.read import EthChain
from mlm.adapters.chain.rpc import Rpc
from mlm.adapters.chain.send import EthSender
from mlm.adapters.onnx.tensors import NumpyTensorCodec
from mlm.adapters.wallet import devnet as accounts
from mlm.core import channel as rules
from mlm.core.channel import ChannelTerms, SignedVoucher, Voucher, encode_header
from mlm.core.commitment import NO_SALT, tensors_root, unverified_input_commitment
from mlm.core.plan import Call
from mlm.core.served import Terms
from tests.command_line import Market
from tests.serving.clients import Reply, request, tensor
from tests.serving.conftest import Running

CODEC = NumpyTensorCodec()


@dataclass
class Chain:
    """The market's devnet, for one account."""

    account: str
    sender: EthSender
    read: EthChain

    @classmethod
    def of(cls, market: Market, account: str) -> Chain:
        status = market.consumer.do("devnet", "status")
        read = EthChain(Rpc(status["url"]), deployment.load(market.home / "devnet" / "deployment.json"))
        return cls(account, EthSender(read, accounts.key(account)), read)

    def send(self, contract: str, function: str, *args: Any) -> None:
        signed = self.sender.sign(Call(contract, function, args))
        self.sender.broadcast(signed)
        self.sender.wait(signed)


@dataclass
class Payer:
    """Pays by one channel. `price` is the server's."""

    chain: Chain
    terms: Terms
    id: str
    facts: ChannelTerms
    key: bytes = field(repr=False)

    @classmethod
    def open(
        cls, chain: Chain, terms: Terms, nonce: int, *, calls: int = 100, seconds: int = 86_400, signer: str = ""
    ) -> Payer:
        """A channel with a deposit for so many calls; `signer` is whose vouchers it takes, where not the payer's."""
        me, raw = chain.sender.address, bytes.fromhex(terms.version_id[2:])
        found, name, _ = chain.read.call("PaymentChannels", "quote", me, terms.payee, signer or me, raw, nonce)
        amount, expires_at = calls * terms.price, chain.read.block().timestamp + seconds
        chain.send("MarketToken", "approve", chain.read.address_of("PaymentChannels"), amount)
        chain.send("PaymentChannels", "open", found, amount, expires_at)
        frozen = ChannelTerms(*found[:4], "0x" + found[4].hex(), *found[5:9], tuple(found[9]), tuple(found[10]))
        return cls(chain, terms, "0x" + name.hex(), frozen, accounts.key(chain.account))

    def voucher(self, calls: int, inputs: dict[str, np.ndarray], amount: int | None = None) -> SignedVoucher:
        """Of a call on these tensors."""
        root = tensors_root(NO_SALT, CODEC.to_block(inputs))
        given = unverified_input_commitment(bytes.fromhex(self.terms.version_id[2:]), root)
        asked = rules.request_digest(self.id, calls, self.terms.version_id, "0x" + given.hex())
        voucher = Voucher(self.id, calls * self.terms.price if amount is None else amount, calls, asked)
        return self.sign(voucher)

    def sign(self, voucher: Voucher) -> SignedVoucher:
        """With the payer's key."""
        domain = rules.domain(self.terms.chain_id, self.terms.channels)
        return SignedVoucher(voucher, typed.sign(self.key, domain, rules.TYPES, rules.message(voucher)))

    @property
    def claimed(self) -> int:
        """Base units that were claimed of it."""
        return int(self.chain.read.call("PaymentChannels", "channelOf", bytes.fromhex(self.id[2:]))[1])


def terms_of(running: Running) -> Terms:
    """What a server asks for."""
    shown = request(running.url, "GET", f"/v2/models/{running.model}").json
    return Terms.from_json(shown["parameters"]["mlm"])


def call(
    running: Running, signed: SignedVoucher | None, image: np.ndarray, headers: dict[str, str] | None = None
) -> Reply:
    """One call, paid for by a voucher."""
    body = json.dumps({"inputs": [tensor("image", image)]}).encode()
    paid = {"mlm-voucher": encode_header(signed)} if signed else {}
    return request(
        running.url, "POST", running.infer, body, {"content-type": "application/json", **paid, **(headers or {})}
    )


def journals(home: Path) -> list[Path]:
    """The files that servers of `home` have written their calls to."""
    return sorted((home / "serve" / "received").rglob("*.served"))
