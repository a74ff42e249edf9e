"""The market's contracts on the chosen network: which are still to be made, and where all of them stand."""

from dataclasses import dataclass, field
from typing import Protocol

from mlm.core.money import MLM, Unit
from mlm.core.plan import Call

SRS_WORDS = 8  # (G2, -tau*G2): two points over Fp2, 4 words each


@dataclass(frozen=True)
class Choices:
    """What whoever deploys decides. Addresses are 0x-prefixed."""

    accounts: dict[str, str]  # holder of the new token's supply, treasury, guardian, governance
    token: str = ""  # an ERC-20 that exists already, see docs/tokens.md; "": a new one
    srs: tuple[int, ...] = ()  # the reference string's points, SRS_WORDS words; (): the devnet's own
    label: str = ""  # tells this deployment from another one of the same account


@dataclass(frozen=True)
class Creation:
    """One contract. `call` makes it, and is None when it stands; `detail` says what only its arguments show."""

    name: str
    address: str
    call: Call | None = field(repr=False)
    detail: str = ""


@dataclass(frozen=True)
class Placed:
    """A contract that stands, with the block and transaction that made it; 0 and "" for one that was there before."""

    name: str
    address: str
    block: int
    tx: str


@dataclass(frozen=True)
class Recorded:
    """A whole deployment, as the file at `file` says it."""

    chain_id: int
    genesis_hash: str
    file: str
    contracts: tuple[Placed, ...]
    unit: Unit = MLM  # of the token that the market is paid in


class Contracts(Protocol):
    """Addresses follow from the deploying account, the label and each contract's name; what stands there is done."""

    def creations(self, account: str, choices: Choices, file: str = "") -> tuple[Creation, ...]:
        """All contracts in the order in which they are made; those that stand already have no call.

        Raises StateConflict when one of them, or the deployment in `file`, was made otherwise; UsageError and
        InvalidData for choices that cannot be, such as a token that is refused; ChainError when the chain lacks what
        deployments start from.
        """

    def record(self, account: str, choices: Choices, file: str) -> Recorded:
        """Read the finished deployment from the chain, write it to `file`, and let the network's settings name it."""
