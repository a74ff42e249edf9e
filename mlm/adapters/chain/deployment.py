"""Deployment files: where the contracts of one chain live. Data from outside, checked before it is believed."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mlm.adapters.chain.create import DEPLOYER, FACTORY
from mlm.adapters.disk import read_regular, replace_file, storage_errors
from mlm.core.errors import InvalidData, NotFound
from mlm.core.money import MAX_DECIMALS, MLM, Unit, is_symbol

MAX_BYTES = 1 << 20
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
_DIGEST = re.compile(r"(?:[0-9a-f]{64})?")
_HASH = re.compile(r"0x[0-9a-fA-F]{64}")


TOKEN = "MarketToken"
STANDARD = {"Create2Factory": FACTORY, "Deployer": DEPLOYER}


@dataclass(frozen=True)
class Deployed:
    """One contract: its address (lower case), the block and transaction that created it, the sha256 of its bytecode."""

    address: str
    block: int
    tx: str
    code: str = ""  # 64 hex digits of the creation bytecode's digest; empty when the file does not say


@dataclass(frozen=True)
class Deployment:
    """The contracts of one chain, which is named by its id and its genesis block's hash."""

    chain_id: int
    genesis_hash: str
    block: int  # logs start here
    contracts: Mapping[str, Deployed]
    unit: Unit = MLM  # of the token that the market is paid in

    def address(self, name: str) -> str:
        """Lower-case address; raises NotFound. What deployments start from has the same one on every chain."""
        if name in STANDARD:
            return STANDARD[name]
        if name not in self.contracts:
            known = ", ".join(sorted(self.contracts))
            if not known:
                raise NotFound("this network has no contracts yet", hint="Deploy them with `mlm network deploy NAME`.")
            raise NotFound(f"the deployment has no contract {name!r}; it has {known}")
        return self.contracts[name].address

    @property
    def foreign(self) -> str:
        """The address of a token that was there before the market, whose transfers are mostly strangers'; or ""."""
        token = self.contracts.get(TOKEN)
        return token.address if token is not None and not int(token.tx, 16) else ""

    def name(self, address: str) -> str | None:
        """The contract at an address, or None."""
        wanted = address.lower()
        return next((name for name, entry in self.contracts.items() if entry.address == wanted), None)

    def to_json(self) -> dict[str, Any]:
        contracts = {name: asdict(entry) for name, entry in self.contracts.items()}
        return {
            "chainId": self.chain_id,
            "genesisHash": self.genesis_hash,
            "block": self.block,
            "contracts": contracts,
            "token": asdict(self.unit),
        }


def parse(value: Any, source: str) -> Deployment:
    """Check a decoded deployment file; raises InvalidData naming `source` and the field."""

    def need(ok: bool, what: str, found: Any) -> None:
        if not ok:
            raise InvalidData(f"{source}: expected {what}, found {str(found)[:60]!r}")

    need(isinstance(value, dict), "an object", value)
    chain_id, genesis, block = value.get("chainId"), value.get("genesisHash"), value.get("block")
    need(type(chain_id) is int and chain_id > 0, "chainId, a positive number", chain_id)
    need(isinstance(genesis, str) and bool(_HASH.fullmatch(genesis)), "genesisHash, 32 bytes of hex", genesis)
    need(type(block) is int and block >= 0, "block, a number", block)
    entries = value.get("contracts")
    need(isinstance(entries, dict) and bool(entries), "contracts, an object that is not empty", entries)
    contracts: dict[str, Deployed] = {}
    for name, entry in entries.items():
        need(isinstance(entry, dict), f"contracts.{name}, an object", entry)
        address, at, tx = entry.get("address"), entry.get("block", block), entry.get("tx", "0x" + "0" * 64)
        need(isinstance(address, str) and bool(_ADDRESS.fullmatch(address)), f"contracts.{name}.address", address)
        need(type(at) is int and at >= 0, f"contracts.{name}.block, a number", at)
        need(isinstance(tx, str) and bool(_HASH.fullmatch(tx)), f"contracts.{name}.tx, 32 bytes of hex", tx)
        code = entry.get("code", "")
        need(isinstance(code, str) and bool(_DIGEST.fullmatch(code)), f"contracts.{name}.code, a sha256 in hex", code)
        contracts[name] = Deployed(address.lower(), at, tx.lower(), code)
    token = value.get("token", asdict(MLM))  # earlier files have none
    need(isinstance(token, dict), "token, an object", token)
    symbol, decimals = token.get("symbol"), token.get("decimals")
    need(isinstance(symbol, str) and is_symbol(symbol), "token.symbol, up to 16 letters and digits", symbol)
    need(type(decimals) is int and 0 <= decimals <= MAX_DECIMALS, f"token.decimals, 0 to {MAX_DECIMALS}", decimals)
    return Deployment(chain_id, genesis.lower(), block, contracts, Unit(symbol, decimals))


def load(path: Path, hint: str = "") -> Deployment:
    """Read a deployment file; raises NotFound or InvalidData."""
    import orjson

    try:
        raw = read_regular(path, MAX_BYTES)
    except FileNotFoundError as error:
        raise NotFound(f"no deployment file at {path}", hint=hint) from error
    except OSError as error:
        raise InvalidData(f"cannot read the deployment file {path}: {error.strerror}") from error
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise InvalidData(f"{path}: expected JSON, found {raw[:40]!r}") from error
    return parse(value, str(path))


def unit_of(file: str) -> Unit:
    """The unit of the token that a deployment file names; MLM where there is no file, or none that can be read.

    Whoever then needs its contracts is told what is wrong by `load`.
    """
    try:
        return load(Path(file)).unit if file else MLM
    except (NotFound, InvalidData):
        return MLM


def save(path: Path, deployment: Deployment) -> None:
    """Write the file whole or not at all."""
    text = json.dumps(deployment.to_json(), indent=2, sort_keys=True) + "\n"
    with storage_errors("cannot write the deployment file"):
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, [text.encode()])
