"""Typed structured data: the digest that EIP-712 signs. Pure; tests hold it against eth_account.

Source: EIP-712, "Definition of hashStruct" and "Definition of domainSeparator".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from mlm.adapters.chain.abi import Param, compiled, element, encode_value, plain_bytes
from mlm.core.digest import keccak256
from mlm.core.errors import InvalidData, UsageError

if TYPE_CHECKING:
    from coincurve import PrivateKey

Types = Mapping[str, Sequence[Mapping[str, str]]]

_DOMAIN = {
    "name": "string",
    "version": "string",
    "chainId": "uint256",
    "verifyingContract": "address",
    "salt": "bytes32",
}
_HALF = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0  # of secp256k1's order, rounded down


def digest(domain: Mapping[str, Any], types: Types, message: Mapping[str, Any]) -> bytes:
    """The 32 bytes to sign: `types` without EIP712Domain, whose fields are those that `domain` has.

    The message is of the one type that no other type holds. Raises UsageError for a value that does not fit its type.
    """
    try:
        separator = _separator(tuple(domain.items()))
        if len(types) == 1:
            ((name, fields),) = types.items()
            kinds = tuple((field["name"], field["type"]) for field in fields)
            if _plain(kinds):
                return keccak256(b"\x19\x01" + separator + _hash_plain(name, kinds, message))
        return keccak256(b"\x19\x01" + separator + _hash_struct(_primary(types), message, types))
    except (ValueError, TypeError, KeyError) as error:
        raise UsageError(f"typed data: a value does not fit its type: {str(error)[:200]}") from error


def sign(key: bytes, domain: Mapping[str, Any], types: Types, message: Mapping[str, Any]) -> bytes:
    """The signature of a 32-byte secp256k1 key: 65 bytes r‖s‖v, v 27 or 28. Raises UsageError as `digest` does."""
    return sign_digest(key, digest(domain, types, message))


def sign_digest(key: bytes, signed: bytes) -> bytes:
    """The signature of a digest that is EIP-712's, and of nothing else; as `sign` gives it."""
    signature = _private(key).sign_recoverable(signed, hasher=None)
    return signature[:64] + bytes([27 + signature[64]])


def recover(domain: Mapping[str, Any], types: Types, message: Mapping[str, Any], signature: bytes) -> str:
    """Who signed it, in lower case. A signature of anybody: InvalidData for what is none, or has a high s (EIP-2)."""
    return recover_digest(digest(domain, types, message), signature)


def recover_digest(signed: bytes, signature: bytes) -> str:
    """Who signed a digest, in lower case. Raises InvalidData as `recover` does."""
    from coincurve import PublicKey

    try:
        if len(signature) != 65 or signature[64] not in (27, 28):
            raise ValueError("expected 65 bytes that end in 27 or 28")
        if int.from_bytes(signature[32:64], "big") > _HALF:
            raise ValueError("s lies in the upper half")
        recoverable = signature[:64] + bytes([signature[64] - 27])
        key = PublicKey.from_signature_and_message(recoverable, signed, hasher=None)
    except Exception as error:  # coincurve raises bare Exceptions
        raise InvalidData(f"not a signature of anybody: {str(error)[:80]}") from error
    return "0x" + keccak256(key.format(compressed=False)[1:])[12:].hex()


@lru_cache(maxsize=4)  # its public key takes as long to compute as a signature
def _private(key: bytes) -> PrivateKey:
    from coincurve import PrivateKey

    return PrivateKey(key)


@lru_cache(maxsize=64)  # one domain signs again and again: a server, or its client, thousands of times a second
def _separator(domain: tuple[tuple[str, Any], ...]) -> bytes:
    fields = [{"name": name, "type": kind} for name, kind in _DOMAIN.items() if name in dict(domain)]
    return _hash_struct("EIP712Domain", dict(domain), {"EIP712Domain": fields})


Kinds = tuple[tuple[str, str], ...]


@lru_cache(maxsize=64)
def _plain(kinds: Kinds) -> bool:
    """Whether a struct holds nothing but single words that need no look at their length."""
    return all(kind in ("bytes32", "uint64", "uint128", "uint256") for _, kind in kinds)


@lru_cache(maxsize=64)
def _plain_hash(name: str, kinds: Kinds) -> bytes:
    return keccak256(f"{name}({','.join(f'{kind} {field}' for field, kind in kinds)})".encode())


def _hash_plain(name: str, kinds: Kinds, value: Mapping[str, Any]) -> bytes:
    """hashStruct of such a struct: vouchers and signed results, thousands a second."""
    if len(value) != len(kinds):
        raise ValueError(f"expected the fields {[field for field, _ in kinds]} of {name}, found {list(value)}")
    words = [_plain_hash(name, kinds)]
    for field, kind in kinds:
        found = value[field]
        if kind == "bytes32":
            if type(found) is not bytes or len(found) != 32:
                return _hash_struct(name, value, {name: [{"name": each, "type": of} for each, of in kinds]})
            words.append(found)
        else:
            if type(found) is not int or not 0 <= found < 1 << int(kind[4:]):
                return _hash_struct(name, value, {name: [{"name": each, "type": of} for each, of in kinds]})
            words.append(found.to_bytes(32, "big"))
    return keccak256(b"".join(words))


@lru_cache(maxsize=64)
def _type_hash(spelt: str) -> bytes:
    return keccak256(spelt.encode())


def _primary(types: Types) -> str:
    if len(types) == 1:
        return next(iter(types))
    held = {
        _struct(field["type"]) for name, fields in types.items() for field in fields if _struct(field["type"]) != name
    }
    (found,) = [name for name in types if name not in held]
    return found


def _struct(kind: str) -> str:
    """The type that arrays of arrays of it hold in the end."""
    return kind.partition("[")[0]


def _hash_struct(name: str, value: Mapping[str, Any], types: Types) -> bytes:
    fields = types[name]
    if set(value) != {field["name"] for field in fields}:
        raise ValueError(f"expected the fields {[field['name'] for field in fields]} of {name}, found {list(value)}")
    words = [_word(Param(field["name"], field["type"]), value[field["name"]], types) for field in fields]
    return keccak256(_type_hash(_spelt(name, types)) + b"".join(words))


def _spelt(name: str, types: Types) -> str:
    """encodeType: the struct, then all that it refers to, in the order of their names."""
    found, todo = {name}, [name]
    while todo:
        new = {_struct(field["type"]) for field in types[todo.pop()]} & set(types) - found
        found |= new
        todo += new
    ordered = (name, *sorted(found - {name}))
    members = {each: ",".join(f"{field['type']} {field['name']}" for field in types[each]) for each in ordered}
    return "".join(f"{each}({members[each]})" for each in ordered)


def _word(param: Param, value: Any, types: Types) -> bytes:
    """encodeData of one member."""
    if param.type.endswith("]"):
        length = param.type[param.type.rindex("[") + 1 : -1]
        if not isinstance(value, (list, tuple)) or (length and len(value) != int(length)):
            raise ValueError(f"expected {param.type}, found {value!r}")
        return keccak256(b"".join(_word(element(param), entry, types) for entry in value))
    if param.type in types:
        return _hash_struct(param.type, value, types)
    if param.type in ("bytes", "string"):
        return keccak256(plain_bytes(param.type, value))
    compiled(param)  # refuses a type that does not exist
    return encode_value(param, value)
