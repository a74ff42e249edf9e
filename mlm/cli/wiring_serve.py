"""What a server is made of besides the ports: its limits, its warm children, its folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlm.core.serving import Limits

if TYPE_CHECKING:
    from pathlib import Path

    from mlm.adapters.serving.app import Desk, Till
    from mlm.cli.context import Session
    from mlm.workflows.serve import Offer


def limits(session: Session) -> Limits:
    """The limits that the settings say."""
    get = session.config.get
    return Limits(
        body=get("serve.body_mb") << 20,
        seconds=get("serve.seconds"),
        connections=get("serve.connections"),
        queue=get("serve.queue"),
        batch=get("serve.batch"),
        payer_calls=get("serve.payer_calls"),
        payer_rate=get("serve.payer_rate"),
        drain=get("serve.drain"),
    )


def folder(session: Session, name: str) -> Path:
    """Where a server of this name keeps its logs, and its journal if it is paid."""
    made = session.home / "serve" / name
    made.mkdir(parents=True, exist_ok=True, mode=0o700)
    return made


def desk(session: Session, offer: Offer, till: Till, log: Path) -> Desk:
    """All that the application works with. The model runs in `serve.children` confined children that stay."""
    from mlm import __version__
    from mlm.adapters.serving.app import Desk
    from mlm.adapters.serving.batch import Batches
    from mlm.adapters.serving.metrics import AccessLog, Metrics
    from mlm.cli import wiring_compute

    children, bounds, metrics = session.config.get("serve.children"), limits(session), Metrics()
    batches = Batches(wiring_compute.runner(session, stay=children), offer.onnx, offer.info, bounds, children)
    made = Desk(offer.service, batches, till, bounds, metrics, AccessLog(log), __version__)
    metrics.gauge("waiting", "Calls that wait for the model.", lambda: batches.waiting)
    metrics.gauge("running", "Batches that run.", lambda: batches.running)
    metrics.gauge("under_way", "Inference calls under way.", lambda: made.calls)
    metrics.gauge("held_bytes", "Bytes of the bodies of calls under way.", lambda: made.held)
    metrics.gauge("batches_total", "Batches that ran.", lambda: batches.batches, "counter")
    metrics.gauge("batched_calls_total", "Calls that ran in them.", lambda: batches.calls, "counter")
    metrics.gauge("log_lines_lost_total", "Lines of the access log that were lost.", lambda: made.log.lost, "counter")
    return made
