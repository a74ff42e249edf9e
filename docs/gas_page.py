"""The figures of docs/gas.md, from the snapshot devnet/test/gas.json; its text is written by hand."""

from __future__ import annotations

from pathlib import Path

from bench.gas import Snapshot, read, saved, table

PAGE = Path(__file__).with_name("gas.md")
BEGIN, END = "<!-- steps -->\n", "<!-- /steps -->"
VERIFIER = "of a submission, the fixed verifier alone"
CALLDATA = "of a submission, calldata and the transaction itself"
BATCH, MANY = "channel, claim: 10 vouchers", 10
FIXED, REVERSE = "submit: no royalty, verified and settled", "submit: reverse auction, no royalty, verified and settled"
LIVES = {
    "a job for a fixed price": ("post: fixed price, with a permit", "bid: fixed price", "accept", FIXED),
    "a job by reverse auction, two bidders": (
        "post: reverse auction, with a permit",
        "bid: reverse auction, the first",
        "bid: reverse auction, below another's",
        "award",
        "accept",
        REVERSE,
    ),
    "a job by sealed auction, two bidders": (
        "post: sealed auction, approved before",
        "commit a bid: sealed auction, the first",
        "commit a bid: sealed auction, another",
        "reveal: sealed auction, the first",
        "reveal: sealed auction, the best, and the last",
        "accept: sealed auction",
        "submit: sealed auction, no royalty, verified and settled",
    ),
    "a job by Dutch auction": (
        "post: Dutch auction, approved before",
        "bid: Dutch auction",
        "accept: Dutch auction",
        "submit: Dutch auction, no royalty, verified and settled",
    ),
    "a job of a batch, alone in its round": (
        "post: batch, the first of its round, approved before",
        "offer: batch, the first",
        "clear: batch",
        "draw: batch",
        "accept: batch",
        "submit: batch, no royalty, verified and settled",
    ),
    "a job of a batch, one of many": (
        "post: batch, another, approved before",
        "offer: batch, another",
        "draw: batch",
        "accept: batch",
        "submit: batch, no royalty, verified and settled",
    ),
    "the sale of an asset, two bidders": (
        "sale, open",
        "sale, bid: the first",
        "sale, bid: above another's",
        "sale, settle",
    ),
    "a payment channel, claimed once": ("channel, open", "channel, claim: 1 voucher"),
    "a licence with its key": ("licence, buy: with a key", "licence, deliver the key", "licence, accept the key"),
}


def gas() -> str:
    """The page with its figures replaced."""
    snapshot = read()
    before, after = PAGE.read_text(encoding="utf-8").split(BEGIN)[0], PAGE.read_text(encoding="utf-8").split(END)[1]
    figures = (lives(snapshot), submission(snapshot), channels(snapshot), table(snapshot))
    return f"{before}{BEGIN}" + "\n\n".join(figures) + f"\n{END}{after}"


def lives(snapshot: Snapshot) -> str:
    """What the steps of a whole job cost together, from the posting to the payment."""
    fixed = snapshot[VERIFIER]["now"]
    lines = [
        "| from the posting to the payment | before | now | change | without the verifier's own |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for name, steps in LIVES.items():
        before, now = (sum(snapshot[step][which] for step in steps) for which in ("before", "now"))
        proved = fixed if any(step.startswith("submit") for step in steps) else 0
        rest = saved(before - proved, now - proved)
        lines.append(f"| {name} | {before:,} | {now:,} | {saved(before, now)} | {rest} |")
    return "\n".join(lines)


def submission(snapshot: Snapshot) -> str:
    """What of a submission can be saved at all."""
    whole, verifier, calldata = snapshot[FIXED], snapshot[VERIFIER], snapshot[CALLDATA]
    parts = [round(100 * part["now"] / whole["now"]) for part in (verifier, calldata)]
    rest = whole["before"] - verifier["before"] - calldata["before"]
    return (
        f"{parts[0]} % of a submission is the verifier that ezkl generates, which is not ours to change, and\n"
        f"{parts[1]} % its calldata. Of the rest, {rest:,} gas before, {whole['before'] - whole['now']:,} are saved."
    )


def channels(snapshot: Snapshot) -> str:
    """What calls cost that are paid through a channel: the same for one call and for a million."""
    opened, alone, many = (snapshot[step]["now"] for step in ("channel, open", "channel, claim: 1 voucher", BATCH))
    once, batched = opened + alone, opened + many // MANY
    job = sum(snapshot[step]["now"] for step in LIVES["a job for a fixed price"])
    return (
        f"A call through a payment channel costs no gas. A channel costs {once:,} in its life, opened and claimed\n"
        f"once, or {batched:,} where {MANY} are claimed together: over a thousand calls {once / 1000:,.0f} a call.\n"
        f"A thousand jobs of the first row cost {1000 * job:,}."
    )
