"""Paying a contract: what lets it take exactly the amount, and the call, in as few transactions as the token allows.

With an EIP-2612 permit that is one; a token without needs an `approve` before, and one that already stands taken back
first (USDT refuses to change an allowance that is not 0).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from mlm.core import eip712
from mlm.core.errors import ChainError, InsufficientFunds, InvalidData, Reverted
from mlm.core.money import Amount, current
from mlm.core.plan import Call, Tx
from mlm.ports.bundle import Ports
from mlm.ports.chain import Chain

TOKEN = "MarketToken"
PERMIT_SECONDS = 3600
VERSIONS = ("1", "2")  # of the EIP-712 domain where the token does not say: OpenZeppelin's, and USDC's
_TYPES = {
    "Permit": [
        {"name": "owner", "type": "address"},
        {"name": "spender", "type": "address"},
        {"name": "value", "type": "uint256"},
        {"name": "nonce", "type": "uint256"},
        {"name": "deadline", "type": "uint256"},
    ]
}
_ALL_FOUR = b"\x0f"  # EIP-5267: name, version, chainId and verifyingContract, and no salt
# What a token without a function answers: it reverts, or with bytes that are no such answer.
_ABSENT = (Reverted, ChainError)


@dataclass(frozen=True)
class _Payment:
    """Somebody who pays a contract."""

    owner: str
    spender: str
    amount: int


def steps(ports: Ports, tx: Tx, amount: int, before: tuple[Call, ...] = (), due: int = 0) -> tuple[Tx, ...]:
    """`tx`, whose contract may then take exactly `amount` base units: one step with a permit, up to three without.

    `before` are calls of the same contract to make first in that transaction, which pay the account `due`.
    Raises InsufficientFunds when the account holds less, InvalidData when the token has other decimals than recorded.
    Source: EIP-2612; the contract skips a permit that a front-runner has already used.
    """
    payment = _payment(ports, tx.call, amount, due)
    permit = _permit(ports, payment)
    if permit is not None:
        return (replace(tx, call=_together(tx.call, permit, before)),)
    if before:
        tx = replace(tx, call=Call(tx.call.contract, "multicall", ((*before, tx.call),)))
    return _approved(ports, tx, payment)


def approved(ports: Ports, tx: Tx, amount: int) -> tuple[Tx, ...]:
    """The same by an approval: for a second payment of one plan, whose permit would have the first one's nonce."""
    return _approved(ports, tx, _payment(ports, tx.call, amount))


def _approved(ports: Ports, tx: Tx, payment: _Payment) -> tuple[Tx, ...]:
    allowed, amount = _allowance(ports.chain, payment), payment.amount
    if allowed >= amount:
        return (tx,)
    # Exactly what is needed: an allowance without end would outlive the trust in a contract.
    allow = f"allow {tx.call.contract} to take {Amount(amount)}"
    back = f"take back what {tx.call.contract} may take, {Amount(allowed)}"
    approvals = ((back, 0), (allow, amount)) if allowed else ((allow, amount),)
    return (*(Tx(title, Call(TOKEN, "approve", (payment.spender, value))) for title, value in approvals), tx)


def _payment(ports: Ports, call: Call, amount: int, due: int = 0) -> _Payment:
    owner, chain = ports.sender.address, ports.chain
    unit, decimals = current(), chain.call(TOKEN, "decimals")
    if decimals != unit.decimals:  # every amount that was typed or shown would be wrong
        raise InvalidData(
            f"expected a token of {unit.decimals} decimals, as the deployment file says, "
            f"found {decimals} at {chain.address_of(TOKEN)}",
            hint="Get the right file; who deployed can have it written again by `mlm network deploy`.",
        )
    held = chain.call(TOKEN, "balanceOf", owner)
    if held + due < amount:
        credited = f" and is credited {Amount(due)} by the same transaction" if due else ""
        raise InsufficientFunds(
            f"needs {Amount(amount)}, {owner} holds {Amount(held)}{credited}",
            hint="On the devnet: `mlm wallet faucet`.",
        )
    return _Payment(owner, chain.address_of(call.contract), amount)


def _allowance(chain: Chain, payment: _Payment) -> int:
    found: int = chain.call(TOKEN, "allowance", payment.owner, payment.spender)
    return found


def _together(call: Call, permit: tuple[Any, ...], before: tuple[Call, ...] = ()) -> Call:
    """The permit and the call, as one multicall of the contract that is paid."""
    return Call(call.contract, "multicall", ((*before, Call(call.contract, "selfPermit", permit), call),))


def _permit(ports: Ports, payment: _Payment) -> tuple[Any, ...] | None:
    """(value, deadline, v, r, s), tried on the token; None where it takes no EIP-2612 permits (DAI's are others)."""
    chain = ports.chain
    signed_for = _domain(chain)
    if signed_for is None:
        return None
    owner, spender, value = payment.owner, payment.spender, payment.amount
    try:
        nonce = chain.call(TOKEN, "nonces", owner)
    except _ABSENT:
        return None
    deadline = chain.block().timestamp + PERMIT_SECONDS
    message = {"owner": owner, "spender": spender, "value": value, "nonce": nonce, "deadline": deadline}
    signature = ports.signer.sign_typed(signed_for, _TYPES, message)
    r, s, v = signature[:32], signature[32:64], signature[64]
    try:
        chain.call(TOKEN, "permit", owner, spender, value, deadline, v, r, s)
    except _ABSENT:
        return None
    return value, deadline, v, r, s


def _domain(chain: Chain) -> dict[str, Any] | None:
    """The EIP-712 domain that the token's permits are signed for, None when it has none that we can sign for.

    The token says it itself (EIP-5267), or its name and a version must give its DOMAIN_SEPARATOR.
    """
    here: dict[str, Any] = {"chainId": chain.chain_id(), "verifyingContract": chain.address_of(TOKEN)}
    try:
        expected = chain.call(TOKEN, "DOMAIN_SEPARATOR")
        candidates = _offered(chain) or [(chain.call(TOKEN, "name"), version) for version in VERSIONS]
    except _ABSENT:
        return None
    domains: list[dict[str, Any]] = [{"name": name, "version": version, **here} for name, version in candidates]
    return next((each for each in domains if eip712.separator(each) == expected), None)


def _offered(chain: Chain) -> list[tuple[str, str]]:
    """Name and version by EIP-5267; nothing where the token has none, or signs for other fields too."""
    try:
        fields, name, version, *_, extensions = chain.call(TOKEN, "eip712Domain")
    except _ABSENT:
        return []
    return [(name, version)] if fields == _ALL_FOUR and not extensions else []
