"""TsmEnclave: the Enclave port in a confidential virtual machine, by Linux's configfs-tsm.

The machine is the enclave: mlm runs inside it, and its image is what is measured. The interface:
https://docs.kernel.org/ABI/testing/configfs-tsm-report.html (Documentation/ABI/testing/configfs-tsm-report).
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from typing import Any

from mlm.adapters.disk import read_regular
from mlm.adapters.enclave import child
from mlm.adapters.enclave.keyed import Keyed
from mlm.core.attestation import REPORT_DATA_BYTES, SNP, TDX
from mlm.core.errors import InvalidData, ToolMissing
from mlm.core.tee import Task
from mlm.ports.attestation import MAX_BYTES
from mlm.ports.enclave import Enclosed

REPORTS = Path("/sys/kernel/config/tsm/report")
PROVIDERS = {"tdx_guest": TDX, "sev_guest": SNP}  # the kernel's words
_WORD = 64
_TRIES = 3


class TsmEnclave(Keyed):
    """`reports` is configfs-tsm's folder, `collateral` a file, or a folder with KIND.json in it; `options` Keyed's."""

    simulated = False

    def __init__(self, *, collateral: Path | None, reports: Path = REPORTS, **options: Any) -> None:
        super().__init__(**options)
        self._reports, self._collateral = reports, collateral

    def run(self, onnx: bytes, inputs: bytes, task: Task, at: int) -> Enclosed:
        """Run in this machine, and have the hardware sign."""
        self._check_there()
        with self._inside.ran(child.RUN, onnx, inputs, task) as ran:
            quote, collateral = self._vouch(ran.statement.report_data, at)
            return Enclosed(ran.outputs, ran.statement, quote, collateral, False, ran.provider, ran.seconds)

    def _check_there(self) -> None:
        check_there(self._reports)

    def _vouch(self, data: bytes, at: int) -> tuple[bytes, bytes]:
        kind, quote = report(self._reports, data)
        return quote, self._read_collateral(kind)

    def _read_collateral(self, kind: str) -> bytes:
        if self._collateral is None:
            raise ToolMissing(
                f"a {kind} quote is checked with its platform's collateral, and no file of it is named",
                hint="Set tee.collateral (MLM_TEE_COLLATERAL) to the JSON file, or a folder with "
                f"{kind}.json in it: docs/tee.md says where it comes from.",
            )
        file = self._collateral / f"{kind}.json" if self._collateral.is_dir() else self._collateral
        try:
            return read_regular(file, MAX_BYTES)
        except OSError as error:
            raise ToolMissing(
                f"the collateral {file} cannot be read: {error.strerror or error}",
                hint="Set tee.collateral (MLM_TEE_COLLATERAL): docs/tee.md says where it comes from.",
            ) from error


def check_there(reports: Path) -> None:
    """Raise ToolMissing, with what to do, where this machine offers no evidence."""
    if not reports.is_dir():
        raise ToolMissing(
            f"this machine is no enclave: it has no {reports}",
            hint="Run mlm inside a confidential virtual machine (Intel TDX, AMD SEV-SNP) with Linux 6.7 or later and "
            "its module tdx-guest or sev-guest loaded; on a devnet MLM_TEE_ENCLAVE=simulated does without.",
        )


def report(reports: Path, data: bytes) -> tuple[str, bytes]:
    """The kind of this enclave, and a quote over `data`. Raises ToolMissing."""
    entry = reports / f"mlm-{os.getpid()}-{token_hex(8)}"
    try:
        _make(entry)
        try:
            return _asked(entry, data.ljust(REPORT_DATA_BYTES, b"\0"))
        finally:
            with suppress(OSError):  # the quote is in hand; an entry that stays does no harm
                _remove(entry)
    except OSError as error:
        raise ToolMissing(
            f"{entry} gives no quote: {error.strerror or error}",
            hint="Writing there takes root, or a user who was given the folder; a TDX quote takes the host's quoting "
            "service too: `dmesg` says more.",
        ) from error


def _asked(entry: Path, data: bytes) -> tuple[str, bytes]:
    """What stands in `outblob` once `data` stands in `inblob`; `generation` says whether somebody else wrote too."""
    for _ in range(_TRIES):
        before = _number(entry)
        (entry / "inblob").write_bytes(data)
        quote = _read(entry / "outblob", MAX_BYTES)
        if _number(entry) == before + 1:
            name = _read(entry / "provider", _WORD).decode("ascii", "replace").strip()
            if name not in PROVIDERS:
                raise ToolMissing(f"expected a provider {' or '.join(PROVIDERS)} of {entry}, found {name[:40]!r}")
            return PROVIDERS[name], quote
    raise ToolMissing(f"{entry} was written by somebody else {_TRIES} times while its quote was read")


def _number(entry: Path) -> int:
    text = _read(entry / "generation", _WORD).strip()
    if not text.isdigit():
        raise InvalidData(f"expected a number in {entry}/generation, found {text[:20]!r}")
    return int(text)


def _read(path: Path, most: int) -> bytes:
    with path.open("rb") as file:
        return file.read(most)


# In configfs making a folder makes its files, and removing it removes them.
_make, _remove = Path.mkdir, Path.rmdir
