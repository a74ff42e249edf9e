"""The body of a request: whole, within bounds of size, time and of the memory for all bodies together."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from mlm.core.serving import Limits, Refusal, Status

if TYPE_CHECKING:
    from starlette.requests import Request


class Holder(Protocol):
    """Whose memory it is: `held` counts the bytes of bodies under way."""

    limits: Limits
    held: int


class Room:
    """What one call's body takes of the memory for all bodies."""

    def __init__(self, desk: Holder) -> None:
        self._desk, self.taken = desk, 0

    def take(self, size: int) -> None:
        if self._desk.held + size > self._desk.limits.held:
            raise Refusal(Status.BUSY, "too many large calls at once", retry_after=1)
        self._desk.held += size
        self.taken += size


async def whole_body(desk: Holder, request: Request, headers: dict[str, str], room: Room) -> bytes:
    """The whole body, within its bounds of size and time, and as long as there is room for it among all others."""
    from starlette.requests import ClientDisconnect

    limit = desk.limits.body
    length = headers.get("content-length", "")
    expects = "expect" in headers
    chunks, size = [], 0  # type: list[bytes], int
    try:
        if length.isdigit() and int(length) > limit and (expects or int(length) > 4 * limit):
            raise _large(limit)  # before any of it comes; otherwise a client that reads nothing before the end
        async with asyncio.timeout(desk.limits.seconds):
            async for chunk in request.stream():
                size += len(chunk)
                if size > limit:
                    chunks.clear()
                    if size > 4 * limit:
                        break
                    continue
                room.take(len(chunk))
                chunks.append(chunk)
        if size > limit:
            raise _large(limit)
        return b"".join(chunks)
    except TimeoutError:
        raise Refusal(Status.TOO_SLOW, f"expected the body within {desk.limits.seconds:g} s") from None
    except ClientDisconnect:
        raise Refusal(Status.TOO_SLOW, "the client left before its body was whole") from None


def _large(limit: int) -> Refusal:
    return Refusal(Status.TOO_LARGE, f"expected a body of at most {limit} bytes")
