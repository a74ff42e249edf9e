"""Run an mlm command that ends itself by SIGKILL before or after its n-th journal write, broadcast or receipt.

python killer.py N before|after ARGUMENTS…   Exit 0 and a line `events: K` on stderr when fewer than N came.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from mlm.adapters.chain.send import EthSender
from mlm.adapters.journal import FileJournal
from mlm.cli.app import main

seen = 0


def mortal(cls: type, name: str, due: int, when: str) -> None:
    """Count the calls of a method, and die around the one that is due."""
    act = getattr(cls, name)

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        global seen
        seen += 1
        if seen == due and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        value = act(*args, **kwargs)
        if seen == due:
            os.kill(os.getpid(), signal.SIGKILL)
        return value

    setattr(cls, name, wrapped)


def run(due: int, when: str, arguments: Sequence[str]) -> NoReturn:
    """Run the command; it ends this process."""
    for owner, method in (
        (FileJournal, "begin"),
        (FileJournal, "record"),
        (FileJournal, "close"),
        (EthSender, "broadcast"),
        (EthSender, "wait"),
    ):
        mortal(owner, method, due, when)
    try:
        main(arguments)
    finally:
        print(f"events: {seen}", file=sys.stderr)
    raise AssertionError("a command ends its process")


if __name__ == "__main__":
    run(int(sys.argv[1]), sys.argv[2], sys.argv[3:])
