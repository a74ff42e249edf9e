"""What a command is given: the shared options, the settings, and the ports built from them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
import typer.main

from mlm.core.errors import StateConflict, UsageError

if TYPE_CHECKING:
    from mlm.config import Config
    from mlm.core.money import Unit
    from mlm.ports.bundle import Ports
    from mlm.ports.repo import Repo


@dataclass
class Session:
    """One run of the command line. `ports` and `config` are made when first asked for."""

    env: Mapping[str, str]
    cwd: Path
    json: bool = False
    yes: bool = False
    dry_run: bool = False
    again: bool = False
    flags: dict[str, Any] = field(default_factory=dict)  # settings given on the command line

    @classmethod
    def from_environment(cls) -> Session:
        """The session of this process. A working folder that is gone holds no project: then it is the root."""
        try:
            cwd = Path.cwd()
        except FileNotFoundError:
            cwd = Path("/")
        return cls(env=dict(os.environ), cwd=cwd)

    @property
    def debug(self) -> bool:
        """Show tracebacks."""
        return bool(self.env.get("MLM_DEBUG"))

    @property
    def home(self) -> Path:
        """MLM_HOME: keystore, devnet and caches; raises UsageError when it is no folder."""
        found = Path(self.env.get("MLM_HOME") or Path.home() / ".mlm").expanduser().absolute()
        if found.exists() and not found.is_dir():
            raise UsageError(f"MLM_HOME: expected a folder, {found} is a file")
        return found

    @property
    def interactive(self) -> bool:
        """A person can be asked."""
        return sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()

    @cached_property
    def project(self) -> Path | None:
        """The nearest folder upwards that holds .mlm, or None outside a project."""
        for folder in (self.cwd, *self.cwd.parents):
            if (folder / ".mlm").is_dir() and folder / ".mlm" != self.home:
                self._check_owner(folder)
                return folder
        return None

    def _check_owner(self, folder: Path) -> None:
        """A project chooses network, account and remote: nobody else may leave one in a folder above ours, as in /tmp.

        Source: Git's safe.directory (CVE-2022-24765). Raises UsageError.
        """
        user = os.geteuid()
        trusted = {None, "0", str(user), self.env.get("SUDO_UID") if user == 0 else None}
        foreign = [name for name in (".mlm", "mlm.toml") if _owner(folder / name) not in trusted]
        if foreign and str(folder) not in self.env.get("MLM_TRUSTED", "").split(os.pathsep):
            raise UsageError(
                f"{folder / foreign[0]} belongs to another user: its settings could send your money elsewhere",
                hint=f"Work elsewhere; or, if you trust it, chown it, or set MLM_TRUSTED={folder}.",
            )

    @property
    def require_project(self) -> Path:
        """The project's folder; raises StateConflict outside one."""
        if self.project is None:
            raise StateConflict(f"no project here: {self.cwd} and its parents hold no .mlm", hint="Run `mlm init`.")
        return self.project

    @property
    def data(self) -> Path:
        """Objects and index: the project's .mlm, or MLM_HOME outside a project."""
        return self.project / ".mlm" if self.project else self.home

    @cached_property
    def config(self) -> Config:
        """Settings of all sources, merged."""
        from mlm.config import load

        files = [self.home / "config.toml"]
        if self.project:
            files.append(self.project / "mlm.toml")
        tables = {str(path): read_settings(path) for path in files if os.path.lexists(path)}
        config = load(tables, self.env, str(self.project / "mlm.toml") if self.project else "")
        return replace(
            config,
            values={**config.values, **self.flags},
            source={**config.source, **dict.fromkeys(self.flags, "command line")},
        )

    def forget(self) -> None:
        """Read the settings again when they are next asked for: a command has written to their files."""
        self.__dict__.pop("config", None)
        self.__dict__.pop("unit", None)

    @cached_property
    def unit(self) -> Unit:
        """The unit of the chosen network's token: what amounts are typed and shown in."""
        from mlm.cli.wiring import unit

        return unit(self)

    @cached_property
    def ports(self) -> Ports:
        """The adapters, chosen by the settings."""
        from mlm.cli.wiring import ports

        return ports(self)

    @property
    def bytes_done(self) -> Callable[[int, int, str], None]:
        """Progress of work that is counted in bytes."""
        from mlm.ports.system import BYTES

        return partial(self.ports.system.progress, unit=BYTES)

    @cached_property
    def repo(self) -> Repo:
        """The project's repository; raises StateConflict outside a project."""
        from mlm.cli.wiring import repo

        return repo(self)

    def password(self, name: str) -> str:
        """The password of a keystore account: from the password file, else asked for."""
        from mlm.cli.passwords import ask_password, read_password

        file = self.config.get("password_file")
        if file:
            return read_password(Path(file))
        return ask_password(f"{name} on {self.config.get('network.default')}")

    def as_account(self, name: str, folder: Path) -> Session:
        """The same session signing as another account, in another folder."""
        return replace(self, cwd=folder, flags={**self.flags, "account": name})


def _owner(path: Path) -> str | None:
    """The owner's number; None for a file that is not there."""
    try:
        return str(path.stat().st_uid)
    except OSError:
        return None


def read_settings(path: Path) -> dict[str, Any]:
    """Parse a settings file; raises UsageError with the place of the mistake."""
    from mlm.cli.wiring import settings_bytes
    from mlm.core.project import read_toml

    return read_toml(settings_bytes(path), str(path))


def _set(name: str) -> Any:
    def callback(ctx: typer.Context, value: Any) -> Any:
        if value:
            setattr(ctx.obj, name, value)
        return value

    return callback


def _flag(key: str) -> Any:
    def callback(ctx: typer.Context, value: Any) -> Any:
        if value is not None:
            ctx.obj.flags[key] = value
        return value

    return callback


def _move(ctx: typer.Context, value: Path | None) -> Path | None:
    if value is not None:
        if not value.is_dir():
            raise UsageError(f"-C: no such folder: {value}")
        ctx.obj.cwd = value.absolute()
    return value


def _shared(
    json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.", callback=_set("json"))] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.", callback=_set("yes"))] = False,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Show the plan and stop; where something is sent.", callback=_set("dry_run")),
    ] = False,
    again: Annotated[
        bool,
        typer.Option(
            "--again", help="Do it once more, beside the same command left unfinished.", callback=_set("again")
        ),
    ] = False,
    account: Annotated[
        str | None, typer.Option("--account", "-a", help="The account that signs.", callback=_flag("account"))
    ] = None,
    network: Annotated[
        str | None, typer.Option("--network", help="The network to use.", callback=_flag("network.default"))
    ] = None,
    password_file: Annotated[
        str | None,
        typer.Option("--password-file", help="File that holds the password.", callback=_flag("password_file")),
    ] = None,
    work_in: Annotated[Path | None, typer.Option("-C", help="Work in this folder.", callback=_move)] = None,
) -> None:
    """Options that every command takes."""


@cache
def shared_options() -> tuple[Any, ...]:
    """The parameters of `_shared`, which every command has besides its own; their values go to the session.

    Made once: a parameter keeps nothing of a run, and to make those of a group's commands takes longer than most runs.
    """
    app = typer.Typer(add_completion=False)
    app.command()(_shared)
    options = [option for option in typer.main.get_command(app).params if option.name != "help"]
    for option in options:
        option.expose_value = False
        option.rich_help_panel = "Everywhere"  # type: ignore[attr-defined]  # typer's own options have it
    return tuple(options)
