"""A server of models, of somebody else, as its payer sees it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from mlm.core.channel import SignedVoucher
from mlm.core.served import ServedResult, Terms

if TYPE_CHECKING:
    import numpy as np

    Tensors = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Offer:
    """A model that is served, and on what terms; None where it asks for no payment. Nothing of it is believed yet."""

    model: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    terms: Terms | None


@dataclass(frozen=True)
class Answer:
    """One answer. `outputs` only with status 200, `terms` where the server said them; `said` is its words, one line."""

    status: int
    said: str = ""
    outputs: "Tensors | None" = field(default=None, repr=False)
    result: ServedResult | None = None
    terms: Terms | None = None
    retry_after: float = 0.0  # seconds that the server asks to be left alone


@dataclass(frozen=True)
class Seen:
    """What a server says it has of a channel: `best` is the voucher that pays it most."""

    price: int
    served: int
    best: SignedVoucher | None


class ModelServer(Protocol):
    """Bounded in time and size. Raises ServerFailed for a server that is dead, slow, or sends nonsense."""

    where: str  # scheme, host and port

    def offer(self) -> Offer:
        """The model's metadata; raises NotFound for a model that is not served."""

    def infer(self, inputs: "Tensors", voucher: SignedVoucher | None, within: float) -> Answer:
        """One call, within so many seconds. Nothing is tried again."""

    def channel(self, channel: str) -> Seen | None:
        """What the server has of a channel; None when it has never seen a voucher of it."""

    def close(self) -> None:
        """Let its connections go."""


class ModelServers(Protocol):
    """Servers by URL."""

    def __call__(self, url: str, model: str = "", timeout: float = 60.0) -> ModelServer:
        """A server's URL, or one of its models'; raises UsageError for what is none."""
