"""Evidence: the Attestation port in a child process: evidence and its collateral come from anybody."""

from __future__ import annotations

import shutil
from pathlib import Path

from mlm.adapters import confine
from mlm.adapters.attestation.child import COLLATERAL, FILE_BYTES, QUOTE, ROOT
from mlm.adapters.confine import Answer, Limits
from mlm.adapters.disk import storage_errors
from mlm.adapters.extras import unavailable
from mlm.core.attestation import MEASUREMENTS, NITRO, REPORT_DATA_BYTES, Attested, kind_of, registers
from mlm.core.errors import InvalidData

_WORKER = confine.Worker("mlm.adapters.attestation.child", "runner", InvalidData, FILE_BYTES, smaller="quote")
_WHAT = "verifying the evidence"


class Evidence:
    """Each call verifies in a process of its own, in a private folder under `folder`, within these limits."""

    def __init__(self, *, folder: Path, memory_mb: int = 4096, timeout_s: float = 120.0, sandbox: str = "auto") -> None:
        self._folder, self._limits = folder.absolute(), Limits(memory_mb, timeout_s, sandbox)

    def verify(self, quote: bytes, collateral: bytes, at: int, *, simulated: bool = False) -> Attested:
        """Have the child verify."""
        kind = kind_of(quote)
        root = simulated_root(kind) if simulated else b""
        with storage_errors("the folder of evidence cannot be written"):
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            folder = confine.private_folder(self._folder)
            (folder / QUOTE).write_bytes(quote)
            (folder / COLLATERAL).write_bytes(collateral)
            (folder / ROOT).write_bytes(root)
        try:
            found = confine.ask(_WORKER, kind, {"at": at}, what=_WHAT, folder=folder, limits=self._limits)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        try:
            return _attested(found, kind, simulated)
        except (InvalidData, KeyError, TypeError, ValueError, AttributeError) as error:
            raise InvalidData(f"{_WHAT} gave an answer that cannot be read") from error


def _attested(found: Answer, kind: str, simulated: bool) -> Attested:
    """What a child answers, which may have been taken over: of the port's form, or an error of those caught above."""
    if found["kind"] != kind:
        raise ValueError("another kind")
    measurements = {name: bytes.fromhex(value) for name, value in found["measurements"].items()}
    names = set(MEASUREMENTS[kind])
    if set(measurements) != names and not (kind == NITRO and set(measurements) < names):
        raise ValueError("measurements")
    registers(kind, measurements)
    times, data = (int(found["issued"]), int(found["expires"])), bytes.fromhex(found["report_data"])
    if len(data) != REPORT_DATA_BYTES or min(times) < 0:
        raise ValueError("report data or times")
    return Attested(
        kind,
        str(found["status"]),
        tuple(str(each) for each in found["advisories"]),
        measurements,
        data,
        *times,
        simulated,
    )


def simulated_root(kind: str) -> bytes:
    """What the child takes for the simulated vendor's root, for evidence of this kind. Raises ToolMissing."""
    try:
        from mlm.adapters.attestation.vendor import Vendor

        return Vendor().trusted(kind)
    except ImportError as error:
        missing = (error.name or "cryptography").partition(".")[0]
        raise unavailable("simulated evidence", missing, error, "'mlm[tee]'") from error
