"""EIP-712 of structs whose members are single words: the domain's separator, the type's hash, the digest to sign. Pure.

Structs with strings, arrays or structs in them: mlm/adapters/chain/typed.py, to which tests hold this.
Source: EIP-712, "Definition of hashStruct" and "Definition of domainSeparator".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mlm.core.digest import domain as hash_of
from mlm.core.digest import keccak256, words

_DOMAIN = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"

Types = Mapping[str, Sequence[Mapping[str, str]]]


def separator(domain: Mapping[str, Any]) -> bytes:
    """domainSeparator of a domain with `name`, `version`, `chainId` and `verifyingContract`."""
    texts = (keccak256(domain[part].encode()) for part in ("name", "version"))
    return keccak256(words((hash_of(_DOMAIN), *texts, domain["chainId"], int(domain["verifyingContract"], 16))))


class Signable:
    """The one struct of `types` in one domain: both are hashed once, and a digest takes two keccak256 more.

    A server makes two of these for each call.
    """

    def __init__(self, domain: Mapping[str, Any], types: Types) -> None:
        ((name, members),) = types.items()
        spelt = ",".join(f"{each['type']} {each['name']}" for each in members)
        self._head, self._type = b"\x19\x01" + separator(domain), hash_of(f"{name}({spelt})")
        self._size = 32 * len(members)

    def digest(self, members: bytes) -> bytes:
        """The 32 bytes to sign; `members` are the words of the members, in their order. Raises ValueError."""
        if len(members) != self._size:
            raise ValueError(f"expected {self._size} bytes of members, found {len(members)}")
        return keccak256(self._head + keccak256(self._type + members))
