"""Every custom error of every shipped contract is told by name and with its values, as a node hands it over."""

from __future__ import annotations

from typing import Any

import pytest
from eth_abi.abi import encode

from mlm.adapters.chain import abi, errors

EVERY = sorted(errors.known_errors().values(), key=lambda item: item.signature)


def example(param: abi.Param) -> Any:
    """A value of this type that is told apart from others."""
    if param.type.endswith("]"):
        return [example(abi.element(param))] * 2
    if param.components:
        return tuple(map(example, param.components))
    if param.type.startswith(("uint", "int")):
        return 1 if param.enum or param.type == "uint8" else 123
    if param.type == "address":
        return "0x" + "ab" * 20
    if param.type == "bool":
        return True
    if param.type == "string":
        return "why"
    return b"\xcd" * int(param.type.removeprefix("bytes") or 5)


def test_the_contracts_have_custom_errors() -> None:
    assert len(EVERY) > 60 and {"JobInState", "FreeStakeTooLow", "ERC20InsufficientBalance"} <= {e.name for e in EVERY}


@pytest.mark.parametrize("item", EVERY, ids=[item.signature for item in EVERY])
def test_a_custom_error_is_decoded(item: abi.Item) -> None:
    """Encoded by eth_abi, as a contract would; no value is lost, and none is shown as raw bytes of the whole."""
    data = item.selector + encode([param.type for param in item.inputs], [example(param) for param in item.inputs])
    found = errors.decode(data)
    assert found.name == item.name
    assert len(found.values) == len(item.inputs)
    for param, (name, value) in zip(item.inputs, found.values.items(), strict=True):
        assert name == (param.name or name)
        if param.type.startswith("uint") and not param.enum:
            assert "123" in str(value) or value == 1, (param, value)
        if param.type == "address":
            assert str(value).lower() == "0x" + "ab" * 20
        if param.type == "bytes32":
            assert value == "0x" + "cd" * 32
    assert str(found).startswith(f"the contract refused: {item.name}(")
