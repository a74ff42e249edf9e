"""A trustless IPFS gateway: blocks and CARs by CID, read only, each checked here.

Source: https://specs.ipfs.tech/http-gateways/trustless-gateway/
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator

from mlm.adapters.http import MAX_TEXT, Client, Stream
from mlm.adapters.remotes.readonly import ReadOnly
from mlm.core import car
from mlm.core.access import HEADER, SECONDS, Challenge
from mlm.core.cid import Cid
from mlm.core.errors import InvalidData, NotFound
from mlm.ports.remote import About

BLOCK = car.Limits().block
_MISSING = (404, 410, 451)
_CLOSED = (401, 403)
Sign = Callable[[str, Challenge], str | None]  # the gateway's URL, what it asks for; None: nothing entitles the account
_SLACK = 8 << 20  # bytes of a CAR that may bring nothing new
RAW_TYPE = "application/vnd.ipld.raw"
CAR_TYPE = "application/vnd.ipld.car"


class Gateway(ReadOnly):
    """Implements ports.Remote."""

    def __init__(self, client: Client, about: About, *, url: str = "", access: Sign | None = None) -> None:
        """`access` makes the statement that a gateway of mlm asks for, of the gateway at `url`; None: none is made."""
        self._client = client
        self.about = about
        self._url, self._access = url, access
        self._lock = threading.Lock()
        self._signed: dict[int, tuple[str, float]] = {}  # asset -> statement, and until when it is used

    def get(self, cid: Cid) -> bytes:
        path, headers = f"/ipfs/{cid}?format=raw", {"Accept": RAW_TYPE}
        answer = self._client.ask("GET", path, headers=headers, limit=BLOCK)
        if answer.status == 401 and (statement := self._statement(answer.body)):
            answer = self._client.ask("GET", path, headers={**headers, HEADER: statement}, limit=BLOCK)
        if answer.status in _CLOSED and self._access is not None:
            raise NotFound(
                f"the remote {self._client.where} gives block {cid} to licence holders only: {answer.said}",
                hint="`mlm buy ASSET` buys a licence; `mlm licence list` shows yours.",
            )
        if answer.status in _MISSING:
            raise NotFound(f"the remote {self._client.where} has no block {cid}", hint="Ask its owner to push.")
        if answer.status != 200:
            raise self._client.refused(answer, f"for block {cid}")
        return checked(cid, answer.body, self._client.where)

    def stream(self, root: Cid) -> Iterator[tuple[Cid, bytes]]:
        wanted = f"{CAR_TYPE}; version=1; order=dfs; dups=n"
        path, headers = f"/ipfs/{root}?format=car&dag-scope=all", {"Accept": wanted}
        with self._client.open("GET", path, headers=headers) as stream:
            if stream.status != 401:
                yield from self._blocks(stream, root)
                return
            statement = self._statement(stream.rest(MAX_TEXT))
        if statement is None:
            raise NotFound(f"the remote {self._client.where} gives no CAR of {root} without a licence")
        with self._client.open("GET", path, headers={**headers, HEADER: statement}) as stream:
            yield from self._blocks(stream, root)

    def _blocks(self, stream: Stream, root: Cid) -> Iterator[tuple[Cid, bytes]]:
        if 400 <= stream.status < 500 or stream.status == 501:
            raise NotFound(f"the remote {self._client.where} gives no CAR of {root}")
        if stream.status != 200:
            raise self._client.trouble(f"answered for a CAR of {root} with HTTP status {stream.status}")
        yield from blocks_of(stream, root, self._client.where)

    def _statement(self, asked: bytes) -> str | None:
        """What the gateway's answer asks for, signed once for many blocks; None where it cannot or shall not be."""
        if self._access is None:
            return None
        try:
            value = json.loads(asked)
            challenge = Challenge.read(value.get("mlm") if isinstance(value, dict) else None)
        except (ValueError, RecursionError, InvalidData):
            return None  # some other gateway's 401
        with self._lock:
            kept, until = self._signed.get(challenge.token_id, ("", 0.0))
            if time.monotonic() < until:
                return kept
            made = self._access(self._url, challenge)
            if made is not None:
                self._signed[challenge.token_id] = (made, time.monotonic() + SECONDS / 2)
            return made


def checked(cid: Cid, data: bytes, where: str) -> bytes:
    """`data`, if it is the block; raises InvalidData that names who sent it."""
    try:
        cid.verify(data)
    except InvalidData as error:
        raise InvalidData(f"the remote {where} lies: {error}", hint="`mlm remote remove` drops it.") from error
    return data


def blocks_of(stream: Stream, root: Cid, where: str) -> Iterator[tuple[Cid, bytes]]:
    """The blocks of a CAR as it arrives. It may neither repeat itself without end nor drip: each block is due in time.

    Raises InvalidData, naming who sent it, for anything but an honest CAR of `root`.
    """
    received = useful = 0

    def read(count: int) -> bytes:
        nonlocal received
        data = stream.read(count)
        received += len(data)
        if received > 2 * useful + _SLACK:
            raise InvalidData(f"the CAR repeats itself: {received} bytes arrived, {useful} of them new")
        return data

    try:
        reader = car.Reader(read)
        if reader.root != root:
            raise InvalidData(f"expected a CAR of {root}, found one of {reader.root}")
        for _, cid, data in reader:
            useful += len(data) + len(bytes(cid))
            stream.renew()
            yield cid, data
    except InvalidData as error:
        error.args = (f"the remote {where} sent a bad CAR: {error}",)
        raise
