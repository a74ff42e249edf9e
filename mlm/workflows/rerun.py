"""Is this the command that was begun before? The journal knows what was asked for, by whom, and of which contracts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from hashlib import sha256
from pathlib import Path
from typing import Any

from mlm.core.errors import MlmError, NotFound
from mlm.ports.bundle import Ports
from mlm.workflows.journalled import SUPERSEDED, Progress, ended, find, progress

_LOOKED_AT = 50  # operations; an older one is not taken for an earlier run of the same command
_MAX_FILE = 1 << 30  # bytes of a file that a parameter names


def request_of(ports: Ports, operation: str, params: Any) -> str:
    """What the journal knows the same command by, when it is asked again: parameters, and what is in their files."""
    digest = sha256(repr((operation, params)).encode())
    for item in fields(params):
        value = getattr(params, item.name)
        for path in value if isinstance(value, tuple) else (value,):
            if not isinstance(path, Path):
                continue
            try:
                digest.update(sha256(ports.files.read(path, _MAX_FILE)).digest())
            except MlmError:
                continue  # no such file, or a folder: the plan says so, or knows what to do
    return digest.hexdigest()


def earlier(ports: Ports, operation: str, request: str) -> str | None:
    """The newest run of the same command by the same account that another process works on, or that may have sent.

    One that sent nothing, or nothing that counts, is superseded: closed for good, so that nobody resumes it beside the
    new one.
    """
    return left(ports, operation, lambda found: found == request)


def left(ports: Ports, operation: str, wanted: Callable[[str], bool]) -> str | None:
    """`earlier`, for any request that is `wanted`."""
    for summary in reversed(ports.journal.operations(_LOOKED_AT)):
        params, op = summary["params"], summary["op"]
        if summary["operation"] != operation or ended(summary["outcome"]) or not wanted(params.get("request", "")):
            continue
        if params["account"] and foreign(ports, params):
            continue
        if ports.journal.held(op):
            return str(op)
        with ports.journal.hold(op):
            if ended(find(ports.journal, op)["outcome"]):
                continue
            if any(_counts(ports, found) for found in progress(ports.journal.entries(op)).values()):
                return str(op)
            ports.journal.close(op, SUPERSEDED)
    return None


def _counts(ports: Ports, found: Progress) -> bool:
    """Whether a step's transaction is on the chain, or may still get there."""
    return bool(found.included or (found.signed and not ports.sender.fate(*found.signed).lost))


def foreign(ports: Ports, params: Mapping[str, Any]) -> str:
    """What the journal's operation has other than this account, chain and deployment, in words; empty when nothing."""
    if params["account"] != ports.sender.address:
        return f"belongs to {params['account']}, this account is {ports.sender.address}"
    if params["chain"] != ports.chain.chain_id():
        return f"belongs to chain {params['chain']}, this network is {ports.chain.chain_id()}"
    genesis = ports.chain.block(0).hash
    if params.get("genesis", genesis) != genesis:
        return f"belongs to a chain that began with {params['genesis'][:18]}…, this one began with {genesis[:18]}…"
    for record in params["steps"]:
        # The calldata was made for one deployment's contracts: it must never reach another's.
        if record["kind"] == "transaction" and (here := _address(ports, record["contract"])) != record.get("to", here):
            return f"is for {record['contract']} at {record['to']}, this network has it at {here or 'no address'}"
    return ""


def _address(ports: Ports, contract: str) -> str:
    try:
        return ports.chain.address_of(contract)
    except NotFound:
        return ""
