"""What servers of a payee were paid with, by their journals: for claims, in any process, while they run or not."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from mlm.adapters.disk import read_at, storage_errors, sync_folder, write_all
from mlm.core.channel import SignedVoucher
from mlm.core.serve_journal import MAGIC, MAX_FILE, ChannelRecord, check_magic, decode, encode, records

SUFFIX = ".served"
_BY_HAND = "by-hand"


class ServedVouchers:
    """The Received port over a payee's folder of journals, of servers that run or ran; what is `keep`t has its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def best(self, channel: str) -> SignedVoucher | None:
        return self._all().get(channel)

    def channels(self) -> list[str]:
        return sorted(self._all())

    def keep(self, signed: SignedVoucher) -> None:
        """Write a voucher down that came by other ways than a server's."""
        with storage_errors("cannot keep a voucher"):
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle = os.open(
                self._folder / f"{_BY_HAND}{SUFFIX}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600
            )
            try:
                fcntl.flock(handle, fcntl.LOCK_EX)
                data = read_at(handle, 0, os.fstat(handle).st_size)
                end = max((at + length for at, length, _ in records(data)), default=len(MAGIC))
                voucher = signed.voucher
                record = ChannelRecord(0, voucher.channel, 0, voucher.calls, 0, signed)
                os.ftruncate(handle, min(end, len(data)))
                os.lseek(handle, 0, os.SEEK_END)
                write_all(handle, (b"" if data.startswith(MAGIC) else MAGIC) + encode(record))
                os.fsync(handle)
                sync_folder(self._folder)
            finally:
                os.close(handle)

    def _all(self) -> dict[str, SignedVoucher]:
        found: dict[str, SignedVoucher] = {}
        for path in sorted(self._folder.glob(f"*{SUFFIX}")) if self._folder.is_dir() else []:
            for signed in vouchers(path):
                voucher, best = signed.voucher, found.get(signed.voucher.channel)
                if best is None or (voucher.amount, voucher.calls) > (best.voucher.amount, best.voucher.calls):
                    found[voucher.channel] = signed
        return found


def vouchers(path: Path) -> list[SignedVoucher]:
    """The vouchers of a journal, whether or not a server has it. Raises InvalidData, StorageError."""
    with storage_errors("cannot read a server's journal"), path.open("rb") as file:
        data = file.read(MAX_FILE)
    if MAGIC.startswith(data):
        return []  # its server was killed before it had written anything
    check_magic(str(path), data)
    found = []
    for _, _, payload in records(data):
        record = decode(payload)
        voucher = record.best if isinstance(record, ChannelRecord) else record.voucher
        if voucher is not None:
            found.append(voucher)
    return found
