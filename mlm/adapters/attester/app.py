"""An attester's HTTP server: one path that signs, one that says who signs. Every answer is JSON, errors too."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mlm.adapters.serving.body import Room, whole_body
from mlm.core.attest_request import MAX_BODY, PATH, AttestRequest, Signed
from mlm.core.errors import InvalidData, MlmError, NotFound, StateConflict, VerificationFailed
from mlm.core.serving import Limits, Rate, Refusal, Status

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

REFUSED = "refused"
_KIND = "application/json"
_MEANS: tuple[tuple[type[MlmError], Status, str], ...] = (
    (InvalidData, Status.MALFORMED, ""),
    (NotFound, Status.NOT_FOUND, ""),
    (VerificationFailed, Status.CONFLICT, REFUSED),
    (StateConflict, Status.CONFLICT, ""),
)


@dataclass
class Attesting:
    """`attest` checks and signs: a call after the other, in a thread, for it works with an index and a child process.

    `rate`: requests of one address a second; `waiting` at most so many of them at once.
    """

    attest: Callable[[AttestRequest], Signed]
    about: dict[str, Any]
    limits: Limits
    monotonic: Callable[[], float]
    rate: float
    tell: Callable[[dict[str, Any]], None]
    waiting: int = 16
    draining: bool = False
    held: int = 0
    _rates: Rate = field(init=False)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _calls: int = 0

    def __post_init__(self) -> None:
        self._rates = Rate(self.rate)

    async def answer(self, request: Request) -> dict[str, Any]:
        """What was signed. Raises Refusal."""
        if self.draining:
            raise Refusal(Status.BUSY, "the server stops", retry_after=5)
        if wait := self._rates.take(_client(request), self.monotonic()):
            raise Refusal(Status.TOO_MANY, f"more than {self.rate:g} requests a second", retry_after=int(wait) + 1)
        if self._calls >= self.waiting:
            raise Refusal(Status.BUSY, f"{self.waiting} requests wait already", retry_after=2)
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in request.scope["headers"]}
        if headers.get("content-type", "").partition(";")[0].strip().lower() != _KIND:
            raise Refusal(Status.MEDIA_TYPE, f"expected {_KIND}")
        self._calls += 1
        room = Room(self)
        try:
            body = await whole_body(self, request, headers, room)
            async with self._turn:
                return (await asyncio.to_thread(self._signed, body)).to_json()
        except MlmError as error:
            raise error if isinstance(error, Refusal) else _refusal(error) from error
        finally:
            self._calls -= 1
            self.held -= room.taken

    def _signed(self, body: bytes) -> Signed:
        return self.attest(AttestRequest.from_json(body))


def limits_of(limits: Limits) -> Limits:
    """A server's limits, for bodies of this protocol."""
    from dataclasses import replace

    return replace(limits, body=MAX_BODY)


def _client(request: Request) -> str:
    return request.client.host if request.client else ""


def _refusal(error: MlmError) -> Refusal:
    for kind, status, word in _MEANS:
        if isinstance(error, kind):
            return Refusal(status, str(error)[:500], word=word)
    return Refusal(Status.BUSY, f"this attester cannot check now: {str(error)[:200]}", retry_after=5)


def application(made: Attesting) -> Starlette:
    """The ASGI application."""
    from starlette.applications import Starlette
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    def refused(refusal: Refusal) -> Response:
        headers = {"retry-after": str(refusal.retry_after)} if refusal.retry_after else {}
        if refusal.status in (Status.TOO_SLOW, Status.TOO_LARGE):
            headers["connection"] = "close"
        return JSONResponse(refusal.document(), refusal.status.http, headers)

    async def attest(request: Request) -> Response:
        try:
            signed = await made.answer(request)
        except Refusal as refusal:
            made.tell({"client": _client(request), "status": refusal.status.http, "why": str(refusal)[:200]})
            return refused(refusal)
        about = {name: signed["attestation"][name] for name in ("jobId", "quoteDigest", "checkedAt")}
        made.tell({"client": _client(request), "status": 200, **about})
        return JSONResponse(signed)

    async def about(request: Request) -> Response:
        return JSONResponse(made.about)

    async def odd(request: Request, error: Exception) -> Response:
        found = Status.METHOD if getattr(error, "status_code", 404) == Status.METHOD.http else Status.NOT_FOUND
        return refused(Refusal(found, f"expected POST {PATH}, or GET /health"))

    async def broken(request: Request, error: Exception) -> Response:
        made.tell({"client": _client(request), "status": 500, "why": f"{type(error).__name__}: {error}"[:300]})
        return refused(Refusal(Status.FAILED, "this attester made a mistake; its log says which"))

    routes = [Route(PATH, attest, methods=["POST"]), Route("/health", about)]
    handlers: dict[Any, Any] = {404: odd, 405: odd, Exception: broken}
    found = Starlette(routes=routes, exception_handlers=handlers)
    found.router.redirect_slashes = False
    return found
