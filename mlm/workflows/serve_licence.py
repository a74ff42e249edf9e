"""A server of a licensed asset asks for its own licence while it runs: without one it serves nobody."""

from __future__ import annotations

from mlm.core.errors import ChainError, MlmError, NotLicensed
from mlm.ports.bundle import Ports
from mlm.workflows.entitlement import LASTING, Standing
from mlm.workflows.lookup import Version
from mlm.workflows.using import lacking

SILENT_S = 300.0  # of a chain that says nothing: who cannot know whether it may serve stops


class ServingRight:
    """Whether an account may serve a version: its owner, or a holder of a licence for a period or an unlimited one.

    For one thread at a time. `lost` is why it may no more, once that is known; it never comes back.
    """

    def __init__(self, ports: Ports, version: Version) -> None:
        self._ports, self._version = ports, version
        # By the chain's head: a transfer that a reorganisation could undo has left this account without a licence now,
        # and a unit that a stranger sends to it takes no right away.
        self._standing = Standing(ports, kinds=LASTING, firm=False)
        self._account = ports.sender.address
        self._heard = ports.system.monotonic()
        self.lost: MlmError | None = None

    def check(self) -> None:
        """Before the first call is served. Raises NotLicensed, ChainError."""
        if not self._standing.entitled(self._version.token_id, self._account):
            raise lacking(self._version, self._account, "serve it")
        self._heard = self._ports.system.monotonic()

    def look(self) -> str:
        """Ask again; why the server has to end, in words, once: it is `lost` then. Empty where nothing has changed.

        Where the chain gives no answer, raises what asking raised; after SILENT_S of that the right counts as lost.
        """
        if self.lost is not None:
            return ""
        try:
            self.check()
        except NotLicensed as error:
            self.lost = error
        except Exception as error:
            silent = self._ports.system.monotonic() - self._heard
            if silent < SILENT_S:
                raise
            self.lost = ChainError(
                f"for {silent:.0f} s the chain has not said whether the licence of {self._version.asset} holds: "
                f"{' '.join(str(error).split())[:200]}",
                hint="Serve again once the node answers; what was served is in the journal.",
            )
        return "" if self.lost is None else str(self.lost)
