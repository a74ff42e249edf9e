"""Deploying the contracts of a list such as devnet/deployment.json, so that a killed deployment is continued.

All addresses follow from the deployer and its first nonce, so contracts may refer to later ones, and a contract that
stands at its address is done.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from mlm.adapters.chain import abi
from mlm.adapters.chain.deployment import Deployed, Deployment
from mlm.adapters.chain.read import EthChain
from mlm.adapters.chain.rpc import Identity, Rpc, hex_data, quantity
from mlm.adapters.chain.send import EthSender
from mlm.adapters.chain.tx import create_address
from mlm.adapters.disk import replace_file, storage_errors
from mlm.core.errors import ChainError, InvalidData, StateConflict

FORMAT = "mlm/deployment/1"
Artifacts = Callable[[str], abi.Artifact]


@dataclass(frozen=True)
class Entry:
    """One contract to deploy: constructor arguments by input name, references not yet resolved."""

    name: str
    args: Mapping[str, Any]


def read_list(path: Path) -> tuple[Entry, ...]:
    """Read a deployment list; raises InvalidData naming what is wrong."""
    try:
        value = json.loads(path.read_bytes())
        if value.get("format") != FORMAT:
            raise ValueError(f"expected format {FORMAT!r}, found {value.get('format')!r}")
        entries = tuple(Entry(item["name"], item.get("args", {})) for item in value["contracts"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidData(f"{path} is no deployment list: {error}") from error
    if len({entry.name for entry in entries}) != len(entries) or not entries:
        raise InvalidData(f"{path} is no deployment list: expected distinct names, at least one")
    return entries


def deploy(
    rpc: Rpc,
    key: bytes,
    entries: Sequence[Entry],
    accounts: Mapping[str, str],
    progress: Path,
    artifacts: Artifacts = abi.artifact,
) -> Deployment:
    """Deploy `entries` in order with consecutive nonces of `key`; continue what `progress` records of the same chain.

    `accounts` gives the address of each named account. The caller removes `progress` once it has kept the result.
    Raises StateConflict when the deployer sends something else meanwhile, Reverted when a constructor refuses.
    """
    found = rpc.identity()
    chain_id, genesis = found.chain_id, found.genesis_hash
    start_block = quantity(rpc.call("eth_blockNumber"), "a block's number")
    sender = EthSender(EthChain(rpc, Deployment(chain_id, genesis, 0, {})), key)
    nonce = quantity(rpc.call("eth_getTransactionCount", sender.address, "latest"), "a nonce")
    record = _continue(progress, genesis, nonce, len(entries)) or {
        "genesis": genesis,
        "nonce": nonce,
        "block": start_block,
        "txs": {},
    }
    first = record["nonce"]
    addresses = {entry.name: create_address(sender.address, first + i) for i, entry in enumerate(entries)}
    contracts: dict[str, Deployed] = {}
    for position, entry in enumerate(entries):
        address = addresses[entry.name]
        artifact = artifacts(entry.name)
        if first + position >= nonce:
            args = [_resolve(param, _argument(entry, param), addresses, accounts) for param in artifact.abi.constructor]
            data = artifact.bytecode + artifact.abi.encode_constructor(args)
            signed = sender.sign_request({"data": "0x" + data.hex()}, chain_id)
            if signed.nonce != first + position:
                raise StateConflict(f"expected nonce {first + position} for {entry.name}, found {signed.nonce}")
            record["txs"][entry.name] = signed.tx_hash
            _save(progress, record)
            sender.broadcast(signed)
            sender.wait(signed)
        made = _deployed(rpc, entry.name, address, record["txs"].get(entry.name))
        contracts[entry.name] = replace(made, code=sha256(artifact.bytecode).hexdigest())
    return Deployment(chain_id, genesis, record["block"], contracts)


def stands(rpc: Rpc, deployment: Deployment) -> bool:
    """Whether every contract has code on the chain that the deployment names."""
    if rpc.identity() != Identity(deployment.chain_id, deployment.genesis_hash):
        return False
    codes = rpc.batch([("eth_getCode", (entry.address, "latest")) for entry in deployment.contracts.values()])
    return all(len(hex_data(code, "code")) > 2 for code in codes)


def outdated(deployment: Deployment, artifacts: Artifacts = abi.artifact) -> list[str]:
    """The contracts of a deployment that were made from other bytecode than the artifacts hold now."""
    return [
        name
        for name, entry in deployment.contracts.items()
        if entry.code != sha256(artifacts(name).bytecode).hexdigest()
    ]


def _continue(progress: Path, genesis: str, nonce: int, count: int) -> dict[str, Any] | None:
    """The record of an unfinished deployment that this chain's deployer can still continue."""
    try:
        record = json.loads(progress.read_bytes())
        ours = record["genesis"] == genesis and record["nonce"] <= nonce <= record["nonce"] + count
        # A nonce that another transaction took leaves a gap: then everything starts again further on.
        return record if ours and len(record["txs"]) >= nonce - record["nonce"] else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _save(progress: Path, record: Mapping[str, Any]) -> None:
    with storage_errors("cannot write how far the deployment has come"):
        replace_file(progress, [json.dumps(record).encode()])


def _deployed(rpc: Rpc, name: str, address: str, tx: str | None) -> Deployed:
    receipt = rpc.call("eth_getTransactionReceipt", tx) if tx else None
    if tx is None or not isinstance(receipt, Mapping) or str(receipt.get("contractAddress")).lower() != address:
        raise ChainError(f"the chain has no record of {name}'s creation", hint="Run `mlm devnet up` again.")
    return Deployed(address, quantity(receipt.get("blockNumber"), "a block's number"), tx)


def _argument(entry: Entry, param: abi.Param) -> Any:
    if param.name not in entry.args:
        raise InvalidData(f"deployment list: {entry.name} lacks the constructor's {param.name}")
    return entry.args[param.name]


def _resolve(param: abi.Param, value: Any, addresses: Mapping[str, str], accounts: Mapping[str, str]) -> Any:
    """Replace references by addresses and decimal strings by numbers."""
    if param.type.endswith("]"):
        element = abi.Param(param.name, param.type[: param.type.rindex("[")], param.components)
        return [_resolve(element, item, addresses, accounts) for item in value]
    if isinstance(value, Mapping) and not param.components:
        for key, known in (("addressOf", addresses), ("account", accounts)):
            if key in value:
                if value[key] not in known:
                    raise InvalidData(f"deployment list: {key} {value[key]!r} is none of {', '.join(known)}")
                return known[value[key]]
        raise InvalidData(f"deployment list: expected addressOf or account, found {dict(value)}")
    if param.components:
        return {part.name: _resolve(part, value[part.name], addresses, accounts) for part in param.components}
    if param.type.startswith(("uint", "int")) and isinstance(value, str):
        return int(value, 0)
    return value
