"""What runs and proves models: on this machine, or on a Ray cluster (runner.engine)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlm.adapters.ray.nodes import Nodes
    from mlm.cli.context import Session
    from mlm.ports.exact import Exact
    from mlm.ports.lowering import Lowerer
    from mlm.ports.prover import Prover
    from mlm.ports.runner import Runner

RAY = "ray"  # the value of runner.engine
CUDA_VARIABLES = ("CUDA_VISIBLE_DEVICES", "LD_LIBRARY_PATH")  # which devices a model may use, and CUDA's own libraries


def bounds(session: Session, table: str) -> dict[str, Any]:
    """What a confined child is bounded by."""
    limits = {"memory_mb": f"{table}.memory_mb", "timeout_s": f"{table}.timeout", "sandbox": "runner.sandbox"}
    return {name: session.config.get(key) for name, key in limits.items()}


def prover(session: Session) -> Prover:
    """The Prover port. Raises UsageError."""
    from mlm import resources

    config = session.config
    srs = Path(config.get("prover.srs")) if config.get("prover.srs") else resources.path("circuits")
    limits = {**bounds(session, "prover"), "disk_mb": config.get("prover.disk_mb")}
    if config.get("runner.engine") == RAY:
        from mlm.adapters.ray.prover import RayProver

        return RayProver(_nodes(session), srs=srs, **limits)
    from mlm.adapters.ezkl.prover import EzklProver

    return EzklProver(cache_dir=session.home / "cache" / "ezkl", srs=srs, **limits)


def runner(session: Session, stay: int = 0) -> Runner:
    """The Runner port; here `stay` children stay for the next run. Raises UsageError."""
    config = session.config
    chosen = {"provider": config.get("runner.provider"), "threads": config.get("runner.threads")}
    if config.get("runner.engine") == RAY:
        from mlm.adapters.ray.runner import RayRunner

        return RayRunner(_nodes(session), **chosen, **bounds(session, "runner"))
    from mlm.adapters.onnx.confined import ConfinedRunner

    return ConfinedRunner(
        folder=session.home / "cache" / "runner",
        **chosen,
        **bounds(session, "runner"),
        environment={name: session.env[name] for name in CUDA_VARIABLES if name in session.env},
        stay=stay,
    )


def exact(session: Session) -> Exact:
    """The Exact port."""
    from mlm.adapters.exact.confined import ConfinedExact

    return ConfinedExact(
        folder=session.home / "cache" / "runner",
        threads=session.config.get("runner.threads"),
        **bounds(session, "runner"),
    )


def lowerer(session: Session) -> Lowerer:
    """The Lowerer port."""
    from mlm.adapters.exact.lower.confined import ConfinedLowerer

    return ConfinedLowerer(folder=session.home / "cache" / "lower", **bounds(session, "runner"))


def _nodes(session: Session) -> Nodes:
    from mlm.adapters.ray.cluster import cluster
    from mlm.adapters.ray.nodes import Nodes

    get = session.config.get
    return Nodes(cluster(get("runner.ray_address")), get("runner.ray_folder"), get("runner.ray_cpus"))
