"""Commands that read the chain or the index, beside a Python process that asks the node the same by http.client."""

from __future__ import annotations

import json
import sys
from functools import cache
from http.client import HTTPConnection
from pathlib import Path

from bench.benchmark import Benchmark, Figure
from bench.market import MODEL, market
from bench.timing import PYTHON, Took, by_turns, command, cpu, ratio

REPEAT = 5
COMMANDS = {
    "job list": ["job", "list"],
    "job show": ["job", "show", "JOB"],
    "asset list": ["asset", "list"],
    "asset show": ["asset", "show", MODEL],
    "price show": ["price", "show", MODEL],
    "search": ["search", "digits"],
    "handle show": ["handle", "show", "alice"],
    "wallet show": ["wallet", "show"],
    "stake show": ["stake", "show"],
    "whoami": ["whoami"],
    "network show": ["network", "show"],
    "sync": ["sync"],
    "sql": ["sql", "select count(*) from events"],
    "verify": ["verify", MODEL],
}


def ask(file: Path) -> None:
    """Send recorded requests in their order over one connection: what a command's reading costs at least."""
    recorded = json.loads(file.read_text(encoding="utf-8"))
    connection = HTTPConnection(recorded["node"], timeout=60)
    for body in recorded["bodies"]:
        connection.request("POST", "/", body.encode(), {"Content-Type": "application/json"})
        json.loads(connection.getresponse().read())


@cache
def _times(name: str) -> list[list[Took]]:
    place = market()
    words = [place.job if word == "JOB" else word for word in COMMANDS[name]]
    place.run(*words)  # whatever was published since is in the index now
    place.witness.forget()
    place.run(*words)
    recorded = place.folder.parent / "requests.json"
    bodies = [body.decode() for body in place.witness.bodies]
    recorded.write_text(json.dumps({"node": place.witness.url.removeprefix("http://"), "bodies": bodies}))
    peer = [*PYTHON, "-m", "bench.reading", str(recorded)]
    return by_turns(REPEAT, lambda: place.run(*words), lambda: command(peer))


BENCHMARKS = tuple(
    benchmark
    for name in COMMANDS
    for benchmark in (
        Benchmark(f"read: mlm {name}", "s", lambda name=name: Figure.best(cpu(_times(name)[0])), most=0.5),
        Benchmark(
            f"read: mlm {name}, ratio",
            "x",
            lambda name=name: ratio(*map(cpu, _times(name))),
            peer="python: the same requests by http.client",
        ),
    )
)

if __name__ == "__main__":
    ask(Path(sys.argv[1]))
