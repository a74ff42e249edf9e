"""Dcap: the Attestation port in a child process: quotes and their collateral come from anybody."""

from __future__ import annotations

import shutil
from pathlib import Path

from mlm.adapters import confine
from mlm.adapters.attestation.child import COLLATERAL, FILE_BYTES, QUOTE, ROOT
from mlm.adapters.confine import Answer, Limits
from mlm.adapters.disk import storage_errors
from mlm.adapters.extras import unavailable
from mlm.core.attestation import MEASUREMENTS, REPORT_DATA_BYTES, Attested
from mlm.core.errors import InvalidData

_WORKER = confine.Worker("mlm.adapters.attestation.child", "runner", InvalidData, FILE_BYTES, smaller="quote")
_WHAT = "verifying the quote"


class Dcap:
    """Each call verifies in a process of its own, in a private folder under `folder`, within these limits."""

    def __init__(self, *, folder: Path, memory_mb: int = 4096, timeout_s: float = 120.0, sandbox: str = "auto") -> None:
        self._folder, self._limits = folder.absolute(), Limits(memory_mb, timeout_s, sandbox)

    def verify(self, quote: bytes, collateral: bytes, at: int, *, simulated: bool = False) -> Attested:
        """Have the child verify."""
        root = simulated_root() if simulated else b""
        with storage_errors("the folder of quotes cannot be written"):
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            folder = confine.private_folder(self._folder)
            (folder / QUOTE).write_bytes(quote)
            (folder / COLLATERAL).write_bytes(collateral)
            (folder / ROOT).write_bytes(root)
        try:
            found = confine.ask(_WORKER, "verify", {"at": at}, what=_WHAT, folder=folder, limits=self._limits)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        try:
            return _attested(found, simulated)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InvalidData(f"{_WHAT} gave an answer that cannot be read") from error


def _attested(found: Answer, simulated: bool) -> Attested:
    """What a child answers, which may have been taken over: of the port's form, or KeyError, TypeError, ValueError."""
    names = MEASUREMENTS[found["kind"]]
    times, data = (int(found["issued"]), int(found["expires"])), bytes.fromhex(found["report_data"])
    if len(data) != REPORT_DATA_BYTES or min(times) < 0:
        raise ValueError("report data or times")
    return Attested(
        found["kind"],
        str(found["status"]),
        tuple(str(each) for each in found["advisories"]),
        {name: bytes.fromhex(found["measurements"][name]) for name in names},
        data,
        *times,
        simulated,
    )


def simulated_root() -> bytes:
    """The root certificate of the simulated vendor, DER. Raises ToolMissing."""
    try:
        from mlm.adapters.attestation.vendor import Vendor
    except ImportError as error:
        raise unavailable("simulated quotes", "cryptography", error, "'mlm[tee]'") from error
    return Vendor().root
