"""Deploying a list of contracts by devnet/contracts/Deployer.sol, and reading back from the chain what was deployed.

Addresses follow from the deploying account and the contracts' names alone. So contracts may refer to later ones, what
stands at its address is done, a killed deployment is continued by starting it again, and the deployment file can be
made again at any time: the chain says when each contract was made, and from which creation code and arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from mlm.adapters.chain import abi, create, deployment, token
from mlm.adapters.chain.deployment import Deployed, Deployment
from mlm.adapters.chain.listing import SRS, Artifacts, Entry, init_code, with_srs, without_simulated
from mlm.adapters.chain.read import EthChain
from mlm.adapters.chain.rpc import Identity, Rpc, hex_data
from mlm.core.digest import keccak256
from mlm.core.errors import ChainError, NotFound, StateConflict, UsageError
from mlm.core.money import MLM, Unit
from mlm.core.plan import Call
from mlm.ports.chain import Log
from mlm.ports.contracts import Choices, Creation, Placed, Recorded

TOKEN = "MarketToken"
PAID = "JobMarket"  # beside whose creation a token is told that was there before
_NOBODY = "0x" + "0" * 64


class ChainContracts:
    """The contracts of a list on one chain (ports.contracts.Contracts).

    `chain` need not know any deployment. `keep` stores a finished one under a path.
    """

    def __init__(
        self,
        chain: EthChain,
        entries: Sequence[Entry],
        keep: Callable[[Deployment, str], None],
        artifacts: Artifacts = abi.artifact,
    ) -> None:
        self._chain, self._rpc = chain, chain.rpc
        self._entries, self._keep, self._artifacts = entries, keep, artifacts

    def creations(self, account: str, choices: Choices, file: str = "") -> tuple[Creation, ...]:
        entries = self._chosen(choices)
        addresses = self._addresses(account, choices)
        self._agrees(file, addresses)
        unit = self._unit(choices)
        found = []
        if not self._has_code(create.DEPLOYER):
            self._has_factory()
            code = create.SALT + self._artifacts("Deployer").bytecode
            found.append(Creation("Deployer", create.DEPLOYER, Call("Create2Factory", "", (code,))))
        codes = self._codes(entries, addresses, choices, unit)
        made = {} if found else self._made(account, addresses, codes)
        tried = ""
        if choices.token and PAID not in made:
            tried = token.examine(self._only(TOKEN, choices.token.lower()), account)
        for entry in entries:
            call = Call("Deployer", "deploy", (_name(choices.label, entry.name), codes[entry.name]))
            told = [f"{role} {choices.accounts[role]}" for role in entry.roles]
            if choices.token and entry.name == PAID:
                told.append(f"paid in {unit.symbol} of {unit.decimals} decimals at {choices.token}; {tried}")
            detail = ", ".join(told)
            found.append(Creation(entry.name, addresses[entry.name], None if entry.name in made else call, detail))
        return tuple(found)

    def read(self, account: str, choices: Choices) -> Deployment:
        """The finished deployment, from the chain; raises StateConflict when a contract is missing."""
        entries, addresses = self._chosen(choices), self._addresses(account, choices)
        unit = self._unit(choices)
        made = self._made(account, addresses, self._codes(entries, addresses, choices, unit))
        contracts = {}
        for entry in entries:
            if entry.name not in made:
                raise StateConflict(f"{entry.name} does not stand at {addresses[entry.name]} yet", hint="Deploy again.")
            log = made[entry.name]
            code = sha256(self._artifacts(entry.name).bytecode).hexdigest()
            contracts[entry.name] = Deployed(addresses[entry.name], log.block_number, log.tx_hash, code)
        first = min(placed.block for placed in contracts.values())
        if choices.token:
            contracts[TOKEN] = Deployed(choices.token.lower(), first, _NOBODY)
        here = self._rpc.identity()
        return Deployment(here.chain_id, here.genesis_hash, first, contracts, unit)

    def record(self, account: str, choices: Choices, file: str) -> Recorded:
        found = self.read(account, choices)
        self._keep(found, file)
        placed = tuple(
            Placed(name, entry.address, *((0, "") if entry.tx == _NOBODY else (entry.block, entry.tx)))
            for name, entry in found.contracts.items()
        )
        return Recorded(found.chain_id, found.genesis_hash, file, placed, found.unit)

    def _chosen(self, choices: Choices) -> tuple[Entry, ...]:
        entries = tuple(entry for entry in self._entries if not (choices.token and entry.name == TOKEN))
        if not choices.srs:
            return entries
        own = next((entry.args[SRS[1]] for entry in entries if entry.name == SRS[0]), ())
        if [int(str(word), 0) for word in own] == list(choices.srs):
            raise UsageError(
                "--srs: these are the devnet's points: whoever kept their secret can prove anything",
                hint="Give the points of a public ceremony, or say --insecure-srs for play money.",
            )
        # Play money has the simulated vendor too, and what is worth something has neither.
        return without_simulated(with_srs(entries, choices.srs))

    def _addresses(self, account: str, choices: Choices) -> dict[str, str]:
        names = dict.fromkeys(name for entry in self._entries for name in (entry.name, *entry.others))
        named = {name: create.named_address(account, _name(choices.label, name)) for name in names}
        return {**named, TOKEN: choices.token.lower()} if choices.token else named

    def _codes(
        self, entries: Sequence[Entry], addresses: Mapping[str, str], choices: Choices, unit: Unit
    ) -> dict[str, bytes]:
        return {entry.name: init_code(entry, addresses, choices.accounts, self._artifacts, unit) for entry in entries}

    def _made(self, account: str, addresses: Mapping[str, str], codes: Mapping[str, bytes]) -> dict[str, Log]:
        """The event of each contract that stands; raises StateConflict for one that was made otherwise than `codes`."""
        times = {name: self._chain.call("Deployer", "createdAt", addresses[name]) for name in codes}
        standing = {addresses[name]: name for name, second in times.items() if second}
        if not standing:
            return {}
        seconds = [second for second in times.values() if second]
        made = {}
        for log in self._events(min(seconds), max(seconds)):
            name = standing.get("0x" + log.topics[2][-40:])
            if name is None:
                continue
            if log.topics[3] != "0x" + keccak256(codes[name]).hex():
                raise StateConflict(
                    f"{account} has deployed {name} at {addresses[name]} with other code or arguments than these",
                    hint="Repeat the options of then, or make new ones with --label (the devnet: `mlm devnet reset`).",
                )
            made[name] = log
        if lost := set(standing.values()) - set(made):
            raise ChainError(
                f"{self._rpc.where} has no log of the creation of {', '.join(sorted(lost))}",
                hint="It keeps too little history: ask another endpoint.",
            )
        return made

    def _events(self, first: int, last: int) -> list[Log]:
        """The Deployer's events of the seconds from `first` to `last`."""
        head = self._chain.block("latest").number
        start = self._block_at(first, head)
        end = min(head, self._block_at(last + 1, head))
        found = self._only("Deployer", create.DEPLOYER).logs(start, end)
        topic = "0x" + keccak256(b"Deployed(address,address,bytes32,string)").hex()
        return [log for log in found if log.topics[:1] == (topic,) and len(log.topics) == 4]

    def _block_at(self, second: int, head: int) -> int:
        """The first block with that time or a later one; the one after the head when there is none.

        The Deployer knows times, not numbers: on some rollups block.number counts the blocks of the chain below.
        """
        low, high, step = 0, head + 1, 1
        while high - step > 0 and self._chain.block(high - step).timestamp >= second:
            high, step = high - step, step * 2
        low = max(0, high - step)
        while low < high:
            middle = (low + high) // 2
            if self._chain.block(middle).timestamp >= second:
                high = middle
            else:
                low = middle + 1
        return high

    def _agrees(self, file: str, addresses: Mapping[str, str]) -> None:
        """A deployment that is there already must be this account's, on this chain: it is not written over."""
        try:
            old = deployment.load(Path(file)) if file else None
        except NotFound:
            old = None
        if old is None:
            return
        Identity(old.chain_id, old.genesis_hash).check(self._rpc.identity(), self._rpc.where)
        for name, entry in old.contracts.items():
            if addresses.get(name) != entry.address:
                raise StateConflict(
                    f"{file} says that {name} is at {entry.address}, not at {addresses.get(name, 'any address')}",
                    hint="This network has other contracts already: give --deployment FILE to write another file.",
                )

    def _only(self, name: str, address: str) -> EthChain:
        """The chain with nothing on it but one contract."""
        return EthChain(self._rpc, replace(self._chain.deployment, contracts={name: Deployed(address, 0, _NOBODY)}))

    def _has_code(self, address: str) -> bool:
        return self._code(address) != b""

    def _code(self, address: str) -> bytes:
        self._chain.chain_id()  # the right chain: checked before anything is believed
        return bytes.fromhex(hex_data(self._rpc.call("eth_getCode", address, "latest"), "code")[2:])

    def _has_factory(self) -> None:
        found = self._code(create.FACTORY)
        if found != create.FACTORY_CODE:
            what = "nothing" if not found else "something else"
            raise ChainError(
                f"expected the deterministic deployment proxy at {create.FACTORY} on this chain, found {what}",
                hint="Its presigned transaction brings it: github.com/Arachnid/deterministic-deployment-proxy.",
            )

    def _unit(self, choices: Choices) -> Unit:
        """Of the token that the market is paid in; raises UsageError where that is none."""
        if not choices.token:
            return MLM
        if not self._has_code(choices.token):
            raise UsageError(f"--token: expected a contract, found no code at {choices.token}")
        return token.unit_of(self._only(TOKEN, choices.token.lower()))


def stands(rpc: Rpc, recorded: Deployment) -> bool:
    """Whether every contract has code on the chain that the deployment names."""
    if rpc.identity() != Identity(recorded.chain_id, recorded.genesis_hash):
        return False
    codes = rpc.batch([("eth_getCode", (entry.address, "latest")) for entry in recorded.contracts.values()])
    return all(len(hex_data(code, "code")) > 2 for code in codes)


def outdated(recorded: Deployment, artifacts: Artifacts = abi.artifact) -> list[str]:
    """The contracts of a deployment that were made from other bytecode than the artifacts hold now."""
    return [
        name for name, entry in recorded.contracts.items() if entry.code != sha256(artifacts(name).bytecode).hexdigest()
    ]


def _name(label: str, contract: str) -> str:
    return f"{label}/{contract}" if label else contract
