"""A thread beside the event loop that does a thing again and again, later after each failure."""

from __future__ import annotations

import threading
from collections.abc import Callable

from mlm.core.errors import MlmError

LONGEST_S = 600.0


def again_and_again(
    act: Callable[[], str], tell: Callable[[str], None], every: float, within: float, *, longest: float = LONGEST_S
) -> Callable[[], None]:
    """Begin; `act` says what came of it, `tell` hears that and of failures. Returns what ends it, within `within` s.

    After each failure it waits twice as long, at most `longest` s.

    That waits for an `act` under way: a thread that is in DuckDB when the interpreter ends aborts the process (it is
    unwound through C++ that may not throw). After that the thread ends at any instant: what `act` does must bear that.
    """
    stopped = threading.Event()

    def work() -> None:
        wait = every
        while not stopped.wait(wait):
            try:
                came = act()
                wait = every
            except Exception as error:  # noqa: BLE001  # a dead node, a missing coin, a bug: it is told, and tried again
                kind = "" if isinstance(error, MlmError) else f"{type(error).__name__}: "
                came, wait = f"failed: {kind}{' '.join(str(error).split())[:400]}", min(2 * wait, longest)
            if came:
                tell(came)

    def end() -> None:
        stopped.set()
        thread.join(within)

    thread = threading.Thread(target=work, name="mlm serve claims", daemon=True)
    thread.start()
    return end
