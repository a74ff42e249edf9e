"""What a payer has signed (ports.vouchers.Spent): one append-only file of JSON lines for each channel.

Lines: {"voucher": …, "input": …, "price": …, "owed": …}, then {"settled": number}, or
{"false": number, "why": …}. A line is on the disk before `keep`
returns; threads that keep at once share one fdatasync. A last line without its end was never acknowledged, so its
voucher never left: it is cut off.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mlm.adapters.disk import replace_file, storage_errors, sync_data, sync_folder, write_all
from mlm.core.channel import SignedVoucher, voucher_from
from mlm.core.errors import InvalidData, StateConflict, StorageError
from mlm.core.spent import Kept, Record

MAX_BYTES = 1 << 30
_LARGE = 4 << 20  # bytes from which a file is written anew when it is next held, with what is still open
_FULL = 64 << 20  # bytes from which it is written anew while it is held
_ID = re.compile(r"0x[0-9a-f]{64}")


class FileSpent:
    """`folder` is the user's own (mode 0700), and no project's. Safe to share between threads."""

    def __init__(self, folder: Path, patience: float = 10.0) -> None:
        """`patience`: seconds that `hold` waits for another process."""
        self._folder, self._patience = folder, patience
        self._held: dict[str, _Held] = {}

    @contextmanager
    def hold(self, channel: str) -> Iterator[None]:
        """Raises StateConflict while another process, or another holder in this one, signs for the channel."""
        path = self._path(channel)
        with storage_errors("cannot open the payer's journal"):
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            lock = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            self._wait(lock, channel)
            with storage_errors("cannot open the payer's journal"):
                held = self._held[channel] = _Held(path)
            try:
                yield
            finally:
                del self._held[channel]
                held.close()
        finally:
            os.close(lock)

    def record(self, channel: str) -> Record:
        return _read(self._path(channel))[0]

    def keep(self, kept: Kept) -> None:
        held = self._mine(kept.voucher.channel)
        held.append(_line(kept), durable=True)

    def settle(self, channel: str, calls: int) -> None:
        self._mine(channel).append(_settled(calls), durable=False)

    def distrust(self, channel: str, calls: int, why: str) -> None:
        self._mine(channel).append(_false(calls, why), durable=True)

    def _mine(self, channel: str) -> _Held:
        if channel not in self._held:
            raise StateConflict(f"the channel {channel[:10]}… is not held by this process")
        return self._held[channel]

    def _wait(self, lock: int, channel: str) -> None:
        end = time.monotonic() + self._patience
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if time.monotonic() >= end:
                    raise StateConflict(
                        f"another process has signed for the channel {channel[:10]}… for {self._patience:g} s",
                        hint="Let it end, share one Client between threads, or open a channel of its own.",
                    ) from None
                time.sleep(0.02)

    def _path(self, channel: str) -> Path:
        if not _ID.fullmatch(channel):
            raise InvalidData(f"expected a channel of 0x and 64 small digits, found {channel[:80]!r}")
        return self._folder / f"{channel}.jsonl"


class _Held:
    """An open file that this process alone appends to. A stream of calls may hold it for weeks: it stays small."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._write, self._sync = threading.Lock(), threading.Lock()
        self._written = self._synced = 0
        self._broken = ""
        self._open(_LARGE)

    def _open(self, most: int) -> None:
        """Open it, written anew when it is larger than `most`."""
        path = self._path
        record, whole = _read(path)
        new = not path.exists()
        if whole > most:
            lines = [part for kept in record.recent.values() for part in (_line(kept), _settled(kept.voucher.calls))]
            lines += [_line(kept) for signed in record.kept.values() for kept in signed]
            if record.last is not None and record.last.calls not in record.kept:
                # Only what it says counts: that it was settled follows it.
                bare = Kept(SignedVoucher(record.last, b"\0"), "", record.price)
                lines = [_line(bare), _settled(record.last.calls), *lines]
            lines += [_false(calls, why) for calls, why in record.false.items()]
            replace_file(path, lines, mode=0o600)
            whole = sum(map(len, lines))
        flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        self._handle = os.open(path, flags, 0o600)
        os.ftruncate(self._handle, whole)
        os.lseek(self._handle, whole, os.SEEK_SET)
        if new:
            os.fsync(self._handle)
            sync_folder(path.parent)
        self._size, self._full = whole, max(_FULL, 2 * whole)

    def append(self, line: bytes, *, durable: bool) -> None:
        """Write a line; with `durable` it is on the disk when this returns."""
        with storage_errors("cannot write the payer's journal"):
            with self._write:
                if self._broken:
                    raise StorageError(f"the payer's journal could not be written before: {self._broken}")
                try:
                    write_all(self._handle, line)
                except OSError as error:
                    self._broken = str(error)  # a torn line in the middle would hide all that follows it
                    raise
                self._size += len(line)
                self._written += 1
                mine = self._written
            if not durable:
                return
            with self._sync:
                if self._synced < mine:
                    written = self._written
                    sync_data(self._handle)
                    self._synced = written
                if self._size > self._full:
                    self._renew()

    def _renew(self) -> None:
        """Write the file anew while it is held; nobody else does anything to it. A full disk leaves it as it is."""
        with self._write:
            before = self._handle
            try:
                self._open(0)
            except (StorageError, OSError) as error:
                self._full = 2 * self._size
                if not self._path.exists() or os.stat(self._path).st_ino != os.fstat(before).st_ino:
                    self._broken = str(error)  # what is written from now on would be lost
                return
            os.close(before)
            self._synced = self._written  # with the new file

    def close(self) -> None:
        os.close(self._handle)


def _line(kept: Kept) -> bytes:
    voucher = kept.voucher
    value = {
        "voucher": {
            "channel": voucher.channel,
            "amount": str(voucher.amount),
            "calls": str(voucher.calls),
            "request": voucher.request,
            "signature": "0x" + kept.signed.signature.hex(),
        },
        "input": kept.input,
        "price": str(kept.price),
        "owed": kept.owed,
    }
    return json.dumps(value, separators=(",", ":")).encode() + b"\n"


def _settled(calls: int) -> bytes:
    return json.dumps({"settled": calls}).encode() + b"\n"


def _false(calls: int, why: str) -> bytes:
    return json.dumps({"false": calls, "why": why}).encode() + b"\n"


def _read(path: Path) -> tuple[Record, int]:
    """What a file says, and how many of its bytes are whole lines."""
    record, whole = Record(), 0
    with storage_errors("cannot read the payer's journal"):
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return record, 0
    for number, line in enumerate(data.splitlines(keepends=True), 1):
        if not line.endswith(b"\n"):
            break
        try:
            _take(record, json.loads(line))
        except (ValueError, KeyError, TypeError) as error:
            raise InvalidData(
                f"line {number} of {path} is none that mlm wrote: {str(error)[:60]}",
                hint="Move the file away: the server says what it was paid (`mlm run --remote` asks it).",
            ) from error
        whole += len(line)
    return record, whole


def _take(record: Record, line: dict[str, Any]) -> None:
    if "settled" in line:
        record.settle(int(line["settled"]), remember=True)
        return
    if "false" in line:
        record.distrust(int(line["false"]), str(line["why"]))
        return
    record.take(Kept(voucher_from(line["voucher"]), str(line["input"]), int(line["price"]), line["owed"] is True))
