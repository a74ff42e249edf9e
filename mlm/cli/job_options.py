"""What `mlm job` takes: its options, each a type with its help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Job = Annotated[str, typer.Argument(metavar="JOB", help="job/ID or a unique prefix of the id.")]


def _window(key: str, help: str) -> typer.models.OptionInfo:
    return typer.Option(min=1, metavar="SECONDS", help=f"{help}; default: the setting {key}.", show_default=False)


Bidding = Annotated[int | None, _window("job.bidding", "How long bids stay open")]
Delivery = Annotated[int | None, _window("job.delivery", "How long the winner has to accept the input")]
Execution = Annotated[int | None, _window("job.execution", "How long the winner then has to submit")]
Verification = Annotated[
    int | None, _window("job.verification", "How long a result can be disputed, where proofs do not decide")
]
Revealing = Annotated[int | None, _window("job.reveal", "How long bids are revealed (sealed), or awards drawn (batch)")]
Require = Annotated[
    list[str] | None,
    typer.Option("--require", metavar="RULE", help="Who may bid: NAME=SYMBOL,… or NAME>=NUMBER; may be given again."),
]
RequireFile = Annotated[Path | None, typer.Option(help='A TOML file with such rules, require = ["…"].')]
Output = Annotated[Path | None, typer.Option("--output", "-o", help="Write the outputs: .npz, .npy or .json.")]
Retries = Annotated[
    int, typer.Option(min=0, help="How often it is posted again without whoever failed it, while waiting.")
]
Timeout = Annotated[
    float | None,
    typer.Option(metavar="SECONDS", help="Wait no longer; default: as long as its windows last.", show_default=False),
]
_AUCTIONS = (
    "reverse: the lowest bid wins; fixed: first come at max price; sealed: lowest hidden bid, paid the second lowest; "
    "dutch: a price that rises until somebody takes it; batch: one price for a whole round of jobs."
)
_TIERS = (
    "How the result is verified. zk: by a proof; tee: by trusted hardware, whose evidence attesters check; none: by "
    "nobody, only that it is delivered can be enforced."
)
_STATUS = "tee: what the vendor may say of the platform: UpToDate, SWHardeningNeeded … by commas; default: tee.status."
_AT_RISK = (
    "optimistic, redundant: what a false result would cost you beyond the price, in tokens. Whoever bids locks twice "
    "that as well."
)
_REPLICAS = "redundant: how many accounts are drawn to run it again, from 1 to 7."
_REPLICA_FEE = "redundant: what each of them is paid, in tokens; put up now, and back where nobody is drawn."
_PRIVATE = (
    "Encrypt the input for the winner, and the outputs of the tier none for you; `mlm job deliver` gives the winner "
    "the key. The outputs of a proof are public."
)
Auction = Annotated[str, typer.Option(help=_AUCTIONS)]
Tier = Annotated[str, typer.Option(help=_TIERS)]
ValueAtRisk = Annotated[str | None, typer.Option(help=_AT_RISK)]
TcbStatus = Annotated[str | None, typer.Option(help=_STATUS, show_default=False)]
Enclaves = Annotated[
    str | None,
    typer.Option(
        help="tee: kinds of enclave that are accepted, by commas; default: all, sgx,tdx,snp,nitro.", show_default=False
    ),
]
MaxAge = Annotated[
    int | None,
    typer.Option(
        "--attestation-max-age", min=1, metavar="SECONDS", help="tee: how old the evidence may be; default: any age."
    ),
]
HardwareOnly = Annotated[bool, typer.Option("--hardware-only", help="tee, on a devnet: accept no simulated evidence.")]
Replicas = Annotated[int | None, typer.Option(min=1, help=_REPLICAS)]
ReplicaFee = Annotated[str | None, typer.Option(help=_REPLICA_FEE)]
Tolerance = Annotated[
    float | None,
    typer.Option(
        metavar="NUMBER",
        help="none: how far outputs may lie from another run's; `mlm verify` compares them, as advice.",
        show_default=False,
    ),
]
Private = Annotated[bool, typer.Option("--private", help=_PRIVATE)]
StartPrice = Annotated[
    str | None, typer.Option(help="dutch: what the clock offers first; batch: the lowest price of the grid.")
]
PriceStep = Annotated[
    str | None,
    typer.Option(help="batch: from one price of the grid of 256 to the next; a small step keeps bonds low."),
]
Label = Annotated[
    str | None,
    typer.Option(help='The same request with the same label is one job, however often posted; --wait: "".'),
]
