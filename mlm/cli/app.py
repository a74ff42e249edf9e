"""The root command: a table of names, and groups imported only when they are used.

`mlm --help` imports no command module, so it stays fast however many commands there are.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache, partial, wraps
from importlib import import_module
from typing import Any

import typer
import typer.core
import typer.main
from typer.exceptions import Abort, Exit, TyperException

from mlm.cli import git_words, help, streams
from mlm.cli.context import Session, shared_options
from mlm.cli.render import show_error
from mlm.cli.streams import ReaderGone
from mlm.core import money
from mlm.core.errors import Interrupted, MlmError, StorageError, ToolMissing, UsageError


@dataclass(frozen=True)
class Entry:
    """Where a command or group lives: mlm.cli.<module>, whole (`group`) or one of its commands."""

    module: str
    help: str
    panel: str
    group: bool = False


ASSETS, JOBS, LOCAL, MARKET, SETUP = "Assets", "Jobs", "Local history", "Money and accounts", "Set-up and tools"

COMMANDS: dict[str, Entry] = {
    "init": Entry("repo", "Start a project, from a template if you like.", LOCAL),
    "add": Entry("repo", "Stage files for the next commit.", LOCAL),
    "rm": Entry("history", "Unstage files and remove them.", LOCAL),
    "restore": Entry("history", "Bring files back from the index or a commit.", LOCAL),
    "status": Entry("repo", "Show what is staged, modified and untracked.", LOCAL),
    "diff": Entry("diff", "Show what differs: files, tensors, datasets, lines.", LOCAL),
    "commit": Entry("repo", "Record the staged files as a content-addressed commit.", LOCAL),
    "log": Entry("repo", "List commits, newest first.", LOCAL),
    "show": Entry("repo", "Show a commit or its manifest.", LOCAL),
    "branch": Entry("history", "List, make, rename or delete branches.", LOCAL),
    "tag": Entry("history", "List, make, move or delete tags.", LOCAL),
    "checkout": Entry("history", "Go to a branch or a commit.", LOCAL),
    "merge": Entry("merge", "Bring in what another branch has changed.", LOCAL),
    "gc": Entry("upkeep", "Remove blocks that nothing needs.", LOCAL),
    "fsck": Entry("upkeep", "Name every damaged or missing block.", LOCAL),
    "sign": Entry("sign", "Sign a commit's files in OpenSSF's format.", LOCAL),
    "spdx": Entry("spdx", "Find a licence and its SPDX identifier.", LOCAL),
    "push": Entry("exchange", "Send a branch and all it stands on to a remote.", LOCAL),
    "fetch": Entry("exchange", "Bring what others have pushed or published.", LOCAL),
    "pull": Entry("exchange", "Fetch, and move the current branch forward.", LOCAL),
    "remote": Entry("remote", "Choose where blocks are exchanged with others.", LOCAL, group=True),
    "publish": Entry("market", "Publish the committed asset to storage and to the chain.", ASSETS),
    "clone": Entry("exchange", "Make a project from a published asset, with its history.", ASSETS),
    "download": Entry("exchange", "Write the files of a published asset into a folder.", ASSETS),
    "search": Entry("market", "Find published assets, providers or jobs.", ASSETS),
    "asset": Entry("asset", "List and show published assets and their versions.", ASSETS, group=True),
    "price": Entry("price", "Set or show what a use of an asset costs.", ASSETS, group=True),
    "sale": Entry("sale", "Sell an asset or a licence, bid for one, or buy it.", ASSETS, group=True),
    "buy": Entry("buy", "Buy a licence to use an asset.", ASSETS),
    "licence": Entry("licence", "Offer, hold and pass on licences; deliver their keys.", ASSETS, group=True),
    "gateway": Entry("gateway", "Give blocks of this machine to others over HTTP.", ASSETS, group=True),
    "handle": Entry("handle", "Claim or show a handle.", ASSETS, group=True),
    "job": Entry("job", "Post jobs, follow them, and read their results.", JOBS, group=True),
    "pipeline": Entry("pipeline", "Run a graph of jobs whose outputs feed others' inputs.", JOBS, group=True),
    "bid": Entry("bid", "Offer to do a job.", JOBS),
    "lease": Entry("lease", "Do a job that you won: accept, fulfil, submit.", JOBS, group=True),
    "dispute": Entry("dispute", "Challenge results that do not follow, and answer challenges.", JOBS, group=True),
    "audit": Entry("audit", "Be paid for finding results true, or pay for it.", JOBS, group=True),
    "attester": Entry("attester", "Check evidence of trusted hardware, with stake; see who does.", JOBS, group=True),
    "enclave": Entry("enclave", "Have keys of your enclave sign results of the tier tee.", JOBS, group=True),
    "replica": Entry("replica", "Be drawn to run jobs again, and be paid for it.", JOBS, group=True),
    "watcher": Entry("watcher", "Re-check results unattended, and challenge the false ones.", JOBS, group=True),
    "worker": Entry("worker", "Provide compute unattended: bid, run, prove, submit, be paid.", JOBS, group=True),
    "provider": Entry(
        "provider", "Say what a provider has, attest it, and find who meets requirements.", JOBS, group=True
    ),
    "run": Entry("compute", "Run a model locally, or pay a server for it.", JOBS),
    "prove": Entry("compute", "Prove one execution of a model locally; no chain.", JOBS),
    "lower": Entry("lower", "Turn a model into whole numbers that anybody can check.", JOBS),
    "serve": Entry("serve", "Serve a model over HTTP, for nothing or paid by the call.", JOBS),
    "verify": Entry("verify", "Check a job, an asset, a proof or a paid call; never sends.", JOBS),
    "channel": Entry("channel", "Pay for a stream of calls, or claim what you were paid.", JOBS, group=True),
    "bond": Entry("bond", "Put stake behind what you serve of an exact model.", JOBS, group=True),
    "accuse": Entry("accuse", "Take the bond of a payee that has signed a false result.", JOBS, group=True),
    "reputation": Entry("reputation", "Show what settled jobs say of providers.", JOBS, group=True),
    "stake": Entry("stake", "Deposit, withdraw and show stake; claim rewards.", MARKET, group=True),
    "wallet": Entry("wallet", "Make, import and list accounts; withdraw earnings.", MARKET, group=True),
    "whoami": Entry("whoami", "Show the account, network and balances in use.", MARKET),
    "hash": Entry("content", "Print the CIDs of files and folders.", SETUP),
    "car": Entry("car", "Write, list and read CARv1 archives.", SETUP, group=True),
    "op": Entry("op", "See what was done, continue what was stopped.", SETUP, group=True),
    "devnet": Entry("devnet", "Run the bundled chain.", SETUP, group=True),
    "network": Entry("network", "Choose the chain to work with.", SETUP, group=True),
    "sync": Entry("state", "Bring the local index up to the chain.", SETUP),
    "sql": Entry("state", "Query the local index with SQL.", SETUP),
    "demo": Entry("demo", "Run the whole market once on the devnet, and check the money.", SETUP),
    "doctor": Entry("doctor", "Check this machine and say what to install.", SETUP),
    "completion": Entry("doctor", "Print a shell completion script.", SETUP),
    "version": Entry("doctor", "Print the version.", SETUP),
}

# A command lives for a moment: to look for garbage as often as a server does costs more than it frees.
_COLLECT = (50_000, 20, 20)

# The commands that make a plan first: the names of mlm/workflows/registry.py, whose import is for those who send.
PLANNED = frozenset(
    {"commit", "publish", "price set", "handle claim", "job post", "job award", "job cancel", "job settle", "bid"}
    | {"lease accept", "lease fulfil", "lease submit", "stake deposit", "stake withdraw", "wallet withdraw"}
    | {"job reopen", "job reveal", "job withdraw-bid"}
    | {"merge", "network deploy", "job rate", "stake claim"}
    | {"provider declare", "provider attest", "provider revoke"}
    | {"wallet announce", "job deliver", "job complain", "lease answer", "dispute open", "dispute respond"}
    | {"attester join", "attester leave", "attester withdraw", "attester admit", "attester remove"}
    | {"attester threshold", "attester report", "enclave register"}
    | {"audit fund", "audit join", "replica join", "replica leave", "replica move", "replica withdraw", "replica step"}
    | {"sale start", "sale bid", "sale buy", "sale cancel", "sale settle"}
    | {"buy", "licence offer", "licence transfer", "licence redeem", "licence revoke", "licence request"}
    | {"licence deliver", "licence complain", "licence settle", "licence refund"}
    | {"channel open", "channel topup", "channel claim", "channel close", "channel refund"}
    | {"bond deposit", "bond withdraw", "accuse open", "accuse convict", "accuse contradict", "accuse lapse"}
)

# Further commands that may begin one of those operations on their way, and show what it would take.
BEGINNING = frozenset({"run"})


class _Root(typer.core.TyperGroup):
    """Looks commands up in COMMANDS; lists them from the table alone."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def make_context(self, *args: Any, **options: Any) -> Any:
        try:
            return super().make_context(*args, **options)
        except BrokenPipeError as error:
            raise ReaderGone from error

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise ReaderGone from error

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        try:
            return super().resolve_command(ctx, args)
        except TyperException as error:
            # The group's own suggestions come from the commands that are loaded, and none is.
            if known := git_words.WORDS.get(args[0]):
                raise UsageError(f"mlm has no command {args[0]!r}", hint=known) from error
            if close := get_close_matches(args[0], COMMANDS):
                error.message = f"{error.message.rstrip('.')}. Did you mean {', '.join(map(repr, close))}?"
            raise

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        entry = COMMANDS.get(cmd_name)
        return None if entry is None else load(cmd_name)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        help.write(self, ctx, formatter, [(entry.panel, name, entry.help) for name, entry in COMMANDS.items()])


@cache
def load(name: str) -> Any:
    """Import the command or group called `name` and give every command in it the shared options. Made once."""
    entry = COMMANDS[name]
    group = typer.main.get_group(import_module(f"mlm.cli.{entry.module}").app)
    group.no_args_is_help = True
    command = group if entry.group else group.commands[name]
    command.name = name
    command.help = command.help or entry.help
    _complete(name, command)
    return command


def _complete(words: str, command: Any) -> None:
    """Give a command its help and the shared options; a group its help, and each of its commands the same."""
    if isinstance(command, typer.core.TyperGroup):
        command.format_help = partial(help.write, command, entries=help.children(command))  # type: ignore[method-assign]
        for name, child in command.commands.items():
            _complete(f"{words} {name}", child)
    else:
        command.format_help = partial(help.write, command)
        command.params.extend(_options(planned=words in PLANNED | BEGINNING))
        help.name_values(command.params)
        command.callback = _of_sound_text(command.callback)


def _of_sound_text(act: Any) -> Any:
    """The command, which refuses text that is no UTF-8: no name, id or query is. A path may hold any bytes."""

    @wraps(act)
    def checked(*args: Any, **values: Any) -> Any:
        for name, value in values.items():
            if isinstance(value, str) and any("\ud800" <= char <= "\udfff" for char in value):
                raise UsageError(f"{name}: expected UTF-8, found {os.fsencode(value)!r}")
        return act(*args, **values)

    return checked


def _options(*, planned: bool) -> list[Any]:
    """The shared options. Who has no plan takes no --dry-run: to ignore it would be to do what should only be shown."""
    return [option for option in shared_options() if planned or option.name not in ("dry_run", "again")]


@cache
def root() -> Any:
    """The whole command tree. Made once."""
    return _Root(
        name="mlm",
        help="mlm: Git for machine-learning markets. Start with `mlm demo`, or `mlm init --template digits-mlp`.",
        no_args_is_help=True,
        params=_options(planned=False),  # `mlm -C FOLDER log` as well as `mlm log -C FOLDER`
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line and exit with the code of the error table (docs/exit-codes.md)."""
    arguments = git_words.translate(sys.argv[1:] if argv is None else argv)
    gc.set_threshold(*_COLLECT)
    streams.open_missing()
    session = Session.from_environment()
    # The error reaches a pipe as JSON even when parsing fails before the option is read.
    session.json = "--json" in arguments
    if "_MLM_COMPLETE" in session.env:  # a shell asks what could come next
        from typer.completion import completion_init

        completion_init()
    try:
        with money.using(lambda: session.unit):
            code = _run(session, arguments)
        streams.flush()
    except ReaderGone:
        code = 141
        streams.discard()
    except OSError as error:  # what was printed could not be written: no stdout to say so in JSON
        streams.discard()
        session.json = False
        code = show_error(session, StorageError(f"cannot write to standard output: {error.strerror}"))
    finally:
        if wiring := sys.modules.get("mlm.cli.wiring"):  # not imported for this: most commands use no blocks
            wiring.release()
    sys.exit(code)


def _run(session: Session, arguments: list[str]) -> int:
    """Run the command; its exit code. Raises ReaderGone, or OSError where an error cannot be told."""
    try:
        code = root().main(args=arguments, prog_name="mlm", obj=session, standalone_mode=False) or 0
        if code == Interrupted.exit_code:  # what typer makes of Ctrl-C, without a word
            raise KeyboardInterrupt
        return code
    except MlmError as error:
        return show_error(session, error)
    except KeyboardInterrupt:
        return show_error(session, Interrupted("interrupted", hint=_after_interrupt(arguments)))
    except ReaderGone:
        raise
    except SystemExit as error:  # rich ends the process when its reader is gone; nothing else here does
        raise ReaderGone from error
    except Exception as error:  # noqa: BLE001 - the last line of defence: everything gets an exit code
        return show_usage_or_bug(session, error, git_words.hint(arguments))


def _after_interrupt(arguments: Sequence[str]) -> str:
    """What to type after Ctrl-C: only commands with a plan have a journal."""
    if "--wait" in arguments:
        return "The same command goes on from here."
    found = [word for word in arguments if not word.startswith("-")]
    first = next((at for at, word in enumerate(found) if word in COMMANDS), len(found))
    if found[first : first + 1] == ["op"] or PLANNED & {" ".join(found[first : first + count]) for count in (1, 2)}:
        return "`mlm op log` shows what was begun; `mlm op resume` continues it."
    return "The same command goes on from here."


def show_usage_or_bug(session: Session, error: Exception, known: str = "") -> int:
    """A parser's complaint is a usage error, with the hint that is `known`; anything else a bug: says where to look."""
    if isinstance(error, Exit):
        return int(error.exit_code)
    if isinstance(error, Abort):
        return show_error(session, Interrupted("interrupted"))
    if isinstance(error, TyperException):
        message, context = error.format_message(), getattr(error, "ctx", None)
        if type(error).__name__ == "NoArgsIsHelpError":  # a group without a command: the message is its help
            if not session.json:
                sys.stdout.write(message + "\n")
                return UsageError.exit_code
            message = "no command is given"
        path = context.command_path if context else "mlm"
        return show_error(session, UsageError(message, hint=known or f"See `{path} --help`."))
    if isinstance(error, OSError):
        where = f": {error.filename}" if error.filename else ""
        return show_error(session, StorageError(f"{error.strerror or error}{where}"))
    if isinstance(error, ImportError) and not (error.name or "").startswith("mlm"):
        hint = "Install it again: `pip install --force-reinstall 'mlm[cpu,zk]'`."
        return show_error(session, ToolMissing(f"a package that mlm needs cannot be loaded: {error}", hint=hint))
    if session.debug:
        raise error
    bug = MlmError(
        f"a bug in mlm: {type(error).__name__}: {error}", hint="Run again with MLM_DEBUG=1 and report the traceback."
    )
    return show_error(session, bug)
