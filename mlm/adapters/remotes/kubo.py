"""A kubo node by its RPC: blocks go in as CARs, and the root is pinned. Also js-ipfs, which answers the same calls.

Source: https://docs.ipfs.tech/reference/kubo/rpc/ . POST only. The RPC gives whoever reaches it the whole node: it
belongs on the loopback, or behind a token.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from mlm.adapters.http import MAX_TEXT, Answer, Client, json_object
from mlm.adapters.remotes.gateway import BLOCK, blocks_of, checked
from mlm.core import car
from mlm.core.cid import Cid
from mlm.core.errors import NotFound, StorageError
from mlm.core.parallel import in_parallel
from mlm.core.remote import KUBO
from mlm.ports.remote import About

_API = "/api/v0/"
_ABSENT = ("not found", "could not find", "not pinned", "timed out", "deadline exceeded", "no such")
_LOOKS = 10  # seconds that a node may look for a block among its peers
_PINS = 600.0  # seconds in which a pin must stand: the node walks everything below it
_WORKERS = 8


class Kubo:
    """Implements ports.Remote; it keeps no branches and tags."""

    def __init__(self, client: Client, about: About) -> None:
        self._client = client
        self.dropped: Mapping[str, str] = {}
        self.about = about

    def get(self, cid: Cid) -> bytes:
        answer = self._call("block/get", limit=BLOCK, arg=cid, timeout=f"{_LOOKS}s")
        if answer.status == 200:
            return checked(cid, answer.body, self._client.where)
        if _absent(answer):
            raise NotFound(f"the remote {self._client.where} has no block {cid}", hint="Ask its owner to push.")
        raise self._client.refused(answer, f"for block {cid}")

    def stream(self, root: Cid) -> Iterator[tuple[Cid, bytes]] | None:
        return self._export(root) if self._holds(root) else None

    def missing(self, cids: Sequence[Cid]) -> list[Cid]:
        # What is pinned is whole; without a pin a push that was cut may have brought a part.
        if cids and self._pinned(cids[0]):
            return []
        lacks: set[Cid] = set()
        queue = iter(cids)
        for cid, holds in in_parallel(self._holds, _WORKERS)(lambda: next(queue, None)):
            if not holds:
                lacks.add(cid)
        return [cid for cid in cids if cid in lacks]

    def put(self, blocks: Iterable[tuple[Cid, bytes]]) -> int:
        held = list(blocks)
        if not held:
            return 0
        archive = b"".join(car.write(held[-1][0], held))
        # Whoever made the blocks must not be able to end the part with them.
        while (border := secrets.token_hex(16).encode()) in archive:
            pass
        body = b"".join(
            [
                b"--" + border + b'\r\nContent-Disposition: form-data; name="file"; filename="blocks.car"\r\n',
                b"Content-Type: application/vnd.ipld.car\r\n\r\n",
                archive,
                b"\r\n--" + border + b"--\r\n",
            ]
        )
        kind = {"Content-Type": f"multipart/form-data; boundary={border.decode()}"}
        path = _path("dag/import", **{"pin-roots": "false", "stats": "true"})
        answer = self._client.ask("POST", path, headers=kind, body=body, within=_PINS)
        if answer.status != 200:
            raise self._client.refused(answer, f"to {len(held)} blocks")
        for line in answer.body.splitlines():
            found = self._object(line)
            if found.get("Type") == "error" or found.get("Message"):
                raise self._client.trouble(f"refused {len(held)} blocks: {str(found.get('Message'))[:200]}")
            stats = found.get("Stats")
            if isinstance(stats, dict) and stats.get("BlockCount") != len({cid for cid, _ in held}):
                raise self._client.trouble(f"took {stats.get('BlockCount')} blocks, expected {len(held)}")
        return len(held)

    def pin(self, root: Cid, name: str) -> str:
        if not self._pinned(root):
            answer = self._call("pin/add", within=_PINS, arg=root, recursive="true", name=name[:255])
            if answer.status != 200:
                raise self._client.refused(answer, f"to a pin of {root}")
            # Whatever it said: what counts is that it lists the pin.
            if not self._pinned(root):
                raise self._client.trouble(f"did not pin {root}")
        return "pinned"

    def names(self, repository: str) -> dict[str, Cid]:
        raise self._nameless()

    def set_name(self, repository: str, name: str, new: Cid | None, expected: Cid | None) -> None:
        raise self._nameless()

    def _export(self, root: Cid) -> Iterator[tuple[Cid, bytes]]:
        with self._client.open("POST", _path("dag/export", arg=root, progress="false")) as stream:
            if stream.status != 200:
                raise self._client.trouble(f"answered for a CAR of {root} with HTTP status {stream.status}")
            yield from blocks_of(stream, root, self._client.where)

    def _holds(self, cid: Cid) -> bool:
        answer = self._call("block/stat", arg=cid, offline="true", timeout="1s")
        if answer.status != 200 and not _absent(answer):
            raise self._client.refused(answer, f"for block {cid}")
        return answer.status == 200

    def _pinned(self, root: Cid) -> bool:
        answer = self._call("pin/ls", arg=root, type="recursive")
        if answer.status != 200 and not _absent(answer):
            raise self._client.refused(answer, f"whether {root} is pinned")
        return answer.status == 200 and bool(self._object(answer.body).get("Keys"))

    def _call(self, command: str, *, within: float | None = None, limit: int = MAX_TEXT, **query: object) -> Answer:
        return self._client.ask("POST", _path(command, **query), limit=limit, within=within)

    def _object(self, raw: bytes) -> dict[str, Any]:
        found = json_object(raw)
        if found is None:
            raise self._client.trouble(f"answered with nonsense: expected a JSON object, found {raw[:60]!r}")
        return found

    def _nameless(self) -> StorageError:
        return self._client.trouble(f"is a {KUBO} node, which keeps no branches and tags")


def _path(command: str, **query: object) -> str:
    return f"{_API}{command}?{urlencode({**query, 'cid-base': 'base32'})}"


def _absent(answer: Answer) -> bool:
    """Whether a refusal says that something is not there: kubo has status 500 for everything."""
    text = answer.said.lower()
    return answer.status in (404, 500) and any(words in text for words in _ABSENT)
