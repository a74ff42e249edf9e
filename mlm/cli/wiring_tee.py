"""What trusted hardware is made of: what verifies its evidence, what runs in it, and an attester's server."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from mlm.cli import wiring_compute, wiring_serve
from mlm.config import DEVNET

if TYPE_CHECKING:
    from collections.abc import Callable

    from mlm.cli.context import Session
    from mlm.ports.attestation import Attestation
    from mlm.ports.attesters import Attesters
    from mlm.ports.enclave import Enclave

_FLUSH_S = 0.5


def is_devnet(session: Session) -> bool:
    """Whether the chosen network is the bundled chain: simulated evidence is accepted there, and nowhere else."""
    return bool(session.config.get("network.default") == DEVNET)


def attestation(session: Session) -> Attestation:
    """The Attestation port."""
    from mlm.adapters.attestation.evidence import Evidence

    return Evidence(folder=session.home / "cache" / "quotes", **wiring_compute.bounds(session, "runner"))


def enclave(session: Session) -> Enclave:
    """The Enclave port: the hardware's where there is some, or where the chain is no devnet; else the simulated one."""
    get = session.config.get
    reports, chosen = Path(get("tee.reports")), get("tee.enclave")
    options = {
        "folder": session.home / "cache" / "runner",
        "keys": session.home / "enclave",
        "threads": get("runner.threads"),
        **wiring_compute.bounds(session, "runner"),
    }
    if chosen == "simulated" or (chosen == "auto" and is_devnet(session) and not reports.is_dir()):
        from mlm.adapters.enclave.simulated import SimulatedEnclave

        return SimulatedEnclave(**options)
    from mlm.adapters.enclave.tsm import TsmEnclave

    named = get("tee.collateral")
    return TsmEnclave(reports=reports, collateral=Path(named) if named else None, **options)


def attesters(session: Session) -> Attesters:
    """The Attesters port."""
    from mlm.adapters.attester.client import HttpAttesters

    get = session.config.get
    return HttpAttesters(get("tee.timeout"), private=is_devnet(session) or get("tee.private_urls"))


def run(session: Session, host: str, port: int, started: Callable[[str], None]) -> None:
    """Attest for others until a signal ends it; `started` is told the URL. Raises StateConflict, ToolMissing."""
    from mlm.adapters.attester.app import Attesting, application, limits_of
    from mlm.adapters.attester.book import FileBook
    from mlm.adapters.serving import host as hosting
    from mlm.adapters.serving.metrics import AccessLog
    from mlm.workflows import attest, attest_key
    from mlm.workflows.attest_gather import VERIFIER

    chain, account = session.ports.chain, session.ports.signer.address
    verifier, chain_id, name = chain.address_of(VERIFIER).lower(), chain.chain_id(), f"attester-{account.lower()}"
    book = FileBook(session.home / "attester" / f"{chain_id}-{verifier}" / account.lower())
    ports, devnet = wiring_serve.own(session, name), is_devnet(session)
    log, limits = AccessLog(wiring_serve.folder(session, name)), limits_of(wiring_serve.limits(session))
    listening = hosting.listen(host, port)
    made = Attesting(
        attest=lambda asking, asked: attest_key.answer(ports, book, asking, asked, devnet),
        signer=partial(attest.signer, session.ports),
        admit=partial(attest.admit, session.ports),
        about={"attester": account, "chain": chain_id, "verifier": verifier},
        limits=limits,
        monotonic=time.monotonic,
        rate=session.config.get("tee.rate"),
        tell=log.add,
    )

    def drain() -> None:
        made.draining = True

    async def flush() -> None:
        while True:
            await asyncio.sleep(_FLUSH_S)
            await asyncio.to_thread(log.flush)

    async def ended() -> None:
        log.flush()

    hosted = hosting.Hosted(
        app=application(made),
        limits=limits,
        started=lambda: started(hosting.url(listening)),
        draining=drain,
        refused=lambda status: log.add({"status": status.http}),
        failed=lambda words: log.add({"error": words}),
        beside=(flush,),
        ended=ended,
    )
    hosting.host(hosted, listening)
