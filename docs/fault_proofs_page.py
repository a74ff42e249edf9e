"""The gas of docs/fault-proofs.md, from the snapshot devnet/test/gas.json; its text is written by hand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench.gas import PROMISED, Snapshot, read

PAGE = Path(__file__).with_name("fault-proofs.md")
BEGIN, END = "<!-- gas -->\n", "<!-- /gas -->"
PRAGUE = ", at least from Prague on"
PROVE, WHOLE, GAME = (
    "dispute, prove: a convolution's cell, K = ",
    "dispute, in one transaction: K = ",
    "dispute, withheld, ",
)
DETAILED = f"{GAME}a CNN of 24M multiplications at 224 x 224, "
OTHERS = {
    "dispute, submit: 256 nodes": "submit, 256 nodes",
    "dispute, prove padding": "prove padding",
    "dispute, prove a header": "prove a header",
    "dispute, timeout: the provider's clock": "timeout of the provider's clock: it is convicted",
    "dispute, timeout: the challenger's clock": "timeout of the challenger's clock",
    "dispute, reclaim": "reclaim",
    "settle: convicted": "settle a job whose provider was convicted",
}


def fault_proofs() -> str:
    """The page with its figures replaced."""
    snapshot, text = read(), PAGE.read_text(encoding="utf-8")
    tables = (convictions(snapshot), moves(snapshot), others(snapshot))
    return f"{text.split(BEGIN)[0]}{BEGIN}" + "\n\n".join(tables) + f"\n{END}{text.split(END)[1]}"


def convictions(snapshot: Snapshot) -> str:
    """By K, of a graph of 256 nodes."""
    rows = []
    for terms in [step.removeprefix(WHOLE) for step in snapshot if step.startswith(WHOLE)]:
        steps = (f"{PROVE}{terms}", f"{PROVE}{terms}{PRAGUE}", f"{WHOLE}{terms}")
        costs = [snapshot[step]["now"] for step in steps]
        rows.append((f"K = {terms}", *costs, PROMISED[steps[2]]))
    return _table(("one cell", "prove", "prove, at least from Prague on", "with the commitment", "promised"), rows)


def moves(snapshot: Snapshot) -> str:
    """Of the game that has the most of them, and what others cost as a whole."""
    rows: list[tuple[str, int]] = [("commit", snapshot["dispute, commit"]["now"])]
    for step, entry in snapshot.items():
        if step.startswith(DETAILED):
            rows.append((step.removeprefix(DETAILED), entry["now"]))
        elif step.startswith(GAME):
            rows.append((step.removeprefix(GAME), entry["now"]))
    return _table(("a game", "gas"), rows)


def others(snapshot: Snapshot) -> str:
    """What is no move of such a game."""
    return _table(("transaction", "gas"), [(name, snapshot[step]["now"]) for step, name in OTHERS.items()])


def _table(head: Sequence[str], rows: Sequence[tuple[str | int, ...]]) -> str:
    lines = [f"| {' | '.join(head)} |", f"| --- |{' ---: |' * (len(head) - 1)}"]
    for row in rows:
        lines.append(f"| {' | '.join(f'{cell:,}' if isinstance(cell, int) else cell for cell in row)} |")
    return "\n".join(lines)
