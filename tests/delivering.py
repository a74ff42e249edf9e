"""Jobs whose input or result travels between people who share nothing but the chain and the remote."""

from __future__ import annotations

from pathlib import Path

from tests.command_line import INPUT, MODEL, Market, Person

NONE = ("--tier", "none")
PRIVATE = (*NONE, "--private")


def apart(market: Market) -> Person:
    """The consumer with blocks and an index of its own, in a project; with the same samples as everybody."""
    found = market.person("consumer", "consumer/own")
    if not found.folder.exists():
        market.person("consumer").do("init", "own", "--template", "digits-mlp")
    return found


def posted(consumer: Person, file: str, *options: str) -> str:
    """A job at a fixed price; its id."""
    found = consumer.do("job", "post", MODEL, "-i", file, "--max-price", "5", "--auction", "fixed", *options)
    return str(found["job"])


def leased(market: Market, consumer: Person, file: str, *options: str) -> str:
    """A job that compute-1 has won."""
    job = posted(consumer, file, *options)
    market.first.do("bid", job, "--price", "5", "--stake")
    return job


def pushed(market: Market) -> set[Path]:
    """The packs of the remote that everybody reads."""
    return {path for path in (market.home / "devnet" / "remote" / "packs").rglob("*") if path.is_file()}


def withheld(market: Market, consumer: Person, file: str = INPUT, *options: str) -> str:
    """A job whose result compute-1 has handed in; what it pushed is gone before anybody saw it.

    An encrypted result is a new block each time; a plain one only where nobody had the same outputs before.
    """
    options = options or PRIVATE
    job = leased(market, consumer, file, *options)
    if "--private" in options:
        consumer.do("job", "deliver", job)
    before = pushed(market)
    market.first.do("lease", "fulfil", job)
    for path in pushed(market) - before:
        path.unlink()
    return job
