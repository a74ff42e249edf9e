"""`mlm serve`: which model is served, under which name, and at what price. What a call costs is decided in the core."""

from __future__ import annotations

from dataclasses import dataclass, field

from mlm.core.errors import InvalidData, UsageError
from mlm.core.inference import NAMES, Signature, Spec
from mlm.core.money import Amount
from mlm.core.plan import NO_ACCOUNT
from mlm.core.served import Terms
from mlm.core.serving import Service, model_name
from mlm.ports.bundle import Ports
from mlm.ports.runner import ModelInfo, TensorSpec
from mlm.workflows import serve_channels, source
from mlm.workflows.lookup import Version
from mlm.workflows.serve_licence import ServingRight
from mlm.workflows.using import LICENSED

LOCAL_VERSION = "1"


@dataclass(frozen=True)
class Serve:
    """Parameters of `serve`. `price` in base units a call; None: the least that covers fee and use price.

    `margin` is the seconds that a channel must still have.
    """

    model: str
    name: str | None = None
    free: bool = False
    price: Amount | None = None
    margin: int = 600


@dataclass(frozen=True)
class Offer:
    """A model to serve, loaded and described; `terms` where it is paid, `licensed` where its licence has to hold."""

    service: Service
    onnx: bytes = field(repr=False)
    info: ModelInfo
    terms: Terms | None = None
    licensed: Version | None = None


def prepare(ports: Ports, params: Serve) -> Offer:
    """Load the model as whoever may read it, and fix what a call costs.

    Raises NotFound, InvalidData, UsageError, NotLicensed.
    """
    if params.free and params.price is not None:
        raise UsageError("--free and --price exclude each other")
    found = source.load(ports, params.model)
    name, version = model_name(params.name, found.name), found.name.partition("@")[2] or LOCAL_VERSION
    licensed = None
    if found.published is not None and found.published[0].manifest.access == LICENSED:
        licensed = found.published[1]
        ServingRight(ports, licensed).check()
    terms = None
    if not params.free:
        if found.published is None:
            raise UsageError(
                f"{params.model} is not published: nobody could open a channel for it",
                hint="Publish it and name it as HANDLE/NAME, or serve it for nothing: --free.",
            )
        terms = serve_channels.terms(ports, found.published[1], params.price, params.margin)
    service = Service(name, version, _signature(found.info), terms.to_json() if terms else None)
    return Offer(service, found.onnx, found.info, terms, licensed)


def _signature(info: ModelInfo) -> Signature:
    return Signature(tuple(map(_spec, info.inputs)), tuple(map(_spec, info.outputs)))


def _spec(found: TensorSpec) -> Spec:
    if found.dtype not in NAMES:
        raise InvalidData(f"the tensor {found.name[:60]!r} is of {found.dtype}, which the protocol cannot carry")
    return Spec(found.name, found.dtype, found.shape)


@dataclass(frozen=True)
class Serving:
    """A server that answers."""

    url: str
    model: str
    version: str
    price: Amount | None  # a call; None: free
    payee: str = field(metadata=NO_ACCOUNT)


def described(offer: Offer, url: str) -> Serving:
    """What is told once the server answers."""
    terms = offer.terms
    price, payee = (Amount(terms.price), terms.payee) if terms else (None, "")
    return Serving(url, offer.service.name, offer.service.version, price, payee)
