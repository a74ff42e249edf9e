"""--json: one object on stdout, whatever happens; and --dry-run, which changes nothing."""

from __future__ import annotations

import inspect
import re
import shlex
from pathlib import Path

import pytest

from mlm.adapters.chain.rpc import Rpc
from mlm.adapters.wallet import devnet as accounts
from mlm.core import errors
from mlm.workflows.apply import Preview
from mlm.workflows.registry import OPERATIONS
from tests.cli.shapes import mismatch
from tests.cli.test_examples import (  # noqa: F401  (a fixture)
    COMMANDS,
    EXAMPLE,
    SCENES,
    Stage,
    _attester,
    filled,
    stage,
)
from tests.command_line import MODEL, Market, Person, Ran

CODES = {
    kind.code: kind.exit_code
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, errors.MlmError)
}
# They would start or download something instead of failing; with a file for MLM_HOME they cannot.
START = {"demo", "devnet up", "devnet install"}
ANYWHERE = {"version", "completion", "doctor", "devnet status", "devnet down", "devnet reset", "network list"}


def documented(ran: Ran) -> None:
    """A failure as docs/reference.md and docs/exit-codes.md say; never a bug."""
    error = ran.error
    assert CODES[error["code"]] == ran.code, ran
    assert "bug" not in error["message"] and "Traceback" not in ran.err, ran
    assert set(error) == {"code", "message", "hint"} | ({"name", "values"} if error["code"] == "reverted" else set())
    assert len(ran.err) < 500, f"prose besides the object:\n{ran.err}"


def example(name: str) -> list[str]:
    return shlex.split(EXAMPLE.findall(COMMANDS[name].help or "")[0].replace("JOB", "0x1234"))[1:]


@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in START])
def test_outside_a_project_and_without_a_chain(name: str, tmp_path: Path) -> None:
    """Nothing is there: a value, or one documented error."""
    (tmp_path / "here").mkdir()
    ran = Person("", tmp_path / "here", tmp_path / "home").run(*example(name), "--json")
    if ran.code:
        documented(ran) if name != "doctor" else ran.value
    else:
        assert ran.value
    assert name not in ANYWHERE or ran.code == 0 or name == "doctor", ran


@pytest.mark.parametrize("name", list(COMMANDS))
def test_home_is_a_file(name: str, tmp_path: Path) -> None:
    """A hostile MLM_HOME: no command ends in a bug."""
    (tmp_path / "here").mkdir()
    (tmp_path / "home").write_text("not a folder")
    ran = Person("consumer", tmp_path / "here", tmp_path / "home").run(*example(name), "--json")
    if ran.code:
        documented(ran)
    assert ran.value


@pytest.mark.parametrize("name", list(COMMANDS))
def test_a_wrong_option_is_a_usage_error(name: str, tmp_path: Path) -> None:
    ran = Person("", tmp_path, tmp_path / "home").run(*name.split(), "--no-such-option", "--json")
    assert ran.code == 2
    documented(ran)


@pytest.mark.parametrize(
    "line", ["devnet reset --yes --dry-run", "--dry-run devnet down", "wallet faucet consumer --dry-run"]
)
def test_dry_run_is_refused_where_there_is_no_plan(line: str, market: Market) -> None:
    assert "--dry-run" in market.consumer.refused(2, *line.split())["message"]
    assert market.consumer.do("devnet", "status")["running"]


@pytest.mark.parametrize("line", ["no-such-command", "job no-such-command", "job show", "bid --price", "log -n zero"])
def test_a_wrong_line_is_a_usage_error(line: str, tmp_path: Path) -> None:
    ran = Person("", tmp_path, tmp_path / "home").run(*line.split(), "--json")
    assert ran.code == 2
    documented(ran)


def test_without_json_an_error_is_a_line_and_a_hint_on_stderr(tmp_path: Path) -> None:
    ran = Person("", tmp_path, tmp_path / "home").spawn("status")
    assert ran.code == 12 and ran.out == ""
    assert re.fullmatch(r"error: no project here: .*\nhint:  Run `mlm init`\.\n", ran.err), ran


def test_a_process_prints_one_object_and_nothing_else(market: Market) -> None:
    """The whole way, in a process of its own: also what libraries and children print would show."""
    proved = market.second.spawn_afresh("prove", MODEL, "samples/digit.npy", "-o", "own.json", "--json")
    assert proved.code == 0 and proved.value["written"] == "own.json", proved
    documented(market.second.spawn("job", "show", "0xffffffff", "--json"))


def test_scripts_are_not_asked(market: Market) -> None:
    """stdin is no terminal: an operation applies its plan, and what destroys asks for --yes."""
    error = market.consumer.refused(2, "devnet", "reset")
    assert "--yes" in error["hint"]


@pytest.mark.parametrize("name", list(OPERATIONS))
def test_dry_run_changes_nothing(name: str, stage: Stage) -> None:  # noqa: F811
    """The plan is shown with its costs; no block, no token, no object, no journal."""
    person, job = (FRESH_SCENES.get(name) or SCENES[name])(stage)
    example = FRESH.get(name) or EXAMPLE.findall(COMMANDS[name].help or "")[0]
    before = traces(stage, person)
    ran = person.run(*filled(example, job, stage.licensed.asset if stage.licensed else ""), "--dry-run", "--json")
    assert ran.code == 0, ran
    assert not mismatch(ran.value, Preview), mismatch(ran.value, Preview)
    assert ran.value["operation"] == name and ran.value["steps"], ran
    for step in ran.value["steps"]:
        assert (step["kind"] == "transaction") == (step["gas"] is not None), step
    paid = sum(int(step["payment"]) for step in ran.value["steps"])
    bond = sum(int(step["bond"]) for step in ran.value["steps"])
    assert (int(ran.value["payment"]), int(ran.value["bond"])) == (paid, bond)
    assert int(ran.value["worst_loss"]) == paid + bond
    assert traces(stage, person) == before


def _committed(stage: Stage) -> tuple[Person, str]:  # noqa: F811
    project = stage.project()
    project.do("commit", "-m", "to be shown")
    return project, ""


# Where the example has nothing left to do in its scene: something that has.
FRESH = {
    "provider declare": "mlm provider declare region=dry-run",
    "publish": "mlm publish --handle dry-run",
    "handle claim": "mlm handle claim dry-run",
    "wallet announce": "mlm wallet announce --account watcher",  # whoever has bid on a private job has a key
}


def _unlicensed(stage: Stage) -> tuple[Person, str]:  # noqa: F811
    """A licensed asset of which nobody has bought or asked for anything yet."""
    stage.licensed = None
    return stage.licensing().buyer, ""


def _keyless(stage: Stage) -> tuple[Person, str]:  # noqa: F811
    """The holder of a licence that came without a key."""
    person, _ = _unlicensed(stage)
    stage.licensing().held()
    return person, ""


def _unbonded(stage: Stage) -> tuple[Person, str]:  # noqa: F811
    """An attester that has left, longer ago than stake takes to unbond."""
    person = _attester(stage, "compute-2")
    person.do("attester", "leave")
    stage.market.advance("35d")
    return person, ""


FRESH_SCENES = {"attester withdraw": _unbonded, "publish": _committed, "buy": _unlicensed, "licence request": _keyless}


def traces(stage: Stage, person: Person) -> tuple[object, ...]:  # noqa: F811
    """What an applied plan would leave: a transaction, blocks pushed, objects, a journal."""
    rpc = Rpc(str(stage.market.consumer.do("devnet", "status")["url"]))
    sent = [rpc.call("eth_getTransactionCount", accounts.address(name), "latest") for name in accounts.NAMES]
    folders = [stage.market.home / "devnet" / "remote"]
    for data in (person.folder / ".mlm", stage.market.home):
        folders += [data / "objects", data / "journal"]
    return sent, {str(path) for folder in folders for path in folder.rglob("*") if path.is_file()}
