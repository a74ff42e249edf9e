"""A paid server's journal: every call that was served, durable before its answer leaves; one fdatasync for many calls.

What a claim reads of it: received.py. Formats: mlm/core/serve_journal.py.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from mlm.adapters.disk import read_at, replace_file, storage_errors, sync_data, sync_folder, write_all
from mlm.core.admission import Ledger
from mlm.core.errors import InvalidData, MlmError, NotFound, StateConflict, StorageError
from mlm.core.serve_journal import (
    MAGIC,
    MAX_FILE,
    CallRecord,
    ChannelRecord,
    Record,
    check_magic,
    decode,
    encode,
    records,
    sizes,
)

TORN, LOCK = ".torn", ".lock"
_ROOM = 1 << 18  # bytes
_OVERHEAD = 4096  # of a record beside its answer, at most, and of its channel's
_QUICK_S, _QUICK_SYNCS = 0.001, 32  # a disk that was this quick so often in a row is taken to be so again


@dataclass
class Held:
    """What is known of a channel: its ledger, and where the journal has each call above the ledger's floor."""

    ledger: Ledger
    at: dict[int, tuple[int, int]] = field(default_factory=dict)


@dataclass
class _Waiting:
    record: CallRecord
    ledger: Ledger
    done: asyncio.Future[None]


class CallJournal:
    """One file, held by one process until `close`. `add` is for one event loop, all else for the thread of it.

    Answers of up to `answers` bytes are kept in it; past `most` bytes it is rewritten: each channel's best voucher, the
    calls above its floor, and the newest answers, in half of that at most. `ended` says of a channel that nothing can
    be claimed of it any more: it is forgotten then.
    """

    def __init__(
        self,
        path: Path,
        *,
        most: int = 64 << 20,
        answers: int = 64 << 10,
        ended: Callable[[str], bool] = lambda channel: False,
    ) -> None:
        self.channels: dict[str, Held] = {}
        self.syncs = self.added = self.torn = 0
        self._path, self._most, self._answers, self.ended = path, most, answers, ended
        self._waiting: list[_Waiting] = []
        self._task: asyncio.Task[None] | None = None
        self._broken: StorageError | None = None
        self._quick = 0  # appends since the last one that was not
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="mlm serve journal")  # nothing else can hold it up
        with storage_errors("cannot open the server's journal"):
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lock = _locked(path.with_suffix(LOCK))
            self._handle = _opened(path)
            self._room = 0  # where the zeros end that lie behind the last record
            self._size = self._load()
        self._full = max(most, 2 * self._size)

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self._size

    @property
    def pays(self) -> bool:
        """Whether calls can be written down."""
        return self._broken is None

    def held(self, channel: str) -> Held | None:
        """What is known of a channel; None where it never paid."""
        return self.channels.get(channel)

    async def add(self, record: CallRecord, ledger: Ledger, *, alone: bool = False) -> None:
        """Write a call down and take it into its channel's ledger; durable when this returns. Raises StorageError.

        `ledger` is what the channel begins with where it is new here; `alone` says that no other call is under way,
        which could share its sync.
        """
        waiting = _Waiting(record, ledger, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        if self._task is None or self._task.done():
            if alone and self._prompt and self._size + self._answers + _OVERHEAD <= self._full:
                await self._write()  # it waits for nothing: whoever cancels this call cuts nothing in two
            else:
                self._task = asyncio.get_running_loop().create_task(self._write())
        await waiting.done

    def find(self, channel: str, call: int) -> CallRecord:
        """A call that was served, as it was written down. Raises NotFound, InvalidData, StorageError."""
        held = self.channels.get(channel)
        if held is None or call not in held.at:
            raise NotFound(f"call {call} of channel {channel[:10]} is not in the journal")
        at, length = held.at[call]
        with storage_errors("cannot read the server's journal"):
            found = decode(read_at(self._handle, at, length))
        if not isinstance(found, CallRecord):
            raise InvalidData(f"the journal holds no call at {at}")
        return found

    async def close(self) -> None:
        """Let the file go, once all that was added is written."""
        while self._task is not None and not self._task.done():
            await asyncio.wait([self._task])
        self._pool.shutdown()
        os.close(self._handle)
        os.close(self._lock)

    # --- writing ---------------------------------------------------------------------------------------------------

    async def _write(self) -> None:
        """Until nobody waits: all that wait now in one write and one sync."""
        while self._waiting:
            group, self._waiting = self._waiting, []
            try:
                await self._commit(group)
            except Exception as error:  # noqa: BLE001  # whatever it is, nobody may wait for ever
                for each in group:
                    if not each.done.done():
                        each.done.set_exception(StorageError(f"the server's journal: {error}"))

    async def _commit(self, group: list[_Waiting]) -> None:
        if self._broken is not None:
            raise self._broken
        made: list[Record] = []
        opened: set[str] = set()
        for each in group:
            name, ledger = each.record.result.channel, each.ledger
            if name not in self.channels and name not in opened:
                opened.add(name)
                made.append(ChannelRecord(ledger.price, name, ledger.count, ledger.highest, ledger.floor, ledger.best))
            made.append(each.record if len(each.record.answer) <= self._answers else _bare(each.record))
        data = [encode(record) for record in made]
        whole = b"".join(data)
        if self._prompt:
            self._append(whole)
        else:
            await asyncio.get_running_loop().run_in_executor(self._pool, self._append, whole)
        for record, place in zip(made, sizes(data, self._size), strict=True):
            self._take(record, place)
        for each in group:
            if not each.done.done():
                each.done.set_result(None)
        self._size += sum(map(len, data))
        self.added += len(group)
        self.syncs += 1
        if self._size > self._full:
            await self._compact()

    @property
    def _prompt(self) -> bool:
        """Whether the disk is quicker than a hop to a thread and back; a slow one must not hold up the event loop."""
        return self._quick >= _QUICK_SYNCS

    def _append(self, data: bytes) -> None:
        """Make it durable, within the room made before; where that ends, with zeros behind it as room for what comes.

        A sync within the room writes data alone. One that makes the file longer waits for the file system's journal,
        and with it for all that others do there: the files that go to the model's child and come back.
        """
        filling = b"" if self._size + len(data) <= self._room else bytes(_ROOM)
        began = time.monotonic()
        try:
            os.lseek(self._handle, self._size, os.SEEK_SET)
            write_all(self._handle, data + filling)
        except OSError as error:
            try:
                os.ftruncate(self._handle, self._size)  # a full disk: the next call may find room
                self._room = self._size
            except OSError as worse:
                self._broken = StorageError(f"the server's journal cannot be mended: {worse.strerror}")
            raise StorageError(f"the server's journal cannot be written: {error.strerror}") from error
        try:
            sync_data(self._handle)
        except OSError as error:
            # What a failed sync has left in the file nobody knows until it is read again.
            self._broken = StorageError(
                f"the server's journal cannot be made durable: {error.strerror}", hint="Restart the server."
            )
            raise self._broken from error
        if filling:
            self._room = self._size + len(data) + len(filling)
        else:
            self._quick = self._quick + 1 if time.monotonic() - began < _QUICK_S else 0

    async def _compact(self) -> None:
        """Rewrite the file; nothing is added meanwhile, and ledgers stay as they are. A full disk leaves it so."""
        loop = asyncio.get_running_loop()
        for channel in [channel for channel in self.channels if self.ended(channel)]:
            del self.channels[channel]
        plan = [(channel, held, list(held.at.items())) for channel, held in self.channels.items()]
        try:
            handle, self._size, places = await loop.run_in_executor(self._pool, self._rewritten, plan)
        except MlmError as error:
            self._full = 2 * self._size
            if os.stat(self._path).st_ino != os.fstat(self._handle).st_ino:  # what is written now would be lost
                self._broken = StorageError(f"the server's journal was replaced: {error}", hint="Restart the server.")
            return
        os.close(self._handle)  # here, where nobody can be reading by it
        self._handle, self._room = handle, self._size
        for channel, at in places.items():
            self.channels[channel].at = at
        self._full = max(self._most, 2 * self._size)

    def _rewritten(
        self, plan: list[tuple[str, Held, list[tuple[int, tuple[int, int]]]]]
    ) -> tuple[int, int, dict[str, dict[int, tuple[int, int]]]]:
        """In a thread: the new file's handle, its size, and where its calls are."""
        room, kept = self._most // 2, set[int]()
        for at, length in sorted((place for _, _, calls in plan for _, place in calls), reverse=True):
            room -= length
            if room < 0:
                break
            kept.add(at)  # the newest have their answers
        pieces, places, size = [MAGIC], {}, len(MAGIC)
        with storage_errors("cannot rewrite the server's journal"):
            for channel, held, calls in plan:
                ledger = held.ledger
                made: list[bytes] = [
                    encode(
                        ChannelRecord(ledger.price, channel, ledger.count, ledger.highest, ledger.floor, ledger.best)
                    )
                ]
                for _, (at, length) in calls:
                    found = decode(read_at(self._handle, at, length))
                    assert isinstance(found, CallRecord)
                    found = replace(found, amount=0, signature=b"")  # it is counted in the ledger above
                    made.append(encode(found if at in kept else _bare(found)))
                where = sizes(made, size)[1:]
                places[channel] = {call: place for (call, _), place in zip(calls, where, strict=True)}
                size += sum(map(len, made))
                pieces += made
            replace_file(self._path, pieces, mode=0o600)
            handle = _opened(self._path)
        return handle, size, places

    # --- reading ---------------------------------------------------------------------------------------------------

    def _load(self) -> int:
        """Take everything in; cut off what is not whole, and put that aside. The size of what is sound."""
        whole = os.fstat(self._handle).st_size
        if whole > MAX_FILE:
            raise InvalidData(f"{self._path}: expected at most {MAX_FILE} bytes, found {whole}")
        data = read_at(self._handle, 0, whole)
        if len(data) < len(MAGIC) and MAGIC.startswith(data):
            os.ftruncate(self._handle, 0)
            os.lseek(self._handle, 0, os.SEEK_SET)
            write_all(self._handle, MAGIC)
            sync_data(self._handle)
            sync_folder(self._path.parent)
            self._room = len(MAGIC)
            return len(MAGIC)
        check_magic(str(self._path), data)
        end = len(MAGIC)
        for at, length, payload in records(data):
            self._take(decode(payload), (at, length))
            end = at + length
        if torn := bytes(data[end:]).rstrip(b"\0"):
            # It was never acknowledged, unless the disk has spoilt it: nothing is thrown away unseen.
            self.torn = len(torn)
            replace_file(self._path.with_suffix(TORN), [torn], mode=0o600)
            os.ftruncate(self._handle, end)
            sync_data(self._handle)
            whole = end
        self._room = whole
        return end

    def _take(self, record: Record, place: tuple[int, int]) -> None:
        if isinstance(record, ChannelRecord):
            ledger = Ledger(record.price, record.best, record.count, record.highest, record.floor)
            self.channels[record.channel] = Held(ledger)
            return
        result = record.result
        held = self.channels.setdefault(result.channel, Held(Ledger(record.price)))
        voucher = record.voucher
        if voucher is None:  # its ledger came before it
            held.ledger.served[result.call] = result.request
        else:
            before = held.ledger.floor
            held.ledger.record(voucher)
            floor = held.ledger.floor
            if floor - before > len(held.at):
                held.at = {call: at for call, at in held.at.items() if call > floor}
            else:
                for call in range(before + 1, floor + 1):
                    held.at.pop(call, None)
        if result.call in held.ledger.served:
            held.at.setdefault(result.call, place)


def _bare(record: CallRecord) -> CallRecord:
    return replace(record, answer=b"")


def _opened(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)


def _locked(path: Path) -> int:
    """A lock file's handle, held by this process until it ends. Raises StateConflict when another has it."""
    handle = _opened(path)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise StateConflict(
            f"another server has the journal of {path}",
            hint="One process serves a version for an account: stop the other.",
        ) from None
    return handle
