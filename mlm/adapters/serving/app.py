"""The application: the paths of the Open Inference Protocol, health, metrics. Every answer is JSON, errors too."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from mlm.adapters.serving import arrays
from mlm.adapters.serving.batch import Batches
from mlm.adapters.serving.body import Room, whole_body
from mlm.adapters.serving.metrics import CONTENT_TYPE, AccessLog, Metrics
from mlm.core.errors import InvalidData, MlmError
from mlm.core.inference import BINARY_HEADER, Inference, server_metadata
from mlm.core.serving import Limits, Refusal, Served, Service, Status

if TYPE_CHECKING:
    import numpy as np
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

    from mlm.ports.runner import Run

    Arrays = dict[str, np.ndarray]

ALLOWED = (b"", b"application/json", b"application/octet-stream")


Render = Callable[[Inference, "Arrays"], tuple[bytes, dict[str, str]]]


class Till(Protocol):
    """Takes the payment of a call, or refuses it."""

    def glance(self, headers: dict[str, str]) -> Any:
        """Before the body is read: what `serve` needs of the headers. Raises Refusal for what no body makes good."""

    async def serve(
        self, token: Any, asked: Inference, inputs: Arrays, run: Callable[[], Awaitable[Run]], render: Render
    ) -> Served:
        """Admit the call, run it or find its answer, and let it out once it is written down. Raises Refusal."""

    def best(self, channel: str) -> dict[str, Any]:
        """The best voucher of a channel, as JSON. Raises Refusal."""

    async def close(self) -> None:
        """The server has ended: let go of files and threads."""


class Free:
    """Nobody pays."""

    def glance(self, headers: dict[str, str]) -> Any:
        return None

    async def serve(
        self, token: Any, asked: Inference, inputs: Arrays, run: Callable[[], Awaitable[Run]], render: Render
    ) -> Served:
        """Run it."""
        return Served(*render(asked, (await run()).outputs))

    async def close(self) -> None:
        return None

    def best(self, channel: str) -> dict[str, Any]:
        raise Refusal(Status.NOT_FOUND, "this model is free: there are no channels here")


@dataclass
class Desk:
    """What the paths work with."""

    service: Service
    batches: Batches
    till: Till
    limits: Limits
    metrics: Metrics
    log: AccessLog
    version: str  # of mlm
    closed: Refusal | None = None  # what new calls are told once it stops
    calls: int = 0  # inference calls under way
    held: int = 0  # bytes of their bodies

    def check_open(self) -> None:
        """Raise Refusal once the server stops."""
        if (told := self.closed) is not None:
            raise Refusal(told.status, str(told), word=told.word, retry_after=told.retry_after)

    def check_model(self, request: Request) -> None:
        """Raise Refusal unless the path names the model, and its version if any."""
        name, version = request.path_params["name"], request.path_params.get("version")
        if name != self.service.name or version not in (None, self.service.version):
            found = name if version is None else f"{name} version {version}"
            expected = f"{self.service.name} version {self.service.version}"
            raise Refusal(Status.NOT_FOUND, f"expected the model {expected}, found {found[:80]!r}")


def application(desk: Desk) -> Starlette:
    """The ASGI application."""
    from starlette.applications import Starlette
    from starlette.exceptions import HTTPException
    from starlette.responses import Response
    from starlette.routing import Route

    def told(document: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
        import orjson

        return Response(orjson.dumps(document), status, headers, arrays.JSON)

    def refused(refusal: Refusal) -> Response:
        headers = dict(refusal.headers)
        if refusal.retry_after:
            headers["retry-after"] = str(refusal.retry_after)
        if refusal.status in (Status.TOO_SLOW, Status.TOO_LARGE):
            headers["connection"] = "close"  # the rest of its body may still come
        return told(refusal.document(), refusal.status.http, headers)

    def plain(read: Callable[[Request], Any]) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            try:
                return told(read(request))
            except Refusal as refusal:
                return refused(refusal)

        return answer

    async def infer(request: Request) -> Response:
        started, logged, code = time.perf_counter(), {}, ""  # type: float, dict[str, Any], str
        try:
            answer, logged = await _infer(desk, request)
        except Refusal as refusal:
            answer, code, logged = refused(refusal), refusal.word, {"why": str(refusal)[:200]}
        seconds = time.perf_counter() - started
        desk.metrics.answered(answer.status_code, code, seconds)
        client = request.client.host if request.client else ""
        desk.log.add(
            {"client": client, "path": request.scope["path"][:200], "status": answer.status_code, "code": code}
            | {"seconds": round(seconds, 6), **logged}
        )
        return answer

    def live(request: Request) -> dict[str, Any]:
        return {"live": True}

    def ready(request: Request) -> dict[str, Any]:
        desk.check_open()
        return {"live": True, "ready": True}

    def model_ready(request: Request) -> dict[str, Any]:
        desk.check_model(request)
        return {"name": desk.service.name, "ready": ready(request)["ready"]}

    def metadata(request: Request) -> dict[str, Any]:
        desk.check_model(request)
        return desk.service.metadata()

    def health(request: Request) -> dict[str, Any]:
        status = "ok" if desk.closed is None else "draining"
        return {"status": status, "model": desk.service.name, "calls": desk.calls, "waiting": desk.batches.waiting}

    async def metrics(request: Request) -> Response:
        return Response(desk.metrics.text(), media_type=CONTENT_TYPE)

    def channel(request: Request) -> dict[str, Any]:
        return desk.till.best(request.path_params["channel"])

    async def odd(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        status = Status.METHOD if error.status_code == Status.METHOD.http else Status.NOT_FOUND
        words = f"{request.method[:20]} is not for this path" if status is Status.METHOD else "there is no such path"
        answer = refused(Refusal(status, words))
        answer.headers.update(error.headers or {})
        return answer

    async def broken(request: Request, error: Exception) -> Response:
        why = f"{type(error).__name__}: {error}"[:500]
        desk.log.add({"path": request.scope["path"][:200], "status": 500, "why": why})
        return refused(Refusal(Status.FAILED, "this server made a mistake; its log says which"))

    model = "/v2/models/{name}"
    routes = [
        *(Route(f"{path}/infer", infer, methods=["POST"]) for path in (model, model + "/versions/{version}")),
        Route("/v2", plain(lambda request: server_metadata(desk.version, [desk.service.name]))),
        Route("/v2/health/live", plain(live)),
        Route("/v2/health/ready", plain(ready)),
        *(
            Route(path + end, plain(read))
            for path in (model, model + "/versions/{version}")
            for end, read in (("", metadata), ("/ready", model_ready))
        ),
        Route("/v2/channels/{channel}", plain(channel)),
        Route("/health", plain(health)),
        Route("/metrics", metrics),
    ]
    made = Starlette(routes=routes, exception_handlers={HTTPException: odd, Exception: broken})
    made.router.redirect_slashes = False  # it would build an address from the client's own Host header
    return made


def _rendered(desk: Desk) -> Render:
    def render(asked: Inference, outputs: Arrays) -> tuple[bytes, dict[str, str]]:
        try:
            return arrays.write(desk.service.name, desk.service.version, asked, outputs)
        except InvalidData as error:
            raise Refusal(Status.FAILED, str(error)) from error

    return render


async def _infer(desk: Desk, request: Request) -> tuple[Response, dict[str, Any]]:
    from starlette.responses import Response

    desk.check_model(request)
    desk.check_open()
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in request.scope["headers"]}
    kind = headers.get("content-type", "").partition(";")[0].strip().lower().encode("latin-1")
    if kind not in ALLOWED or headers.get("content-encoding", "identity").lower() != "identity":
        raise Refusal(Status.MEDIA_TYPE, f"expected application/json as it is, found {kind.decode('latin-1')[:60]!r}")
    token = desk.till.glance(headers)
    desk.calls += 1
    room = Room(desk)
    try:
        body = await whole_body(desk, request, headers, room)
        try:
            asked, inputs = arrays.read(body, headers.get(BINARY_HEADER), desk.service.signature, desk.limits.body)
        except InvalidData as error:
            raise Refusal(Status.MALFORMED, str(error)) from error
        served = await desk.till.serve(token, asked, inputs, lambda: desk.batches.run(inputs), _rendered(desk))
        return Response(served.body, 200, served.headers), served.logged
    except MlmError as error:
        if isinstance(error, Refusal):
            raise
        raise Refusal(Status.FAILED, f"this server cannot answer now: {error}", retry_after=5) from error
    finally:
        desk.calls -= 1
        desk.held -= room.taken
