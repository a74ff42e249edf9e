"""The Sealing port by pyrage, the Rust implementation of age. It pushes, whoever reads pulls: a thread stands between.

pyrage is given X25519 identities only: no plugin is started and no passphrase's work factor is obeyed, whatever a
file's header asks for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from queue import Empty, Full, Queue
from threading import Event, Thread
from typing import Any

from mlm.core import age
from mlm.core.errors import InvalidData, VerificationFailed

_AHEAD = 16  # pieces of about 64 KiB that wait between the threads
_LOOK = 0.2  # seconds after which a waiting thread looks whether the other one has gone
_MAGIC = b"age-encryption.org/"


class Age:
    """Implements ports.sealing.Sealing. Nothing here is kept, printed or logged."""

    def seal(self, key: bytes, pieces: Iterable[bytes]) -> Iterator[bytes]:
        import pyrage

        recipient = pyrage.x25519.Identity.from_str(age.identity(key)).to_public()
        return _pulled(pieces, lambda source, sink: pyrage.encrypt_io(source, sink, [recipient]))

    def open(self, key: bytes, pieces: Iterable[bytes]) -> Iterator[bytes]:
        import pyrage

        identity = pyrage.x25519.Identity.from_str(age.identity(key))
        found = iter(pieces)
        first = next(found, b"")
        if not first.startswith(_MAGIC[: max(1, len(first))]):
            raise InvalidData(f"expected an age file (age-encryption.org/v1), found one that begins {first[:24]!r}")

        def whole() -> Iterator[bytes]:
            yield first
            yield from found

        try:
            yield from _pulled(whole(), lambda source, sink: pyrage.decrypt_io(source, sink, [identity]))
        except (pyrage.DecryptError, OSError) as error:
            raise VerificationFailed(
                f"the content key does not open the sealed file, or its bytes were changed or cut off ({error})"
            ) from error


class _Stopped(Exception):
    """The other side has gone."""


class _Source:
    """What pyrage reads from: `read(n)` of bytes that come in pieces of any size."""

    def __init__(self, pieces: Iterable[bytes], stopped: Event) -> None:
        self._pieces = iter(pieces)
        self._rest = memoryview(b"")
        self._stopped = stopped
        self.error: BaseException | None = None

    def read(self, count: int = -1) -> bytes:
        if self._stopped.is_set():
            raise _Stopped
        try:
            while not self._rest:
                piece = next(self._pieces, None)
                if piece is None:
                    return b""
                self._rest = memoryview(piece)
        except BaseException as error:  # pyrage would turn it into text: it is raised again where it belongs
            self.error = error
            raise
        found, self._rest = self._rest[:count], self._rest[count:]
        return bytes(found)


class _Sink:
    """What pyrage writes to."""

    def __init__(self, queue: Queue[bytes | None], stopped: Event) -> None:
        self._queue, self._stopped = queue, stopped

    def write(self, data: bytes) -> int:
        self.put(bytes(data))
        return len(data)

    def flush(self) -> None:
        return None

    def put(self, item: bytes | None) -> None:
        while True:
            try:
                return self._queue.put(item, timeout=_LOOK)
            except Full:
                if self._stopped.is_set():
                    raise _Stopped from None


def _pulled(pieces: Iterable[bytes], work: Callable[[Any, Any], None]) -> Iterator[bytes]:
    """What `work(source, sink)` writes, while it works in a thread of its own."""
    queue: Queue[bytes | None] = Queue(_AHEAD)
    stopped = Event()
    source, sink = _Source(pieces, stopped), _Sink(queue, stopped)
    failed: list[BaseException] = []

    def run() -> None:
        try:
            work(source, sink)
        except BaseException as error:  # noqa: BLE001  # raised again by whoever reads
            failed.append(source.error or error)
        try:
            sink.put(None)
        except _Stopped:
            return

    thread = Thread(target=run, name="age", daemon=True)
    thread.start()
    try:
        while True:
            try:
                piece = queue.get(timeout=_LOOK)
            except Empty:
                if not thread.is_alive() and queue.empty():
                    break
                continue
            if piece is None:
                break
            if piece:
                yield piece
    finally:
        stopped.set()
        thread.join()
    if failed:
        raise failed[0]
