"""`mlm network deploy`: the market's contracts on a chain that has none, at addresses that are known beforehand."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlm.core.errors import InvalidData, UsageError
from mlm.core.plan import Plan, Tx
from mlm.ports.bundle import Ports
from mlm.ports.contracts import SRS_WORDS, Choices, Placed
from mlm.workflows.apply import DoneStep, Operation
from mlm.workflows.op import resume
from mlm.workflows.rerun import earlier, request_of

SRS_FORMAT = "mlm/srs/1"  # of circuits/srs.json
_FIELD = 21888242871839275222246405745257275088696311157297823662689037894645226208583  # BN254's base field
_SRS_BYTES = 1 << 20
_LABEL = 64  # characters at most


@dataclass(frozen=True)
class Deploy:
    """Parameters of `network deploy`. An empty address is the deploying account's, an empty token a new one.

    `deployment` is the file to write. `srs` names the points of a public ceremony; without it `insecure_srs` must say
    that the devnet's will do.
    """

    name: str
    deployment: str
    holder: str = ""
    treasury: str = ""
    guardian: str = ""
    governance: str = ""
    token: str = ""
    srs: Path | None = None
    insecure_srs: bool = False
    label: str = ""


@dataclass(frozen=True)
class Deployed:
    """The market on a network. The file and the network's settings say so too."""

    name: str
    chain_id: int
    genesis_hash: str
    account: str
    holder: str  # of the new token's supply; "" when the token was there before
    treasury: str
    guardian: str
    governance: str  # of the attesters of the tier tee
    symbol: str  # of the token that the market is paid in
    decimals: int
    insecure_srs: bool
    file: str
    contracts: tuple[Placed, ...]


def go_on(ports: Ports, params: Deploy) -> None:
    """Finish what a killed start of the same command left: nothing is paid twice, for what stands is not made again."""
    left = earlier(ports, OPERATION.name, request_of(ports, OPERATION.name, params))
    if left is not None:
        resume(ports, left)


def plan(ports: Ports, params: Deploy) -> Plan[Choices]:
    """One transaction for each contract that does not stand yet. Raises as Contracts.creations does, and UsageError."""
    choices = _choices(ports, params)
    steps = tuple(
        Tx(f"deploy {creation.name} at {creation.address}" + (f" ({creation.detail})" * bool(creation.detail)), call)
        for creation in ports.contracts.creations(ports.sender.address, choices, params.deployment)
        if (call := creation.call) is not None
    )
    return Plan("network deploy", steps, choices)


def result(ports: Ports, params: Deploy, plan: Plan[Choices], done: tuple[DoneStep, ...]) -> Deployed:
    """Read everything back from the chain, and write the deployment file."""
    choices, account = plan.facts, ports.sender.address
    found = ports.contracts.record(account, choices, params.deployment)
    return Deployed(
        params.name,
        found.chain_id,
        found.genesis_hash,
        account,
        "" if choices.token else choices.accounts["holder"],
        choices.accounts["treasury"],
        choices.accounts["guardian"],
        choices.accounts["governance"],
        found.unit.symbol,
        found.unit.decimals,
        params.insecure_srs,
        found.file,
        found.contracts,
    )


def _choices(ports: Ports, params: Deploy) -> Choices:
    if (params.srs is None) is not params.insecure_srs:
        raise UsageError(
            "expected either --srs FILE or --insecure-srs",
            hint="--srs names the points of a public ceremony. The devnet's secret was drawn on one machine: with "
            "--insecure-srs whoever kept it can prove anything, so that is for play money alone.",
        )
    if len(params.label) > _LABEL or not params.label.isprintable():
        raise UsageError(f"--label: expected at most {_LABEL} printable characters, found {params.label[:80]!r}")
    if params.token and params.holder:
        raise UsageError("--holder is for a new token's supply, and --token names one that exists")
    srs = () if params.srs is None else _points(ports.files.read(params.srs, _SRS_BYTES), str(params.srs))
    own = ports.sender.address  # which may ask for a password: after all that can be wrong without it
    accounts = {
        "holder": params.holder or own,
        "treasury": params.treasury or own,
        "guardian": params.guardian or own,
        "governance": params.governance or own,
    }
    return Choices(accounts, params.token, srs, params.label)


def _points(data: bytes, source: str) -> tuple[int, ...]:
    """(G2, -tau*G2) of a file such as circuits/srs.json; raises InvalidData."""
    import orjson

    try:
        value: Any = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise InvalidData(f"{source}: expected JSON, found {data[:40]!r}") from error
    if not isinstance(value, dict) or value.get("format") != SRS_FORMAT:
        found = value.get("format") if isinstance(value, dict) else value
        raise InvalidData(f"{source}: expected format {SRS_FORMAT!r}, found {str(found)[:40]!r}")
    words: Any = value.get("points")
    try:
        points = tuple(int(word, 16) for word in words)
    except (TypeError, ValueError) as error:
        raise InvalidData(f"{source}: expected {SRS_WORDS} points in hex, found {str(words)[:60]!r}") from error
    if len(points) != SRS_WORDS or not all(0 <= word < _FIELD for word in points):
        raise InvalidData(f"{source}: expected {SRS_WORDS} elements of BN254's base field, found {str(words)[:60]!r}")
    return points


OPERATION = Operation(
    "network deploy",
    Deploy,
    plan,
    result,
    "Contracts cannot be taken back: `mlm network deploy --label NAME` makes others, and the settings name those then.",
)
