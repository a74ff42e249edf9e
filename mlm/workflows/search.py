"""`mlm search`: assets by name, providers by what they have and have earned, jobs by what they ask for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mlm.core.errors import UsageError
from mlm.core.job import Kind
from mlm.ports.bundle import Ports
from mlm.workflows import asset, job_show, provider
from mlm.workflows.asset import AssetList
from mlm.workflows.job_show import JobList
from mlm.workflows.provider import ProviderList


def search(
    ports: Ports,
    text: str = "",
    *,
    kind: Kind | None = None,
    rules: Sequence[str] = (),
    suiting: bool = False,
    page: int = 1,
) -> AssetList | ProviderList | JobList:
    """Assets; with `rules` the providers who meet them; with `suiting` the open jobs that this account may bid on.

    Raises UsageError for what does not go together.
    """
    if rules:
        _alone("--require finds providers", {"QUERY": text, "--kind": kind is not None, "--suiting": suiting})
        return provider.find(ports, rules, page=page)
    if suiting:
        _alone("--suiting finds jobs", {"--kind": kind is not None})
        return job_show.jobs(ports, only_open=True, suiting=ports.sender.address, text=text, page=page)
    return asset.search(ports, text, kind=kind, page=page)


def _alone(what: str, others: Mapping[str, object]) -> None:
    for name, given in others.items():
        if given:
            raise UsageError(f"{name}: {what}, which it cannot narrow", hint=f"Leave {name} out.")
