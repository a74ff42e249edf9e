"""Every command has help and an example that parses; test_examples.py runs them. The walk is over COMMANDS."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from mlm.cli import app
from mlm.cli.context import Session

EXAMPLE = re.compile(r"Example: `(mlm [^`]+)`")


def leaves() -> list[tuple[tuple[str, ...], Any]]:
    """(words, command) of every command that does something, groups walked."""
    found: list[tuple[tuple[str, ...], Any]] = []

    def walk(words: tuple[str, ...], command: Any) -> None:
        children = getattr(command, "commands", None)
        if children is None:
            found.append((words, command))
            return
        for name, child in children.items():
            walk((*words, name), child)

    for name in app.COMMANDS:
        walk((name,), app.load(name))
    return found


LEAVES = leaves()
NAMES = [" ".join(words) for words, _ in LEAVES]
BY_NAME = {" ".join(words): command for words, command in LEAVES}


def examples(command: Any) -> list[str]:
    """The examples in a command's help."""
    return EXAMPLE.findall(command.help or "")


@pytest.fixture
def session(tmp_path: Path) -> Session:
    """A session in an empty folder."""
    return Session(env={"MLM_HOME": str(tmp_path / "home")}, cwd=tmp_path)


@pytest.mark.parametrize(("words", "command"), LEAVES, ids=NAMES)
def test_command_has_help_and_an_example_of_itself(words: tuple[str, ...], command: Any) -> None:
    text = (command.help or "").strip()
    assert text and text.splitlines()[0].rstrip().endswith("."), f"mlm {' '.join(words)}: one clear sentence first"
    assert examples(command), f"mlm {' '.join(words)}: no line such as: Example: `mlm {' '.join(words)}`"
    for example in examples(command):
        assert tuple(shlex.split(example)[1 : 1 + len(words)]) == words, f"{example!r} shows another command"
    for parameter in command.params:
        if parameter.name != "help":
            assert getattr(parameter, "help", ""), f"mlm {' '.join(words)}: {parameter.name} has no help"


@pytest.mark.parametrize(("words", "command"), LEAVES, ids=NAMES)
def test_example_parses(
    words: tuple[str, ...], command: Any, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Options, arguments and their types; nothing is run."""
    monkeypatch.chdir(session.cwd)
    for example in examples(command):
        arguments = shlex.split(example)[1 + len(words) :]
        command.make_context(" ".join(words), list(arguments), obj=session)


@pytest.mark.parametrize("name", [name for name, entry in app.COMMANDS.items() if entry.group])
def test_group_has_help(name: str) -> None:
    assert app.load(name).help


def test_no_command_reads_the_environment_by_itself() -> None:
    """Settings are the one way in: an envvar on an option would bypass their table."""
    found = [
        f"{name}: {parameter.name}"
        for name, command in BY_NAME.items()
        for parameter in command.params
        if parameter.envvar
    ]
    assert not found


def test_root_help_lists_every_command(
    session: Session, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert not app.root().main(args=["--help"], prog_name="mlm", obj=session, standalone_mode=False)
    shown = capsys.readouterr().out
    assert all(re.search(rf"\b{name}\b", shown) for name in app.COMMANDS)
