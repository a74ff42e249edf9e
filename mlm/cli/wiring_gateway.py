"""What a gateway is made of besides the ports: its store, its door, its limits."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from mlm.cli import wiring_serve
from mlm.core import access

if TYPE_CHECKING:
    from collections.abc import Callable

    from mlm.cli.context import Session
    from mlm.core.access import Access
    from mlm.core.serving import Status
    from mlm.core.shelf import Shelf
    from mlm.ports.remote import Remote
    from mlm.workflows.gateway import Shelved


def run(
    session: Session,
    assets: tuple[str, ...],
    host: str,
    port: int,
    origin: str | None,
    started: Callable[[str, str, tuple[Shelved, ...], Shelf], None],
) -> None:
    """Offer blocks until a signal ends it. Raises NotFound, UsageError, StateConflict, ToolMissing, ChainError."""
    from mlm.adapters.gateway.app import Gateway, application
    from mlm.adapters.gateway.door import Door
    from mlm.adapters.serving import host as hosting
    from mlm.workflows import gateway as workflow
    from mlm.workflows.entitlement import Standing

    ports = session.ports
    own = None if session.project is None else ports.objects
    store = workflow.Stored(own, _shared(session))
    shelf, versions = workflow.stock(ports, store, assets)
    listening = hosting.listen(host, port)
    url = hosting.url(listening)
    known_as = access.origin_of(origin or url)
    chain_id, licences = ports.chain.chain_id(), ports.chain.address_of("LicenceToken").lower()
    domain = access.domain(chain_id, licences)

    def signed_by(found: Access, signature: bytes) -> str:
        return ports.recover(domain, access.TYPES, found.message(), signature)

    door = Door(
        origin=known_as,
        chain_id=chain_id,
        licences=licences,
        recover=signed_by,
        entitled=Standing(wiring_serve.own(session, "gateway")).entitled,
        now=ports.system.now,
    )
    limits = wiring_serve.limits(session)
    made = Gateway(shelf, store, door, limits, time.monotonic, session.config.get("gateway.rate"))

    def drain() -> None:
        made.draining = True

    async def ended() -> None:
        door.close()

    hosted = hosting.Hosted(
        app=application(made),
        limits=limits,
        started=lambda: started(url, known_as, versions, shelf),
        draining=drain,
        refused=_ignored,
        failed=_ignored_words,
        ended=ended,
    )
    hosting.host(hosted, listening)


def _shared(session: Session) -> Remote | None:
    """The folder that this machine shares with others, where the settings name one by default."""
    from mlm.cli.wiring_remotes import remotes
    from mlm.core.errors import UsageError
    from mlm.core.remote import FOLDER

    try:
        found = remotes(session).open()
    except UsageError:
        return None
    return found if found.about.kind == FOLDER else None


def _ignored(status: Status) -> None:
    """What never reached the application is counted nowhere."""


def _ignored_words(words: str) -> None:
    """A client that goes away in the middle of an answer is no fault."""
