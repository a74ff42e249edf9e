"""The steps of licences as transactions on the devnet of bench/gas_steps.py: classes, sales with and without a key, and
what holders and owners do with what was sold.

Readers' and sellers' points are of fixed secrets, so that calldata costs the same in every run.
"""

from __future__ import annotations

from typing import Any

from bench.gas_chain import ALL, CONSUMER, FIRST, ONE, PUBLISHER, SECOND, GasChain
from mlm.adapters.wallet import devnet as accounts
from mlm.core.digest import domain, keccak256, word, words

PER_USE, PERIOD, UNLIMITED = range(3)  # LicenceKind
DAY = 86_400
HOUR = 3_600
NEVER = 2**40 - 1
NO_LIMIT = 2**64 - 1
NOBODY = (0, 0)
READER, EPHEMERAL = keccak256(b"a reader's secret"), keccak256(b"an ephemeral secret")
KEY = keccak256(b"a content key")
PRICE = 10 * ONE


def licences(chain: GasChain, version: bytes) -> None:
    """Whole lives of licences of a version with one parent."""
    Licences(chain, version).run()


class Licences:
    """The transactions, in order."""

    def __init__(self, chain: GasChain, version: bytes) -> None:
        self._chain, self._version = chain, version
        self._token = chain.chain.call("AssetRegistry", "versionOf", version)[0]
        self._nonce = 0

    def run(self) -> None:
        """Every step."""
        chain, shop = self._chain, self._chain.at("LicenceShop")
        for account in (CONSUMER, FIRST):
            chain.do("", account, "MarketToken", "approve", shop, ALL)
        digest = keccak256(words((domain("mlm/licensed-key/1"), KEY)))
        chain.do("content key, commit", PUBLISHER, "ContentKeys", "commit", self._version, digest)
        self._at_once()
        self._with_a_key()
        self._beside_a_sale()
        self._money()

    def _terms(self, kind: int, loose: bool = False) -> tuple[Any, ...]:
        period = 30 * DAY if kind == PERIOD else 0
        return (
            self._token,
            kind,
            period,
            loose,
            500 if loose else 0,
            DAY if loose else 0,
            ONE if loose else 0,
            bytes(32),
        )

    def _offer(self, step: str, terms: tuple[Any, ...], delivery: int = 0) -> int:
        self._chain.do(step, PUBLISHER, "LicenceShop", "offer", terms, self._version, PRICE, NO_LIMIT, delivery)
        found: int = self._chain.chain.call("LicenceToken", "classOf", terms)
        return found

    def _buy(self, step: str, account: str, of: int, units: int = 1, delivery: int = 0) -> tuple[Any, ...]:
        """Buy; the order that it makes."""
        self._nonce += 1
        reader = point(READER) if delivery else NOBODY
        call = (of, self._version, units, PRICE * units, delivery, reader, self._nonce)
        self._chain.do(step, account, "LicenceShop", "buy", call)
        _, _, payees, bps = self._chain.chain.call("AssetRegistry", "royaltyOf", self._version)
        shares = self._chain.chain.call("FeeShares", "feeShares")
        buyer = accounts.address(account)
        return (of, self._version, buyer, units, PRICE * units, delivery, reader, *shares, payees, bps, self._nonce)

    def _at_once(self) -> None:
        chain, buyer = self._chain, accounts.address(CONSUMER)
        uses = self._offer("licence, offer: a new class", self._terms(PER_USE))
        self._offer("licence, offer: another price", self._terms(PER_USE))
        self._buy("licence, buy: without a key, the first", CONSUMER, uses, 10)
        self._buy("licence, buy: without a key, another", CONSUMER, uses, 10)
        chain.do("licence, redeem", CONSUMER, "LicenceToken", "redeem", uses | NEVER, 1, keccak256(b"a call"))
        loose = self._offer("", self._terms(UNLIMITED, loose=True))
        self._buy("", CONSUMER, loose, 2)
        receiver = accounts.address(FIRST)
        chain.do(
            "licence, transfer", CONSUMER, "LicenceToken", "safeTransferFrom", buyer, receiver, loose | NEVER, 1, b""
        )
        chain.do("", PUBLISHER, "MarketToken", "approve", chain.at("LicenceToken"), ALL)
        chain.do("licence, revoke", PUBLISHER, "LicenceToken", "revoke", loose | NEVER, buyer, ONE)
        chain.do("licence, withdraw a refund", CONSUMER, "LicenceToken", "withdraw")

    def _with_a_key(self) -> None:
        of = self._offer("", self._terms(PERIOD), HOUR)
        order = self._buy("licence, buy: with a key", FIRST, of, delivery=HOUR)
        self._chain.do("licence, deliver the key", PUBLISHER, "LicenceShop", "deliver", order, self._sealed(order, KEY))
        self._chain.do("licence, accept the key", FIRST, "LicenceShop", "settle", order)
        order = self._buy("", FIRST, of, delivery=HOUR)
        wrong = self._sealed(order, bytes(32))
        self._chain.do("", PUBLISHER, "LicenceShop", "deliver", order, wrong)
        secret = int.from_bytes(READER, "big")
        self._chain.do("licence, complain of a wrong key", FIRST, "LicenceShop", "complain", order, wrong, secret)
        order = self._buy("", FIRST, of, delivery=HOUR)
        self._chain.advance(2 * HOUR)
        self._chain.do("licence, refund: no key came", SECOND, "LicenceShop", "refund", order)

    def _sealed(self, order: tuple[Any, ...], key: bytes) -> tuple[int, int, bytes]:
        """As a seller seals it: the pad follows from the shared point's address, version, buyer and order."""
        from coincurve import PublicKey

        x, y = point(READER)
        shared = PublicKey(b"\4" + word(x) + word(y)).multiply(EPHEMERAL).format(compressed=False)[1:]
        order_id = self._chain.chain.call("LicenceShop", "orderIdOf", order)
        known = int.from_bytes(keccak256(shared)[-20:], "big")
        pad = keccak256(words((domain("mlm/key-pad/1"), known, self._version, int(order[2], 16), order_id)))
        return (*point(EPHEMERAL), bytes(a ^ b for a, b in zip(key, pad, strict=True)))

    def _beside_a_sale(self) -> None:
        self._chain.do("content key, request", SECOND, "ContentKeys", "request", self._version, point(READER))
        sealed = (*point(EPHEMERAL), KEY)
        receiver = accounts.address(SECOND)
        self._chain.do("content key, grant", PUBLISHER, "ContentKeys", "grant", self._version, receiver, sealed)

    def _money(self) -> None:
        chain = self._chain
        chain.do("licence, withdraw the proceeds", PUBLISHER, "LicenceShop", "withdraw")
        chain.do("licence, burn", CONSUMER, "LicenceShop", "burn")
        chain.do("rewards, fund: from another contract", CONSUMER, "StakeVault", "fundFrom", chain.at("LicenceShop"))


def point(secret: bytes) -> tuple[int, int]:
    """secret·G."""
    from coincurve import PrivateKey

    return PrivateKey(secret).public_key.point()
