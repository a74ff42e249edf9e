"""The statement that opens a gateway's licensed blocks, made for the chosen account when a gateway asks for it."""

from __future__ import annotations

from mlm.core import access
from mlm.core.access import Access, Challenge
from mlm.core.errors import StateConflict
from mlm.ports.bundle import Ports
from mlm.workflows.entitlement import entitled


def sign(ports: Ports, url: str, asked: Challenge) -> str | None:
    """The header for the gateway at `url`, or None where nothing entitles the account to the asset.

    1. The gateway goes by the chain and the contract of this network: nothing is signed for another.
    2. The chain says that the account is entitled: nobody hears of an account that is not.
    Raises StateConflict, ChainError.
    """
    licences = ports.chain.address_of("LicenceToken").lower()
    # (1) What is signed names them.
    if (asked.chain_id, asked.licences) != (ports.chain.chain_id(), licences):
        raise StateConflict(
            f"the gateway {access.origin_of(url)} goes by licences {asked.licences} of chain {asked.chain_id}, "
            f"expected {licences} of chain {ports.chain.chain_id()}",
            hint="Choose the network with --network, or drop the remote: `mlm remote remove`.",
        )
    account = ports.sender.address.lower()
    # (2) By the contract, not by the gateway's word.
    found = entitled(ports, asked.token_id, account)
    if found is None:
        return None
    audience = access.audience(access.origin_of(url))
    statement = Access(account, found.licence_id, asked.token_id, audience, ports.system.now() + access.SECONDS)
    domain = access.domain(asked.chain_id, licences)
    return access.to_header(statement, ports.signer.sign_typed(domain, access.TYPES, statement.message()))
