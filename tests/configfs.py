"""A folder that behaves like Linux's configfs-tsm: making an entry makes its files, and reading `outblob` signs."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from mlm.adapters.enclave import tsm


class Configfs:
    """`sign` makes a quote of the 64 bytes of `inblob`; `provider` is the kernel's word for the hardware.

    `intruder`: somebody else writes into each entry while its quote is made.
    """

    def __init__(self, folder: Path, sign: Callable[[bytes], bytes], provider: str = "tdx_guest") -> None:
        folder.mkdir()
        self.folder, self._sign, self.provider, self.intruder = folder, sign, provider, False
        self.seen: list[bytes] = []

    def use(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(tsm, "_make", self._make)
        monkeypatch.setattr(tsm, "_remove", shutil.rmtree)

    def _make(self, entry: Path) -> None:
        entry.mkdir()
        (entry / "inblob").write_bytes(b"")
        (entry / "generation").write_text("0\n")
        (entry / "provider").write_text(self.provider + "\n")
        os.mkfifo(entry / "outblob")
        threading.Thread(target=self._answer, args=(entry,), daemon=True).start()

    def _answer(self, entry: Path) -> None:
        for turn in range(1, 9):
            try:
                with (entry / "outblob").open("wb") as out:  # waits for a reader
                    data = (entry / "inblob").read_bytes()
                    self.seen.append(data)
                    (entry / "generation").write_text(f"{turn * (2 if self.intruder else 1)}\n")
                    # The next reader is another one: this one has the old pipe until its end.
                    (entry / "outblob").unlink()
                    os.mkfifo(entry / "outblob")
                    out.write(self._sign(data))
            except OSError:
                return
