"""An attester's HTTP server: one path that signs, one that says who signs. Every answer is JSON, errors too."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mlm.adapters.attester.turns import Turns
from mlm.adapters.serving.body import Room, whole_body
from mlm.core.attest_asking import HEADER, Asking, check_asking, check_body
from mlm.core.attest_request import MAX_BODY, PATH, AttestRequest, KeyRequest, Signed
from mlm.core.errors import InvalidData, MlmError, NotFound, StateConflict, VerificationFailed
from mlm.core.serving import Limits, Rate, Refusal, Status

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

REFUSED = "refused"
STRANGERS = 64  # requests about which the chain is asked whether their signers may make them
KEPT = 64  # answers that are given again without a look at their evidence
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

    `signer` says who signed a request, `admit` raises for one whose signer may not ask; that is asked in a thread too.
    `rate`: requests of one address a second; at most `waiting` of them at once, `share` of one provider.
    """

    attest: Callable[[Asking, AttestRequest | KeyRequest], Signed]
    signer: Callable[[Asking], str]
    admit: Callable[[Asking], None]
    about: dict[str, Any]
    limits: Limits
    monotonic: Callable[[], float]
    rate: float
    tell: Callable[[dict[str, Any]], None]
    waiting: int = 16
    share: int = 4
    draining: bool = False
    held: int = 0
    _rates: Rate = field(init=False)
    _turns: Turns = field(init=False)
    _door: Turns = field(init=False)
    _answers: OrderedDict[Asking, asyncio.Task[dict[str, Any]]] = field(default_factory=OrderedDict)

    def __post_init__(self) -> None:
        self._rates = Rate(self.rate)
        self._door, self._turns = Turns(STRANGERS, self.share), Turns(self.waiting, self.share)

    async def answer(self, request: Request) -> dict[str, Any]:
        """What was signed. Raises Refusal.

        1. The server runs, the address does not ask too often, and the body is said to be JSON.
        2. The header is signed by the provider that it names, for this attester.
        3. The chain lets that provider ask about that job.
        4. What was answered, or is being checked, is not checked again.
        5. The body is whole, and the one that was signed for, while there is a place for this provider.
        6. Its evidence is checked, when it is this provider's turn.
        """
        try:
            # (1)
            self._check_open(request)
            headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in request.scope["headers"]}
            if headers.get("content-type", "").partition(";")[0].strip().lower() != _KIND:
                raise Refusal(Status.MEDIA_TYPE, f"expected {_KIND}")
            # (2)
            asking = self._signed_for(headers)
            # (3)
            await self._let_in(asking)
            # (4)
            if (under_way := self._answers.get(asking)) is not None:
                return await asyncio.shield(under_way)
            return await self._begin(asking, request, headers)
        except MlmError as error:
            raise error if isinstance(error, Refusal) else _refusal(error) from error

    def _check_open(self, request: Request) -> None:
        if self.draining:
            raise Refusal(Status.BUSY, "the server stops", retry_after=5)
        if wait := self._rates.take(_client(request), self.monotonic()):
            raise Refusal(Status.TOO_MANY, f"more than {self.rate:g} requests a second", retry_after=int(wait) + 1)

    def _signed_for(self, headers: dict[str, str]) -> Asking:
        given = headers.get(HEADER.lower())
        if given is None:
            raise Refusal(Status.UNAUTHORIZED, f"expected the header {HEADER}: the provider signs what it asks")
        try:
            asking = Asking.from_header(given)
            check_asking(asking, self.about["attester"], self.signer(asking))
        except (InvalidData, VerificationFailed) as error:
            raise Refusal(Status.UNAUTHORIZED, str(error)[:500]) from error
        return asking

    async def _let_in(self, asking: Asking) -> None:
        try:
            with self._door.place(asking.provider):
                async with self._door.turn(asking.provider):
                    await asyncio.to_thread(self.admit, asking)
        except VerificationFailed as error:
            raise Refusal(Status.FORBIDDEN, str(error)[:500]) from error

    async def _begin(self, asking: Asking, request: Request, headers: dict[str, str]) -> dict[str, Any]:
        """Read the body, and check it: once, whoever brings it twice."""
        room = Room(self)
        try:
            # (5)
            with self._turns.place(asking.provider):
                body = await whole_body(self, request, headers, room)
                check_body(asking, body)
                task = self._answers.get(asking)
                if task is None:
                    task = self._answers[asking] = asyncio.create_task(self._checked(asking, body))
                    task.add_done_callback(lambda done: self._keep(asking, done))
                return await asyncio.shield(task)
        finally:
            self.held -= room.taken

    async def _checked(self, asking: Asking, body: bytes) -> dict[str, Any]:
        # (6)
        async with self._turns.turn(asking.provider):
            return (await asyncio.to_thread(self._signed, asking, body)).to_json()

    def _keep(self, asking: Asking, task: asyncio.Task[dict[str, Any]]) -> None:
        """An answer is kept for a while, a refusal is not: what it says may be otherwise the next time."""
        if task.cancelled() or task.exception() is not None:
            del self._answers[asking]
        done = [each for each, other in self._answers.items() if other.done()]
        for old in done[:-KEPT]:
            del self._answers[old]

    def _signed(self, asking: Asking, body: bytes) -> Signed:
        return self.attest(asking, (KeyRequest if asking.of_key else AttestRequest).from_json(body))


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
