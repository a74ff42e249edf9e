"""The trustless gateway as an ASGI application: blocks and CARs by CID, nothing else.

Source: https://specs.ipfs.tech/http-gateways/trustless-gateway/ and, for CARs, IPIP-402; docs/gateway.md.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mlm.adapters.gateway.door import Door
from mlm.core import car, dag
from mlm.core.access import HEADER, Access
from mlm.core.cid import Cid
from mlm.core.errors import InvalidData, MlmError, NotFound
from mlm.core.serving import Limits, Rate, Refusal, Status
from mlm.core.shelf import Shelf

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

RAW_TYPE, CAR_TYPE = "application/vnd.ipld.raw", "application/vnd.ipld.car"
_CAR_ANSWER = f"{CAR_TYPE}; version=1; order=dfs; dups=n"
_FORMATS = {"raw": "raw", "car": "car"}
_EVERYBODY = "public, max-age=29030400, immutable"
_NOBODY_ELSE = "private, no-store"
_AGAIN = 64  # sealed blocks of a CAR between two looks at the chain


@dataclass
class Gateway:
    """What is offered, from where, and who decides."""

    shelf: Shelf
    store: dag.Source
    door: Door
    limits: Limits
    monotonic: Callable[[], float]
    rate: float = 0.0  # requests of one address a second; 0: no bound
    cars: int = 16  # CARs on their way at once
    draining: bool = False
    _rates: Rate = field(init=False)
    _on_the_way: int = 0

    def __post_init__(self) -> None:
        self._rates = Rate(self.rate)

    async def answer(self, request: Request) -> Response:
        """`/ipfs/CID`. Raises Refusal."""
        from starlette.responses import Response

        self._within(request)
        cid, wanted = _cid(request.path_params["cid"]), _format(request)
        readers = _offered(self.shelf, cid)
        headers = request.headers.getlist(HEADER)
        found = None if readers is None else await self.door.admit(headers, readers)
        if wanted == "car":
            return await self._car(request, cid, found, headers)
        data = b"" if request.method == "HEAD" else await asyncio.to_thread(self._block, cid)
        return Response(data, media_type=RAW_TYPE, headers=_headers(cid, "bin", readers is None))

    def _within(self, request: Request) -> None:
        """Raises Refusal for an address that asks too often."""
        if self.draining:
            raise Refusal(Status.BUSY, "this gateway is being stopped", retry_after=5)
        host = request.client.host if request.client else ""
        wait = self._rates.take(host, self.monotonic())
        if wait:
            words = f"more than {self.rate:g} requests a second from {host}"
            raise Refusal(Status.TOO_MANY, words, retry_after=int(wait) + 1)

    async def _car(self, request: Request, root: Cid, found: Access | None, headers: list[str]) -> Response:
        """Everything below `root`, once it is sure that all of it is here and the reader's."""
        from starlette.responses import Response, StreamingResponse

        alone = _scope(request)
        if self._on_the_way >= self.cars:
            raise Refusal(Status.BUSY, f"{self.cars} CARs are on their way", retry_after=2)
        self._on_the_way += 1
        try:
            cids, needed = await asyncio.to_thread(self._below, root, alone)
            for readers in needed:
                if found is None or found.token_id not in readers:
                    found = await self.door.admit(headers, readers)
            answer = _headers(root, "car", found is None)
            if request.method == "HEAD":
                self._on_the_way -= 1
                return Response(b"", media_type=_CAR_ANSWER, headers=answer)
        except BaseException:
            self._on_the_way -= 1
            raise
        return StreamingResponse(self._records(root, cids, found), media_type=_CAR_ANSWER, headers=answer)

    def _below(self, root: Cid, alone: bool) -> tuple[list[Cid], set[frozenset[int]]]:
        """The CAR's blocks, parents first, and whose they are where they are not everybody's."""
        cids = [root] if alone else list(dag.dag(self.store, root))
        readers = (_offered(self.shelf, cid) for cid in cids)
        return cids, {each for each in readers if each is not None}

    async def _records(self, root: Cid, cids: list[Cid], found: Access | None) -> AsyncIterator[bytes]:
        """What fails here cuts the answer: its reader sees that it is not whole."""
        try:
            yield car.header(root)
            for position, cid in enumerate(cids):
                if found is not None and position and position % _AGAIN == 0:
                    await self.door.still(found)
                data = await asyncio.to_thread(self.store.get, cid)
                yield car.record(cid, data) + data
        finally:
            self._on_the_way -= 1

    def _block(self, cid: Cid) -> bytes:
        try:
            return self.store.get(cid)
        except NotFound as error:
            raise Refusal(Status.NOT_FOUND, f"the block {cid} is not here any more") from error


def application(gateway: Gateway) -> Starlette:
    """The ASGI application."""
    from starlette.applications import Starlette
    from starlette.responses import Response
    from starlette.routing import Route

    async def block(request: Request) -> Response:
        return await gateway.answer(request)

    async def health(request: Request) -> Response:
        return Response(b"ok\n", media_type="text/plain")

    async def nothing(request: Request) -> Response:
        raise Refusal(Status.NOT_FOUND, "expected /ipfs/CID: paths below a CID are not resolved here")

    async def refused(request: Request, error: Any) -> Response:
        return _refused(error)

    async def broken(request: Request, error: Any) -> Response:
        return _refused(Refusal(Status.FAILED, "the block could not be read", word="unreadable"))

    async def unrouted(request: Request, error: Any) -> Response:
        status = Status.METHOD if getattr(error, "status_code", 404) == 405 else Status.NOT_FOUND
        return _refused(Refusal(status, "expected GET or HEAD of /ipfs/CID"))

    routes = [Route("/ipfs/{cid}", block), Route("/health", health), Route("/{rest:path}", nothing)]
    handlers: dict[Any, Any] = {Refusal: refused, MlmError: broken, 404: unrouted, 405: unrouted}
    return Starlette(routes=routes, exception_handlers=handlers)


def _refused(refusal: Refusal) -> Response:
    from starlette.responses import JSONResponse

    retry = {"Retry-After": str(refusal.retry_after)} if refusal.retry_after else {}
    headers = {**refusal.headers, **retry, "Cache-Control": "no-store"}
    return JSONResponse(refusal.document(), status_code=refusal.status.http, headers=headers)


def _cid(text: str) -> Cid:
    try:
        return Cid.parse(text)
    except InvalidData as error:
        raise Refusal(Status.MALFORMED, f"expected a CID, found {text[:80]!r}") from error


def _format(request: Request) -> str:
    """What the query asks for, else what the Accept header does. Raises Refusal."""
    asked = request.query_params.getlist("format")
    if asked:
        if len(asked) == 1 and asked[0] in _FORMATS:
            return asked[0]
        raise Refusal(Status.MALFORMED, "expected format=raw or format=car, once")
    accepted = request.headers.get("accept", "")
    for kind, wanted in ((RAW_TYPE, "raw"), (CAR_TYPE, "car")):
        if kind in accepted:
            return wanted
    raise Refusal(Status.MALFORMED, f"expected ?format=raw or car, or Accept: {RAW_TYPE} or {CAR_TYPE}")


def _scope(request: Request) -> bool:
    """Whether only the block itself is asked for. Raises Refusal for what this gateway does not do."""
    scope = request.query_params.get("dag-scope", "all")
    if scope not in ("all", "block") or "entity-bytes" in request.query_params:
        raise Refusal(Status.MALFORMED, "expected dag-scope=all or block, without entity-bytes")
    return scope == "block"


def _offered(shelf: Shelf, cid: Cid) -> frozenset[int] | None:
    try:
        return shelf.readers(cid)
    except NotFound as error:
        raise Refusal(Status.NOT_FOUND, str(error)) from error


def _headers(cid: Cid, suffix: str, everybody: bool) -> dict[str, str]:
    return {
        "Cache-Control": _EVERYBODY if everybody else _NOBODY_ELSE,
        "Content-Disposition": f'attachment; filename="{cid}.{suffix}"',
        "Etag": f'"{cid}.{suffix}"',
        "Vary": f"Accept, {HEADER}",
        "X-Content-Type-Options": "nosniff",
    }
