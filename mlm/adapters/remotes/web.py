"""A folder remote behind any static web server, read only: its small files, then ranges of its packs.

Where the server offers no ranges a pack is fetched whole, once, into a temporary file. Source of ranges: RFC 9110, 14.
"""

from __future__ import annotations

import os
import tempfile
import threading
import time
from typing import IO

from mlm.adapters.blocks import pack_index
from mlm.adapters.disk import storage_errors
from mlm.adapters.http import Client, Stream
from mlm.adapters.remotes.gateway import BLOCK, checked
from mlm.adapters.remotes.readonly import ReadOnly
from mlm.core import remote
from mlm.core.cid import Cid
from mlm.core.errors import InvalidData, NotFound
from mlm.ports.remote import About

_MAX_INDEX = 256 << 20  # bytes of one index: 5 million blocks
_MAX_INDEXES = 1 << 29  # bytes of all of them, which are held in memory: 10 TB of ours
_SEARCH = 20  # times as long as a block may take: for all indexes together
_MAX_WHOLE = 4 << 30  # bytes of a pack that is fetched whole
_KEPT = 4  # packs fetched whole that are held at a time
_MISSING = (404, 410)


class WebRemote(ReadOnly):
    """Implements ports.Remote."""

    def __init__(self, client: Client, about: About, *, max_bytes: int = 100 * 10**9) -> None:
        """`max_bytes` bounds all packs that are fetched whole, however often: few of them are kept."""
        self._client = client
        self._left = max_bytes
        self._held = 0  # bytes of indexes
        self._searched = 0.0  # seconds
        self.about = about
        self._lock = threading.RLock()
        self._packs: dict[str, int] | None = None  # name -> bytes
        self._indexes: dict[str, pack_index.PackIndex] = {}
        self._whole: dict[str, IO[bytes]] = {}
        self._ranges: bool | None = None  # not known yet

    def get(self, cid: Cid) -> bytes:
        found = self._find(cid)
        if found is None:
            raise NotFound(f"the remote {self._client.where} holds no block {cid}", hint="Ask its owner to push.")
        name, at, size = found
        if size > BLOCK:
            raise self._client.trouble(f"has an index that gives {cid} {size} bytes, expected at most {BLOCK}")
        return checked(cid, self._read(name, at, size), self._client.where)

    def names(self, repository: str) -> dict[str, Cid]:
        self._check()
        path = f"names/{remote.check_repository(repository)}"
        data = self._file(path, remote.MAX_NAMES_BYTES)
        return {} if data is None else remote.decode_names(data, f"{path} of {self._client.where}")

    def _find(self, cid: Cid) -> tuple[str, int, int] | None:
        with self._lock:
            if self._packs is None:
                self._check()
                data = self._file(remote.PACK_LIST, remote.MAX_PACKS_BYTES)
                listed = f"{remote.PACK_LIST} of {self._client.where}"
                self._packs = {} if data is None else remote.decode_packs(data, listed)
            # An index is fetched when the ones that are here do not know the block.
            for name in [*self._indexes, *(name for name in self._packs if name not in self._indexes)]:
                if place := self._index(name).find(cid):
                    return name, *place
        return None

    def _index(self, name: str) -> pack_index.PackIndex:
        if name not in self._indexes:
            most = self._client.timeout * _SEARCH
            if self._held > _MAX_INDEXES or self._searched > most:
                raise self._client.trouble(
                    f"lists {len(self._packs or ())} packs: expected their indexes in {_MAX_INDEXES} bytes and "
                    f"{most:g} s, found more after {len(self._indexes)} of them"
                )
            began = time.monotonic()
            data = self._file(f"packs/{name}.idx", _MAX_INDEX)
            self._searched += time.monotonic() - began
            self._held += len(data or b"")
            index = None if data is None else pack_index.from_bytes(data)
            if index is None:
                found = "none" if data is None else "a damaged one"
                raise self._client.trouble(f"lists the pack {name}: expected its index, found {found}")
            self._indexes[name] = index
        return self._indexes[name]

    def _read(self, name: str, at: int, size: int) -> bytes:
        if not size:
            return b""
        with self._lock, storage_errors("cannot keep a pack"):
            # The first answer tells what the server can, and is not thrown away.
            if self._ranges is None:
                first = self._range(name, at, size)
                self._ranges = first is not None
                if first is not None:
                    return first
        if self._ranges:
            return self._range(name, at, size) or b""
        with self._lock, storage_errors("cannot keep a pack"):
            if name not in self._whole:
                with self._client.open("GET", f"/packs/{name}.car") as stream:
                    self._keep(name, stream)
            return os.pread(self._whole[name].fileno(), size, at)

    def _range(self, name: str, at: int, size: int) -> bytes | None:
        """A part of a pack; None when the server sent it whole, which is then kept."""
        path = f"/packs/{name}.car"
        with self._client.open("GET", path, headers={"Range": f"bytes={at}-{at + size - 1}"}) as stream:
            if stream.status == 206:
                return stream.rest(size)
            if stream.status != 200 or self._ranges:
                raise self._client.trouble(f"answered for a part of {path} with HTTP status {stream.status}")
            self._keep(name, stream)
        return None

    def _keep(self, name: str, stream: Stream) -> None:
        """Put a pack into a temporary file without a name, which goes with this process."""
        assert self._packs is not None
        if (expected := self._packs[name]) > _MAX_WHOLE:
            raise self._client.trouble(
                f"offers no ranges: expected packs of at most {_MAX_WHOLE} bytes, {name} has {expected}"
            )
        if expected > self._left:
            raise self._client.trouble(
                f"offers no ranges: expected at most {self._left} bytes more in whole packs, {name} has {expected}"
            )
        self._left -= expected
        if stream.status != 200:
            raise self._client.trouble(f"answered for {name} with HTTP status {stream.status}")
        file = tempfile.TemporaryFile()  # noqa: SIM115 - it is kept
        size = since = 0
        while piece := stream.read(1 << 20):
            file.write(piece)
            size += len(piece)
            since += len(piece)
            if size > expected:
                raise self._client.trouble(f"sends more of {name} than the {expected} bytes that it lists")
            if since >= BLOCK:  # as fast as a block must come
                since = 0
                stream.renew()
        file.flush()
        if len(self._whole) >= _KEPT:
            self._whole.pop(next(iter(self._whole))).close()
        self._whole[name] = file

    def _check(self) -> None:
        found = self._file(remote.MARK, 4096)
        if found is None:
            raise NotFound(
                f"no remote at {self._client.where}: it has no {remote.MARK}",
                hint="Serve the folder that mlm pushes to, and give its URL.",
            )
        if found != remote.FORMAT:
            expected = remote.FORMAT.decode().strip()
            raise InvalidData(f"expected {expected} at {self._client.where}, found {found[:40]!r}", hint="Update mlm.")

    def _file(self, path: str, limit: int) -> bytes | None:
        """A small file; None when there is none."""
        answer = self._client.ask("GET", f"/{path}", limit=limit)
        if answer.status in _MISSING:
            return None
        if answer.status != 200:
            raise self._client.refused(answer, f"for {path}")
        return answer.body
