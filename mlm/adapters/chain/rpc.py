"""JSON-RPC to one chain by one endpoint or several: one that works is kept, one in trouble is left for the next.

What a method means lives in read.py and send.py. A node is hostile: every answer is checked for shape before use.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from mlm.adapters.chain.endpoint import MAX_RESPONSE, Busy, Endpoint, Request, RpcError, TooLarge, printable
from mlm.core.errors import ChainError

__all__ = ["BATCH", "Identity", "Rpc", "RpcError", "TooLarge", "WrongChain", "hex_data", "printable", "quantity"]

BATCH = 100  # calls in one HTTP request; public nodes refuse more
LAG = 5  # blocks by which an endpoint may be behind the newest block that another has shown
_PAUSE = 0.25  # seconds before all endpoints are asked again, where one of them may only be overrun

_QUANTITY = re.compile(r"0x[0-9a-fA-F]{1,64}")

T = TypeVar("T")


class WrongChain(ChainError):
    """An endpoint is of another chain: it is never used, and nothing else is either until the settings are right."""

    code = "wrong_chain"


@dataclass(frozen=True)
class Identity:
    """What tells chains apart. An empty genesis hash is not known yet: the first endpoint's is then everybody's."""

    chain_id: int
    genesis_hash: str = ""

    def check(self, found: Identity, where: str) -> None:
        """Raises WrongChain, naming the endpoint, unless `found` is this chain."""
        if found.chain_id != self.chain_id:
            raise WrongChain(
                f"{where} is another chain: expected chain id {self.chain_id}, found {found.chain_id}",
                hint="Correct the network's rpc, or choose another network with `mlm network use`.",
            )
        if self.genesis_hash and found.genesis_hash != self.genesis_hash:
            raise WrongChain(
                f"{where} is another chain: expected genesis {self.genesis_hash[:18]}…, "
                f"found {found.genesis_hash[:18]}…",
                hint=f"Another chain has the id {self.chain_id} too; "
                + ("was the devnet reset? See `mlm devnet status`." if self.chain_id == 31337 else "correct the rpc."),
            )


class Rpc:
    """One chain's endpoints behind one interface. Safe to share between threads: requests take turns.

    INVARIANT: with `expected`, or with more than one URL, nothing but its identity is asked of an endpoint before chain
    id and genesis hash have been found right.
    """

    def __init__(
        self,
        urls: str | Sequence[str],
        timeout: float = 20.0,
        max_response: int = MAX_RESPONSE,
        expected: Identity | None = None,
        advice: str = "",
    ) -> None:
        """`timeout` bounds each request in seconds, whichever endpoints are asked. Raises UsageError for a bad URL.

        `advice` is the hint when nothing can be reached.
        """
        listed = [urls] if isinstance(urls, str) else list(urls)
        self._several = len(listed) > 1
        self._endpoints = [Endpoint(url, max_response, advice, patient=not self._several) for url in listed]
        self._timeout, self._expected, self._advice = timeout, expected, advice
        self._verified: set[Endpoint] = set()
        self._identity: Identity | None = None
        self._newest = 0  # the newest block that any endpoint has shown
        self._lock = threading.RLock()

    def __repr__(self) -> str:
        return f"Rpc({', '.join(endpoint.where for endpoint in self._endpoints)})"

    @property
    def where(self) -> str:
        """The endpoint in use: scheme, host and port. Path and query often hold a key, and are never shown."""
        return self._endpoints[0].where

    def call(self, method: str, *params: Any) -> Any:
        """One call's result; raises RpcError for the node's own error, ChainError for anything else."""
        request = (method, params)

        def ask(endpoint: Endpoint, within: float) -> Any:
            return self._dated(endpoint, [request], [endpoint.call(request, within)])[0]

        return self._ask(method, ask)

    def batch(self, calls: Sequence[Request]) -> list[Any]:
        """Results in order of `calls`; raises the first error."""
        results: list[Any] = []
        for start in range(0, len(calls), BATCH):
            results += self._batch(calls[start : start + BATCH])
        return results

    def _batch(self, calls: Sequence[Request]) -> list[Any]:
        def ask(endpoint: Endpoint, within: float) -> list[Any]:
            return self._dated(endpoint, calls, endpoint.batch(calls, within))

        return self._ask(calls[0][0] if len(calls) == 1 else f"{calls[0][0]} and {len(calls) - 1} more", ask)

    def identity(self) -> Identity:
        """Chain id and genesis hash: asked once."""
        if self._identity is None:
            self._ask("eth_chainId", self._verify)
        assert self._identity is not None
        return self._identity

    def close(self) -> None:
        """Drop the connections; the next call opens others."""
        for endpoint in self._endpoints:
            endpoint.close()

    def _ask(self, what: str, ask: Callable[[Endpoint, float], T]) -> T:
        """The first endpoint's answer, or of the next ones in turn what the ones before could not give."""
        with self._lock:
            deadline = time.monotonic() + self._timeout
            while True:
                troubles: list[ChainError] = []
                for position, endpoint in enumerate(list(self._endpoints)):
                    # Whoever does not answer at all costs its share of the time, not the others'.
                    share = max(0.001, deadline - time.monotonic()) / (len(self._endpoints) - position)
                    try:
                        self._admit(endpoint, share, moved=bool(troubles))
                        answer = ask(endpoint, share)
                    except (WrongChain, TooLarge):
                        raise
                    except ChainError as error:
                        if not self._several or (isinstance(error, RpcError) and not error.passing):
                            raise
                        troubles.append(error)
                        continue
                    # The one that works comes first from now on, the ones in trouble last.
                    self._endpoints = self._endpoints[position:] + self._endpoints[:position]
                    return answer
                if not any(map(_passing, troubles)) or time.monotonic() + _PAUSE > deadline:
                    raise self._all_failed(what, troubles)
                time.sleep(_PAUSE)

    def _admit(self, endpoint: Endpoint, within: float, moved: bool) -> None:
        """Before an endpoint is used: is it this chain (once), and has it come as far as the others (when moved to)?"""
        if self._several or self._expected is not None:
            self._verify(endpoint, within)
        if moved:
            request: Request = ("eth_blockNumber", ())
            self._dated(endpoint, [request], [endpoint.call(request, within)])

    def _verify(self, endpoint: Endpoint, within: float) -> None:
        if endpoint in self._verified:
            return
        chain_id, genesis = endpoint.batch([("eth_chainId", ()), ("eth_getBlockByNumber", ("0x0", False))], within)
        digest = genesis.get("hash") if isinstance(genesis, Mapping) else None
        found = Identity(quantity(chain_id, "the chain id"), hex_data(digest, "the genesis block's hash", 32))
        for wanted in (self._expected, self._identity):
            if wanted is not None:
                wanted.check(found, endpoint.where)
        self._identity = found
        self._verified.add(endpoint)

    def _dated(self, endpoint: Endpoint, calls: Sequence[Request], answers: list[Any]) -> list[Any]:
        """`answers`, unless they show that this endpoint lags behind another: reads must not travel back in time."""
        if self._several:
            for (method, params), answer in zip(calls, answers, strict=True):
                height = _height(method, params, answer)
                if height is not None and height < self._newest - LAG:
                    raise Busy(f"{endpoint.where} lags: expected block {self._newest} or so, found {height}")
                self._newest = max(self._newest, height or 0)
        return answers

    def _all_failed(self, what: str, troubles: Sequence[ChainError]) -> ChainError:
        refused = [error for error in troubles if isinstance(error, RpcError)]
        if len(refused) == len(troubles):
            return refused[0]  # whatever it is, they agree on it
        words = "; ".join(map(str, troubles))
        return ChainError(
            f"none of {len(troubles)} endpoints gave an answer to {what}: {words}",
            hint=self._advice or "Check them with `mlm network show`.",
        )


def _passing(error: ChainError) -> bool:
    return isinstance(error, Busy | RpcError)


def _height(method: str, params: Sequence[Any], answer: Any) -> int | None:
    """The number of the newest block that an answer shows; None where it shows none."""
    if method == "eth_blockNumber":
        return quantity(answer, "a block's number")
    if method == "eth_getBlockByNumber" and params[0] == "latest" and isinstance(answer, Mapping):
        return quantity(answer.get("number"), "a block's number")
    return None


def quantity(value: Any, what: str) -> int:
    """Read a JSON-RPC quantity such as 0x1f; raises ChainError naming `what` otherwise."""
    if isinstance(value, str) and _QUANTITY.fullmatch(value):
        return int(value, 16)
    raise ChainError(f"the node answered nonsense: expected a hex number for {what}, found {str(value)[:40]!r}")


def hex_data(value: Any, what: str, length: int | None = None) -> str:
    """Read 0x-prefixed hex (of `length` bytes, if given) as lower case; raises ChainError naming `what` otherwise."""
    if isinstance(value, str) and value[:2] == "0x":
        text = value.lower()
        try:
            size = len(bytes.fromhex(text[2:]))
        except ValueError:
            size = -1
        # Of white space, which fromhex skips, nothing may be left.
        if len(text) == 2 + 2 * size and (length is None or size == length):
            return text
    expected = "hex data" if length is None else f"{length} bytes of hex"
    raise ChainError(f"the node answered nonsense: expected {expected} for {what}, found {str(value)[:40]!r}")
