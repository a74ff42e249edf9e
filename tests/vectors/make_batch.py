"""Writes batch.json, which pytest and forge both run: `python tests/vectors/make_batch.py`.

Deterministic: the same script gives the same bytes. It shares no code with mlm.core.auctions.batch and adds nothing up
by tick: it sorts all jobs and all units and looks for the last pair that gains, and encodes ids with eth_abi.
"""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

from eth_abi.abi import encode
from eth_utils.crypto import keccak

HERE = Path(__file__).resolve().parent
CHAIN = 31337
AUCTION = "0xba7c400000000000000000000000000000000001"
MOST = 2**32 - 1

Offer = tuple[int, int]  # tick, quantity


def case(name: str, jobs: list[int], offers: list[Offer], start: int = 100, step: int = 7) -> dict[str, Any]:
    """Everything that follows from jobs (a tick each) and offers, in the order of their coming."""
    queue = sorted(range(len(jobs)), key=lambda job: (-jobs[job], job))
    order = sorted(range(len(offers)), key=lambda offer: (offers[offer][0], offer))
    # No more units of an offer than there are jobs can matter, and 2^32 - 1 of them are too many to list.
    units = [offer for offer in order for _ in range(min(offers[offer][1], len(jobs)))]
    gains = [k for k in range(min(len(queue), len(units))) if jobs[queue[k]] >= offers[units[k]][0]]
    volume = max(gains) + 1 if gains else 0
    tick = offers[units[volume - 1]][0] if volume else 0
    firsts, before = {}, 0
    for offer in order:
        firsts[offer] = before
        before += offers[offer][1]
    return {
        "name": name,
        "startPrice": str(start),
        "priceStep": str(step),
        "jobs": jobs,
        "offerTicks": [offer[0] for offer in offers],
        "offerQuantities": [offer[1] for offer in offers],
        "tick": tick,
        "volume": volume,
        "price": str(start + step * tick),
        "jobRanks": [queue.index(job) for job in range(len(jobs))],
        "offerFirsts": [firsts[offer] for offer in range(len(offers))],
        "awardedJobs": queue[:volume],
        "awardedOffers": units[:volume],
    }


def cases() -> list[dict[str, Any]]:
    draw = Random("mlm/batch")
    found = [
        case("nothing", [], []),
        case("no offers", [3, 255], []),
        case("no jobs", [], [(0, 5), (255, 1)]),
        case("nobody gains", [4, 4], [(5, 2)]),
        case("one pair at one tick", [9], [(9, 1)]),
        case("the ends of the grid", [255, 0], [(0, 1), (255, 1)]),
        case("all at tick 0", [0, 0, 0], [(0, 2)], start=0, step=1),
        case("all at tick 255", [255, 255], [(255, 3)], start=2**128 - 1 - 255 * 2**120, step=2**120),
        case("a surplus of offers: the earlier are paired", [10, 10], [(3, 1), (3, 1), (3, 1)]),
        case("a surplus of jobs: the earlier are awarded", [10, 10, 10], [(3, 2)]),
        case("an offer is cut", [10, 9, 8], [(2, 1), (4, 5)]),
        case("the least of several prices", [200, 200], [(10, 2)]),
        case("one more pair would lose", [50, 40, 20], [(10, 1), (30, 1), (45, 1)]),
        case("a tick is full", [1, 0, 0], [(0, MOST), (1, MOST)]),
        case("words meet", [7, 8, 15, 16], [(7, 1), (8, 1), (15, 1), (16, 1)]),
        case("the last of all", [255] * 3, [(254, MOST), (255, MOST)]),
    ]
    for number in range(48):
        spread = draw.choice([2, 9, 40, 256])
        base = draw.randrange(256 - spread + 1)
        jobs = [base + draw.randrange(spread) for _ in range(draw.randrange(1, 25))]
        offers = [(base + draw.randrange(spread), draw.choice([1, 1, 2, 5])) for _ in range(draw.randrange(1, 15))]
        found.append(case(f"drawn {number}", jobs, offers, draw.randrange(10**20), 1 + draw.randrange(10**18)))
    return found


def ids() -> dict[str, Any]:
    types = ["bytes32", "uint8", "uint8", "uint128", "uint128", *["uint32"] * 5, "bytes32", "uint128", "uint16"]
    windows = [600, 1_200, 300, 3_600, 0]
    royalty = [2 * 10**18, 1_000]
    values = [keccak(text="a version"), 1, 1, 10**18, 10**16, *windows, keccak(text="requirements"), *royalty]
    head = [keccak(text="mlm/batch/1"), CHAIN, AUCTION]
    class_id = keccak(encode(["bytes32", "uint256", "address", *types], [*head, *values]))
    batch_id = keccak(encode(["bytes32", "uint48"], [class_id, 1_700_000_400]))
    offer = [keccak(text="mlm/offer/1"), batch_id, 200, 12]
    return {
        "chainId": CHAIN,
        "auction": AUCTION,
        "class": ["0x" + value.hex() if isinstance(value, bytes) else value for value in values],
        "encodedClass": "0x" + encode(types, values).hex(),
        "now": 1_700_000_399,
        "closesAt": 1_700_000_400,
        "tick": 200,
        "position": 12,
        "classId": "0x" + class_id.hex(),
        "batchId": "0x" + batch_id.hex(),
        "offerId": "0x" + keccak(encode(["bytes32", "bytes32", "uint8", "uint32"], offer)).hex(),
    }


def main() -> None:
    document = {
        "format": "mlm/vectors/batch/1",
        "description": "Jobs (a tick each) and offers in the order of their coming, and what follows. Pairs by rank.",
        "ids": ids(),
        "cases": cases(),
    }
    (HERE / "batch.json").write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
