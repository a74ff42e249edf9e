"""Fees on real chains: caps that a lying node cannot lift, and what rollups charge for publishing, counted once."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlm.adapters.chain.fees import GWEI, NODE_INTERFACE, ORACLE, FeeMarket, Publishing
from mlm.adapters.chain.read import EthChain, receipt_from
from mlm.adapters.chain.rpc import Rpc
from mlm.adapters.chain.send import GAS_MARGIN_PERCENT, EthSender
from mlm.adapters.wallet import devnet as accounts
from mlm.core.errors import ChainError, InsufficientFunds
from mlm.core.plan import Call
from mlm.ports.signer import Simulated
from tests.anvil import anvil, with_token
from tests.networks.conftest import Chains
from tests.networks.proxy import proxy

DEVNET = Path(__file__).resolve().parent.parent.parent / "devnet"
TO = "0x" + "11" * 20
TRANSFER = Call("MarketToken", "transfer", (TO, 5))
ROOM = 120  # per cent


@pytest.fixture(scope="module")
def rollups(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The code of devnet/test/Rollups.sol, which stands for what real rollups have, compiled here."""
    out = tmp_path_factory.mktemp("forge")
    (forge,) = DEVNET.glob("node_modules/@foundry-rs/forge-*/bin/forge")
    command = [forge, "build", "test/Rollups.sol", "--out", out / "out", "--cache-path", out / "cache"]
    subprocess.run(command, cwd=DEVNET, check=True, capture_output=True, timeout=120)
    return {
        name: json.loads((out / "out" / "Rollups.sol" / f"{name}.json").read_text())["deployedBytecode"]["object"]
        for name in ("GasPriceOracle", "NodeInterface")
    }


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[EthChain]:
    """A chain of this test alone, with a token on it."""
    with anvil(tmp_path, "--chain-id", "7004", "--block-base-fee-per-gas", str(GWEI)) as url:
        yield with_token(url)


def sender_on(chain: EthChain, **options: int) -> EthSender:
    return EthSender(chain, accounts.key("deployer"), **options)


def simulate(chain: EthChain) -> Simulated:
    (found,) = sender_on(chain).simulate((TRANSFER,))
    return found


def test_a_lying_node_cannot_lift_the_caps(chains: Chains) -> None:
    with proxy(chains.first) as front:
        front.answers = {"eth_maxPriorityFeePerGas": hex(10**6 * GWEI)}
        fees = FeeMarket(Rpc(front.url), max_fee=200 * GWEI, max_tip=3 * GWEI).now()
        assert fees.priority == 3 * GWEI and fees.most <= 2 * 10 * GWEI + 3 * GWEI
        front.answers = {
            "eth_getBlockByNumber": lambda params, block: {**block, "baseFeePerGas": hex(150 * GWEI)},
            "eth_maxPriorityFeePerGas": hex(10**6 * GWEI),
        }
        fees = FeeMarket(Rpc(front.url), max_fee=200 * GWEI, max_tip=3 * GWEI).now()
        assert (fees.priority, fees.most) == (3 * GWEI, 200 * GWEI)
        with pytest.raises(ChainError, match="gas costs 150 gwei now, expected at most 100"):
            FeeMarket(Rpc(front.url), max_fee=100 * GWEI).now()
        assert FeeMarket(Rpc(front.url), max_fee=151 * GWEI, max_tip=10**6 * GWEI).now().priority == 151 * GWEI


def test_a_sent_transaction_offers_what_the_caps_allow(chain: EthChain) -> None:
    chain.rpc.call("anvil_setNextBlockBaseFeePerGas", hex(4 * GWEI))
    chain.rpc.call("evm_mine")
    sender = sender_on(chain, max_fee=5 * GWEI, max_tip=GWEI // 2)
    signed = sender.sign(TRANSFER)
    assert (signed.priority_fee, signed.max_fee) == (GWEI // 2, 5 * GWEI)
    sender.broadcast(signed)
    assert sender.wait(signed).effective_gas_price <= 5 * GWEI
    chain.rpc.call("anvil_setNextBlockBaseFeePerGas", hex(6 * GWEI))
    chain.rpc.call("evm_mine")
    with pytest.raises(ChainError, match="expected at most 5"):
        sender.sign(TRANSFER)


def test_a_chain_without_eip_1559_is_refused_in_words(tmp_path: Path) -> None:
    with anvil(tmp_path, "--hardfork", "berlin") as url:
        with pytest.raises(ChainError, match="has no EIP-1559 fees: expected baseFeePerGas") as caught:
            FeeMarket(Rpc(url), max_fee=GWEI).now()
        assert "Cancun" in caught.value.hint


def test_a_chain_that_is_no_rollup_is_asked_once(chains: Chains) -> None:
    with proxy(chains.first) as front:
        market = FeeMarket(Rpc(front.url), max_fee=GWEI)
        for _ in range(3):
            assert market.publishing({"to": TO, "data": "0x1234"}) == Publishing()
        assert front.asked.count("eth_call") == 2


def test_the_data_fee_of_op_chains_is_shown_and_must_be_affordable(chain: EthChain, rollups: dict[str, str]) -> None:
    plain = simulate(chain)
    chain.rpc.call("anvil_setCode", ORACLE, rollups["GasPriceOracle"])
    found = simulate(chain)
    assert plain.fee is not None and found.fee is not None and plain.data_fee == 0
    # The stand-in takes 1 gwei for each byte of the unsigned transaction: 68 of calldata and the other fields.
    assert 100 * GWEI * ROOM // 100 < found.data_fee < 200 * GWEI * ROOM // 100
    assert (found.gas, found.fee) == (plain.gas, plain.fee + found.data_fee)
    sender = sender_on(chain)
    signed = sender.sign(TRANSFER)
    assert signed.max_fee == sender.sign(TRANSFER).max_fee
    # As much as the gas can cost, and a wei too little for the publishing.
    gas_alone = found.fee - found.data_fee
    chain.rpc.call("anvil_setBalance", sender.address, hex(gas_alone + found.data_fee // 2))
    with pytest.raises(InsufficientFunds):
        sender.sign(TRANSFER)


def test_the_data_fee_of_op_chains_is_part_of_what_was_paid() -> None:
    """As op-geth's receipts tell it: `l1Fee`, charged beside gas."""
    value = {
        "transactionHash": "0x" + "aa" * 32, "blockNumber": "0x5", "blockHash": "0x" + "bb" * 32, "status": "0x1",
        "gasUsed": "0x5208", "effectiveGasPrice": "0x3b9aca00", "logs": [], "l1Fee": "0x64", "l1GasUsed": "0x640",
    }  # fmt: skip
    receipt = receipt_from(value)
    assert (receipt.data_fee, receipt.fee) == (100, 21_000 * GWEI + 100)
    assert receipt_from({**value, "l1Fee": None}).fee == receipt_from({**value, "l1Fee": "0x0"}).fee == 21_000 * GWEI
    with pytest.raises(ChainError, match="a data fee"):
        receipt_from({**value, "l1Fee": "much"})


def test_arbitrums_part_for_the_parent_chain_is_counted_once(chain: EthChain, rollups: dict[str, str]) -> None:
    """A simulation does not hold it, so it is added; eth_estimateGas holds it, so what is signed is not changed."""
    plain, signed = simulate(chain), sender_on(chain).sign(TRANSFER)
    chain.rpc.call("anvil_setCode", NODE_INTERFACE, rollups["NodeInterface"])
    found = simulate(chain)
    assert plain.gas is not None and plain.fee is not None and found.gas is not None
    published = 68 * 100 * ROOM // 100  # the stand-in takes 100 gas for each byte of calldata
    most = plain.fee // plain.gas
    assert found.gas == plain.gas + published
    assert (found.data_fee, found.fee) == (published * most, found.gas * most)
    again = sender_on(chain).sign(TRANSFER)
    assert again.raw == signed.raw, "the estimate of the node is the whole"


def test_arbitrums_estimate_is_taken_as_it_is(chain: EthChain, rollups: dict[str, str]) -> None:
    """Where the node cannot simulate, the preview is eth_estimateGas, which holds the parent chain's part already."""
    chain.rpc.call("anvil_setCode", NODE_INTERFACE, rollups["NodeInterface"])
    estimate = 80_000
    with proxy(chain.rpc.where) as front:
        front.answers = {"eth_estimateGas": hex(estimate)}
        front.lacks = {"eth_simulateV1"}
        found = simulate(EthChain(Rpc(front.url), chain.deployment))
        assert found.gas == estimate * (100 + GAS_MARGIN_PERCENT) // 100 and found.fee is not None
        assert found.fee % found.gas == 0 and "eth_estimateGas" in front.asked
