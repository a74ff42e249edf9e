"""Paying a contract in one transaction: an EIP-2612 permit and the call that spends it, as one multicall."""

from __future__ import annotations

from mlm.core.errors import InsufficientFunds
from mlm.core.money import Amount
from mlm.core.plan import Call
from mlm.ports.bundle import Ports

_TYPES = {
    "Permit": [
        {"name": "owner", "type": "address"},
        {"name": "spender", "type": "address"},
        {"name": "value", "type": "uint256"},
        {"name": "nonce", "type": "uint256"},
        {"name": "deadline", "type": "uint256"},
    ]
}
PERMIT_SECONDS = 3600


def paying(ports: Ports, call: Call, amount: int) -> Call:
    """`call` with a permit in front that lets its contract take exactly `amount` base units.

    Raises InsufficientFunds when the account holds less. Source: EIP-2612; the contract skips a permit that a
    front-runner has already used.
    """
    owner, chain = ports.sender.address, ports.chain
    held = chain.call("MarketToken", "balanceOf", owner)
    if held < amount:
        raise InsufficientFunds(
            f"needs {Amount(amount)}, {owner} holds {Amount(held)}", hint="On the devnet: `mlm wallet faucet`."
        )
    spender = chain.address_of(call.contract)
    deadline = chain.block().timestamp + PERMIT_SECONDS
    signature = ports.signer.sign_typed(
        {
            "name": chain.call("MarketToken", "name"),
            "version": "1",
            "chainId": chain.chain_id(),
            "verifyingContract": chain.address_of("MarketToken"),
        },
        _TYPES,
        {
            "owner": owner,
            "spender": spender,
            "value": amount,
            "nonce": chain.call("MarketToken", "nonces", owner),
            "deadline": deadline,
        },
    )
    r, s, v = signature[:32], signature[32:64], signature[64]
    permit = Call(call.contract, "selfPermit", (amount, deadline, v, r, s))
    return Call(call.contract, "multicall", ((permit, call),))
