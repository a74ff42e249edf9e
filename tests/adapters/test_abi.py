"""ABI coding, transactions and reverts: against eth_abi and eth_account, and against bytes made to hurt."""

from __future__ import annotations

import json
from enum import IntEnum
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from hypothesis import given
from hypothesis import strategies as st

from mlm.adapters.chain import abi, errors
from mlm.adapters.chain.abi import Abi, Param
from mlm.adapters.chain.rpc import RpcError
from mlm.adapters.chain.tx import Transaction, address_of_key, checksum, create_address
from mlm.adapters.wallet import devnet
from mlm.core.errors import ChainError, InsufficientFunds, InvalidData, NotFound, Reverted, UsageError
from mlm.core.job import State

ADDRESS = "0x" + "a1" * 20
WORDS = {
    "uint256": st.integers(0, 2**256 - 1),
    "uint8": st.integers(0, 255),
    "int256": st.integers(-(2**255), 2**255 - 1),
    "int24": st.integers(-(2**23), 2**23 - 1),
    "bool": st.booleans(),
    "address": st.binary(min_size=20, max_size=20).map(lambda raw: "0x" + raw.hex()),
    "bytes32": st.binary(min_size=32, max_size=32),
    "bytes4": st.binary(min_size=4, max_size=4),
}


@given(
    st.lists(st.sampled_from(sorted(WORDS)), max_size=6).flatmap(
        lambda kinds: st.tuples(st.just(kinds), st.tuples(*[WORDS[kind] for kind in kinds]))
    )
)
def test_words_are_coded_as_eth_abi_codes_them(case: tuple[list[str], tuple[Any, ...]]) -> None:
    from eth_abi.abi import decode, encode

    kinds, values = case
    params = [Param(f"p{i}", kind) for i, kind in enumerate(kinds)]
    data = abi.encode(params, values, "it")
    assert data == encode(kinds, values)
    assert abi.decode(params, data, "it") == decode(kinds, data) == values


DYNAMIC = {"bytes": st.binary(max_size=70), "string": st.text(max_size=30)}


@st.composite
def shapes(draw: st.DrawFn, depth: int = 3) -> tuple[Param, Any]:
    """A parameter of any type, arrays and structs within each other included, and a value of it."""
    kind = draw(st.sampled_from(["word", "dynamic", "list", "array", "struct"] if depth else ["word", "dynamic"]))
    if kind == "struct":
        parts = draw(st.lists(shapes(depth - 1), min_size=1, max_size=3))
        params = tuple(Param("", part.type, part.components) for part, _ in parts)
        return Param("", f"({','.join(param.type for param in params)})", params), tuple(value for _, value in parts)
    if kind in ("list", "array"):
        part, value = draw(shapes(depth - 1))
        size = draw(st.integers(0 if kind == "list" else 1, 3))
        name = f"{part.type}[{'' if kind == 'list' else size}]"
        return Param("", name, part.components), (value,) * size
    values = WORDS if kind == "word" else DYNAMIC
    name = draw(st.sampled_from(sorted(values)))
    return Param("", name), draw(values[name])


@given(st.lists(shapes(), max_size=3))
def test_everything_is_coded_as_eth_abi_codes_it(case: list[tuple[Param, Any]]) -> None:
    from eth_abi.abi import encode

    params, values = [param for param, _ in case], tuple(value for _, value in case)
    data = abi.encode(params, values, "it")
    assert data == encode([param.type for param in params], values)
    assert abi.decode(params, data, "it") == values


@given(st.lists(shapes(2), min_size=1, max_size=2), st.data())
def test_damaged_bytes_are_refused_or_decode_to_what_they_encode(case: list[tuple[Param, Any]], data: Any) -> None:
    """Nothing but ChainError, and no second encoding of a value: a hostile node cannot make work or ambiguity."""
    params = [param for param, _ in case]
    raw = abi.encode(params, [value for _, value in case], "it") + b"\0"
    at, flip, cut = data.draw(st.tuples(st.integers(0, len(raw) - 1), st.integers(1, 255), st.booleans()))
    damaged = raw[:at] if cut else raw[:at] + bytes([raw[at] ^ flip]) + raw[at + 1 :]
    try:
        values = abi.decode(params, damaged, "it")
    except ChainError:
        return
    if not any("string" in param.type for param in params):  # bytes that are no UTF-8 are shown, not kept
        assert damaged.startswith(abi.encode(params, values, "it"))


@given(st.sampled_from(["bool", "address", "bytes4", "uint8", "int24"]), st.binary(max_size=40))
def test_bytes_that_eth_abi_refuses_are_refused(kind: str, data: bytes) -> None:
    from eth_abi.abi import decode

    def attempt(run: Any) -> Any:
        try:
            return run()
        except Exception:
            return "refused"

    ours = attempt(lambda: abi.decode([Param("p", kind)], data, "it"))
    assert ours == attempt(lambda: decode([kind], data))


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("uint8", 256), ("uint8", -1), ("uint256", 2**256), ("uint256", "1"), ("uint256", True), ("uint256", 1.0),
        ("int8", 128), ("bool", 1), ("address", "0x12"), ("address", 5), ("bytes32", b"x"), ("bytes32", "0x12"),
        ("string", 5), ("uint256[]", 5), ("bytes", 7), ("uint256[2]", [1]),
    ],
)  # fmt: skip
def test_values_that_do_not_fit_are_usage_errors(kind: str, value: object) -> None:
    with pytest.raises(UsageError, match="it"):
        abi.encode([Param("p", kind)], [value], "it")


STRUCT = {
    "type": "function", "name": "f",
    "inputs": [{"name": "s", "type": "tuple[]", "components": [
        {"name": "id", "type": "bytes32"}, {"name": "text", "type": "string"}, {"name": "n", "type": "uint8"}]}],
    "outputs": [{"name": "", "type": "tuple", "components": [{"name": "a", "type": "address"}]},
                {"name": "", "type": "bytes"}],
}  # fmt: skip


class Small(IntEnum):
    TWO = 2


def test_structs_may_be_mappings_and_bytes_hex() -> None:
    interface = Abi("C", [STRUCT])
    item = interface.function("f", 1)
    assert item.signature == "f((bytes32,string,uint8)[])"
    tuples = interface.encode_call("f", [[(b"\1" * 32, "hi", 2)]])
    assert tuples == interface.encode_call("f", [[{"n": Small.TWO, "id": "0x" + "01" * 32, "text": "hi"}]])
    from eth_abi.abi import encode

    output = encode(["(address)", "bytes"], [(ADDRESS,), b"xy"])
    assert interface.decode_output("f", 1, output) == ((ADDRESS,), b"xy")
    with pytest.raises(ChainError, match="do not decode"):
        interface.decode_output("f", 1, output[:40])
    with pytest.raises(UsageError, match="expected one function"):
        interface.encode_call("f", [])
    with pytest.raises(UsageError):
        interface.encode_call("g", [])


def test_every_shipped_contract_loads_and_an_unknown_one_is_not_found() -> None:
    assert {"MarketToken", "AssetRegistry", "StakeVault", "JobMarket", "ZkVerifier", "Halo2Verifier"} <= set(
        abi.shipped()
    )
    for name in abi.shipped():
        assert abi.artifact(name).bytecode
    with pytest.raises(NotFound):
        abi.load("NoSuchContract")


def test_a_librarys_address_is_put_where_the_code_names_it(tmp_path: Path) -> None:
    text = "60" + "00" * 20 + "61" + "00" * 20
    entry = {"abi": [], "bytecode": "0x" + text, "links": {"Bidding": [1, 22]}}
    (tmp_path / "User.json").write_text(json.dumps(entry))
    artifact = abi.artifact("User", tmp_path)
    address = ADDRESS[2:].lower()
    assert artifact.linked({"Bidding": ADDRESS}).hex() == f"60{address}61{address}"
    with pytest.raises(InvalidData, match="User needs the library Bidding"):
        artifact.linked({})


def revert(name: str, *values: Any) -> Reverted:
    item = next(item for item in errors.known_errors().values() if item.name == name)
    return errors.decode(item.selector + abi.encode(item.inputs, values, name))


def test_custom_errors_speak() -> None:
    found = revert("FreeStakeTooLow", ADDRESS, 0, 10, 3)
    assert found.name == "FreeStakeTooLow" and found.values["needed"] == 10 and found.hint == "Run `mlm stake deposit`."
    found = revert("JobInState", b"\1" * 32, State.OPEN, State.LEASED)
    assert found.values == {"jobId": "0x" + "01" * 32, "expected": "open", "actual": "leased"}


def test_every_hint_names_an_error_that_exists() -> None:
    known = {item.name for item in errors.known_errors().values()}
    assert set(errors.HINTS) - known == {"OutOfGas"}


def test_soliditys_own_errors() -> None:
    from eth_abi.abi import encode

    found = errors.decode(bytes.fromhex("08c379a0") + encode(["string"], ["too\x1b late"]))
    assert (found.name, found.values) == ("Error", {"message": "too  late"})
    found = errors.decode(bytes.fromhex("4e487b71") + (0x11).to_bytes(32, "big"))
    assert found.values["meaning"] == "arithmetic overflow or underflow"
    assert errors.decode(b"").name == "NoReason"


@given(st.binary(max_size=200), st.booleans())
def test_hostile_revert_data_never_raises(data: bytes, known: bool) -> None:
    selector = next(iter(errors.known_errors())) if known else b""
    assert errors.decode(selector + data).name
    assert errors.decode(bytes.fromhex("08c379a0") + data).name


@pytest.mark.parametrize("data", ["0x4e487b71" + "11".rjust(64, "0"), {"data": "0x4e487b71" + "11".rjust(64, "0")},
                                  {"originalError": {"data": "0x4e487b71" + "11".rjust(64, "0")}},
                                  "Reverted 0x4e487b71" + "11".rjust(64, "0")])  # fmt: skip
def test_revert_data_is_found_wherever_nodes_put_it(data: object) -> None:
    found = errors.explain(RpcError("x", "eth_call", -32000, "execution reverted", data))
    assert isinstance(found, Reverted) and found.name == "Panic"


def test_other_node_errors_stay_what_they_are() -> None:
    poor = RpcError("x", "eth_estimateGas", -32003, "Insufficient funds for gas * price + value", None)
    assert isinstance(errors.explain(poor), InsufficientFunds)
    other = RpcError("x", "eth_call", -32000, "header not found", None)
    assert errors.explain(other) is other


@given(
    st.integers(0, 2**64 - 1),
    st.integers(0, 10**12),
    st.integers(0, 2**128),
    st.binary(max_size=300),
    st.booleans(),
    st.integers(1, 2**255),
)
def test_transactions_are_signed_as_eth_account_signs_them(
    nonce: int, fee: int, value: int, data: bytes, creates: bool, secret: int
) -> None:
    key = secret.to_bytes(32, "big")
    ours = Transaction(31337, nonce, fee // 2, fee, 21_000, None if creates else ADDRESS, value, data).sign(key)
    fields: dict[str, Any] = {
        "chainId": 31337, "nonce": nonce, "maxPriorityFeePerGas": fee // 2, "maxFeePerGas": fee, "gas": 21_000,
        "value": value, "data": data, "type": 2,
    }  # fmt: skip
    if not creates:
        fields["to"] = checksum(ADDRESS)
    theirs = Account.sign_transaction(fields, key)
    assert ours.raw == bytes(theirs.raw_transaction) and ours.tx_hash == "0x" + bytes(theirs.hash).hex()
    assert address_of_key(key) == Account.from_key(key).address


def test_devnet_keys_are_the_public_ones() -> None:
    Account.enable_unaudited_hdwallet_features()
    for name, index in devnet.NAMES.items():
        wanted = Account.from_mnemonic(devnet.MNEMONIC, account_path=f"m/44'/60'/0'/0/{index}")
        assert devnet.key(name) == bytes(wanted.key) and devnet.address(name) == wanted.address
    with pytest.raises(NotFound, match="deployer"):
        devnet.key("nobody")


def test_addresses_of_created_contracts() -> None:
    """The example of EIP-1014's predecessor that everybody uses: the first contracts of account 0 on a test chain."""
    deployer = devnet.address("deployer")
    assert create_address(deployer, 0) == "0x5fbdb2315678afecb367f032d93f642f64180aa3"
    assert create_address(deployer, 1) == "0xe7f1725e7734ce288f8367e1bb143e90bb3f0512"


def test_money_in_a_revert_reads_as_tokens() -> None:
    """Base units of 18 decimals are nothing that a person compares by eye."""
    token = 10**18
    for name, values, shown in (
        ("PriceBelowFloor", (b"\x01" * 32, token // 10, token // 100), ("floor=0.1 MLM", "actual=0.01 MLM")),
        ("PriceNotLower", (b"\x01" * 32, 3 * token, 4 * token), ("best=3 MLM", "actual=4 MLM")),
        ("TooManyParents", (16, 17), ("most=16,", "actual=17)")),
    ):
        item = next(item for item in errors.known_errors().values() if item.name == name)
        found = str(errors.decode(item.selector + abi.encode(item.inputs, values, name)))
        assert all(part in found for part in shown), found
