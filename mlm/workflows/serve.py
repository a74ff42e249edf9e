"""`mlm serve`: which model is served, under which name, and at what price. What a call costs is decided in the core."""

from __future__ import annotations

from dataclasses import dataclass, field

from mlm.core.errors import InvalidData
from mlm.core.inference import NAMES, Signature, Spec
from mlm.core.money import Amount
from mlm.core.serving import Service, model_name
from mlm.ports.bundle import Ports
from mlm.ports.runner import ModelInfo, TensorSpec
from mlm.workflows import source

LOCAL_VERSION = "1"


@dataclass(frozen=True)
class Serve:
    """Parameters of `serve`. `price` in base units a call; None: the asset's use price."""

    model: str
    name: str | None = None
    free: bool = False
    price: Amount | None = None


@dataclass(frozen=True)
class Offer:
    """A model to serve, loaded and described."""

    service: Service
    onnx: bytes = field(repr=False)
    info: ModelInfo


def prepare(ports: Ports, params: Serve) -> Offer:
    """Load the model as whoever may read it. Raises NotFound, InvalidData, UsageError."""
    found = source.load(ports, params.model)
    name, version = model_name(params.name, found.name), found.name.partition("@")[2] or LOCAL_VERSION
    return Offer(Service(name, version, _signature(found.info)), found.onnx, found.info)


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


def described(offer: Offer, url: str) -> Serving:
    """What is told once the server answers."""
    return Serving(url, offer.service.name, offer.service.version, None)
