"""Which remotes the settings name, and which of them are the user's own choice."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from mlm.adapters.disk import storage_errors
from mlm.cli import wiring
from mlm.config import DEVNET
from mlm.core.errors import StateConflict, UsageError
from mlm.core.paths import PRIVATE
from mlm.workflows import access

if TYPE_CHECKING:
    from mlm.adapters.lines import Lines
    from mlm.adapters.remotes.configured import Configured
    from mlm.cli.context import Session
    from mlm.core.remote_settings import Remote
    from mlm.ports.blocks import Blocks
    from mlm.ports.origin import Origin
    from mlm.ports.repo import Repo


def remotes(session: Session) -> Configured:
    """The remotes of the settings, the network's own folder where they name no default."""
    from mlm.adapters.remotes.configured import ORIGIN, Configured
    from mlm.core.remote import FOLDER
    from mlm.core.remote_settings import Remote

    config, known, network = session.config, session.config.remotes, "network.default"
    own = wiring.devnet(session).home.remote
    doubted = None
    if (default := _named_default(session)) is not None:
        if _is_projects(session) and _default_mark(session, default) not in _chosen(session).read():
            default = doubted = replace(default, origin=config.source["remote.default"])
    elif ORIGIN in known and trusts(session, known[ORIGIN]):
        default = known[ORIGIN]
    elif config.get(network) == DEVNET or own.is_dir():
        default = Remote(config.get(network), str(own), FOLDER)
    return Configured(
        known,
        default,
        timeout=config.get("remote.timeout"),
        max_bytes=int(config.get("remote.max_gb") * 10**9),
        env=session.env,
        trusts=lambda each: each is not doubted and trusts(session, each),
        advice=UsageError(
            f"no remote is set: where do the parties of {config.get(network)} share blocks?",
            hint="Run `mlm remote add origin URL`, or set MLM_REMOTE to a folder that they all reach.",
        ),
        access=lambda url, asked: access.sign(session.ports, url, asked),
    )


def trusts(session: Session, each: Remote) -> bool:
    """Whether the user has named a remote: in the own settings, the environment, or by `mlm remote add`."""
    project = str(session.project / "mlm.toml") if session.project else ""
    return each.origin != project or not project or address(each) in _chosen(session).read()


def address(each: Remote) -> str:
    """What a remote is, whoever names it, as it is remembered: no URL, which may hold a key."""
    return sha256(f"{each.kind}\n{each.url}".encode()).hexdigest()


def trust(session: Session, each: Remote) -> None:
    """Remember that the user named a remote; in a project whose default it is, as the default there too."""
    marks, default = [address(each)], _named_default(session)
    if default is not None and _is_projects(session) and address(default) == address(each):
        marks.append(_default_mark(session, each))
    known = _chosen(session).read()
    for mark in marks:
        if mark not in known:
            _chosen(session).add(mark)


def _named_default(session: Session) -> Remote | None:
    """What `remote.default` names, whoever has set it."""
    from mlm.core.remote import FOLDER
    from mlm.core.remote_settings import Remote

    config = session.config
    chosen = config.get("remote.default")
    if not chosen:
        return None
    path, origin = str(session.cwd / chosen), config.source.get("remote.default", "")
    return config.remotes.get(chosen) or Remote("default", path, FOLDER, origin=origin)


def _is_projects(session: Session) -> bool:
    """Whether the project's file chooses the default: it may have come from somebody else."""
    project = session.project
    return project is not None and session.config.source.get("remote.default") == str(project / "mlm.toml")


def _default_mark(session: Session, each: Remote) -> str:
    """What a remote is as the default of this project: to be known elsewhere is not to be pushed to from here."""
    assert session.project is not None
    return sha256(f"default\n{session.project.resolve()}\n{address(each)}".encode(errors="surrogateescape")).hexdigest()


def clone_into(session: Session, folder: Path) -> tuple[Repo, Origin]:
    """The repository that is to stand in `folder`, and where it comes from.

    Raises UsageError when that is a file, StateConflict where `.mlm` is neither a repository's nor a cut clone's.
    """
    from mlm.adapters.repo.origin import FileOrigin

    if folder.exists() and not folder.is_dir():
        raise UsageError(f"expected a folder, {folder} is a file")
    check_private(session, folder)
    private = folder / PRIVATE
    if os.path.lexists(private):
        with storage_errors("cannot read the folder"):
            found = set(os.listdir(private)) if private.is_dir() and not private.is_symlink() else {PRIVATE}
        # Blocks come before anything else that a clone writes.
        if not found & {"HEAD", "origin"} and not found <= {"objects"}:
            raise StateConflict(
                f"expected an empty folder, {folder} holds a {PRIVATE} that is no repository's",
                hint="Name another folder.",
            )
    return wiring.repo(session, folder), FileOrigin(private)


def check_private(session: Session, folder: Path) -> None:
    """Raise StateConflict where a project's own folder would be MLM_HOME, which holds the keystore."""
    private = folder / PRIVATE
    if private.absolute() == session.home or private.resolve() == session.home.resolve():
        raise StateConflict(
            f"{private} is MLM_HOME, with your accounts: no project can stand in {folder}", hint="Name another folder."
        )


@contextmanager
def downloads(session: Session, folder: Path, origin: str) -> Iterator[Blocks]:
    """The blocks of a download, in a folder of their own that goes when it has ended well.

    One that was cut stays: the same command goes on from there.
    """
    from mlm.adapters.blocks.packs import PackStore
    from mlm.adapters.disk import locked

    key = sha256(os.fsencode(f"{folder.resolve()}\n{origin}")).hexdigest()[:16]
    kept = session.home / "cache" / "downloads" / key
    with storage_errors("cannot keep the blocks of a download"):
        kept.mkdir(parents=True, exist_ok=True, mode=0o700)  # opened files lie here
    with locked(kept):
        yield PackStore(kept, collected=False)
        with storage_errors("cannot remove the blocks of a download"):
            shutil.rmtree(kept)


def _chosen(session: Session) -> Lines:
    return wiring.trusted(session, "remotes")
