"""A trustless IPFS gateway: blocks and CARs by CID, read only, each checked here.

Source: https://specs.ipfs.tech/http-gateways/trustless-gateway/
"""

from __future__ import annotations

from collections.abc import Iterator

from mlm.adapters.http import Client, Stream
from mlm.adapters.remotes.readonly import ReadOnly
from mlm.core import car
from mlm.core.cid import Cid
from mlm.core.errors import InvalidData, NotFound
from mlm.ports.remote import About

BLOCK = car.Limits().block
_MISSING = (404, 410, 451)
_SLACK = 8 << 20  # bytes of a CAR that may bring nothing new
RAW_TYPE = "application/vnd.ipld.raw"
CAR_TYPE = "application/vnd.ipld.car"


class Gateway(ReadOnly):
    """Implements ports.Remote."""

    def __init__(self, client: Client, about: About) -> None:
        self._client = client
        self.about = about

    def get(self, cid: Cid) -> bytes:
        answer = self._client.ask("GET", f"/ipfs/{cid}?format=raw", headers={"Accept": RAW_TYPE}, limit=BLOCK)
        if answer.status in _MISSING:
            raise NotFound(f"the remote {self._client.where} has no block {cid}", hint="Ask its owner to push.")
        if answer.status != 200:
            raise self._client.refused(answer, f"for block {cid}")
        return checked(cid, answer.body, self._client.where)

    def stream(self, root: Cid) -> Iterator[tuple[Cid, bytes]]:
        wanted = f"{CAR_TYPE}; version=1; order=dfs; dups=n"
        path = f"/ipfs/{root}?format=car&dag-scope=all"
        with self._client.open("GET", path, headers={"Accept": wanted}) as stream:
            if 400 <= stream.status < 500 or stream.status == 501:
                raise NotFound(f"the remote {self._client.where} gives no CAR of {root}")
            if stream.status != 200:
                raise self._client.trouble(f"answered for a CAR of {root} with HTTP status {stream.status}")
            yield from blocks_of(stream, root, self._client.where)


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
