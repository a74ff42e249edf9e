"""Gas of every step of a job's life beside the snapshot devnet/test/gas.json, which also keeps what each cost before.

    python -m bench.gas [--write]

Ends with 1 when a step costs other than the snapshot says; `--write` (`make gas`) records what was measured, and keeps
the steps' `before`: their cost when the snapshot was first made, which later figures are compared with.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path

SNAPSHOT = Path(__file__).resolve().parent.parent / "devnet" / "test" / "gas.json"
FORMAT = "mlm/gas/1"

# What a step may cost more than before, in gas, for the sake of others.
# A bid runs in a library, or the market's code would not fit, and every lock looks at what batches have reserved.
_BID = 6_200
# A bid in a reverse auction also looks whether it is late, and would move the close.
_REVERSE = 7_700
# Stake earns a part of the fees: what it has earned is written down whenever it changes. Stake that unbonds also leaves
# the word of storage that bids and settlements touch, so that they and the withdrawal save more than it pays.
_EARNING, _FIRST = 13_000, 28_000
# A settlement runs in a library too: a call, with the job's snapshot passed on.
_SETTLEMENT = 7_900
# A tensor's tree has larger leaves and more children: a run is committed to for much less, and a conviction
# shows more, of which Prague takes at least so much.
_OPENED, _OPENED_BYTES = 27_500, 82_000
# Any step may look at a job's state, which asks whether a word of its record is a reveal window, and at its lock, which
# follows from its tier too.
_STATE = 500
# A request has two more fields, the value at risk and the tier's own terms, which a posting looks at and logs.
_TERMS = 2_800
# A posting of the tier tee counts the members whose signatures count, up to m: two words of storage for each.
_MEMBERS = 10_000
DEARER = {
    "bid: first: fixed price": _BID,
    "bid: fixed price": _BID,
    "bid: reverse auction, the first": _REVERSE,
    "bid: reverse auction, below another's": _REVERSE,
    "bid: reverse auction, below one's own": _REVERSE,
    "stake, deposit: the first, with a permit": _FIRST,
    "stake, deposit: another, with a permit": _EARNING,
    "stake, deposit: another, approved before": _EARNING,
    "stake, unbond": 3_300 + _EARNING,
    "settle: expired": _SETTLEMENT,
    "settle: defaulted": _SETTLEMENT,
    # Asks the verifier whom it rewards.
    "settle: rejected": 1_700,
    "submit: sealed auction, no royalty, verified and settled": _SETTLEMENT,
    "submit: Dutch auction, no royalty, verified and settled": _SETTLEMENT,
    "submit: batch, no royalty, verified and settled": _SETTLEMENT,
    "withdraw a bid: reverse auction": 1_200,
    "withdraw a bid: sealed auction": 600,
    # The terms in their calldata are longer, or a job's facts, of which a lock follows from the value at risk too.
    "submit: tier none": 700,
    "collect a deposit": 600,
    "rate": 1_000,
    "post: sealed auction, approved before": _TERMS,
    "post: Dutch auction, approved before": _TERMS,
    "post: batch, the first of its round, approved before": _TERMS,
    "post: batch, another, approved before": _TERMS,
    "post: fixed price, with requirements, approved before": _TERMS,
    "post: tier tee, approved before": _MEMBERS,
    # The quoting enclave is held too, and the contract reads four kinds of evidence.
    "tee report: a true chain of signatures": 1_700,
    "tee report: a false chain of signatures, 2 attesters lose their stake": 1_600,
    # More functions to choose among.
    "cancel: the first credit": 400,
    "cancel: a later one": 400,
    # The contract sells in three ways, and units of an ERC-1155 id too; before, English auctions of one token each.
    "sale, open": 31_000,
    "sale, bid: above another's": 3_000,
    "sale, settle": 6_000,
    # The terms say more: the kinds' prices and windows, requirements, the fee's shares.
    "of a submission, calldata and the transaction itself": 1_100,
    **{f"fault proof: a convolution's cell, K = {terms}": _OPENED for terms in (288, 576, 1152, 2304)},
    **{
        f"fault proof: a convolution's cell, K = {terms}, at least from Prague on": _OPENED_BYTES
        for terms in (288, 576, 1152, 2304, 4608)
    },
}

# What was promised of a conviction, both sides' moves and the commitment included, in gas.
ONE_SHOT, ONE_SHOT_LARGE, GAME = 400_000, 1_050_000, 1_500_000
PROMISED = {
    **{f"dispute, in one transaction: K = {terms}": ONE_SHOT for terms in (288, 576, 1152)},
    **{f"dispute, in one transaction: K = {terms}": ONE_SHOT_LARGE for terms in (2304, 4608)},
    "dispute, withheld, a CNN of 24M multiplications at 224 x 224, the whole in 3 rounds": GAME,
    "dispute, withheld, a CNN of 27M multiplications at 32 x 32, the whole in 2 rounds": GAME,
    "dispute, withheld, 256 nodes, K = 4608, the whole in 2 rounds": GAME,
}

Snapshot = dict[str, dict[str, int]]  # step -> {"before": gas, "now": gas}


def read(path: Path = SNAPSHOT) -> Snapshot:
    """The checked-in figures; raises ValueError for a file of another format."""
    value = json.loads(path.read_text(encoding="utf-8"))
    if value.get("format") != FORMAT:
        raise ValueError(f"{path}: expected format {FORMAT!r}, found {value.get('format')!r}")
    steps: Snapshot = value["steps"]
    return steps


def updated(snapshot: Snapshot, measured: Mapping[str, int]) -> Snapshot:
    """The snapshot with what was measured; a new step begins with what it costs now."""
    return {step: {"before": snapshot.get(step, {}).get("before", gas), "now": gas} for step, gas in measured.items()}


def write(snapshot: Snapshot, path: Path = SNAPSHOT) -> None:
    """Record a snapshot: the same figures give the same bytes."""
    path.write_text(json.dumps({"format": FORMAT, "steps": snapshot}, indent=1) + "\n", encoding="utf-8")


def differences(snapshot: Snapshot, measured: Mapping[str, int]) -> list[str]:
    """One line for each step whose gas is not the recorded one, the largest increase first."""
    known = {step: gas["now"] for step, gas in snapshot.items()}
    found = [(gas - known.get(step, 0), step) for step, gas in measured.items() if known.get(step) != gas]
    lines = [
        f"{step}: expected {known[step]:,} gas, found {measured[step]:,} ({change:+,})"
        if step in known
        else f"{step}: {measured[step]:,} gas, a step that the snapshot does not have"
        for change, step in sorted(found, reverse=True)
    ]
    return lines + [f"{step}: in the snapshot, and not measured any more" for step in known if step not in measured]


def most(step: str, before: int) -> int:
    """What a step may cost now, in gas."""
    return PROMISED.get(step, before + DEARER.get(step, _STATE))


def table(snapshot: Snapshot) -> str:
    """The figures in Markdown."""
    lines = ["| step | before | now | change |", "| --- | ---: | ---: | ---: |"]
    for step, gas in snapshot.items():
        lines.append(f"| {step} | {gas['before']:,} | {gas['now']:,} | {saved(gas['before'], gas['now'])} |")
    return "\n".join(lines)


def saved(before: int, now: int) -> str:
    """The change in percent, with its sign."""
    return f"{100 * (now - before) / before:+.1f} %" if now != before else "="


def main() -> int:
    """Measure, print, and compare or write."""
    parser = argparse.ArgumentParser(prog="python -m bench.gas", description=__doc__)
    parser.add_argument("--write", action="store_true", help="record what was measured")
    arguments = parser.parse_args()
    from bench.gas_steps import measure

    measured = measure()
    snapshot = read() if SNAPSHOT.exists() else {}
    print(table(updated(snapshot, measured)))
    if arguments.write:
        write(updated(snapshot, measured))
        return 0
    found = differences(snapshot, measured)
    for line in found:
        print(line, file=sys.stderr)
    if found:
        print("hint: `make gas` records these figures.", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
