"""The table of operations and the command line agree: typer's functions are handwritten, their parameters are not."""

from __future__ import annotations

import dataclasses
import pkgutil
from importlib import import_module
from typing import Any

import pytest

import mlm.workflows
from docs import reference
from mlm.cli import app
from mlm.workflows.apply import Operation
from mlm.workflows.registry import OPERATIONS

COMMANDS = dict(reference.leaves())

# Operation -> names that only the command line has: they shape the call, not the operation.
ONLY_ON_THE_COMMAND_LINE: dict[str, set[str]] = {
    "publish": {"path"},
    "job post": {"wait", "output", "retries", "timeout"},  # of `job wait`, which follows
    "buy": {"wait", "timeout"},  # what follows the purchase
    "licence deliver": {"watch", "timeout"},  # how often
}
# Operation -> a parameter's name -> what the command line calls it, because it asks in another form.
CALLED: dict[str, dict[str, str]] = {
    "publish": {"commit": "ref"},  # a reference, resolved to a commit's CID
    "merge": {"cid": "ref"},
    "job post": {"simulated": "hardware_only"},  # on a devnet simulated evidence is accepted unless it is refused
    "price set": {"use_price": "use"},  # tokens, not base units
}


def own_parameters(command: Any) -> set[str]:
    """Names of the parameters that are not shared by every command."""
    return {parameter.name for parameter in command.params} - {option.name for option in app.shared_options()}


@pytest.mark.parametrize("name", list(OPERATIONS))
def test_command_takes_what_its_operation_takes(name: str) -> None:
    assert name in COMMANDS, f"no command `mlm {name}`"
    called = CALLED.get(name, {})
    wanted = {called.get(field.name, field.name) for field in dataclasses.fields(OPERATIONS[name].params)}
    found = own_parameters(COMMANDS[name]) - {"help"}
    extra = found - wanted - ONLY_ON_THE_COMMAND_LINE.get(name, set())
    assert not wanted - found, f"mlm {name} lacks {sorted(wanted - found)}"
    assert not extra, f"mlm {name} has {sorted(extra)} besides"


@pytest.mark.parametrize("name", list(OPERATIONS))
def test_operation_is_typed(name: str) -> None:
    """Frozen parameters; a plan of these parameters; a result whose type the reference can show."""
    operation = OPERATIONS[name]
    assert dataclasses.is_dataclass(operation.params)
    assert operation.params.__dataclass_params__.frozen  # type: ignore[attr-defined]
    assert dataclasses.is_dataclass(reference.hints(operation.result)["return"])
    assert (operation.params.__doc__ or "").startswith("Parameters of "), f"{operation.params} needs a docstring"


def test_every_operation_of_a_workflow_is_in_the_table() -> None:
    """Whatever sends can be found, documented, and later offered to agents."""
    defined = {
        value.name
        for module in pkgutil.iter_modules(mlm.workflows.__path__, "mlm.workflows.")
        for value in vars(import_module(module.name)).values()
        if isinstance(value, Operation)
    }
    assert defined == set(OPERATIONS)


def test_who_takes_dry_run() -> None:
    """Exactly those that make a plan: elsewhere it would be ignored, and the thing done."""
    assert set(OPERATIONS) == app.PLANNED
    taking = {name for name, command in COMMANDS.items() if "--dry-run" in [o for p in command.params for o in p.opts]}
    assert taking == set(OPERATIONS) | app.BEGINNING


def test_names_in_the_exceptions_exist() -> None:
    """A renamed parameter leaves no dead exception behind."""
    for name, names in CALLED.items():
        assert set(names) <= {field.name for field in dataclasses.fields(OPERATIONS[name].params)}
        assert set(names.values()) <= own_parameters(COMMANDS[name])
    for name, names in ONLY_ON_THE_COMMAND_LINE.items():
        assert name in OPERATIONS and names <= own_parameters(COMMANDS[name])


@pytest.mark.parametrize("name", list(COMMANDS))
def test_no_parameter_hides_a_shared_option(name: str) -> None:
    """Two parameters of one name would read each other's value: `mlm demo --folder` once did."""
    command = COMMANDS[name]
    names = [parameter.name for parameter in command.params]
    spelt = [word for parameter in command.params for word in parameter.opts if word.startswith("-")]
    assert len(names) == len(set(names)) and len(spelt) == len(set(spelt)), f"mlm {name}: {names}, {spelt}"


def test_a_group_alone_shows_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    for words in ([], ["job"], ["wallet"], ["devnet"]):
        with pytest.raises(SystemExit) as ended:
            app.main(words)
        out, err = capsys.readouterr()
        assert ended.value.code == 2 and "Usage: mlm" in out and "error" not in err


def test_a_typo_is_told_with_the_command_it_is_near(capsys: pytest.CaptureFixture[str]) -> None:
    for words, near, where in ((["jbo"], "'job'", "mlm --help"), (["job", "pst"], "'post'", "mlm job --help")):
        with pytest.raises(SystemExit) as ended:
            app.main(words)
        err = capsys.readouterr().err
        assert ended.value.code == 2 and f"Did you mean {near}?" in err and f"See `{where}`." in err
