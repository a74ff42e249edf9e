"""What trusted hardware is made of: what verifies its evidence, and what runs in it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mlm.cli import wiring_compute
from mlm.config import DEVNET

if TYPE_CHECKING:
    from mlm.cli.context import Session
    from mlm.ports.attestation import Attestation
    from mlm.ports.enclave import Enclave


def is_devnet(session: Session) -> bool:
    """Whether the chosen network is the bundled chain: simulated evidence is accepted there, and nowhere else."""
    return bool(session.config.get("network.default") == DEVNET)


def attestation(session: Session) -> Attestation:
    """The Attestation port."""
    from mlm.adapters.attestation.dcap import Dcap

    return Dcap(folder=session.home / "cache" / "quotes", **wiring_compute.bounds(session, "runner"))


def enclave(session: Session) -> Enclave:
    """The Enclave port: the hardware's where there is some, or where the chain is no devnet; else the simulated one."""
    get = session.config.get
    reports, chosen = Path(get("tee.reports")), get("tee.enclave")
    options = {
        "folder": session.home / "cache" / "runner",
        "threads": get("runner.threads"),
        **wiring_compute.bounds(session, "runner"),
    }
    if chosen == "simulated" or (chosen == "auto" and is_devnet(session) and not reports.is_dir()):
        from mlm.adapters.enclave.simulated import SimulatedEnclave

        return SimulatedEnclave(**options)
    from mlm.adapters.enclave.tsm import TsmEnclave

    named = get("tee.collateral")
    return TsmEnclave(reports=reports, collateral=Path(named) if named else None, **options)
