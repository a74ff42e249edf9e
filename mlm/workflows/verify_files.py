"""What `mlm verify` brings of a version's files, which may be sealed: then only who has the key can check them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from mlm.core import unixfs
from mlm.core.errors import NotFound, NotLicensed, VerificationFailed
from mlm.core.manifest import Manifest
from mlm.ports.bundle import Ports
from mlm.workflows import lookup, model
from mlm.workflows.objects import blocks_of, bring

T = TypeVar("T")


def bring_files(ports: Ports, version: lookup.Version, manifest: Manifest) -> None:
    """The files of a version, opened where they are sealed; raises NotFound where the account has no key."""
    if manifest.sealed is None:
        bring(ports, manifest.tree, blocks_of(manifest.size, manifest.count))
    else:
        with_key(lambda: model.open_files(ports, version, manifest))


def with_key(act: Callable[[], T]) -> T:
    """What `act` finds in sealed files; a missing key says nothing about them, as a missing block does: NotFound."""
    try:
        return act()
    except NotLicensed as error:
        raise NotFound(str(error), hint=error.hint) from error


def sealed_file(ports: Ports, manifest: Manifest) -> str:
    """Brings the sealed file, which everybody can check without reading it."""
    assert manifest.sealed is not None
    bring(ports, manifest.sealed.file, blocks_of(manifest.sealed.size))
    size = unixfs.check_file(ports.objects.get, ports.objects.size, manifest.sealed.file)
    if size != manifest.sealed.size:
        raise VerificationFailed(f"expected {manifest.sealed.size} bytes, found {size}")
    return f"{size:,} bytes"
