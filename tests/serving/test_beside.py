"""The thread beside a server's event loop: it goes on after failures, and ends before the interpreter does."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

from mlm.adapters.serving.beside import again_and_again
from mlm.core.errors import ChainError

# Ends while the thread asks the index: where nobody waits for it, this is ended by signal 6 most often.
_SCRIPT = """
import sys, threading
from pathlib import Path
from mlm.adapters.serving.beside import again_and_again
from mlm.adapters.state.duckdb import DuckState

state, began = DuckState(Path(sys.argv[1])), threading.Event()
state.mark(deployment="here")

def act():
    for _ in range(300):
        state.query("marks")
        began.set()
    return "looked"

end = again_and_again(act, print, 0.0, 60.0)
began.wait()
end()
"""


def test_it_goes_on_after_a_failure_and_tells_of_it() -> None:
    told: list[str] = []
    enough = threading.Event()

    def act() -> str:
        if len(told) == 1:
            raise ChainError("the node is down")
        return f"look {len(told)}" if len(told) < 3 else ""

    def tell(words: str) -> None:
        told.append(words)
        if len(told) == 3:
            enough.set()

    end = again_and_again(act, tell, 0.001, 60.0)
    assert enough.wait(60)
    end()
    assert told == ["look 0", "failed: the node is down", "look 2"]


def test_a_process_ends_well_while_it_works(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT, str(tmp_path / "a.duckdb")], capture_output=True, text=True, timeout=120
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0] == "looked"
